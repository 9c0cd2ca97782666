"""An alignment on one clock: the sound's, where words are heard, or the picture's, where they are seen."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avsync.errors import AVSyncError
from avsync.timebase import ms_to_seconds
from avsync.words import Gap, Phone, Word

if TYPE_CHECKING:
    from avsync.align import Alignment

CLOCKS = ("sound", "picture")
"""What the times of a file can follow."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word on the clock of its timeline, seconds."""

    start: float
    end: float
    phones: tuple[Phone, ...]
    word: Word
    """The word itself, with both clocks."""

    @property
    def text(self) -> str:
        """As written in the transcript."""
        return self.word.text

    @property
    def spoken(self) -> bool:
        """Whether there is anything to hear in it; dashes, `[music]` and speaker labels only stand there."""
        return self.word.status != "interpolated"


@dataclass(frozen=True, slots=True)
class Clocked:
    """Words and gaps on one clock."""

    words: tuple[Said, ...]
    gaps: tuple[Gap, ...]
    start: float
    """Seconds: where the first word begins or what was searched, whichever is earlier; never after 0."""
    end: float


def on_clock(alignment: "Alignment", clock: str) -> Clocked:
    """`alignment` on the clock `sound` or `picture`.

    Errors: AVSyncError for another clock.
    """
    if clock not in CLOCKS:
        raise AVSyncError(f"clock is {clock!r}: it must be one of {', '.join(CLOCKS)}.")
    offset = alignment.offset
    seen_later = ms_to_seconds(offset.ms) if offset is not None and offset.ms is not None else 0.0
    picture = clock == "picture"
    words = tuple(_said(word, picture) for word in alignment.words)
    shift = 0.0 if picture else -seen_later  # gaps are kept on the picture's clock
    gaps = tuple(Gap(gap.start + shift, gap.end + shift, gap.status) for gap in alignment.gaps)
    begin, end = (edge + (seen_later if picture else 0.0) for edge in alignment.span)
    return Clocked(
        words=words,
        gaps=gaps,
        start=min(0.0, begin, *(word.start for word in words)),
        end=max(end, *(word.end for word in words)),
    )


def _said(word: Word, picture: bool) -> Said:
    if not picture:
        return Said(word.heard_start, word.heard_end, word.phones, word)
    shift = word.start - word.heard_start
    phones = tuple(
        dataclasses.replace(phone, start=phone.start + shift, end=phone.end + shift) for phone in word.phones
    )
    return Said(word.start, word.end, phones, word)


def whole_ms(seconds: float) -> int:
    """The millisecond nearest to a time; nothing stands before 0 in formats that count from there."""
    return max(0, round(seconds * 1000))
