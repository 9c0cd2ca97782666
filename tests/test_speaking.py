"""Who speaks, and at what lag: scores whose truth is built in, faces and passages that must not count."""

from itertools import pairwise

import numpy as np
import pytest

from avsync import passages, speaking
from avsync.passages import FaceScores
from avsync.speaking import decide

LAGS = np.arange(-100, 101) * 10.0
HEIGHT = 1.2
"""Of the peak in the scores of a step, whose noise has deviation 1: 2 s of them lock as GRID's do."""


def smooth(noise):
    """Noise whose neighbouring lags are alike, as those of speech are: each about 50 ms wide; deviation 1."""
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.5) ** 2)
    rows = np.stack([np.convolve(row, kernel, mode="same") for row in noise])
    return rows / np.sqrt(np.square(kernel).sum())


def face(offset, start=0.0, seconds=9.0, *, stretch=0, number=0, seed=0):
    """A face that speaks at `offset(t)` ms, or does not speak where that is NaN."""
    rng = np.random.default_rng([seed, stretch, number])
    times = start + np.arange(round(seconds * 25)) / 25
    lags = (
        np.array([float(offset(time)) for time in times]) if callable(offset) else np.full(len(times), offset)
    )
    bump = HEIGHT * np.exp(-0.5 * ((LAGS - lags[:, None]) / 30) ** 2)
    scores = smooth(rng.normal(size=(len(times), len(LAGS)))) + np.nan_to_num(bump)
    return FaceScores(stretch, number, times, scores.astype(np.float32))


SILENT = np.nan


def lag(series):
    return LAGS[series.straight_scores().sum(0).argmax()]


def test_one_face_that_speaks_all_along_is_kept_as_it_is():
    one = face(120.0)
    series = decide([one], LAGS)
    assert abs(lag(series) - 120) <= 10
    assert abs(series.line(5.0) - 120) <= 20
    assert not series.chosen
    assert series.steady_T.all()
    assert series.probability > 0.99
    np.testing.assert_array_equal(series.times_s, one.times_s)
    np.testing.assert_array_equal(series.scores_TK, one.scores_TK)


@pytest.mark.parametrize("seed", range(8))
def test_faces_that_take_turns_are_told_apart(seed):
    first = face(lambda t: 80.0 if t < 6 else SILENT, seconds=12.0, number=0, seed=seed)
    second = face(lambda t: 80.0 if t >= 6 else SILENT, seconds=12.0, number=1, seed=seed)
    series = decide([first, second], LAGS)
    assert abs(lag(series) - 80) <= 10
    assert series.chosen
    assert (series.face_T[series.times_s < 6] == 0).all()
    assert (series.face_T[series.times_s >= 6] == 1).all()
    spells = speaking.spells(series.times_s, series.face_T, np.zeros(len(series.times_s), int))
    assert [number for _, number, _ in spells] == [0, 1]
    assert spells[0][0][-1] < 6 <= spells[1][0][0]


def shots(*cuts, faces):
    """Faces that speak at 80 ms, one after the other; `faces` has the number of each shot's."""
    edges = [0.0, *cuts]
    made = [face(80.0, a, b - a, number=n, seed=1) for (a, b), n in zip(pairwise(edges), faces, strict=True)]
    numbers = sorted(set(faces))
    joined = [[part for part in made if part.face == n] for n in numbers]
    return [
        FaceScores(
            0,
            n,
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("times_s", "scores_TK")),
        )
        for n, parts in zip(numbers, joined, strict=True)
    ]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(shots(4.0, 9.0, faces=(0, 1)), id="one after the other"),
        pytest.param(shots(4.0, 9.0, 13.4, faces=(0, 1, 0)), id="one comes back"),
        pytest.param(shots(1.2, 2.4, 3.6, 8.0, faces=(0, 1, 2, 0)), id="short shots"),
    ],
)
def test_a_cut_ends_a_passage_and_all_who_speak_are_kept(parts):
    series = decide(parts, LAGS)
    assert abs(lag(series) - 80) <= 10
    np.testing.assert_array_equal(series.times_s, np.sort(np.concatenate([part.times_s for part in parts])))
    assert not series.chosen
    assert series.foreign == ()


def test_a_mouth_that_is_hidden_for_a_while_is_no_cut():
    one = face(80.0)
    seen = one.only((one.times_s < 1.0) | (one.times_s > 2.0))
    assert len(passages.divided([seen], LAGS)) == 3


def test_what_fits_nowhere_is_told():
    one = face(lambda t: 60.0 if t < 18 else SILENT, seconds=24.0)
    series = decide([one], LAGS)
    foreign = np.concatenate([part.times_s for part in series.foreign])
    np.testing.assert_array_equal(np.union1d(series.times_s, foreign), one.times_s)
    assert foreign[0] >= 17
    assert len(foreign) >= 120


@pytest.mark.parametrize("seed", range(8))
def test_a_listening_face_is_not_heard(seed):
    series = decide([face(SILENT, number=0, seed=seed), face(-200.0, number=1, seed=seed)], LAGS)
    assert abs(lag(series) + 200) <= 10
    assert set(series.face_T) == {1}


