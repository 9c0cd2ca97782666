"""Which parts of a file are read, and when that is enough: all of a short one, stretches of a long one.

Shapes: T lip steps (40 ms), K lags (10 ms).

A long file is never loaded. For a constant offset, stretches of some seconds are read at places spread over
all of it, its ends first, each moved to where somebody is heard speaking; more follow until offset and drift
are known well enough. Where two neighbours disagree (a step), what lies between is halved and read until
nothing is left between them. `every` reads all of it, stretch by stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count, islice, pairwise
from pathlib import Path

import numpy as np

from avsync import features, lips, media, speech
from avsync.clip import Clip
from avsync.lagscores import OffsetConfig, bootstrap, lag_grid, lag_scores, peak
from avsync.model import AVSync, Vectors
from avsync.reader import Reader
from avsync.speaking import NEAR_MS, FaceScores, Series, decide
from avsync.spool import SoundSpool
from avsync.words import is_speech

Window = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingConfig:
    """How much of a long file is read."""

    whole_seconds: float = 60.0
    """A file that is no longer is read as a whole."""
    stretch_seconds: float = 10.0
    """Length of a stretch."""
    look_seconds: float = 20.0
    """Sound that is searched for the most speech at each place."""
    speech_share: float = 0.2
    """Stretches with less speech than this are not looked at."""
    patience: float = 3.0
    """A stretch whose first seconds show no face is given up."""
    fewest: int = 6
    """Stretches that are read whatever they say."""
    budget_seconds: float = 180.0
    """No more than this is looked at to know offset and drift, and as much again to find steps."""
    most_places: int = 64
    """No more than so many places are listened to."""
    precision_ms: float = 12.0
    """Half of the 95 % interval of a constant offset that is good enough (what speakers differ by left out)."""
    drift_ppm: float = 6.0
    """Standard error of the drift that is good enough."""
    highest: int = 1080
    """Higher pictures are scaled down to so many rows."""
    workers: int = 2
    """Stretches that are read at a time; what is read does not depend on it, nor on the number of cores."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What was read of a file."""

    parts: list[FaceScores] = field(default_factory=list)
    """Every face in every stretch."""
    windows: list[Window] = field(default_factory=list)
    """The stretches that were looked at, in the order of reading; `FaceScores.stretch` counts them."""
    heard: bool = False
    """Whether there was any sound above silence."""
    spoken: bool = False
    """Whether there was any speech."""


def score_faces(
    tracks: Sequence[lips.LipTrack], heard: Vectors, model: AVSync, lags_ms: np.ndarray, stretch: int = 0
) -> list[FaceScores]:
    """Each face's scores at every lag."""
    found = []
    for track in tracks:
        seen = model.embed_lips(features.on_grid(track))
        scores_TK = lag_scores(seen, heard, lags_ms)
        found.append(FaceScores(stretch, track.face, seen.times[seen.known], scores_TK))
    return found


def load_short(path: Path, config: ReadingConfig | None = None) -> Clip | None:
    """The clip of a short file; None for a long one."""
    config = config or ReadingConfig()
    with media.open(path) as reader:
        start, end = span(reader)
    return None if end - start > config.whole_seconds else media.load(path)


def opening(path: Path) -> Clip:
    """The first seconds of a file: where its streams start, and how fast its pictures come."""
    with media.open(path, height=90) as reader:
        start = reader.start
        return reader.read(start, start + 10.0)


def span(reader: Reader) -> Window:
    """First and last second of a file, as it declares them; (0, 0) where it does not."""
    info = reader.info
    start = info.start_time or 0.0
    return (0.0, 0.0) if info.duration is None else (start, start + info.duration)


