"""How long phones last: the edges of a path moved to where scores and usual durations agree best.

A Viterbi path counts frames only, so that one phone may take a second and its neighbour three frames.

Shapes: T frames, V units, N segments (phones and silences) of a path, K places an edge may go to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsync.pronounce import UNITS

USUAL: dict[str, tuple[float, float]] = {
    "aa": (0.07, 0.42), "ae": (0.29, 0.28), "ah": (-0.59, 0.41), "ao": (0.36, 0.44), "aw": (0.69, 0.22),
    "ay": (0.49, 0.21), "b": (-0.15, 0.29), "ch": (0.32, 0.19), "d": (-0.57, 0.35), "dh": (-0.82, 0.43),
    "eh": (0.08, 0.30), "er": (0.05, 0.46), "ey": (0.42, 0.20), "f": (0.17, 0.22), "g": (-0.10, 0.25),
    "hh": (-0.31, 0.34), "ih": (-0.39, 0.34), "iy": (0.10, 0.27), "jh": (0.20, 0.19), "k": (0.04, 0.28),
    "l": (-0.12, 0.35), "m": (-0.21, 0.25), "n": (-0.35, 0.24), "ng": (-0.11, 0.30), "ow": (0.39, 0.27),
    "oy": (0.82, 0.21), "p": (0.14, 0.26), "r": (-0.40, 0.43), "s": (0.21, 0.24), "sh": (0.37, 0.19),
    "t": (-0.23, 0.30), "th": (0.11, 0.28), "uh": (-0.28, 0.35), "uw": (0.12, 0.49), "v": (-0.45, 0.22),
    "w": (-0.28, 0.33), "y": (-0.09, 0.49), "z": (-0.09, 0.26), "zh": (0.09, 0.19),
}  # fmt: skip
"""Natural logarithm of a phone's duration against the pace, and its spread (half of what 68 % span), in the
exact times of flite and festival (`recipes/phones/durations.py`)."""
BEFORE_PAUSE = (0.39, 0.30)
"""How much longer (in logarithms) the last phone before a pause is, and the one before it."""
TAIL = 4.0
"""Degrees of freedom of Student's t in place of a normal distribution: clear scores may contradict."""
PACE_OF = 25
"""The pace at a phone is the median of this many phones on either side."""

MEAN = np.array([USUAL.get(unit, (0.0, 1.0))[0] for unit in UNITS])
SPREAD = np.array([USUAL.get(unit, (0.0, 1.0))[1] for unit in UNITS])


def refine(
    units: NDArray[np.int32],
    edges: NDArray[np.int64],
    log_probs: NDArray[np.float32],
    *,
    weight: float,
    reach: int,
    minimum: int,
) -> NDArray[np.int64]:
    """The edges (N + 1,) of a path's segments in frames, each moved by at most `reach`: the best of all
    such ways, exactly.

    units: (N,) of each segment, 0 for silence. edges: from 0 to T, rising by `minimum` frames at least, which
    the new ones do as well; the first and the last stay. log_probs: (T, V). weight: of the logarithm of a
    duration's density beside the scores of one frame.
    """
    count, frames = len(units), len(log_probs)
    if count < 2:
        return edges
    expected = _expected(units, edges)
    offsets = np.arange(-reach, reach + 1)
    before, score = edges[:1], np.zeros(1)
    places, choices = [before], []
    for n, unit in enumerate(units):
        here = edges[-1:] if n == count - 1 else np.unique((edges[n + 1] + offsets).clip(1, frames - 1))
        low = int(before[0])
        summed = np.concatenate(([0.0], np.cumsum(log_probs[low : int(here[-1]), unit], dtype=np.float64)))
        length = here[None, :] - before[:, None]
        gained = score[:, None] + summed[(here - low).clip(0)][None, :] - summed[before - low][:, None]
        if unit:
            strange = (np.log(np.maximum(length, 1)) - expected[n]) / SPREAD[unit]
            gained = gained - weight * 0.5 * (TAIL + 1) * np.log1p(strange**2 / TAIL)
        gained = np.where(length >= minimum, gained, -np.inf)
        choices.append(gained.argmax(0))
        score = gained.max(0)
        before = here
        places.append(here)
    best = 0
    moved = [int(edges[-1])]
    for n in range(count - 1, -1, -1):
        best = int(choices[n][best])
        moved.append(int(places[n][best]))
    return np.array(moved[::-1])


def _expected(units: NDArray[np.int32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the logarithm of the frames that each segment should last at the pace around it."""
    spoken = units > 0
    pause_next = np.append(~spoken[1:], True)
    pause_after_next = np.append(pause_next[1:], False) & ~pause_next
    usual = MEAN[units] + BEFORE_PAUSE[0] * pause_next + BEFORE_PAUSE[1] * pause_after_next
    index = np.flatnonzero(spoken)
    strange = (np.log(np.diff(edges)) - usual)[index]
    expected: NDArray[np.float64] = usual.copy()
    for place, n in enumerate(index):
        expected[n] += np.median(strange[max(0, place - PACE_OF) : place + PACE_OF + 1])
    return expected


def segments(slots: NDArray[np.int32]) -> NDArray[np.int64]:
    """Edges (N + 1,) of the runs of equal numbers in (T,)."""
    inner = np.flatnonzero(np.diff(slots)) + 1
    return np.concatenate(([0], inner, [len(slots)]))
