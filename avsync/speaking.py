"""Which face speaks when, and which passages belong to the sound: scores of many faces to one series.

Shapes: T lip steps (40 ms), K lags (10 ms), P passages (some seconds of one stretch), F faces, S slopes.

Each face is scored on its own in passages of a few seconds (`passages`). All passages together decide on a
lag that may drift (a line over time); then each passage's best face at that line is the one that speaks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from avsync import pieces
from avsync.passages import SPEAKS, FaceScores, Passage, divided, evidence, likelihood, standardised

CERTAIN = 0.999
"""Only where the common line is as probable as this is a passage left out as foreign to it. Otherwise chance
would choose what agrees: over 744 pairs of wild pictures with another clip's sound, 53 were answered without
this condition, 14 with it; of 146 clips followed by such a pair, 136 and 122 were answered rightly, 75 when
nothing is left out."""
FOREIGN = 0.5
"""A passage that is less likely than this to belong to the common line is foreign to it."""
SURE = 5.5
"""Height of the peak of passages in a row that are taken to have another offset, not foreign sound."""
ELSEWHERE = 0.05
"""Prior probability that a passage has an offset of its own, behind a step."""
NEAR_MS = 60.0
"""How far from the common line a passage's lag may be."""
PAUSE = 2.0
"""Seconds without lip steps after which a new spell begins."""
USUAL_PPM = 1500.0
"""Drifts up to this are as likely as each other: of clocks, and of film against NTSC's rates (1000)."""
STEEPEST_PPM = 50_000.0
"""Largest drift that is looked for, where its ends stay within the lags: pictures that are stamped with
another rate than they were taken at drift so, film at 25 instead of 24 pictures a second by 42,000. Scores of
web clips one behind the other, 400 times 20 to 60 s, were given none; with foreign sound 27 of 600 were
answered, as many as where no more than `USUAL_PPM` is looked for. `recipes/benchmark/changes.py` puts steep
drifts under films of GRID."""
STEEPNESS_COST = 2.0
"""Nats that each factor of e beyond `USUAL_PPM` costs: a slope is the less likely the steeper it is."""
DRIFT_SECONDS = 15.0
"""Over less than this from the first passage to the last a drift is not looked for."""
CHANGE_GAIN = 6.0
"""Nats that a drift or a step must explain more than what is simpler: more than the best of many gains by
chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The scores of whoever speaks, over the whole of what was read: what the estimates are made of."""

    times_s: np.ndarray
    """(T,) float64 seconds on the picture's clock, ascending."""
    scores_TK: np.ndarray
    """(T, K) float32."""
    lags_ms: np.ndarray
    """(K,) float64."""
    face_T: np.ndarray
    """(T,) int: `LipTrack.face` of the face that speaks."""
    steady_T: np.ndarray
    """(T,) bool: on the common line; the others are sure of another offset (behind a step)."""
    slope_ppm: float
    """Slope of the common line: ms of offset in 1000 s; 0 where none is needed."""
    level_ms: float
    """Lag of the common line at `centre_s`, to the grid of lags."""
    centre_s: float
    """Middle of what was read."""
    probability: float
    """That the common line lies within 40 ms of the truth, from the evidence of the passages alone."""
    chosen: bool
    """Whether anything was left out: another face, or a foreign passage."""
    foreign: tuple[FaceScores, ...] = ()
    """Passages that were left out because they fit no lag; of each the face that fits best."""

    def line(self, time: float) -> float:
        """Lag (ms) of the common line at a time."""
        return self.level_ms + self.slope_ppm * (time - self.centre_s) / 1000

    def straight_scores(self) -> np.ndarray:
        """(T', K) scores of the steady steps, moved along the lags so that the common line is level."""
        scores: np.ndarray = self.scores_TK[self.steady_T]
        if self.slope_ppm == 0:
            return scores
        away = self.times_s[self.steady_T] - self.centre_s
        step_ms = self.lags_ms[1] - self.lags_ms[0]
        return pieces.straightened(scores, self.slope_ppm * away / 1000 / step_ms)


