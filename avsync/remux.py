"""Correcting the offset of a file by its time stamps alone: every packet is copied, nothing is encoded again.

`shift_audio` moves the sound against everything else. A time below zero would be cut (MP4 edit lists) or
moved by the muxer, so where the sound would start before zero the other streams are moved later instead: only
the difference counts. The written file is read back and compared packet by packet before it is put in place,
because some containers (AVI) cannot hold a shift and their muxers do not say so.
"""

import os
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsync.decode import decode
from avsync.errors import AVSyncError, MediaError, UndeterminedError
from avsync.muxer import copy_shifted, writable_suffixes
from avsync.outputs import atomic_path, check_output, trial_path
from avsync.packets import packet_times, readable
from avsync.streams import describe, open_media
from avsync.timebase import seconds_to_ms, shift_to_fraction

TOLERANCE_SECONDS = 1.0e-3
"""How far the written shift may be from the wanted one: the rounding of a 1 ms clock."""

MAX_SHIFT_MS = 86_400_000.0


@dataclass(frozen=True, slots=True)
class Correction:
    """What `correct` did. Offsets in ms, positive = audio leads; `after_ms` None = not measured or
    undetermined.
    """

    source: str
    output: str
    before_ms: float
    after_ms: float | None
    method: str = "container"
    reencoded: bool = False
    dry_run: bool = False


def correct(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    offset_ms: float | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> Correction:
    """Measure the offset of `source`, write a copy without it, and measure that again.

    `offset_ms` is taken instead of the first measurement. `dry_run` leaves no file: the copy is written
    beside `target`, so that all is refused that could not be written, and removed. Raises `UndeterminedError`
    when the offset is not determined, `MediaError` for files that cannot be read or written.
    """
    from avsync.offset import detect_offset  # the models are loaded only where something is measured

    source, target = Path(source), Path(target)
    _check_target(source, target, overwrite)
    if offset_ms is None:
        found = detect_offset(source)
        if found.ms is None:
            raise UndeterminedError(
                f"the offset of {source} is undetermined ({found.reason}); nothing was written. "
                "If you know it, give it: --offset-ms MS (positive: the audio leads).",
                found.reason or "ambiguous",
            )
        offset_ms = found.ms
    if dry_run:
        with trial_path(target, overwrite=overwrite) as temporary:
            _write_shifted(source, temporary, target, offset_ms)
        return Correction(str(source), str(target), offset_ms, None, dry_run=True)
    shift_audio(source, target, offset_ms, overwrite=overwrite)
    try:
        after_ms = detect_offset(target).ms
    except AVSyncError as error:
        warnings.warn(f"{target} is written, and cannot be measured: {error}", stacklevel=2)
        after_ms = None
    return Correction(str(source), str(target), offset_ms, after_ms)


def shift_audio(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    shift_ms: float,
    *,
    overwrite: bool = False,
) -> None:
    """Copy a file with all its sound moved by `shift_ms` (positive = later) against the other streams.

    All streams, tags, chapters and the rotation are copied; a stream that the new container cannot hold is
    left out with a warning, unless it is picture or sound. Raises `MediaError` when the file lacks picture or
    sound, the target exists or is the source, or the container cannot hold the shift (nothing is left behind
    then).
    """
    source, target = Path(source), Path(target)
    _check_target(source, target, overwrite)
    with atomic_path(target, overwrite=overwrite) as temporary:
        _write_shifted(source, temporary, target, shift_ms)


def _write_shifted(source: Path, temporary: Path, target: Path, shift_ms: float) -> None:
    """Write what shall become `target`, and see that the sound moved."""
    _check_shiftable(source, shift_ms)
    shift = shift_to_fraction(shift_ms)
    copy_shifted(source, temporary, target, shift, _lift(source, shift))
    _check_shift(source, temporary, target, shift)


def _check_shiftable(source: Path, shift_ms: float) -> None:
    """Raise `MediaError` unless there is sound that can be shifted that far against a picture."""
    if not abs(shift_ms) <= MAX_SHIFT_MS:
        raise MediaError(
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


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse an output that cannot be written before anything else is tried."""
    check_output(target, source, overwrite=overwrite)
    if target.suffix.lower().removeprefix(".") not in writable_suffixes():
        raise MediaError(
            f"{target}: no container is known by the ending {target.suffix!r}. Use .mp4, .mov, .mkv or .webm."
        )


def _lift(source: Path, shift: Fraction) -> Fraction:
    """How much later all streams must be so that no shifted sound starts before zero."""
    with open_media(source) as container:
        tracks = [stream.index for stream in container.streams.audio]
    starts = [start for index in tracks if (start := _first_sound(source, index)) is not None]
    return max(Fraction(0), -(min(starts, default=Fraction(0)) + shift))


def _first_sound(source: Path, index: int) -> Fraction | None:
    """Seconds at which a stream's first *audible* sample stands: AAC priming lies before zero and belongs
    there. That of the first packet where nothing can be decoded; None for an empty stream.
    """
    with open_media(source) as container:
        stream = container.streams[index]
        for frame in decode(container, [stream]) if stream.codec_context is not None else ():
            if frame.pts is not None and frame.time_base is not None:
                return frame.pts * frame.time_base
    with open_media(source) as container:
        for packet in readable(container, [container.streams[index]]):
            if packet.pts is not None:
                return packet.pts * packet.time_base
    return None


def _check_shift(source: Path, temporary: Path, target: Path, shift: Fraction) -> None:
    """Compare the times of the packets of both files; raise when the sound did not move as wanted."""
    before = packet_times(source)
    try:
        after = packet_times(temporary)
    except MediaError as error:
        raise MediaError(
            f"{target} cannot be written: nothing of {source} can be copied; it is damaged."
        ) from error
    moved = {}
    for kind, (old, _) in before.items():
        new, _ = after[kind]
        if not len(new):
            raise MediaError(
                f"{target} lost its {kind} when it was written. Use .mkv or .mp4 for the output."
            )
        # Some demuxers cut the same bytes into other packets: then only the starts compare.
        moved[kind] = new - old if len(new) == len(old) else new[:1] - old[:1]
    got = float(np.median(moved["audio"]) - np.median(moved["video"]))
    uneven = max(float(np.abs(m - np.median(m)).max()) for m in moved.values())
    spread = f", uneven by {seconds_to_ms(uneven):.1f} ms" if uneven > 2 * TOLERANCE_SECONDS else ""
    # Each of the four time stamps is rounded on its own: two ticks of a 1 ms clock at most.
    if abs(got - float(shift)) > TOLERANCE_SECONDS or uneven > 2 * TOLERANCE_SECONDS:
        raise MediaError(
            f"{target.suffix} cannot hold the shift: wanted {seconds_to_ms(float(shift)):+.1f} ms, the "
            f"written file has {seconds_to_ms(got):+.1f} ms{spread}. Give the output the ending .mkv or .mp4."
        )
    shown = before["video"][1] - after["video"][1]
    if shown > 0:
        warnings.warn(
            f"{target}: {shown} pictures before the start, hidden by the edit list of {source}, are visible "
            "in it",
            stacklevel=4,
        )
