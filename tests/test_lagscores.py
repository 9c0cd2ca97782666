"""The scores of lags, their peak and what speaks for it: loops, and curves whose truth is built in."""

import numpy as np
import pytest
from codes import CODES, events

from avsync import lagscores
from avsync.lagscores import OffsetConfig
from avsync.model import Vectors

LAGS = np.arange(-100, 101) * 10.0
NO_SCATTER = np.zeros(300)


# The peak


@pytest.mark.parametrize("top", [-23.0, 0.0, 3.9, 17.5, 44.0])
def test_peak_is_exact_on_a_parabola(top):
    lags = np.arange(-10, 11) * 10.0
    assert lagscores.peak(7 - 0.003 * (lags - top) ** 2, lags) == pytest.approx(top, abs=1e-9)


def test_peak_at_the_border_is_the_border():
    lags = np.arange(-5, 6) * 10.0
    assert lagscores.peak(lags, lags) == 50.0
    assert lagscores.peak(-lags, lags) == -50.0


def test_peak_of_two_equal_tops_lies_between_them():
    lags = np.arange(-2, 3) * 10.0
    assert lagscores.peak(np.array([0.0, 1.0, 2.0, 2.0, 1.0]), lags) == pytest.approx(5.0)


# The scores


def test_lag_scores_are_the_loop_over_steps_and_lags():
    rng = np.random.default_rng(0)
    known = rng.random(300) < 0.9
    seen = Vectors(rng.normal(size=(300, 4)).astype(np.float32), 1.0 + np.arange(300) / 25, known)
    heard_times = 1.5037 + np.arange(1000) / 100
    heard = Vectors(rng.normal(size=(1000, 4)).astype(np.float32), heard_times, np.ones(1000, bool))
    lags = np.arange(-8, 9) * 50.0
    scores = lagscores.lag_scores(seen, heard, lags)
    assert scores.shape == (known.sum(), 17)
    checked = 0
    for row, step in enumerate(np.flatnonzero(known)):
        if row % 20:
            continue
        values = []
        for lag in lags:
            time = seen.times[step] - lag / 1000
            inside = heard_times[0] <= time <= heard_times[-1]
            vector = np.array([np.interp(time, heard_times, column) for column in heard.vectors.T])
            values.append(float(vector @ seen.vectors[step]) if inside else np.nan)
        neutral = np.nanmean(values) if np.isfinite(values).any() else 0.0
        np.testing.assert_allclose(scores[row], np.where(np.isnan(values), neutral, values), atol=1e-4)
        checked += np.isnan(values).any()
    assert checked >= 2  # steps whose lags reach out of the sound were among them


def coded(offset_ms, seconds=4.0):
    seen_times = np.arange(round(seconds * 25)) / 25
    heard_times = -2.0 + 0.005 + np.arange(round((seconds + 4) * 100)) / 100
    lips = Vectors(
        np.eye(CODES, dtype=np.float32)[: len(seen_times)], seen_times, np.ones(len(seen_times), bool)
    )
    return lips, Vectors(events(heard_times + offset_ms / 1000), heard_times, np.ones(len(heard_times), bool))


def test_sound_that_is_120_ms_early_scores_highest_at_plus_120():
    lags = lagscores.lag_grid(OffsetConfig())
    scores = lagscores.lag_scores(*coded(120.0), lags)
    assert scores.shape == (100, 201)
    assert set(lags[scores.argmax(1)]) == {120.0}  # every single step says so


@pytest.mark.parametrize("ms", [-777.7, -44.4, 3.3, 118.4])
def test_off_grid_offsets_are_found_between_the_lags(ms):
    lags = lagscores.lag_grid(OffsetConfig())
    curve = lagscores.lag_scores(*coded(ms), lags).mean(0)
    assert lagscores.peak(curve, lags) == pytest.approx(ms, abs=0.1)


def test_every_lag_is_scored_over_the_same_steps():
    # Sound for the second half of the picture only: what is missing speaks neither for nor against a lag.
    lips, heard = coded(80.0)
    late = heard.times >= 2.0
    cut = Vectors(heard.vectors[late], heard.times[late], heard.known[late])
    lags = lagscores.lag_grid(OffsetConfig())
    scores = lagscores.lag_scores(lips, cut, lags)
    silent = lips.times < 2.0 - 1.0
    assert np.ptp(scores[silent], axis=1).max() == 0
    # Steps at the very edge hear half of an event.
    assert abs(lagscores.peak(scores.sum(0), lags) - 80.0) < 20


@pytest.mark.parametrize(("reach", "count"), [(1000.0, 201), (20.0, 201), (1015.0, 203), (3330.0, 667)])
def test_the_grid_of_lags_is_symmetric(reach, count):
    lags = lagscores.lag_grid(OffsetConfig(max_offset_ms=reach))
    assert len(lags) == count
    np.testing.assert_array_equal(lags, -lags[::-1])
    np.testing.assert_allclose(np.diff(lags), 10.0)


