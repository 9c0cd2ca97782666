"""Sound on the clock from made-up time stamps: gaps, overlaps, rounding, a slow clock, and as it comes."""

import numpy as np
import pytest
from flashbeep import find_beeps, sweep

from avsync.errors import MediaError
from avsync.placement import ClockPlacer, place_on_clock


def tone_and_marks(seconds=12.0, block=0.02, rate=16_000):
    times = np.arange(round(seconds * rate)) / rate
    beeps = np.arange(0.5, seconds - 0.5, 1.0)
    samples = sum(sweep(times - b) for b in beeps).astype(np.float32)
    return samples, np.arange(0, seconds, block), beeps


def test_rounded_time_stamps_do_not_cut_the_sound():
    samples, positions, _ = tone_and_marks()
    times = np.round(positions + 0.0404, 3)
    placed, start = place_on_clock(samples, positions, times, 16_000, "x")
    np.testing.assert_array_equal(placed, samples)
    assert start == pytest.approx(0.0404, abs=6e-4)


def test_one_wrong_time_stamp_does_not_tear_the_sound():
    samples, positions, _ = tone_and_marks()
    times = positions.copy()
    times[100] += 7.0
    times[200] = np.nan
    placed, start = place_on_clock(samples, positions, times, 16_000, "x")
    np.testing.assert_array_equal(placed, samples)
    assert start == 0.0


def test_slow_clock_is_followed():
    samples, positions, beeps = tone_and_marks()
    placed, start = place_on_clock(samples, positions, positions * 1.002 + 0.1, 16_000, "x")
    np.testing.assert_allclose(find_beeps(placed, 16_000, start), beeps * 1.002 + 0.1, atol=1e-3)


def test_overlap_keeps_what_was_heard_first():
    samples, positions, _ = tone_and_marks(seconds=4.0)
    times = np.where(positions < 2.0, positions, positions - 0.1)
    with pytest.warns(
        UserWarning, match=r"100 ms of sound overlap what was heard before between 1\.9\d\d and 2\.0\d\d s"
    ):
        placed, _ = place_on_clock(samples, positions, times, 16_000, "x")
    np.testing.assert_array_equal(placed[:32_000], samples[:32_000])
    np.testing.assert_array_equal(placed[32_000:], samples[33_600:])


def test_absurd_gap_is_an_error():
    samples, positions, _ = tone_and_marks(seconds=4.0)
    with pytest.raises(MediaError, match="jump by 95443 s"):
        place_on_clock(
            samples, positions, np.where(positions < 2, positions, positions + 95_443), 16_000, "x"
        )


@pytest.mark.parametrize("fed", [1, 3, 50])
def test_sound_as_it_comes_is_that_of_all_at_once(fed):
    """Gaps, jitter, a wrong stamp, an overlap: the same samples however they arrive, none kept for long."""
    samples, positions, _ = tone_and_marks(seconds=20.0)
    random = np.random.default_rng(1)
    times = positions + 0.3 + np.round(random.uniform(-0.5e-3, 0.5e-3, len(positions)), 3)
    times[positions > 6] += 0.7
    times[positions > 12] -= 0.2
    times[400] += 3.0
    with pytest.warns(UserWarning, match=r"200 ms of sound overlap.* between 12\.8\d+ and 13\.0\d+ s"):
        whole, start = place_on_clock(samples, positions, times, 16_000, "x")
    placer, given, held = ClockPlacer(16_000, "x"), [], 0
    for first in range(0, len(positions), fed):
        for i in range(first, min(first + fed, len(positions))):
            placer.feed(samples[320 * i : 320 * (i + 1)])
            placer.mark(float(positions[i]), float(times[i]))
        given += placer.take()
        held = max(held, 320 * min(first + fed, len(positions)) - sum(map(len, given)))
    placer.finish()
    given += placer.take()
    assert placer.start == start
    np.testing.assert_array_equal(np.concatenate(given), whole)
    assert held < (5 + 0.02 * fed) * 16_000


def test_a_creeping_clock_is_followed_as_it_comes():
    samples, positions, beeps = tone_and_marks(seconds=60.0)
    for ppm in (-500, 145, 1000):
        clock = positions * (1 + ppm * 1e-6) + 0.25
        placed, start = place_on_clock(samples, positions, np.round(clock, 3), 16_000, "x")
        truth = beeps * (1 + ppm * 1e-6) + 0.25
        assert start == pytest.approx(0.25, abs=1.5e-3)
        np.testing.assert_allclose(find_beeps(placed, 16_000, start), truth, atol=1.2e-3)
        assert len(placed) / 16_000 == pytest.approx(60 * (1 + ppm * 1e-6), abs=2.5e-3)


def test_frames_before_the_first_time_stamp_go_before_it():
    samples, positions, beeps = tone_and_marks(seconds=4.0)
    times = positions + 0.5
    times[:3] = np.nan
    placed, start = place_on_clock(samples, positions, times, 16_000, "x")
    assert start == pytest.approx(0.5)
    np.testing.assert_allclose(find_beeps(placed, 16_000, start), beeps + 0.5, atol=1e-4)


def test_sound_without_any_time_stamp_starts_at_zero():
    samples, positions, _ = tone_and_marks(seconds=2.0)
    with pytest.warns(UserWarning, match="no time stamps; it is taken to start at 0 s"):
        placed, start = place_on_clock(samples, positions, np.full(len(positions), np.nan), 16_000, "x")
    assert start == 0.0
    np.testing.assert_array_equal(placed, samples)
