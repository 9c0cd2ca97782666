"""Offsets that change: the best piecewise line through scores of lags, and how far it may be off.

Shapes: T lip steps, K lags, W bins of lip steps, P pieces, S slopes, L lags around a piece's offset, R
resamples. A slope is in lags (grid steps) a second; a shift is in lags.

A bin's scores times `weight` are log likelihoods that its offset is the lag (up to a constant): the noise of
the scores is about Gaussian, as wide at every lag, and correlated over neighbouring lags as the peak is wide.
So the gain of another piece can be held against a fixed cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BIN_STEPS = 10
"""Lip steps (of 40 ms) in a bin: the grid on which jumps are looked for."""
MAX_BINS = 2000
"""Bins of a long recording are made larger, so that there are no more."""
MAX_BLOCKS = 240
"""Blocks of bins that a slope is measured over."""
GAP_S = 0.5
"""Seconds without a lip step that end a bin."""
CORRELATION = 1.3
"""Noise of a second against that of 25 independent lip steps (power); measured."""
UNTOLD = 1e-4
"""Sums of scores this small are of lags at which nothing is heard; those have the mean of their step."""
LIVE = 0.05
"""A bin with a smaller share of the noise of the noisiest hears silence at most lags. With these in the mean,
what little is heard beside a silence looked clearer than it is: of 426 clips of 8 s with 1 to 5 s of silence
at one end or in the middle 11 were given a step; none is, where they count neither for the noise nor for
the length of a piece. Speech whose scores are a quarter as large as those of the rest still counts."""
MAX_PPM = 2000.0
"""Steepest slope that is looked for unless more is asked for; film against NTSC's rates is 1000."""
SLOPE_BINS = 10
"""Bins in a group, some seconds: a slope has to gain its cost without the group that gains most."""
SUPPORT_STEPS = 30
"""Lip steps that speak for an offset together, or not."""
RESAMPLES = 300
"""Resamples of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Sums of scores over short stretches of lip steps."""

    times: np.ndarray
    """(W,) seconds from `origin`, the middle of each bin."""
    sums: np.ndarray
    """(W, K) float32: scores with the mean of each step removed."""
    first: np.ndarray
    """(W,) int, the first lip step of each bin."""
    origin: float
    """Seconds: the middle of the recording."""


@dataclass(frozen=True, slots=True)
class Path:
    """Pieces of one slope."""

    starts: np.ndarray
    """(P,) int, the first bin of each piece; the first is 0."""
    slope: float
    """Lags a second."""
    offsets: np.ndarray
    """(P,) lags (fractions of the grid, from its first) at the middle of the recording."""
    total: float
    """Sum of the scores along it."""


