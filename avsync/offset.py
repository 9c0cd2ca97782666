"""By how much sound and picture disagree: from a file to a stated offset, or to the reason why there is none.

Shapes: T lip steps (40 ms), K lags (10 ms). `lagscores` scores the lags and says how sure their peak is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from avsync import features, lips, media, speech, standards
from avsync.lagscores import (
    CALIBRATED_MS,
    OffsetConfig,
    bootstrap,
    evidence,
    interval,
    lag_grid,
    lag_scores,
    peak,
    probability,
)
from avsync.media import Clip
from avsync.model import AVSync, Vectors, load_model
from avsync.standards import BT1359, Standard


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
    """`LipTrack.face` of the face that was read."""


@dataclass(frozen=True, slots=True, eq=False)
class Offset:
    """How far sound and picture are apart.

    An event seen at `t` is heard at `t - ms / 1000`; the cure for +120 is to delay the audio by 120 ms.
    """

    ms: float | None
    """Milliseconds, **positive when the audio leads** (heard before it is seen), None when undetermined."""
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
    """None: not measured for a constant offset."""
    lags_ms: np.ndarray
    """(K,) float64 lags that were scored, empty when nothing could be."""
    scores: np.ndarray
    """(K,) score of each lag; bias of the model not removed."""
    segments: tuple[Segment, ...]
    """Where the offset was measured."""
    standard: Standard = BT1359
    """Whose limits `verdict` keeps to."""


def detect_offset(
    source: str | PathLike[str] | Clip,
    *,
    max_offset_ms: float = CALIBRATED_MS,
    tracks: tuple[lips.LipTrack, ...] | None = None,
    standard: str | Standard = BT1359,
) -> Offset:
    """Measure the offset of a file or a loaded clip.

    `standard`: whose limits the verdict keeps to, one of `standards.STANDARDS` or its name, or your own.
    `tracks`: what `lips.track` found in the clip, where that was asked before; it is most of the work.
    Never raises for content that cannot be measured: such a clip is `undetermined`, with a reason. Raises
    MediaError for a file that cannot be read, and ConfigError for a search range under 20 ms or over 10 s,
    for an unknown standard and for a clip that was loaded at another sample rate than 16 kHz.
    """
    config = OffsetConfig(max_offset_ms=max_offset_ms)
    limits = standards.find(standard)
    clip = media.load(Path(source)) if isinstance(source, str | PathLike) else source
    reason = unusable(clip, config)
    if reason:
        return judged(undetermined(reason), limits)
    return judged(measure(clip, lips.track(clip) if tracks is None else tracks, config), limits)


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
    seconds = [float(track.found.mean()) * (clip.frame_times[-1] - clip.frame_times[0]) for track in tracks]
    tracks = tuple(
        track for track, seen in zip(tracks, seconds, strict=True) if seen >= config.min_face_seconds
    )
    if not tracks:
        return undetermined("no_face")
    model = load_model()
    heard = model.embed_speech(speech.log_mel(clip))
    candidates = [_measure_track(track, heard, model, config) for track in tracks]
    return max(candidates, key=lambda offset: (offset.ms is not None, offset.confidence))


def _measure_track(track: lips.LipTrack, heard: Vectors, model: AVSync, config: OffsetConfig) -> Offset:
    seen = model.embed_lips(features.on_grid(track))
    lags_ms = lag_grid(config)
    scores_TK = lag_scores(seen, heard, lags_ms)
    curve = scores_TK.sum(0) / max(len(scores_TK), 1)
    samples = bootstrap(scores_TK, lags_ms, config)
    raw = peak(curve, lags_ms)
    ms = raw - model.config.bias_ms
    low, high = interval(ms, samples - model.config.bias_ms, model.config.spread_ms)
    confidence = probability(model.config.confidence, evidence(curve, samples, raw, lags_ms, len(scores_TK)))
    asked = np.abs(lags_ms) <= config.max_offset_ms + 1e-6
    lags_ms, curve = lags_ms[asked], curve[asked]
    if abs(raw) >= config.max_offset_ms - config.step_ms:
        return undetermined("at_limit", lags_ms, curve)
    if confidence < config.min_confidence:
        return undetermined("ambiguous", lags_ms, curve, confidence)
    shown = track.times[track.found]
    frame = float(np.median(np.diff(track.times)))
    segment = Segment(float(shown[0]), float(shown[-1]) + frame, ms, track.face)
    return Offset(ms, (low, high), confidence, verdict(ms), None, None, lags_ms, curve, (segment,))


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
