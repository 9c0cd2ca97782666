"""When the pictures of a stream are shown: rising times from their stamps, and what had to be changed."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np

from avsync.damage import Loss
from avsync.pictures import Converter
from avsync.timebase import Times, pts_to_seconds

USUAL_GAP = 0.04
"""Seconds between frames where not a single gap is known."""

REORDERED_SHARE = 0.05
"""Where more frames than this have a stamp before that of the frame before, it is not single errors."""

LONG_GAP_SECONDS = 60.0
"""A picture that stands for longer than this is reported: rather damaged time stamps than a slide show."""


def reordered(pts: Sequence[int | None]) -> bool:
    """Whether time stamps, in the order of presentation, are all there but changed places.

    AVI stores none: FFmpeg numbers the packets of H.264 as they lie in the file, so that pictures that refer
    to later ones carry each other's time stamps.
    """
    known = [p for p in pts if p is not None]
    backward = sum(a > b for a, b in pairwise(known))
    return len(set(known)) == len(pts) and backward > REORDERED_SHARE * len(known)


@dataclass(slots=True)
class PictureClock:
    """Gives each frame of a stream its time, rising, and counts what it had to change.

    A frame without a time stamp, or with one that is not later than the frame before, is moved behind it.
    """

    time_base: Fraction
    usual: float = USUAL_GAP
    """Seconds to the next frame where that has no time stamp."""
    frames: int = 0
    missing: Loss = field(default_factory=Loss)
    moved: Loss = field(default_factory=Loss)
    jumps: list[tuple[float, float]] = field(default_factory=list)
    """Time and length of gaps over `LONG_GAP_SECONDS`, the first few."""
    end: float = -math.inf
    """Seconds at which the last frame stops to be shown, as far as it says so."""
    last: float = math.nan
    """Seconds of the last frame."""

    def place(self, pts: int | None, duration: int | None = 0) -> float:
        """Seconds of the next frame, which says to be shown for `duration` ticks."""
        time = self._place(pts)
        self.end = max(self.end, time + pts_to_seconds(duration or 0, self.time_base))
        return time

    def _place(self, pts: int | None) -> float:
        self.frames += 1
        time = None if pts is None else pts_to_seconds(pts, self.time_base)
        if math.isnan(self.last):
            first = 0.0 if time is None else time
            if time is None:
                self.missing.add(first)
            self.last = first
            return first
        if time is None:
            time = self.last + self.usual
            self.missing.add(time)
        elif time <= self.last:
            # A small step keeps the later frames, whose times are right, in place.
            self.moved.add(time)
            time = self.last + float(self.time_base)
        elif time - self.last > LONG_GAP_SECONDS and len(self.jumps) < 3:
            self.jumps.append((self.last, time - self.last))
        self.last = time
        return time

    def warn(self, source: str) -> None:
        """Say what was changed; `source` names the file."""
        for time, length in self.jumps:
            warnings.warn(f"{source}: no new picture for {length:.1f} s after {time:.3f} s", stacklevel=3)
        if self.missing.count:
            warnings.warn(
                f"{source}: {self.missing.count} of {self.frames} frames have no time stamp"
                f"{self.missing.place()}; they follow at {self.usual * 1000:.1f} ms",
                stacklevel=3,
            )
        if self.moved.count:
            warnings.warn(
                f"{source}: {self.moved.count} of {self.frames} frames have a time stamp that is not later "
                f"than the frame before{self.moved.place()}; they were moved behind it",
                stacklevel=3,
            )


@dataclass(slots=True)
class PictureTrack:
    """What the decoding pass keeps of each frame: its time stamp, never its pixels."""

    pts: list[int | None] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    converter: Converter | None = None
    """Made from the first frame."""
    last_duration: int = 0
    """Ticks for which the last frame says to be shown."""

    def add(self, frame: av.VideoFrame) -> None:
        """Take the next decoded frame."""
        if frame.key_frame:
            self.keyframes.append(len(self.pts))
        self.pts.append(frame.pts)
        self.last_duration = frame.duration or 0

    def sorted_pts(self) -> Sequence[int | None]:
        """The time stamps in the order of presentation."""
        return sorted(p for p in self.pts if p is not None) if reordered(self.pts) else self.pts

    def times(
        self, time_base: Fraction, rate: float | None = None, *, unordered: bool = False
    ) -> tuple[PictureClock, Times]:
        """(F,) rising seconds, and the clock that gave them.

        `rate`: declared pictures a second; `unordered`: the pictures carry each other's time stamps.
        """
        stamps = self.sorted_pts() if unordered else self.pts
        known = np.array([pts_to_seconds(p, time_base) for p in stamps if p is not None])
        gaps = np.diff(known)
        usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else USUAL_GAP
        clock = PictureClock(time_base, 1 / rate if rate else usual)
        durations = [0] * (len(stamps) - 1) + [self.last_duration]
        return clock, np.array(
            [clock.place(p, d) for p, d in zip(stamps, durations, strict=True)], np.float64
        )