def make_bins(times: np.ndarray, scores_TK: np.ndarray) -> Bins:
    """Bins of `BIN_STEPS` lip steps or more, none across a gap."""
    size = max(BIN_STEPS, -(-len(times) // MAX_BINS))
    run = np.concatenate([[0], np.flatnonzero(np.diff(times) > GAP_S) + 1, [len(times)]])
    first = np.concatenate([np.arange(a, b, size) for a, b in pairwise(run)])
    centred = scores_TK - scores_TK.mean(1, keepdims=True)
    counts = np.diff(np.append(first, len(times)))
    origin = float(times[0] + times[-1]) / 2
    middles = np.add.reduceat(times, first) / counts - origin
    return Bins(middles, np.add.reduceat(centred, first, axis=0), first, origin)


def noise(bins: Bins, path: Path, steps_of: np.ndarray, apart: int) -> float:
    """Variance a lip step of the scores at lags further than `apart` from the path, in `_live` bins."""
    away = np.abs(np.arange(bins.sums.shape[1]) - along(bins, path)[:, None]) > apart
    heard = away & (np.abs(bins.sums) > UNTOLD)  # beyond the sound there is nothing, noise neither
    lags = heard.sum(1) * steps_of
    squares = np.square(np.where(heard, bins.sums, 0.0)).sum(1)
    live = _live(squares / np.maximum(lags, 1))
    return float(CORRELATION * squares[live].sum() / max(lags[live].sum(), 1))


def _live(noise_W: np.ndarray) -> np.ndarray:
    """(W,) bool, the bins that hear more than silence, by the noise of their scores."""
    live: np.ndarray = noise_W >= LIVE * np.quantile(noise_W, 0.9)
    return live


def heard_steps(bins: Bins, steps_of: np.ndarray) -> np.ndarray:
    """(W,) lip steps of the bins that hear more than silence; 0 in the others."""
    return np.where(_live(np.square(bins.sums).mean(1) / steps_of), steps_of, 0)


def along(bins: Bins, path: Path) -> np.ndarray:
    """(W,) the path's lag at each bin."""
    piece = np.searchsorted(path.starts, np.arange(len(bins.times)), side="right") - 1
    lags: np.ndarray = path.offsets[piece] + path.slope * bins.times
    return lags


def shifted(sums_WK: np.ndarray, shift_W: np.ndarray, begin: int, end: int) -> np.ndarray:
    """(W, end - begin) scores of the lags from `begin` to `end`, each read `shift` higher; between lags by
    quadratic B-splines, 0 beyond the grid.

    They smooth as much at a lag as between two. Linear reading lowers peaks that lie between lags, and so
    draws offsets and slopes to where they fall on lags.
    """
    lags = sums_WK.shape[1]
    whole = np.rint(shift_W).astype(int)
    by = (shift_W - whole).astype(np.float32)[:, None]
    index = np.arange(begin - 1, end + 1) + whole[:, None]
    inside = (index >= 0) & (index < lags)
    read = np.where(inside, np.take_along_axis(sums_WK, index.clip(0, lags - 1), 1), np.float32(0))
    below, above = 0.5 * (0.5 - by) ** 2, 0.5 * (0.5 + by) ** 2
    moved: np.ndarray = below * read[:, :-2] + (0.75 - by**2) * read[:, 1:-1] + above * read[:, 2:]
    return moved


def straightened(scores_TK: np.ndarray, shift_T: np.ndarray) -> np.ndarray:
    """(T, K) scores of steps whose offset is `shift` lags higher than it should be, as if it were not; beyond
    the grid the mean of the step.
    """
    mean = scores_TK.mean(1, keepdims=True)
    level: np.ndarray = shifted(scores_TK - mean, shift_T, 0, scores_TK.shape[1]) + mean
    return level


def constant(bins: Bins, slope: float = 0.0) -> Path:
    """One piece of a given slope."""
    return _placed(bins, np.zeros(1, int), slope)


def steps(bins: Bins, slope: float, cost: float) -> Path:
    """The best pieces of a given slope, exactly: each jump costs `cost` (in scores). Viterbi over lags."""
    sums = _level(bins, slope)[0]
    best = sums[0].copy()
    tops = np.zeros(len(sums), int)
    jumped = np.zeros(sums.shape, bool)
    for index in range(1, len(sums)):
        tops[index] = best.argmax()
        landed = best[tops[index]] - cost
        jumped[index] = best < landed
        best = np.maximum(best, landed) + sums[index]
    lag = int(best.argmax())
    starts = [0]
    for index in range(len(sums) - 1, 0, -1):
        if jumped[index, lag]:
            starts.append(index)
            lag = int(tops[index])
    return _placed(bins, np.array(sorted(starts)), slope)


def replaced(bins: Bins, path: Path, slope: float) -> Path:
    """The path's pieces with another slope, each at its best offset."""
    return _placed(bins, path.starts, slope)


def pruned(bins: Bins, path: Path, cost: float, least: float, steps_of: np.ndarray, shortest: int) -> Path:
    """The path without jumps that gain less than `cost`, are under `least` lags high, or bound a piece of
    fewer than `shortest` lip steps that hear more than silence, or of a `support` below half of `cost`, as
    much as a piece of mean scores has that gains `cost`.
    """
    heard = heard_steps(bins, steps_of)
    while len(path.starts) > 1:
        faults = []
        held = support(bins, path, steps_of)
        for jump in range(1, len(path.starts)):
            fewer = _placed(bins, np.delete(path.starts, jump), path.slope)
            height = abs(path.offsets[jump] - path.offsets[jump - 1])
            ends = np.append(path.starts, len(bins.times))[jump - 1 : jump + 2]
            sizes = [heard[a:b].sum() for a, b in pairwise(ends)]
            gain = path.total - fewer.total
            alone = min(held[jump - 1 : jump + 1])
            if gain < cost or height < least or min(sizes) < shortest or alone < cost / 2:
                faults.append((gain, jump, fewer))
        if not faults:
            break
        path = min(faults, key=lambda fault: fault[:2])[2]
    return path


def support(bins: Bins, path: Path, steps_of: np.ndarray) -> np.ndarray:
    """(P,) by how much the scores of each piece speak for its offset rather than for none.

    Between two wrong offsets foreign sound and noise choose by chance, and clearly. So `SUPPORT_STEPS`
    count where they score more than half of the mean: from there on an offset is likelier than none.
    """
    scores = shifted(bins.sums, along(bins, path), 0, 1)[:, 0]
    half = path.total / steps_of.sum() / 2
    size = max(round(SUPPORT_STEPS / float(np.median(steps_of))), 1)
    held = []
    for start, end in pairwise(np.append(path.starts, len(scores))):
        seconds = np.arange(start, end, size)
        beyond = np.add.reduceat(scores[:end] - half * steps_of[:end], seconds)
        held.append(float(beyond.clip(min=0).sum()))
    return np.array(held)


def sloped(bins: Bins, path: Path, step_ms: float, steepest_ppm: float = MAX_PPM) -> Path:
    """The path's pieces with the slope that fits them best, each free in its offset."""
    blocks, labels = _blocks(bins, path.starts)
    half = max(float(np.ptp(blocks.times)) / 2, 1e-6)
    starts = np.searchsorted(labels, np.arange(len(path.starts)))
    limit = steepest_ppm / 1000 / step_ms
    slope = 0.0
    spacing, reach = 2.0 / half, limit
    for _ in range(3):
        count = int(np.ceil(reach / spacing))
        grid = slope + np.arange(-count, count + 1) * spacing
        grid = grid[np.abs(grid) <= limit]
        profile = np.array([_placed(blocks, starts, value).total for value in grid])
        slope = _summit(grid, profile)
        reach, spacing = 2 * spacing, spacing / 4
    return _placed(bins, path.starts, slope)


def slope_gain(bins: Bins, path: Path) -> float:
    """By how much the scores along the path exceed those of the same pieces without a slope, but for the
    group of `SLOPE_BINS` that exceeds them most: foreign sound fits some line by chance, far from the rest.
    """
    level = replaced(bins, path, 0.0)
    above, below = (shifted(bins.sums, along(bins, one), 0, 1)[:, 0] for one in (path, level))
    apart = np.diff(bins.times)
    runs = np.flatnonzero(apart > 2 * np.median(apart)) + 1 if len(apart) else np.zeros(0, int)
    starts = [
        start
        for begin, end in pairwise([0, *runs, len(bins.times)])
        for start in range(begin, end, SLOPE_BINS)
    ]
    gains = np.add.reduceat(above - below, starts)
    return float(gains.sum() - gains.max())


def resampled(bins: Bins, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(R,) slopes, (R, P) offsets (lags) in the middle of each piece, of blocks drawn with replacement.

    Seeded: the same scores give the same.
    """
    blocks, labels = _blocks(bins, path.starts)
    half = max(float(np.ptp(blocks.times)) / 2, 1e-6)
    slopes = np.arange(-24, 25) * 0.5 / half  # to 120 ms at both ends
    around = np.arange(-12, 13)
    rng = np.random.default_rng(0)
    count = len(path.starts)
    profiles = np.zeros((RESAMPLES, len(slopes)))
    places = np.zeros((RESAMPLES, count, len(slopes)))
    middles = np.array([blocks.times[labels == piece].mean() for piece in range(count)])
    for piece in range(count):
        mine = labels == piece
        times, sums = blocks.times[mine], blocks.sums[mine]
        # Around the piece's line: lag 12 of the read ones is the path itself.
        base = path.offsets[piece] + path.slope * times - around[-1]
        local = np.stack(
            [shifted(sums, base + slope * (times - middles[piece]), 0, len(around)) for slope in slopes], 1
        )
        drawn = rng.integers(0, len(times), (RESAMPLES, len(times)))
        counts = np.stack([np.bincount(row, minlength=len(times)) for row in drawn]).astype(np.float32)
        totals = (counts @ local.reshape(len(times), -1)).reshape(RESAMPLES, len(slopes), len(around))
        top, place = peaks(totals)
        profiles += top
        places[:, piece] = place - around[-1]
    _, best = peaks(profiles)
    rows = np.arange(RESAMPLES)
    nearest = np.rint(best).astype(int)
    offsets = path.offsets + path.slope * middles + places[rows, :, nearest]
    return path.slope + (best - 24) * (slopes[1] - slopes[0]), offsets


def _blocks(bins: Bins, starts: np.ndarray) -> tuple[Bins, np.ndarray]:
    """Bins merged to about 4 s or more, none across a piece's end; (W,) the piece of each."""
    size = max(10, -(-len(bins.times) // MAX_BLOCKS))
    ends = np.append(starts[1:], len(bins.times))
    first, labels = [], []
    for piece, (start, end) in enumerate(zip(starts, ends, strict=True)):
        count = max(round((end - start) / size), min(end - start, 3), 1)
        parts = start + np.arange(count) * (end - start) // count
        first.append(parts)
        labels.append(np.full(count, piece))
    begins = np.concatenate(first)
    counts = np.diff(np.append(begins, len(bins.times)))
    times = np.add.reduceat(bins.times, begins) / counts
    sums = np.add.reduceat(bins.sums, begins, axis=0)
    return Bins(times, sums, begins, bins.origin), np.concatenate(labels)


def _level(bins: Bins, slope: float) -> tuple[np.ndarray, int]:
    """Scores (W, ...) with a slope taken out, and the lag of the first column."""
    reach = int(np.ceil(abs(slope) * np.abs(bins.times).max()))
    return shifted(bins.sums, slope * bins.times, -reach, bins.sums.shape[1] + reach), -reach


def _placed(bins: Bins, starts: np.ndarray, slope: float) -> Path:
    """Each piece at its best offset."""
    level, first = _level(bins, slope)
    top, place = peaks(np.add.reduceat(level, starts, axis=0))
    return Path(starts, slope, first + place, float(top.sum()))


def peaks(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and place of the highest point along the last axis, by the parabola through its neighbours."""
    best = curves.argmax(-1)[..., None]
    inner = best.clip(1, curves.shape[-1] - 2)
    before, top, after = (np.take_along_axis(curves, inner + by, -1)[..., 0] for by in (-1, 0, 1))
    bend = before - 2 * top + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0.0)
    border = (best != inner)[..., 0]
    shift = np.where(border, 0.0, shift)
    height = np.where(
        border, np.take_along_axis(curves, best, -1)[..., 0], top + 0.25 * (after - before) * shift
    )
    return height, best[..., 0] + shift


def _summit(places: np.ndarray, values: np.ndarray) -> float:
    """Where values on an even grid are highest."""
    if len(values) < 3:
        return float(places[values.argmax()])
    return float(np.interp(peaks(values)[1], np.arange(len(places)), places))
