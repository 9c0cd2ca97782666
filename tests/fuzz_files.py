"""The small files that the fuzz damages: one of every container and codec, and where their parts lie."""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from flashbeep import render

SECONDS = 1.2
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}

BASES: dict[str, dict] = {
    "h264.mp4": {"audio": "aac"},
    "fragments.mp4": {"audio": "libmp3lame", "options": FRAGMENTS},
    "hevc.mov": {"video": "libx265", "audio": "pcm_s16le", "sample_rate": 16_000},
    "h264.mkv": {"audio": "flac", "sample_rate": 16_000},
    "av1.mkv": {"video": "libsvtav1", "audio": "libopus"},
    "vp9.webm": {"video": "libvpx-vp9", "audio": "libopus"},
    "live.webm": {"video": "libvpx", "audio": "libopus", "one_way": True},
    "mpeg4.avi": {"video": "mpeg4", "audio": "libmp3lame", "b_frames": 0},
    "h264.ts": {"audio": "aac"},
    "mpeg2.ts": {"video": "mpeg2video", "audio": "mp2"},
    "mpeg1.mpg": {"video": "mpeg1video", "audio": "mp2"},
    "h264.flv": {"audio": "aac"},
}


@dataclass(frozen=True)
class Base:
    """A sound file: its bytes, and where its packets lie."""

    name: str
    data: bytes
    packets: tuple[tuple[int, int], ...]
    """Position and size."""
    borders: tuple[int, ...]
    """Where boxes, elements, chunks, tags and packets begin."""

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix


def hum(times: np.ndarray) -> np.ndarray:
    """A sound that nowhere repeats: 160 tones of 300 to 3500 Hz."""
    draw = np.random.default_rng(7)
    pitch, phase = draw.uniform(300, 3500, 160), draw.uniform(0, 2 * np.pi, 160)
    return 0.02 * np.cos(2 * np.pi * pitch[:, None] * times + phase[:, None]).sum(axis=0)


def make_base(name: str, folder: Path, **how) -> Base:
    """Render a file and look where its parts lie."""
    path = folder / name
    render(path, **({"seconds": SECONDS, "sound": hum, "gop": 10} | how))
    data = path.read_bytes()
    packets = []
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.pos is not None and packet.pos >= 0:
                packets.append((packet.pos, packet.size))
    borders = {p for p, _ in packets} | {p + n for p, n in packets} | set(_borders(path.suffix, data))
    inside = tuple(sorted(b for b in borders if 0 < b < len(data)))
    return Base(name, data, tuple(sorted(packets)), inside)


def bases(folder: Path) -> dict[str, Base]:
    """All files to damage."""
    return {name: make_base(name, folder, **how) for name, how in BASES.items()}


def _borders(suffix: str, data: bytes) -> Iterator[int]:
    if suffix in (".mp4", ".mov"):
        yield from _boxes(data, 0, len(data))
    elif suffix in (".mkv", ".webm"):
        yield from _elements(data, 0, len(data), 0)
    elif suffix == ".avi":
        yield from _chunks(data, 12, len(data))
    elif suffix == ".ts":
        yield from range(0, len(data), 188)
    elif suffix == ".mpg":
        at = data.find(b"\0\0\1")
        while at >= 0:
            yield at
            at = data.find(b"\0\0\1", at + 3)


def _boxes(data: bytes, start: int, end: int) -> Iterator[int]:
    while start + 8 <= end:
        size = struct.unpack(">I", data[start : start + 4])[0]
        if not 8 <= size <= end - start:
            return
        yield start
        if data[start + 4 : start + 8] in (
            b"moov",
            b"trak",
            b"mdia",
            b"minf",
            b"stbl",
            b"edts",
            b"moof",
            b"traf",
        ):
            yield from _boxes(data, start + 8, start + size)
        start += size


def _vint(data: bytes, at: int, keep: bool) -> tuple[int, int]:
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big")
    unknown = (1 << 7 * width) - 1
    value = value if keep else value & unknown
    return (-1 if not keep and value == unknown else value), at + width


def _elements(data: bytes, start: int, end: int, depth: int) -> Iterator[int]:
    while start + 2 < end and data[start]:
        yield start
        with contextlib.suppress(IndexError):
            name, at = _vint(data, start, True)
            size, at = _vint(data, at, False)
            last = end if size < 0 else min(at + size, end)
            if name in (0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0x1549A966, 0x1C53BB6B, 0xA0) and depth < 5:
                yield from _elements(data, at, last, depth + 1)
            start = last
            continue
        return


def _chunks(data: bytes, start: int, end: int) -> Iterator[int]:
    while start + 8 <= end:
        yield start
        size = struct.unpack("<I", data[start + 4 : start + 8])[0]
        if data[start : start + 4] == b"LIST":
            yield from _chunks(data, start + 12, min(start + 8 + size, end))
        start += 8 + size + size % 2
