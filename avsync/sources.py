"""Clips that can be read by time, from a media file or from arrays.

Shapes: T pictures, H W size, N samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from avsync.errors import MediaError
from avsync.media import load
from avsync.sound import Waveform
from avsync.timebase import Times

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


def open_source(
    media: Path | bytes,
    *,
    audio: Path | bytes | None = None,
    sample_rate: int,
    pixel_format: Literal["rgb", "gray"] = "rgb",
    height: int | None = None,
) -> Source:
    """A media file, or the bytes of one, with its own sound or that of `audio`."""
    assert isinstance(media, Path)
    clip = load(media, sample_rate=sample_rate)
    frames = np.stack(list(clip.frames)) if clip.has_video else np.zeros((0, 0, 0, 3), np.uint8)
    if pixel_format == "gray":
        frames = frames.mean(-1).astype(np.uint8)
    return Loaded(
        clip.source, Stretch(frames, clip.frame_times, clip.waveform, clip.audio_start, clip.sample_rate)
    )
