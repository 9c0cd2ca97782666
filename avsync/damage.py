"""What decoding lost of a damaged file: how many packets or pictures, and where."""

from dataclasses import dataclass, field
from typing import TypeAlias

import av
from av.stream import Stream

from avsync.timebase import pts_to_seconds

Packet: TypeAlias = "av.Packet[Stream]"


@dataclass(slots=True)
class Loss:
    """Packets or frames of one kind that are lost, and where: seconds of the first and the last."""

    count: int = 0
    first: float | None = None
    last: float | None = None

    def add(self, time: float | None) -> None:
        """One more, at `time` where that is known."""
        self.count += 1
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

    def lost(self, packet: Packet) -> None:
        """Count a packet that cannot be decoded."""
        self.undecoded.setdefault(packet.stream.type, Loss()).add(packet_time(packet))

    def mark(self, packet: Packet) -> None:
        """Count a packet that is marked as damaged."""
        self.marked.setdefault(packet.stream.type, Loss()).add(packet_time(packet))

    def forget(self) -> None:
        """Begin anew."""
        self.undecoded.clear()
        self.marked.clear()
        self.pictures = Loss()
        self.broken_off = None

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
        if self.broken_off:
            told.append(f"reading broke off ({self.broken_off})")
        return told


def packet_time(packet: Packet) -> float | None:
    """Seconds of a packet's time stamp."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None else pts_to_seconds(ticks, packet.time_base)
