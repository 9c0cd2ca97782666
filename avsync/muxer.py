"""Copying a file's packets into another container, with streams, tags, chapters and dispositions, the sound
moved.
"""

import contextlib
import errno
import warnings
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.codec import CodecContext
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from avsync.codings import add_stream, codings
from avsync.damage import Packet
from avsync.errors import MediaError
from avsync.outputs import other_endings
from avsync.packets import complete_times, display_order, keep_rising, move, readable
from avsync.resound import Remake, Resounder
from avsync.streams import open_media

MUXER_OPTIONS = {
    # Sound and picture may lie seconds apart after a shift: wait for both, however far.
    "max_interleave_delta": "0",
}
MP4_SUFFIXES = (".mp4", ".mov", ".m4v", ".3gp", ".f4v")
MP4_COPY_OPTIONS = {
    # The start of a stream is written in ticks of the movie: the default of 1 ms would round the shift.
    "movie_timescale": "90000",
    "movflags": "+faststart",
}
BITEXACT = 0x400
"""FFmpeg's flag for a file without random ids and dates: the same input gives the same bytes."""

START_CODES = "h264_mp4toannexb"
"""FFmpeg's filter that turns the lengths of H.264's units into start codes."""

STALE_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
"""Tags that describe the old file, not its content."""


@cache
def writable_suffixes() -> set[str]:
    """The endings, without the dot, by which FFmpeg knows what it can write."""
    found: set[str] = set()
    for name in av.formats_available:
        with contextlib.suppress(ValueError):  # a format that can only be read
            found |= av.ContainerFormat(name, "w").extensions
    return found


def copy_shifted(source: Path, temporary: Path, target: Path, shift: Fraction, lift: Fraction) -> None:
    """Copy all streams of `source`, `lift` seconds later and the sound by `shift` more.

    Written to `temporary`, which shall become `target`. Raises `MediaError` when the container cannot hold
    picture or sound, or cannot be written.
    """
    _copy(source, temporary, target, shift, lift, {})


def copy_remade(
    source: Path, temporary: Path, target: Path, lift: Fraction, remakes: Mapping[int, Remake]
) -> None:
    """Copy all streams of `source` but the sound, `lift` seconds later; the sound is made anew.

    `remakes`: how, for each sound stream by its index. The rest is as in `copy_shifted`.
    """
    _copy(source, temporary, target, Fraction(0), lift, remakes)


def _copy(
    source: Path,
    temporary: Path,
    target: Path,
    shift: Fraction,
    lift: Fraction,
    remakes: Mapping[int, Remake],
) -> None:
    # Muxers accept some streams (timecode, telemetry) and refuse them when the header is written: leave out
    # the least important kind first.
    refused: set[str] = set()
    while True:
        with open_media(source) as container:
            kinds = {s.type for s in container.streams} - refused
            extras = [kind for kind in ("data", "attachment", "subtitle") if kind in kinds]
            try:
                _write(container, temporary, target, shift, lift, refused, remakes)
                return
            except (av.FFmpegError, ValueError) as error:
                if not extras:
                    full = getattr(error, "errno", None) == errno.ENOSPC
                    raise MediaError(
                        f"{target} cannot be written: {getattr(error, 'strerror', None) or error}. "
                        + ("Is the disk full?" if full else f"Give it the ending {other_endings(target)}.")
                    ) from error
        refused.add(extras[0])


def _write(
    source: InputContainer,
    temporary: Path,
    target: Path,
    shift: Fraction,
    lift: Fraction,
    refused: set[str],
    remakes: Mapping[int, Remake],
) -> None:
    last_dts: dict[int, int] = {}
    path = Path(source.name.removeprefix("file:"))
    # From AVI to AVI the storage order stays as it is: neither holds another.
    to_avi = source.format.name == "avi" and target.suffix.lower() == ".avi"
    order, earlier = ({}, 0) if to_avi else display_order(path)
    with _open_output(temporary, target) as out:
        makers: dict[int, Resounder] = {}
        streams = _add_streams(source, out, target, refused, remakes, makers)
        out.metadata.update(_lasting(source.metadata))
        _copy_chapters(source, out, lift)
        filters = {
            stream: _start_codes(stream, copy)
            for stream, copy in streams.items()
            if target.suffix.lower() == ".avi"
        }
        out.start_encoding()

        def put(packet: Packet, stream: Stream, by: Fraction) -> None:
            move(packet, by)
            packet.stream = stream
            keep_rising(packet, last_dts, stream.time_base)
            out.mux(packet)

        for packet in complete_times(readable(source, list(streams))):
            stream = packet.stream
            if stream.index in makers:
                for made in _remade(packet, makers[stream.index]):
                    put(made, streams[stream], lift)
                continue
            if order and stream.type == "video" and packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = order.get(packet.pts, packet.pts), packet.dts - earlier
            coded = filters.get(stream)
            for whole in [packet] if coded is None else coded.filter(packet):
                put(whole, streams[stream], lift + shift if stream.type == "audio" else lift)
        for stream, copy in streams.items():
            if stream.index in makers:
                for made in _rest(stream, makers[stream.index]):
                    put(made, copy, lift)


