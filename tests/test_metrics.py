"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from avsync import metrics
from avsync.errors import ConfigError

NAN = float("nan")
ERRORS = np.array([-10.0, 0.0, 40.0, 41.0, -200.0, NAN, NAN, 5.0])


def test_no_answer_is_a_miss():
    assert metrics.share_within(ERRORS, 40) == 4 / 8
    assert metrics.share_within(ERRORS, 41) == 5 / 8
    assert metrics.share_within([NAN], 1e9) == 0.0


def test_abstained():
    assert metrics.abstained(ERRORS) == 2 / 8
    assert metrics.abstained([1.0]) == 0.0


def test_answers_alone_make_medians():
    assert metrics.median_error(ERRORS) == pytest.approx((10 + 40) / 2)
    assert metrics.bias(ERRORS) == pytest.approx((0 + 5) / 2)
    assert metrics.percentile_error(ERRORS, 100) == 200.0
    assert metrics.percentile_error(ERRORS, 0) == 0.0


def test_bias_has_the_sign_of_the_errors():
    assert metrics.bias([12.0, 13.0, -900.0]) == 12.0
    assert metrics.bias([-12.0, -13.0, 900.0]) == -12.0


def test_any_shape_counts_its_elements():
    assert metrics.share_within(ERRORS.reshape(2, 4), 40) == metrics.share_within(ERRORS, 40)
    assert metrics.median_error(ERRORS.reshape(4, 2)) == metrics.median_error(ERRORS)


@pytest.mark.parametrize(
    "function", [metrics.abstained, metrics.bias, metrics.median_error, metrics.percentile_error]
)
def test_nothing_gives_nan(function):
    assert math.isnan(function([]))


def test_nothing_within_is_nan():
    assert math.isnan(metrics.share_within([], 1.0))
    assert math.isnan(metrics.bias([NAN, NAN]))


@pytest.mark.parametrize("percent", [-1, 100.5])
def test_percent_out_of_range(percent):
    with pytest.raises(ValueError, match="between 0 and 100"):
        metrics.percentile_error([1.0], percent)


def test_interval_of_a_share():
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611.
    assert metrics.share_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.share_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    low, high = metrics.share_interval(1.0, 16)
    assert low < 0.85 < high == 1.0


def test_interval_of_nothing():
    assert all(math.isnan(edge) for edge in metrics.share_interval(0.5, 0))


# Lip-sync error

SEEN = [[3.0, 4.0], [0.0, 0.0]]
HEARD = [[0.0, 0.0], [3.0, 0.0]]


def test_distances_of_shifted_embeddings():
    masked = metrics.shift_distances(SEEN, HEARD, 1)
    np.testing.assert_array_equal(masked, [[NAN, 5.0, 4.0], [0.0, 3.0, NAN]])
    zeros = metrics.shift_distances(SEEN, HEARD, 1, outside="zeros")
    np.testing.assert_array_equal(zeros, [[5.0, 5.0, 4.0], [0.0, 3.0, 0.0]])
    np.testing.assert_array_equal(metrics.shift_distances(SEEN, HEARD, 0), [[5.0], [3.0]])


def test_a_shift_beyond_the_clip_is_unknown():
    assert np.isnan(metrics.shift_distances(SEEN, HEARD, 3)[:, [0, 1, 5, 6]]).sum() == 8
    assert metrics.lse(metrics.shift_distances(SEEN, HEARD, 3)) == metrics.lse(
        metrics.shift_distances(SEEN, HEARD, 1)
    )


def test_sound_that_comes_later_stands_at_a_later_shift():
    steps = np.eye(9)
    late = np.roll(steps, 2, axis=0)  # what is seen at i is heard at i + 2
    assert np.nanargmin(metrics.mean_distances(metrics.shift_distances(steps, late, 3))) == 3 + 2


def test_embeddings_that_are_missing_count_for_nothing():
    holes = metrics.shift_distances([[NAN, 4.0], [0.0, 0.0]], HEARD, 1)
    np.testing.assert_array_equal(holes, [[NAN, NAN, NAN], [0.0, 3.0, NAN]])
    np.testing.assert_array_equal(metrics.mean_distances(holes), [0.0, 3.0, NAN])


def test_lse_by_hand():
    # means 4, 2, 6: lowest 2, median 4
    assert metrics.lse([[3.0, 1.0, 5.0], [5.0, 3.0, 7.0]]) == (2.0, 2.0)
    # means 5, 2, 5 of what is known
    assert metrics.lse([[NAN, 1.0, 5.0], [5.0, 3.0, NAN]]) == (2.0, 3.0)
    # a flat curve: no confidence
    assert metrics.lse(np.full((4, 31), 7.5)) == (7.5, 0.0)


