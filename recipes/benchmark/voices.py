"""Estimators of an offset that owe nothing to the network: other features, and weights in closed form.

Two are linear: canonical correlation (Hotelling, 1936) between sound and, for one, the pictures of the mouth,
for the other, the points of the lips, fitted on training speakers of GRID. The third needs no training: the
speed at which the lips open and close against how fast the sound gets louder or softer.

Shapes: T lip steps (40 ms), J sound steps (10 ms), D features, R canonical pairs, K lags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from avsync.features import LIP_POINTS, LipGrid, reduce_mouths, standardise
from avsync.lagscores import RIVAL_MS, OffsetConfig, lag_grid, lag_scores, peak
from avsync.model import Vectors
from avsync.speech import Mel, normalise

KEPT = {"pictures": 40, "points": 14, "sound": 14}
"""Principal components kept of one step of each input."""
LIP_REACH, SOUND_REACH = 4, 6
"""Steps to both sides that take part: 160 ms of lips; 120 ms of sound, every second step."""
PAIRS = 24
"""Canonical pairs."""
RIDGE = 1e-3
"""Share of the mean variance that is added to every variance."""
UPPER, LOWER = LIP_POINTS.index(13), LIP_POINTS.index(14)
"""Middle of the inner lips."""


@dataclass(frozen=True, slots=True)
class Say:
    """What a voice says about a clip."""

    ms: float
    clear: float
    """How far its peak stands above every lag more than `RIVAL_MS` away, in standard deviations of these."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """Principal components of one step."""

    mean: np.ndarray
    axes: np.ndarray
    """(D, kept)"""

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(T, D) -> (T, kept)."""
        return np.asarray((rows - self.mean) @ self.axes)


@dataclass(frozen=True, slots=True)
class Voice:
    """A linear estimator. Lips and sound are projected so that pair r correlates by `strength[r]`."""

    source: str
    """`pictures` or `points`."""
    lips: Reduction
    sound: Reduction
    lip_mean: np.ndarray
    lip_axes: np.ndarray
    sound_mean: np.ndarray
    sound_axes: np.ndarray
    strength: np.ndarray
    """(R,) canonical correlations."""

    def __call__(self, grid: LipGrid, mel: Mel) -> Say:
        """The lag of the highest likelihood ratio, over the search range of the tool."""
        u = (around(self.lips(lip_rows(grid, self.source)), LIP_REACH, 1) - self.lip_mean) @ self.lip_axes
        v = (around(self.sound(sound_rows(mel)), SOUND_REACH, 2) - self.sound_mean) @ self.sound_axes
        # log p(u, v) / p(u) p(v) of two normal variables of correlation r, but for what depends on u alone
        weight = self.strength / (1 - self.strength**2)
        loss = -0.5 * (v**2 @ (self.strength * weight))
        seen = np.concatenate([u * weight, np.ones((len(u), 1))], 1).astype(np.float32)
        heard = np.concatenate([v, loss[:, None]], 1).astype(np.float32)
        return best_lag(Vectors(seen, grid.times, grid.found), Vectors(heard, mel.times, _all(mel)))


def best_lag(seen: Vectors, heard: Vectors) -> Say:
    """The lag at which lip and sound vectors fit best."""
    lags = lag_grid(OffsetConfig())
    curve = lag_scores(seen, heard, lags).sum(0)
    ms = peak(curve, lags)
    rivals = curve[np.abs(lags - ms) > RIVAL_MS]
    return Say(ms, float((curve.max() - rivals.max()) / max(float(rivals.std()), 1e-9)))


