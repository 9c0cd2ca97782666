"""One pass over the sound of a file: where each decoded sample stands on the clock, how loud it is, and short
stretches to compare with. Memory does not grow with the length of the file.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from avsync.damage import Damage
from avsync.decode import demux
from avsync.runs import Run, runs_on_clock
from avsync.sound import MIN_SAMPLE_RATE
from avsync.streams import open_media
from avsync.timebase import pts_to_seconds

Samples = NDArray[Any]
"""(C, N) channels and samples, float32, or float64 where the source has more than 24 bits."""

WINDOW_SECONDS = 0.5
"""Length of the stretches that are kept for comparison."""
MAX_WINDOWS = 64
"""As many stretches are kept at most; of a longer file the louder ones."""
LEVEL_SECONDS = 0.010
"""Blocks in which loudness is kept."""
TAIL_SECONDS = 3.0
"""How much of the latest sound is held for stretches that are wanted from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of one track, mixed to mono: decoded samples from `first` on."""

    first: int
    samples: NDArray[np.float32]

    @property
    def power(self) -> float:
        """Mean square."""
        return float(np.mean(np.square(self.samples, dtype=np.float64))) if len(self.samples) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What one pass found out about a sound track."""

    index: int
    """Index of the stream in its file."""
    place: int
    """Its place among the sound tracks."""
    codec: str
    rate: int
    layout: str
    form: str
    """FFmpeg's name of the decoder's sample format."""
    bit_rate: int
    """Bits a second of its packets; 0 where unknown."""
    runs: tuple[Run, ...]
    levels: NDArray[np.float32]
    """(N,) mean square of each `LEVEL_SECONDS` of decoded sound."""
    windows: tuple[Window, ...]
    """Loud stretches, or those that were asked for, in rising order."""

    @property
    def start(self) -> float:
        """Seconds of the first audible sample."""
        return self.runs[0].time

    @property
    def end(self) -> float:
        """Seconds at which the last sample ends."""
        return self.runs[-1].end

    def run_of(self, sample: float) -> Run | None:
        """The run that holds a decoded sample."""
        return next((run for run in self.runs if run.first <= sample < run.last), None)

    def level_at(self, time: float) -> float:
        """Mean square around a time; 0 in gaps."""
        for run in self.runs:
            if run.time <= time < run.end:
                block = int(run.sample_at(time) / self.rate / LEVEL_SECONDS)
                return float(self.levels[block]) if block < len(self.levels) else 0.0
        return 0.0


@dataclass(slots=True)
class Channels:
    """Turns decoded frames into floating-point samples of one rate and layout, those of the first frame.

    Deterministic: the same frames give the same count of samples in every pass.
    """

    rate: int = 0
    layout: str = ""
    form: str = ""
    _resampler: av.AudioResampler | None = None
    _source: tuple[int, str, str] | None = None

    def take(self, frame: av.AudioFrame) -> Samples:
        """(C, N) of the next frame; N = 0 where it cannot be used."""
        source = (frame.sample_rate, frame.layout.name, frame.format.name)
        if frame.sample_rate < MIN_SAMPLE_RATE:
            return np.zeros((1, 0), np.float32)
        if not self.rate:
            self.rate, self.layout, self.form = source
        if self._resampler is None or source != self._source:
            self._source = source
            self._resampler = av.AudioResampler(
                format=float_format(self.form), layout=self.layout, rate=self.rate
            )
        frame.pts = None  # the resampler must not look at time stamps
        with contextlib.suppress(av.FFmpegError):
            parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
            if parts:
                return np.concatenate(parts, axis=1)
        return np.zeros((1, 0), np.float32)


def _mixed(samples: Samples) -> NDArray[np.float32]:
    """(C, N) channels -> (N,) one; their shares fall, so that opposite ones do not cancel."""
    shares = 0.8 ** np.arange(len(samples))
    return np.asarray(shares @ samples.astype(np.float64) / shares.sum(), np.float32)


def float_format(form: str) -> str:
    """The planar format that holds every value of a sample format."""
    return "dblp" if form.removesuffix("p") in ("s32", "s64", "dbl") else "fltp"


def map_sound(
    path: Path,
    wanted: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    damage: Damage | None = None,
) -> list[Track]:
    """All sound tracks of a file that decode, in the order of their streams.

    `wanted`: for each track (by its place among the sound tracks), the intervals in seconds, rising, of which
    the sound is kept; without it, the loud stretches are kept.
    """
    with open_media(path) as container:
        streams = [s for s in container.streams.audio if s.codec_context is not None]
        passes = {
            s.index: _Pass(s.index, None if wanted is None else list(wanted.get(place, ())))
            for place, s in enumerate(container.streams.audio)
            if s.codec_context is not None
        }
        sizes = dict.fromkeys(passes, 0)
        damage = Damage()

        def count(packet: Any) -> None:
            sizes[packet.stream.index] += packet.size

        for index, frame in _frames(container, streams, damage, count):
            passes[index].take(frame)
        return [
            track
            for place, s in enumerate(container.streams.audio)
            if s.index in passes
            and (track := passes[s.index].finish(place, s.codec_context.codec.canonical_name, sizes[s.index]))
        ]


