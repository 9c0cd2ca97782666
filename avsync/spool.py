"""What was decoded for the windows of a reader and is still needed: pictures, and the sound around them."""

import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

import av
import numpy as np

from avsync.pictures import Image
from avsync.placement import Waveform

ROUNDING = 1e-6
"""Of a sample: a window that begins at a sample holds it, whatever the rounding of the sum says."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of sound."""

    time: float
    """Seconds of its first sample."""
    samples: Waveform


class PictureSpool:
    """Pictures of a pass, taken as far as they are asked for."""

    def __init__(
        self,
        pictures: Generator[tuple[float, av.VideoFrame]],
        convert: Callable[[av.VideoFrame], Image],
    ) -> None:
        """`pictures`: with rising times; `convert`: makes arrays of those that are asked for."""
        self._pictures, self._convert = pictures, convert
        self._floor = -math.inf
        self._held: deque[tuple[float, Image]] = deque()

    def close(self) -> None:
        """End the pass."""
        self._pictures.close()

    def between(self, start: float, end: float) -> list[tuple[float, Image]]:
        """The pictures with `start <= t < end`."""
        self._fill(end)
        return [picture for picture in self._held if start <= picture[0] < end]

    def after(self, time: float) -> float:
        """When the first picture from `time` on stands; infinity where there is none."""
        self._fill(time)
        return next((shown for shown, _ in reversed(self._held) if shown >= time), math.inf)

    def drop(self, time: float) -> None:
        """Pictures before `time` are not asked for any more."""
        self._floor = time
        while self._held and self._held[0][0] < time:
            self._held.popleft()

    def _fill(self, end: float) -> None:
        """Hold one picture at `end` or after it, if there is one."""
        while not self._held or self._held[-1][0] < end:
            picture = next(self._pictures, None)
            if picture is None:
                return
            time, frame = picture
            if time >= self._floor:
                self._held.append((time, self._convert(frame)))


class SoundSpool:
    """Sound of a pass, taken as far as it is asked for."""

    def __init__(self, sounds: Generator[Stretch], sample_rate: int) -> None:
        """`sounds`: stretches that follow each other without a gap."""
        self._sounds = sounds
        self._rate = sample_rate
        self._held: deque[Waveform] = deque()
        # Seconds of sample 0 of the pass; the numbers of the first sample that is held and of that to come.
        self._origin = 0.0
        self._first = self._next = 0
        self._floor = -math.inf

    def close(self) -> None:
        """End the pass."""
        self._sounds.close()

    def between(self, start: float, end: float) -> Stretch:
        """The samples with `start <= t < end`; the time is `start` where there are none."""
        self._fill(end)
        first = max(self._number(start), self._first)
        last = min(self._number(end), self._next)
        if last <= first:
            return Stretch(start, np.zeros(0, np.float32))
        taken, place = [], self._first
        for samples in self._held:
            taken.append(samples[max(first - place, 0) : max(last - place, 0)])
            place += len(samples)
        return Stretch(self._origin + first / self._rate, np.concatenate(taken))

    def after(self, time: float) -> float:
        """When the first sound from `time` on stands; infinity where there is none."""
        self._fill(time)
        held = self._next > max(self._number(time), self._first)
        return max(time, self._origin + self._first / self._rate) if held else math.inf

    def drop(self, time: float) -> None:
        """Sound before `time` is not asked for any more."""
        self._floor = time
        self._forget()

    def _forget(self) -> None:
        floor = self._number(self._floor)
        while self._held and self._first + len(self._held[0]) <= floor:
            self._first += len(self._held.popleft())

    def _number(self, time: float) -> int:
        """The first sample at or after a time."""
        if time == -math.inf:
            return 0
        return math.ceil((time - self._origin) * self._rate - ROUNDING)

    def _fill(self, end: float) -> None:
        """Hold all sound before `end`, and a sample after it if there is one."""
        while not self._next or self._next <= self._number(end):
            stretch = next(self._sounds, None)
            if stretch is None:
                return
            if not self._next:
                self._origin = stretch.time
            self._held.append(stretch.samples)
            self._next += len(stretch.samples)
            self._forget()
