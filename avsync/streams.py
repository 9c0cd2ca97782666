"""What a file is: what it declares, and what its packets show.

`describe` tells what the header says and costs nothing; `probe` looks at every packet.
"""

import os
import re
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

from avsync.boxes import Edit, Track, read_tracks
from avsync.decode import Source, open_container, source_name
from avsync.ebml import declares_duration
from avsync.errors import MediaError
from avsync.facts import PictureFacts, SoundFacts
from avsync.pictures import pixel_aspect
from avsync.remarks import remarks
from avsync.survey import StreamSurvey, pictures_of, sound_of, span_of, survey
from avsync.timebase import pts_to_seconds


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a container declares of one stream, and from `packets` on what `probe` found in it. Times in
    seconds on the presentation clock; None = not declared, or not looked for.
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
    """Degrees counter-clockwise that a player turns the picture, found by `probe`: only decoding tells."""
    frame_rate: float | None = None
    """Declared average rate. What the frames really do is in `frame_statistics`."""
    declared_frames: int = 0
    """Pictures or packets that the header counts; 0 = not declared."""
    cover: bool = False
    """A still picture (cover art), not a video."""
    sample_rate: int = 0
    channels: int = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    """Width of a pixel by its height, before rotation."""
    packets: int = 0
    damaged_packets: int = 0
    """Packets that the demuxer marks as damaged."""
    found_start: float | None = None
    found_end: float | None = None
    """Begin and end of what is presented, by the time stamps of the packets."""
    pictures: PictureFacts | None = None
    sound: SoundFacts | None = None
    track: Track | None = None
    """The track's boxes in MP4 and MOV."""

    @property
    def found_duration(self) -> float | None:
        """Seconds from the begin of the first packet that is presented to the end of the last."""
        if self.found_start is None or self.found_end is None:
            return None
        return self.found_end - self.found_start

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edit list; empty where there is none."""
        return () if self.track is None else self.track.edits


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a container declares, and from `broken_off` on what `probe` found. `video` and `audio` are the
    indices of the streams that `load` reads.
    """

    source: str
    container: str
    duration: float | None
    start_time: float | None
    streams: tuple[StreamInfo, ...]
    video: int | None
    audio: int | None
    broken_off: str | None = None
    """The error at which reading ended before the end of the file."""
    warnings: tuple[str, ...] = ()
    """What is out of the ordinary, each in a plain sentence; empty for a healthy file."""

    @property
    def found_duration(self) -> float | None:
        """Seconds from the first picture or sound of any stream to the end of the last."""
        found = [s for s in self.streams if s.kind in ("video", "audio") and not s.cover]
        starts = [s.found_start for s in found if s.found_start is not None]
        ends = [s.found_end for s in found if s.found_end is not None]
        return max(ends) - min(starts) if starts and ends else None

    def describe(self) -> str:
        """The streams in a few words, for messages: `video h264 1920x1080, audio aac 44100 Hz`."""
        words = []
        for s in self.streams:
            detail = {"video": f" {s.width}x{s.height}", "audio": f" {s.sample_rate} Hz"}.get(s.kind, "")
            words.append(f"{'cover picture' if s.cover else s.kind} {s.codec}{detail}")
        return ", ".join(words) or "no streams"


def probe(path: str | os.PathLike[str] | bytes) -> MediaInfo:
    """What a file declares and what its packets show: times, rates, gaps, edit lists, priming, warnings.

    Reads the whole file once, but decodes only its first few pictures and sounds: about 2 s for an hour, in
    little memory. Raises `MediaError` when the file is missing, empty or no media; everything else that is
    wrong with it stands in `MediaInfo.warnings`.
    """
    path = path if isinstance(path, bytes) else Path(path)
    with open_media(path) as container:
        declared = describe(container, path)
        tracks = {t.number: t for t in read_tracks(path)} if "mov" in declared.container else {}
        found, damage = survey(container)
        streams = tuple(
            _with_facts(info, stream, found[info.index], tracks.get(stream.id))
            for info, stream in zip(declared.streams, container.streams, strict=True)
        )
    info = replace(declared, streams=streams, broken_off=damage.broken_off)
    return replace(info, warnings=remarks(info))


@contextmanager
def open_media(source: Source) -> Iterator[InputContainer]:
    """Open for reading, with a message for everything that can be wrong with a file."""
    with open_readable(source) as container:
        yield container


def open_readable(source: Source, options: dict[str, str] | None = None) -> InputContainer:
    """As `open_media`; the caller closes what it gets. `options`: FFmpeg's."""
    name = source_name(source)
    if isinstance(source, Path):
        if source.is_dir():
            raise MediaError(f"{name} is a folder. Give a media file.")
        if not source.exists():
            if re.match(r"(?!file:)[a-z]\w+:/", name, re.IGNORECASE):
                raise MediaError(f"{name} is an address, and only files are read. Download it first.")
            raise MediaError(f"{name} does not exist. Check the name.")
        if not (source.is_file() or source.is_block_device()):
            raise MediaError(f"{name} is a pipe or device, which cannot be read twice. Give a file.")
    if source.stat().st_size == 0 if isinstance(source, Path) and source.is_file() else source == b"":
        raise MediaError(f"{name} is empty (0 bytes). Get a complete copy.")
    try:
        container = open_container(source, options)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, PermissionError):
            raise MediaError(f"{name} may not be read ({reason}). Change its permissions.") from error
        raise MediaError(
            f"{name} cannot be read as media ({reason}). It is damaged, truncated, or no audio or video "
            "file. Give a complete copy."
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


def _with_facts(info: StreamInfo, stream: Stream, found: StreamSurvey, track: Track | None) -> StreamInfo:
    """A described stream, with what its packets show."""
    info = replace(info, packets=found.packets, damaged_packets=found.corrupt, track=track)
    if isinstance(stream, VideoStream) and stream.codec_context is not None and not info.cover:
        pictures = pictures_of(found, stream.codec_context.reorder_depth)
        if pictures and track and track.samples > info.packets:
            # FFmpeg does not even hand out what lies before the key frame that the first picture needs.
            before, after = track.hidden_before, track.hidden_after
            pictures = replace(pictures, hidden_before=before, hidden_after=after)
        span = (pictures.first, pictures.end) if pictures else None
        info = replace(info, rotation=found.rotation, pictures=pictures)
    elif isinstance(stream, AudioStream):
        sound = sound_of(found, info.sample_rate, table=track is not None)
        span = (sound.start, sound.end) if sound else None
        info = replace(info, sound=sound)
    else:
        span = span_of(found)
    return info if span is None else replace(info, found_start=span[0], found_end=span[1])


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
            sample_aspect_ratio=pixel_aspect(stream.sample_aspect_ratio),
        )
    if isinstance(stream, AudioStream) and context is not None:
        return replace(
            described,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
        )
    return described