@pytest.mark.parametrize("seed", range(8))
def test_a_dubbed_passage_does_not_poison_the_answer(seed):
    # Longer than what is in step.
    one = face(lambda t: 60.0 if t < 9 else SILENT, seconds=24.0, seed=seed)
    series = decide([one], LAGS)
    assert abs(lag(series) - 60) <= 10
    assert series.probability > 0.99
    kept = series.times_s[series.steady_T]
    assert (kept < 9).sum() == 9 * 25
    assert (kept >= 9).sum() < 0.7 * 15 * 25  # what agrees by chance does no harm


@pytest.mark.parametrize("seed", range(8))
def test_nobody_who_speaks_gives_no_sure_line(seed):
    series = decide([face(SILENT, number=n, seconds=30.0, seed=seed) for n in range(3)], LAGS)
    assert series.probability < 0.9  # far from `CERTAIN`


def stretches(offset, *, count=9, every=400.0, seed=0):
    return [face(offset, every * n, stretch=n, seed=seed) for n in range(count)]


@pytest.mark.parametrize("ppm", [-200.0, -60.0, 40.0, 200.0])
def test_a_drift_is_followed(ppm):
    middle = 1604.5
    series = decide(stretches(lambda t: 30 + ppm * (t - middle) / 1000), LAGS)
    assert series.slope_ppm == pytest.approx(ppm, abs=8)
    assert abs(lag(series) - 30) <= 10
    assert series.steady_T.mean() > 0.9
    assert series.line(0.0) == pytest.approx(30 - ppm * middle / 1000, abs=25)


@pytest.mark.parametrize("ppm", [-40_000.0, 19_000.0])
def test_pictures_stamped_with_another_rate_drift(ppm):
    series = decide([face(lambda t: 30 + ppm * (t - 15) / 1000, seconds=30.0)], LAGS)
    assert series.slope_ppm == pytest.approx(ppm, rel=0.05)
    assert series.steady_T.mean() > 0.9
    assert series.probability > 0.99


@pytest.mark.parametrize("seconds", [20.0, 30.0])
@pytest.mark.parametrize("seed", range(6))
def test_no_steep_drift_is_made_up(seed, seconds):
    assert decide([face(45.0, seconds=seconds, seed=seed)], LAGS).slope_ppm == 0
    assert decide([face(SILENT, seconds=seconds, seed=seed)], LAGS).slope_ppm == 0


@pytest.mark.parametrize("seed", range(6))
def test_no_drift_is_made_up(seed):
    series = decide(stretches(45.0, seed=seed), LAGS)
    assert series.slope_ppm == 0
    assert abs(series.line(0.0) - 45) <= 15


@pytest.mark.parametrize("size", [-300.0, 90.0, 200.0])
def test_a_step_is_no_drift_and_both_sides_are_kept(size):
    series = decide(stretches(lambda t: 0.0 if t < 1900 else size), LAGS)
    assert series.slope_ppm == 0
    assert abs(lag(series)) <= 10  # of five stretches against four
    behind = series.times_s > 1900
    assert series.steady_T[~behind].all()
    assert behind.sum() > 0.9 * 4 * 225
    assert not series.steady_T[behind].any()


def noisy(one):
    """The face with so much noise that 2 s of it do not lock."""
    noise = smooth(np.random.default_rng([5, one.face]).normal(size=one.scores_TK.shape))
    return FaceScores(one.stretch, one.face, one.times_s, one.scores_TK + 1.8 * noise.astype(np.float32))


def test_behind_a_step_short_shots_are_sure_together():
    level = face(0.0, 0.0, 20.0)
    cuts = [20.0, 22.0, 24.5, 27.0]
    weak = [noisy(face(200.0, a, b - a, number=n)) for n, (a, b) in enumerate(pairwise(cuts), 1)]
    assert max(one.z.max() for one in passages.divided(weak, LAGS)) < speaking.SURE
    series = decide([level, *weak], LAGS)
    assert set(series.face_T) == {0, 1, 2, 3}
    assert not series.steady_T[series.times_s >= 20].any()
    # In stretches of their own they are not next to each other.
    apart = [FaceScores(one.face, one.face, one.times_s, one.scores_TK) for one in weak]
    assert set(decide([level, *apart], LAGS).face_T) == {0}


def test_a_short_look_is_left_out_and_nothing_gives_nothing():
    one = face(0.0)
    glimpse = FaceScores(0, 1, one.times_s[:9], one.scores_TK[:9])
    assert set(decide([one, glimpse], LAGS).face_T) == {0}
    for parts in ([], [glimpse]):
        series = decide(parts, LAGS)
        assert len(series.times_s) == len(series.straight_scores()) == 0
        assert series.probability == 0


def test_the_order_of_reading_does_not_matter():
    parts = stretches(lambda t: 100.0 if t < 1900 else -100.0)
    one, two = decide(parts, LAGS), decide(parts[::-1], LAGS)
    np.testing.assert_array_equal(one.scores_TK, two.scores_TK)
    np.testing.assert_array_equal(one.steady_T, two.steady_T)
    assert (np.diff(one.times_s) > 0).all()


def test_height_is_measured_in_the_noise_away_from_the_peak():
    curve = 5 + 2 * smooth(np.random.default_rng(0).normal(size=(1, 201)))[0]
    curve[120] = 5 + 2 * 9
    high = passages.standardised(curve, LAGS)
    assert high.argmax() == 120
    assert high.max() == pytest.approx(9, abs=2)
    away = np.abs(LAGS - LAGS[120]) > passages.RIVAL_MS
    assert (high[away].mean(), high[away].std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
