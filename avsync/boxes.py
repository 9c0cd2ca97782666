"""What MP4 and MOV files say of their tracks and FFmpeg does not hand on: edit lists and sample tables.

Such a file is a tree of boxes (ISO/IEC 14496-12): four bytes of size, four of name, a body. Only the headers
of boxes and the few bodies that are needed are read, never the media. Nothing here raises on damaged input:
what cannot be understood is left out.
"""

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_BOXES = 200_000
"""Boxes looked at in one file. A damaged file can hold millions of empty ones."""

MAX_BODY = 16 * 1024 * 1024
"""Bytes read of one box. The table of times of a 3-hour film with a variable rate has 5 MB."""

MAX_SAMPLES = 1_000_000
"""Samples whose times are looked at: 4 hours at 60 pictures a second."""

MAX_EDITS = 10_000
"""Entries read of one edit list."""

EDIT_ROUNDING = 0.5e-3
"""Seconds by which an edit's length is rounded in a movie with the usual clock of 1 ms."""

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
    hidden_before: int = 0
    """Samples of the table that are presented before the first piece of the edit list begins: never."""
    hidden_after: int = 0


def read_tracks(source: str | os.PathLike[str] | bytes) -> tuple[Track, ...]:
    """The tracks of an MP4 or MOV file (its name, or its content) in the order of the file.

    Empty where it has none that can be read.
    """
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file:
            return _read(file)
    except OSError:
        return ()


def _read(file: BinaryIO) -> tuple[Track, ...]:
    found: list[dict[bytes, bytes]] = []
    scale = 0
    for name, start, end in _walk(file, 0, file.seek(0, os.SEEK_END), [MAX_BOXES], top=True):
        if name == b"trak":
            found.append({})
        elif name == b"mvhd":
            scale, _ = _scale_and_duration(_body(file, start, end))
        elif found and name in (b"tkhd", b"mdhd", b"elst", b"stts", b"ctts"):
            found[-1].setdefault(name, _body(file, start, end))
    return tuple(_track(bodies, scale) for bodies in found)


def _track(bodies: dict[bytes, bytes], movie_scale: int) -> Track:
    header, times = bodies.get(b"tkhd", b""), _table(bodies.get(b"stts", b""), ">u4")
    scale, duration = _scale_and_duration(bodies.get(b"mdhd", b""))
    offset = 20 if header[:1] == b"\x01" else 12
    track = Track(int.from_bytes(header[offset : offset + 4], "big"), samples=int(times[:, 0].sum()))
    if not scale:
        return track
    # In floats, as damaged counts and lengths would overflow.
    total = float(times.astype(np.float64).prod(axis=1).sum()) if len(times) else None
    edits = _edits(bodies.get(b"elst", b""), movie_scale, scale)
    before, after = _hidden(times, _table(bodies.get(b"ctts", b""), ">i4"), scale, edits)
    return replace(
        track,
        timescale=scale,
        media_duration=None if duration is None else duration / scale,
        table_duration=None if total is None else total / scale,
        edits=edits,
        hidden_before=before,
        hidden_after=after,
    )


def _hidden(
    steps: NDArray[np.int64], shifts: NDArray[np.int64], scale: int, edits: tuple[Edit, ...]
) -> tuple[int, int]:
    """How many samples are presented before the first piece begins and after the last has ended."""
    pieces = [(edit.media_time, edit.duration) for edit in edits if edit.media_time is not None]
    count = int(steps[:, 0].sum())
    if not pieces or not 0 < count <= MAX_SAMPLES:
        return 0, 0
    times = np.cumsum(np.repeat(steps[:, 1], steps[:, 0])) - steps[0, 1]
    if int(shifts[:, 0].sum()) == count:  # pictures that are shown in another order than they are stored
        times = times + np.repeat(shifts[:, 1], shifts[:, 0])
    seconds, (last, length) = times / scale, pieces[-1]
    end = last + length - EDIT_ROUNDING if length else np.inf
    return int((seconds < pieces[0][0]).sum()), int((seconds >= end).sum())


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


def _table(body: bytes, second: str) -> NDArray[np.int64]:
    """(R, 2): counts of samples, and the value that they share."""
    count = max(0, min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // 8))
    rows = np.frombuffer(body, np.dtype([("count", ">u4"), ("value", second)]), count, 8 if count else 0)
    return np.stack([rows["count"], rows["value"]], axis=1).astype(np.int64)


def _edits(body: bytes, movie_scale: int, scale: int) -> tuple[Edit, ...]:
    """Stored are the length in ticks of the movie, the begin in ticks of the media (-1: nothing), the
    speed.
    """
    layout = struct.Struct(">Qqi" if body[:1] == b"\x01" else ">Iii")
    count = max(0, min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // layout.size, MAX_EDITS))
    return tuple(
        Edit(duration / movie_scale, None if begin < 0 else begin / scale, rate / 65_536)
        for duration, begin, rate in layout.iter_unpack(body[8 : 8 + count * layout.size])
        if movie_scale
    )