def decide(parts: Sequence[FaceScores], lags_ms: np.ndarray) -> Series:
    """Of all faces in all stretches, the steps that speak.

    Where no common lag stands out, all steps of the face with the highest peak, so that what follows can say
    how unsure it is.
    """
    passages = divided(parts, lags_ms)
    if not passages:
        return _empty(lags_ms)
    level, slope_ppm, probability = _common_line(passages, lags_ms)
    centre = _centre(passages)

    def fit(one: Passage) -> float:
        line = level + slope_ppm * (one.time - centre) / 1000
        near = np.abs(lags_ms - line) <= NEAR_MS
        return float(likelihood(one.z[near]).mean()) if near.any() else 0.0

    fits = np.array([fit(one) for one in passages])
    strays: list[int] = []
    if probability < SPEAKS:
        best = parts[passages[int(np.argmax([one.z.max() for one in passages]))].part]
        kept = [n for n, one in enumerate(passages) if parts[one.part].face == best.face]
        steady = dict.fromkeys(kept, True)
    else:
        steady, strays = _speaking(passages, fits, lags_ms, parts, FOREIGN if probability >= CERTAIN else 0.0)
    chosen = len(steady) < len(passages)
    return replace(
        _series(parts, passages, steady, lags_ms),
        slope_ppm=slope_ppm,
        level_ms=level,
        centre_s=centre,
        probability=probability,
        chosen=chosen,
        foreign=tuple(parts[passages[n].part].only(passages[n].rows) for n in strays),
    )


def spells(times_T: np.ndarray, face_T: np.ndarray, piece_T: np.ndarray) -> list[tuple[np.ndarray, int, int]]:
    """Times (T',), face and piece of each spell in which one face speaks without a jump of the offset; pauses
    of up to `PAUSE` are part of it.
    """
    if not len(times_T):
        return []
    breaks = np.flatnonzero((np.diff(times_T) > PAUSE) | (np.diff(face_T) != 0) | (np.diff(piece_T) != 0)) + 1
    parts = (np.split(of, breaks) for of in (times_T, face_T, piece_T))
    return [(times, int(face[0]), int(piece[0])) for times, face, piece in zip(*parts, strict=True)]


def _centre(passages: Sequence[Passage]) -> float:
    times = [one.time for one in passages]
    return (min(times) + max(times)) / 2


def _common_line(passages: Sequence[Passage], lags_ms: np.ndarray) -> tuple[float, float, float]:
    """Lag (ms) at the middle, slope (ppm) and probability of the line that explains the passages best."""
    times, evidence_PK = evidence(passages)
    centre = _centre(passages)
    half = float(np.abs(times - centre).max()) if len(times) > 1 else 0.0
    step = float(lags_ms[1] - lags_ms[0])
    level, slope = evidence_PK.sum(0), 0.0
    step_gain, longer = _step(evidence_PK[np.argsort(times, kind="stable")])
    if 2 * half >= DRIFT_SECONDS:
        best_line = level
        steepest = min(STEEPEST_PPM, 1000 * float(np.ptp(lags_ms)) / 2 / half)
        count = int(max(steepest, USUAL_PPM) * half / 1000 / step)
        for slope_ppm in np.arange(-count, count + 1) * (1000 * step / half):
            total = _along(evidence_PK, (times - centre) * slope_ppm / 1000 / step)
            total -= STEEPNESS_COST * math.log(max(abs(slope_ppm) / USUAL_PPM, 1.0))
            if total.max() > best_line.max():
                best_line, slope = total, float(slope_ppm)
        # A step has a line through it as well, which fits worse than the step.
        if best_line.max() > max(level.max(), step_gain) + CHANGE_GAIN:
            level = best_line
        else:
            slope = 0.0
    if slope == 0 and step_gain > level.max() + CHANGE_GAIN:
        level = longer
    best = int(level.argmax())
    mass = np.exp(level - level[best])
    probability = float(mass[np.abs(lags_ms - lags_ms[best]) <= 40].sum() / mass.sum())
    return float(lags_ms[best]), slope, probability


def _step(evidence_PK: np.ndarray) -> tuple[float, np.ndarray]:
    """What the best single step explains of passages in the order of time, in nats.

    And (K,) the evidence of that side of it which says more.
    """
    before = np.cumsum(evidence_PK, axis=0)
    after = before[-1] - before
    place = int((before.max(1) + after.max(1)).argmax())
    sides = before[place], after[place]
    return float(sides[0].max() + sides[1].max()), max(sides, key=lambda side: float(side.max()))


