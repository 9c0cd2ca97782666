"""Passages that only the text has: put in between sentences, or instead of them; sound that the text lacks;
the script of something of which the film is a part.

Films are the clips one after the other. What matters is that the words around a passage stay where they are,
and that those of the passage are told.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import word_hour
from corpus import Spoken
from table import Row
from tqdm import tqdm
from word_trials import ask, drawn, row, sound_of

from avsync import media, metrics

FILM_S = 60.0
"""A film has at least so many seconds."""
DRAWS = 6
"""Passages of each kind, each at another place."""
KINDS = ((12, 0), (48, 0), (12, 12), (24, 24), (0, 24), (6, 6))
"""Words of a passage that nobody says, and spoken words that it takes the place of."""
SCRIPT_WORDS = 300
"""Words before and behind those of the film, in the script of more than it."""
NEAR_MS = 50


@dataclass(frozen=True, slots=True)
class Text:
    """A transcript of a film."""

    words: tuple[str, ...]
    source: tuple[int | None, ...]
    """Number of each word among those that are spoken; None where nobody says it."""


def measure(clips: Sequence[Spoken], others: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part; the passages are sentences of `others`."""
    rng = drawn("passages")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "film.wav"
        words, starts = word_hour.recording(clips, FILM_S, path)
        film = sound_of(media.load(path))
    sentences = [one.words for one in others]
    texts = _texts(words, sentences, len(clips[0].words), rng)
    rows: list[Row] = []
    for name, drawn_texts in tqdm(texts, desc="passages", total=len(KINDS) + 1):
        late: list[float] = []
        refused: list[bool] = []
        lost: list[bool] = []
        told: list[bool] = []
        for text in drawn_texts:
            found = ask(film, text.words)
            refused.append(found is None)
            for number, source in enumerate(text.source):
                word = None if found is None else found.words[number]
                if source is None:
                    told.append(word is not None and word.status == "not_spoken")
                else:
                    lost.append(word is not None and word.status == "not_spoken")
                    late.append(np.nan if word is None else 1000 * (word.heard_start - starts[source]))
        rows += _rows(name, late, lost, told, refused, f"GRID {split}, films of a minute")
    return rows


def _texts(
    words: Sequence[str], sentences: Sequence[Sequence[str]], length: int, rng: np.random.Generator
) -> Iterator[tuple[str, list[Text]]]:
    """The texts of each kind, `DRAWS` of them; all sentences have `length` words."""

    def strange(count: int) -> list[str]:
        return [word for n in rng.permutation(len(sentences)) for word in sentences[n]][:count]

    for put_in, left_out in KINDS:
        texts = []
        for _ in range(DRAWS):
            foreign = strange(put_in)
            at = length * int(rng.integers(1 + (len(words) - left_out) // length))
            texts.append(passage(words, foreign, at, left_out))
        kind = f"{put_in} words that nobody says" if put_in else "no words"
        yield f"{kind} {f'instead of {left_out}' if left_out else 'put in'}", texts
    texts = []
    for _ in range(DRAWS):
        before = length * int(rng.integers(1 + SCRIPT_WORDS // length))
        texts.append(part(words, strange(SCRIPT_WORDS), before))
    yield f"a script of {SCRIPT_WORDS} more words", texts


def passage(words: Sequence[str], foreign: Sequence[str], at: int, left_out: int) -> Text:
    """The words with others from number `at` on, in the place of `left_out` of them."""
    kept = [*range(at), *[None] * len(foreign), *range(at + left_out, len(words))]
    strange = iter(foreign)
    return Text(tuple(next(strange) if n is None else words[n] for n in kept), tuple(kept))


def part(words: Sequence[str], foreign: Sequence[str], before: int) -> Text:
    """The words with `before` others before them, and the rest behind."""
    source = [*[None] * before, *range(len(words)), *[None] * (len(foreign) - before)]
    return Text((*foreign[:before], *words, *foreign[before:]), tuple(source))


def _rows(
    name: str, late: list[float], lost: list[bool], told: list[bool], refused: list[bool], where: str
) -> list[Row]:
    near = metrics.share_within(np.array(late).round(6), NEAR_MS)
    rows = [
        row(f"{name}: the others, start within {NEAR_MS} ms", near, "share", len(late), where),
        row(f"{name}: the others are `not_spoken`", float(np.mean(lost)), "share", len(lost), where),
        row(f"{name}: refused", float(np.mean(refused)), "share", len(refused), where),
    ]
    if told:
        share = float(np.mean(told))
        rows.insert(1, row(f"{name}: these are `not_spoken`", share, "share", len(told), where))
    return rows
