"""Boxes of MP4 and MOV: edit lists and tables of known files, and damage of every kind without an error."""

import struct
from pathlib import Path

import numpy as np
import pytest
from flashbeep import even_times

from avsync.boxes import MAX_BOXES, Edit, Track, read_tracks


def box(name: bytes, body: bytes = b"", *, long: bool = False, size: int | None = None) -> bytes:
    """A box; `size` lies about its length."""
    length = len(body) + (16 if long else 8) if size is None else size
    if long:
        return struct.pack(">I4sQ", 1, name, length) + body
    return struct.pack(">I4s", length, name) + body


def full(name: bytes, layout: str, *values: int, version: int = 0) -> bytes:
    return box(name, struct.pack(f">B3x{layout}", version, *values))


def movie(*, version: int = 0, edits: list[tuple[int, int, int]] = (), tables: bytes = b"", **how) -> bytes:
    """One track of 1000 ticks a second in a movie of 600, 10 pictures of 100 ticks."""
    wide = "Q" if version else "I"
    scale = f"{wide}{wide}I{wide}"
    track = full(b"tkhd", f"{wide}{wide}II{wide}", 0, 0, 7, 0, 0, version=version)
    layout = "I" + ("Qqi" if version else "Iii") * len(edits)
    track += box(b"edts", full(b"elst", layout, len(edits), *(n for e in edits for n in e), version=version))
    tables = tables or full(b"stts", "III", 1, 10, 100)
    media = full(b"mdhd", scale, 0, 0, 1000, how.get("duration", 1000), version=version)
    media += box(b"minf", box(b"stbl", tables))
    track += box(b"mdia", media)
    return box(b"moov", full(b"mvhd", scale, 0, 0, 600, 0, version=version) + box(b"trak", track))


def tracks_of(tmp_path: Path, content: bytes) -> tuple[Track, ...]:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    return read_tracks(path)


FTYP = box(b"ftyp", b"isom\0\0\0\0")
EDITS = [(60, -1, 1 << 16), (300, 200, 1 << 16)]
IN_SECONDS = (Edit(0.1, None, 1.0), Edit(0.5, 0.2, 1.0))


@pytest.mark.parametrize("version", [0, 1])
def test_edits_and_durations(tmp_path, version):
    (track,) = tracks_of(tmp_path, FTYP + movie(version=version, edits=EDITS))
    assert track == Track(7, 1000, 1.0, 1.0, 10, IN_SECONDS, 2, 3)


def test_what_the_edit_list_hides_is_counted_in_the_order_of_presentation(tmp_path):
    # Stored I P B B: shown at 0 0.3 0.1 0.2; from 0.15 s on the P and the second B are left.
    tables = full(b"stts", "III", 1, 4, 100) + full(b"ctts", "IIiIiIi", 3, 1, 0, 1, 200, 2, -100)
    (track,) = tracks_of(tmp_path, movie(edits=[(600, 150, 1 << 16)], tables=tables))
    assert (track.hidden_before, track.hidden_after) == (2, 0)


def test_header_and_table_that_disagree_are_both_told(tmp_path):
    (track,) = tracks_of(tmp_path, movie(duration=9000))
    assert (track.media_duration, track.table_duration) == (9.0, 1.0)
    (track,) = tracks_of(tmp_path, movie(duration=2**32 - 1))
    assert track.media_duration is None


def test_speed(tmp_path):
    (track,) = tracks_of(tmp_path, movie(edits=[(600, 0, 1 << 15)]))
    assert track.edits == (Edit(1.0, 0.0, 0.5),)


@pytest.mark.parametrize("media", ["before", "behind", "long", "open"])
def test_wherever_the_media_lies(tmp_path, media):
    data = bytes(3000)
    content = {
        "before": box(b"mdat", data) + movie(edits=EDITS),
        "behind": movie(edits=EDITS) + box(b"mdat", data),
        "long": box(b"mdat", data, long=True) + movie(edits=EDITS),
        "open": movie(edits=EDITS) + box(b"mdat", data, size=0),
    }[media]
    assert tracks_of(tmp_path, FTYP + content)[0].edits == IN_SECONDS


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.write(FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**36))
        file.seek(len(FTYP) + 2**36)  # a hole: nothing is stored
        file.write(movie(edits=EDITS))
    assert read_tracks(path)[0].edits == IN_SECONDS


def test_real_edit_lists(flash_and_beep):
    late = flash_and_beep("mp4", frame_times=tuple(even_times(25, 2.0, 0.2)))
    picture, sound = read_tracks(late.path)
    # Two reordered pictures: the first is shown 80 ms after the decoder gets it.
    assert picture.edits == (Edit(0.2, None), Edit(2.0, 0.08))
    assert sound.edits[0].media_time == pytest.approx(1024 / 48_000, abs=1e-9)
    assert (picture.samples, picture.table_duration) == (50, pytest.approx(2.0))
    assert read_tracks(flash_and_beep("mkv", audio="flac").path) == ()


def test_what_is_no_file():
    assert read_tracks("/nowhere/x.mp4") == ()
    assert read_tracks("/") == ()


@pytest.mark.parametrize("version", [0, 1])
def test_every_truncation_and_every_damaged_byte_is_survived(tmp_path, version):
    whole = FTYP + movie(version=version, edits=EDITS)
    for length in range(len(whole)):
        assert len(tracks_of(tmp_path, whole[:length])) <= 1
    damaged = bytearray(whole)
    found = 0
    for at in range(len(whole)):
        for value in (1, 0xFF):
            damaged[at] = value
            found += len(tracks_of(tmp_path, bytes(damaged)))
        damaged[at] = whole[at]
    assert found > len(whole) * 1.5  # most damage leaves the track where it was


def test_random_damage_is_survived(tmp_path):
    rng = np.random.default_rng(0)
    whole = FTYP + movie(edits=EDITS) * 2
    counts = set()
    for _ in range(500):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, len(whole), 6)] = rng.integers(0, 256, 6)
        counts.add(len(tracks_of(tmp_path, damaged.tobytes())))
    assert counts <= {0, 1, 2}
    assert 1 in counts


def test_counts_beyond_the_box_neither_hang_nor_fill_the_memory(tmp_path):
    table = full(b"stts", "III", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    edits = full(b"elst", "I", 2**32 - 1)
    content = movie(edits=EDITS, tables=table).replace(full(b"elst", "I", 2), edits)
    (track,) = tracks_of(tmp_path, content)
    assert track.samples == 2**32 - 1
    assert track.table_duration == pytest.approx((2**32 - 1) ** 2 / 1000)
    assert (track.hidden_before, track.hidden_after) == (0, 0)


def test_boxes_in_boxes_and_millions_of_them_end(tmp_path):
    nested = b""
    for _ in range(2000):
        nested = box(b"moov", nested)
    assert tracks_of(tmp_path, nested) == ()
    assert tracks_of(tmp_path, box(b"free") * (3 * MAX_BOXES) + movie()) == ()
