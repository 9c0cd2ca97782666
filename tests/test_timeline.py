"""The offset over time: scores whose drift and jumps are known, and what must not be taken for one.

Scores are those of `test_speaking`: 2 s of them show their lag.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from test_speaking import LAGS, face
from test_speaking import SILENT as FOREIGN

from avsync import timeline
from avsync.timeline import Curve, Jump, Piece, Timeline, over_time, straightened

TEN_MINUTES = 600.0
JUMP = 251.3
"""Seconds of the jump in ten minutes."""


def scored(offset, seconds=TEN_MINUTES, *, reach=400.0, seed=0, silence=()):
    """Times, scores and lags of a face that speaks at `offset(t)` ms, and of foreign sound where that is NaN;
    in silence no lag is better than another.
    """
    made = face(offset, 0.0, seconds, seed=seed)
    inside = np.abs(LAGS) <= reach
    scores = made.scores_TK[:, inside]
    for start, end in silence:
        scores[(made.times_s >= start) & (made.times_s < end)] = 0.3
    return made.times_s, scores, LAGS[inside]


def followed(offset, seconds=TEN_MINUTES, **how):
    return over_time(*scored(offset, seconds, **how))


def ramp(ppm, offset=30.0, middle=TEN_MINUTES / 2):
    return lambda t: offset + ppm * (t - middle) / 1000


@functools.cache
def drifting(ppm):
    return followed(ramp(ppm), reach=abs(ppm) / 3 + 200)


@functools.cache
def stepping(size, ppm=0.0):
    """Ten minutes that jump from 10 ms by `size` at `JUMP`."""
    reach = abs(size) + abs(ppm) / 2 + 150
    return followed(lambda t: 10.0 + ppm * t / 1000 + (size if t >= JUMP else 0.0), reach=reach)


# What changes is found


@pytest.mark.parametrize("seed", range(3))
def test_a_constant_offset_has_neither_drift_nor_jumps(seed):
    line = followed(45.0, reach=250.0, seed=seed)
    assert line.constant
    assert (line.jumps, line.slope_ppm) == ((), 0)
    (piece,) = line.pieces
    assert (piece.start, piece.end) == (0.0, pytest.approx(TEN_MINUTES))
    assert piece.offset_ms == pytest.approx(45, abs=2)
    assert abs(line.drift_ppm) <= 10
    assert abs(line.drift_ppm) <= line.drift_plus_minus_ppm <= 10


@pytest.mark.parametrize("ppm", [50.0, -50.0, 300.0, -300.0, 1000.0, -1000.0])
def test_a_drift_is_found(ppm):
    line = drifting(ppm)
    assert line.jumps == ()
    assert line.slope_ppm == line.drift_ppm == pytest.approx(ppm, abs=20)
    times = np.linspace(0, TEN_MINUTES, 7)
    np.testing.assert_allclose(line.offset_at(times), ramp(ppm)(times), atol=6)


@pytest.mark.parametrize("size", [80.0, 200.0, -400.0])
def test_a_jump_is_found_in_its_place_and_size(size):
    line = stepping(size)
    (jump,) = line.jumps
    assert jump.time == pytest.approx(JUMP, abs=0.5)
    assert jump.start <= JUMP <= jump.end
    assert jump.end - jump.start <= 1
    assert jump.after_ms - jump.before_ms == pytest.approx(size, abs=10)
    assert (jump.before_ms, jump.after_ms) == (pytest.approx(10, abs=5), pytest.approx(10 + size, abs=5))
    assert line.slope_ppm == 0
    assert abs(line.drift_ppm) <= 10
    assert not line.constant


@pytest.mark.parametrize("ppm", [100.0, -300.0])
def test_a_jump_in_a_drift_is_told_from_it(ppm):
    line = stepping(200.0, ppm)
    (jump,) = line.jumps
    assert jump.time == pytest.approx(JUMP, abs=0.5)
    assert jump.before_ms == pytest.approx(10 + ppm * JUMP / 1000, abs=8)
    assert jump.after_ms - jump.before_ms == pytest.approx(200, abs=10)
    assert line.slope_ppm == pytest.approx(ppm, abs=20)


def test_several_jumps_are_found_in_order():
    places, levels = [70.0, 100.0, 160.0], np.array([0.0, 150.0, -90.0, 40.0])
    line = followed(lambda t: levels[np.searchsorted(places, t, side="right")], 240.0)
    assert [jump.time for jump in line.jumps] == pytest.approx(places, abs=0.5)
    assert [piece.offset_ms for piece in line.pieces] == pytest.approx(levels, abs=6)


# What does not change is left alone


def in_spells(offset, spells, other):
    return lambda t: other if any(start <= t < end for start, end in spells) else offset


MINUTE = [(70.0, 130.0)]
WINDOWS = [(start, start + 4.0) for start in (11.0, 52.0, 95.0, 140.0, 188.0)]
SECONDS = [(start, start + 1.0) for start in (20.0, 111.0, 163.0)]


def unchanged(**how):
    """What is found in 200 s at 60 ms, in which other things happen: the same as without them."""
    offset = how.pop("offset", 60.0)
    line, undisturbed = followed(offset, 200.0, **how), followed(60.0, 200.0)
    assert line.jumps == ()
    assert line.slope_ppm == 0
    assert line.pieces[0].offset_ms == pytest.approx(60, abs=2)
    assert line.drift_ppm == pytest.approx(undisturbed.drift_ppm, abs=20)
    return line


def test_a_silent_minute_changes_nothing():
    curve = unchanged(silence=MINUTE).curve
    quiet = (curve.times > 73) & (curve.times < 127)
    assert quiet.sum() >= 12
    assert curve.sure[quiet].max() < 0.2
    assert curve.sure[(curve.times < 67) | (curve.times > 133)].min() > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_a_minute_of_foreign_sound_changes_nothing(seed):
    curve = unchanged(offset=in_spells(60.0, MINUTE, FOREIGN), seed=seed).curve
    foreign = (curve.times > 73) & (curve.times < 127)
    assert np.mean(np.abs(curve.ms[foreign] - 60) > 40) > 0.5
    assert np.mean(curve.sure[foreign]) < np.mean(curve.sure[~foreign]) - 0.1


def test_windows_of_foreign_sound_change_nothing():
    unchanged(offset=in_spells(60.0, WINDOWS, FOREIGN))


def test_seconds_at_another_offset_change_nothing():
    unchanged(offset=in_spells(60.0, SECONDS, -220.0))


def test_passages_at_another_offset_are_between_two_jumps():
    line = followed(in_spells(60.0, WINDOWS[1:3], -220.0), 200.0)
    assert [jump.time for jump in line.jumps] == pytest.approx([52, 56, 95, 99], abs=0.5)


def test_a_jump_in_silence_is_in_the_middle_of_it_or_anywhere_in_it():
    line = followed(lambda t: 0.0 if t < 47 else 150.0, 100.0, silence=[(40.0, 50.0)])
    (jump,) = line.jumps
    assert (jump.start, jump.end) == (pytest.approx(40, abs=0.5), pytest.approx(50, abs=0.5))
    assert jump.time == pytest.approx(45, abs=0.5)
    assert jump.after_ms - jump.before_ms == pytest.approx(150, abs=10)


@pytest.mark.parametrize("size", [20.0, -30.0])
def test_a_jump_that_nobody_notices_is_not_stated(size):
    line = followed(lambda t: 0.0 if t < 50 else size, 100.0, reach=300.0)
    assert line.jumps == ()


# Where little was read


def sparse(offset, *, every=100.0, count=6, length=10.0, reach=400.0):
    """Windows of `length` seconds, `every` so many seconds."""
    parts = [face(offset, every * n, length, stretch=n) for n in range(count)]
    inside = np.abs(LAGS) <= reach
    scores = np.concatenate([part.scores_TK[:, inside] for part in parts])
    return np.concatenate([part.times_s for part in parts]), scores, LAGS[inside]


def test_a_drift_is_found_through_gaps():
    line = over_time(*sparse(ramp(300.0)))
    assert line.jumps == ()
    assert line.slope_ppm == pytest.approx(300, abs=30)


@pytest.mark.parametrize("seed", range(3))
def test_a_drift_does_not_rest_on_one_passage(seed):
    """Two minutes at one offset, and far behind them some seconds of sound that fits 38 ms beside it."""
    parts = [face(60.0, 0.0, 120.0, seed=seed), face(98.0, 600.0, 3.0, stretch=1, seed=seed)]
    inside = np.abs(LAGS) <= 400
    times = np.concatenate([part.times_s for part in parts])
    line = over_time(times, np.concatenate([part.scores_TK[:, inside] for part in parts]), LAGS[inside])
    assert line.slope_ppm == 0
    assert float(line.offset_at(line.reference)) == pytest.approx(60, abs=6)


def test_a_jump_between_what_was_read_has_the_gap_as_its_place():
    line = over_time(*sparse(lambda t: 0.0 if t < 350 else -180.0))
    (jump,) = line.jumps
    assert (jump.start, jump.end) == (pytest.approx(310, abs=0.5), pytest.approx(400, abs=0.5))
    assert jump.time == pytest.approx(355, abs=1)
    assert jump.after_ms - jump.before_ms == pytest.approx(-180, abs=10)
    assert line.slope_ppm == 0


def test_no_point_of_the_curve_lies_in_a_gap():
    times, scores, lags = sparse(20.0)
    line = over_time(times, scores, lags)
    assert line.constant
    assert all(np.abs(times - time).min() <= 0.03 for time in line.curve.times)
    assert len(line.curve.times) >= 6 * 3


@pytest.mark.parametrize(("steps", "known"), [(39, False), (40, True)])
def test_less_than_a_piece_has_no_line(steps, known):
    times, scores, lags = scored(40.0, 2.0)
    line = over_time(times[:steps], scores[:steps], lags)
    assert (line is not None) == known
    assert over_time(times, scores[:, :4], lags[:4]) is None
    assert over_time(times[:0], scores[:0], lags) is None


def test_a_short_clip_has_an_offset_and_no_drift():
    line = followed(-80.0, 6.0)
    assert line.constant
    assert (line.drift_ppm, line.drift_plus_minus_ppm) == (None, None)
    assert line.pieces[0].offset_ms == pytest.approx(-80, abs=8)
    assert np.abs(line.curve.ms + 80).max() <= 40


# The line as a function


CURVE = Curve(np.zeros(0), np.zeros(0), np.zeros(0))
LINE = Timeline(
    CURVE,
    (Piece(0.0, 100.0, 20.0, 3.0, 100.0), Piece(100.0, 400.0, -60.0, 4.0, 300.0)),
    (Jump(100.0, 99.0, 101.0, 25.0, -75.0),),
    100.0,
    100.0,
    20.0,
)
"""Drifts by 100 ppm and jumps by -100 ms at 100 s."""


def test_the_offset_is_read_along_pieces_and_drift():
    assert float(LINE.offset_at(50.0)) == 20
    np.testing.assert_allclose(
        LINE.offset_at(np.array([0.0, 99.9, 100.0, 250.0, 400.0])), [15, 24.99, -75, -60, -45]
    )
    # Beyond the ends the outer pieces go on.
    np.testing.assert_allclose(LINE.offset_at(np.array([-10.0, 410.0])), [14, -44])


def test_the_doubt_grows_with_the_distance_where_there_is_a_drift():
    np.testing.assert_allclose(LINE.plus_minus_at(np.array([50.0, 0.0])), [3, np.hypot(3, 1)])
    np.testing.assert_allclose(LINE.plus_minus_at(np.array([250.0, 400.0])), [4, np.hypot(4, 3)])
    level = Timeline(CURVE, (Piece(0.0, 100.0, 20.0, 3.0, 100.0),), (), 0.0, 5.0, 20.0)
    np.testing.assert_allclose(level.plus_minus_at(np.array([0.0, 50.0])), 3)


def test_the_reference_is_the_middle_of_the_piece_that_is_seen_longest():
    assert LINE.reference == 250
    hardly = replace(LINE, pieces=(LINE.pieces[0], replace(LINE.pieces[1], seen_s=7.0)))
    assert hardly.reference == 50
    assert not LINE.constant


def test_pieces_and_jumps_fit_together():
    for line in (drifting(300.0), stepping(200.0, 100.0), stepping(-400.0)):
        edges = [line.pieces[0].start, *(jump.time for jump in line.jumps), line.pieces[-1].end]
        assert [piece.start for piece in line.pieces] == edges[:-1]
        assert [piece.end for piece in line.pieces] == edges[1:]
        for jump in line.jumps:
            before, after = line.offset_at(np.array([jump.time - 1e-6, jump.time]))
            assert (jump.before_ms, jump.after_ms) == (pytest.approx(before), pytest.approx(after))


def test_straightened_scores_have_their_peak_where_it_is_at_the_reference():
    offset = lambda t: 10.0 + 0.3 * t + (200.0 if t >= 90 else 0.0)  # noqa: E731
    times, scores, lags = scored(offset, 150.0)
    line = over_time(times, scores, lags)
    straight = straightened(times, scores, lags, line)
    assert straight.shape == scores.shape
    np.testing.assert_allclose(line.offset_at(line.reference), offset(line.reference), atol=6)
    for part in np.array_split(straight, 10):
        assert lags[part.sum(0).argmax()] == pytest.approx(offset(45.0), abs=20)
    assert straightened(times, scores, lags, over_time(*scored(20.0, 20.0))) is scores


# Intervals


def test_intervals_hold_the_offset():
    errors, stated = [], []
    for seed in range(16):
        (piece,) = followed(45.0, 40.0, reach=250.0, seed=seed).pieces
        errors.append(piece.offset_ms - 45)
        stated.append(piece.plus_minus_ms)
    assert np.mean(np.abs(errors) <= stated) >= 0.8
    assert np.mean(stated) == pytest.approx(1.96 * np.std(errors), rel=0.6)


def test_intervals_hold_the_drift():
    errors, stated = [], []
    for seed in range(8):
        # A few seconds' offset depends on what is spoken.
        rng = np.random.default_rng(seed)
        ppm, jitter = rng.uniform(-200, 200), rng.normal(0, timeline.SPEAKER_MS, 51)
        drift = ramp(ppm, 10.0, 100.0)
        line = followed(
            lambda t, drift=drift, jitter=jitter: drift(t) + jitter[int(t / 4)], 200.0, reach=250.0, seed=seed
        )
        errors.append(line.drift_ppm - ppm)
        stated.append(line.drift_plus_minus_ppm)
    assert np.mean(np.abs(errors) <= stated) >= 0.8
    assert np.sqrt(np.mean(np.square(errors))) < 16
    assert np.mean(stated) < 45
