"""Results in words for people.

The sign is that of ITU-R BT.1359: a positive offset means that the audio leads (is heard before it is seen).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from avsync.offset import Offset

if TYPE_CHECKING:
    from avsync.alignment import Alignment
    from avsync.remux import Correction
    from avsync.report import JsonObject
    from avsync.sample import SampleTruth
    from avsync.timeline import Timeline

REASONS: Mapping[str, str] = {
    "no_face": "no face was found in the picture",
    "no_speech": "no speech was found in the sound",
    "too_short": "the picture or the sound lasts less than a second, too short to decide",
    "ambiguous": "no offset stands out; it may lie beyond the search (--max-offset-ms), or nobody seen says "
    "what is heard",
    "at_limit": "the best offset stands at the limit of the search; widen it (--max-offset-ms)",
    "no_audio": "the file has no audio stream",
    "no_video": "the file has no video stream",
}
"""Words for each `Offset.reason`."""


FEW_SEGMENTS = 8
"""So many segments are told one by one; `--json` has all."""


def describe_reason(reason: str | None) -> str:
    """A sentence for the reason code of an undetermined offset."""
    return REASONS.get(reason or "", reason or "no reason was given")


def offset_text(file: str, offset: Offset, other_sounds: Sequence[int] = ()) -> str:
    """Lines for people: the finding, how sure it is, and the cure.

    `other_sounds`: indices of the sounds that were not heard.
    """
    if offset.ms is None:
        text = f"{file}: undetermined: {describe_reason(offset.reason)}"
        if offset.reason != "no_speech" or not other_sounds:
            return text
        others = ", ".join(f"--audio-stream {index}" for index in other_sounds)
        return f"{text}; the file has other sounds, choose with: {others}"
    lines = [f"{file}: {lead_or_lag(offset.ms)}{_interval(offset)}, confidence {offset.confidence:.2f}"]
    lines.append(f"  {offset.verdict}: {describe_verdict(offset)}")
    if offset.line is not None and not offset.line.constant:
        lines.append(f"  {change_text(offset.line)}; avsync correct IN OUT undoes it")
    elif offset.verdict != "in_sync":
        lines.append(f"  cure: {cure(offset.ms)}, e.g. with: avsync correct IN OUT")
    if 1 < len(offset.segments) <= FEW_SEGMENTS:
        lines.extend(
            f"  {clock(part.start)} to {clock(part.end)}: {_signed(part.offset_ms)} ms (face {part.face})"
            for part in offset.segments
        )
    elif len(offset.segments) > FEW_SEGMENTS:
        seconds = sum(part.end - part.start for part in offset.segments)
        lines.append(f"  measured on {seconds:.0f} s of speaking faces, in {len(offset.segments)} places")
    return "\n".join(lines)


def change_text(line: Timeline) -> str:
    """How the offset changes over time."""
    parts = []
    if line.slope_ppm:
        doubt = "" if line.drift_plus_minus_ppm is None else f" +-{line.drift_plus_minus_ppm:.0f}"
        a_minute = f"{line.slope_ppm * 0.06:+.1f} ms a minute"
        parts.append(f"drifts by {line.slope_ppm:+.0f}{doubt} ppm ({a_minute})")
    parts += [
        f"jumps from {_signed(jump.before_ms)} to {_signed(jump.after_ms)} ms at {clock(jump.time)}"
        for jump in line.jumps
    ]
    return f"the offset {', '.join(parts)}" if parts else "the offset does not change"


def describe_verdict(offset: Offset) -> str:
    """The verdict of a determined offset in words: which limits it keeps or not, and whether that is sure."""
    limits = offset.standard
    words = {
        "in_sync": f"within the limits of {limits.title}, {limits.lag_ms:+g} to {limits.lead_ms:+g} ms",
        "audio_leads": f"over the limit of {limits.title}, {limits.lead_ms:+g} ms",
        "audio_lags": f"over the limit of {limits.title}, {limits.lag_ms:+g} ms",
    }[offset.verdict]
    if offset.ci_ms is None or limits.same_for_all_of(offset.ci_ms):
        return words
    return f"{words}; not sure, as a limit lies within the 95 % interval"


def lead_or_lag(offset_ms: float) -> str:
    """The offset in words, e.g. `audio leads picture by 118 ms`."""
    whole = round(abs(offset_ms))
    if whole == 0:
        return "audio and picture are together (0 ms)"
    return f"audio {'leads' if offset_ms > 0 else 'lags'} picture by {whole} ms"


def cure(offset_ms: float) -> str:
    """What undoes the offset."""
    return f"{'delay' if offset_ms > 0 else 'advance'} the audio by {round(abs(offset_ms))} ms"


def badge(offset: Offset | None) -> str:
    """The few words that an annotated picture carries about the offset."""
    if offset is None or offset.ms is None:
        return "offset undetermined"
    whole = round(offset.ms)
    word = {"in_sync": "in sync", "audio_leads": "audio leads", "audio_lags": "audio lags"}[offset.verdict]
    return f"{whole:+d} ms  {word}" if whole else f"0 ms  {word}"


METHODS: Mapping[str, str] = {
    "container": "nothing re-encoded",
    "samples": "sound padded or trimmed to the sample and re-encoded, picture copied",
    "resample": "sound resampled and re-encoded, picture copied",
    "pieces": "sound corrected piece by piece and re-encoded, picture copied",
}
"""Words for each `Correction.method`."""


def correction_text(file: str, target: str, correction: Correction, *, dry_run: bool) -> str:
    """Lines for people: what was measured, what was done, what remains."""
    before, after = correction.before_ms, correction.after_ms
    found = lead_or_lag(before)
    if correction.drift_ppm or correction.steps:
        found += " at the first picture"
    if correction.drift_ppm:
        found += f", drifting by {correction.drift_ppm * 0.06:+.1f} ms a minute"
    found += "".join(f", {_signed(ms)} ms from {clock(seconds)} on" for seconds, ms in correction.steps)
    how = METHODS.get(correction.method, correction.method)
    if dry_run:
        changes = correction.drift_ppm or correction.steps
        cured = "undo that" if changes else cure(before)
        rows = [f"{file}: {found}; would {cured} and write {target} ({how}; dry run, not written)"]
    else:
        rows = [f"{file}: {found}; wrote {target} ({how})"]
    if correction.residual_ms is not None and correction.moved_ms is not None:
        rows.append(
            f"  checked by decoding: the sound moved by {_signed(correction.moved_ms)} ms, "
            f"at most {correction.residual_ms:.1f} ms from what was wanted"
        )
    if not dry_run:
        remains = "could not be measured" if after is None else f"residual {_signed(after)} ms"
        by = " (by decoding; the lips tell nothing)" if correction.measured_by == "decoding" else ""
        rows.append(f"  measured again: {remains}{by}")
    return "\n".join(rows)


def alignment_text(alignment: Alignment) -> str:
    """A table of the words for people: times on the picture's clock, frames, doubt, status."""
    header = f"{'start':>9}  {'end':>9}  {'frames':>11}  {'+-ms':>5}  {'conf':>4}  {'status':<12}  word"
    rows = [header]
    for word in alignment.words:
        frames = "-" if word.first_frame is None else f"{word.first_frame}-{word.last_frame}"
        rows.append(
            f"{_cell(word.start, 3):>9}  {_cell(word.end, 3):>9}  {frames:>11}  "
            f"{_cell(word.plus_minus_ms, 0):>5}  {_cell(word.confidence, 2):>4}  "
            f"{word.status:<12}  {word.text}"
        )
    if alignment.offset is not None:
        found = alignment.offset
        words = describe_reason(found.reason) if found.ms is None else lead_or_lag(found.ms)
        rows.append(f"offset: {'undetermined, taken as 0: ' if found.ms is None else ''}{words}")
    return "\n".join(rows)


