"""Scores of lags: how well lips and speech fit at each, where the peak is, and how sure it is.

Shapes: T lip steps (40 ms), K lags (10 ms), D embedding, W resamples of the bootstrap.

The score of a lag is the mean, over the same lip steps for every lag, of the product of lip and speech
vectors. Its peak is the offset; a bootstrap over windows of lip steps gives the interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsync.encoders import LIP_RATE
from avsync.errors import ConfigError
from avsync.model import Vectors

MAX_OFFSET_MS = 10_000.0
"""Widest search that is accepted."""
CALIBRATED_MS = 1000.0
"""Search range on which the confidence was fitted; the default of a search."""
RIVAL_MS = 120.0
"""Lags further than this from the peak are rivals of it."""
HIGHEST = 10.0
"""A peak that stands out by more standard deviations than this is no surer."""
FITTED_S = 3.0
"""A longer face counts as this long in the evidence: the confidence was fitted on parts of up to 3 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetConfig:
    """How the offset is searched and when it is stated."""

    step_ms: float = 10.0
    """Distance between the lags that are scored; the peak is refined between them by a parabola."""
    max_offset_ms: float = CALIBRATED_MS
    """Search range to both sides."""
    window: int = 10
    """Lip steps (of 40 ms) in a window of the bootstrap."""
    resamples: int = 300
    """Resamples of the bootstrap."""
    min_seconds: float = 1.0
    """Shorter pictures or sounds are `too_short`."""
    min_face_seconds: float = 0.8
    """A face seen for less than this is `no_face`."""
    silence_dbfs: float = -90.0
    """Sound whose loudest 100 ms stay below this is `no_speech`: a bit of 16. Speech above it still tells."""
    min_speech: float = 0.1
    """Sound with a smaller share of speech is `no_speech`, unless an offset is found and speech lasts for
    `min_speech_seconds`. Of 360 noises under web clips, white, pink and brown, 12 had an offset without this
    rule and 2 have with it; speech keeps a share of 0.28 in white noise of 10 times its power."""
    min_speech_seconds: float = 1.0
    """An offset of sound with less speech, and little of it, is one of chance."""
    min_confidence: float = 0.5
    """Below this the answer is `ambiguous`."""

    def __post_init__(self) -> None:
        if not 2 * self.step_ms <= self.max_offset_ms <= MAX_OFFSET_MS:
            raise ConfigError(
                f"max_offset_ms must be from {2 * self.step_ms:g} to {MAX_OFFSET_MS:g}, "
                f"got {self.max_offset_ms:g}. Give a range within these."
            )


def lag_grid(config: OffsetConfig) -> np.ndarray:
    """(K,) offsets in ms that are scored, symmetric around 0.

    At least `CALIBRATED_MS` to both sides, however narrow the search that is asked for: without its rivals a
    wrong peak would look sure, and a peak outside the range asked for must be seen to be there.
    """
    half = int(np.floor(max(config.max_offset_ms, CALIBRATED_MS) / config.step_ms + 1e-9))
    return np.arange(-half, half + 1) * config.step_ms


def lag_scores(seen: Vectors, heard: Vectors, lags_ms: np.ndarray) -> np.ndarray:
    """(T, K) score of a found lip step at a lag: the product with the speech vector at `t - lag / 1000`.

    Speech vectors are interpolated between their 10 ms steps. Every lag is scored over the same lip steps:
    where a lag would need sound outside the clip the entry is the mean of its step, which speaks neither
    for nor against it.
    """
    times, vectors = seen.times[seen.known], seen.vectors[seen.known]
    step = heard.times[1] - heard.times[0]
    scores = np.empty((len(times), len(lags_ms)), np.float32)
    for start in range(0, len(times), 256):
        part = slice(start, start + 256)
        position = (times[part, None] - lags_ms / 1000 - heard.times[0]) / step
        known = (position >= 0) & (position <= len(heard.times) - 1)
        position = position.clip(0, len(heard.times) - 1 - 1e-6)
        left = position.astype(int)
        share = (position - left).astype(np.float32)
        low, high = left.min(), left.max() + 2
        product = vectors[part] @ heard.vectors[low:high].T
        rows = np.arange(len(product))[:, None]
        here = (1 - share) * product[rows, left - low] + share * product[rows, left - low + 1]
        mean = (here * known).sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
        scores[part] = np.where(known, here, mean)
    return scores


