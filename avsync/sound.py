"""The sound of a file: decoded, mixed to mono, resampled, laid on the presentation clock (`placement`).

The mix of stereo is (L + R) / 2, or (L - R) / 2 where the two would cancel (`phase`).
"""

import contextlib
import math
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from avsync.damage import Loss
from avsync.forks import watch
from avsync.phase import CHANNELS, is_stereo
from avsync.placement import ClockPlacer, Waveform, place_on_clock
from avsync.timebase import pts_to_seconds, samples_to_seconds

__all__ = ["SoundTrack", "Waveform", "place_on_clock"]

MIN_SAMPLE_RATE = 1000
"""Fewer samples a second are a damaged header; resampling them would fill the memory."""

BEGUN_SECONDS = 0.005
"""A part that begins later than this after the whole was entered by a seek: containers round by less, and the
packets of usual codecs are 20 ms and longer."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class SoundTrack:
    """Takes decoded audio frames one after another and gives the sound on the clock as far as it is known."""

    sample_rate: int
    source: str
    """Names the file in warnings."""
    grid: float | None = None
    """Seconds of the first sample of the whole sound: those of a part shall stand between the same source
    samples."""
    opposed: bool = False
    """Left and right of stereo are of opposite phase: half their difference is taken."""
    refused: Loss = field(default_factory=Loss)
    """Frames whose sample rate is impossible."""
    placer: ClockPlacer = field(init=False)
    _length: float = 0.0
    _resampler: av.AudioResampler | None = None
    _format: tuple[int, str, str] | None = None
    _apart: bool = False
    """Whether the resampler keeps two channels apart."""

    def __post_init__(self) -> None:
        self.placer = ClockPlacer(self.sample_rate, self.source)
        watch(self)

    def abandon(self) -> list[object]:
        """Forget the resampler, which has threads as decoders have (`forks`)."""
        resampler, self._resampler = self._resampler, None
        return [resampler]

    @property
    def end(self) -> float | None:
        """Seconds at which the sound that `take` gave ends; None where there was none."""
        return self.time_of(self.placer.length) if self.placer.length else None

    def time_of(self, number: int) -> float:
        """Seconds of a sample, counted from the first that `take` gave."""
        return (self.placer.start or 0.0) + number / self.sample_rate

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next decoded frame."""
        pts, time_base = frame.pts, frame.time_base
        time = None if pts is None or time_base is None else pts_to_seconds(pts, time_base)
        if self.grid is not None and time is not None and frame.sample_rate >= MIN_SAMPLE_RATE:
            # From the first sample of all on nothing may be skipped, nor need be.
            if time - self.grid > BEGUN_SECONDS:
                frame, skipped = on_grid(frame, time - self.grid, self.sample_rate)
                time += samples_to_seconds(skipped, frame.sample_rate)
            self.grid = None
        frame.pts = None  # the resampler must not look at time stamps: the placer fills gaps
        resampled = None
        if frame.sample_rate >= MIN_SAMPLE_RATE:
            with contextlib.suppress(av.FFmpegError):  # a sample rate beyond all measure
                resampled = self._resampler_for(frame).resample(frame)
        if resampled is None:
            self.refused.add(time)
            return
        self._feed(resampled)
        self.placer.mark(self._length, time)
        self._length += samples_to_seconds(frame.samples, frame.sample_rate)

    def finish(self) -> None:
        """No more frames: give what is left."""
        self._flush()
        self.placer.finish()

    def take(self) -> list[Waveform]:
        """The sound that lies on the clock by now and was not taken yet, without a gap after that before."""
        return self.placer.take()

    def _resampler_for(self, frame: av.AudioFrame) -> av.AudioResampler:
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if self._resampler is None or form != self._format:
            self._flush()
            self._format = form
            self._apart = self.opposed and is_stereo(frame)
            # rematrix_maxval: stereo becomes (L + R) / 2, not FFmpeg's default, a louder sum that clips.
            self._resampler = av.AudioResampler(
                format="flt",
                layout="stereo" if self._apart else "mono",
                rate=self.sample_rate,
                options={"rematrix_maxval": "1.0"},
            )
        return self._resampler

    def _feed(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            samples: Waveform = frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)
            self.placer.feed(_difference(samples) if self._apart else samples)

    def _flush(self) -> None:
        if self._resampler is not None:
            with contextlib.suppress(av.FFmpegError):
                self._feed(self._resampler.resample(None))
            self._resampler = None


def _difference(stereo: Waveform) -> Waveform:
    """(2 N,) samples of left and right in turn -> (N,) half of left less right."""
    left, right = stereo.reshape(-1, CHANNELS).T
    return np.asarray((left - right) / 2, np.float32)


def on_grid(frame: av.AudioFrame, time: float, sample_rate: int) -> tuple[av.AudioFrame, int]:
    """The frame without its first samples, and how many these are, so that it begins on a grid.

    `time`: seconds from any point of a grid of `sample_rate` to the frame's begin. A resampler's samples
    follow the first: so those of a part lie between the same source samples as those of the whole.
    """
    rate = frame.sample_rate
    period = rate // math.gcd(rate, sample_rate)
    places = (time + np.arange(min(period, frame.samples)) / rate) * sample_rate
    skip = int(np.abs(places - np.rint(places)).round(4).argmin())
    if not skip:
        return frame, 0
    values: NDArray[Any] = frame.to_ndarray()
    first = skip if frame.format.is_planar else skip * frame.layout.nb_channels
    rest = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values[:, first:]), format=frame.format.name, layout=frame.layout.name
    )
    rest.sample_rate = rate
    return rest, skip
