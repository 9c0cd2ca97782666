"""Alignments on either clock."""

import pytest
from alignments import TWO, made, unspoken, word

from avsync.clocks import on_clock, whole_ms
from avsync.errors import AVSyncError


def test_the_sound_and_the_picture_are_an_offset_apart() -> None:
    heard, seen = on_clock(TWO, "sound"), on_clock(TWO, "picture")
    assert [(said.start, said.end, said.text) for said in heard.words] == [
        (0.52, 0.8, "Place"), (0.8, 1.2, '"now."'),
    ]  # fmt: skip
    for here, there in zip(heard.words, seen.words, strict=True):
        assert (there.start - here.start, there.end - here.end) == (pytest.approx(0.1), pytest.approx(0.1))
        for phone, later in zip(here.phones, there.phones, strict=True):
            assert (phone.unit, later.start - phone.start) == (later.unit, pytest.approx(0.1))
    assert (heard.start, heard.end) == (0.0, 3.0)
    assert (seen.start, seen.end) == (0.0, pytest.approx(3.1))
    assert seen.gaps == tuple(TWO.gaps)
    assert heard.gaps[0].start == pytest.approx(TWO.gaps[0].start - 0.1)


def test_without_an_offset_both_clocks_are_one() -> None:
    alone = made(word("so", 0.5, 0.7), offset_ms=None)
    assert on_clock(alone, "sound").gaps == on_clock(alone, "picture").gaps == tuple(alone.gaps)


def test_a_timeline_reaches_over_all_its_words() -> None:
    line = on_clock(made(word("so", -0.2, 0.1), word("late", 5.0, 6.0), end=3.0), "sound")
    assert (line.start, line.end) == (-0.2, 6.0)


def test_what_is_spoken() -> None:
    line = on_clock(made(unspoken("[music]", 0.0, 0.4), word("so", 0.4, 0.5, status="not_spoken")), "sound")
    assert [said.spoken for said in line.words] == [False, True]


def test_other_clocks_are_refused() -> None:
    with pytest.raises(AVSyncError, match="clock is 'wall': it must be one of sound, picture"):
        on_clock(TWO, "wall")


def test_whole_milliseconds_from_zero_on() -> None:
    assert [whole_ms(time) for time in (-0.2, 0.0, 0.0004, 0.0016, 1.5)] == [0, 0, 0, 2, 1500]
