"""By how much sound and picture disagree: from a file to a stated offset, or to the reason why there is none.

Shapes: T lip steps (40 ms), K lags (10 ms). `lagscores` scores the lags and says how sure their peak is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from avsync import excerpts, lips, media, speaking, speech, standards, stretches
from avsync.clip import check_stream
from avsync.encoders import LIP_RATE
from avsync.lagscores import (
    CALIBRATED_MS,
    OffsetConfig,
    bootstrap,
    evidence,
    interval,
    lag_grid,
    peak,
    probability,
)
from avsync.media import Clip
from avsync.model import Calibration, load_model
from avsync.pieces import MAX_PPM
from avsync.standards import BT1359, Standard
from avsync.timeline import Timeline, over_time, straightened

STEEPER = 1.2
"""A drift may be this much steeper than the line through the passages."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the clip with one offset."""

    start: float
    """Seconds on the picture's clock."""
    end: float
    """Seconds on the picture's clock."""
    offset_ms: float
    """Milliseconds, positive when the audio leads."""
    face: int
    """`LipTrack.face` of the face that was read; in a long file, its number in the stretch that was read."""


@dataclass(frozen=True, slots=True, eq=False)
class Offset:
    """How far sound and picture are apart.

    An event seen at `t` is heard at `t - ms / 1000`; the cure for +120 is to delay the audio by 120 ms.
    """

    ms: float | None
    """Milliseconds, **positive when the audio leads** (heard before it is seen), None when undetermined.
    Where the offset changes: that in the middle of the stretch without a jump in which most is seen."""
    ci_ms: tuple[float, float] | None
    """95 % interval of `ms`, None when undetermined."""
    confidence: float
    """Probability, 0 to 1, that the error is at most 40 ms; 0 when nothing could be scored."""
    verdict: str
    """`in_sync`, `audio_leads`, `audio_lags` or `undetermined`."""
    reason: str | None
    """Why undetermined: `no_audio`, `no_video`, `too_short`, `no_speech`, `no_face`, `ambiguous` or
    `at_limit`; else None."""
    drift_ppm: float | None
    """The offset grows by `drift_ppm / 1000` ms a second; None where that cannot be told (a short clip)."""
    lags_ms: np.ndarray
    """(K,) float64 lags that were scored, empty when nothing could be."""
    scores: np.ndarray
    """(K,) score of each lag; bias of the model not removed. Where the offset changes: as if it had not."""
    segments: tuple[Segment, ...]
    """Where the offset was measured: who speaks when, cut where the offset jumps."""
    standard: Standard = BT1359
    """Whose limits `verdict` keeps to."""
    line: Timeline | None = None
    """The offset over time; None where undetermined, or where too little speaks."""


def detect_offset(
    source: str | PathLike[str] | Clip,
    *,
    max_offset_ms: float = CALIBRATED_MS,
    tracks: tuple[lips.LipTrack, ...] | None = None,
    whole: bool = False,
    standard: str | Standard = BT1359,
    audio_stream: int | None = None,
) -> Offset:
    """Measure the offset of a file or a loaded clip.

    A file of more than a minute is not loaded: stretches of it are read until offset and drift are known, or
    all of it with `whole`. `tracks`: what `lips.track` found in the clip, where that was asked before; it is
    most of the work. `standard`: whose limits the verdict keeps to, one of `standards.STANDARDS` or its name,
    or your own. `audio_stream`: which sound of a file, by the index that `avsync info` prints.
    Never raises for content that cannot be measured: such a clip is `undetermined`, with a reason. Raises
    MediaError for a file that cannot be read, and ConfigError for a search range under 20 ms or over 10 s,
    for an unknown standard and for a clip that was loaded at another sample rate than 16 kHz or with another
    sound than is asked for.
    """
    config = OffsetConfig(max_offset_ms=max_offset_ms)
    limits = standards.find(standard)
    if isinstance(source, str | PathLike):
        path = Path(source)
        short = (
            excerpts.load_short(path, audio_stream)
            if tracks is None
            else media.load(path, audio_stream=audio_stream)
        )
        if short is None:
            return judged(measure_long(path, config, whole=whole, audio_stream=audio_stream), limits)
        source = short
    clip = source
    check_stream(clip, audio_stream)
    reason = unusable(clip, config)
    if reason:
        return judged(undetermined(reason), limits)
    return judged(measure(clip, lips.track(clip) if tracks is None else tracks, config), limits)


def measure_long(path: Path, config: OffsetConfig, *, whole: bool, audio_stream: int | None = None) -> Offset:
    """The offset of a file that is too long to be loaded."""
    with media.open(path, audio_stream=audio_stream) as reader:
        if reader.audio is None or reader.video is None:
            return undetermined("no_audio" if reader.audio is None else "no_video")
    model = load_model()
    source = excerpts.Excerpts(path, model, config, audio_stream)
    readings = (stretches.read_all if whole else stretches.read_some)(source, config)
    if not readings.windows:  # nobody was heard where it was listened
        return undetermined("no_speech")
    found = estimate(readings.series(), model.config, config)
    if found.ms is None and whole and not stretches.anybody_heard(source):
        return replace(found, reason="no_speech")
    return found


def unusable(clip: Clip, config: OffsetConfig) -> str | None:
    """The reason code of a clip that cannot be measured whatever its picture shows, or None."""
    if not clip.has_audio:
        return "no_audio"
    if not clip.has_video:
        return "no_video"
    seen = clip.frame_times[-1] - clip.frame_times[0] + (1 / clip.fps if clip.fps else 0.0)
    heard = len(clip.waveform) / clip.sample_rate
    if min(seen, heard) < config.min_seconds - 1e-6:
        return "too_short"
    return "no_speech" if _loudest_dbfs(clip) < config.silence_dbfs else None


