"""Writing a retimed copy of a file: the cheapest way that the container holds, checked by decoding."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsync.errors import ConfigError, MediaError
from avsync.muxer import copy_remade, copy_shifted, writable_suffixes
from avsync.outputs import other_endings
from avsync.packets import packet_times
from avsync.resound import Remake, in_quiet_places
from avsync.retime import Retiming
from avsync.soundmap import LEVEL_SECONDS, Track, map_sound
from avsync.timebase import seconds_to_ms, shift_to_fraction
from avsync.verify import QUIET_POWER, TOLERANCE_SECONDS, Check, NotHeldError, compare, picture_lift

__all__ = ["Written", "rewrite", "writable_suffixes"]

TIMELESS_SUFFIXES = (".avi", ".mxf", ".swf", ".rm", ".ismv")
"""Containers in which every stream begins with the file: a later start is not kept."""

WHOLE_SUFFIXES = (".mxf",)
"""Containers that end with their shortest stream: sound is filled up with silence to the last picture."""

NUDGES = 2
"""How often a file is written again to make up for what its encoder delays and its container hides."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What was written and how it was checked."""

    retiming: Retiming
    """As it was carried out: steps stand in quiet places."""
    method: str
    reencoded: bool
    check: Check

    @property
    def residual_ms(self) -> float:
        """The largest deviation from what was wanted."""
        return seconds_to_ms(self.check.residual)

    @property
    def off_ms(self) -> float:
        """The median deviation of the first track that could be compared."""
        return next((seconds_to_ms(float(np.median(d))) for d in self.check.deviation if len(d)), 0.0)

    @property
    def moved_ms(self) -> float:
        """The median movement of the sound."""
        moved = np.concatenate(self.check.moved)
        return seconds_to_ms(float(np.median(moved))) if len(moved) else 0.0


def rewrite(source: Path, temporary: Path, target: Path, wanted: Retiming) -> Written:
    """Write what shall become `target` to `temporary`, and see by decoding that the sound moved as wanted.

    Raises `MediaError` when it did not, `ConfigError` for a step behind the last picture.
    """
    tracks = map_sound(source)
    last = _last_picture(source) if len(wanted.pieces) > 1 else math.inf
    if wanted.pieces[-1].start >= last:
        raise ConfigError(
            f"the step at {wanted.pieces[-1].start:g} s lies behind the last picture of {source}, which ends "
            f"at {last:.2f} s. Give a time before that."
        )
    shift = wanted.constant
    if shift is not None:
        try:
            return _by_time_stamps(source, temporary, target, wanted, tracks)
        except NotHeldError:
            if not tracks:
                raise
    if not tracks:
        raise MediaError(
            f"the sound of {source} cannot be decoded, and has to be for this. Give a complete copy."
        )
    wanted = in_quiet_places(tracks[0], wanted)
    timeless = target.suffix.lower() in TIMELESS_SUFFIXES
    for from_first_picture in (False, True) if shift is None and not timeless else (True,):
        try:
            return _by_samples(source, temporary, target, wanted, tracks, from_first_picture)
        except NotHeldError:
            if from_first_picture:
                raise
    raise AssertionError("not reached")


def _by_time_stamps(
    source: Path, temporary: Path, target: Path, wanted: Retiming, tracks: Sequence[Track]
) -> Written:
    shift = shift_to_fraction(seconds_to_ms(wanted.pieces[0].shift))
    starts = [Fraction(track.start) for track in tracks] or [_first_packet(source)]
    lift = max(Fraction(0), -(min(starts) + shift))
    copy_shifted(source, temporary, target, shift, lift)
    check, shown = _checked(source, temporary, target, wanted, tracks, -math.inf)
    _refuse_unless_held(check, target, wanted)
    _tell_shown(shown, source, target)
    return Written(wanted, "container", False, check)


