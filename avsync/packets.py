"""Encoded packets and their time stamps: reading, completing and moving them, for copies without decoding."""

import warnings
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Stream

from avsync.damage import Damage, Packet
from avsync.decode import decode, demux, use_threads
from avsync.pictureclock import PictureTrack
from avsync.streams import describe, open_media
from avsync.timebase import FLICK, Times, pts_to_seconds, rescale


def readable(source: InputContainer, streams: list[Stream]) -> Iterator[Packet]:
    """All packets that can be read; a file that breaks off is copied up to there."""
    damage = Damage()
    for packet in demux(source, streams, damage):
        if packet.size:  # an empty packet only says that its stream has ended
            yield packet
    if damage.broken_off:
        place = "" if damage.end is None else f" after {damage.end:.3f} s"
        warnings.warn(
            f"{source.name}: reading broke off{place} ({damage.broken_off}); the rest is not copied",
            stacklevel=7,
        )


def display_order(path: Path) -> tuple[dict[int, int], int]:
    """The true PTS for each false one of an AVI file's pictures; by how many ticks their DTS must be earlier.

    Both are empty where the time stamps are right: see `PictureTrack.sorted_pts`.
    """
    with open_media(path) as container:
        info = describe(container, path)
        if info.container != "avi" or info.video is None:
            return {}, 0
        stream = container.streams[info.video]
        use_threads(stream)
        pictures = PictureTrack()
        for frame in decode(container, [stream]):
            if isinstance(frame, av.VideoFrame):
                pictures.add(frame)
    order = {
        false: true
        for false, true in zip(pictures.pts, pictures.sorted_pts(), strict=True)
        if false is not None and true is not None
    }
    if all(false == true for false, true in order.items()):
        return {}, 0
    with open_media(path) as container:
        late = [
            packet.dts - order[packet.pts]
            for packet in readable(container, [container.streams[info.video]])
            if packet.dts is not None and packet.pts in order
        ]
    return order, max(0, *late)


def complete_times(packets: Iterable[Packet]) -> Iterator[Packet]:
    """The packets with both time stamps, as muxers need them.

    Demuxers leave out the DTS of a stream's first packets where pictures are reordered: they are counted back
    from the first that is known. A packet without any time stamp cannot be placed and is passed over.
    """
    waiting: dict[int, list[Packet]] = {}
    known: set[int] = set()
    for packet in packets:
        index = packet.stream_index
        if index in known:
            if packet.dts is not None or packet.pts is not None:
                yield _with_both(packet)
        elif packet.dts is None:
            waiting.setdefault(index, []).append(packet)
        else:
            known.add(index)
            early = waiting.pop(index, [])
            for distance, first in enumerate(reversed(early), 1):
                first.dts = packet.dts - distance * max(packet.duration or 1, 1)
            yield from map(_with_both, [*early, packet])
    for rest in waiting.values():
        yield from (_with_both(p) for p in rest if p.pts is not None)


def _with_both(packet: Packet) -> Packet:
    if packet.dts is None:
        packet.dts = packet.pts
    if packet.pts is None:
        packet.pts = packet.dts
    return packet


def move(packet: Packet, by: Fraction) -> None:
    """Shift a packet on a tick so fine that only the muxer rounds."""
    time_base = packet.time_base
    ticks = round(by / FLICK)
    assert packet.pts is not None
    assert packet.dts is not None
    packet.pts = rescale(packet.pts, time_base, FLICK) + ticks
    packet.dts = rescale(packet.dts, time_base, FLICK) + ticks
    packet.duration = rescale(packet.duration or 0, time_base, FLICK)
    packet.time_base = FLICK


def keep_rising(packet: Packet, last: dict[int, int], time_base: Fraction | None) -> None:
    """Muxers refuse a DTS that does not rise, which damaged files have."""
    index = packet.stream_index
    assert packet.pts is not None
    assert packet.dts is not None
    if index in last and packet.dts <= last[index]:
        packet.dts = last[index] + max(round((time_base or FLICK) / FLICK), 1)
        packet.pts = max(packet.pts, packet.dts)
    last[index] = packet.dts


def packet_times(path: Path) -> dict[str, tuple[Times, int]]:
    """PTS in seconds of the first video and audio stream, sorted, and how many of its packets are not
    shown.
    """
    times = {"video": array("d"), "audio": array("d")}
    hidden = Counter[str]()
    with open_media(path) as container:
        streams: dict[str, Stream] = {}
        for info in describe(container, path).streams:
            if info.kind in times and not info.cover:
                streams.setdefault(info.kind, container.streams[info.index])
        for packet in readable(container, list(streams.values())):
            pts = packet.pts if packet.pts is not None else packet.dts
            if pts is not None and packet.time_base is not None:
                times[packet.stream.type].append(pts_to_seconds(pts, packet.time_base))
                hidden[packet.stream.type] += packet.is_discard
    return {kind: (np.sort(np.array(values)), hidden[kind]) for kind, values in times.items()}
