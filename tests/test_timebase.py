"""Conversions of time against values worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from avsync import timebase


def test_pts_are_rounded_once():
    assert timebase.pts_to_seconds(1001, Fraction(1, 30_000)) == 1001 / 30_000
    # Three hours at 29.97: the sum of 323,676 float frame lengths would be off by far more.
    assert timebase.pts_to_seconds(323_676 * 1001, Fraction(1, 30_000)) == float(
        Fraction(323_676 * 1001, 30_000)
    )


def test_seconds_to_pts_takes_the_nearest_tick():
    assert timebase.seconds_to_pts(0.0334, Fraction(1, 1000)) == 33
    assert timebase.seconds_to_pts(-0.0006, Fraction(1, 1000)) == -1


@pytest.mark.parametrize(
    "tick", [Fraction(1, 1000), Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 44_100)]
)
def test_the_fine_tick_holds_the_usual_ones(tick):
    there = timebase.rescale(12_345, tick, timebase.FLICK)
    assert there * timebase.FLICK == 12_345 * tick
    assert timebase.rescale(there, timebase.FLICK, tick) == 12_345


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [
        (0.0, 0.04, (0, 0)),  # the end does not belong to it
        (0.04, 0.12, (1, 2)),
        (0.041, 0.079, None),  # between two frames
        (0.5, 0.9, None),  # after the last
        (-1.0, 9.0, (0, 4)),
        (0.08, 0.08, None),
    ],
)
def test_frames_between(start, end, frames):
    assert timebase.frames_between(np.array([0.0, 0.04, 0.08, 0.12, 0.16]), start, end) == frames


def test_frames_between_of_no_frames():
    assert timebase.frames_between([], 0.0, 1.0) is None


def test_frame_at_is_the_one_on_screen():
    times = [0.0, 0.04, 0.08]
    assert [timebase.frame_at(times, t) for t in (-0.01, 0.0, 0.039, 0.04, 5.0)] == [None, 0, 0, 1, 2]


def test_shift_is_exact_to_the_microsecond():
    assert timebase.shift_to_fraction(-61.5) == Fraction(-615, 10_000)
    assert timebase.ms_to_seconds(120.0) == pytest.approx(0.12)
    assert timebase.seconds_to_ms(0.12) == pytest.approx(120.0)


def test_samples():
    assert timebase.seconds_to_samples(0.1, 16_000) == 1600
    assert timebase.samples_to_seconds(1600, 16_000) == 0.1
