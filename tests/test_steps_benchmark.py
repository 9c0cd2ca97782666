"""Steps laid into scores: each lip step has its scores where the moved sound would have them."""

from types import SimpleNamespace

import numpy as np
import pytest

from avsync.lagscores import OffsetConfig
from avsync.passages import FaceScores

LAGS = np.arange(-1000.0, 1001.0, 10.0)


@pytest.fixture
def film(benchmark_script):
    """A minute in two parts, one face each, that is in sync."""
    steps = benchmark_script("steps")
    lags = np.arange(-steps.REACH_MS, steps.REACH_MS + 10, 10.0)
    parts = []
    for start in (0.0, 30.0):
        times = start + np.arange(750) / 25
        scores = np.exp(-0.5 * (lags / 30) ** 2).astype(np.float32) + np.zeros((750, 1), np.float32)
        parts.append(FaceScores(round(start / 30), 0, times, scores))
    asked = []

    def listen(*where):
        asked.append(where)
        return where[0], where[0] + where[2]

    source = SimpleNamespace(span=(0.0, 60.0), config=OffsetConfig(), listen=listen)
    return SimpleNamespace(steps=steps, scored=steps.Scored(source, parts, lags), asked=asked)


def test_scores_move_with_the_sound(film):
    source = film.steps.Stepped(film.scored, 20.0, 50, -120)
    (part,) = source.read(3, (15.0, 25.0), LAGS)
    assert (part.stretch, len(part.times_s)) == (3, 250)
    tops = LAGS[part.scores_TK.argmax(1)]
    np.testing.assert_array_equal(tops, np.where(part.times_s < 20, 50, -70))


def test_a_window_over_two_parts_has_the_faces_of_both(film):
    source = film.steps.Stepped(film.scored, 50.0, 0, 200)
    parts = source.read(0, (29.5, 40.0), LAGS)
    assert [(part.face, len(part.times_s)) for part in parts] == [(1, 250)]  # half a second is no face
    parts = source.read(0, (28.0, 40.0), LAGS)
    assert [(part.face, len(part.times_s)) for part in parts] == [(0, 50), (1, 250)]


def test_a_place_is_listened_to_once(film):
    for place in (10.0, 30.0):
        source = film.steps.Stepped(film.scored, place, 0, 80)
        assert source.span == (0.0, 60.0)
        assert source.listen(5.0, 20.0, 10.0) == (5.0, 15.0)
    assert film.asked == [(5.0, 20.0, 10.0)]


def test_the_tool_finds_the_step(film):
    # The noise of foreign lags; without any, a peak would be infinitely high.
    rng = np.random.default_rng(0)
    for part in film.scored.parts:
        part.scores_TK[:] += rng.normal(0, 0.3, part.scores_TK.shape)
    line = film.steps.found(film.steps.Stepped(film.scored, 33.0, -40, 200)).line
    (jump,) = line.jumps
    assert jump.time == pytest.approx(33, abs=0.2)
    assert jump.after_ms - jump.before_ms == pytest.approx(200, abs=10)