def sample_text(target: str, truth: SampleTruth) -> str:
    """The truth of a rendered sample: its offset, and its words on the picture's clock."""
    rows = [f"wrote {target}: {lead_or_lag(truth.offset_ms)}; the words on the picture's clock:"]
    rows.extend(f"  {word.start:8.3f}  {word.end:8.3f}  {word.text}" for word in truth.words)
    return "\n".join(rows)


def info_text(info: JsonObject) -> str:
    """The same as lines for people."""
    rows = [f"{info['file']}: {_container(info['container'])}, {_lasting(info)}"]
    for stream in info["streams"]:
        rows.append(f"  stream {stream['index']}: {_stream_text(stream)}")
        rows.extend(f"    {line}" for line in _stream_lines(stream))
    frames, timing, sound = info["frames"], info["timing"], info["sound"]
    if frames is None:
        rows.append("  no picture")
    else:
        rate = "variable" if timing["variable_frame_rate"] else "constant"
        rows.append(
            f"  picture: starts at {timing['video_start']} s, {frames['count']} frames, "
            f"{timing['fps']} frames a second ({rate})"
        )
        gap = frames["gap_ms"]
        rows.append(
            f"  from frame to frame: {gap['median']} ms (shortest {gap['min']}, longest {gap['max']})"
        )
    if sound is None:
        rows.append("  no sound")
    else:
        level = "silent" if sound["level_db"] is None else f"level {sound['level_db']} dB"
        rows.append(f"  sound: starts at {timing['audio_start']} s, {sound['seconds']} s, {level}")
    rows.extend(
        f"  face {face['face']}: seen in {face['frames']} frames, "
        f"from {clock(face['start'])} to {clock(face['end'])}"
        for face in info["faces"]
    )
    if frames is not None and not info["faces"]:
        rows.append("  no face found")
    if frames is not None and not info["faces_searched"]["whole"]:
        windows = info["faces_searched"]["windows"]
        length = round(max((end - start for start, end in windows), default=0.0), 1)
        rows.append(f"  faces were looked for in {len(windows)} windows of {length:g} s")
    rows.extend(f"  note: {warning}" for warning in info["warnings"])
    return "\n".join(rows)