def fit(source: str, examples: Iterable[tuple[LipGrid, Mel]]) -> Voice:
    """Fit to clips in sync."""
    lips, sounds, pairs = [], [], []
    for grid, mel in examples:
        rows, heard = lip_rows(grid, source), sound_rows(mel)
        lips.append(rows[grid.found])
        sounds.append(heard)
        pairs.append((grid, mel, rows, heard))
    lip_parts, sound_parts = _reduction(lips, KEPT[source]), _reduction(sounds, KEPT["sound"])
    x, y = [], []
    for grid, mel, rows, heard in pairs:
        nearest = np.rint((grid.times - mel.times[0]) / 0.01).astype(int)
        both = grid.found & (nearest >= 0) & (nearest < len(mel.times))
        x.append(around(lip_parts(rows), LIP_REACH, 1)[both])
        y.append(around(sound_parts(heard), SOUND_REACH, 2)[nearest[both]])
    lip_mean, sound_mean, lip_axes, sound_axes, strength = _canonical(np.concatenate(x), np.concatenate(y))
    return Voice(source, lip_parts, sound_parts, lip_mean, lip_axes, sound_mean, sound_axes, strength)


def lip_rows(grid: LipGrid, source: str) -> np.ndarray:
    """(T, D) each step of the mouth: a small picture of even brightness, or lip points; their mean is 0."""
    if source == "points":
        rows = grid.points.reshape(len(grid.times), -1).astype(np.float64)
    else:
        found = torch.from_numpy(grid.found)[None]
        mouth = standardise(reduce_mouths(torch.from_numpy(grid.mouths)[None]), found)
        rows = functional.avg_pool2d(mouth[0][:, None], 2).flatten(1).double().numpy()
    mean = rows[grid.found].mean(0) if grid.found.any() else 0.0
    return np.asarray(np.where(grid.found[:, None], rows - mean, 0.0))


def sound_rows(mel: Mel) -> np.ndarray:
    """(J, 80) log-mel of even level; the clip's mean is 0."""
    rows = normalise(torch.from_numpy(mel.log_mel)[None], torch.ones((1, len(mel.times)), dtype=torch.bool))[
        0
    ]
    return np.asarray((rows - rows.mean(0)).double().numpy())


def around(rows: np.ndarray, reach: int, step: int) -> np.ndarray:
    """(T, D) -> (T, D n): each step with those up to `reach` before and after it; ends are repeated."""
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    return np.concatenate([padded[at : at + len(rows)] for at in range(0, 2 * reach + 1, step)], 1)


def _reduction(parts: list[np.ndarray], kept: int) -> Reduction:
    rows = np.concatenate(parts)
    mean = rows.mean(0)
    values, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    best = np.argsort(values)[::-1][:kept]
    return Reduction(mean, axes[:, best] / np.sqrt(values[best]).clip(1e-9))


def _canonical(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means, axes (D, R) of unit variance, and correlations of the canonical pairs of (n, D) x and y."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    x_white, y_white = _whitening(x), _whitening(y)
    left, strength, right = np.linalg.svd(x_white.T @ (x.T @ y / len(x)) @ y_white)
    kept = min(PAIRS, len(strength))
    return x_mean, y_mean, x_white @ left[:, :kept], y_white @ right[:kept].T, strength[:kept].clip(0, 0.99)


def _whitening(rows: np.ndarray) -> np.ndarray:
    covariance = rows.T @ rows / len(rows)
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, axes = np.linalg.eigh(covariance)
    return np.asarray(axes / np.sqrt(values))


def opening_against_loudness(grid: LipGrid, mel: Mel) -> Say:
    """The offset at which lips open while the sound swells and close while it fades."""
    gap = grid.points[:, LOWER, 1] - grid.points[:, UPPER, 1]
    seen = np.stack([_even(gap, grid.found), _even(np.gradient(gap), grid.found)], 1)
    loud = np.convolve(sound_rows(mel)[:, :50].mean(1), np.hanning(11) / np.hanning(11).sum(), "same")
    heard = np.stack([_even(loud, _all(mel)), _even(np.gradient(loud), _all(mel))], 1)
    lips = Vectors(seen.astype(np.float32), grid.times, grid.found)
    return best_lag(lips, Vectors(heard.astype(np.float32), mel.times, _all(mel)))


def _all(mel: Mel) -> np.ndarray:
    return np.ones(len(mel.times), bool)


def _even(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values with zero mean and unit variance where they are known, 0 elsewhere."""
    inside = values[known]
    spread = max(float(inside.std()), 1e-6) if len(inside) else 1.0
    return np.where(known, (values - (inside.mean() if len(inside) else 0.0)) / spread, 0.0)
