"""What decoding lost of a damaged file: how many packets or pictures, and where."""

import math
import re
from dataclasses import dataclass, field
from typing import TypeAlias

import av
from av.stream import Stream
from av.video import VideoStream

from avsync.timebase import pts_to_seconds

Packet: TypeAlias = "av.Packet[Stream]"

ONE_TO_ONE = ("h264", "hevc", "mpeg1video", "mpeg2video")
"""Codecs of which each packet gives a picture; others have packets that only help to decode."""

NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")

MAX_TOLD = 4
"""Kinds of FFmpeg's lines that are repeated to the user."""


@dataclass(slots=True)
class Loss:
    """Packets or frames of one kind that are lost, and where: seconds of the first and the last."""

    count: int = 0
    first: float | None = None
    last: float | None = None

    def add(self, time: float | None) -> None:
        """One more, at `time` where that is known."""
        self.count += 1
        self.widen(time)

    def widen(self, time: float | None) -> None:
        """What is lost reaches to `time`."""
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)

    def place(self) -> str:
        """Where, in words: ` at 1.240 s`, ` between 1.240 and 2.000 s`, or nothing."""
        if self.first is None or self.last is None:
            return ""
        if self.last - self.first < 5e-4:
            return f" at {self.first:.3f} s"
        return f" between {self.first:.3f} and {self.last:.3f} s"


@dataclass(slots=True)
class Damage:
    """What decoding passed over, and the error in which the container ended."""

    undecoded: dict[str, Loss] = field(default_factory=dict)
    """Packets that could not be decoded, by the kind of their stream."""
    marked: dict[str, Loss] = field(default_factory=dict)
    """Packets that the container marks as damaged; what decodes of them is delivered."""
    pictures: Loss = field(default_factory=Loss)
    """Pictures that the decoder marks as damaged; they are delivered."""
    broken_off: str | None = None
    end: float | None = None
    """Seconds of the last packet before reading broke off."""
    interruptions: Loss = field(default_factory=Loss)
    """Places at which reading failed, and went on behind them: the packets around them."""
    skipped: Loss = field(default_factory=Loss)
    """Pictures that the file's index names and that were not found."""
    told: dict[str, Loss] = field(default_factory=dict)
    """What FFmpeg's log said, and when it was said."""
    since: float = -math.inf
    """Seconds: what is lost before is not asked for, as pictures that refer to others before an entrance."""
    _expected: int = 0
    _given: int = 0
    _due: dict[int, float | None] = field(default_factory=dict)

    def expect(self, packet: Packet) -> None:
        """Count a packet of which a picture shall come."""
        stream = packet.stream
        if not isinstance(stream, VideoStream) or not packet.size or packet.is_discard:
            return
        if stream.codec_context is not None and stream.codec_context.name in ONE_TO_ONE:
            self._expected += 1
            if packet.pts is not None:
                self._due[packet.pts] = packet_time(packet)

    def seen(self, frame: av.VideoFrame) -> None:
        """Count a picture that came, and whether the decoder marks it as damaged."""
        self._given += 1
        # The two halves of an interlaced picture may come in packets of their own.
        self._given += int(frame.interlaced_frame)
        if frame.pts is not None:
            self._due.pop(frame.pts, None)
        if frame.is_corrupt:
            time = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
            if self._counts(None if time is None else float(time)):
                self.pictures.add(None if time is None else float(time))

    def hear(self, lines: list[str], time: float | None) -> None:
        """Note what FFmpeg said when it had come to `time`."""
        for line in lines if self._counts(time) else ():
            # Addresses and numbers differ from line to line of one kind.
            kind = NUMBERS.sub("..", line)
            if kind in self.told or len(self.told) < MAX_TOLD:
                self.told.setdefault(kind, Loss()).add(time)

    def absent(self) -> str | None:
        """Which pictures did not come of the packets that were read to the end; None for none."""
        missing = self._expected - self._given
        if missing <= 0:
            return None
        loss = Loss()
        for time in self._due.values():
            loss.add(time)
        return f"{missing} of {self._expected} pictures could not be decoded{loss.place()}"

    def lost(self, packet: Packet) -> None:
        """Count a packet that cannot be decoded."""
        time = packet_time(packet)
        if self._counts(time):
            self.undecoded.setdefault(packet.stream.type, Loss()).add(time)

    def mark(self, packet: Packet) -> None:
        """Count a packet that is marked as damaged."""
        time = packet_time(packet)
        if self._counts(time):
            self.marked.setdefault(packet.stream.type, Loss()).add(time)

    def skip(self, times: list[float]) -> None:
        """Count pictures that were not found, by the seconds at which they belong."""
        for time in times:
            if self._counts(time):
                self.skipped.add(time)

    def interrupt(self, before: float | None, behind: float | None) -> None:
        """Reading failed behind the packet at `before` and went on at `behind` (seconds)."""
        if self._counts(behind):
            self.interruptions.add(behind)
            self.interruptions.widen(before)

    def break_off(self, reason: str | None, time: float | None) -> None:
        """Reading failed for good behind the packet at `time` (seconds)."""
        self.broken_off, self.end = reason, time

    def _counts(self, time: float | None) -> bool:
        return time is None or time >= self.since

    def forget(self, since: float) -> None:
        """Begin anew, at a time in seconds."""
        self.since = since
        self.undecoded.clear()
        self.marked.clear()
        self.told.clear()
        self.pictures = Loss()
        self.interruptions = Loss()
        self.skipped = Loss()
        self.broken_off = self.end = None
        self._expected = self._given = 0
        self._due.clear()

    def words(self) -> list[str]:
        """What was lost and where, for a message."""
        told = [
            f"{loss.count} {kind} packets could not be decoded{loss.place()}"
            for kind, loss in sorted(self.undecoded.items())
        ]
        told += [
            f"{loss.count} {kind} packets are marked as damaged{loss.place()}"
            for kind, loss in sorted(self.marked.items())
        ]
        if self.pictures.count:
            told.append(f"{self.pictures.count} pictures are damaged{self.pictures.place()}")
        told += [f"FFmpeg says {kind!r}{loss.place()}" for kind, loss in self.told.items()]
        if self.skipped.count:
            told.append(f"{self.skipped.count} pictures are missing{self.skipped.place()}")
        if self.interruptions.count:
            often = "" if self.interruptions.count == 1 else f" {self.interruptions.count} times"
            lies = "lies there" if self.interruptions.first != self.interruptions.last else "lay before"
            told.append(f"reading was interrupted{often}{self.interruptions.place()}: what {lies} is lost")
        if self.broken_off:
            place = "" if self.end is None else f" after {self.end:.3f} s"
            told.append(f"reading broke off{place} ({self.broken_off})")
        return told


def packet_time(packet: Packet) -> float | None:
    """Seconds of a packet's time stamp."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None else pts_to_seconds(ticks, packet.time_base)
