"""Opening and decoding: frames in the order of the file, and a count of what could not be decoded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.audio import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video import VideoStream

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


def decode(
    container: InputContainer, streams: Sequence[Stream], damage: Damage | None = None
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """The frames that decode, from the container's position on; damaged packets are passed over."""
    damage = Damage() if damage is None else damage
    packets = container.demux(list(streams))
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError as error:
            damage.broken_off = error.strerror
            break
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damage.packets[packet.stream.type] += 1
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame | av.AudioFrame):
                yield frame
    for stream in streams:  # what the decoders still hold
        if isinstance(stream, VideoStream | AudioStream):
            yield from stream.codec_context.decode(None)
