"""What the time stamps of a stream's packets show: rate, gaps, duplicates, order; missing and doubled sound.

Everything is computed from the packets, without decoding. Each picture is one packet, so the sorted time
stamps of the packets are those of the decoded pictures, in AVI too, where the packets of pictures that refer
to later ones carry each other's (see `pictureclock.reordered`).
"""

import heapq
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from avsync.timebase import Times, pts_to_times

LISTED = 100
"""At most so many gaps and overlaps are listed, the longest of them; all are counted."""

USUAL_SHARE = 0.9
"""Where so many pictures follow at about the median gap, the rate is steady and longer gaps are holes."""

USUAL_DEVIATION = 0.1
"""A gap is about the median when it deviates by less than this part of it, or by less than ROUNDING."""

ROUNDING = 1.1e-3
"""Seconds that a container with a clock of 1 ms can add to or take from a gap."""

HOLE, PAUSE, PAUSE_SECONDS = 1.5, 4.0, 0.25
"""A gap counts as long from 1.5 usual ones on where the rate is steady; elsewhere from 4 and 0.25 s on."""

SOUND_JUMP = 0.010
"""Seconds by which the clock must jump to be missing or doubled sound, as `placement.GAP_SECONDS`."""

MAX_REORDER = 16
"""Pictures that a decoder can hold back at most (H.264, HEVC)."""

FEW = 0.05
"""Where more pictures than this seem late, the stream reorders more than it declares."""

Span = tuple[float, float]
"""When something begins and how long it lasts, in seconds."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the packets and the first pictures of a video stream show. Times in seconds."""

    frames: int
    """Pictures that are presented."""
    first: float
    last: float
    end: float
    """When the last picture stops to be shown."""
    fps: float
    """As `frame_statistics`: 1 / median gap; 0 with fewer than two frames."""
    median_gap: float
    min_gap: float
    max_gap: float
    variable: bool
    steady: bool
    """At least 9 of 10 pictures follow at about the median gap; `variable` may then be due to holes."""
    long_gaps: int
    """Gaps that are far longer than usual."""
    gaps: tuple[Span, ...]
    """The longest of them, in order of time."""
    duplicates: int
    """Pictures with the time stamp of another."""
    out_of_order: int
    """How often the time stamps step back, beyond the reordering of pictures that refer to later ones."""
    without_time: int
    """Pictures that have no time stamp at all; they are not in the other numbers."""
    hidden_before: int
    """Pictures that the edit list hides before the first that is shown."""
    hidden_after: int
    """Pictures that it hides behind the last that is shown."""
    undecodable: int
    """Pictures before the first that can be decoded: they lack what they refer to."""
    pixel_format: str = ""
    bits: int = 0
    """Bits of a component."""
    interlaced: bool = False
    decodes: bool = True
    """Whether any of the first pictures could be decoded."""


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What the packets of an audio stream show. Times in seconds."""

    packets: int
    start: float
    """Of the first sound that is presented: behind priming that is cut."""
    end: float
    """Behind the last sound that is presented."""
    missing: float
    """Seconds of sound that are missing in between."""
    gaps: tuple[Span, ...]
    """Where sound is missing: the longest gaps, in order of time."""
    overlapping: float
    overlaps: tuple[Span, ...]
    """Where the time stamps step back, so that sound is doubled."""
    priming_samples: int
    """Samples of the encoder's delay at the start, where known."""
    padding_samples: int
    """Samples cut from the end."""
    priming_signalled: bool | None
    """True: the file says how much, and it is cut. False: the codec has a delay and the file does not
    say so; it is heard. None: the codec has none."""
    encoder: str | None = None
    layout: str = ""
    decodes: bool = True


