"""Numbers that say how good measurements are: pure functions of errors, NaN where no answer was given.

errors: any shape and unit; limits and results are in the same unit. Shares are 0 to 1. Nothing to count
gives NaN.
"""

import numpy as np
from numpy.typing import ArrayLike

NORMAL_95 = 1.959964
"""Two-sided 95 % point of the normal distribution."""


def share_within(errors: ArrayLike, limit: float) -> float:
    """Share of all errors of at most `limit` to either side; no answer (NaN) is a miss."""
    values = _flat(errors)
    return float(np.mean(np.abs(values) <= limit)) if len(values) else float("nan")


def abstained(errors: ArrayLike) -> float:
    """Share without an answer."""
    values = _flat(errors)
    return float(np.mean(np.isnan(values))) if len(values) else float("nan")


def bias(errors: ArrayLike) -> float:
    """Median of the signed errors of the answers: positive where answers are too high, or too late.

    The median, because one wrong peak of 900 ms says nothing about the zero point of the others.
    """
    return _percentile(_answered(errors), 50.0)


def median_error(errors: ArrayLike) -> float:
    """Median of the absolute errors of the answers."""
    return _percentile(np.abs(_answered(errors)), 50.0)


def percentile_error(errors: ArrayLike, percent: float = 95.0) -> float:
    """The absolute error that this percentage of the answers does not exceed."""
    if not 0 <= percent <= 100:
        raise ValueError(f"percent is {percent}: it must lie between 0 and 100.")
    return _percentile(np.abs(_answered(errors)), percent)


def share_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share seen in `count` trials (Wilson, 1927): holds for few trials and near 1."""
    if count < 1 or not 0 <= share <= 1:
        return float("nan"), float("nan")
    square = NORMAL_95**2 / count
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _flat(errors: ArrayLike) -> np.ndarray:
    return np.asarray(errors, np.float64).ravel()


def _answered(errors: ArrayLike) -> np.ndarray:
    values = _flat(errors)
    return np.asarray(values[~np.isnan(values)])


def _percentile(values: np.ndarray, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")