def _along(evidence_PK: np.ndarray, shift_P: np.ndarray) -> np.ndarray:
    """(K,) sums of the passages along a line that passes through each lag at the middle.

    Beyond the lags that were scored a passage says nothing.
    """
    count = evidence_PK.shape[1]
    columns = np.arange(count) + np.rint(shift_P).astype(int)[:, None]
    inside = (columns >= 0) & (columns < count)
    values = np.take_along_axis(evidence_PK, columns.clip(0, count - 1), axis=1)
    total: np.ndarray = np.where(inside, values, 0.0).sum(0)
    return total


def _speaking(
    passages: Sequence[Passage],
    fits: np.ndarray,
    lags_ms: np.ndarray,
    parts: Sequence[FaceScores],
    foreign: float,
) -> tuple[dict[int, bool], list[int]]:
    """Indices of the passages that speak, each with whether it is on the common line; and of those that
    belong to no line.

    In each passage one face, unless it belongs to the line with a smaller probability than `foreign`.
    """
    kept: dict[int, bool] = {}
    strays: list[int] = []
    for place in sorted({one.place for one in passages}):
        here = [n for n, one in enumerate(passages) if one.place == place]
        best = max(here, key=lambda n: float(fits[n]))
        other = max(here, key=lambda n: passages[n].z.max())
        on_line = SPEAKS * float(fits[best])
        nowhere = 1 - SPEAKS
        elsewhere = ELSEWHERE * float(likelihood(passages[other].z).mean())
        if on_line >= foreign * (on_line + nowhere + elsewhere):
            kept[best] = True
        else:
            strays.append(other)
    for run in _runs(strays, passages, parts):
        curve = np.sum([parts[passages[n].part].scores_TK[passages[n].rows].sum(0) for n in run], axis=0)
        if standardised(curve, lags_ms).max() >= SURE:
            kept.update(dict.fromkeys(run, False))
    return kept, [n for n in strays if n not in kept]


def _runs(
    numbers: Sequence[int], passages: Sequence[Passage], parts: Sequence[FaceScores]
) -> list[list[int]]:
    """Passages that follow each other in one stretch, also over cuts: behind a step all have its offset.

    Of 160 steps in 20 and 30 s of web clips one behind the other 156 are found so, 145 where runs end at a
    cut; with 12 to 25 s of foreign sound in 30 or 50 s jumps were made up in 3 of 720 either way.
    """
    runs: list[list[int]] = []
    for number in numbers:
        last = passages[runs[-1][-1]] if runs else None
        this = passages[number]
        if (
            last is not None
            and this.place == last.place + 1
            and parts[this.part].stretch == parts[last.part].stretch
        ):
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _series(
    parts: Sequence[FaceScores], passages: Sequence[Passage], kept: dict[int, bool], lags_ms: np.ndarray
) -> Series:
    chosen = sorted(kept, key=lambda n: passages[n].time)
    if not chosen:
        return _empty(lags_ms)
    rows = [passages[n].rows for n in chosen]
    owners = [parts[passages[n].part] for n in chosen]
    times = np.concatenate([part.times_s[row] for part, row in zip(owners, rows, strict=True)])
    order = np.argsort(times, kind="stable")
    scores = np.concatenate([part.scores_TK[row] for part, row in zip(owners, rows, strict=True)])
    faces = np.concatenate([np.full(len(row), part.face) for part, row in zip(owners, rows, strict=True)])
    steady = np.concatenate([np.full(len(row), kept[n]) for n, row in zip(chosen, rows, strict=True)])
    return Series(
        times[order], scores[order], lags_ms, faces[order], steady[order], 0.0, 0.0, 0.0, 0.0, False
    )


def _empty(lags_ms: np.ndarray) -> Series:
    none = np.zeros(0)
    scores = np.zeros((0, len(lags_ms)), np.float32)
    return Series(none, scores, lags_ms, none.astype(int), none.astype(bool), 0.0, 0.0, 0.0, 0.0, False)
