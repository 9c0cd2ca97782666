"""Measurements against a truth, and the rows that sum them up.

Several trials come from one clip and err together, so an interval counts clips: of a share by Wilson with
the number of clips, of anything else by a bootstrap over clips.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from table import Row

from avsync import metrics, model
from avsync.lagscores import peak
from avsync.offset import Offset

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement."""

    clip: str
    """Name of the clip; trials of one clip err together."""
    error_ms: float
    """What was stated less the truth, NaN when undetermined."""
    peak_error_ms: float
    """The highest peak, stated or not, less the truth; NaN when nothing was scored or no truth exists."""
    ci_error_ms: tuple[float, float] | None
    """Ends of the interval less the truth, None when undetermined."""
    confidence: float
    kind: str = ""
    """What was done to the clip."""

    @property
    def covered(self) -> bool:
        """Whether an interval was stated that holds the truth."""
        return self.ci_error_ms is not None and self.ci_error_ms[0] <= 0 <= self.ci_error_ms[1]

    @property
    def right(self) -> bool:
        """What `confidence` is the probability of: the peak is at most 40 ms from the truth."""
        return abs(self.peak_error_ms) <= 40


def against(one: Trial, zero_ms: float) -> Trial:
    """The trial with a truth that is higher by `zero_ms`."""
    ends = one.ci_error_ms
    return replace(
        one,
        error_ms=one.error_ms - zero_ms,
        peak_error_ms=one.peak_error_ms - zero_ms,
        ci_error_ms=None if ends is None else (ends[0] - zero_ms, ends[1] - zero_ms),
    )


def stated_ms(found: Offset) -> float:
    """The offset that the tool states, NaN when it abstains."""
    return NAN if found.ms is None else found.ms


def raw_ms(found: Offset) -> float:
    """The highest peak, whatever its confidence; NaN when nothing was scored."""
    return peak(found.scores, found.lags_ms) - model.load_model().config.bias_ms if len(found.scores) else NAN


def trial(clip: str, found: Offset, truth_ms: float, kind: str = "") -> Trial:
    """A measurement of a clip whose offset is `truth_ms`, NaN where the clip has none."""
    ends = None if found.ci_ms is None else (found.ci_ms[0] - truth_ms, found.ci_ms[1] - truth_ms)
    nearest = stated_ms(found) if found.ms is not None else raw_ms(found)
    return Trial(clip, stated_ms(found) - truth_ms, nearest - truth_ms, ends, found.confidence, kind)


def share_row(
    name: str,
    hits: Sequence[bool] | np.ndarray,
    clips: Sequence[str],
    where: tuple[str, str],
    at_least: float | None = None,
) -> Row:
    """A share of trials; `where`: split and part of the benchmark."""
    share = float(np.mean(hits)) if len(hits) else NAN
    count = len(set(clips))
    return Row(name, share, "share", len(hits), *where, at_least, None, metrics.share_interval(share, count),
               count)  # fmt: skip


def statistic_row(
    name: str,
    statistic: Callable[[np.ndarray], float],
    values: Sequence[float] | np.ndarray,
    clips: Sequence[Hashable],
    where: tuple[str, str],
    unit: str = "ms",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """A statistic of trials: of one value each, or of a row of values each."""
    value = statistic(np.asarray(values, float)) if len(values) else NAN
    low_high = metrics.grouped_interval(statistic, values, clips)
    return Row(name, value, unit, len(values), *where, at_least, at_most, low_high, len(set(clips)))


def accuracy_rows(
    name: str, trials: Sequence[Trial], where: tuple[str, str], targets: dict[str, float] | None = None
) -> list[Row]:
    """How near the truth. `targets`: of the shares "40", "80" and "covered", and of the "median"."""
    goal = targets or {}
    every = [one.clip for one in trials]
    stated = [one for one in trials if not math.isnan(one.error_ms)]
    clips = [one.clip for one in stated]
    errors = [one.error_ms for one in stated]
    near = np.abs([one.error_ms for one in trials])
    return [
        share_row(f"{name}: within 40 ms", near <= 40, every, where, goal.get("40")),
        share_row(f"{name}: within 80 ms", near <= 80, every, where, goal.get("80")),
        statistic_row(
            f"{name}: median error", metrics.median_error, errors, clips, where, at_most=goal.get("median")
        ),
        share_row(
            f"{name}: `ci_ms` holds the truth",
            [one.covered for one in stated],
            clips,
            where,
            goal.get("covered"),
        ),
        statistic_row(f"{name}: bias (median, signed)", metrics.bias, errors, clips, where, "signed ms"),
        share_row(f"{name}: undetermined", np.isnan(near), every, where),
        share_row(
            f"{name}: highest peak within 40 ms",
            np.abs([one.peak_error_ms for one in trials]) <= 40,
            every,
            where,
        ),
    ]


def move_rows(name: str, trials: Sequence[Trial], where: tuple[str, str], target: bool = True) -> list[Row]:
    """How exactly estimates follow a shift; the truth of a trial is what its clip read before, moved."""
    stated = [one for one in trials if not math.isnan(one.error_ms)]
    near = np.abs([one.error_ms for one in trials])
    return [
        share_row(
            f"{name}: follows within 20 ms",
            near <= 20,
            [one.clip for one in trials],
            where,
            0.95 if target else None,
        ),
        statistic_row(
            f"{name}: median error",
            metrics.median_error,
            [one.error_ms for one in stated],
            [one.clip for one in stated],
            where,
            at_most=3.0 if target else None,
        ),
    ]