def peak(curve: np.ndarray, lags_ms: np.ndarray) -> float:
    """The lag (ms) of the highest score, refined by the parabola through it and its neighbours."""
    best = int(curve.argmax())
    if best in (0, len(curve) - 1):
        return float(lags_ms[best])
    before, top, after = (float(value) for value in curve[best - 1 : best + 2])
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(lags_ms[best] + shift * (lags_ms[1] - lags_ms[0]))


def bootstrap(scores_TK: np.ndarray, lags_ms: np.ndarray, config: OffsetConfig) -> np.ndarray:
    """(W,) peaks (ms) of curves made from windows drawn with replacement.

    Seeded: the same clip gives the same interval.
    """
    windows = max(len(scores_TK) // config.window, 1)
    sums = np.stack([part.sum(0) for part in np.array_split(scores_TK, windows)])
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, windows, (config.resamples, windows))
    counts = np.stack([np.bincount(row, minlength=windows) for row in drawn]).astype(np.float32)
    return np.array([peak(curve, lags_ms) for curve in counts @ sums])


def interval(ms: float, samples: np.ndarray, spread_ms: float) -> tuple[float, float]:
    """95 % interval in ms around `ms`: what the bootstrap peaks (W,) scatter within the clip, and `spread_ms`
    that speakers differ by, added as independent errors.
    """
    low, high = (float(value) for value in np.percentile(samples, [2.5, 97.5]))
    return ms - float(np.hypot(max(ms - low, 0.0), spread_ms)), ms + float(
        np.hypot(max(high - ms, 0.0), spread_ms)
    )


def evidence(
    curve: np.ndarray, samples: np.ndarray, raw: float, lags_ms: np.ndarray, steps: int
) -> np.ndarray:
    """(5,) what speaks for the peak; `recipes/grid/calibrate.py` turns it into a probability.

    1; how far the peak stands above the lags `RIVAL_MS` to both sides of it, in standard deviations of the
    curve beyond them; the share of bootstrap peaks within 40 ms of it; their spread (log of the standard
    deviation in 10 ms); log of the seconds of face, up to `FITTED_S`. All are relative to the clip's own
    scores: the height of the peak itself separates GRID's clips better and does not carry over to other
    faces, whose peaks are lower. Of a wide search the deviation is that of the nearest lags, as many as
    `CALIBRATED_MS` has: at far ones sound and picture hardly meet, and a curve that is flat there makes any
    peak look high.
    """
    middle = np.clip(raw, lags_ms[0] + CALIBRATED_MS, lags_ms[-1] - CALIBRATED_MS)
    apart = np.abs(lags_ms - raw)
    rivals = curve[(apart > RIVAL_MS) & (np.abs(lags_ms - middle) <= CALIBRATED_MS + 1e-6)]
    spread = float(rivals.std()) if len(rivals) else 0.0
    top, reach = int(curve.argmax()), round(RIVAL_MS / (lags_ms[1] - lags_ms[0]))
    sides = curve[max(top - reach, 0)] + curve[min(top + reach, len(curve) - 1)]
    prominence = float(curve[top] - sides / 2) / max(spread, 1e-6) if len(rivals) else 0.0
    agreement = float(np.mean(np.abs(samples - raw) <= 40))
    scatter = float(np.log1p(np.std(samples) / 10))
    seconds = min(max(steps, 1) / LIP_RATE, FITTED_S)
    return np.array([1.0, min(prominence, HIGHEST), agreement, scatter, np.log(seconds)])


AGREEMENT = 2
"""Place of the share of agreeing bootstrap peaks in `evidence`."""


def probability(weights: tuple[float, ...], features: np.ndarray) -> float:
    """Logistic function of the weighted evidence, but no more than the share of bootstrap peaks that agree:
    between two peaks as high as each other nothing is sure, however high they are.
    """
    logistic = float(1 / (1 + np.exp(-np.clip(np.dot(weights, features), -30, 30))))
    return min(logistic, float(features[AGREEMENT]))
