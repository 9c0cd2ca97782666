"""Numbers that say how good measurements are: pure functions of errors, NaN where no answer was given.

errors: any shape and unit; limits and results are in the same unit. Shares are 0 to 1. Nothing to count
gives NaN.

Lip-sync error (LSE) compares pictures and sound by the distances of their embeddings. Shapes: T positions in
time, K shifts between them, D embedding.
"""

import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from avsync.errors import ConfigError

NORMAL_95 = 1.959964
"""Two-sided 95 % point of the normal distribution."""
RESAMPLES = 1000
"""Resamples of a bootstrap."""


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


def mean_error(errors: ArrayLike) -> float:
    """Mean of the absolute errors of the answers (MAE)."""
    values = _answered(errors)
    return float(np.mean(np.abs(values))) if len(values) else float("nan")


def mean_bias(errors: ArrayLike) -> float:
    """Mean of the signed errors of the answers: positive where answers are too high, or too late."""
    values = _answered(errors)
    return float(np.mean(values)) if len(values) else float("nan")


def percentile_error(errors: ArrayLike, percent: float = 95.0) -> float:
    """The absolute error that this percentage of the answers does not exceed."""
    if not 0 <= percent <= 100:
        raise ConfigError(f"percent is {percent}: it must lie between 0 and 100.")
    return _percentile(np.abs(_answered(errors)), percent)


def share_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share seen in `count` trials (Wilson, 1927): holds for few trials and near 1."""
    if count < 1 or not 0 <= share <= 1:
        return float("nan"), float("nan")
    square = NORMAL_95**2 / count
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def shift_distances(
    seen_TD: ArrayLike, heard_TD: ArrayLike, reach: int, *, outside: Literal["masked", "zeros"] = "masked"
) -> np.ndarray:
    """(T, K) Euclidean distances of the lips at position i to the sound at i + k - reach, K = 2 reach + 1.

    Where that position lies outside the sound, or an embedding is not finite, the entry is NaN and counts
    for nothing; `outside="zeros"` takes a vector of zeros for the sound there, as SyncNet's own evaluation
    does, so that the ends of a clip speak against large shifts. Raises ConfigError for unequal shapes.
    """
    seen, heard = np.asarray(seen_TD, np.float64), np.asarray(heard_TD, np.float64)
    if seen.ndim != 2 or seen.shape != heard.shape:
        raise ConfigError(
            f"embeddings of shapes {seen.shape} and {heard.shape}: both must be the same (T, D)."
        )
    if reach < 0 or outside not in ("masked", "zeros"):
        raise ConfigError(f"reach {reach}, outside {outside!r}: give a reach from 0 on, 'masked' or 'zeros'.")
    fill = 0.0 if outside == "zeros" else np.nan
    padded = np.pad(heard, ((reach, reach), (0, 0)), constant_values=fill)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        columns = [np.linalg.norm(seen - padded[k : k + len(seen)], axis=1) for k in range(2 * reach + 1)]
    distances = np.stack(columns, axis=1)
    distances[~np.isfinite(distances)] = np.nan
    return distances


def mean_distances(distances_TK: ArrayLike) -> np.ndarray:
    """(K,) mean distance of each shift over the positions that are known; NaN where none is."""
    distances = np.asarray(distances_TK, np.float64)
    if distances.ndim != 2:
        raise ConfigError(f"distances of shape {distances.shape}: they must be (T, K).")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as wanted
        means: np.ndarray = np.nanmean(np.where(np.isfinite(distances), distances, np.nan), axis=0)
    return means


def lse(distances_TK: ArrayLike) -> tuple[float, float]:
    """LSE-D and LSE-C of a clip (Prajwal et al. 2020, after SyncNet, Chung & Zisserman 2016).

    Of the mean distance of each shift, LSE-D is the lowest (lower is better) and LSE-C the median over the
    shifts less the lowest (higher is better). Entries that are not finite count for nothing. The numbers mean
    something only beside the name of the network that made the embeddings.
    """
    curve = mean_distances(distances_TK)
    curve = curve[np.isfinite(curve)]
    if not len(curve):
        return float("nan"), float("nan")
    lowest = float(curve.min())
    return lowest, float(np.median(curve)) - lowest


def grouped_interval(
    statistic: Callable[[np.ndarray], float], values: ArrayLike, groups: Sequence[Hashable]
) -> tuple[float, float]:
    """95 % interval of a statistic of values (N, ...) that come in groups, such as several from one clip.

    Bootstrap over whole groups, because values of one group err together; seeded. NaN with fewer than two.
    Raises ConfigError unless there is a group for each value.
    """
    rows = np.asarray(values, np.float64)
    if len(rows) != len(groups):
        raise ConfigError(f"{len(rows)} values and {len(groups)} groups: give one of each a trial.")
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    if len(members) < 2:
        return float("nan"), float("nan")
    indices = [np.array(one) for one in members.values()]
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(indices), (RESAMPLES, len(indices)))
    found = [statistic(rows[np.concatenate([indices[one] for one in draw])]) for draw in drawn]
    known = _answered(found)
    return _percentile(known, 2.5), _percentile(known, 97.5)


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: how far confidence (N,) and the share that is right lie apart, on average.

    `bins` of equal width over 0 to 1, weighted by their counts (Naeini, Cooper and Hauskrecht, 2015). Trials
    without an answer (NaN) are left out. Raises ConfigError for confidences beyond 0 to 1, outcomes that are
    not 0 or 1, unequal counts, and no bins.
    """
    if bins < 1:
        raise ConfigError(f"{bins} bins: give at least one.")
    said, true = _outcomes(confidence, right)
    if not len(said):
        return float("nan")
    if said.min() < -1e-9 or said.max() > 1 + 1e-9:
        raise ConfigError(f"confidences from {said.min():g} to {said.max():g}: they must lie from 0 to 1.")
    index = (said * bins).astype(int).clip(0, bins - 1)
    apart = np.bincount(index, weights=said - true, minlength=bins)
    return float(np.abs(apart).sum() / len(said))