def picture_facts(
    pts: NDArray[np.int64],
    durations: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    time_base: Fraction,
    *,
    reorder: int,
    without_time: int = 0,
    undecodable: int = 0,
) -> PictureFacts | None:
    """The facts of (P,) packets in the order of the file, in ticks; None where none is shown.

    `hidden`: what an edit list hides; `reorder`: pictures that the decoder holds back, as it declares.
    """
    from avsync.clip import frame_statistics  # here: clip reads streams, and streams reads this module

    if hidden.all():
        return None
    shown, tick = pts[~hidden], float(time_base)
    times = pts_to_times(np.sort(shown), time_base)
    statistics = frame_statistics(times)
    last = durations[~hidden][shown.argmax()]
    steady, long_gaps, gaps = _long_gaps(times)
    return PictureFacts(
        frames=len(times),
        first=float(times[0]),
        last=float(times[-1]),
        end=float(times[-1]) + (float(last) * tick if last > 0 else statistics.median_gap),
        fps=statistics.fps,
        median_gap=statistics.median_gap,
        min_gap=statistics.min_gap,
        max_gap=statistics.max_gap,
        variable=statistics.variable_frame_rate,
        steady=steady,
        long_gaps=long_gaps,
        gaps=gaps,
        duplicates=int((np.diff(times) < tick / 2).sum()),
        out_of_order=steps_back(pts, reorder),
        without_time=without_time,
        hidden_before=int((pts[hidden] < shown.min()).sum()),
        hidden_after=int((pts[hidden] > shown.max()).sum()),
        undecodable=undecodable,
    )


def _long_gaps(times: Times) -> tuple[bool, int, tuple[Span, ...]]:
    """Whether the rate is steady, how many gaps are long, and the longest of these."""
    gaps = np.diff(times)
    rising = gaps[gaps > 0]
    if not len(rising):
        return True, 0, ()
    usual = float(np.median(rising))
    near = np.abs(rising - usual) < max(USUAL_DEVIATION * usual, ROUNDING)
    steady = bool(near.mean() >= USUAL_SHARE)
    limit = max(HOLE * usual, usual + 2 * ROUNDING) if steady else max(PAUSE * usual, PAUSE_SECONDS)
    long = np.flatnonzero(gaps > limit)
    return steady, len(long), _longest(times[long], gaps[long])


def steps_back(pts: NDArray[np.int64], reorder: int) -> int:
    """How often the time stamps step back when they leave a decoder that holds back `reorder` pictures.

    `pts`: (P,) ticks in the order of the file. A decoder that seems to get many late pictures reorders more
    than it says, so the depth is raised until they are few.
    """
    stamps = pts.tolist()
    best = len(stamps)
    for depth in sorted({reorder, 2, 4, MAX_REORDER}):
        if depth < reorder:
            continue
        best = min(best, _steps_back(stamps, depth))
        if best <= FEW * len(stamps):
            break
    return best


def _steps_back(stamps: list[int], depth: int) -> int:
    waiting: list[int] = []
    steps = 0
    previous: int | None = None
    for stamp in stamps:
        leaving = heapq.heappushpop(waiting, stamp) if len(waiting) >= depth else None
        if leaving is None:
            heapq.heappush(waiting, stamp)
            continue
        steps += previous is not None and leaving < previous
        previous = leaving
    return steps + bool(waiting and previous is not None and waiting[0] < previous)


def sound_jumps(times: Times, durations: Times) -> tuple[Times, Times]:
    """Where the sound's clock jumps, and by how much: missing sound is positive, doubled sound negative.

    `times`, `durations`: (P,) seconds of each packet. The clock is a time stamp less the sound before it, as
    in `placement.place_on_clock`: single wrong stamps are not jumps, nor is the rounding of the container.
    """
    if len(times) < 2:
        return np.zeros(0), np.zeros(0)
    before = np.concatenate([[0.0], np.cumsum(durations)[:-1]])
    padded = np.pad(times - before, 2, mode="edge")
    clock = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    steps = np.diff(clock)
    where = np.flatnonzero(np.abs(steps) > SOUND_JUMP)
    return times[where] + durations[where], steps[where]


def spans(begins: Times, lengths: Times) -> tuple[float, tuple[Span, ...]]:
    """The sum of all lengths, and the longest spans."""
    return float(lengths.sum()), _longest(begins, lengths)


def _longest(begins: Times, lengths: Times) -> tuple[Span, ...]:
    kept = np.sort(np.argsort(-lengths, kind="stable")[:LISTED])
    return tuple((float(begins[i]), float(lengths[i])) for i in kept)
