"""Decoded sound laid on the presentation clock, as it comes: bounded memory for any length.

A decoder hands out samples without gaps; where they belong is in the time stamps. The difference between a
frame's time stamp and the length of the sound before it (the *lag* here) is constant in sound without gaps.
It wobbles by the rounding of the container (1 ms in Matroska), jumps where sound is missing or doubled, and
creeps where the recorder's sample clock is not the container's. Rounding is averaged out, jumps become
silence or a cut, creep is followed.
"""

import math
import warnings
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avsync.damage import Loss
from avsync.errors import MediaError

Waveform = NDArray[np.float32]
"""(N,) mono."""

GAP_SECONDS = 0.010
"""A jump of the lag by more than this is missing (or doubled) sound. Below lies the rounding of containers
(at most 1 ms each way) and the jitter of capture programs; above lies one lost packet of any usual codec (20
to 26 ms)."""

CREEP_SECONDS = 0.0006
"""A change of the lag from block to block that stays below this is taken for rounding and not followed."""

BLOCK_SECONDS = 2.0
"""The lag is the median of blocks of this length; where it creeps they are joined by lines."""

LONG_SILENCE_SECONDS = 5.0
"""Longer gaps are filled as well, and reported."""

MAX_SILENCE_SECONDS = 2 * 3600.0
"""More silence than this is damaged time stamps: filling it in would only fill the memory."""

MARGIN = 8
"""Samples on both sides of a stretch that its interpolation looks at."""


