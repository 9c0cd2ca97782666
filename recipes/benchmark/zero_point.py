"""What counts as 0 ms: lip opening against the burst of bilabial stops, for every speaker of GRID.

    python recipes/benchmark/zero_point.py --grid CACHE/grid [--out recipes/grid/zero.csv]

At the release of a b or p the lips part at the instant of the burst. The burst is the steepest rise of the
sound between 1.5 and 7 kHz near the word's start. Pictures come every 40 ms, but at another moment of the
release each time: over all releases of a word, the gap between the lips stands as a dense curve over the time
since the burst (sampling in equivalent time). It is flat while the lips are closed and then rises; where the
line of the rise meets the floor the lips part. README.md beside this file says what the numbers mean.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from scipy.signal import butter, sosfiltfilt

sys.path.append(str(Path(__file__).resolve().parents[1] / "grid"))

from cache import read

from avsync.features import INNER_LIP, LIP_POINTS
from avsync.speech import SAMPLE_RATE
from avsync.utterances import Utterance

WORDS = ("bin", "blue", "by", "b", "place", "please", "p")
"""Words of GRID that begin with a b or p. An m has no burst."""
LIDS = ((82, 87), (13, 14), (312, 317))
"""Landmarks of the inner lips in the middle: upper, lower."""
BAND_HZ = (1500.0, 7000.0)
STEP = 96
"""Samples (6 ms) over which the rise of the burst is taken."""
EDGE, BESIDE = 32, 352
"""Samples (2, 22 ms): the levels before and after a burst are taken between these distances from it."""
SEARCH_S = (-0.06, 0.14)
"""Where the burst is looked for, from the word's start in `.align` on."""
MIN_RISE_DB, MIN_JUMP_DB = 25.0, 15.0
"""A burst rises by so much in 6 ms, and the 20 ms after it are louder than those before by so much."""
CLOSED_S = (-0.09, -0.02)
"""Before the burst the lips are closed: their gap here is the floor."""
FIT_S = (-0.08, 0.04)
"""Times around the burst that the hinge is fitted to."""
LAID_S = (-0.09, 0.08)
"""Times around the burst over which a speaker's releases are laid on the reference's curves."""
HALF_FRAME_MS = 20.0
"""A convention: a picture is shown from its time stamp on for 40 ms and counts for the middle of that."""
RESAMPLES = 100
MOST_DRAWN = 200
"""Releases in a resample at most; the error of more is scaled."""
ALONE_MS = 15.0
"""Standard error of a single release: speakers and vowels open the lips at other speeds."""


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """One release: the gap between the lips around the burst."""

    speaker: str
    word: str
    times: np.ndarray
    """(N,) seconds since the burst, of the pictures around it."""
    gaps: np.ndarray
    """(N,) gap of the inner lips over the floor, in tenths of the distance between the eyes."""


@dataclass(frozen=True, slots=True)
class Zero:
    """A speaker's own offset in ms, positive where the sound leads."""

    speaker: str
    releases: int
    ms: float
    error_ms: float
    """Standard error against the reference speaker."""