# Interval and evidence


def test_scatter_and_spread_add_as_independent_errors():
    samples = np.linspace(80.0, 140.0, 1001)  # 95 % of them from 81.5 to 138.5
    assert lagscores.interval(100.0, samples, 0.0) == pytest.approx((81.5, 138.5))
    low, high = lagscores.interval(100.0, samples, 24.0)
    assert (low, high) == pytest.approx((100 - np.hypot(18.5, 24), 100 + np.hypot(38.5, 24)))
    # A peak outside the scatter of the bootstrap still stands within its own interval.
    assert lagscores.interval(100.0, samples + 50, 5.0) == pytest.approx((95.0, 100 + np.hypot(88.5, 5)))


def bump(ms, height, width=40.0):
    return height * np.exp(-0.5 * ((LAGS - ms) / width) ** 2)


def ripple(seed=0):
    """What chance gives: white noise over the lags, smoothed to their usual width."""
    noise = np.random.default_rng(seed).normal(size=len(LAGS) + 20)
    return np.convolve(noise, np.ones(7) / 7, "same")[10:-10]


def seen_in(curve, samples=NO_SCATTER, steps=75):
    raw = lagscores.peak(curve, LAGS)
    return lagscores.evidence(curve, samples + raw, raw, LAGS, steps)


def test_evidence_does_not_change_with_the_scale_and_level_of_the_scores():
    curve = bump(120.0, 3.0) + ripple()
    np.testing.assert_allclose(seen_in(curve), seen_in(0.01 * curve - 5), rtol=1e-5)


def test_a_higher_peak_stands_out_more_and_a_broad_hump_does_not():
    low, high = (seen_in(bump(120.0, height) + ripple())[1] for height in (2.0, 3.0))
    assert 0 < low < high
    # As high over all rivals, but the lags 120 ms away are nearly as high: no peak.
    assert seen_in(bump(120.0, 3.0, width=400.0) + ripple())[1] < low / 2


def test_prominence_is_the_height_over_both_sides_in_deviations_of_the_rest():
    curve = bump(-200.0, 2.0) + ripple()
    top = int(curve.argmax())
    far = np.abs(LAGS - lagscores.peak(curve, LAGS)) > 120
    expected = (curve[top] - (curve[top - 12] + curve[top + 12]) / 2) / curve[far].std()
    assert seen_in(curve)[1] == pytest.approx(expected)
    assert seen_in(bump(-200.0, 400.0) + ripple())[1] == lagscores.HIGHEST


def test_a_peak_at_the_limit_of_the_search_has_evidence():
    assert np.isfinite(seen_in(bump(1000.0, 4.0) + ripple())).all()
    assert np.isfinite(seen_in(np.zeros(len(LAGS)))).all()


def test_agreement_scatter_and_seconds_are_those_of_the_bootstrap_and_the_face():
    samples = np.r_[np.zeros(150), np.full(150, 300.0)]
    one, _, agreement, scatter, seconds = seen_in(bump(0.0, 4.0) + ripple(), samples, steps=50)
    assert (one, agreement) == (1.0, 0.5)
    assert scatter == pytest.approx(np.log1p(15.0))
    assert seconds == pytest.approx(np.log(2.0))
    longest = seen_in(bump(0.0, 4.0), steps=10_000)[4]
    assert longest == pytest.approx(np.log(lagscores.FITTED_S))


def test_no_answer_is_surer_than_the_share_of_bootstrap_peaks_that_agree():
    weights = (-6.0, 1.0, 2.0, 0.0, 0.0)
    sure = np.array([1.0, 8.0, 1.0, 0.0, 1.0])
    assert lagscores.probability(weights, sure) == pytest.approx(1 / (1 + np.exp(-4.0)))
    split = np.array([1.0, 8.0, 0.5, 3.0, 1.0])
    assert lagscores.probability(weights, split) == 0.5
    unsure = np.array([1.0, 1.0, 0.9, 0.0, 1.0])
    assert lagscores.probability(weights, unsure) == pytest.approx(1 / (1 + np.exp(3.2)))


def test_lags_at_which_nothing_is_heard_make_no_peak_surer():
    rng = np.random.default_rng(1)
    noise, samples = rng.normal(0, 1, 201), NO_SCATTER
    noise[100] = 4.0
    wide = np.arange(-1000, 1001) * 10.0
    curve = np.zeros(2001)
    curve[900:1101] = noise
    near, far = (
        lagscores.evidence(noise, samples, 0.0, LAGS, 75),
        lagscores.evidence(curve, samples, 0.0, wide, 75),
    )
    np.testing.assert_allclose(far, near)
    moved = np.roll(curve, -850)  # a peak near the limit of the search: the nearest 2 s count
    found = lagscores.evidence(moved, samples, -8500.0, wide, 75)
    assert found[1] == pytest.approx(near[1])
