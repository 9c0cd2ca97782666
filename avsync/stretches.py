"""Which stretches of a long file are read, and when that is enough.

For a constant offset, stretches of some seconds are read at places spread over the file, its ends first, each
moved to where somebody is heard speaking; more follow until offset and drift are known well enough. Where two
neighbours disagree (a step), what lies between them is halved and read until nothing is left. `read_all`
reads the whole file, stretch by stretch, so that memory does not grow with pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice, pairwise
from typing import Protocol

import numpy as np

from avsync.excerpts import PATIENCE, Window
from avsync.lagscores import CALIBRATED_MS, OffsetConfig, bootstrap, lag_grid, peak
from avsync.passages import SPEAKS, FaceScores, standardised
from avsync.speaking import NEAR_MS, SURE, Series, decide

SPREAD = 9
"""Places by halves before the ends are read more closely: eight equal parts."""
APART_MS = 40.0
"""Neighbours whose lags differ by more than this have what lies between them read. Less than the smallest
step that is told (`timeline.LEAST_JUMP_MS`): by chance it costs only some reading."""


class Source(Protocol):
    """What `excerpts.Excerpts` offers."""

    span: Window

    def listen(self, place: float, seconds: float, length: float) -> Window | None:
        """Where near a place somebody is heard."""
        ...

    def read(self, number: int, window: Window, lags_ms: np.ndarray) -> list[FaceScores]:
        """The scores of every face in a window."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingConfig:
    """How much of a long file is read."""

    stretch_seconds: float = 10.0
    """Length of a stretch."""
    look_seconds: float = 20.0
    """Sound that is searched for speech at each place."""
    fewest: int = 6
    """Stretches with a face that are read whatever they say."""
    budget_seconds: float = 180.0
    """No more than this is looked at to know offset and drift, and as much again around steps."""
    most_places: int = 64
    """No more than so many places are listened to."""
    precision_ms: float = 12.0
    """Half of the 95 % interval of the offset that is good enough, what speakers differ by left out."""
    drift_ppm: float = 6.0
    """Standard error of the drift that is good enough."""
    at_a_time: int = 2
    """Stretches that are read together. The same on every machine: what is read depends on it."""


@dataclass(slots=True)
class Readings:
    """What was read of a file."""

    source: Source
    lags_ms: np.ndarray
    config: ReadingConfig
    parts: list[FaceScores] = field(default_factory=list)
    """Every face in every stretch."""
    windows: list[Window] = field(default_factory=list)
    """The stretches in the order of reading; `FaceScores.stretch` counts them."""

    def add(self, windows: Sequence[Window], pool: ThreadPoolExecutor) -> float:
        """Read some windows; how many seconds were looked at."""
        numbers = range(len(self.windows), len(self.windows) + len(windows))
        self.windows.extend(windows)
        seconds = 0.0
        read = pool.map(
            lambda number, window: self.source.read(number, window, self.lags_ms), numbers, windows
        )
        for (start, end), parts in zip(windows, read, strict=True):
            self.parts.extend(parts)
            seconds += end - start if parts else min(PATIENCE, end - start)
        return seconds

    def series(self) -> Series:
        """Whoever speaks in what was read so far."""
        return decide(self.parts, self.lags_ms)


def read_some(source: Source, offsets: OffsetConfig, config: ReadingConfig | None = None) -> Readings:
    """Read stretches until offset and drift are known, then around steps."""
    config = config or ReadingConfig()
    readings = Readings(source, lag_grid(offsets), config)
    start, end = source.span
    places = islice(_places(start, end - config.stretch_seconds, config.look_seconds), config.most_places)
    with ThreadPoolExecutor(config.at_a_time, thread_name_prefix="avsync-read") as pool:
        seconds = 0.0
        while seconds < config.budget_seconds and not enough(readings, offsets):
            batch = list(islice(places, config.at_a_time))
            if not batch:
                break
            look = lambda place: source.listen(place, config.look_seconds, config.stretch_seconds)  # noqa: E731
            fresh: list[Window] = []
            for window in pool.map(look, batch):
                if window is not None and not _overlaps(window, readings.windows + fresh):
                    fresh.append(window)
            seconds += readings.add(fresh, pool)
        seconds = 0.0
        while seconds < config.budget_seconds:
            wanted = between(readings)
            if not wanted:
                break
            seconds += readings.add(wanted, pool)
    return readings


def read_all(source: Source, offsets: OffsetConfig, config: ReadingConfig | None = None) -> Readings:
    """Read the whole file.

    A wide search is made on some stretches; all of the file is then scored around what they found, so that
    an hour's scores fit into memory.
    """
    config = config or ReadingConfig()
    lags_ms = lag_grid(offsets)
    if offsets.max_offset_ms > CALIBRATED_MS:
        some = read_some(source, offsets, config)
        known = some.series()
        if not known.steady_T.any():
            return some
        top = lags_ms[known.straight_scores().sum(0).argmax()]
        lags_ms = lags_ms[np.abs(lags_ms - top) <= CALIBRATED_MS + 1e-6]
    readings = Readings(source, lags_ms, config)
    start, end = source.span
    length = 2 * config.stretch_seconds
    edges = [*np.arange(start, max(end - length / 2, start + 1e-3), length).tolist(), end]
    with ThreadPoolExecutor(config.at_a_time, thread_name_prefix="avsync-read") as pool:
        readings.add(list(pairwise(edges)), pool)
    return readings