def burst(utterance: Utterance, start: float, end: float) -> float | None:
    """Seconds of the burst of a word, or None where none stands out."""
    band = butter(4, BAND_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    high = sosfiltfilt(band, utterance.waveform.astype(np.float64))
    level = 10 * np.log10(np.convolve(high**2, np.hanning(64) / 32, "same") + 1e-9)
    first = max(round((start + SEARCH_S[0] - utterance.audio_start) * SAMPLE_RATE), 0)
    last = round((min(start + SEARCH_S[1], end) - utterance.audio_start) * SAMPLE_RATE) + STEP
    part = level[first:last]
    if len(part) < 3 * STEP:
        return None
    rise = part[STEP:] - part[:-STEP]
    at = first + int(rise.argmax()) + STEP // 2
    before, after = level[max(at - BESIDE, 0) : at - EDGE], level[at + EDGE : at + BESIDE]
    if rise.max() < MIN_RISE_DB or not len(before) or np.median(after) - np.median(before) < MIN_JUMP_DB:
        return None
    return utterance.audio_start + at / SAMPLE_RATE


def lip_gap(utterance: Utterance) -> np.ndarray:
    """(T,) gap of the inner lips, up to a constant of the clip."""
    assert utterance.lips is not None
    rows = utterance.lips.points[:, len(LIP_POINTS) - len(INNER_LIP) :, 1]
    pairs = [(INNER_LIP.index(upper), INNER_LIP.index(lower)) for upper, lower in LIDS]
    gap: np.ndarray = np.mean([rows[:, lower] - rows[:, upper] for upper, lower in pairs], axis=0)
    return gap


def releases(utterance: Utterance) -> list[Release]:
    """All releases of an utterance whose burst and closure can be seen."""
    found = []
    assert utterance.lips is not None
    gap = lip_gap(utterance)
    for word, (start, end) in zip(utterance.words, utterance.word_times, strict=True):
        at = burst(utterance, start, end) if word in WORDS else None
        if at is None:
            continue
        times = utterance.lips.times - at
        near = (np.abs(times) < 0.2) & utterance.lips.found
        closed = near & (times > CLOSED_S[0]) & (times <= CLOSED_S[1])
        if closed.any():
            found.append(Release(utterance.speaker, word, times[near], gap[near] - np.median(gap[closed])))
    return found


def hinge(times: np.ndarray, gaps: np.ndarray) -> float:
    """Where the line of the rise meets the floor (seconds), by least squares over `FIT_S`."""
    inside = (times > FIT_S[0]) & (times < FIT_S[1])
    x, y = times[inside], gaps[inside]

    def misfit(at: float) -> float:
        design = np.stack([np.ones_like(x), np.maximum(x - at, 0)], 1)
        return float(np.linalg.lstsq(design, y, rcond=None)[1].sum())

    grid = np.arange(-0.045, 0.02, 0.0025)
    near = float(grid[np.argmin([misfit(float(at)) for at in grid])])
    return float(minimize_scalar(misfit, bounds=(near - 0.003, near + 0.003), method="bounded").x)


def together(chosen: Sequence[Release]) -> tuple[np.ndarray, np.ndarray]:
    """Times and gaps of many releases."""
    return np.concatenate([r.times for r in chosen]), np.concatenate([r.gaps for r in chosen])


def curve(chosen: Sequence[Release], grid: np.ndarray) -> np.ndarray:
    """The mean gap over the time since the burst, smoothed over about 5 ms."""
    times, gaps = together(chosen)
    index = np.round((times - grid[0]) / (grid[1] - grid[0])).astype(int)
    inside = (index >= 0) & (index < len(grid))
    total = np.bincount(index[inside], gaps[inside], len(grid))
    count = np.bincount(index[inside], minlength=len(grid))
    smooth: np.ndarray = gaussian_filter1d(total, 2.5) / np.maximum(gaussian_filter1d(count * 1.0, 2.5), 1e-9)
    return smooth


def lateness(chosen: Sequence[Release], templates: dict[str, np.ndarray], grid: np.ndarray) -> float:
    """How much later (s) these lips open after their bursts than the templates; amplitude is free."""

    def misfit(later: float) -> float:
        error = 0.0
        for word in {r.word for r in chosen}:
            times, gaps = together([r for r in chosen if r.word == word])
            inside = (times > LAID_S[0]) & (times < LAID_S[1])
            x, y = np.interp(times[inside] - later, grid, templates[word]), gaps[inside]
            error += float(np.sum((y - (x @ y) / max(x @ x, 1e-9) * x) ** 2))
        return error

    shifts = np.arange(-0.06, 0.0601, 0.002)
    return float(shifts[np.argmin([misfit(float(s)) for s in shifts])])


def zero_of_words(found: Sequence[Release]) -> dict[str, float]:
    """The hinge of each word in ms."""
    return {
        w: 1000 * hinge(*together([r for r in found if r.word == w]))
        for w in WORDS
        if any(r.word == w for r in found)
    }


def zeros(found: Sequence[Release], reference: str, seed: int = 0) -> tuple[list[Zero], dict[str, float]]:
    """The offset of each speaker, and the hinges of the words of the reference speaker.

    The reference has many releases: its hinges, averaged over the words, give its zero. The others are laid
    on its curves.
    """
    rng = np.random.default_rng(seed)
    own = [r for r in found if r.speaker == reference]
    hinges = zero_of_words(own)
    grid = np.arange(-0.2, 0.2, 0.002)
    templates = {word: curve([r for r in own if r.word == word], grid) for word in hinges}
    middle = float(np.mean(list(hinges.values())))
    results = []
    for speaker in sorted({r.speaker for r in found}):
        theirs = [r for r in found if r.speaker == speaker and r.word in templates]
        later = 1000 * lateness(theirs, templates, grid)
        draws = min(len(theirs), MOST_DRAWN)
        drawn = [
            1000 * lateness([theirs[i] for i in rng.integers(0, len(theirs), draws)], templates, grid)
            for _ in range(RESAMPLES if len(theirs) > 1 else 0)
        ]
        error = float(np.std(drawn)) * np.sqrt(draws / len(theirs)) if drawn else ALONE_MS
        error = max(error, ALONE_MS / np.sqrt(len(theirs)))
        results.append(Zero(speaker, len(theirs), middle + later + HALF_FRAME_MS, error))
    return results, hinges


def pooled(measured: Sequence[Zero]) -> tuple[float, float, dict[str, float]]:
    """Mean over the speakers (ms), what they truly differ by (standard deviation), and each speaker's best
    estimate: between the mean and what was measured, by how sure that is (DerSimonian and Laird, 1986).
    """
    values, variances = (np.array([z.ms for z in measured]), np.array([z.error_ms**2 for z in measured]))
    weights = 1 / variances
    mean = float(weights @ values / weights.sum())
    excess = float(weights @ (values - mean) ** 2) - (len(values) - 1)
    between = max(excess / (weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
    weights = 1 / (variances + between)
    mean = float(weights @ values / weights.sum())
    trust = between / (between + variances)
    best = trust * values + (1 - trust) * mean
    return mean, float(np.sqrt(between)), {z.speaker: float(ms) for z, ms in zip(measured, best, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="cache of recipes/grid/prepare.py")
    parser.add_argument("--reference", default="s1", help="speaker with many clips (default: s1)")
    parser.add_argument("--out", type=Path, help="write the speakers' offsets to this CSV file")
    options = parser.parse_args()
    utterances = read(options.grid)
    found = [release for utterance in utterances for release in releases(utterance)]
    words = sum(word in WORDS for utterance in utterances for word in utterance.words)
    print(f"{len(found)} releases are clear, of {words} words with b or p")
    measured, hinges = zeros(found, options.reference)
    mean, between, best = pooled(measured)
    shared = 1.96 * float(np.std(list(hinges.values()), ddof=1)) / np.sqrt(len(hinges))
    print("lips part after the burst, ms:", {word: round(ms, 1) for word, ms in hinges.items()})
    print(f"mean of the speakers {mean:+.1f} ms, they differ by {between:.1f} ms (standard deviation);")
    print(f"the scale as a whole is known to +-{shared:.1f} ms (95 %, what the words differ by)")
    rows = []
    for zero in measured:
        half = float(np.hypot(shared, 1.96 * zero.error_ms))
        rows.append(
            [zero.speaker, zero.releases, *(round(v, 1) for v in (zero.ms, half, best[zero.speaker]))]
        )
        print(
            f"{zero.speaker:5} {zero.releases:5} releases  {zero.ms:+6.1f} +-{half:.1f} ms  "
            f"taken as {best[zero.speaker]:+.1f}"
        )
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["speaker", "releases", "measured_ms", "plus_minus_ms", "offset_ms"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
