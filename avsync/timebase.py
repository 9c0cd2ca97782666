"""Every conversion of time: ticks, seconds, frames, milliseconds.

Inside, a time is an exact rational: an integer count of ticks (PTS) times a `Fraction`, the time base.
Results are float64 seconds on the presentation clock of the container, `pts * time_base`; the container's
start time is never subtracted and a frame's time is never `index / fps`.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]
"""Seconds on the presentation clock."""

FLICK = Fraction(1, 705_600_000)
"""A tick that divides the ticks of all usual frame rates (1001-rates too), sample rates and containers."""


def pts_to_seconds(pts: int, time_base: Fraction) -> float:
    """Seconds of a presentation time stamp, rounded once (to float64)."""
    return float(pts * time_base)


def pts_to_times(pts: NDArray[np.int64], time_base: Fraction) -> Times:
    """Seconds of (N,) time stamps, each rounded as by `pts_to_seconds` (up to 2**53 ticks)."""
    return (pts.astype(np.float64) * time_base.numerator) / time_base.denominator


def seconds_to_pts(seconds: float | Fraction, time_base: Fraction) -> int:
    """The tick nearest to a time; half a tick goes to the even one."""
    return round(Fraction(seconds) / time_base)


def rescale(pts: int, time_base: Fraction, target: Fraction) -> int:
    """A tick count on another time base, to the nearest tick."""
    return pts if time_base == target else round(pts * time_base / target)


def ms_to_seconds(ms: float) -> float:
    """Milliseconds as seconds."""
    return ms / 1000.0


def seconds_to_ms(seconds: float) -> float:
    """Seconds as milliseconds."""
    return seconds * 1000.0


def nearest_ms(seconds: float) -> int:
    """The whole millisecond nearest to a time."""
    return round(seconds * 1000)


def on_ms(seconds: float) -> float:
    """A time, seconds, to the millisecond: files hold no more, and what follows from it must follow from what
    they hold.
    """
    return round(seconds, 3)


def shift_to_fraction(shift_ms: float) -> Fraction:
    """A shift in milliseconds as exact seconds, on a grid of a microsecond (finer is no real difference)."""
    return Fraction(round(shift_ms * 1000), 1_000_000)


def samples_to_seconds(count: int, sample_rate: int) -> float:
    """How long `count` samples last."""
    return count / sample_rate


def seconds_to_samples(seconds: float, sample_rate: int) -> int:
    """The number of samples nearest to a length of time."""
    return round(seconds * sample_rate)


def frames_between(frame_times: Times | Sequence[float], start: float, end: float) -> tuple[int, int] | None:
    """First and last frame with `start <= t < end`; None where no frame lies in between.

    `frame_times`: (F,) seconds, rising.
    """
    times = np.asarray(frame_times, dtype=np.float64)
    first = int(np.searchsorted(times, start, side="left"))
    last = int(np.searchsorted(times, end, side="left")) - 1
    return (first, last) if first <= last else None


def frame_at(frame_times: Times | Sequence[float], time: float) -> int | None:
    """The frame on screen at a time: the last one with `t <= time`; None before the first frame."""
    index = int(np.searchsorted(np.asarray(frame_times, dtype=np.float64), time, side="right")) - 1
    return index if index >= 0 else None