def test_lse_is_of_the_mean_curve_not_of_each_position():
    assert metrics.lse([[0.0, 10.0, 10.0], [10.0, 0.0, 10.0]]) == (5.0, 0.0)


@pytest.mark.parametrize("nothing", [np.zeros((0, 31)), np.zeros((5, 0)), np.full((3, 31), NAN)])
def test_lse_of_nothing_is_nan(nothing):
    assert all(math.isnan(value) for value in metrics.lse(nothing))


def test_zeros_at_the_ends_change_the_numbers():
    rng = np.random.default_rng(0)
    both = 10 + rng.normal(size=(30, 8))  # far from the origin, as SyncNet's embeddings are
    masked = metrics.lse(metrics.shift_distances(both, both, 15))
    zeros = metrics.lse(metrics.shift_distances(both, both, 15, outside="zeros"))
    assert masked[0] == zeros[0] == 0.0
    assert zeros[1] > masked[1] + 2


def test_embeddings_of_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(1, 2\)"):
        metrics.shift_distances(SEEN, HEARD[:1], 1)
    with pytest.raises(ValueError, match="reach -1"):
        metrics.shift_distances(SEEN, HEARD, -1)
    with pytest.raises(ValueError, match=r"\(T, K\)"):
        metrics.lse([1.0, 2.0])


# Confidence


def test_calibration_error_of_constructed_numbers():
    # 10 times 0.95 said, 8 right: 0.15 apart; 30 times 0.25 said, 9 right: 0.05 apart.
    said = [0.95] * 10 + [0.25] * 30
    right = [1] * 8 + [0] * 2 + [1] * 9 + [0] * 21
    assert metrics.calibration_error(said, right) == pytest.approx((10 * 0.15 + 30 * 0.05) / 40)


def test_calibration_error_is_0_for_a_promise_that_is_kept_and_1_for_the_opposite():
    assert metrics.calibration_error([1.0, 1.0, 0.0], [True, True, False]) == 0.0
    assert metrics.calibration_error([1.0, 0.0], [False, True]) == 1.0
    # 0.5 said of a fair coin: errors to both sides cancel inside a bin, not between bins.
    assert metrics.calibration_error([0.5, 0.5], [0, 1]) == 0.0
    assert metrics.calibration_error([0.4, 0.6], [1, 0], bins=2) == pytest.approx(0.6)


def test_calibration_error_nears_0_for_outcomes_drawn_with_the_confidence():
    rng = np.random.default_rng(0)
    said = rng.random(200_000)
    assert metrics.calibration_error(said, rng.random(len(said)) < said) < 0.01


def test_brier():
    assert metrics.brier([1.0, 0.5, 0.2], [1, 0, 1]) == pytest.approx((0 + 0.25 + 0.64) / 3)
    assert math.isnan(metrics.brier([], []))


def test_auroc():
    assert metrics.auroc([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0]) == 1.0
    assert metrics.auroc([0.9, 0.8, 0.3, 0.1], [0, 0, 1, 1]) == 0.0
    # Of the four pairs: 0.9 beats both, 0.3 ties with one and loses to none but 0.8.
    assert metrics.auroc([0.9, 0.3, 0.8, 0.3], [1, 1, 0, 0]) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert math.isnan(metrics.auroc([0.1, 0.2], [1, 1]))


def test_trials_without_an_answer_do_not_count_for_confidence():
    nan = math.nan
    assert metrics.auroc([nan, 0.5, 0.1], [0, 1, 0]) == metrics.auroc([nan, 0.5, 0.1], [1, 1, 0]) == 1.0
    assert metrics.calibration_error([nan, 0.5], [0, 1]) == 0.5
    assert metrics.brier([nan, 0.5], [0, 1]) == 0.25
    coverage, risk = metrics.risk_coverage([nan, 0.5, 0.2, nan], [1, 1, 0, 0])
    np.testing.assert_allclose(coverage, [1 / 4, 2 / 4])
    np.testing.assert_allclose(risk, [0, 1 / 2])
    assert math.isnan(metrics.auroc([nan, nan], [0, 1]))


def test_what_cannot_be_counted_is_refused():
    for wrong in (
        lambda: metrics.auroc([1, 2, 3], [-1, 1, 1]),
        lambda: metrics.calibration_error([0.5, 0.6], [1, 2]),
        lambda: metrics.calibration_error([0.5], [1], bins=0),
        lambda: metrics.grouped_interval(np.mean, [1, 2, 3], "ab"),
        lambda: metrics.overlap([[0, 1, 2], [1, 2, 3]], [[0, 1, 2], [1, 2, 3]]),
        lambda: metrics.word_error([1, 2, 3]),
    ):
        with pytest.raises(ConfigError):
            wrong()


