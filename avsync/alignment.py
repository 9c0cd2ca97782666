"""What an alignment is: words, their phones, and the gaps between them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from avsync.timebase import Times

if TYPE_CHECKING:
    from avsync.offset import Offset


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone: its unit (`avsync.text.UNITS`), and its times on the audio clock, seconds."""

    unit: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Word:
    """One token of the transcript, as it was written, and when it is spoken; times to the millisecond."""

    text: str
    start: float
    """Seconds on the picture's clock: where the word is seen."""
    end: float
    heard_start: float
    """Seconds on the sound's clock."""
    heard_end: float
    first_frame: int | None
    """First decoded frame with `start <= pts < end`, counted from 0; None when no frame lies there."""
    last_frame: int | None
    confidence: float
    """Probability, 0 to 1, that the word was said and begins within 150 ms of where it stands; fitted for
    sound, and for lips alone (`avsync.verdicts`)."""
    plus_minus_ms: float
    """Half the width of the interval that holds the start with the probability `AlignConfig.interval`."""
    status: str
    """`not_spoken`: probably not said at all; it has the speech that no other word claims between its
    neighbours, up to a second, or a frame where there is none (in passages: `absent`). `low`: its confidence
    is, or it is longer than words are. Else `aligned`. `interpolated` is what has no sound to find (dashes,
    `[music]`, the labels of speakers): it has the time between its neighbours, and the confidence 0."""
    phones: tuple[Phone, ...] = ()
    """None in a word that is `not_spoken` or `interpolated`."""
    said: float = 0.0
    """Probability, 0 to 1, that the word was said at all, against all that may be there instead."""
    absent: bool = False
    """Whether it is `not_spoken` with a whole passage of the transcript around it. Its time is part of that
    between the words before and behind the passage, at least a millisecond, which it may share with others;
    gaps are told as if the passage was not there."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch between words."""

    start: float
    """Seconds on the picture's clock."""
    end: float
    status: str
    """`silence`, or `unmatched_speech`: somebody speaks and the transcript has nothing there."""
    heard_start: float
    """Seconds on the sound's clock."""
    heard_end: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """The words of a transcript in a clip."""

    words: list[Word]
    offset: "Offset | None" = field(compare=False)
    """The measured offset; None where there is only sound or only a picture. What it does to the words tells
    alignments apart."""
    gaps: list[Gap]
    transcript: str
    source: str
    span: tuple[float, float] = (0.0, 0.0)
    """Start and end of what was searched, seconds on the audio clock."""
    frame_times: Times = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    """(F,) seconds of each decoded frame; empty without pictures."""


def is_label(word: Word) -> bool:
    """Whether it is the label of a speaker (`ANNA:`), which belongs to the word behind it."""
    return word.status == "interpolated" and word.text.endswith(":")


def present(words: Sequence[Word]) -> list[int]:
    """The places of the words that are no part of passages which nobody says, of labels and dashes before
    these, and of what stands inside; nor dashes behind them that do not belong to a label.
    """
    kept: list[int] = []
    waiting: list[int] = []  # what is not spoken behind a passage, or inside of it
    inside = False
    for number, word in enumerate(words):
        if word.absent:
            while kept and not inside and _belongs(words[kept[-1]]):
                kept.pop()
            inside, waiting = True, []
        elif inside and word.status == "interpolated":
            waiting.append(number)
        else:
            kept += [*_lasting(words, waiting), number]
            inside, waiting = False, []
    return kept + _lasting(words, waiting)


def _belongs(word: Word) -> bool:
    """Whether it is not spoken and belongs to the word behind it: a label or a dash, no note on a sound."""
    return word.status == "interpolated" and (is_label(word) or not _tells(word))


def _tells(word: Word) -> bool:
    return any(map(str.isalpha, word.text))


def _lasting(words: Sequence[Word], waiting: Sequence[int]) -> list[int]:
    """Labels with the dashes before them, and notes."""
    labels = [*(is_label(words[number]) for number in waiting[1:]), False]
    return [
        number
        for number, before_label in zip(waiting, labels, strict=False)
        if _tells(words[number]) or (before_label and words[number].text in DASHES)
    ]


DASHES = ("-", "–", "—")
"""What may stand before the label of a speaker."""