def _start_codes(stream: Stream, copy: Stream) -> BitStreamFilterContext | None:
    """What puts the start codes before the units of a video stream that AVI needs and MP4 and Matroska leave
    out, in its head too; None where they are there, or not needed.
    """
    if _codec_name(stream) != "h264" or (stream.codec_context.extradata or b"")[:1] != b"\x01":
        return None
    return BitStreamFilterContext(START_CODES, stream, copy)


def _remade(packet: Packet, maker: Resounder) -> Iterator[Packet]:
    """The packets that a packet of the source leads to."""
    with contextlib.suppress(av.FFmpegError):  # what does not decode leaves a gap, as for every reader
        for frame in packet.decode():
            if isinstance(frame, av.AudioFrame):
                yield from maker.take(frame)


def _rest(stream: Any, maker: Resounder) -> Iterator[Packet]:
    """What the decoder and the encoder still hold."""
    with contextlib.suppress(av.FFmpegError):
        for frame in stream.codec_context.decode(None):
            yield from maker.take(frame)
    yield from maker.finish()


def _open_output(temporary: Path, target: Path) -> OutputContainer:
    options = dict(MUXER_OPTIONS)
    if target.suffix.lower() in MP4_SUFFIXES:
        options |= MP4_COPY_OPTIONS
    out = av.open(f"file:{temporary}", "w", container_options=options)
    out.flags |= BITEXACT
    return out


def _add_streams(
    source: InputContainer,
    out: OutputContainer,
    target: Path,
    refused: set[str],
    remakes: Mapping[int, Remake],
    makers: dict[int, Resounder],
) -> dict[Stream, Stream]:
    streams: dict[Stream, Stream] = {}
    chapters = source.chapters()
    for stream in source.streams:
        try:
            if stream.type == "data" and not _codec_name(stream) and chapters:
                continue  # the track in which MP4 keeps its chapters, which are copied as such
            if stream.type in refused:
                raise ValueError("refused by the muxer")
            if stream.index in remakes:
                makers[stream.index] = maker = _add_remade(out, remakes[stream.index], target)
                copy = maker.stream
            else:
                copy = out.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.FFmpegError, AttributeError) as error:
            name = _codec_name(stream) or "unknown codec"
            if stream.type in ("video", "audio"):
                raise MediaError(
                    f"{target.suffix} cannot hold the {stream.type} stream ({name}) of the input. "
                    "Give the output the ending .mkv, or that of the input."
                ) from error
            warnings.warn(
                f"{target}: the {stream.type} stream {stream.index} ({name}) is left out; {target.suffix} "
                "cannot hold it",
                stacklevel=6,
            )
            continue
        if target.suffix.lower() in MP4_SUFFIXES and _codec_tag(stream) == "hvc1":
            copy.codec_context.codec_tag = "hvc1"  # Apple's players insist on it
        if target.suffix.lower() == ".avi" and stream.type == "video" and stream.average_rate:
            copy.time_base = 1 / stream.average_rate  # AVI counts pictures
        copy.metadata.update(_lasting(stream.metadata))
        copy.disposition = stream.disposition
        streams[stream] = copy
    return streams


def _add_remade(out: OutputContainer, remake: Remake, target: Path) -> Resounder:
    """A stream for a track that is encoded anew, in its own codec where that can be."""
    for wanted in codings(remake.track, out.default_audio_codec):
        with contextlib.suppress(ValueError, av.FFmpegError):
            maker = Resounder(add_stream(out, wanted), remake, wanted)
            codec = av.codec.Codec(wanted.encoder, "w").canonical_name
            if codec != remake.track.codec:
                warnings.warn(
                    f"{target}: the sound ({remake.track.codec}) is encoded as {codec}; there is no encoder "
                    f"for {remake.track.codec}, or {target.suffix} cannot hold it",
                    stacklevel=8,
                )
            return maker
    raise ValueError(f"no encoder for {remake.track.codec}")


def _codec_name(stream: Stream) -> str | None:
    context: CodecContext | None = stream.codec_context
    return context.name if context is not None else None


def _codec_tag(stream: Stream) -> str | None:
    try:
        return stream.codec_context.codec_tag if stream.type == "video" else None
    except UnicodeDecodeError:  # tags are four bytes, not always letters
        return None


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in metadata.items() if k.lower() not in STALE_TAGS}


def _copy_chapters(source: InputContainer, out: OutputContainer, lift: Fraction) -> None:
    chapters = source.chapters()
    for chapter in chapters:
        time_base = chapter["time_base"] or Fraction(1, 1000)
        by = round(lift / time_base)
        chapter["end"] += by
        # MP4 lays chapters end to end from zero: what is new before the first one belongs to it.
        chapter["start"] += by if chapter["start"] > 0 else 0
    if chapters:
        out.set_chapters(chapters)