def clock(seconds: float) -> str:
    """Seconds as `m:ss.mmm`."""
    milliseconds = round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{'-' if seconds < 0 and milliseconds else ''}{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


CONTAINERS: Mapping[str, str] = {
    "mov,mp4,m4a,3gp,3g2,mj2": "MP4/MOV",
    "matroska,webm": "Matroska/WebM",
    "mpegts": "MPEG transport stream",
    "mpeg": "MPEG program stream",
    "avi": "AVI",
    "flv": "FLV",
}
"""Words for the names of FFmpeg's demuxers."""


def _container(name: str) -> str:
    return CONTAINERS.get(name, name)


def _lasting(info: JsonObject) -> str:
    found, declared = info["duration"], info["declared_duration"]
    if found is None:
        return "nothing found in it" if declared is None else f"{clock(declared)} declared, nothing found"
    if declared is None:
        return f"{clock(found)} (no duration declared)"
    return clock(found) if abs(found - declared) < 0.1 else f"{clock(found)} ({clock(declared)} declared)"


def _stream_text(stream: JsonObject) -> str:
    """What a stream is, in one line."""
    words = [f"{stream['kind']} {stream['codec']}"]
    if stream["language"] not in (None, "und"):
        words.append(f"language {stream['language']}")
    if stream["kind"] == "video":
        words.append(f"{stream['width']}x{stream['height']}")
        frames = stream["frames"]
        if stream["cover"]:
            words.append("a cover picture")
        if frames is not None and frames["bits"] > 8:
            words.append(f"{frames['bits']} bits")
        if frames is not None and frames["interlaced"]:
            words.append("interlaced")
        if stream["sample_aspect_ratio"] != "1/1":
            words.append(f"pixels {stream['sample_aspect_ratio'].replace('/', ':')}")
        if stream["rotation"]:
            words.append(f"turned by {stream['rotation']} degrees")
    if stream["kind"] == "audio":
        words.append(f"{stream['sample_rate']} Hz, channels: {stream['channels']}")
    if stream["found_start"] is not None:
        words.append(f"{stream['found_start']:g} s to {stream['found_start'] + stream['found_duration']:g} s")
    elif stream["start"] is not None:
        words.append(f"declared to start at {stream['start']} s")
    words.append("1 packet" if stream["packets"] == 1 else f"{stream['packets']} packets")
    if not stream["used"]:
        words.append("not used")
    return ", ".join(words)


def _stream_lines(stream: JsonObject) -> list[str]:
    """What else is to know of a stream: its edit list and its encoder's delay."""
    lines = []
    if stream["edits"]:
        pieces = [
            f"nothing for {edit['duration']:g} s"
            if edit["media_time"] is None
            else f"from {edit['media_time']:g} s of what is stored for {edit['duration']:g} s"
            for edit in stream["edits"][:3]
        ]
        more = len(stream["edits"]) - len(pieces)
        lines.append("edit list: " + ", then ".join(pieces) + (f", then {more} more" if more else ""))
    sound = stream.get("sound")
    if sound is not None and sound["priming_signalled"] is not None:
        samples = sound["priming_samples"]
        length = f"{samples} samples ({samples / max(stream['sample_rate'], 1) * 1000:.1f} ms)"
        if sound["priming_signalled"]:
            lines.append(f"encoder's delay: {f'{length}, cut' if samples else 'cut by the edit list'}")
        else:
            known = length if samples else "unknown"
            lines.append(f"encoder's delay: {known}, not signalled and so not cut")
    return lines


def _interval(offset: Offset) -> str:
    if offset.ci_ms is None:
        return ""
    low, high = (round(edge) for edge in offset.ci_ms)
    return f" (95 % interval {low:+d} to {high:+d} ms)"


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