@dataclass(slots=True)
class ClockPlacer:
    """Takes samples without gaps and the marks of their frames; gives the sound as it lies on the clock.

    What is given goes on where the last left off, from `start` on: `sample n` stands at
    `start + n / sample_rate`. It comes up to three seconds after it was fed.
    """

    sample_rate: int
    source: str
    """Names the file in warnings."""
    start: float | None = None
    """Seconds of the first sample; None until it is known."""
    since: float = -math.inf
    """Seconds: what is before is not asked for, and nothing is told of it."""
    overlap: int = 0
    """Samples left out because others were heard at their time."""
    doubled: Loss = field(default_factory=Loss)
    """When that time was."""
    silence: int = 0
    """Samples of silence put in."""
    length: int = 0
    """Samples given so far."""
    _ready: list[Waveform] = field(default_factory=list)
    # The samples that are not given yet: the first of them is number `_first` of all that were fed.
    _buffer: Waveform = field(default_factory=lambda: np.zeros(0, np.float32))
    _fed: list[Waveform] = field(default_factory=list)
    _first: int = 0
    _end: int = 0
    # Marks that wait for the two after them, with the two before them: (position, lag).
    _marks: deque[tuple[float, float]] = field(default_factory=deque)
    _done: int = 0
    _lag: float | None = None
    _early: list[float] = field(default_factory=list)
    # The current run of sound without gaps: its block, and the lag at the middle of the block before.
    _level: float | None = None
    _block: list[tuple[float, float]] = field(default_factory=list)
    _node: tuple[float, float] | None = None
    _skip: int = 0

    def feed(self, samples: Waveform) -> None:
        """Samples that follow those before without a gap."""
        self._fed.append(samples)
        self._end += len(samples)

    def mark(self, position: float, time: float | None) -> None:
        """A frame begins after `position` seconds of all that is fed; `time`: its stamp, None for none."""
        if time is None and self._lag is None:
            self._early.append(position)  # takes the lag of the first that is known
            return
        self._lag = self._lag if time is None else time - position
        assert self._lag is not None
        self._marks.extend((early, self._lag) for early in self._early)
        self._early.clear()
        self._marks.append((position, self._lag))
        while len(self._marks) > self._done + 2 and self._index(self._marks[self._done][0]) <= self._end:
            self._accept(self._done)

    def finish(self) -> None:
        """Nothing more comes: give all that is left."""
        if self._lag is None and self._end:
            warnings.warn(
                f"{self.source}: the sound has no time stamps; it is taken to start at 0 s", stacklevel=4
            )
            self._marks.append((0.0, 0.0))
        while self._done < len(self._marks):
            self._accept(self._done)
        if self._block:
            self._close_run(self._end)

    def take(self) -> list[Waveform]:
        """What lies on the clock by now and was not taken yet."""
        ready, self._ready = self._ready, []
        return ready

    def warn(self) -> None:
        """Say what was left out."""
        if self.overlap:
            warnings.warn(
                f"{self.source}: {self.overlap / self.sample_rate * 1000:.0f} ms of sound overlap what was "
                f"heard before{self.doubled.place()} and were left out",
                stacklevel=4,
            )

    @property
    def _now(self) -> float:
        """Seconds at which the next sample that is given stands."""
        return (self.start or 0.0) + self.length / self.sample_rate

    def _index(self, position: float) -> int:
        return round(position * self.sample_rate)

    def _accept(self, place: int) -> None:
        """Take the next mark into a run, its lag cleared of single errors by a median of five."""
        last = len(self._marks) - 1
        around = [self._marks[min(max(i, 0), last)][1] for i in range(place - 2, place + 3)]
        level = sorted(around)[2]
        position, lag = self._marks[place]
        if self._level is not None and abs(level - self._level) > GAP_SECONDS:
            self._close_run(self._index(position))
        self._level = level
        if self._block and position - self._block[0][0] >= BLOCK_SECONDS:
            self._close_block()
        self._block.append((position, lag))
        if place == 2:
            self._marks.popleft()
        else:
            self._done += 1

    def _close_block(self) -> None:
        """A block is full: give the sound up to its middle."""
        centre = float(np.mean([position for position, _ in self._block]))
        lag = self._lag_of_block()
        self._give(self._index(centre), lag)
        self._node = (centre, lag)
        self._block.clear()

    def _lag_of_block(self) -> float:
        lag = round(float(np.median([lag for _, lag in self._block])), 9) + 0.0  # no dust of sums, no -0.0
        if self._node is None:
            self._begin_run(self._block[0][0] + lag)
            return lag
        short = self._block[-1][0] - self._block[0][0] < BLOCK_SECONDS / 2
        held = self._node[1]
        return held if short or abs(lag - held) <= CREEP_SECONDS else lag

    def _close_run(self, end: int) -> None:
        """Sound is missing (or doubled) from sample `end` on: give all before it."""
        lag = self._node[1] if self._node else 0.0
        if self._block:
            before, lag = self._node, self._lag_of_block()
            if before is not None and lag != before[1]:
                # The lag creeps: it goes on as it did from the middle of the block before to that of this.
                centre = float(np.mean([position for position, _ in self._block]))
                slope = (lag - before[1]) / (centre - before[0])
                lag += slope * (end / self.sample_rate - centre)
        self._give(end, lag)
        self._node, self._level = None, None
        self._block.clear()

    def _begin_run(self, time: float) -> None:
        """The next sample stands at `time`: silence up to there, or a cut of what was heard already."""
        if self.start is None:
            self.start = round(time, 9) + 0.0
        gap = round((time - self.start) * self.sample_rate) - self.length
        self._skip = max(-gap, 0)
        if gap <= 0:
            return
        self.silence += gap
        seconds = gap / self.sample_rate
        if self.silence > MAX_SILENCE_SECONDS * self.sample_rate:
            raise MediaError(
                f"{self.source}: the time stamps of the sound jump by {seconds:.0f} s at {time:.3f} s; "
                "the file is damaged. Copy it into a new container with repaired time stamps first."
            )
        if seconds > LONG_SILENCE_SECONDS and time >= self.since:
            warnings.warn(
                f"{self.source}: {seconds:.1f} s without sound before {time:.3f} s; they are silence",
                stacklevel=4,
            )
        self._put(np.zeros(gap, np.float32))

    def _give(self, end: int, lag: float) -> None:
        """Give the samples up to number `end`, where the lag has become `lag`."""
        end = min(end, self._end)
        if end <= self._first:
            return
        if self._fed:
            self._buffer = np.concatenate([self._buffer, *self._fed])
            self._fed.clear()
        count = end - self._first
        margin = min(count + MARGIN, len(self._buffer))
        if self._node is None or self._node[1] == lag or not self._block:
            given = self._buffer[:count]
        else:
            given = self._stretched(self._buffer[:margin], count, lag)
        self._buffer = self._buffer[count:]
        self._first = end
        dropped = min(self._skip, len(given))
        if dropped and self.start is not None and self._now >= self.since:
            self.overlap += dropped
            # From where the first of them would stand to behind the last.
            self.doubled.add(self._now - self._skip / self.sample_rate)
            self.doubled.widen(self._now - (self._skip - dropped) / self.sample_rate)
        self._skip -= dropped
        self._put(given[dropped:])

    def _stretched(self, samples: Waveform, count: int, lag: float) -> Waveform:
        """`count` samples, between the middles of two blocks, drawn out to the change of the lag."""
        from scipy.ndimage import map_coordinates  # here, because it is slow to import

        assert self._node is not None
        wanted = count + round((lag - self._node[1]) * self.sample_rate)
        where = np.arange(max(wanted, 0), dtype=np.float64) * (count / max(wanted, 1))
        stretched: Waveform = map_coordinates(samples, where[None], order=5, mode="nearest").astype(
            np.float32
        )
        return stretched

    def _put(self, samples: Waveform) -> None:
        if len(samples):
            self._ready.append(samples)
            self.length += len(samples)


def place_on_clock(
    samples: Waveform,
    positions: NDArray[np.float64],
    times: NDArray[np.float64],
    sample_rate: int,
    source: str,
) -> tuple[Waveform, float]:
    """Lay decoded sound on the presentation clock at once.

    `samples`: (N,) without gaps; `positions`: (M,) seconds of sound decoded before each frame; `times`: (M,)
    its time stamp in seconds, NaN where it has none. Returns the sound with silence in its gaps, and its
    start.
    """
    placer = ClockPlacer(sample_rate, source)
    placer.feed(samples)
    for position, time in zip(positions, times, strict=True):
        placer.mark(float(position), float(time) if np.isfinite(time) else None)
    placer.finish()
    placer.warn()
    return np.concatenate([np.zeros(0, np.float32), *placer.take()]), placer.start or 0.0