def test_infinite_embeddings_count_for_nothing():
    seen, heard = np.zeros((4, 2)), np.ones((4, 2))
    seen[2, 0] = heard[0, 1] = np.inf
    distances = metrics.shift_distances(seen, heard, 1)
    assert np.isnan(distances[2]).all()
    assert np.isnan([distances[0, 1], distances[1, 0]]).all()
    assert np.isfinite(distances[3, :2]).all()


def test_boundaries_that_nobody_finds_are_missed():
    precision, recall, f1, r_value = metrics.boundary_scores([1, 2], [], 0.02)
    assert math.isnan(precision)
    assert (recall, f1) == (0, 0)
    # As by the formula: over-segmentation of -1 and a recall of 0.
    assert r_value == pytest.approx(1 - (math.hypot(1, -1) + abs(1 + 0 - 1) / math.sqrt(2)) / 2)


def test_a_confidence_lies_from_0_to_1():
    with pytest.raises(ConfigError, match=r"confidences from -0.1 to 1.5: they must lie from 0 to 1"):
        metrics.calibration_error([-0.1, 1.5], [0, 1])


def test_risk_and_coverage():
    coverage, risk = metrics.risk_coverage([0.9, 0.2, 0.9, 0.6], [1, 0, 0, 1])
    np.testing.assert_allclose(coverage, [2 / 4, 3 / 4, 1.0])  # the two that say 0.9 come together
    np.testing.assert_allclose(risk, [1 / 2, 1 / 3, 2 / 4])
    assert all(len(part) == 0 for part in metrics.risk_coverage([], []))


def test_confidence_and_outcome_go_in_pairs():
    with pytest.raises(ValueError, match="2 values and 1 outcomes"):
        metrics.brier([0.1, 0.2], [1])


def test_interval_of_groups_that_err_together():
    # 40 clips of 25 equal measurements each say as much as 40 measurements do.
    rng = np.random.default_rng(0)
    of_clip = rng.normal(0, 10, 40)
    low, high = metrics.grouped_interval(np.mean, np.repeat(of_clip, 25), np.repeat(np.arange(40), 25))
    half = 1.96 * of_clip.std() / math.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert low < of_clip.mean() < high
    assert all(math.isnan(edge) for edge in metrics.grouped_interval(np.mean, [1.0, 2.0], ["a", "a"]))


# Words


def test_means_of_the_answers():
    assert metrics.mean_error([-10.0, 20.0, NAN]) == 15.0
    assert metrics.mean_bias([-10.0, 20.0, NAN]) == 5.0
    assert math.isnan(metrics.mean_error([NAN]))
    assert math.isnan(metrics.mean_bias([]))


def test_the_error_of_a_word_is_that_of_both_edges():
    assert metrics.word_error([[10.0, -30.0], [0.0, 2.0], [NAN, 5.0]]) == pytest.approx((20 + 1) / 2)


def test_coverage_of_stated_half_widths():
    assert metrics.interval_coverage([5.0, -20.0, NAN, 10.0], [5.0, 19.0, 1.0, 30.0]) == pytest.approx(2 / 3)
    assert math.isnan(metrics.interval_coverage([NAN], [1.0]))


def test_overlap_by_hand():
    truth = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    found = [[0.5, 1.5], [2.0, 3.0], [8.0, 9.0], [NAN, NAN]]
    assert metrics.overlap(truth, found) == pytest.approx((1 / 3 + 1 + 0 + 0) / 4)
    with pytest.raises(ValueError, match="4 words and 1 answers"):
        metrics.overlap(truth, found[:1])


def test_boundaries_are_matched_one_to_one():
    # two answers near the first edge count once; the edge at 3 is missed
    precision, recall, f1, r_value = metrics.boundary_scores([1.0, 2.0, 3.0], [0.99, 1.01, 2.015], 0.02)
    assert (precision, recall, f1) == (pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3))
    # recall 2/3, no over-segmentation: distances 1/3 and (1/3) / sqrt 2
    assert r_value == pytest.approx(1 - (1 / 3 + 1 / 3 / math.sqrt(2)) / 2)
    assert metrics.boundary_scores([1.0, 2.0], [1.0, 2.0], 0.0) == (1.0, 1.0, 1.0, 1.0)
    assert math.isnan(metrics.boundary_scores([], [1.0], 0.02)[0])
