"""The inner loop of `avsync.paths.best_path`, compiled. Imported only for long sounds: numba takes a second
to load.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 64
"""Partial maxima of a frame's scores: what does not wait for the state before is computed several at once."""


def _forward(
    score: NDArray[np.float32],
    log_probs: NDArray[np.float32],
    unit: NDArray[np.int32],
    loop: NDArray[np.float32],
    link: NDArray[np.float32],
    arc_from: NDArray[np.int32],
    arc_to: NDArray[np.int32],
    arc_cost: NDArray[np.float32],
    kept: NDArray[np.float32],
) -> tuple[NDArray[np.float32], float]:
    """Viterbi scores (S + 1,) behind the frames of `log_probs` (T, V), and the total by which they were
    shifted.

    `arc_to` (A,): the state into which each arc leads; the other fields as in `Lattice`. The scores of each
    frame go into `kept`, (T, S + 1) or (0, S + 1).
    """
    states = len(unit)
    whole = states - states % LANES
    before = score.copy()
    after = np.empty_like(before)
    top = np.empty(LANES, np.float32)
    total = 0.0
    for t in range(len(log_probs)):
        frame = log_probs[t]
        after[0] = before[0] + loop[0]
        for s in range(1, states):
            stay, follow = before[s] + loop[s], before[s - 1] + link[s]
            after[s] = stay if stay > follow else follow
        for arc in range(len(arc_to)):
            enter = before[arc_from[arc]] + arc_cost[arc]
            if enter > after[arc_to[arc]]:
                after[arc_to[arc]] = enter
        top[:] = -np.inf
        for low in range(0, whole, LANES):
            for lane in range(LANES):
                best = after[low + lane] + frame[unit[low + lane]]
                after[low + lane] = best
                top[lane] = best if best > top[lane] else top[lane]
        for s in range(whole, states):
            best = after[s] + frame[unit[s]]
            after[s] = best
            top[0] = best if best > top[0] else top[0]
        highest = top.max()
        for s in range(states):
            after[s] -= highest
        after[states] = np.float32(-np.inf)
        total += float(highest)
        if len(kept):
            kept[t] = after
        before, after = after, before
    return before, total


forward: Callable[..., Any] = njit(cache=True)(_forward)
