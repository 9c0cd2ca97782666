"""All the ways in which the fuzz damages files, from a seed."""

import contextlib
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from flashbeep import LAYOUTS, MUXERS
from fuzz_files import Base, make_base

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
NAMES = (
    "with space",
    "größe π 名前",
    "-dash",
    "--",
    "line\nbreak",
    "100%d %s",
    "a:b",
    "file:x",
    "'quote\"",
    "#?&=",
)


@dataclass(frozen=True)
class Case:
    """A damaged file. `base` names the file whose truth it should have kept."""

    kind: str
    base: str
    detail: str
    data: bytes
    name: str = ""


def truncations(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """Each border and one byte around it, powers of two, the last 1 to 64 bytes, anywhere."""
    size = len(base.data)
    cuts = {b + d for b in base.borders for d in (-1, 0, 1)} | {size - n for n in range(1, 65)}
    cuts |= {2**n for n in range(20)} | set(draw.integers(0, size, 64).tolist())
    possible = np.array(sorted(c for c in cuts if 0 <= c < size))
    for cut in draw.choice(possible, min(count, len(possible)), replace=False).tolist():
        yield Case("truncated", base.name, f"at {cut} of {size}", base.data[:cut])


def _is_packet(base: Base) -> np.ndarray:
    inside = np.zeros(len(base.data), bool)
    for at, size in base.packets:
        inside[at : at + size] = True
    if base.suffix == ".ts":
        inside = np.arange(len(base.data)) % 188 >= 12
    return inside


def flips(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """One to three bits in headers, or in packets."""
    inside = _is_packet(base)
    for i in range(count):
        kind, where = (("header bits", ~inside), ("packet bits", inside))[i % 2]
        places = np.flatnonzero(where)
        data = bytearray(base.data)
        bits = [(int(draw.choice(places)), int(draw.integers(8))) for _ in range(draw.integers(1, 4))]
        for at, bit in bits:
            data[at] ^= 1 << bit
        yield Case(kind, base.name, f"byte and bit {bits}", bytes(data))


def blocks(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """Blocks zeroed, doubled, left out, replaced by noise."""
    for i in range(count):
        kind = ("zeroed", "doubled", "left out", "noise")[i % 4]
        size = int(2 ** draw.uniform(0, 11))
        at = int(draw.integers(0, max(len(base.data) - size, 1)))
        old = base.data[at : at + size]
        new = {
            "zeroed": bytes(len(old)),
            "doubled": old + old,
            "left out": b"",
            "noise": draw.bytes(len(old)),
        }[kind]
        yield Case(
            f"block {kind}", base.name, f"{size} bytes at {at}", base.data[:at] + new + base.data[at + size :]
        )


def packet_damage(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """The first key frame, or any packet, zeroed in its place."""
    if base.suffix == ".ts":
        return
    for i in range(count):
        at, size = base.packets[0] if i == 0 else base.packets[int(draw.integers(len(base.packets)))]
        kind = "first packet zeroed" if i == 0 else "packet zeroed"
        data = base.data[:at] + bytes(size) + base.data[at + size :]
        yield Case(kind, base.name, f"{size} bytes at {at}", data)
        if base.suffix == ".avi":  # a chunk without content
            data = base.data[: at - 4] + bytes(4) + base.data[at + size + size % 2 :]
            yield Case("packet of no size", base.name, f"{size} bytes at {at}", data)


Edit = Callable[[int, av.Packet, np.random.Generator], bool]
"""Changes a packet (its number within its stream is given); False leaves it out."""


def _second(packet: av.Packet) -> int:
    return round(1 / packet.time_base)


def _shift(packet: av.Packet, ticks: int) -> bool:
    packet.pts += ticks
    packet.dts += ticks
    return True


def _edits(kind: str, stream: str, at: int, by: float) -> Edit:
    def edit(i: int, packet: av.Packet, draw: np.random.Generator) -> bool:
        if packet.stream.type != stream:
            return True
        if kind == "no key frame":
            return i > 0
        if kind == "lost packets":
            return not at <= i < at + 3
        if kind == "jump" and i >= at:
            return _shift(packet, round(by * _second(packet)))
        if kind == "one stray" and i == at:
            return _shift(packet, round(by * _second(packet)))
        if kind == "huge duration" and i == at:
            packet.duration = 2**31 - 1
        return True

    return edit


def stamps(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """Copies in the same container: stamps that jump, repeat, are negative or huge; lost packets."""
    kinds = ("no key frame", "lost packets", "jump", "one stray", "jump", "one stray", "huge duration")
    for i in range(count):
        kind = kinds[i % len(kinds)]
        stream = "video" if i % 3 else "audio"
        at = int(draw.integers(1, 25))
        by = float(draw.choice([-2.0, -0.5, -0.04, -0.02, 0.02, 0.5, 3.0, 60.0, 3e4, 1e6]))
        data = remuxed(base, _edits(kind, stream, at, by), draw)
        if data:
            how = f", {by} s" if kind in ("jump", "one stray") else ""
            yield Case(kind, base.name, f"{stream} from packet {at}{how}", data)


def remuxed(base: Base, edit: Edit, draw: np.random.Generator) -> bytes | None:
    """The file's packets, edited, in a new file; None where the muxer refuses."""
    out = io.BytesIO()
    form = MUXERS.get(base.suffix[1:], base.suffix[1:])
    try:
        with av.open(io.BytesIO(base.data)) as source, av.open(out, "w", format=form) as sink:
            streams = {s.index: sink.add_stream_from_template(s) for s in source.streams}
            counts = dict.fromkeys(streams, 0)
            for packet in source.demux():
                if not packet.size or packet.pts is None or packet.dts is None:
                    continue
                number = counts[packet.stream.index]
                counts[packet.stream.index] += 1
                if edit(number, packet, draw):
                    packet.stream = streams[packet.stream.index]
                    with contextlib.suppress(av.FFmpegError):  # a muxer that refuses single stamps
                        sink.mux(packet)
        return out.getvalue()
    except (av.FFmpegError, ValueError, OverflowError):
        return None


def headers(base: Base, draw: np.random.Generator, count: int) -> Iterator[Case]:
    """Fields of MP4 that say how long and when: replaced by 0, 1, -1 and huge numbers; sizes by 0."""
    if base.suffix not in (".mp4", ".mov"):
        return
    names = b"mdhd mvhd tkhd elst stts stsz ctts stsc stco trun tfdt stss".split()
    found = [m for m in names if m in base.data]
    for _ in range(count):
        name = found[int(draw.integers(len(found)))]
        places = [i for i in range(len(base.data)) if base.data.startswith(name, i)]
        at = int(draw.choice(places)) + 8 + 4 * int(draw.integers(0, 8))
        anything = int(draw.integers(2**32))
        value = int(draw.choice([0, 1, 2**32 - 1, 2**31 - 1, 2**31, anything, anything % 1000]))
        data = base.data[:at] + struct.pack(">I", value) + base.data[at + 4 :]
        yield Case(f"field of {name.decode()}", base.name, f"{value} at {at}", data)


def cases(sources: dict[str, Base], count: int, seed: int = 0) -> Iterator[Case]:
    """About `count` damaged files; the same for the same seed."""
    share = count / len(sources)
    for i, base in enumerate(sources.values()):
        draw = np.random.default_rng([seed, i])
        yield from truncations(base, draw, round(0.30 * share))
        yield from flips(base, draw, round(0.26 * share))
        yield from blocks(base, draw, round(0.20 * share))
        yield from packet_damage(base, draw, round(0.06 * share))
        yield from stamps(base, draw, round(0.18 * share))
        yield from headers(base, draw, round(0.20 * share))


def odd_sounds(folder: Path) -> Iterator[tuple[Base, Case]]:
    """Undamaged files: every rate with one to eight channels, and every odd name."""
    for i, rate in enumerate(RATES):
        for channels in LAYOUTS:
            suffix, audio = (("mkv", "pcm_s16le"), ("mov", "pcm_s16le"), ("mkv", "flac"))[(i + channels) % 3]
            name = f"{rate}x{channels}.{suffix}"
            base = make_base(
                name, folder, audio=audio, sample_rate=rate, channels=channels, rate=Fraction(25)
            )
            yield (
                base,
                Case("sound rates and channels", name, f"{audio} {rate} Hz, {channels} channels", base.data),
            )
    plain = make_base("plain.mp4", folder)
    for name in NAMES:
        for suffix in (".mp4", ".mkv"):
            yield plain, Case("names", plain.name, repr(name), plain.data, name + suffix)
