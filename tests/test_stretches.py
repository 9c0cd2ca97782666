"""Which stretches are read: files made of scores whose offset over time is known, and where nobody speaks."""

from itertools import islice, pairwise

import numpy as np
import pytest
from test_speaking import LAGS, SILENT, face

from avsync import stretches
from avsync.lagscores import OffsetConfig
from avsync.stretches import ReadingConfig, between, drift_error, enough, read_all, read_some, window_lags

OFFSETS = OffsetConfig()


class Film:
    """Stands for `Excerpts`: somebody speaks, at `offset(t)` ms; remembers what was read."""

    def __init__(self, seconds, offset=lambda t: 40.0, spoken=lambda t: True, shown=lambda t: True):
        self.span = (0.0, seconds)
        self.offset, self.spoken, self.shown = offset, spoken, shown
        self.read_windows = []

    def listen(self, place, seconds, length):
        for start in np.arange(place, place + seconds - length + 1):
            if all(self.spoken(time) for time in (start, start + length / 2, start + length)):
                return float(start), float(start) + length
        return None

    def read(self, number, window, lags_ms):
        self.read_windows.append(window)
        if not self.shown(window[0]):
            return []
        part = face(self.offset, window[0], window[1] - window[0], stretch=number)
        inside = np.isin(LAGS, lags_ms)
        return [stretches.FaceScores(number, 0, part.times_s, part.scores_TK[:, inside])]


def seconds_read(film):
    return sum(end - start for start, end in film.read_windows)


def test_a_constant_offset_of_an_hour_needs_little():
    film = Film(3600.0)
    readings = read_some(film, OFFSETS)
    series = readings.series()
    assert seconds_read(film) <= 120
    assert min(start for start, _ in film.read_windows) == 0
    assert max(end for _, end in film.read_windows) == 3600
    assert abs(LAGS[series.straight_scores().sum(0).argmax()] - 40) <= 10
    assert enough(readings, OFFSETS)
    assert not between(readings)


def test_what_is_read_comes_out_in_order_whatever_is_read_first():
    one, two = (read_some(Film(600.0), OFFSETS) for _ in range(2))
    assert one.windows == two.windows
    assert [part.stretch for part in one.parts] == list(range(len(one.windows)))
    for a, b in zip(one.parts, two.parts, strict=True):
        np.testing.assert_array_equal(a.scores_TK, b.scores_TK)


@pytest.mark.parametrize("place", [333.3, 1800.0, 2987.6])
@pytest.mark.parametrize("size", [-320.0, 80.0])
def test_the_place_of_a_step_is_closed_in(place, size):
    film = Film(3600.0, lambda t: 0.0 if t < place else size)
    read_some(film, OFFSETS)
    around = sorted((a, b) for a, b in film.read_windows if b > place - 1 and a < place + 1)
    # Nothing within a second of the step is unread.
    assert around[0][0] <= place - 1
    assert around[-1][1] >= place + 1
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(around))
    assert seconds_read(film) <= 360


def test_two_steps_are_both_closed_in():
    film = Film(3600.0, lambda t: [0.0, 250.0, -150.0][int(t > 1000) + int(t > 2500)])
    read_some(film, OFFSETS)
    for place in (1000.0, 2500.0):
        assert any(a <= place - 1 and b >= place for a, b in film.read_windows)
        assert any(a <= place and b >= place + 1 for a, b in film.read_windows)


def test_silence_is_not_looked_at():
    film = Film(3600.0, spoken=lambda t: 1000 < t < 1500 or 2800 < t < 3000)
    readings = read_some(film, OFFSETS)
    assert readings.parts
    assert all(1000 < a < 1500 or 2800 < a < 3000 for a, _ in film.read_windows)
    mute = Film(3600.0, spoken=lambda t: False)
    assert read_some(mute, OFFSETS).windows == []


def test_scenes_without_a_face_cost_little_of_the_budget():
    film = Film(3600.0, shown=lambda t: t > 2000)
    readings = read_some(film, OFFSETS)
    assert len({part.stretch for part in readings.parts}) >= ReadingConfig().fewest
    hidden = Film(3600.0, shown=lambda t: False)
    assert read_some(hidden, OFFSETS).parts == []
    assert len(hidden.read_windows) <= ReadingConfig().most_places


def test_foreign_sound_is_read_until_the_budget_is_spent():
    film = Film(3600.0, lambda t: SILENT)
    read_some(film, OFFSETS, ReadingConfig(budget_seconds=100.0))
    assert 100 <= seconds_read(film) <= 120


def test_all_of_a_file_is_read_without_gap_or_overlap():
    for length in (61.0, 100.0, 109.9, 130.1):
        film = Film(length)
        readings = read_all(film, OFFSETS)
        edges = [edge for window in readings.windows for edge in window]
        assert (edges[0], edges[-1]) == (0.0, length)
        assert edges[1:-1:2] == edges[2:-1:2]
        assert (np.diff(readings.series().times_s) > 0).all()


def test_all_of_a_file_is_scored_around_what_a_wide_search_found(monkeypatch):
    monkeypatch.setattr(stretches, "CALIBRATED_MS", 300.0)
    monkeypatch.setattr(stretches, "lag_grid", lambda offsets: LAGS)
    film = Film(100.0, lambda t: 500.0)
    readings = read_all(film, OFFSETS)
    assert (readings.lags_ms[0], readings.lags_ms[-1]) == (
        pytest.approx(200, abs=30),
        pytest.approx(800, abs=30),
    )
    assert readings.windows == [(a, a + 20.0) for a in range(0, 100, 20)]


def test_lags_of_windows_are_told_off_the_line():
    film = Film(2000.0, lambda t: 20.0 if t < 1000 else 320.0)
    readings = read_some(film, OFFSETS)
    for start, end, lag in window_lags(readings.series(), readings.windows):
        if end < 1000 or start > 1000:
            assert min(abs(lag), abs(abs(lag) - 300)) <= 15
    assert window_lags(readings.series(), [(5000.0, 5010.0)]) == []


def test_the_error_of_the_drift_is_that_of_a_line():
    rng = np.random.default_rng(0)
    starts = np.arange(20) * 100.0
    slopes = []
    for _ in range(300):
        lags = rng.normal(0, 12, 20)
        slopes.append(1000 * np.polynomial.Polynomial.fit(starts, lags, 1).convert().coef[1])
    stated = [
        drift_error([(a, a + 10, lag) for a, lag in zip(starts, rng.normal(0, 12, 20), strict=True)])
        for _ in range(300)
    ]
    assert np.mean(stated) == pytest.approx(np.std(slopes), rel=0.1)
    assert drift_error([(0.0, 10.0, 1.0)] * 3) == np.inf


def test_places_begin_spread_and_then_crowd_at_the_ends():
    first = list(islice(stretches._places(0.0, 590.0, 20.0), 27))
    assert sorted(first[:9]) == [590 / 8 * n for n in range(9)]
    assert first[:3] == [0.0, 590.0, 295.0]
    assert first[9:13] == [20.0, 570.0, 40.0, 550.0]
    assert all(place <= 150 or place >= 440 for place in first[9:23])
    assert list(stretches._places(3.0, 3.0, 20.0)) == [3.0]
