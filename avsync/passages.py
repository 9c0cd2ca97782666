"""Passages: what every face scores in a few seconds, and for which lags that speaks.

Shapes: T lip steps (40 ms), K lags (10 ms), P passages.

A passage is evidence for a lag by the height `z` of its curve there, in standard deviations of the curve
away from its peak: foreign sound gives about Gaussian noise, a speaking mouth `LOCK` or more at its lag. So
the likelihood of a passage at a lag, against noise, is exp(LOCK z - LOCK^2 / 2), mixed with the chance that
nobody seen speaks (a narrator, music, a listening face). That chance bounds what one passage can say, and a
passage that fits nowhere says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from avsync.lagscores import RIVAL_MS

PASSAGE_SECONDS = 3.0
"""About how long a passage is: long enough to lock, short enough that one face speaks."""
FEWEST_STEPS = 10
"""A face seen in fewer lip steps of a passage is not heard in it."""
HIDDEN_S = 0.4
"""A mouth is hidden for so many seconds at most while its face stays."""
LOCK = 3.0
"""Height, in standard deviations, from which on a peak is taken for a lock. Measured: 4 to 8 for 3 s of a
speaking face, 2 to 4 for the best lag of foreign sound."""
HIGHEST = 20.0
"""A peak over less noise than this allows is not believed to be higher."""
LEAST_NOISE = 0.5
"""The noise of a passage is taken for at least this share of that of the noisiest."""
SPEAKS = 0.5
"""Prior probability that somebody who is seen speaks."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceScores:
    """The scores of one face in one stretch of the file."""

    stretch: int
    """Number of the stretch, in the order of time or not."""
    face: int
    """`LipTrack.face` in that stretch."""
    times_s: np.ndarray
    """(T,) float64 seconds of the lip steps in which the mouth is seen, on the picture's clock."""
    scores_TK: np.ndarray
    """(T, K) float32 score of each step at each lag."""

    def only(self, rows: np.ndarray) -> FaceScores:
        """Some of the lip steps, by their indices or by a mask (T,)."""
        return replace(self, times_s=self.times_s[rows], scores_TK=self.scores_TK[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One face in one passage."""

    place: int  # number of the passage; faces that are seen together share it
    part: int  # index of its `FaceScores`
    rows: np.ndarray  # of its scores
    z: np.ndarray  # (K,)
    time: float


def standardised(curve_K: np.ndarray, lags_ms: np.ndarray, least: float = 0.0) -> np.ndarray:
    """(K,) height of a curve over its noise, which is taken for `least` at least: 0 in the mean and 1 in
    deviation away from its peak.
    """
    mean, spread = _noise(curve_K, lags_ms)
    return np.asarray((curve_K - mean) / max(spread, least, 1e-9))


def _noise(curve_K: np.ndarray, lags_ms: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of a curve away from its peak."""
    away = np.abs(lags_ms - lags_ms[curve_K.argmax()]) > RIVAL_MS
    noise = curve_K[away] if away.any() else curve_K
    return float(noise.mean()), max(float(noise.std()), float(curve_K.max() - noise.mean()) / HIGHEST)


def divided(parts: Sequence[FaceScores], lags_ms: np.ndarray) -> list[Passage]:
    """Each face in each passage. A shot is divided evenly, for all faces alike.

    No passage reaches over a cut, so that only faces which are seen together compete. Of fifty steps of
    `recipes/benchmark/steps.py` in a film of GRID 48 are within 1 s so, and 42 where passages did.
    """
    cuts: list[tuple[int, int, np.ndarray]] = []
    places = 0
    for start, end, faces in _shots(parts):
        count = max(round((end - start) / PASSAGE_SECONDS), 1)
        edges = np.linspace(start, end + 1e-3, count + 1)
        for n in faces:
            where = np.searchsorted(edges, parts[n].times_s, side="right") - 1
            for number in range(count):
                rows = np.flatnonzero(where == number)
                if len(rows) >= FEWEST_STEPS:
                    cuts.append((places + number, n, rows))
        places += count
    curves = [parts[n].scores_TK[rows].sum(0, dtype=np.float64) for _, n, rows in cuts]
    roots = [np.sqrt(len(rows)) for _, _, rows in cuts]
    spreads = [_noise(curve, lags_ms)[1] / root for curve, root in zip(curves, roots, strict=True)]
    # Where the sound has ended, or lies behind what was read, a flat curve would make a peak of anything.
    least = LEAST_NOISE * max(spreads, default=0.0)
    return [
        Passage(
            place, n, rows, standardised(curve, lags_ms, least * root), float(parts[n].times_s[rows].mean())
        )
        for (place, n, rows), curve, root in zip(cuts, curves, roots, strict=True)
    ]


def _shots(parts: Sequence[FaceScores]) -> list[tuple[float, float, list[int]]]:
    """First and last second of each shot of each stretch, and the indices of the faces in it.

    One ends where all faces go and others come; a face may come back in a later shot.
    """
    runs: list[tuple[int, float, float, int]] = []
    for n, part in enumerate(parts):
        breaks = np.flatnonzero(np.diff(part.times_s) > HIDDEN_S) + 1
        spells = np.split(part.times_s, breaks) if len(part.times_s) else []
        runs += [(part.stretch, float(times[0]), float(times[-1]), n) for times in spells]
    shots: list[tuple[float, float, list[int]]] = []
    last = None
    for stretch, first, end, n in sorted(runs):
        if stretch == last and (first <= shots[-1][1] or n in shots[-1][2]):
            begin, until, faces = shots.pop()
            shots.append((begin, max(until, end), faces if n in faces else [*faces, n]))
        else:
            shots.append((first, end, [n]))
        last = stretch
    return shots


def evidence(passages: Sequence[Passage]) -> tuple[np.ndarray, np.ndarray]:
    """(P,) times and (P, K) log-likelihood of each passage at each lag, against noise."""
    places = sorted({one.place for one in passages})
    times, rows = [], []
    for place in places:
        here = [one for one in passages if one.place == place]
        odds = np.mean([likelihood(one.z) for one in here], axis=0)
        rows.append(np.log(1 - SPEAKS + SPEAKS * odds))
        times.append(np.mean([one.time for one in here]))
    return np.array(times), np.stack(rows)


def likelihood(z: np.ndarray | float) -> np.ndarray:
    """Of a lock at a lag whose score stands `z` above the noise, against noise."""
    return np.exp(LOCK * np.asarray(z) - LOCK**2 / 2)
