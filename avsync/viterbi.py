"""The inner loop of `avsync.paths.best_path`, compiled. Imported only for long sounds: numba takes a second
to load.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def _forward(
    score: NDArray[np.float32],
    log_probs: NDArray[np.float32],
    unit: NDArray[np.int32],
    repeats: NDArray[np.bool_],
    follows: NDArray[np.bool_],
    arc_from: NDArray[np.int32],
    arc_cost: NDArray[np.float32],
    arc_start: NDArray[np.int32],
    arc_end: NDArray[np.int32],
    kept: NDArray[np.float32],
) -> tuple[NDArray[np.float32], float]:
    """Viterbi scores (S + 1,) behind the frames of `log_probs` (T, V), and the total by which they were
    shifted.

    `repeats`, `follows` (S,): whether a state may repeat, and whether it follows the state before it; the
    other fields as in `Lattice`. The scores of each frame go into `kept`, (T, S + 1) or (0, S + 1).
    """
    states = len(unit)
    before = score.copy()
    after = np.empty_like(before)
    total = 0.0
    for t in range(len(log_probs)):
        frame = log_probs[t]
        chain = 0
        highest = np.float32(-np.inf)
        for s in range(states):
            best = before[s] if repeats[s] else np.float32(-np.inf)
            if follows[s]:
                best = max(best, before[s - 1])
            else:
                for arc in range(arc_start[chain], arc_end[chain]):
                    best = max(best, before[arc_from[arc]] + arc_cost[arc])
                chain += 1
            best += frame[unit[s]]
            after[s] = best
            highest = max(highest, best)
        for s in range(states):
            after[s] -= highest
        after[states] = np.float32(-np.inf)
        total += float(highest)
        if len(kept):
            kept[t] = after
        before, after = after, before
    return before, total


forward: Callable[..., Any] = njit(cache=True)(_forward)
