"""Steps laid into the scores of a film: many places at the cost of reading it once.

The sound behind a step is the same sound, moved: each lip step behind it has its scores at other lags. What
`changes` does with a file for eight steps is done here with scores for fifty in each of two films.

Shapes: T lip steps (40 ms), K lags (10 ms).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from changes import PLACE_S, SECONDS, SIZE, SIZE_MS, STEPS_MS
from corpus import Spoken, Wild
from films import Take, film, voiced
from table import Row
from tqdm import tqdm
from trials import NAN, share_row, stated_ms, statistic_row

from avsync import metrics, stretches
from avsync.encoders import LIP_RATE
from avsync.excerpts import Excerpts, Window
from avsync.lagscores import OffsetConfig
from avsync.model import load_model
from avsync.offset import Offset, detect_offset, estimate
from avsync.passages import FaceScores

COUNT = 50
"""Steps in each film."""
STEP_MS = 10
"""Offsets are on the grid of lags."""
MOST_MS = 100
"""The offset before the step lies within this."""
REACH_MS = 1600.0
"""Lags that the film is scored at, to both sides: 1000 are searched, and the sound is moved by up to 500."""
PART_S = 20.0
"""The film is read in parts."""
END_S = 60.0
"""No step in the first and the last minute."""


@dataclass(slots=True)
class Scored:
    """A film that was read as a whole, with the sound that belongs to it."""

    source: Excerpts
    parts: list[FaceScores]
    lags_ms: np.ndarray
    heard: dict[tuple[float, float, float], Window | None] = field(default_factory=dict)

    @property
    def span(self) -> Window:
        """Start and end in seconds."""
        return self.source.span

    def listen(self, place: float, seconds: float, length: float) -> Window | None:
        """As `Excerpts.listen`; the sound is the same for every step but for some tenths of a second."""
        asked = place, seconds, length
        if asked not in self.heard:
            self.heard[asked] = self.source.listen(place, seconds, length)
        return self.heard[asked]


@dataclass(frozen=True, slots=True)
class Stepped:
    """The film with another sound: a `stretches.Source`."""

    film: Scored
    place: float
    """Seconds: from here on the offset is larger by `step_ms`."""
    offset_ms: int
    """Before `place`."""
    step_ms: int

    @property
    def span(self) -> Window:
        """Start and end in seconds."""
        return self.film.span

    def listen(self, place: float, seconds: float, length: float) -> Window | None:
        """Where near a place somebody is heard."""
        return self.film.listen(place, seconds, length)

    def read(self, number: int, window: Window, lags_ms: np.ndarray) -> list[FaceScores]:
        """The scores of every face in a window; a face of another part of the film is another face."""
        found = []
        for face, part in enumerate(self.film.parts):
            inside = part.only((part.times_s >= window[0]) & (part.times_s < window[1]))
            if len(inside.times_s) / LIP_RATE >= self.film.source.config.min_face_seconds:
                moved = self._moved(inside, lags_ms)
                found.append(replace(inside, stretch=number, face=face, scores_TK=moved))
        return found

    def _moved(self, part: FaceScores, lags_ms: np.ndarray) -> np.ndarray:
        """(T, K) scores at the lags, of the sound as it was moved."""
        offset_T = self.offset_ms + self.step_ms * (part.times_s >= self.place)
        first_T = np.rint((lags_ms[0] - offset_T - self.film.lags_ms[0]) / STEP_MS).astype(int)
        return np.take_along_axis(part.scores_TK, first_T[:, None] + np.arange(len(lags_ms)), axis=1)


def measure(clips: Sequence[Spoken], wild: Sequence[Wild], split: str) -> list[Row]:
    """All rows of this part. Of a clip from the wild what the tool says counts as its own offset."""
    rows = _rows([Take(one.path) for one in clips], f"GRID {split}, {len(clips)} clips, {SECONDS / 60:g} min")
    takes = []
    for one in tqdm([one for one in wild if not one.edge], desc="steps: offsets of the clips"):
        own = stated_ms(detect_offset(one.path))
        if np.isfinite(own):
            takes.append(Take(one.path, own))
    return rows + _rows(takes, f"wild, {len(takes)} clips, {SECONDS / 60:g} min")


def scored(path: Path) -> Scored:
    """Read the whole of a film."""
    source = Excerpts(path, load_model(), OffsetConfig())
    lags_ms = np.arange(-REACH_MS, REACH_MS + STEP_MS, STEP_MS)
    start, end = source.span
    parts: list[FaceScores] = []
    for number, begin in enumerate(tqdm(np.arange(start, end, PART_S), desc="steps: reading")):
        parts += source.read(number, (begin, min(begin + PART_S, end)), lags_ms)
    return Scored(source, parts, lags_ms)


def found(stepped: Stepped) -> Offset:
    """What the tool says of it."""
    config = stepped.film.source.config
    return estimate(stretches.read_some(stepped, config).series(), load_model().config, config)


def _rows(takes: Sequence[Take], where: str) -> list[Row]:
    if not takes:
        return []
    with tempfile.TemporaryDirectory() as name:
        pictures, path = Path(name) / "pictures.mp4", Path(name) / "film.mp4"
        voiced(pictures, path, film(pictures, takes, SECONDS, SIZE), np.zeros_like)
        read = scored(path)
        rng = np.random.default_rng(0)
        places, sizes, inside = [], [], []
        extra = 0
        for number in tqdm(range(COUNT), desc="steps"):
            place = rng.uniform(END_S, SECONDS - END_S)
            offset = STEP_MS * int(rng.integers(-MOST_MS // STEP_MS, MOST_MS // STEP_MS + 1))
            step = STEPS_MS[number % len(STEPS_MS)]
            line = found(Stepped(read, place, offset, step)).line
            jumps = () if line is None else line.jumps
            nearest = min(jumps, key=lambda jump, at=place: abs(jump.time - at), default=None)
            places.append(NAN if nearest is None else nearest.time - place)
            sizes.append(NAN if nearest is None else nearest.after_ms - nearest.before_ms - step)
            inside.append(nearest is not None and nearest.start <= place <= nearest.end)
            extra += max(len(jumps) - 1, 0)
    wheres, films = (where, "steps"), [str(number) for number in range(COUNT)]
    name, late_ms = "steps laid into scores", 1000 * np.array(places)
    return [
        share_row(f"{name}: within {PLACE_S:g} s of their place", np.abs(places) <= PLACE_S, films, wheres),
        statistic_row(f"{name}: median error of the place", metrics.median_error, late_ms, films, wheres),
        share_row(f"{name}: earliest and latest place hold it", np.array(inside), films, wheres),
        share_row(f"{name}: size within {SIZE_MS:g} ms", np.abs(sizes) <= SIZE_MS, films, wheres),
        Row(f"{name}: more than one is told", float(extra), "", COUNT, *wheres),
    ]  # fmt: skip