def brier(confidence: ArrayLike, right: ArrayLike) -> float:
    """Mean squared distance of confidence (N,) from what came true, 0 or 1 (Brier, 1950).

    Trials without an answer (NaN) are left out. Raises ConfigError for other outcomes and unequal counts.
    """
    said, true = _outcomes(confidence, right)
    return float(np.mean(np.square(said - true))) if len(said) else float("nan")


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Probability that a positive scores above a negative, ties count half; NaN without one of both.

    Trials without a score (NaN) are left out. Raises ConfigError for outcomes that are not 0 or 1, and
    unequal counts.
    """
    values, is_positive = _outcomes(scores, positive)
    ordered = np.sort(values[is_positive == 0])
    above = values[is_positive == 1]
    if not len(ordered) or not len(above):
        return float("nan")
    below = np.searchsorted(ordered, above, "left") + np.searchsorted(ordered, above, "right")
    return float(below.mean() / (2 * len(ordered)))


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Shares answered (K,) and, of these, shares wrong (K,), while the gate falls over the K confidences.

    A trial without an answer (NaN) is never answered. Raises ConfigError as `auroc`.
    """
    trials = len(_flat(confidence))
    said, true = _outcomes(confidence, right)
    order = np.argsort(-said, kind="stable")
    answered = np.arange(1, len(order) + 1)
    wrong = np.cumsum(1 - true[order])
    last = np.append(np.diff(said[order]) != 0, True)[: len(order)]
    return answered[last] / max(trials, 1), wrong[last] / answered[last]


def interval_coverage(errors: ArrayLike, half_widths: ArrayLike) -> float:
    """Share of the answers whose error is at most the half-width stated with them.

    One millionth of slack: a time on a grid of milliseconds that is wrong by just the half-width is inside.
    """
    off, stated = _answered_pairs(errors, half_widths)
    return float(np.mean(np.abs(off) <= stated + 1e-6)) if len(off) else float("nan")


