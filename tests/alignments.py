"""Alignments made by hand, to be written as files."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from avsync.alignment import Alignment, Gap, Phone, Word


def word(text: str, start: float, end: float, phones: str = "", status: str = "aligned") -> Word:
    """A word heard from `start` to `end` and seen 0.1 s later, with phones of equal length."""
    units = phones.split()
    length = (end - start) / max(len(units), 1)
    return Word(
        text=text, start=start + 0.1, end=end + 0.1, heard_start=start, heard_end=end,
        first_frame=int(start * 25), last_frame=None if status == "low" else int(end * 25) - 1,
        confidence=0.98123, plus_minus_ms=14.0, status=status,
        phones=tuple(Phone(u, start + n * length, start + (n + 1) * length) for n, u in enumerate(units)),
    )  # fmt: skip


def unspoken(text: str, start: float, end: float) -> Word:
    """What stands in a transcript and is not said: a label, a dash, a `[sound]`."""
    return replace(word(text, start, end, status="interpolated"), confidence=0.0)


def made(
    *words: Word,
    source: str = "talk.mp4",
    offset_ms: float | None = 100.0,
    frame_times: Sequence[float] = (),
    end: float = 3.0,
) -> Alignment:
    """An alignment of what was searched from 0 to `end` on the sound's clock."""
    later = (offset_ms or 0.0) / 1000
    return Alignment(
        words=list(words),
        offset=None if offset_ms is None else SimpleNamespace(ms=offset_ms, line=None),  # type: ignore[arg-type]
        gaps=[Gap(0.1, words[0].start, "silence", 0.1 - later, words[0].start - later)],
        transcript=" ".join(one.text for one in words),
        source=source,
        span=(0.0, end),
        frame_times=np.array(frame_times, dtype=np.float64),
    )


TWO = made(word("Place", 0.52, 0.8, "p l ey s"), word('"now."', 0.8, 1.2, "n aw", status="low"))
