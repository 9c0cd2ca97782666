"""Results as the JSON objects that the command line prints; numbers are rounded here and nowhere earlier."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from avsync.lips import LipTrack
    from avsync.media import Clip
    from avsync.offset import Offset
    from avsync.remux import Correction
    from avsync.sound import Waveform
    from avsync.streams import MediaInfo, StreamInfo

JsonObject = dict[str, Any]


def to_line(result: Mapping[str, Any]) -> str:
    """One JSON object on one line of ASCII; numbers that are not finite become null."""
    return json.dumps(_finite(result), allow_nan=False)


def offset_json(file: str, offset: Offset, clip: Clip) -> JsonObject:
    """The object that `avsync offset --json` prints for one file."""
    interval = offset.ci_ms
    return {
        "file": file,
        "offset_ms": rounded(offset.ms, 1),
        "ci_ms": None if interval is None else [rounded(edge, 1) for edge in interval],
        "confidence": rounded(offset.confidence, 3),
        "verdict": offset.verdict,
        "reason": offset.reason,
        "drift_ppm": rounded(offset.drift_ppm, 1),
        "segments": [
            {
                "start": rounded(segment.start, 3),
                "end": rounded(segment.end, 3),
                "offset_ms": rounded(segment.offset_ms, 1),
                "face": segment.face,
            }
            for segment in offset.segments
        ],
        "streams": streams_json(clip),
    }


def streams_json(clip: Clip) -> JsonObject:
    """Where both streams start (seconds) and how fast the frames come; null where there is no such stream."""
    return {
        "video_start": rounded(float(clip.frame_times[0]), 6) if clip.has_video else None,
        "audio_start": rounded(clip.audio_start, 6) if clip.has_audio else None,
        "fps": rounded(clip.fps, 3) if clip.has_video else None,
        "variable_frame_rate": bool(clip.variable_frame_rate) if clip.has_video else None,
    }


def correction_json(file: str, correction: Correction | None, reason: str | None = None) -> JsonObject:
    """The object that `avsync correct --json` prints; without a correction nothing was written, and why.

    That of a dry run says so, as its output is not written.
    """
    if correction is None:
        nothing = {"output": None, "before_ms": None, "after_ms": None, "method": None, "reencoded": False}
        return {"file": file, **nothing, "reason": reason}
    done: JsonObject = {
        "file": file,
        "output": str(correction.output),
        "before_ms": rounded(correction.before_ms, 1),
        "after_ms": rounded(correction.after_ms, 1),
        "method": correction.method,
        "reencoded": correction.reencoded,
        "measured_by": correction.measured_by,
        "moved_ms": rounded(correction.moved_ms, 2),
        "residual_ms": rounded(correction.residual_ms, 2),
    }
    if correction.drift_ppm:
        done["drift_ppm"] = rounded(correction.drift_ppm, 1)
    if correction.steps:
        done["steps"] = [
            {"start": rounded(start, 3), "offset_ms": rounded(ms, 1)} for start, ms in correction.steps
        ]
    return done | {"dry_run": True} if correction.dry_run else done


def info_json(file: str, clip: Clip, tracks: Sequence[LipTrack]) -> JsonObject:
    """The object that `avsync info --json` prints: streams, start times, frame-time statistics, faces."""
    return {
        "file": file,
        "container": clip.info.container,
        "duration": rounded(clip.duration, 3),
        "streams": [_stream_json(stream, clip.info) for stream in clip.info.streams],
        "timing": streams_json(clip),
        "frames": _frames_json(clip) if clip.has_video else None,
        "sound": _sound_json(clip) if clip.has_audio else None,
        "faces": [_face_json(track) for track in tracks],
    }


def rounded(value: float | None, digits: int) -> float | None:
    """`value` to so many decimals, without a negative zero; None where there is no finite value."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0


def _frames_json(clip: Clip) -> JsonObject:
    gaps_ms = np.diff(clip.frame_times) * 1000.0 if len(clip.frame_times) > 1 else np.zeros(1)
    return {
        "count": len(clip.frame_times),
        "first": rounded(float(clip.frame_times[0]), 6),
        "last": rounded(float(clip.frame_times[-1]), 6),
        "gap_ms": {
            "min": rounded(float(gaps_ms.min()), 3),
            "median": rounded(float(np.median(gaps_ms)), 3),
            "max": rounded(float(gaps_ms.max()), 3),
        },
    }


def _sound_json(clip: Clip) -> JsonObject:
    return {
        "start": rounded(clip.audio_start, 6),
        "seconds": rounded(len(clip.waveform) / clip.sample_rate, 3),
        "level_db": rounded(_level_db(clip.waveform), 1),
    }


def _level_db(waveform: Waveform) -> float:
    """Root mean square below full scale; minus infinity for digital silence."""
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def _face_json(track: LipTrack) -> JsonObject:
    seen = np.flatnonzero(track.found)
    times = track.times[seen] if len(seen) else np.zeros(1)
    return {
        "face": track.face,
        "frames": len(seen),
        "start": rounded(float(times[0]), 3),
        "end": rounded(float(times[-1]), 3),
    }


def _stream_json(stream: StreamInfo, info: MediaInfo) -> JsonObject:
    shared = {
        "index": stream.index,
        "kind": stream.kind,
        "codec": stream.codec,
        "used": stream.index in (info.video, info.audio),
        "time_base": f"{stream.time_base.numerator}/{stream.time_base.denominator}",
        "start": rounded(stream.start_time, 6),
        "duration": rounded(stream.duration, 6),
        "language": stream.language,
    }
    if stream.kind == "video":
        size = {"width": stream.width, "height": stream.height, "rotation": stream.rotation}
        return shared | size | {"frame_rate": rounded(stream.frame_rate, 3), "cover": stream.cover}
    if stream.kind == "audio":
        return shared | {"sample_rate": stream.sample_rate, "channels": stream.channels}
    return shared


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