def anybody_heard(source: Source, config: ReadingConfig | None = None) -> bool:
    """Whether somebody is heard speaking at any of a few places spread over the file."""
    config = config or ReadingConfig()
    start, end = source.span
    places = islice(_places(start, end - config.stretch_seconds, config.look_seconds), SPREAD)
    return any(source.listen(place, config.look_seconds, config.stretch_seconds) for place in places)


def enough(readings: Readings, offsets: OffsetConfig) -> bool:
    """Whether offset and drift are known as well as is asked for."""
    if len({part.stretch for part in readings.parts}) < readings.config.fewest:
        return False
    series = readings.series()
    if series.probability < 0.99 or not series.steady_T.any():
        return False
    samples = bootstrap(series.straight_scores(), series.lags_ms, offsets)
    low, high = np.percentile(samples, [2.5, 97.5])
    return bool(
        (high - low) / 2 <= readings.config.precision_ms
        and drift_error(window_lags(series, readings.windows)) <= readings.config.drift_ppm
    )


def between(readings: Readings) -> list[Window]:
    """What to read next between stretches that disagree about the offset."""
    length = readings.config.stretch_seconds
    wanted: list[Window] = []
    series = readings.series()
    # Without a common line, windows differ because their sound is foreign.
    levels = window_lags(series, readings.windows) if series.probability >= SPEAKS else []
    for (_, end, lag), (start, _, other) in pairwise(levels):
        free = _uncovered(end, start, readings.windows)
        if abs(other - lag) <= APART_MS or not free:
            continue
        a, b = max(free, key=lambda gap: gap[1] - gap[0])
        if b - a >= 0.5:
            middle = (a + b) / 2
            near = b - a <= 1.5 * length
            wanted.append((a, b) if near else (middle - length / 2, middle + length / 2))
    return wanted


def window_lags(series: Series, windows: Sequence[Window]) -> list[tuple[float, float, float]]:
    """Start, end and lag (ms, off the common line) of each window that is sure of its lag, in order."""
    found = []
    for start, end in sorted(windows):
        here = (series.times_s >= start) & (series.times_s < end)
        if not here.any():
            continue
        here &= series.steady_T == (series.steady_T[here].mean() >= 0.5)  # of a step in the window, one side
        curve = series.scores_TK[here].sum(0)
        if standardised(curve, series.lags_ms).max() >= SURE:
            lag = peak(curve, series.lags_ms) - series.line(float(series.times_s[here].mean()))
            found.append((start, end, lag))
    return found


def drift_error(levels: Sequence[tuple[float, float, float]]) -> float:
    """Standard error (ppm) of the slope of a line through the lags of windows on the common line."""
    near = [one for one in levels if abs(one[2]) <= NEAR_MS]
    if len(near) < 4:
        return np.inf
    times = np.array([(start + end) / 2 for start, end, _ in near])
    lags = np.array([lag for _, _, lag in near])
    line = np.polynomial.Polynomial.fit(times, lags, 1)
    # A few windows that agree by chance do not make the drift sure.
    scatter = max(float(np.sqrt(np.square(lags - line(times)).sum() / (len(near) - 2))), 3.0)
    return float(1000 * scatter / np.sqrt(np.square(times - times.mean()).sum()))


def _places(first: float, last: float, apart: float) -> Iterator[float]:
    """Places from `first` to `last`: the ends, the middle and so on by halves, which shows steps; then from
    both ends inwards, `apart` each, which shows a drift best; then by halves again.
    """
    halves = _halves(first, last)
    yield from islice(halves, SPREAD)
    for step in range(1, int((last - first) / 4 / apart) + 1):
        yield first + step * apart
        yield last - step * apart
    yield from halves


def _halves(first: float, last: float) -> Iterator[float]:
    yield first
    if last <= first:
        return
    yield last
    for level in count(1):
        yield from (first + (last - first) * odd / 2**level for odd in range(1, 2**level, 2))


def _overlaps(window: Window, others: Sequence[Window]) -> bool:
    return any(window[0] < end and start < window[1] for start, end in others)


def _uncovered(start: float, end: float, windows: Sequence[Window]) -> list[Window]:
    """What of an interval lies outside the windows."""
    free: list[Window] = []
    for a, b in sorted(windows):
        if start < a < end:
            free.append((start, a))
        if b > start and a < end:
            start = b
    return [*free, (start, end)] if end > start else free
