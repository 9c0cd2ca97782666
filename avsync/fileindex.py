"""What a file's own index says of its packets: where reading can go on, and which pictures are lost."""

from bisect import bisect_left

from av.container import InputContainer
from av.index import IndexEntries
from av.stream import Discard, Stream
from av.video import VideoStream

from avsync.damage import Packet
from avsync.timebase import pts_to_seconds

CHUNK_HEAD = 8
"""Bytes of a chunk of AVI before its data."""


def read_alone(container: InputContainer, stream: Stream) -> None:
    """Pass over the other streams of MP4 and MOV, so that their damage is none of this one."""
    for other in container.streams if "mov" in container.format.name else ():
        if other.index != stream.index:
            other.discard = Discard.all


def next_entry(
    container: InputContainer, stream: Stream, tried: int | None, position: int | None
) -> int | None:
    """Time stamp of a packet at which reading can go on; None where none is left that lies in the file.

    `tried`: the DTS of the last packet that was read, or was to be read; `position`: its place in the file.
    By the table that MP4 and MOV hold. Where it leads out of the file, FFmpeg says that the file has ended;
    it would read on behind that, but with the time stamps of others.
    """
    entries = stream.index_entries
    first = 1 if tried is None else entries.search_timestamp(tried + 1, backward=False, any_frame=True)
    for place in range(first, len(entries)) if first >= 0 else ():
        entry = entries[place]
        inside = 0 <= entry.pos <= container.size - entry.size
        if inside and entry.is_keyframe and entry.pos != position:
            return int(entry.timestamp)
    return None


class Numbering:
    """The numbers of the pictures of an AVI file, which are all the times it has.

    FFmpeg counts the pictures that it finds: where some are lost, those behind would come too early. The
    index at the end of the file tells the number of each by its place.
    """

    def __init__(self, container: InputContainer) -> None:
        self._entries: dict[int, IndexEntries] = {}
        for stream in container.streams if container.format.name == "avi" else ():
            entries = stream.index_entries
            whole = len(entries) > 1 and entries[-1].timestamp == stream.frames - 1
            if whole and isinstance(stream, VideoStream):
                self._entries[stream.index] = entries
        self._next = dict.fromkeys(self._entries, 0)
        self._shift = dict.fromkeys(self._entries, 0)

    def correct(self, packet: Packet) -> list[float]:
        """Give a packet its number; seconds of the pictures that are lost before it."""
        index, entries = packet.stream_index, self._entries.get(packet.stream_index)
        if entries is None or packet.dts is None or packet.pos is None:
            return []
        place, position = self._next[index], packet.pos - CHUNK_HEAD
        if place >= len(entries) or entries[place].pos != position:
            place = bisect_left(entries, position, key=lambda entry: int(entry.pos))
            if place == len(entries) or entries[place].pos != position:
                return []
        number = int(entries[place].timestamp)
        before, shift = self._shift[index], number - packet.dts
        if shift < before:  # an index of another file
            return []
        lost = []
        for back in range(place - 1, -1, -1):
            if shift == before or entries[back].timestamp < number - (shift - before):
                break
            lost.append(pts_to_seconds(entries[back].timestamp, packet.time_base))
        self._next[index], self._shift[index] = place + 1, shift
        packet.dts = number
        packet.pts = None if packet.pts is None else packet.pts + shift
        return lost
