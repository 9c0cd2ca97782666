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
- Sound is mixed to mono as players do; left and right of opposite phase, which would cancel, are not added
  but subtracted (`phase`).
- A picture is given as a player shows it: turned by its display matrix, with square pixels.
"""

import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from avsync.choice import nothing_decodes
from avsync.clip import Clip, FrameStatistics, frame_statistics
from avsync.frames import Frames
from avsync.outputs import atomic_path
from avsync.passes import PassReport
from avsync.pictures import PictureFormat
from avsync.reader import Reader
from avsync.streams import MediaInfo, StreamInfo, probe

__all__ = [
    "SAMPLE_RATE",
    "Clip",
    "FrameStatistics",
    "Frames",
    "MediaInfo",
    "Reader",
    "StreamInfo",
    "atomic_path",
    "frame_statistics",
    "load",
    "open",
    "probe",
]

SAMPLE_RATE = 16_000
"""Samples a second of `Clip.waveform` unless asked otherwise."""

MediaFile: TypeAlias = str | os.PathLike[str] | bytes
"""The name of a file, or its content."""


def open(
    path: MediaFile,
    *,
    audio: MediaFile | None = None,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    sample_rate: int = SAMPLE_RATE,
    pixel_format: Literal["rgb", "gray"] = "rgb",
    height: int | None = None,
    width: int | None = None,
) -> Reader:
    """Open a file to read it in pieces, whatever its length.

        with media.open("talk.mp4") as reader:
            for window in reader.windows(seconds=2.0, hop=1.0):  # each a Clip
                ...
            part = reader.read(12.0, 14.5)

    `audio`: a file whose sound is taken instead, on the same clock. `video_stream`, `audio_stream`: the index
    of a stream, as `avsync info` prints it, instead of FFmpeg's choice. `pixel_format="gray"` gives (H, W)
    luma, `height` scales the displayed picture to so many rows, `width` to so many columns, in proportion
    unless both are given; FFmpeg does all while it decodes.
    Raises `MediaError` when a file is missing, empty, no media, or lacks the stream, `ConfigError` for a
    setting out of its range.
    """
    return Reader(
        _source(path),
        None if audio is None else _source(audio),
        video_stream=video_stream,
        audio_stream=audio_stream,
        sample_rate=sample_rate,
        form=PictureFormat(pixel_format, height, width),
    )


def load(
    path: MediaFile,
    *,
    audio: MediaFile | None = None,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    sample_rate: int = SAMPLE_RATE,
    pixel_format: Literal["rgb", "gray"] = "rgb",
    height: int | None = None,
    width: int | None = None,
) -> Clip:
    """Read a media file: sound at once, pictures when asked for, all times from the PTS.

    Options and errors as for `open`; a damaged or truncated file gives what decodes, and a warning that says
    what is lost and where, `MediaError` when nothing decodes.
    """
    with open(
        path,
        audio=audio,
        video_stream=video_stream,
        audio_stream=audio_stream,
        sample_rate=sample_rate,
        pixel_format=pixel_format,
        height=height,
        width=width,
    ) as reader:
        report = PassReport()
        frames, frame_times = reader.frames(report)
        stretches = list(reader.sounds(report=report))
        waveform = np.concatenate([np.zeros(0, np.float32), *(one.samples for one in stretches)])
        start = stretches[0].time if stretches else 0.0
        if not len(frame_times) and not len(waveform):
            raise nothing_decodes(reader.info)
        report.warn(reader.info, reader.audio_info, to_the_end=True)
        return Clip(
            reader.source,
            frame_times,
            frames,
            waveform,
            sample_rate,
            start,
            reader.info,
            opposed=reader.opposed,
        )


def _source(path: MediaFile) -> Path | bytes:
    return path if isinstance(path, bytes) else Path(path)