def _by_samples(
    source: Path,
    temporary: Path,
    target: Path,
    wanted: Retiming,
    tracks: Sequence[Track],
    from_first_picture: bool,
) -> Written:
    begin = _first_picture(source) if from_first_picture else None
    end = _last_picture(source) if target.suffix.lower() in WHOLE_SUFFIXES else -math.inf
    nudges = [0.0] * len(tracks)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for attempt in range(NUDGES + 1):
            told.clear()  # of a file that is written again, once is enough
            remakes = {
                track.index: Remake(track, wanted, begin, end, nudge)
                for track, nudge in zip(tracks, nudges, strict=True)
            }
            early = min((remake.start for remake in remakes.values()), default=0.0)
            lift = Fraction(0) if from_first_picture else max(Fraction(0), -Fraction(early))
            copy_remade(source, temporary, target, lift, remakes)
            check, shown = _checked(
                source, temporary, target, wanted, tracks, -math.inf if begin is None else begin
            )
            offs = [check.median_deviation(place) for place in range(len(tracks))]
            if attempt == NUDGES or not check.even or max(map(abs, offs)) < TOLERANCE_SECONDS / 20:
                break
            nudges = [nudge - off for nudge, off in zip(nudges, offs, strict=True)]
    for warning in told:
        warnings.warn(str(warning.message), stacklevel=4)
    _refuse_unless_held(check, target, wanted)
    _tell_shown(shown, source, target)
    if begin is not None:
        _tell_lost(list(remakes.values()), begin, target)
    return Written(wanted, wanted.method, True, check)


def _checked(
    source: Path, temporary: Path, target: Path, wanted: Retiming, tracks: Sequence[Track], begin: float
) -> tuple[Check, int]:
    lift, shown = picture_lift(source, temporary, target)
    return compare(tracks, temporary, wanted, lift, begin), shown


def _refuse_unless_held(check: Check, target: Path, wanted: Retiming) -> None:
    if check.residual <= TOLERANCE_SECONDS:
        return
    worst = max((float(d[np.abs(d).argmax()]) for d in check.deviation if len(d)), key=abs)
    raise NotHeldError(
        f"{target.suffix} cannot hold the sound where it is wanted: in the written file it is up to "
        f"{seconds_to_ms(worst):+.1f} ms off. Give the output the ending {other_endings(target)}."
    )


def _first_picture(source: Path) -> float:
    """Seconds of the first picture that is shown."""
    times, hidden = packet_times(source)["video"]
    return float(times[min(hidden, len(times) - 1)])


def _last_picture(source: Path) -> float:
    """Seconds at which the last picture ends."""
    times, _ = packet_times(source)["video"]
    return float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 0.0))


def _first_packet(source: Path) -> Fraction:
    """Seconds of the first sound packet: all there is where nothing can be decoded."""
    times, _ = packet_times(source)["audio"]
    return Fraction(float(times[0])) if len(times) else Fraction(0)


def _tell_shown(shown: int, source: Path, target: Path) -> None:
    if shown:
        what = f"{shown} pictures" if shown > 1 else "a picture"
        warnings.warn(
            f"{target}: {what} before the start, hidden by the edit list of {source}, can be seen in it",
            stacklevel=5,
        )


def _tell_lost(remakes: Sequence[Remake], begin: float, target: Path) -> None:
    """Say how much sound before the first picture was left out, unless it was silence."""
    lost = 0.0
    for remake in remakes:
        start = remake.track.start
        kept = float(remake.retiming.source_times(begin - remake.nudge))
        places = np.arange(start, kept, LEVEL_SECONDS) if kept > start + TOLERANCE_SECONDS else ()
        if any(remake.track.level_at(place) > QUIET_POWER for place in places):
            lost = max(lost, kept - start)
    if lost:
        warnings.warn(
            f"{target}: {seconds_to_ms(lost):.0f} ms of sound before the first picture are left out; "
            f"{target.suffix} cannot hold them",
            stacklevel=5,
        )
