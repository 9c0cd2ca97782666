"""A file of any length, written in seconds: the packets of a rendered minute, again and again."""

from pathlib import Path

import av
from flashbeep import render


def repeat(path: Path, minutes: int) -> Path:
    """So many minutes of 128 x 64 pictures at 25 fps with AAC sound."""
    minute = path.with_name("minute.mkv")
    if not minute.exists():
        render(minute, seconds=60.0, audio="aac", b_frames=0)
    with av.open(str(minute)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        first: dict[int, int] = {}
        packets = []
        for packet in source.demux():
            if (
                packet.size
                and packet.pts - first.setdefault(packet.stream.index, packet.pts) < 60 / packet.time_base
            ):
                packets.append(packet)
        for number in range(minutes):
            for packet in packets:
                again = av.Packet(bytes(packet))
                by = round(60 * number / packet.time_base)
                again.pts, again.dts, again.duration = packet.pts + by, packet.dts + by, packet.duration
                again.time_base, again.is_keyframe = packet.time_base, packet.is_keyframe
                again.stream = streams[packet.stream.index]
                out.mux(again)
    return path
