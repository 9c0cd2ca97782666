"""Results as the JSON objects that the command line prints; numbers are rounded here and nowhere earlier."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from fractions import Fraction

    from avsync.facts import PictureFacts, SoundFacts
    from avsync.lips import LipTrack
    from avsync.media import Clip
    from avsync.offset import Offset
    from avsync.remux import Correction
    from avsync.streams import MediaInfo, StreamInfo

JsonObject = dict[str, Any]

OPPOSED = (
    "left and right of the sound are of opposite phase: added they would cancel, so they are subtracted; "
    "what adds them (a telephone, a mono player) gives silence"
)


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
        "standard": offset.standard.name,
        "limits_ms": [offset.standard.lag_ms, offset.standard.lead_ms],
        "verdict_sure": None if interval is None else offset.standard.same_for_all_of(interval),
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
    """Where both streams start (seconds) and how fast the frames come; null where there is no such stream.

    Of a long file by its first seconds; a stream that begins later starts where it is declared to.
    """
    video = float(clip.frame_times[0]) if clip.has_video else _declared_start(clip, "video")
    audio = clip.audio_start if clip.has_audio else _declared_start(clip, "audio")
    return {
        "video_start": rounded(video, 6),
        "audio_start": rounded(audio, 6),
        "fps": rounded(clip.fps, 3) if clip.has_video else None,
        "variable_frame_rate": bool(clip.variable_frame_rate) if clip.has_video else None,
    }


def _declared_start(clip: Clip, kind: Literal["video", "audio"]) -> float | None:
    """Where the chosen stream of a kind says that it starts, seconds; None without one."""
    index = None if clip.info is None else getattr(clip.info, kind)
    return None if clip.info is None or index is None else clip.info.streams[index].start_time


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
        "measured_by": None if correction.dry_run else correction.measured_by,
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


def info_json(
    file: str, info: MediaInfo, parts: Sequence[Clip], tracks: Sequence[LipTrack], *, whole: bool
) -> JsonObject:
    """The object that `avsync info --json` prints: streams, times, frame-time statistics, warnings, faces.

    `info`: from `probe`. `parts`: what was decoded of it, all of the file where `whole` is true; `tracks`:
    the faces found in them.
    """
    picture = None if info.video is None else info.streams[info.video].pictures
    sound = None if info.audio is None else info.streams[info.audio].sound
    return {
        "file": file,
        "container": info.container,
        "duration": rounded(info.found_duration, 3),
        "declared_duration": rounded(info.duration, 3),
        "streams": [_stream_json(stream, info) for stream in info.streams],
        "timing": {
            "video_start": rounded(picture.first, 6) if picture else None,
            "audio_start": rounded(sound.start, 6) if sound else None,
            "fps": rounded(picture.fps, 3) if picture else None,
            "variable_frame_rate": picture.variable if picture else None,
        },
        "frames": _pictures_json(picture) if picture else None,
        "sound": _sound_json(sound) | _heard_json(parts) if sound else None,
        "faces": [_face_json(track, number) for number, track in enumerate(tracks)],
        "faces_searched": {
            "whole": whole,
            "windows": [_covered(part) for part in parts],
        },
        "warnings": [*info.warnings, *([OPPOSED] if any(part.opposed for part in parts) else [])],
    }


def rounded(value: float | None, digits: int) -> float | None:
    """`value` to so many decimals, without a negative zero; None where there is no finite value."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0


def _pictures_json(facts: PictureFacts) -> JsonObject:
    gaps = {"min": facts.min_gap, "median": facts.median_gap, "max": facts.max_gap}
    return {
        "count": facts.frames,
        "first": rounded(facts.first, 6),
        "last": rounded(facts.last, 6),
        "end": rounded(facts.end, 6),
        "gap_ms": {name: rounded(gap * 1000.0, 3) for name, gap in gaps.items()},
        "fps": rounded(facts.fps, 3),
        "variable_frame_rate": facts.variable,
        "long_gaps": facts.long_gaps,
        "gaps": _spans_json(facts.gaps),
        "duplicates": facts.duplicates,
        "out_of_order": facts.out_of_order,
        "without_time": facts.without_time,
        "hidden_before": facts.hidden_before,
        "hidden_after": facts.hidden_after,
        "undecodable": facts.undecodable,
        "interlaced": facts.interlaced,
        "pixel_format": facts.pixel_format,
        "bits": facts.bits,
    }


def _sound_json(facts: SoundFacts) -> JsonObject:
    return {
        "start": rounded(facts.start, 6),
        "end": rounded(facts.end, 6),
        "seconds": rounded(facts.end - facts.start, 3),
        "layout": facts.layout,
        "missing": rounded(facts.missing, 3),
        "gaps": _spans_json(facts.gaps),
        "overlapping": rounded(facts.overlapping, 3),
        "overlaps": _spans_json(facts.overlaps),
        "priming_samples": facts.priming_samples,
        "priming_signalled": facts.priming_signalled,
        "padding_samples": facts.padding_samples,
        "encoder": facts.encoder,
    }


def _heard_json(parts: Sequence[Clip]) -> JsonObject:
    return {
        "level_db": rounded(_level_db(parts), 1),
        "opposite_phase": any(part.opposed for part in parts),
    }


def _covered(part: Clip) -> list[float | None]:
    """The interval that was asked for, or from the first picture or sound to the end of the last."""
    if part.interval is not None:
        return [rounded(edge, 3) for edge in part.interval]
    starts = [float(part.frame_times[0])] if part.has_video else []
    starts += [part.audio_start] if part.has_audio else []
    return [rounded(min(starts), 3), rounded(min(starts) + part.duration, 3)]


def _spans_json(spans: Sequence[tuple[float, float]]) -> list[JsonObject]:
    return [{"start": rounded(start, 3), "seconds": rounded(length, 3)} for start, length in spans]


def _level_db(parts: Sequence[Clip]) -> float:
    """Root mean square below full scale; minus infinity for digital silence."""
    count = sum(len(part.waveform) for part in parts)
    power = sum(float(np.sum(np.square(part.waveform, dtype=np.float64))) for part in parts) / max(count, 1)
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def _face_json(track: LipTrack, number: int) -> JsonObject:
    seen = np.flatnonzero(track.found)
    times = track.times[seen] if len(seen) else np.zeros(1)
    return {
        "face": number,
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
        "time_base": _ratio(stream.time_base),
        "start": rounded(stream.start_time, 6),
        "duration": rounded(stream.duration, 6),
        "found_start": rounded(stream.found_start, 6),
        "found_duration": rounded(stream.found_duration, 6),
        "packets": stream.packets,
        "damaged_packets": stream.damaged_packets,
        "language": stream.language,
        "edits": [
            {"duration": rounded(e.duration, 6), "media_time": rounded(e.media_time, 6), "rate": e.rate}
            for e in stream.edits
        ],
    }
    if stream.kind == "video":
        return shared | {
            "width": stream.width,
            "height": stream.height,
            "rotation": stream.rotation,
            "sample_aspect_ratio": _ratio(stream.sample_aspect_ratio),
            "frame_rate": rounded(stream.frame_rate, 3),
            "cover": stream.cover,
            "frames": None if stream.pictures is None else _pictures_json(stream.pictures),
        }
    if stream.kind == "audio":
        return shared | {
            "sample_rate": stream.sample_rate,
            "channels": stream.channels,
            "sound": None if stream.sound is None else _sound_json(stream.sound),
        }
    return shared


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


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
