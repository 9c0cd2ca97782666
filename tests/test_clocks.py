"""Alignments on either clock."""

from dataclasses import replace

import pytest
from alignments import TWO, made, unspoken, word
from lines import changing, constant, measured

from avsync.clocks import between, doubts, on_clock, whole_ms
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


def test_a_timeline_without_any_word_that_is_said() -> None:
    gone = replace(word("far", 1.0, 2.0, status="not_spoken"), absent=True)
    line = on_clock(replace(made(gone), span=(0.5, 3.0)), "sound")
    assert (line.words, line.start, line.end) == ((), 0.0, 3.0)


def test_an_offset_that_changes_is_followed() -> None:
    moved = replace(made(word("so", 7.0, 7.5), word("late", 9.0, 9.5), end=12.0), offset=measured(changing()))
    seen = on_clock(moved, "picture")
    # An event seen at t is heard at t - offset(t): 30 ms at 0 s, drifting by 500 ppm.
    assert between(moved.offset).heard_at(0.1) == pytest.approx(0.1 - 0.03 - 0.1 * 500e-6)
    # At 12 s the offset is 190 ms and the drift since 0 s.
    assert seen.end == pytest.approx(12.0 + 0.19 + 500e-6 * seen.end)


def test_phones_share_what_a_step_inside_of_a_word_leaves() -> None:
    stretched = replace(word("so", 7.0, 7.5, "s ow"), start=7.05, end=7.25)
    (said,) = on_clock(made(stretched, end=12.0), "picture").words
    assert [(phone.start, phone.end) for phone in said.phones] == [
        (pytest.approx(7.05), pytest.approx(7.15)), (pytest.approx(7.15), pytest.approx(7.25)),
    ]  # fmt: skip


def test_what_is_not_sure_about_a_change_is_said() -> None:
    line = changing(0.0)
    assert doubts(None) == doubts(measured(constant())) == doubts(measured(line)) == []
    far = replace(line, jumps=(replace(line.jumps[0], start=3.0, end=9.0),))
    (told,) = doubts(measured(far))
    assert "changes to +190 ms somewhere from 3.0 to 9.0 s" in told


def test_a_constant_line_leaves_the_offset_that_is_stated() -> None:
    stated = measured(constant(30.0))
    assert between(stated).constant == pytest.approx(stated.ms / 1000)
    assert between(replace(stated, ms=None)).constant == 0.0


def test_steps_that_no_clock_can_follow_leave_one_offset() -> None:
    line = changing(ppm=0.0)
    (jump,) = line.jumps
    pieces = (line.pieces[0], replace(line.pieces[1], end=9.0), replace(line.pieces[1], start=9.0))
    wild = replace(line, pieces=pieces, jumps=(jump, replace(jump, time=9.0, after_ms=5000.0)))
    stated = replace(measured(wild), ms=44.0)
    assert between(stated).constant == pytest.approx(0.044)
    assert doubts(stated) == [
        "the offset changes over time, by more than its steps are apart; words are seen +44 ms later than "
        "heard throughout."
    ]


def test_what_is_spoken() -> None:
    line = on_clock(made(unspoken("[music]", 0.0, 0.4), word("so", 0.4, 0.5, status="not_spoken")), "sound")
    assert [said.spoken for said in line.words] == [False, True]


def test_other_clocks_are_refused() -> None:
    with pytest.raises(AVSyncError, match="clock is 'wall': it must be one of sound, picture"):
        on_clock(TWO, "wall")


def test_whole_milliseconds_from_zero_on() -> None:
    assert [whole_ms(time) for time in (-0.2, 0.0, 0.0004, 0.0016, 1.5)] == [0, 0, 0, 2, 1500]
