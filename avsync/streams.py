"""What a file is and what it declares: container, streams, codecs, start times, rotation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.audio import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video import VideoStream

from avsync.decode import Source, decode, open_container, source_name
from avsync.ebml import declares_duration
from avsync.errors import MediaError
from avsync.pictures import IDENTITY, ROTATIONS, display_matrix
from avsync.timebase import pts_to_seconds


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a container declares of one stream. Times in seconds on the presentation clock; None = not
    declared.
    """

    index: int
    kind: str
    """`video`, `audio`, `subtitle`, `data` or `attachment`."""
    codec: str
    time_base: Fraction
    start_time: float | None
    duration: float | None
    language: str | None = None
    width: int = 0
    height: int = 0
    """Picture as stored, before rotation."""
    rotation: int = 0
    """Degrees counter-clockwise that a player turns the picture."""
    frame_rate: float | None = None
    """Declared average rate. What the frames really do is in `frame_statistics`."""
    declared_frames: int = 0
    """Pictures or packets that the header counts; 0 = not declared."""
    cover: bool = False
    """A still picture (cover art), not a video."""
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a container declares. `video` and `audio` are the indices of the streams that `load` reads."""

    source: str
    container: str
    duration: float | None
    start_time: float | None
    streams: tuple[StreamInfo, ...]
    video: int | None
    audio: int | None

    def describe(self) -> str:
        """The streams in a few words, for messages: `video h264 1920x1080, audio aac 44100 Hz`."""
        words = []
        for s in self.streams:
            detail = {"video": f" {s.width}x{s.height}", "audio": f" {s.sample_rate} Hz"}.get(s.kind, "")
            words.append(f"{'cover picture' if s.cover else s.kind} {s.codec}{detail}")
        return ", ".join(words) or "no streams"


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """What a file declares: container, streams, codecs, start times. Decodes at most one picture a stream.

    Raises `MediaError` when the file is missing, empty or no media.
    """
    path = Path(path)
    with open_media(path) as container:
        info = describe(container, path)
        if info.video is None:
            return info
        frame = next(decode(container, [container.streams[info.video]]), None)
        matrix = display_matrix(frame) if isinstance(frame, av.VideoFrame) else IDENTITY
        turned = replace(info.streams[info.video], rotation=ROTATIONS.get(matrix, 0))
        streams = tuple(turned if s.index == info.video else s for s in info.streams)
        return replace(info, streams=streams)


@contextmanager
def open_media(source: Source) -> Iterator[InputContainer]:
    """Open for reading, with a message for everything that can be wrong with a file."""
    with open_readable(source) as container:
        yield container


def open_readable(source: Source) -> InputContainer:
    """As `open_media`; the caller closes what it gets."""
    name = source_name(source)
    if isinstance(source, Path):
        if source.is_dir():
            raise MediaError(f"{name} is a folder. Give a media file.")
        if not source.exists():
            raise MediaError(f"{name} does not exist. Check the name.")
    if source.stat().st_size == 0 if isinstance(source, Path) and source.is_file() else source == b"":
        raise MediaError(f"{name} is empty (0 bytes). Get a complete copy.")
    try:
        container = open_container(source)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"{name} cannot be read as media ({reason}). It is damaged, truncated, or no audio or video file."
        ) from error
    if container.format.name == "tty":  # FFmpeg draws text files as pictures
        container.close()
        raise MediaError(f"{name} is a text file, not media. Give an audio or video file.")
    return container


def describe(container: InputContainer, source: Source) -> MediaInfo:
    """What an open container declares; no packet is read."""
    streams = tuple(_describe_stream(container, s) for s in container.streams)
    return MediaInfo(
        source=source_name(source),
        container=container.format.name,
        duration=_declared_duration(container, source),
        start_time=None if container.start_time is None else container.start_time / av.time_base,
        streams=streams,
        video=_best(container, streams, "video"),
        audio=_best(container, streams, "audio"),
    )


def _declared_duration(container: InputContainer, source: Source) -> float | None:
    if container.duration is None:
        return None
    if "matroska" in container.format.name and not declares_duration(source):
        return None  # FFmpeg's guess by bit rate
    return container.duration / av.time_base


def _best(
    container: InputContainer, streams: tuple[StreamInfo, ...], kind: Literal["video", "audio"]
) -> int | None:
    """FFmpeg's choice (default flag, resolution, bit rate) unless that is a cover picture."""
    usable = [s.index for s in streams if s.kind == kind and not s.cover and s.codec != "unknown"]
    best = container.streams.best(kind) if usable else None
    return best.index if best is not None and best.index in usable else (usable[0] if usable else None)


def _describe_stream(container: InputContainer, stream: Stream) -> StreamInfo:
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1, av.time_base)

    def seconds(ticks: int | None) -> float | None:
        return None if ticks is None else pts_to_seconds(ticks, time_base)

    described = StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec="unknown" if context is None else context.codec.canonical_name,
        time_base=time_base,
        start_time=seconds(stream.start_time),
        duration=seconds(stream.duration),
        language=stream.language,
        declared_frames=stream.frames,
    )
    if isinstance(stream, VideoStream) and context is not None:
        return replace(
            described,
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            frame_rate=float(stream.average_rate) if stream.average_rate else None,
            cover=bool(stream.disposition & Disposition.attached_pic),
        )
    if isinstance(stream, AudioStream) and context is not None:
        return replace(
            described,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
        )
    return described
