"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from avsync import metrics

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