def word_error(errors_W2: ArrayLike) -> float:
    """Mean over words of the mean absolute error of start and end; (W, 2), words not found are left out.

    Raises ConfigError for another shape.
    """
    return mean_error(np.abs(_two_edges(errors_W2)).mean(axis=1))


def overlap(reference_W2: ArrayLike, found_W2: ArrayLike) -> float:
    """Mean over words of intersection by union of two spans; a word that was not found (NaN) has 0.

    Raises ConfigError unless both are (W, 2).
    """
    truth, answer = _two_edges(reference_W2), _two_edges(found_W2)
    if truth.shape != answer.shape:
        raise ConfigError(f"{len(truth)} words and {len(answer)} answers: give one of each a word.")
    if not len(truth):
        return float("nan")
    common = np.minimum(truth[:, 1], answer[:, 1]) - np.maximum(truth[:, 0], answer[:, 0])
    union = np.maximum(truth[:, 1], answer[:, 1]) - np.minimum(truth[:, 0], answer[:, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.mean(np.nan_to_num(np.clip(common, 0, None) / union)))


def boundary_scores(
    reference: ArrayLike, found: ArrayLike, limit: float
) -> tuple[float, float, float, float]:
    """Precision, recall, F1 and R-value of boundaries found within `limit` of the true ones.

    Strictly one to one, in the order of time; R-value after Rasanen, Laine and Altosaar (2009). Where nothing
    was found the precision is NaN and the recall 0; where nothing was to be found, all are NaN.
    """
    truth, answers = np.sort(_answered(reference)), np.sort(_answered(found))
    if not len(truth):
        return float("nan"), float("nan"), float("nan"), float("nan")
    if not len(answers):  # nothing is right or wrong, and all is missed
        return float("nan"), 0.0, 0.0, float(1 - np.sqrt(2) / 2)
    hits = at = 0
    for edge in truth:
        while at < len(answers) and answers[at] < edge - limit - 1e-9:
            at += 1
        if at < len(answers) and answers[at] <= edge + limit + 1e-9:
            hits, at = hits + 1, at + 1
    precision, recall = hits / len(answers), hits / len(truth)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    over = len(answers) / len(truth) - 1  # over-segmentation: recall by precision, less 1
    far = np.hypot(1 - recall, over)
    near = abs(-over + recall - 1) / np.sqrt(2)
    return precision, recall, f1, float(1 - (far + near) / 2)


def _two_edges(times: ArrayLike) -> np.ndarray:
    edges = np.asarray(times, np.float64)
    if edges.size == 0:
        return np.zeros((0, 2))
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ConfigError(f"times of shape {edges.shape}: they must be (W, 2), a start and an end a word.")
    return edges


def _flat(errors: ArrayLike) -> np.ndarray:
    return np.asarray(errors, np.float64).ravel()


def _answered(errors: ArrayLike) -> np.ndarray:
    values = _flat(errors)
    return np.asarray(values[~np.isnan(values)])


def _percentile(values: np.ndarray, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def _answered_pairs(values: ArrayLike, flags: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Values and flags of the trials that have a value."""
    first, second = _flat(values), _flat(flags)
    if len(first) != len(second):
        raise ConfigError(f"{len(first)} values and {len(second)} outcomes: give one of each a trial.")
    known = ~np.isnan(first)
    return first[known], second[known]


def _outcomes(values: ArrayLike, outcomes: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """`_answered_pairs` of outcomes that are 0 or 1."""
    known, true = _answered_pairs(values, outcomes)
    if not np.isin(true, (0, 1)).all():
        other = true[~np.isin(true, (0, 1))][0]
        raise ConfigError(f"an outcome is {other:g}: each must be 0 or 1, or False or True.")
    return known, true
