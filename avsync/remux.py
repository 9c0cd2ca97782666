"""Correcting the offset of a file: by time stamps where they can hold it, else by making the sound anew.

A constant shift copies every packet: nothing is encoded again. Where the container cannot hold it (AVI, MXF),
and for drift and steps, the sound is decoded, laid sample by sample where it belongs and encoded again, and
everything else is copied. Only the difference between sound and picture counts: a time below zero would be
cut (MP4 edit lists) or moved by the muxer, so where the sound would start before zero all streams are moved
later together. Every written file is decoded and compared with its source before it is put in place.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsync.choice import choose, declared
from avsync.errors import AVSyncError, ConfigError, MediaError, UndeterminedError
from avsync.outputs import atomic_path, check_output, trial_path
from avsync.retime import MAX_SHIFT_MS, Piece, Retiming, retiming
from avsync.rewrite import Written, rewrite, writable_suffixes
from avsync.streams import describe, open_media
from avsync.timebase import ms_to_seconds, seconds_to_ms

if TYPE_CHECKING:  # the models are loaded only where something is measured
    from avsync.offset import Offset
    from avsync.streams import MediaInfo


@dataclass(frozen=True, slots=True)
class Correction:
    """What `correct` did. Offsets in ms, positive = audio leads."""

    source: str
    output: str
    before_ms: float
    """The offset that was undone; with drift or steps, the one at the first picture."""
    after_ms: float | None
    """What is left of it; None = undetermined, also by the lips that told `before_ms`, or not written."""
    method: str = "container"
    """`container` (time stamps alone), `samples` (padded or trimmed), `resample` (drift) or `pieces`
    (steps)."""
    reencoded: bool = False
    dry_run: bool = False
    measured_by: str | None = None
    """What `after_ms` was measured by: `lips`, or `decoding` where an offset was given that no lips tell."""
    moved_ms: float | None = None
    """By how much the sound moved against the pictures, found by decoding both files: the median."""
    residual_ms: float | None = None
    """How far any sound is from where it was wanted, found by decoding both files."""
    drift_ppm: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()
    """Seconds and ms: the steps as they were made, each in a quiet place near the one that was asked for."""


def correct(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    offset_ms: float | None = None,
    drift_ppm: float | None = None,
    steps: Sequence[tuple[float, float]] | None = None,
    max_offset_ms: float | None = None,
    whole: bool = False,
    audio_stream: int | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> Correction:
    """Measure the offset of `source`, write a copy without it, and measure that again.

    What is measured may drift and have steps. `offset_ms`, `drift_ppm` and `steps` are taken instead of the
    first measurement, and are 0 and none where another of them is given. With `drift_ppm` the offset at
    picture time t is `offset_ms + drift_ppm * (t - first picture) / 1000`; with `steps`, each (seconds, ms),
    the offset is that of the last step before t, and drifts on from there. `max_offset_ms` and `whole` are
    as for `detect_offset`, in both measurements. `audio_stream`: the sound that is measured, by the index
    that `avsync info` prints; all are moved alike. `dry_run` leaves no file: the copy is written beside
    `target`, so that all is refused that could not be written, and removed. Raises
    `UndeterminedError` when the offset is not determined, `ConfigError` for a search range, shift, drift or
    step out of range, `MediaError` for files that cannot be read or written.
    """
    source, target = Path(source), Path(target)
    _check_target(source, target, overwrite)
    search = _search(max_offset_ms, whole)
    place = None if audio_stream is None else _place_of(source, audio_stream)
    given = offset_ms is not None or drift_ppm is not None or steps
    heard = {} if audio_stream is None else {"audio_stream": audio_stream}
    found = None if given else _measured(source, search | heard)
    first_picture = _check_shiftable(source, offset_ms or 0.0)
    if found is not None:
        offset_ms, drift_ppm, steps = _over_time(found, first_picture)
    wanted = retiming(offset_ms or 0.0, drift_ppm or 0.0, steps or (), first_picture)
    if dry_run:
        with trial_path(target, overwrite=overwrite) as temporary:
            written = rewrite(source, temporary, target, wanted)
        done = _correction(source, target, wanted, written, first_picture)
        return replace(done, after_ms=None, dry_run=True)
    with atomic_path(target, overwrite=overwrite) as temporary:
        written = rewrite(source, temporary, target, wanted)
    done = _correction(source, target, wanted, written, first_picture)
    if place is not None:
        heard["audio_stream"] = _sounds(declared(target))[place]
    return _measured_again(done, search | heard, by_lips=found is not None)


def shift_audio(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    shift_ms: float,
    *,
    overwrite: bool = False,
) -> None:
    """Copy a file with all its sound moved by `shift_ms` (positive = later) against the other streams.

    All streams, tags, chapters and the rotation are copied; a stream that the new container cannot hold is
    left out with a warning, unless it is picture or sound. The sound is encoded again only where the
    container cannot hold the shift (AVI). Raises `MediaError` when the file lacks picture or sound, the
    target exists or is the source, or the shift could not be written exactly (nothing is left behind then),
    and `ConfigError` for a shift of more than a day.
    """
    source, target = Path(source), Path(target)
    _check_target(source, target, overwrite)
    first_picture = _check_shiftable(source, shift_ms)
    with atomic_path(target, overwrite=overwrite) as temporary:
        rewrite(source, temporary, target, Retiming((Piece(first_picture, ms_to_seconds(shift_ms)),)))


def _place_of(source: Path, audio_stream: int) -> int:
    """Which of the sounds a stream is: what is written may count its streams otherwise."""
    info = declared(source)
    choose(info, "audio", audio_stream)
    return _sounds(info).index(audio_stream)


def _sounds(info: "MediaInfo") -> list[int]:
    return [one.index for one in info.streams if one.kind == "audio"]


def _search(max_offset_ms: float | None, whole: bool) -> dict[str, Any]:
    """How `detect_offset` is asked. Raises `ConfigError` before anything is written."""
    if max_offset_ms is None:
        return {"whole": whole}
    from avsync.lagscores import OffsetConfig

    return {"whole": whole, "max_offset_ms": OffsetConfig(max_offset_ms=max_offset_ms).max_offset_ms}


def _measured(source: Path, search: dict[str, Any]) -> "Offset":
    """The offset by the lips. Raises `UndeterminedError`."""
    from avsync.offset import detect_offset  # the models are loaded only where something is measured

    found = detect_offset(source, **search)
    if found.ms is None:
        raise UndeterminedError(
            f"the offset of {source} is undetermined ({found.reason}); nothing was written. "
            + ("Search further: --max-offset-ms MS. " if found.reason == "at_limit" else "")
            + "If you know it, give it: --offset-ms MS (positive: the audio leads).",
            found.reason or "ambiguous",
        )
    return found


def _over_time(
    found: "Offset", first_picture: float
) -> tuple[float | None, float, list[tuple[float, float]]]:
    """Offset (ms) at the first picture (seconds), drift (ppm) and steps (seconds, ms)."""
    if found.line is None or found.line.constant:
        return found.ms, 0.0, []
    for jump in found.line.jumps:
        if jump.unsure:
            warnings.warn(
                f"the step to {jump.after_ms:+.0f} ms may lie anywhere from {jump.start:.1f} to "
                f"{jump.end:.1f} s, where nobody is seen speaking; it is made at {jump.time:.1f} s. If you "
                "know better, give it: --step SECONDS:MS.",
                stacklevel=3,
            )
    steps = [(jump.time, jump.after_ms) for jump in found.line.jumps]
    return float(found.line.offset_at(first_picture)), found.line.slope_ppm, steps


def _measured_again(done: Correction, search: dict[str, Any], *, by_lips: bool) -> Correction:
    """The correction with what the lips say of the written file. Where they say nothing, what decoding says
    is left stands if the offset was given; if it was measured `by_lips`, nobody knows what is left.
    """
    from avsync.offset import detect_offset

    try:
        found = detect_offset(Path(done.output), **search)
    except AVSyncError as error:
        warnings.warn(
            f"{done.output} is written, and the lips in it cannot be measured: {error}", stacklevel=3
        )
        return done
    if found.line is not None and not found.line.constant:
        warnings.warn(
            f"{done.output} is written, and its offset still changes over time. Look at it with: "
            "avsync offset --plot PNG.",
            stacklevel=3,
        )
    if found.ms is not None:
        return replace(done, after_ms=found.ms, measured_by="lips")
    if by_lips:
        warnings.warn(
            f"{done.output} is written, and the lips in it tell no offset ({found.reason}), though they told "
            f"{done.before_ms:+.0f} ms in {done.source}. Look at it before you use it, or search further: "
            "--max-offset-ms MS.",
            stacklevel=3,
        )
        return replace(done, after_ms=None, measured_by=None)
    if found.reason in ("ambiguous", "at_limit"):
        warnings.warn(
            f"{done.output} is written, and the lips in it tell no offset ({found.reason}): only the sound "
            "was found where it was wanted. Is the offset right?",
            stacklevel=3,
        )
    return done


def _correction(
    source: Path, target: Path, wanted: Retiming, written: Written, first_picture: float
) -> Correction:
    """What is known by decoding."""
    first, *more = written.retiming.pieces
    before_ms, done_ms = (
        round(seconds_to_ms(law.shift_at(first_picture)), 6) for law in (wanted, written.retiming)
    )
    return Correction(
        str(source),
        str(target),
        before_ms,
        before_ms - (done_ms + written.off_ms),
        written.method,
        written.reencoded,
        measured_by="decoding",
        moved_ms=written.moved_ms,
        residual_ms=written.residual_ms,
        drift_ppm=first.drift * 1e6,
        steps=tuple((piece.start, seconds_to_ms(piece.shift)) for piece in more),
    )


def _check_shiftable(source: Path, shift_ms: float) -> float:
    """Seconds of the first picture. Raises `MediaError` unless there is sound and picture, and `ConfigError`
    for a shift beyond measure.
    """
    if not abs(shift_ms) <= MAX_SHIFT_MS:
        raise ConfigError(
            f"the sound cannot be shifted by {shift_ms} ms. Give at most a day, {MAX_SHIFT_MS:.0f} ms."
        )
    with open_media(source) as container:
        info = describe(container, source)
        if info.video is None or info.audio is None:
            missing = "video" if info.video is None else "audio"
            raise MediaError(
                f"{source} has no {missing} stream (found: {info.describe()}): there is nothing to shift "
                "the sound against. Give a file with both."
            )
        return info.streams[info.video].start_time or 0.0


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse an output that cannot be written before anything else is tried."""
    check_output(target, source, overwrite=overwrite)
    if target.suffix.lower().removeprefix(".") not in writable_suffixes():
        raise MediaError(
            f"{target}: no container is known by the ending {target.suffix!r}. Use .mp4, .mov, .mkv or .webm."
        )
