"""The offset over time: a curve, its drift, and the places where it jumps.

Shapes: T lip steps (40 ms), K lags (10 ms), P pieces, N points of the curve.

Four descriptions compete: one offset, a drift, steps, steps with a drift. Each jump and the drift cost a
fixed gain in likelihood, so that what the scores do not call for is not found. A window with a wrong peak or
a silent minute gains nothing, and so changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avsync import jumps, pieces
from avsync.passages import FaceScores
from avsync.pieces import Bins, Path

JUMP_COST, PLACES_COST = 1.0, 1.5
"""Log likelihood that a jump must gain: the first, and the second times the logarithm of the number of lip
steps (Zhang and Siegmund 2007, a modified BIC for jumps). Of steps of 80 to 400 ms in 159 clips of 8 s 84 are
found so in place and size, 56 at 8 and the logarithm of the number of bins, which is as much in a film of ten
minutes. None is made up in 506 clips with silence laid in, nor in 420 with foreign sound."""
DRIFT_COST = 8.0
"""Log likelihood that a drift must gain."""
LEAST_JUMP_MS = 45.0
"""Smaller jumps are not told from the way that sounds differ, nor noticed (ITU-R BT.1359)."""
SHORTEST_S = 1.6
"""Seconds of lip steps that a piece must have."""
LEAST_DRIFT_MS = 20.0
"""A drift that makes less of a difference from end to end is left as it is."""
NARROW_PPM = 50.0
"""A drift that is not told from 0 is stated where its 95 % interval is at most this wide to both sides."""
SPEAKER_MS = 4.0
"""Deviation of a few seconds' offset by what is spoken, beyond what resampling shows."""
NEAR_MS = 40.0
"""A point of the curve is right within this."""
LIP_STEP_S = 0.04
UNSURE_PLACE_S = 2.0
"""A jump whose place is known less well than this, seconds, is told."""
WINDOW_S = (2.0, 4.0)
"""Seconds of lip steps in a point of the curve: at least, and at most where the least is unsure."""
SURE = 0.95
"""A point of the curve that is surer than this needs no more lip steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Offsets of short windows."""

    times: np.ndarray
    """(N,) seconds on the picture's clock, the middle of each window."""
    ms: np.ndarray
    """(N,) offset of each window by itself, in ms."""
    sure: np.ndarray
    """(N,) how sure it is, 0 to 1: the likelihood of `ms` within 40 ms against that of all other lags."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time without a jump."""

    start: float
    """Seconds on the picture's clock."""
    end: float
    """Seconds on the picture's clock."""
    offset_ms: float
    """In the middle of the stretch, positive when the audio leads."""
    plus_minus_ms: float
    """Half width of the 95 % interval of `offset_ms`, by what scatters within the recording."""
    seen_s: float
    """Seconds of lip steps in it that were read and hear more than silence."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where the offset changes at once."""

    time: float
    """Seconds on the picture's clock."""
    start: float
    """Earliest possible place; far from `end` where nothing was read between them."""
    end: float
    """Latest possible place."""
    before_ms: float
    """Offset before the jump."""
    after_ms: float
    """Offset after the jump."""

    @property
    def unsure(self) -> bool:
        """Whether its place is so unsure that it has to be said."""
        return self.end - self.start > UNSURE_PLACE_S


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The offset of a recording as a function of time."""

    curve: Curve
    pieces: tuple[Piece, ...]
    """At least one, in order; each ends where the next begins."""
    jumps: tuple[Jump, ...]
    """Between the pieces: one less than there are pieces."""
    slope_ppm: float
    """Drift that is in `pieces`: 0 where none was found."""
    drift_ppm: float | None
    """Best estimate of the drift, found or not; None where the recording is too short or unsure to say.
    The offset grows by `drift_ppm * seconds / 1000` ms."""
    drift_plus_minus_ppm: float | None
    """Half width of the 95 % interval of `drift_ppm`."""

    @property
    def constant(self) -> bool:
        """Neither drift nor jumps."""
        return not self.jumps and self.slope_ppm == 0

    @property
    def reference(self) -> float:
        """Seconds: the middle of the piece that is seen longest, the time of `Offset.ms`."""
        longest = max(self.pieces, key=lambda piece: piece.seen_s)
        return (longest.start + longest.end) / 2

    def offset_at(self, times: np.ndarray | float) -> np.ndarray:
        """Offset in ms at some times (seconds) by pieces and drift."""
        times = np.asarray(times, np.float64)
        index = np.searchsorted([jump.time for jump in self.jumps], times, side="right")
        middle = np.array([(piece.start + piece.end) / 2 for piece in self.pieces])[index]
        level = np.array([piece.offset_ms for piece in self.pieces])[index]
        line: np.ndarray = level + self.slope_ppm * (times - middle) / 1000
        return line

    def ends_of(self, piece: Piece) -> tuple[float, float]:
        """Offset in ms at the start and at the end of one of the pieces."""
        first, last = self.offset_at(np.array([piece.start, piece.end - 1e-6]))
        return float(first), float(last)

    def plus_minus_at(self, times: np.ndarray | float) -> np.ndarray:
        """Half width of the 95 % interval of `offset_at`."""
        times = np.asarray(times, np.float64)
        index = np.searchsorted([jump.time for jump in self.jumps], times, side="right")
        middle = np.array([(piece.start + piece.end) / 2 for piece in self.pieces])[index]
        width = np.array([piece.plus_minus_ms for piece in self.pieces])[index]
        drift = (self.drift_plus_minus_ppm or 0.0) if self.slope_ppm else 0.0
        half: np.ndarray = np.hypot(width, drift * (times - middle) / 1000)
        return half


def over_time(
    times_s: np.ndarray,
    scores_TK: np.ndarray,
    lags_ms: np.ndarray,
    steepest_ppm: float = pieces.MAX_PPM,
    foreign: Sequence[FaceScores] = (),
) -> Timeline | None:
    """How the offset changes over lip steps at rising times (T,); None where there is less than a piece.

    `scores_TK`: of `lagscores.lag_scores`; `lags_ms` (K,) evenly spaced, the model's bias taken off.
    `steepest_ppm`: largest drift that is looked for. `foreign`: passages that were left out because they fit
    no lag; one beside a jump may yet tell where it is.
    """
    if len(times_s) * LIP_STEP_S < SHORTEST_S or len(lags_ms) < 5:
        return None
    step_ms = float(lags_ms[1] - lags_ms[0])
    bins = pieces.make_bins(times_s, scores_TK)
    sizes = np.diff(np.append(bins.first, len(times_s)))
    path, weight, drifting = _chosen(bins, sizes, step_ms, steepest_ppm)
    slopes, offsets = pieces.resampled(bins, drifting)
    drift = drifting.slope * step_ms * 1000
    jitter = SPEAKER_MS * _lever(bins, len(times_s))
    plus_minus = float(np.hypot(1.96 * np.std(slopes) * step_ms * 1000, 1.96 * jitter))
    found = path is drifting and abs(drift) > plus_minus
    if path is drifting and not found:
        path = pieces.replaced(bins, path, 0.0)
    stated = found or (plus_minus <= NARROW_PPM and len(times_s) > 250)
    spread = 1.96 * np.std(offsets, axis=0) * step_ms
    steps: list[Jump] = []
    for index in range(1, len(path.starts)):
        place, earliest, latest = jumps.place(times_s, scores_TK, bins, path, index, weight, foreign)
        lags = path.offsets[index - 1 : index + 1] + path.slope * (place - bins.origin)
        before, after = (lags_ms[0] + step_ms * lags).tolist()
        steps.append(Jump(place, earliest, latest, before, after))
    edges = [float(times_s[0]), *(jump.time for jump in steps), float(times_s[-1]) + LIP_STEP_S]
    middles = (np.array(edges[:-1]) + edges[1:]) / 2
    levels = lags_ms[0] + step_ms * (path.offsets + path.slope * (middles - bins.origin))
    seen = np.add.reduceat(pieces.heard_steps(bins, sizes), path.starts) * LIP_STEP_S
    parts = tuple(
        Piece(start, end, float(level), float(width), float(seconds))
        for (start, end), level, width, seconds in zip(pairwise(edges), levels, spread, seen, strict=True)
    )
    curve = _curve(times_s, scores_TK, lags_ms, weight, np.array(edges[1:-1]))
    return Timeline(
        curve, parts, tuple(steps), path.slope * step_ms * 1000,
        drift if stated else None, plus_minus if stated else None,
    )  # fmt: skip


def straightened(
    times_s: np.ndarray, scores_TK: np.ndarray, lags_ms: np.ndarray, line: Timeline
) -> np.ndarray:
    """(T, K) scores as if the offset had always been that at `line.reference`."""
    if line.constant:
        return scores_TK
    shift = (line.offset_at(times_s) - line.offset_at(line.reference)) / (lags_ms[1] - lags_ms[0])
    return pieces.straightened(scores_TK, shift)


def _chosen(bins: Bins, sizes: np.ndarray, step_ms: float, steepest_ppm: float) -> tuple[Path, float, Path]:
    """The best description, the weight of its scores, and the same pieces with their best slope (it is the
    description itself where there is a drift).
    """

    def sloped(path: Path) -> Path:
        return pieces.sloped(bins, path, step_ms, steepest_ppm)

    flat = pieces.constant(bins)
    line = sloped(flat)
    best, slanted = flat, line
    weight = _weight(bins, line if line.total > flat.total else flat, sizes, step_ms)
    jump_cost = JUMP_COST + PLACES_COST * np.log(sizes.sum())
    useful = LEAST_DRIFT_MS / step_ms / max(float(np.ptp(bins.times)), 1e-6)
    for _ in range(4):
        cost = jump_cost / weight

        def stepped(slope: float, cost: float = cost) -> Path:
            return pieces.pruned(
                bins, pieces.steps(bins, slope, cost), cost, LEAST_JUMP_MS / step_ms, sizes,
                round(SHORTEST_S / LIP_STEP_S),
            )  # fmt: skip

        def worth(path: Path, weight: float = weight) -> float:
            drifts = DRIFT_COST if path.slope else 0.0
            return float(weight * path.total - jump_cost * (len(path.starts) - 1) - drifts)

        level = stepped(0.0)
        candidates = [flat, level, line]
        for start in (line, sloped(level)):
            for _ in range(3):
                start = sloped(stepped(start.slope))
            candidates.append(start)
        candidates = [
            path
            for path in candidates
            if not path.slope
            or (abs(path.slope) >= useful and weight * pieces.slope_gain(bins, path) >= DRIFT_COST)
        ]
        before, best = best, max(candidates, key=worth)
        slanted = best if best.slope else sloped(best)
        if np.array_equal(best.starts, before.starts) and best.slope == before.slope:
            break
        weight = _weight(bins, best, sizes, step_ms)
    return best, weight, slanted


def _weight(bins: Bins, path: Path, sizes: np.ndarray, step_ms: float) -> float:
    """What turns sums of scores along lags into log likelihoods: the signal over the noise's variance."""
    steps = int(sizes.sum())
    variance = pieces.noise(bins, path, sizes, round(150 / step_ms))
    return max(float(path.total / steps / max(variance, 1e-12)), 1e-12)


