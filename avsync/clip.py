"""A `Clip`: picture and sound of a file, or of a part of it, on one clock."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avsync.errors import ConfigError
from avsync.pictures import Image
from avsync.placement import Waveform
from avsync.streams import MediaInfo
from avsync.timebase import Times


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """How the frames of a clip follow each other. Gaps in seconds from one frame to the next."""

    frames: int
    fps: float
    """1 / median gap; 0 with fewer than two frames."""
    median_gap: float
    min_gap: float
    max_gap: float
    variable_frame_rate: bool


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Picture and sound of a file on one clock; a missing stream is an empty array.

    `frame_times`: (F,) seconds, rising, one for each decoded frame. `frames[i]`: (H, W, 3) uint8 RGB, decoded
    when asked for. `waveform`: (N,) float32 mono; sample n stands at `audio_start + n / sample_rate`.
    """

    source: str
    frame_times: Times
    frames: Sequence[Image]
    waveform: Waveform
    sample_rate: int
    audio_start: float
    info: MediaInfo
    interval: tuple[float, float] | None = None
    """Start and end in seconds of the part of the file that was asked for; None for all of it."""
    opposed: bool = False
    """Left and right of the sound were of opposite phase: `waveform` is half their difference (`phase`)."""

    def __post_init__(self) -> None:
        """Raises `ConfigError` for samples that are no (N,) floats; what is no number counts as silence."""
        samples = np.asarray(self.waveform)
        if samples.ndim != 1 or (len(samples) and not np.issubdtype(samples.dtype, np.floating)):
            raise ConfigError(
                f"{self.source}: the waveform is {samples.dtype} of shape {samples.shape}. "
                "Give float32 samples of shape (N,), from -1 to 1."
            )
        with np.errstate(invalid="ignore", over="ignore"):
            samples = samples.astype(np.float32, copy=False)
            if not np.isfinite(samples.sum()):  # no number, or so large that the sum is none
                samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        object.__setattr__(self, "waveform", samples)

    @property
    def has_video(self) -> bool:
        """Whether any picture was decoded."""
        return len(self.frame_times) > 0

    @property
    def has_audio(self) -> bool:
        """Whether any sound was decoded."""
        return len(self.waveform) > 0

    @property
    def duration(self) -> float:
        """Seconds from the first picture or sound to the end of the last."""
        starts, ends = [], []
        if self.has_video:
            starts.append(float(self.frame_times[0]))
            ends.append(float(self.frame_times[-1]) + frame_statistics(self.frame_times).median_gap)
        if self.has_audio:
            starts.append(self.audio_start)
            ends.append(self.audio_start + len(self.waveform) / self.sample_rate)
        return max(ends) - min(starts) if ends else 0.0

    @property
    def fps(self) -> float:
        """Frames a second: 1 / median gap; 0 with fewer than two frames."""
        return frame_statistics(self.frame_times).fps

    @property
    def variable_frame_rate(self) -> bool:
        """Whether the frames stand off an even grid by more than a container's rounding."""
        return frame_statistics(self.frame_times).variable_frame_rate


def check_stream(clip: Clip, audio_stream: int | None) -> None:
    """Raise `ConfigError` where a sound is asked for that is not the clip's."""
    if audio_stream is None or clip.info is None:
        return
    loaded = clip.info.audio  # None of a sound from another file
    if loaded is not None and loaded != audio_stream:
        raise ConfigError(
            f"{clip.source}: the clip was loaded with the sound of stream {loaded}, not "
            f"{audio_stream}. Give the path of the file, or load the clip with audio_stream={audio_stream}."
        )


def frame_statistics(frame_times: Times) -> FrameStatistics:
    """Rate and regularity of (F,) frame times.

    The rate counts as constant when every frame lies within 1.1 ms of an even grid fitted to the times: so
    the 1 ms clock of Matroska (gaps of 33 and 34 ms at 30 fps) is constant, and a rate that changes half-way
    is not.
    """
    if len(frame_times) < 2:
        return FrameStatistics(len(frame_times), 0.0, 0.0, 0.0, 0.0, False)
    gaps = np.diff(frame_times)
    count = np.arange(len(frame_times))
    grid = np.polynomial.Polynomial.fit(count, frame_times, 1)
    off = np.abs(frame_times - grid(count)).max()
    variable = bool(off > 1.1e-3)
    # On an even grid the slope is the rate itself; the median gap carries the rounding (33 ms: 30.3 fps).
    gap = float(np.median(gaps)) if variable else float(grid.convert().coef[1])
    return FrameStatistics(
        len(frame_times), 1.0 / gap if gap > 0 else 0.0, gap, float(gaps.min()), float(gaps.max()), variable
    )
