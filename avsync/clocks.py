"""An alignment on one clock: the sound's, where words are heard, or the picture's, where they are seen."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avsync.alignment import Gap, Phone, Word, present
from avsync.errors import ConfigError
from avsync.retime import Piece, Retiming, retiming
from avsync.timebase import ms_to_seconds, nearest_ms

if TYPE_CHECKING:
    from avsync.alignment import Alignment
    from avsync.offset import Offset

CLOCKS = ("sound", "picture")
"""What the times of a file can follow."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word on the clock of its timeline, seconds."""

    number: int
    """Its place in `Alignment.words`."""
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


def between(offset: "Offset | None") -> Retiming:
    """From when something is heard to when it is seen, and back, by a measured offset: constant, drifting or
    in steps. Without one, both are the same.
    """
    if offset is None or offset.ms is None:
        return Retiming((Piece(0.0, 0.0),))
    line, constant = offset.line, Retiming((Piece(0.0, ms_to_seconds(offset.ms)),))
    if line is None or line.constant:
        return constant
    begin = line.pieces[0].start
    try:
        return retiming(
            float(line.offset_at(begin)),
            line.slope_ppm,
            [(jump.time, jump.after_ms) for jump in line.jumps],
            begin,
        )
    except ConfigError:  # steps higher than they are apart: no clock runs so
        return constant


def doubts(offset: "Offset | None") -> list[str]:
    """What is not sure about when words are seen by this offset, one sentence each."""
    if offset is None:
        return []
    if offset.ms is None:
        return [
            f"the offset could not be determined ({offset.reason}): words are aligned as if sound and "
            "picture agreed."
        ]
    line = offset.line
    if line is None or line.constant:
        return []
    if between(offset).constant is not None:
        return [
            "the offset changes over time, by more than its steps are apart; words are seen "
            f"{offset.ms:+.0f} ms later than heard throughout."
        ]
    return [
        f"the offset changes to {jump.after_ms:+.0f} ms somewhere from {jump.start:.1f} to {jump.end:.1f} s, "
        f"where nobody is seen speaking; words are seen by it from {jump.time:.1f} s on."
        for jump in line.jumps
        if jump.unsure
    ]


def on_clock(alignment: "Alignment", clock: str) -> Clocked:
    """`alignment` on the clock `sound` or `picture`, without passages that nobody says.

    Errors: ConfigError for another clock.
    """
    if clock not in CLOCKS:
        raise ConfigError(f"clock is {clock!r}: it must be one of {', '.join(CLOCKS)}.")
    picture = clock == "picture"
    words = tuple(_said(number, alignment.words[number], picture) for number in present(alignment.words))
    begin, end = alignment.span  # on the sound's
    if picture:
        begin, end = (float(time) for time in between(alignment.offset).seen_at([begin, end]))
    gaps = tuple(
        gap if picture else dataclasses.replace(gap, start=gap.heard_start, end=gap.heard_end)
        for gap in alignment.gaps
        if not picture or gap.end > gap.start  # cut sound is not seen
    )
    return Clocked(
        words=words,
        gaps=gaps,
        start=min([0.0, begin, *(word.start for word in words)]),
        end=max([end, *(word.end for word in words)]),
    )


def _said(number: int, word: Word, picture: bool) -> Said:
    if not picture:
        return Said(number, word.heard_start, word.heard_end, word.phones, word)
    # Where the offset changes inside of the word, its phones share what is left or added.
    pace = (word.end - word.start) / (word.heard_end - word.heard_start)
    phones = tuple(
        dataclasses.replace(
            phone,
            start=word.start + pace * (phone.start - word.heard_start),
            end=word.start + pace * (phone.end - word.heard_start),
        )
        for phone in word.phones
    )
    return Said(number, word.start, word.end, phones, word)


def whole_ms(seconds: float) -> int:
    """The millisecond nearest to a time; nothing stands before 0 in formats that count from there."""
    return max(0, nearest_ms(seconds))
