"""Opening and decoding: frames in the order of the file, and a count of what could not be decoded."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import av
from av.audio import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video import VideoStream

Packet: TypeAlias = "av.Packet[Stream]"

DECODER_THREADS = 4
"""A fixed number, so that damaged streams decode alike on all machines."""


@dataclass(slots=True)
class Damage:
    """What decoding passed over: packets by kind of stream, and the error in which the container ended."""

    packets: Counter[str] = field(default_factory=Counter)
    broken_off: str | None = None


def open_container(path: Path) -> InputContainer:
    """Open a file for reading. The prefix keeps a colon in its name from being read as a protocol."""
    return av.open(f"file:{path}", metadata_errors="replace")


def use_threads(stream: Stream) -> None:
    """Decode pictures on several cores. To be called before the first packet is decoded.

    By frames only: FFmpeg's default, slices, gives other pixels in every run for VP8.
    """
    if isinstance(stream, VideoStream):
        stream.codec_context.thread_type = "FRAME"
        stream.codec_context.thread_count = DECODER_THREADS


def demux(container: InputContainer, streams: Sequence[Stream], damage: Damage) -> Iterator[Packet]:
    """The packets of some streams, from the container's position on; at an error of the container it ends."""
    packets = container.demux(list(streams))
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except IndexError:
            # PyAV stumbles at the end of a file in which a stream began late; asked again, it ends well.
            packets = container.demux(list(streams))
        except av.FFmpegError as error:
            damage.broken_off = error.strerror
            return


def decode(
    container: InputContainer, streams: Sequence[Stream], damage: Damage | None = None
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """The frames that decode, from the container's position on; damaged packets are passed over."""
    damage = Damage() if damage is None else damage
    for packet in demux(container, streams, damage):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damage.packets[packet.stream.type] += 1
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame | av.AudioFrame):
                yield frame
    if damage.broken_off is None:
        return
    for stream in streams:  # no packet has told the decoders to hand out what they still hold
        if isinstance(stream, VideoStream | AudioStream):
            with contextlib.suppress(av.FFmpegError):
                yield from stream.codec_context.decode(None)