def _lever(bins: Bins, steps: int) -> float:
    """Drift in ppm by independent errors of 1 ms in windows of 4 s."""
    times = bins.times
    windows = max(steps * LIP_STEP_S / WINDOW_S[1], 1.0)
    return 1000 / float(np.sqrt(windows) * max(np.std(times), 1e-3))


def _curve(
    times: np.ndarray, scores_TK: np.ndarray, lags_ms: np.ndarray, weight: float, jumps: np.ndarray
) -> Curve:
    """Points of 2 to 4 s of lip steps, none across a jump or a gap of more than a second."""
    breaks = np.union1d(np.flatnonzero(np.diff(times) > 1.0) + 1, np.searchsorted(times, jumps))
    least, most = (round(seconds / LIP_STEP_S) for seconds in WINDOW_S)
    points = []
    for start, end in zip([0, *breaks], [*breaks, len(times)], strict=True):
        at = int(start)
        while at < end:
            for size in range(least, most + 1, (most - least) // 4):
                stop = min(at + size, int(end))
                if end - stop < least // 2:
                    stop = int(end)
                sums = scores_TK[at:stop].sum(0, dtype=np.float64)
                lag = float(pieces.peaks(sums)[1])
                likely = np.exp(weight * (sums - sums.max()))
                near = np.abs(np.arange(len(lags_ms)) - lag) * (lags_ms[1] - lags_ms[0]) <= NEAR_MS
                sure = float(likely[near].sum() / likely.sum())
                if sure >= SURE or stop == end:
                    break
            points.append((float(times[at:stop].mean()), lags_ms[0] + lag * (lags_ms[1] - lags_ms[0]), sure))
            at = stop
    return Curve(*np.array(points).T)
