"""Clips that can be read by time, from a media file or from arrays.

Shapes: T pictures, H W size, N samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avsync.errors import MediaError
from avsync.placement import Waveform
from avsync.reader import Reader
from avsync.timebase import Times

LONG_S = 1e6
"""Seconds of a window that holds any file."""

USUAL_GAP_S = 0.04
"""How long a picture is taken to be shown where no other says it."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What is seen and heard in an interval; a stream that does not cover it is shorter."""

    frames: np.ndarray
    """(T, H, W, 3) or (T, H, W) uint8."""
    frame_times: Times
    """(T,) seconds, rising."""
    waveform: Waveform
    """(N,) float32."""
    audio_start: float
    """Seconds of sample 0."""
    sample_rate: int

    def within(self, start: float, end: float) -> Stretch:
        """Pictures and samples with `start <= time < end`."""
        seen = slice(*np.searchsorted(self.frame_times, (start, end)))
        # Sample n stands at audio_start + n / sample_rate; a thousandth of a sample is rounding.
        edges = [(time - self.audio_start) * self.sample_rate - 1e-3 for time in (start, end)]
        first, last = (math.ceil(min(max(edge, 0), len(self.waveform))) for edge in edges)
        return Stretch(
            self.frames[seen],
            self.frame_times[seen],
            self.waveform[first:last],
            self.audio_start + first / self.sample_rate,
            self.sample_rate,
        )


class Source(Protocol):
    """A clip that can be read by time."""

    name: str
    """For messages."""

    @property
    def span(self) -> tuple[float, float]:
        """Seconds at which the first stream starts and the last one ends, as far as the file says."""

    def read(self, start: float, end: float) -> Stretch:
        """What is seen and heard in `[start, end)`; the end may be infinite."""

    def close(self) -> None:
        """Let go of the file."""


class Loaded:
    """A source that is in memory."""

    def __init__(self, name: str, whole: Stretch) -> None:
        self.name = name
        self._whole = whole

    @property
    def span(self) -> tuple[float, float]:
        """From the first picture or sample to the end of the last."""
        whole = self._whole
        starts, ends = [], []
        if len(whole.frame_times):
            starts.append(float(whole.frame_times[0]))
            ends.append(float(whole.frame_times[-1]) + usual_gap(whole.frame_times))
        if len(whole.waveform):
            starts.append(whole.audio_start)
            ends.append(whole.audio_start + len(whole.waveform) / whole.sample_rate)
        if not starts:
            raise MediaError(f"{self.name} holds neither pictures nor sound.")
        return min(starts), max(ends)

    def read(self, start: float, end: float) -> Stretch:
        """A part."""
        return self._whole.within(start, end)

    def close(self) -> None:
        """Nothing to let go of."""


def usual_gap(frame_times: Times) -> float:
    """Seconds between pictures."""
    return float(np.median(np.diff(frame_times))) if len(frame_times) > 1 else USUAL_GAP_S


class Media:
    """A media file that is open for reading, or the bytes of one."""

    def __init__(self, reader: Reader) -> None:
        self.name = reader.source
        self._reader = reader
        self._span: tuple[float, float] | None = None

    @property
    def span(self) -> tuple[float, float]:
        """From the first picture or sound to the end that the file declares.

        Where it declares none, the file is read once to find it.
        """
        if self._span is None:
            start, info = self._reader.start, self._reader.info
            lengths = [
                (stream.start_time or 0.0) + stream.duration
                for stream in info.streams
                if stream.index in (info.video, info.audio) and stream.duration is not None
            ]
            if not lengths and info.duration is not None:
                lengths = [(info.start_time or 0.0) + info.duration]
            self._span = (
                (start, max(lengths)) if lengths else Loaded(self.name, self.read(start, math.inf)).span
            )
        return self._span

    def read(self, start: float, end: float) -> Stretch:
        """A part, found by seeking."""
        if math.isfinite(end):
            begin = start if math.isfinite(start) else min(self._reader.start, end)
            parts = [self._reader.read(begin, end)] if begin < end else []
        else:
            first = start if math.isfinite(start) else None
            parts = list(self._reader.windows(seconds=LONG_S, hop=LONG_S, start=first))
        images = [image for part in parts for image in part.frames]
        color = () if self._reader.form.pixels == "gray" else (3,)
        frames = np.stack(images) if images else np.zeros((0, 0, 0, *color), np.uint8)
        times = np.concatenate([np.zeros(0), *(part.frame_times for part in parts)])
        heard = [part for part in parts if part.has_audio]
        waveform = np.concatenate([np.zeros(0, np.float32), *(part.waveform for part in heard)])
        return Stretch(
            frames, times, waveform, heard[0].audio_start if heard else start, self._reader.sample_rate
        )

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
