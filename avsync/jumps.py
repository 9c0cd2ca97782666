"""Where the offset jumps: the likelihood of every place between two pieces.

Shapes: T lip steps (40 ms), K lags (10 ms), N places: between every two lip steps that follow each other.

Lip steps before the place have the offset of the piece before, the others that of the piece behind. A passage
that was left out because it fits no lag may be one that holds the jump, or nobody who is seen speaks in it.
It counts by the odds of the two, so that it tells the place if it can, and nothing otherwise. Of 200 steps
laid into the scores of films of web clips and of GRID's validation speakers 197 are within 1 s so, and 183
without (`recipes/benchmark/steps.py` does it with other speakers).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avsync import pieces
from avsync.passages import SPEAKS, FaceScores
from avsync.pieces import Bins, Path

PLACE_COST = 3.0
"""Log likelihood by which a worse place of a jump is still thought possible."""
PLACE_BINS = 150
"""Bins to both sides, of 0.4 s or more, in which the place of a jump is looked for."""


def place(
    times_T: np.ndarray,
    scores_TK: np.ndarray,
    bins: Bins,
    path: Path,
    index: int,
    weight: float,
    foreign: Sequence[FaceScores],
) -> tuple[float, float, float]:
    """Place, earliest and latest possible place in seconds, of jump `index` of a path.

    `weight` makes log likelihoods of scores; `foreign` are the passages that were left out.
    """
    around = np.append(path.starts, len(bins.times))
    first = bins.first[max(around[index] - PLACE_BINS, around[index - 1])]
    last = np.append(bins.first, len(times_T))[min(around[index] + PLACE_BINS, around[index + 1])]
    near_T = times_T[first:last]
    between = [one for one in foreign if near_T[0] < one.times_s[0] and one.times_s[-1] < near_T[-1]]

    def sides(times: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
        """Log likelihoods (T,) of lip steps under the offset of the piece before, and of that behind."""
        level = scores - scores.mean(1, keepdims=True)
        drifted = path.slope * (times - bins.origin)
        return [
            weight * pieces.shifted(level, drifted + path.offsets[piece], 0, 1)[:, 0]
            for piece in (index - 1, index)
        ]

    before, behind = sides(near_T, scores_TK[first:last])
    steps = np.unique(np.concatenate([near_T, *(one.times_s for one in between)]))
    gain_N = _until(before - behind)[np.searchsorted(near_T, steps[1:])]
    # The log likelihood of a lip step that fits, against that of one of foreign sound, is that of its score
    # less half of the mean's.
    half = weight * path.total / len(times_T) / 2
    for one in between:
        before, behind = (side - half for side in sides(one.times_s, one.scores_TK))
        fits = behind.sum() + _until(before - behind)
        odds = np.logaddexp(np.log(1 - SPEAKS), np.log(SPEAKS) + fits)
        gain_N = gain_N + odds[np.searchsorted(one.times_s, steps[1:])]
    likely = np.exp(gain_N - gain_N.max()) * np.diff(steps)
    possible = np.flatnonzero(gain_N >= gain_N.max() - PLACE_COST)
    # The mean of all moments by their likelihood: where nobody speaks or nothing was read, the middle.
    time = float((likely * (steps[:-1] + steps[1:])).sum() / likely.sum() / 2)
    return time, float(steps[possible[0]]), float(steps[possible[-1] + 1])


def _until(gains: np.ndarray) -> np.ndarray:
    """(n + 1,) sums of the first 0, 1, ..., n of n gains."""
    return np.concatenate([[0.0], np.cumsum(gains, dtype=np.float64)])
