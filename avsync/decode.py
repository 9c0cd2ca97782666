"""Opening and decoding: frames in the order of the file, and a count of what could not be decoded."""

import contextlib
import io
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import av
from av.audio import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video import VideoStream

from avsync.damage import Damage, Packet, packet_time
from avsync.ffmpeg_log import heard
from avsync.fileindex import Numbering, next_entry
from avsync.timebase import pts_to_seconds

Decoded: TypeAlias = "av.VideoFrame | av.AudioFrame"

Source: TypeAlias = Path | bytes
"""Where a file's bytes are: under a name, or in memory."""

MAX_THREADS = 8
"""More cost memory and gain little."""

NO_SLICES = ("vp8",)
"""Codecs whose pictures come out differently in every run when slices are decoded side by side."""

MAX_FAILURES = 8
"""After so many failures to read on, one after another, a file has broken off."""

SOUND_ALONE = {"skip_frame": "all", "pixel_format": "yuv420p"}
"""FFmpeg's options for a file of which no picture is read: none is decoded to find out the format of its
pixels, which takes 30 ms at 1920x1080. Of the sound all is found out."""

AHEAD = 3
"""Pictures that are decoded ahead of the one that is being converted."""


def source_name(source: Source | None) -> str:
    """How messages call a source."""
    return "a file in memory" if source is None or isinstance(source, bytes) else str(source)


def open_container(source: Source, options: dict[str, str] | None = None) -> InputContainer:
    """Open a file for reading. The prefix keeps a colon in its name from being read as a protocol."""
    if isinstance(source, bytes):
        return av.open(io.BytesIO(source), "r", options=options, metadata_errors="replace")
    return av.open(f"file:{source}", options=options, metadata_errors="replace")


def cpus() -> int:
    """How many processors this process may use for decoding: one in a child process, which has siblings."""
    if multiprocessing.parent_process() is not None:
        return 1
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return max(len(affinity(0)) if affinity else os.cpu_count() or 1, 1)


def use_threads(stream: Stream) -> None:
    """Decode pictures on several processors. To be called before the first packet is decoded."""
    if not isinstance(stream, VideoStream):
        return
    context = stream.codec_context
    # Not by frames: threads that decode ahead may log of damage while the file is closed, and wait for
    # Python's lock for ever. `ahead` decodes while the caller converts.
    context.thread_type = "SLICE"
    context.thread_count = 1 if context.codec.canonical_name in NO_SLICES else min(cpus(), MAX_THREADS)


def demux(container: InputContainer, streams: Sequence[Stream], damage: Damage) -> Iterator[Packet]:
    """The packets of some streams, from the container's position on.

    At a damaged place it goes on behind it, and ends where nothing more can be read.
    """
    packets = container.demux(list(streams))
    numbering = Numbering(container)
    table = streams[0] if len(streams) == 1 and "mov" in container.format.name else None
    last: float | None = None
    tried: tuple[int | None, int | None] = None, None
    floor: int | None = None
    failures = 0
    reason: str | None = None
    while True:
        packet: Packet | None = None
        error: av.FFmpegError | None = None
        with heard() as told:
            try:
                packet = next(packets)
            except StopIteration:
                pass
            except IndexError:
                # PyAV stumbles at the end of a file in which a stream began late; asked again, it ends well.
                packets = container.demux(list(streams))
                continue
            except av.FFmpegError as caught:
                error = caught
        damage.hear(told, last)
        behind = None
        if table is not None and (error is not None or (packet is not None and not packet.size)):
            behind = next_entry(container, table, *tried)
        if error is not None or behind is not None:
            # What lies behind a damaged place may still be read.
            failures += 1
            reason = reason if error is None else error.strerror
            if failures == MAX_FAILURES:
                damage.break_off(reason, last)
                return
            if behind is not None and table is not None:
                yield final_packet(table)
                with contextlib.suppress(av.FFmpegError):  # then it fails again
                    container.seek(behind, stream=table, backward=False)
                floor, tried = behind, (behind, None)
            packets = container.demux(list(streams))
            continue
        if packet is None:
            if failures and reason:
                damage.break_off(reason, last)
            return
        if packet.size:
            if packet.dts is not None and floor is not None and packet.dts < floor:
                continue  # read already
            damage.skip(numbering.correct(packet))
            if failures:
                damage.interrupt(last, packet_time(packet))
                failures, reason = 0, None
            last, tried = packet_time(packet), (packet.dts, packet.pos)
        yield packet


def final_packet(stream: Stream) -> Packet:
    """A packet that has the decoder of a stream hand out what it still holds."""
    packet: Packet = av.Packet()
    packet.stream = stream
    return packet


def decode(
    container: InputContainer, streams: Sequence[Stream], damage: Damage | None = None
) -> Iterator[Decoded]:
    """The frames that decode, from the container's position on; damaged packets are passed over."""
    damage = Damage() if damage is None else damage
    for packet in demux(container, streams, damage):
        if packet.is_corrupt:
            damage.mark(packet)
        damage.expect(packet)
        with heard() as told:
            try:
                frames = packet.decode()
            except (
                av.FFmpegError,
                AttributeError,
            ):  # a damaged head turned the stream into one without decoder
                damage.lost(packet)
                frames = []
        damage.hear(told, packet_time(packet))
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                damage.seen(frame)
                yield frame
            elif isinstance(frame, av.AudioFrame):
                yield frame
    if damage.broken_off is None:
        return
    for stream in streams:  # no packet has told the decoders to hand out what they still hold
        if isinstance(stream, VideoStream | AudioStream):
            with contextlib.suppress(av.FFmpegError):
                yield from stream.codec_context.decode(None)


def frame_time(frame: Decoded) -> float | None:
    """Seconds of a frame's time stamp."""
    return (
        None if frame.pts is None or frame.time_base is None else pts_to_seconds(frame.pts, frame.time_base)
    )


def ahead(frames: Iterator[Decoded]) -> Generator[Decoded]:
    """The same frames, decoded on another thread while the caller converts those before.

    FFmpeg and swscale release Python's lock, so that decoding and conversion overlap. The container must not
    be touched until this iterator is closed or has ended. In a child process (a data loader's) it does
    nothing.
    """
    if cpus() < 2:
        yield from frames
        return
    pool, process = ThreadPoolExecutor(1, thread_name_prefix="avsync-decode"), os.getpid()
    try:
        waiting: deque[Future[Decoded | None]] = deque()
        while True:
            while len(waiting) < AHEAD:
                waiting.append(pool.submit(next, frames, None))
            frame = waiting.popleft().result()
            if frame is None:
                return
            yield frame
    finally:
        if os.getpid() == process:  # a forked child has no such thread to wait for
            pool.shutdown(wait=True, cancel_futures=True)
