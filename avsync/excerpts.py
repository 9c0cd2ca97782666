"""Excerpts of a file: the pictures of some seconds, the sound around them, and how every face in them scores.

Shapes: T lip steps (40 ms), K lags (10 ms).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avsync import features, lips, media, speech
from avsync.clip import Clip
from avsync.encoders import LIP_RATE
from avsync.lagscores import OffsetConfig, lag_scores
from avsync.model import Ensemble, Vectors
from avsync.passages import FaceScores
from avsync.reader import Reader
from avsync.spool import SoundSpool
from avsync.words import is_speech

Window = tuple[float, float]
"""Start and end in seconds."""

SHORT_SECONDS = 60.0
"""A file that is no longer is read, and looked at, as a whole."""
MARGIN = 0.5
"""Seconds around an excerpt that are read as well: its ends are seen with what is around them."""
PATIENCE = 3.0
"""An excerpt whose first seconds show no face is given up."""
HIGHEST = 1080
"""Higher pictures are scaled down to so many rows."""
SAMPLES_FEWEST = 16_000
"""Sound shorter than this cannot be scored."""
SPOKEN_SHARE = 0.2
"""An excerpt with less speech than this is not worth looking at."""


def load_short(path: Path, audio_stream: int | None = None) -> Clip | None:
    """The clip of a short file, with the sound of a stream of it; None for a long one."""
    with media.open(path, audio_stream=audio_stream) as reader:
        start, end = span(reader, path)
    return None if end - start > SHORT_SECONDS else media.load(path, audio_stream=audio_stream)


def opening(path: Path, audio_stream: int | None = None) -> Clip:
    """The first seconds of a file: where its streams start, and how fast its pictures come."""
    with media.open(path, height=90, audio_stream=audio_stream) as reader:
        start = reader.start
        return reader.read(start, start + 10.0)


def span(reader: Reader, path: Path) -> Window:
    """First and last second of a file, as it declares them, or else as its packets say; 0, 0 without any."""
    info = reader.info
    start = info.start_time or 0.0
    length = info.duration
    if length is None:  # what browsers record: all packets are read once, none decoded
        length = media.probe(path).found_duration or 0.0
    return start, start + length


def score_faces(
    tracks: Sequence[lips.LipTrack], heard: Vectors, model: Ensemble, lags_ms: np.ndarray, stretch: int = 0
) -> list[FaceScores]:
    """Each face's scores at every lag."""
    found = []
    for track in tracks:
        seen = model.embed_lips(features.on_grid(track))
        scores_TK = lag_scores(seen, heard, lags_ms)
        found.append(FaceScores(stretch, track.face, seen.times[seen.known], scores_TK))
    return found


def speech_share(sound: Clip, model: Ensemble) -> float:
    """How much of a sound is speech, 0 to 1, by the phones that are heard; music passes for speech."""
    spoken = is_speech(model.speech_posteriors(speech.log_mel(sound)))
    return float(spoken.mean()) if len(spoken) else 0.0


@dataclass(slots=True)
class Excerpts:
    """Reads excerpts of one file. Any number may be read at the same time."""

    path: Path
    model: Ensemble
    config: OffsetConfig
    audio_stream: int | None = None
    """Index of the stream that is heard instead of FFmpeg's choice."""
    span: Window = field(init=False)
    """Start and end of the file in seconds."""
    _height: int | None = field(init=False)

    def __post_init__(self) -> None:
        with media.open(self.path) as reader:
            self.span = span(reader, self.path)
            self._height = HIGHEST if _shown_rows(reader, self.span[0]) > HIGHEST else None

    def listen(self, place: float, seconds: float, length: float) -> Window | None:
        """Of `seconds` of sound from `place` on, the `length` with most speech; None with too little."""
        with media.open(self.path, audio_stream=self.audio_stream) as reader:
            sound = _sound(reader, place, place + seconds)
        if len(sound.waveform) < max(length * sound.sample_rate / 2, SAMPLES_FEWEST):
            return None
        phones = self.model.speech_posteriors(speech.log_mel(sound))
        steps = min(round(length / phones.step), len(phones.times))
        share = np.convolve(is_speech(phones), np.ones(steps) / steps, mode="valid")
        # Whole seconds, of about equally good ones the first: the answer hangs on no single phone.
        share = share[:: round(1 / phones.step)]
        best = int(np.argmax(share > share.max() - 0.05))
        begin = float(phones.times[0]) - phones.step / 2 + best
        return None if share[best] < SPOKEN_SHARE else (begin, begin + length)

    def read(self, number: int, window: Window, lags_ms: np.ndarray) -> list[FaceScores]:
        """The scores of every face in a window, whose sound is read as far around it as the lags reach."""
        start, end = window
        reach = float(np.abs(lags_ms).max()) / 1000 + 2 * MARGIN
        with media.open(self.path, height=self._height, audio_stream=self.audio_stream) as reader:
            sound = _sound(reader, start - reach, end + reach)
            if len(sound.waveform) < SAMPLES_FEWEST:
                return []
            settings = lips.TrackConfig()
            pictures = _chunks(reader, start - MARGIN, end + MARGIN, settings.chunk)
            tracks = lips.follow(pictures, settings, patience=PATIENCE)
        if not tracks:
            return []
        heard = self.model.embed_speech(speech.log_mel(sound))
        found = score_faces(tracks, heard, self.model, lags_ms, number)
        inside = [one.only((one.times_s >= start) & (one.times_s < end)) for one in found]
        return [part for part in inside if self._long_enough(part)]

    def _long_enough(self, part: FaceScores) -> bool:
        return len(part.times_s) / LIP_RATE >= self.config.min_face_seconds - 1e-6


def _sound(reader: Reader, start: float, end: float) -> Clip:
    """The sound of an interval, as a clip without pictures."""
    with closing(SoundSpool(reader.sounds(start), reader.sample_rate)) as spool:
        heard = spool.between(start, end)
    none = np.zeros(0, np.float64)
    return Clip(
        reader.source, none, [], heard.samples, reader.sample_rate, heard.time, reader.info, (start, end)
    )


def _chunks(reader: Reader, start: float, end: float, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pictures of an interval with their times, `size` at a time."""
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


def _shown_rows(reader: Reader, start: float) -> int:
    """Rows of the pictures as they are shown: of the first, for only that says whether they are turned."""
    if reader.video is None:
        return 0
    with closing(reader.pictures(start)) as coming:
        return next((len(picture) for _, picture in coming), 0)
