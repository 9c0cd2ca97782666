"""Checking a written file against its source by decoding both: where did the sound go, where the pictures?

Loud stretches of the source are looked for in the written file around the place where they should be, by
cross-correlation; the distance is the deviation. Pictures may move only together, by one lift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsync.errors import MediaError
from avsync.outputs import other_endings
from avsync.packets import packet_times
from avsync.retime import Retiming
from avsync.runs import Run
from avsync.soundmap import Track, Window, map_sound
from avsync.timebase import Times, seconds_to_ms

TOLERANCE_SECONDS = 1.0e-3
"""How far sound may be from where it is wanted: the rounding of a 1 ms clock."""
SEARCH_SECONDS = 0.3
"""How far around its place a stretch is looked for; the delay of no encoder is longer."""
QUIET_POWER = 1e-8
"""A stretch below this mean square (-80 dB of full scale) tells nothing."""
LIKENESS = 0.5
"""Correlation, 0 to 1, from which on a stretch counts as found."""
LOST_SHARE = 0.25
"""Of the stretches of a track: more that are not found, and its sound is not where it should be."""
RIVAL = 0.98
"""A second place that fits so nearly as well makes a stretch (a steady tone) useless."""
RIVAL_SECONDS = 0.002


class NotHeldError(MediaError):
    """The container did not keep the times that were written into it."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """What decoding both files showed. Seconds."""

    lift: float
    """By how much later all pictures stand."""
    times: tuple[Times, ...]
    """For each sound track: (K,) when the compared stretches stand in the source."""
    moved: tuple[Times, ...]
    """(K,) by how much they moved against the pictures."""
    deviation: tuple[Times, ...]
    """(K,) how far that is from what was wanted."""

    @property
    def residual(self) -> float:
        """The largest deviation; 0 where there was nothing to compare."""
        return max((float(np.abs(d).max()) for d in self.deviation if len(d)), default=0.0)

    @property
    def windows(self) -> int:
        """How many stretches were compared."""
        return sum(map(len, self.times))

    def median_deviation(self, place: int) -> float:
        """That of one sound track."""
        return float(np.median(self.deviation[place])) if len(self.deviation[place]) else 0.0

    @property
    def even(self) -> bool:
        """Whether every track is off by the same all along, so that writing it elsewhere would help."""
        return all(np.ptp(d) <= TOLERANCE_SECONDS for d in self.deviation if len(d))


def picture_lift(source: Path, written: Path, target: Path) -> tuple[float, int]:
    """By how much the pictures moved together, and how many hidden ones are now shown.

    Raises `MediaError` when they, or the sound, are gone, `NotHeldError` when some moved otherwise.
    """
    before = packet_times(source)
    try:
        after = packet_times(written)
    except MediaError as error:
        raise MediaError(
            f"{target} cannot be written: nothing of {source} can be copied; it is damaged."
        ) from error
    for kind in before:
        if not len(after[kind][0]):
            raise MediaError(
                f"{target} lost its {kind} when it was written. Use {other_endings(target)} for the output."
            )
    (old, hidden), (new, still_hidden) = before["video"], after["video"]
    # Some demuxers cut the same bytes into other packets: then only the first and the last compare.
    moved = new - old if len(new) == len(old) else new[[0, -1]] - old[[0, -1]]
    lift = float(np.median(moved))
    uneven = float(np.abs(moved - lift).max())
    # Both time stamps of a picture are rounded on their own: two ticks of a 1 ms clock at most.
    if uneven > 2 * TOLERANCE_SECONDS:
        raise NotHeldError(
            f"{target.suffix} cannot hold the times of the pictures of {source}: they would be uneven by "
            f"{seconds_to_ms(uneven):.1f} ms. Give the output the ending {other_endings(target)}."
        )
    return lift, max(hidden - still_hidden, 0)


def compare(
    tracks: Sequence[Track], written: Path, retiming: Retiming, lift: float, begin: float = -np.inf
) -> Check:
    """Where the sound of `tracks` went in a written file; `begin`: sound before it (picture clock) is not
    expected.
    """
    asked = [
        [placed for w in track.windows if (placed := _place(track, w, retiming, begin))] for track in tracks
    ]
    wanted = {
        track.place: [(a + lift - SEARCH_SECONDS, b + lift + SEARCH_SECONDS) for _, _, a, b in stretches]
        for track, stretches in zip(tracks, asked, strict=True)
    }
    found = {track.place: track for track in map_sound(written, wanted)}
    times, moved, deviation = [], [], []
    for track, stretches in zip(tracks, asked, strict=True):
        other = found.get(track.place)
        offs: list[tuple[float, float, float]] = []
        lost = 0
        for (window, run, a, b), got in zip(stretches, other.windows if other else (), strict=bool(other)):
            assert other is not None
            off = _deviation(window, run, got, other, retiming, lift)
            if off is None:
                continue
            lost += np.isnan(off)
            if np.isfinite(off):
                middle = (a + b) / 2
                heard = float(retiming.source_times(middle))
                offs.append((heard, middle + off - heard, off))
        if other is None or lost > LOST_SHARE * len(stretches):
            raise NotHeldError(
                f"the sound of stream {track.index} is not found within {SEARCH_SECONDS:g} s of where it "
                f"was written in {written.suffix}. Give the output the ending {other_endings(written)}."
            )
        if not offs:
            offs.extend(_by_edges(track, other, retiming, lift, begin))
        table = np.array(offs, dtype=np.float64).reshape(-1, 3)
        times.append(table[:, 0])
        moved.append(table[:, 1])
        deviation.append(table[:, 2])
    return Check(lift, tuple(times), tuple(moved), tuple(deviation))


def _by_edges(
    track: Track, other: Track, retiming: Retiming, lift: float, begin: float
) -> list[tuple[float, float, float]]:
    """Heard, moved and deviation by the first and the last sample: all there is of silence or a steady tone.

    The nearer one counts: priming that an edit list hid may be audible now, and encoders fill their last
    frame.
    """
    found = []
    for heard, there, kept in ((track.start, other.start, begin), (track.end, other.end, -np.inf)):
        place = retiming.output_time(heard) if kept == -np.inf else kept
        if np.isfinite(place):
            off = there - lift - place
            found.append((heard, place + off - heard, off))
    return [min(found, key=lambda one: abs(one[2]))] if found else []


def _place(
    track: Track, window: Window, retiming: Retiming, begin: float
) -> tuple[Window, Run, float, float] | None:
    """A stretch with its run and where it should be heard; None where it tells nothing or is cut."""
    if window.power < QUIET_POWER:
        return None
    last = window.first + len(window.samples) - 1
    run = track.run_of(window.first)
    if run is None or last >= run.last:
        return None
    a, b = (retiming.output_time(run.time_of(n)) for n in (window.first, last))
    length = len(window.samples) / track.rate
    if not a >= begin or not abs(b - a - length) < 0.15 * length:  # also where one is NaN
        return None
    return window, run, a, b


def _deviation(
    window: Window, run: Run, got: Window, other: Track, retiming: Retiming, lift: float
) -> float | None:
    """Seconds by which a stretch stands later than wanted; NaN where it is not found, None where it cannot
    tell.
    """
    there = other.run_of(got.first)
    rate = other.rate
    margin = round(SEARCH_SECONDS * rate)
    if there is None or len(got.samples) < margin:
        return np.nan
    grid = there.time_of(got.first) + np.arange(len(got.samples)) * (1 + there.creep) / rate - lift
    heard = retiming.source_times(grid)
    places = run.first + (heard - run.time) * run.rate / (1 + run.creep) - window.first
    inside = np.flatnonzero((places >= 0) & (places <= len(window.samples) - 1))
    if len(inside) < margin // 4:
        return np.nan
    first, last = int(inside[0]), int(inside[-1]) + 1
    expected = np.interp(places[first:last], np.arange(len(window.samples)), window.samples)
    score = _likeness(got.samples.astype(np.float64), np.nan_to_num(expected))
    peak = int(score.argmax())
    around = np.arange(len(score))
    rivals = score[np.abs(around - peak) > RIVAL_SECONDS * rate]
    if score[peak] < LIKENESS:
        return np.nan
    if len(rivals) and rivals.max() > RIVAL * score[peak]:
        return None
    fine = 0.0
    if 0 < peak < len(score) - 1:
        left, middle, right = score[peak - 1 : peak + 2]
        bend = left - 2 * middle + right
        fine = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return (peak + fine - first) / rate


def _likeness(sound: NDArray[np.float64], part: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N - M + 1,) normalised correlation of `part` (M,) with each place of `sound` (N,)."""
    from scipy.signal import correlate  # here, because it is slow to import

    sound, part = sound - sound.mean(), part - part.mean()
    raw = np.asarray(correlate(sound, part, mode="valid", method="fft"), dtype=np.float64)
    power = np.concatenate([[0.0], np.cumsum(np.square(sound))])
    energy = np.maximum(power[len(part) :] - power[: len(power) - len(part)], 1e-9 * power[-1] + 1e-12)
    likeness: NDArray[np.float64] = raw / np.sqrt(energy * max(float(np.square(part).sum()), 1e-12))
    return likeness