@dataclass(slots=True)
class StretchReader:
    """Reads stretches of one file and scores the faces in them."""

    path: Path
    model: AVSync
    offsets: OffsetConfig
    config: ReadingConfig
    lags_ms: np.ndarray = field(init=False)
    reach: float = field(init=False)
    readings: Readings = field(init=False, default_factory=Readings)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.config.workers, thread_name_prefix="avsync-stretch")
        self.lags_ms = lag_grid(self.offsets)
        self.reach = float(self.lags_ms[-1]) / 1000 + 0.5

    def sample(self) -> Series:
        """Read until offset and drift are known, then around steps; the series of who speaks in all of it."""
        start, end = self._span()
        series = decide([], self.lags_ms)
        places = islice(_places(start, end - self.config.stretch_seconds), self.config.most_places)
        seconds = 0.0
        while seconds < self.config.budget_seconds:
            batch = list(islice(places, self.config.workers))
            if not batch:
                break
            windows = [one for one in self._parallel(self._listen, batch) if one is not None]
            windows = [one for one in dict.fromkeys(windows) if not _overlaps(one, self.readings.windows)]
            seconds += self._read_all(windows)
            series = decide(self.readings.parts, self.lags_ms)
            if self._enough(series):
                break
        seconds = 0.0
        while seconds < self.config.budget_seconds:
            between = self._between(series)
            if not between:
                break
            seconds += self._read_all(between)
            series = decide(self.readings.parts, self.lags_ms)
        return series

    def every(self) -> Series:
        """Read all of the file; the series of who speaks in it."""
        if self.offsets.max_offset_ms > OffsetConfig().max_offset_ms:
            # A wide search needs no more than some stretches; all of the file is then scored around its peak.
            known = self.sample()
            if not len(known.times_s):
                return known
            level = known.lags_ms[known.straight_scores().sum(0).argmax()]
            reach = OffsetConfig().max_offset_ms
            self.lags_ms = self.lags_ms[np.abs(self.lags_ms - level) <= reach + 1e-6]
            self.reach = float(np.abs(self.lags_ms).max()) / 1000 + 0.5
            self.readings = Readings(heard=self.readings.heard, spoken=self.readings.spoken)
        start, end = self._span()
        step = 2 * self.config.stretch_seconds
        edges = np.append(np.arange(start, end - step / 2, step), end)
        self._read_all([(float(a), float(b)) for a, b in pairwise(edges)])
        return decide(self.readings.parts, self.lags_ms)

    def _span(self) -> Window:
        with media.open(self.path) as reader:
            start, end = span(reader)
        return start, max(end, start + self.config.stretch_seconds)

    def _parallel(self, work: Callable, items: Sequence) -> list:  # type: ignore[type-arg]
        return list(self._pool.map(work, items))

    def _listen(self, place: float) -> Window | None:
        """The window near a place with the most speech; None where there is too little."""
        length = self.config.stretch_seconds
        with media.open(self.path) as reader:
            sound = _sound(reader, place, place + self.config.look_seconds)
        if len(sound.waveform) < length * sound.sample_rate / 2:
            return None
        phones = self.model.speech_posteriors(speech.log_mel(sound))
        spoken = is_speech(phones)
        steps = min(round(length / phones.step), len(spoken))
        share = np.convolve(spoken, np.ones(steps) / steps, mode="valid")
        # Of equally good ones the first; whole seconds, so that the answer does not hang on one phone.
        share = share[:: round(1 / phones.step)]
        best = int(np.argmax(share > share.max() - 0.05))
        self.readings = replace(self.readings, heard=True)
        if share[best] < self.config.speech_share:
            return None
        return place + best, place + best + length

    def _read_all(self, windows: Sequence[Window]) -> float:
        """Read some windows; the seconds that they last."""
        first = len(self.readings.windows)
        self.readings.windows.extend(windows)
        jobs = list(zip(count(first), windows))
        for start in range(0, len(jobs), self.config.workers):
            for parts in self._parallel(self._read, jobs[start : start + self.config.workers]):
                self.readings.parts.extend(parts)
        return sum(end - start for start, end in windows)

    def _read(self, job: tuple[int, Window]) -> list[FaceScores]:
        """The scores of every face in a window."""
        number, (start, end) = job
        margin = 0.5  # what lies at the ends is seen with what is around it
        with media.open(self.path) as reader:
            rows = _rows(reader)
        height = self.config.highest if rows > self.config.highest else None
        with media.open(self.path, height=height) as reader:
            sound = _sound(reader, start - self.reach - margin, end + self.reach + margin)
            if len(sound.waveform) < sound.sample_rate:
                return []
            settings = lips.TrackConfig()
            pictures = _chunks(reader, start - margin, end + margin, settings.chunk)
            tracks = lips.follow(pictures, settings, patience=self.config.patience)
        if not tracks:
            return []
        heard = self.model.embed_speech(speech.log_mel(sound))
        found = score_faces(tracks, heard, self.model, self.lags_ms, number)
        return [one for part in found if (one := _within(part, start, end, self.offsets)) is not None]

    def _enough(self, series: Series) -> bool:
        """Whether offset and drift are known as well as is asked for."""
        seen = {part.stretch for part in self.readings.parts}
        if len(seen) < self.config.fewest or series.probability < 0.99 or not series.steady_T.any():
            return False
        scores = series.straight_scores()
        samples = bootstrap(scores, self.lags_ms, self.offsets)
        low, high = np.percentile(samples, [2.5, 97.5])
        return bool(
            (high - low) / 2 <= self.config.precision_ms
            and drift_error(series, self.readings.windows) <= self.config.drift_ppm
        )

    def _between(self, series: Series) -> list[Window]:
        """What to read next between stretches that disagree about the offset."""
        levels = sorted(window_lags(series, self.readings.windows))
        wanted: list[Window] = []
        for (_, end, lag), (start, _, other) in pairwise(levels):
            if abs(other - lag) <= NEAR_MS:
                continue
            gap = max(_uncovered(end, start, self.readings.windows), key=lambda g: g[1] - g[0], default=None)
            if gap is None or gap[1] - gap[0] < 0.5:
                continue
            length = self.config.stretch_seconds
            middle = (gap[0] + gap[1]) / 2
            wanted.append(
                gap if gap[1] - gap[0] <= 1.5 * length else (middle - length / 2, middle + length / 2)
            )
        return wanted


