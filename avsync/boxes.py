"""What MP4 and MOV files say of their tracks and FFmpeg does not hand on: edit lists and sample tables.

Such a file is a tree of boxes (ISO/IEC 14496-12): four bytes of size, four of name, a body. Only the headers
of boxes and the few bodies that are needed are read, never the media. Nothing here raises on damaged input:
what cannot be understood is left out.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAX_BOXES = 200_000
"""Boxes looked at in one file. A damaged file can hold millions of empty ones."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes read of one box. The table of times of a 3-hour film with a variable rate has 5 MB."""

BRANCHES = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"}
"""Boxes that hold the boxes wanted here; no deeper than they are listed."""

UNKNOWN_32, UNKNOWN_64 = 2**32 - 1, 2**64 - 1
"""Durations with all bits set are not known."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry of a track's edit list: a piece of the media that is presented, one after the other."""

    duration: float
    """Seconds that it lasts on the presentation clock; 0 where the list leaves the end open."""
    media_time: float | None
    """Seconds into the media at which it begins; None: nothing is presented, the stream starts later."""
    rate: float = 1.0
    """Speed; players and FFmpeg take all but 1 for 1."""


@dataclass(frozen=True, slots=True)
class Track:
    """What the header of an MP4 or MOV file says of one track."""

    number: int = 0
    """The track's id, which is `id` of the stream in FFmpeg."""
    timescale: int = 0
    media_duration: float | None = None
    """Seconds that the track's header declares, before the edit list."""
    table_duration: float | None = None
    """Seconds that the table of sample times adds up to; None where it is empty (fragmented files)."""
    samples: int = 0
    """Pictures or packets that the table counts."""
    edits: tuple[Edit, ...] = ()


def read_tracks(path: str | os.PathLike[str]) -> tuple[Track, ...]:
    """The tracks of an MP4 or MOV file in the order of the file; empty where it has none that can be read."""
    try:
        with Path(path).open("rb") as file:
            return _read(file)
    except OSError:
        return ()


def _read(file: BinaryIO) -> tuple[Track, ...]:
    tracks: list[Track] = []
    raw_edits: list[list[tuple[int, int, float]]] = []
    movie_scale = 0
    for name, start, end in _walk(file, 0, file.seek(0, os.SEEK_END), [MAX_BOXES], top=True):
        if name == b"trak":
            tracks.append(Track())
            raw_edits.append([])
        elif name == b"mvhd":
            movie_scale, _ = _scale_and_duration(_body(file, start, end))
        elif name in FIELDS and tracks:
            tracks[-1] = FIELDS[name](tracks[-1], _body(file, start, end))
        elif name == b"elst" and tracks:
            raw_edits[-1] = _edits(_body(file, start, end))
    return tuple(
        replace(track, edits=_in_seconds(edits, movie_scale, track.timescale))
        for track, edits in zip(tracks, raw_edits, strict=True)
    )


def _walk(
    file: BinaryIO, start: int, end: int, budget: list[int], top: bool = False, depth: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each box's body, branches before what they hold; it ends with the first moov."""
    while start + 8 <= end and budget[0] > 0:
        budget[0] -= 1
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, name = struct.unpack(">I4s", header[:8])
        body = start + 8
        if size == 1 and len(header) == 16:
            size, body = struct.unpack(">Q", header[8:])[0], start + 16
        elif size == 0:  # to the end of the file
            size = end - start
        if size < body - start:
            return
        stop = min(start + size, end)
        yield name, body, stop
        if name in BRANCHES and depth < len(BRANCHES):
            yield from _walk(file, body, stop, budget, depth=depth + 1)
        if top and name == b"moov":
            return
        start += size


def _body(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, min(end - start, MAX_BODY)))


def _scale_and_duration(body: bytes) -> tuple[int, int | None]:
    """Ticks a second and length in ticks, from `mvhd` or `mdhd`."""
    long = body[:1] == b"\x01"
    layout, offset = (">IQ", 20) if long else (">II", 12)
    if len(body) < offset + struct.calcsize(layout):
        return 0, None
    scale, duration = struct.unpack_from(layout, body, offset)
    return scale, None if duration == (UNKNOWN_64 if long else UNKNOWN_32) else duration


def _with_header(track: Track, body: bytes) -> Track:
    offset = 20 if body[:1] == b"\x01" else 12
    return replace(track, number=int.from_bytes(body[offset : offset + 4], "big"))


def _with_media_header(track: Track, body: bytes) -> Track:
    scale, duration = _scale_and_duration(body)
    seconds = duration / scale if scale and duration is not None else None
    return replace(track, timescale=scale, media_duration=seconds)


def _with_times(track: Track, body: bytes) -> Track:
    count = min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // 8)
    if count <= 0 or not track.timescale:
        return track
    table = np.frombuffer(body, ">u4", 2 * count, 8).reshape(count, 2).astype(np.float64)
    seconds = float(table.prod(axis=1).sum()) / track.timescale
    return replace(track, samples=int(table[:, 0].sum()), table_duration=seconds)


FIELDS = {b"tkhd": _with_header, b"mdhd": _with_media_header, b"stts": _with_times}
"""What each box adds to its track."""


def _edits(body: bytes) -> list[tuple[int, int, float]]:
    """Length in ticks of the movie, begin in ticks of the media (-1: nothing), speed."""
    layout = struct.Struct(">Qqi" if body[:1] == b"\x01" else ">Iii")
    count = min(int.from_bytes(body[4:8], "big"), max(0, len(body) - 8) // layout.size, MAX_BOXES)
    rows = layout.iter_unpack(body[8 : 8 + count * layout.size]) if count else ()
    return [(duration, begin, rate / 65_536) for duration, begin, rate in rows]


def _in_seconds(edits: list[tuple[int, int, float]], movie_scale: int, scale: int) -> tuple[Edit, ...]:
    if not movie_scale or not scale:
        return ()
    return tuple(
        Edit(duration / movie_scale, None if begin < 0 else begin / scale, rate)
        for duration, begin, rate in edits
    )
