"""A long word that nobody says, put into the text: a number, an address, a word of many syllables. A path
through all words has to give it a second or two; do the others stay where they are?
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import Spoken, Wild
from table import Row
from tqdm import tqdm
from word_trials import ask, drawn, row, sound_of, texts_of

from avsync import media, metrics

LONG = (
    "$1,250,000", "1,234,567,890", "555-123-4567", "12/31/2023", "00:01:23", "internationalization",
    "unfortunately", "https://www.example.com/page", "john.smith@example.com",
)  # fmt: skip
NEAR_MS = 50


def measure(clips: Sequence[Spoken], wild: Sequence[Wild], split: str) -> list[Row]:
    """All rows of this part."""
    return [one for where, texts in texts_of(clips, wild, split) for one in _rows(texts, where)]


def _rows(texts: Sequence[tuple[Path, Sequence[str]]], where: str) -> list[Row]:
    moved: list[float] = []
    lost: list[bool] = []
    told: list[bool] = []
    refused: list[bool] = []
    for path, words in tqdm(texts, desc="long words"):
        clip = sound_of(media.load(path))
        plain = ask(clip, words)
        rng = drawn(path.name)
        for long in LONG:
            at = int(rng.integers(1, len(words)))
            found = ask(clip, [*words[:at], long, *words[at:]])
            refused.append(found is None)
            if found is None or plain is None:
                continue
            told.append(found.words[at].status == "not_spoken")
            others = [*found.words[:at], *found.words[at + 1 :]]
            for word, own in zip(others, plain.words, strict=True):
                moved.append(1000 * (word.heard_start - own.heard_start))
                lost.append(word.status == "not_spoken" and own.status != "not_spoken")
    if not moved:
        return []
    near, count = metrics.share_within(np.array(moved).round(6), NEAR_MS), len(moved)
    name = "a long word put in"
    return [
        row(
            f"{name}: the others, start within {NEAR_MS} ms of where it is without",
            near,
            "share",
            count,
            where,
        ),
        row(f"{name}: the others are `not_spoken`", float(np.mean(lost)), "share", count, where),
        row(f"{name}: it is `not_spoken`", float(np.mean(told)), "share", len(told), where),
        row(f"{name}: refused", float(np.mean(refused)), "share", len(refused), where),
    ]