def window_lags(series: Series, windows: Sequence[Window]) -> list[tuple[float, float, float]]:
    """Start, end and lag (ms, off the common line) of each window in which somebody speaks."""
    found = []
    for start, end in windows:
        here = (series.times_s >= start) & (series.times_s < end)
        if not here.any():
            continue
        middle = float(series.times_s[here].mean())
        lag = peak(series.scores_TK[here].sum(0), series.lags_ms) - series.line(middle)
        found.append((start, end, lag))
    return found


def drift_error(series: Series, windows: Sequence[Window]) -> float:
    """Standard error (ppm) of the slope of a line through the lags of the windows on the common line."""
    levels = [one for one in window_lags(series, windows) if abs(one[2]) <= NEAR_MS]
    if len(levels) < 4:
        return np.inf
    times = np.array([(start + end) / 2 for start, end, _ in levels])
    lags = np.array([lag for _, _, lag in levels])
    fit = np.polynomial.Polynomial.fit(times, lags, 1)
    scatter = max(float(np.std(lags - fit(times), ddof=2)), 3.0)
    return float(1000 * scatter / np.sqrt(np.square(times - times.mean()).sum()))


def _places(first: float, last: float) -> Iterator[float]:
    """Places from `first` to `last`: both ends, the middle, then the middles of what lies between."""
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
        if b <= start or a >= end:
            continue
        if a > start:
            free.append((start, a))
        start = max(start, b)
    return [*free, (start, end)] if end > start else free


def _within(part: FaceScores, start: float, end: float, config: OffsetConfig) -> FaceScores | None:
    """The steps of a window; None where the face is seen too shortly in it."""
    here = (part.times_s >= start) & (part.times_s < end)
    if here.sum() * 0.04 < config.min_face_seconds - 1e-6:
        return None
    return replace(part, times_s=part.times_s[here], scores_TK=part.scores_TK[here])


def _sound(reader: Reader, start: float, end: float) -> Clip:
    """The sound of an interval, as a clip without pictures."""
    with closing(SoundSpool(reader.sounds(start), reader.sample_rate)) as spool:
        heard = spool.between(start, end)
    none = np.zeros(0, np.float64)
    return Clip(
        reader.source, none, [], heard.samples, reader.sample_rate, heard.time, reader.info, (start, end)
    )


def _chunks(reader: Reader, start: float, end: float, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pictures of an interval with their times, some at a time."""
    times: list[float] = []
    pictures: list[np.ndarray] = []
    with closing(reader.pictures(start)) as coming:
        for time, picture in coming:
            if time >= end:
                break
            times.append(time)
            pictures.append(picture)
            if len(times) == size:
                yield np.array(times), np.stack(pictures)
                times, pictures = [], []
    if times:
        yield np.array(times), np.stack(pictures)


def _rows(reader: Reader) -> int:
    """Rows of the picture as it is shown."""
    if reader.video is None:
        return 0
    stream = reader.info.streams[reader.video]
    return int(stream.width if stream.rotation in (90, -90) else stream.height)