def _frames(container: Any, streams: Sequence[Any], damage: Damage, count: Any) -> Any:
    """Index and frame, of several tracks in one pass."""
    for packet in demux(container, streams, damage):
        count(packet)
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damage.lost(packet)
            continue
        for frame in frames:
            yield packet.stream.index, frame
    if damage.broken_off is not None:
        for stream in streams:
            with contextlib.suppress(av.FFmpegError):
                for frame in stream.codec_context.decode(None):
                    yield stream.index, frame


@dataclass(slots=True)
class _Pass:
    """Collects one track."""

    index: int
    wanted: list[tuple[float, float]] | None
    channels: Channels = field(default_factory=Channels)
    length: int = 0
    positions: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    levels: list[NDArray[np.float32]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    _tail: list[NDArray[np.float32]] = field(default_factory=list)
    _tail_first: int = 0
    _tail_length: int = 0
    _unlevelled: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _block: int = 1
    _group: list[Window] = field(default_factory=list)

    def take(self, frame: av.AudioFrame) -> None:
        pts, time_base = frame.pts, frame.time_base
        samples = self.channels.take(frame)
        count = samples.shape[1]
        if not count:
            return
        time = np.nan if pts is None or time_base is None else pts_to_seconds(pts, time_base)
        self.positions.append(self.length)
        self.times.append(time)
        mono = _mixed(samples)
        self._measure(samples)
        self._tail.append(mono)
        self._tail_length += count
        self.length += count
        if self.wanted is None:
            self._keep_loud()
        elif not np.isnan(time):
            self._keep_wanted(time, self.length - count)

    def _measure(self, samples: Samples) -> None:
        power = np.concatenate([self._unlevelled, np.square(samples).mean(axis=0).astype(np.float32)])
        size = max(round(self.channels.rate * LEVEL_SECONDS), 1)
        whole = len(power) // size
        if whole:
            self.levels.append(power[: whole * size].reshape(whole, size).mean(axis=1))
        self._unlevelled = power[whole * size :]

    def _keep_loud(self) -> None:
        size = round(self.channels.rate * WINDOW_SECONDS)
        while self._tail_length >= size:
            sound = np.concatenate(self._tail)
            self._group.append(Window(self._tail_first, sound[:size].copy()))
            self._tail, self._tail_length = [sound[size:]], len(sound) - size
            self._tail_first += size
            if len(self._group) >= self._block:
                self.windows.append(max(self._group, key=lambda w: w.power))
                self._group = []
            if len(self.windows) >= 2 * MAX_WINDOWS:
                pairs = zip(self.windows[::2], self.windows[1::2], strict=True)
                self.windows = [max(pair, key=lambda w: w.power) for pair in pairs]
                self._block *= 2

    def _keep_wanted(self, time: float, position: int) -> None:
        rate = self.channels.rate
        now = time + (self.length - position) / rate
        while self.wanted and self.wanted[0][1] <= now:
            self._cut(time, position, *self.wanted.pop(0))
        while self._tail_length - len(self._tail[0]) > rate * TAIL_SECONDS:
            gone = len(self._tail.pop(0))
            self._tail_first += gone
            self._tail_length -= gone

    def _cut(self, time: float, position: int, begin: float, end: float) -> None:
        sound = np.concatenate(self._tail)
        first, last = (
            min(max(position + round((t - time) * self.channels.rate) - self._tail_first, 0), len(sound))
            for t in (begin, end)
        )
        self.windows.append(Window(self._tail_first + first, sound[first:last].copy()))

    def finish(self, place: int, codec: str, size: int) -> Track | None:
        if not self.length:
            return None
        if self.wanted is None:
            if self._tail_length * 5 >= self.channels.rate * WINDOW_SECONDS:
                self._group.append(Window(self._tail_first, np.concatenate(self._tail)))
            self.windows += [max(self._group, key=lambda w: w.power)] if self._group else []
        else:
            for begin, end in self.wanted:
                self._cut(self.times[-1], self.positions[-1], begin, end)
        rate = self.channels.rate
        return Track(
            self.index,
            place,
            codec,
            rate,
            self.channels.layout,
            self.channels.form,
            round(8 * size * rate / self.length),
            runs_on_clock(np.array(self.positions), np.array(self.times), self.length, rate),
            np.concatenate(self.levels) if self.levels else np.zeros(1, np.float32),
            tuple(self.windows),
        )
