"""Reading media: any container becomes a `Clip` whose picture and sound stand on one clock.

The clock is the container's presentation clock, `pts * time_base`, as FFmpeg's demuxers give it:

- The start time of the container is not subtracted. MPEG-TS usually starts at 1.4 s or anywhere; both streams
  start there, and what counts is their difference.
- MP4 and MOV edit lists are applied: pictures and sound outside an edit are not presented and not delivered,
  an empty edit at the start moves a stream later, codec priming that the list cuts is gone.
- Priming that the container signals (AAC in MP4, Opus and Vorbis in Matroska/WebM/Ogg, LAME's header in MP3)
  is cut, as players do. Priming that is not signalled (MP3 in AVI, MP2 in MPEG) is heard, as in players. In
  bare MP3 the clock starts before the priming, so that the sound begins at 0.02 s.
- Neither stream is padded or cut to the other.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avsync.decode import Damage, decode, use_threads
from avsync.errors import ConfigError, MediaError
from avsync.frames import Frames, Image, PictureTrack
from avsync.outputs import atomic_path
from avsync.sound import SoundTrack, Waveform
from avsync.streams import MediaInfo, StreamInfo, describe, open_media, probe
from avsync.timebase import Times, pts_to_seconds

__all__ = [
    "SAMPLE_RATE",
    "Clip",
    "FrameStatistics",
    "Frames",
    "MediaInfo",
    "StreamInfo",
    "atomic_path",
    "frame_statistics",
    "load",
    "probe",
]

SAMPLE_RATE = 16_000
"""Samples a second of `Clip.waveform` unless asked otherwise."""

MISSING_SECONDS = 0.5
"""What is missing at the end of a file is reported from here on; headers err by a frame or two."""


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


def load(path: str | os.PathLike[str], *, sample_rate: int = SAMPLE_RATE) -> Clip:
    """Read a media file: sound at once, pictures when asked for, all times from the PTS.

    Raises `MediaError` when the file is missing, empty, no media, or nothing in it can be decoded,
    `ConfigError` for a sample rate below 1000 Hz; a damaged or truncated file gives what decodes, and a
    warning that says what is lost.
    """
    if sample_rate < 1000:
        raise ConfigError(f"a sample rate of {sample_rate} Hz is too low. Give 1000 Hz or more.")
    path = Path(path)
    with open_media(path) as container:
        info = describe(container, path)
        streams = [container.streams[i] for i in (info.video, info.audio) if i is not None]
        if not streams:
            raise MediaError(
                f"{path} has neither video nor sound that can be decoded (found: {info.describe()}). "
                "Give a video file."
            )
        pictures, sound, damage = PictureTrack(), SoundTrack(sample_rate), Damage()
        for stream in streams:
            use_threads(stream)
        for frame in decode(container, streams, damage):
            if isinstance(frame, av.VideoFrame):
                pictures.add(frame)
            else:
                sound.add(frame)
    damage.packets["audio"] += sound.refused
    waveform, audio_start = sound.place(str(path))
    frames, frame_times = Frames.empty(), np.zeros(0, np.float64)
    if info.video is not None and pictures.pts:
        frame_times = pictures.times(info.streams[info.video].time_base, str(path))
        frames = Frames(path, info.video, pictures.pts, pictures.keyframes, pictures.size, pictures.matrix)
    clip = Clip(str(path), frame_times, frames, waveform, sample_rate, audio_start, info)
    if not clip.has_video and not clip.has_audio:
        raise MediaError(
            f"{path}: nothing can be decoded (declared: {info.describe()}); the file is damaged or "
            "truncated. Get a complete copy."
        )
    _warn_of_losses(clip, damage, pictures)
    return clip


def _warn_of_losses(clip: Clip, damage: Damage, pictures: PictureTrack) -> None:
    """Say what a damaged or truncated file lost, by errors and by the lengths it declares."""
    losses = [f"{n} {kind} packets could not be decoded" for kind, n in sorted(damage.packets.items()) if n]
    if pictures.damaged:
        losses.append(f"{pictures.damaged} pictures are damaged")
    if damage.broken_off:
        losses.append(f"reading broke off ({damage.broken_off})")
    losses += _missing_ends(clip, pictures)
    if losses:
        warnings.warn(f"{clip.source} is damaged or truncated: {'; '.join(losses)}", stacklevel=3)


def _missing_ends(clip: Clip, pictures: PictureTrack) -> list[str]:
    """What ends long before the file says it does."""
    info = clip.info
    ends: dict[int, float] = {}
    if info.video is not None and pictures.end is not None:
        # Not the time of the last picture: that of a slide show may be shown for long.
        ends[info.video] = pts_to_seconds(pictures.end, info.streams[info.video].time_base)
    if info.audio is not None and clip.has_audio:
        ends[info.audio] = clip.audio_start + len(clip.waveform) / clip.sample_rate
    missing = []
    for index, end in ends.items() if "mov" in info.container else ():
        # Only MP4 and MOV declare the length of each stream; elsewhere FFmpeg fills in that of the file.
        stream = info.streams[index]
        declared = (stream.start_time or 0.0) + (stream.duration or 0.0)
        if declared > end + MISSING_SECONDS:
            name = "picture" if stream.kind == "video" else "sound"
            missing.append(f"the {name} ends at {end:.2f} s instead of the declared {declared:.2f} s")
    if ends and not missing and info.duration is not None:
        # Matroska counts its length from zero, MPEG from the first packet: what is short by both is lost.
        declared = min(info.start_time or 0.0, 0.0) + info.duration
        end = max(ends.values())
        if declared > end + MISSING_SECONDS:
            missing.append(f"the file ends at {end:.2f} s instead of the declared {declared:.2f} s")
    if info.video is not None and info.container == "avi" and not missing:
        # FFmpeg shortens the declared length of an AVI file to its size; the count of frames stays.
        declared_frames = info.streams[info.video].declared_frames
        if declared_frames - len(clip.frame_times) > MISSING_SECONDS * clip.fps:
            missing.append(f"{len(clip.frame_times)} of {declared_frames} declared pictures are left")
    return missing
