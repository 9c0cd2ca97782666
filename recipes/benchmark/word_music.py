"""Music alone before and behind the words: do they stay where they are, and is it called speech?"""

from collections.abc import Sequence
from pathlib import Path

import corruption
import numpy as np
from corpus import Spoken, Wild
from table import Row
from tqdm import tqdm
from word_trials import ask, drawn, row, sound_of, texts_of

from avsync import Alignment, media, metrics
from avsync.media import SAMPLE_RATE, Clip

MUSIC_S = 4.0
"""Of music before the clip, and as much behind it."""
DRAWS = 2
"""Pieces of music for each clip."""
NEAR_MS = 50


def measure(clips: Sequence[Spoken], wild: Sequence[Wild], split: str) -> list[Row]:
    """All rows of this part."""
    return [one for where, texts in texts_of(clips, wild, split) for one in _rows(texts, where)]


def _rows(texts: Sequence[tuple[Path, Sequence[str]]], where: str) -> list[Row]:
    moved: list[float] = []
    told: list[bool] = []
    refused: list[bool] = []
    for path, words in tqdm(texts, desc="words between music"):
        clip = sound_of(media.load(path))
        plain = ask(clip, words)
        rng = drawn(path.name)
        for _ in range(DRAWS):
            found = ask(between_music(clip, rng), words)
            refused.append(found is None)
            if found is None or plain is None:
                continue
            moved += [
                1000 * (word.heard_start - own.heard_start)
                for word, own in zip(found.words, plain.words, strict=True)
            ]
            told += _told(found, clip)
    if not moved:
        return []
    name, count = f"between {MUSIC_S:g} s of music", len(moved)
    near = metrics.share_within(np.array(moved).round(6), NEAR_MS)
    return [
        row(f"{name}: start within {NEAR_MS} ms of where it is without", near, "share", count, where),
        row(f"{name}: refused", float(np.mean(refused)), "share", len(refused), where),
        row(f"{name}: the music is `unmatched_speech`", float(np.mean(told)), "share", len(told), where),
    ]


def between_music(clip: Clip, rng: np.random.Generator) -> Clip:
    """The clip with music as loud as its sound before and behind it; its words stay where they are."""
    length = round(MUSIC_S * SAMPLE_RATE)
    pieces = [corruption.drawn_noise("music", (), length, rng) for _ in range(2)]
    before, behind = (piece * (clip.waveform.std() / piece.std()) for piece in pieces)
    wave = np.concatenate([before, clip.waveform, behind]).astype(np.float32)
    return sound_of(clip, wave, clip.audio_start - MUSIC_S)


def _told(found: Alignment, clip: Clip) -> list[bool]:
    """Of the gaps that hold most of the music whether they are called speech."""
    start = clip.audio_start
    end = start + len(clip.waveform) / SAMPLE_RATE
    return [
        gap.status == "unmatched_speech"
        for gap in found.gaps
        if gap.heard_start < start - MUSIC_S / 2 < gap.heard_end
        or gap.heard_start < end + MUSIC_S / 2 < gap.heard_end
    ]
