"""Runs of decoded sound without a gap: where each of their samples stands on the clock.

The same rules as in `placement.py`: the difference between a frame's time stamp and the length of the sound
before it (the *lag*) is constant but for the container's rounding; where it jumps, sound is missing or
doubled; where it creeps, the recorder's clock is not the container's.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from avsync.placement import BLOCK_SECONDS, GAP_SECONDS

CREEP_SECONDS = 0.002
"""A slow change of the lag that stays below this is taken for rounding and not followed."""


@dataclass(frozen=True, slots=True)
class Run:
    """Decoded samples without a gap: sample n (`first` <= n < `last`) stands at
    `time + (n - first) * (1 + creep) / rate`.
    """

    first: int
    last: int
    time: float
    rate: int
    creep: float = 0.0

    @property
    def end(self) -> float:
        """Seconds at which its last sample ends."""
        return self.time_of(self.last)

    def time_of(self, sample: float) -> float:
        """Seconds at which a decoded sample stands."""
        return self.time + (sample - self.first) * (1 + self.creep) / self.rate

    def sample_at(self, time: float) -> float:
        """The decoded sample, with fraction, that stands at a time."""
        return self.first + (time - self.time) * self.rate / (1 + self.creep)


def runs_on_clock(
    positions: NDArray[np.int64], times: NDArray[np.float64], length: int, rate: int
) -> tuple[Run, ...]:
    """Where decoded sound stands on the clock.

    `positions`: (M,) samples decoded before each frame; `times`: (M,) its time stamp in seconds, NaN where it
    has none.
    """
    known = np.flatnonzero(~np.isnan(times))
    if not len(known):
        return (Run(0, length, 0.0, rate),)
    heard = positions / rate
    # A frame without a time stamp follows the one before it.
    lag = np.interp(np.arange(len(times)), known, times[known] - heard[known])
    from scipy.ndimage import median_filter  # here, because it is slow to import

    smooth = median_filter(lag, 5, mode="nearest") if len(lag) >= 5 else lag
    borders = np.flatnonzero(np.abs(np.diff(smooth)) > GAP_SECONDS) + 1
    edges = [0, *borders.tolist(), len(lag)]
    runs = []
    for first, last in pairwise(edges):
        begin = int(positions[first])
        end = int(positions[last]) if last < len(positions) else length
        level, creep = _line(heard[first:last], lag[first:last])
        runs.append(Run(begin, end, begin / rate + level, rate, creep))
    return tuple(runs)


def _line(heard: NDArray[np.float64], lag: NDArray[np.float64]) -> tuple[float, float]:
    """Lag at the first frame of a run and its growth a second: 0 where it is only rounding."""
    level = round(float(np.median(lag)), 9)
    blocks = np.searchsorted(heard, np.arange(heard[0], heard[-1] + BLOCK_SECONDS, BLOCK_SECONDS))
    parts = [slice(a, b) for a, b in pairwise(blocks.tolist()) if b > a]
    if len(parts) < 3:
        return level, 0.0
    levels = np.array([np.median(lag[part]) for part in parts])
    if np.ptp(levels) <= CREEP_SECONDS:
        return level, 0.0
    centres = np.array([heard[part].mean() for part in parts])
    slope, height = np.polyfit(centres - heard[0], levels, 1)
    return float(height), float(slope)