def measure(clip: Clip, tracks: tuple[lips.LipTrack, ...], config: OffsetConfig) -> Offset:
    """The offset of a clip whose faces were tracked."""
    length = float(clip.frame_times[-1] - clip.frame_times[0])
    seconds = [length * track.found.sum() / len(clip.frame_times) for track in tracks]
    tracks = tuple(
        track for track, seen in zip(tracks, seconds, strict=True) if seen >= config.min_face_seconds
    )
    if not tracks:
        return undetermined("no_face")
    model, lags_ms = load_model(), lag_grid(config)
    heard = model.embed_speech(speech.log_mel(clip))
    parts = excerpts.score_faces(tracks, heard, model, lags_ms)
    found = estimate(speaking.decide(parts, lags_ms), model.config, config)
    share = excerpts.speech_share(clip, model)
    if share >= config.min_speech:
        return found
    if found.ms is None:
        return replace(found, reason="no_speech")
    if share * len(clip.waveform) / clip.sample_rate < config.min_speech_seconds:
        return undetermined("no_speech", found.lags_ms, found.scores, found.confidence)
    return found


def estimate(series: speaking.Series, calibration: Calibration, config: OffsetConfig) -> Offset:
    """The offset, constant or not, that the series of whoever speaks shows."""
    lags_ms = series.lags_ms
    if not series.steady_T.any():
        return undetermined("no_face")
    # Over a few words chance makes a steep slope: it is looked for where the passages show one.
    steepest = max(MAX_PPM, STEEPER * abs(series.slope_ppm))
    line = over_time(
        series.times_s, series.scores_TK, lags_ms - calibration.bias_ms, steepest, series.foreign
    )
    # What is sure of another offset than the rest belongs to the answer only behind a jump.
    kept = series.steady_T if line is None or not line.jumps else np.ones_like(series.steady_T)
    times, scores_TK = series.times_s[kept], series.scores_TK[kept]
    if line is not None:
        scores_TK = straightened(times, scores_TK, lags_ms, line)
    curve = scores_TK.sum(0) / len(scores_TK)
    samples = bootstrap(scores_TK, lags_ms, config)
    raw = peak(curve, lags_ms)
    ms = raw - calibration.bias_ms
    low, high = interval(ms, samples - calibration.bias_ms, calibration.spread_ms)
    confidence = probability(calibration.confidence, evidence(curve, samples, raw, lags_ms, len(scores_TK)))
    if series.chosen or config.max_offset_ms > CALIBRATED_MS:
        # Choice makes a chance look good, and so do many lags: the passages have to bear the answer out.
        confidence = min(confidence, series.probability)
    scored_ms = float(lags_ms[-1])
    asked = np.abs(lags_ms) <= config.max_offset_ms + 1e-6
    lags_ms, curve = lags_ms[asked], curve[asked]
    if abs(raw) >= config.max_offset_ms - config.step_ms and (
        confidence >= config.min_confidence or abs(raw) >= scored_ms - config.step_ms
    ):
        return undetermined("at_limit", lags_ms, curve, confidence)
    if confidence < config.min_confidence:
        return undetermined("ambiguous", lags_ms, curve, confidence)
    return Offset(
        ms, (low, high), confidence, verdict(ms), None, None if line is None else line.drift_ppm, lags_ms,
        curve, _segments(times, series.face_T[kept], ms, line), line=line,
    )  # fmt: skip


def _segments(
    times_T: np.ndarray, face_T: np.ndarray, ms: float, line: Timeline | None
) -> tuple[Segment, ...]:
    """Spells of one face, cut where the offset jumps: there one ends and the next begins."""
    jumps = [] if line is None else [jump.time for jump in line.jumps]
    piece_T = np.searchsorted(jumps, times_T, side="right")
    spells = speaking.spells(times_T, face_T, piece_T)
    pieces = [piece for _, _, piece in spells]
    found = []
    for (times, face, piece), before, after in zip(
        spells, [0, *pieces], [*pieces[1:], len(jumps)], strict=False
    ):
        start = float(times[0]) if piece == before else jumps[piece - 1]
        end = float(times[-1]) + 1 / LIP_RATE if piece == after else jumps[piece]
        here = ms if line is None or line.constant else float(line.offset_at((start + end) / 2))
        found.append(Segment(start, end, here, face))
    return tuple(found)


def verdict(ms: float) -> str:
    """`in_sync`, `audio_leads` or `audio_lags` by the detectability limits of ITU-R BT.1359-1."""
    return BT1359.verdict(ms)


def judged(offset: Offset, standard: Standard) -> Offset:
    """The same offset with the verdict of `standard`."""
    words = "undetermined" if offset.ms is None else standard.verdict(offset.ms)
    return replace(offset, verdict=words, standard=standard)


def undetermined(
    reason: str, lags_ms: np.ndarray | None = None, scores: np.ndarray | None = None, confidence: float = 0.0
) -> Offset:
    """An Offset that states no number, and why."""
    none = np.zeros(0)
    lags_ms, scores = none if lags_ms is None else lags_ms, none if scores is None else scores
    return Offset(None, None, confidence, "undetermined", reason, None, lags_ms, scores, ())


def _loudest_dbfs(clip: Clip) -> float:
    """Level of the loudest 100 ms, in dB of full scale."""
    size = clip.sample_rate // 10
    count = len(clip.waveform) // size
    if count == 0:
        return -np.inf
    power = np.square(clip.waveform[: count * size].reshape(count, size), dtype=np.float64).mean(1)
    return float(10 * np.log10(power.max() + 1e-12))
