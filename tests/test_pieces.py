"""Piecewise lines through scores: against brute force, direct computation and curves whose top is known."""

from itertools import pairwise, product

import numpy as np
import pytest
from test_speaking import smooth

from avsync import pieces
from avsync.pieces import Bins, Path


def bins_of(sums, times=None):
    """Bins whose sums are given, a second apart around the middle."""
    times = np.arange(len(sums)) - (len(sums) - 1) / 2 if times is None else times
    return Bins(times, np.asarray(sums, np.float32), np.arange(len(sums)) * 10, 0.0)


def steps_at(lags, seed=0, width=41, noise=0.3):
    """Bins with a bump of height 3 at each of `lags`."""
    rng = np.random.default_rng(seed)
    bump = 3 * np.exp(-0.5 * ((np.arange(width) - np.asarray(lags, float)[:, None]) / 3) ** 2)
    return bins_of(bump + noise * rng.normal(size=bump.shape))


# Tops of curves


@pytest.mark.parametrize("top", [1.0, 3.2, 6.5, 8.9])
def test_the_top_of_a_parabola_is_exact(top):
    curve = 7 - 0.3 * (np.arange(11) - top) ** 2
    height, place = pieces.peaks(curve)
    assert place == pytest.approx(top, abs=1e-9)
    assert height == pytest.approx(7, abs=1e-9)


def test_tops_at_the_border_and_of_a_plateau():
    rising, falling, flat = np.arange(5.0), -np.arange(5.0), np.zeros(5)
    heights, places = pieces.peaks(np.stack([rising, falling, flat]))
    np.testing.assert_array_equal(places, [4, 0, 0])
    np.testing.assert_array_equal(heights, [4, 0, 0])
    assert pieces.peaks(np.array([0.0, 2.0, 2.0, 0.0]))[1] == pytest.approx(1.5)


def test_tops_of_many_curves_are_those_of_each():
    curves = np.random.default_rng(0).normal(size=(3, 4, 9))
    heights, places = pieces.peaks(curves)
    for row in np.ndindex(3, 4):
        height, place = pieces.peaks(curves[row])
        assert (heights[row], places[row]) == (height, place)


# Reading scores at moved lags


def spline(distance):
    """The quadratic B-spline, a box three times over."""
    distance = np.abs(distance)
    inner, outer = 0.75 - distance**2, 0.5 * (1.5 - distance) ** 2
    return np.where(distance <= 0.5, inner, np.where(distance <= 1.5, outer, 0.0))


@pytest.mark.parametrize(("begin", "end"), [(0, 9), (-4, 13), (3, 5)])
def test_moved_scores_are_the_sum_of_splines_with_nothing_beyond_the_grid(begin, end):
    rng = np.random.default_rng(0)
    sums = rng.normal(size=(50, 9)).astype(np.float32)
    shift = rng.uniform(-12, 12, 50)
    shift[:4] = 0.0, 2.0, -3.0, 0.5
    moved = pieces.shifted(sums, shift, begin, end)
    assert moved.shape == (50, end - begin)
    for row, by, found in zip(sums, shift, moved, strict=True):
        wanted = [row @ spline(lag + by - np.arange(9)) for lag in range(begin, end)]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_moved_peak_is_as_high_wherever_it_lies_between_the_lags():
    bump = np.exp(-0.5 * ((np.arange(41) - 20) / 3) ** 2).astype(np.float32)
    shift = np.linspace(0, 1, 21)
    heights, places = pieces.peaks(pieces.shifted(np.tile(bump, (21, 1)), shift, 0, 41))
    assert np.ptp(heights) < 2e-3
    np.testing.assert_allclose(places, 20 - shift, atol=0.02)


# Bins


def test_bins_hold_the_sums_of_centred_scores():
    rng = np.random.default_rng(0)
    times, scores = 3.0 + np.arange(57) / 25, rng.normal(5, 1, (57, 8))
    bins = pieces.make_bins(times, scores)
    np.testing.assert_array_equal(bins.first, [0, 10, 20, 30, 40, 50])
    assert bins.origin == pytest.approx(3.0 + 28 / 25)
    for start, end, middle, total in zip(
        bins.first, [*bins.first[1:], 57], bins.times, bins.sums, strict=True
    ):
        assert middle == pytest.approx(times[start:end].mean() - bins.origin)
        np.testing.assert_allclose(
            total, (scores[start:end] - scores[start:end].mean(1, keepdims=True)).sum(0)
        )


def test_no_bin_reaches_over_a_gap():
    times = np.concatenate([np.arange(25), 100 + np.arange(13), 124 + np.arange(10)]) / 25
    # Between 0.96 and 4 s is a gap, between 4.48 and 4.96 s there is not.
    assert pieces.make_bins(times, np.zeros((48, 5))).first.tolist() == [0, 10, 20, 25, 35, 45]
    times[38:] += 1
    assert pieces.make_bins(times, np.zeros((48, 5))).first.tolist() == [0, 10, 20, 25, 35, 38]


def test_long_recordings_have_larger_bins_and_no_more():
    count = pieces.MAX_BINS * pieces.BIN_STEPS * 3 + 7
    bins = pieces.make_bins(np.arange(count) / 25, np.zeros((count, 1), np.float32))
    assert len(bins.first) <= pieces.MAX_BINS
    assert set(np.diff(bins.first)) == {31}


def test_lags_at_which_nothing_is_heard_do_not_quieten_the_noise():
    bins = steps_at(np.full(200, 20.0))
    path = pieces.constant(bins)
    wide = Bins(bins.times, np.pad(bins.sums, ((0, 0), (0, 400))), bins.first, bins.origin)
    steps = np.full(200, 10)
    assert pieces.noise(wide, path, steps, 15) == pytest.approx(pieces.noise(bins, path, steps, 15))


def test_bins_in_silence_do_not_quieten_the_noise_nor_lengthen_a_piece():
    bins = steps_at(np.full(200, 20.0))
    path, steps = pieces.constant(bins), np.full(200, 10)
    hushed = bins.sums.copy()
    hushed[100:] *= 0.01
    quiet = Bins(bins.times, hushed, bins.first, bins.origin)
    live = Bins(bins.times[:100], bins.sums[:100], bins.first[:100], bins.origin)
    wanted = pieces.noise(live, path, steps[:100], 15)
    assert pieces.noise(quiet, path, steps, 15) == pytest.approx(wanted, rel=0.02)
    # A piece of 100 bins in silence and 3 that hear something has the length of these.
    hushed[97:100, 5:] = bins.sums[97:100, :-5]
    jump = pieces.replaced(quiet, Path(np.array([0, 97]), 0.0, np.zeros(2), 0.0), 0.0)
    assert pieces.pruned(quiet, jump, 0.0, 0.0, steps, 31).starts.tolist() == [0]
    assert pieces.pruned(quiet, jump, 0.0, 0.0, steps, 30).starts.tolist() == [0, 97]


def test_the_noise_is_that_of_a_lip_step_away_from_the_path():
    scores = 2 * smooth(np.random.default_rng(0).normal(size=(3000, 121)))
    scores[:, 55:66] += 50.0
    bins = pieces.make_bins(np.arange(3000) / 25, scores)
    path = Path(np.zeros(1, int), 0.0, np.array([60.0]), 0.0)
    level = 50 * 11 / 121  # what centring takes off away from the peak
    wanted = pieces.CORRELATION * (4 + 10 * level**2)
    assert pieces.noise(bins, path, np.full(300, 10), 15) == pytest.approx(wanted, rel=0.05)


def test_the_gain_of_a_slope_is_counted_without_the_bins_that_gain_most():
    times = np.arange(-100.0, 100.0)
    sloping = Bins(times, steps_at(20 + 0.05 * times).sums, np.arange(200) * 10, 0.0)
    level = steps_at(np.where(times < 92, 20.0, 25.0))
    assert pieces.slope_gain(sloping, pieces.replaced(sloping, pieces.constant(sloping), 0.05)) > 50
    alone = Bins(times, level.sums, level.first, 0.0)
    slanted = pieces.replaced(alone, pieces.constant(alone), 0.02)
    assert pieces.slope_gain(alone, slanted) < 0


def test_a_path_is_followed_along_its_pieces():
    bins = bins_of(np.zeros((6, 5)))
    path = Path(np.array([0, 2]), 0.5, np.array([10.0, 20.0]), 0.0)
    np.testing.assert_allclose(pieces.along(bins, path), [8.75, 9.25, 19.75, 20.25, 20.75, 21.25])


# The best pieces


def smoothed(sums):
    """Scores as they are read at whole lags."""
    padded = np.pad(sums, ((0, 0), (1, 1)))
    return padded[:, :-2] / 8 + 3 * padded[:, 1:-1] / 4 + padded[:, 2:] / 8


def brute_force(sums, cost):
    """Where the best of all ways through the lags changes its lag."""
    sums = smoothed(sums)
    ways = np.array(list(product(range(sums.shape[1]), repeat=len(sums))))
    worth = sums[np.arange(len(sums)), ways].sum(1) - cost * (np.diff(ways, axis=1) != 0).sum(1)
    return [0, *(np.flatnonzero(np.diff(ways[worth.argmax()])) + 1)]


@pytest.mark.parametrize("cost", [0.2, 0.7, 1.5])
def test_steps_are_those_of_all_ways(cost):
    counts = set()
    for seed in range(20):
        sums = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
        found = pieces.steps(bins_of(sums), 0.0, cost).starts
        assert found.tolist() == brute_force(sums, cost)
        counts.add(len(found))
    assert len(counts) > 1


@pytest.mark.parametrize("slope", [1, -2])
def test_steps_on_a_slope_are_those_of_the_level_scores(slope):
    times = np.arange(7) - 3
    for seed in range(10):
        level = np.random.default_rng(seed).uniform(size=(7, 4)).astype(np.float32)
        sheared = np.zeros((7, 18), np.float32)
        for row, time, scores in zip(sheared, times, level, strict=True):
            row[7 + slope * time : 11 + slope * time] = scores
        found = pieces.steps(bins_of(sheared, times), slope, 0.3)
        assert found.starts.tolist() == brute_force(level, 0.3)
        assert found.slope == slope


def test_a_piece_is_placed_between_the_lags_and_sums_what_it_reads():
    lags = np.where(np.arange(40) < 15, 12.3, 27.6)
    bins = steps_at(lags, noise=0.0)
    path = pieces.steps(bins, 0.0, 5.0)
    assert path.starts.tolist() == [0, 15]
    assert path.offsets == pytest.approx([12.3, 27.6], abs=0.05)
    assert path.total == pytest.approx(40 * 3, rel=0.02)
    one = pieces.constant(bins)
    assert one.offsets == pytest.approx([27.6], abs=0.05)
    assert one.total == pytest.approx(25 * 3, rel=0.02)


@pytest.mark.parametrize(
    ("lags", "starts"),
    [
        ([(20, 10), (20, 30)], [0, 20]),
        ([(20, 10), (20, 13)], [0]),  # not high enough
        ([(20, 10), (2, 30), (18, 10)], [0]),  # too short
        ([(20, 10), (8, 30), (12, 10)], [0, 20, 28]),
    ],
)
def test_small_and_short_jumps_are_taken_out(lags, starts):
    lags = np.repeat([lag for _, lag in lags], [count for count, _ in lags])
    bins = steps_at(lags)
    path = pieces.steps(bins, 0.0, 2.0)
    kept = pieces.pruned(bins, path, 2.0, 5.0, np.full(40, 10), 40)
    assert kept.starts.tolist() == starts
    assert {0, *starts} <= set(path.starts)


def test_a_jump_that_gains_less_than_it_costs_is_taken_out():
    bins = steps_at(np.repeat([10, 30], 20))
    path = pieces.steps(bins, 0.0, 2.0)
    gain = path.total - pieces.constant(bins).total
    for cost, count in ((0.9 * gain, 2), (1.1 * gain, 1)):
        assert len(pieces.pruned(bins, path, cost, 5.0, np.full(40, 10), 40).starts) == count


def test_support_is_that_of_the_seconds_that_speak_for_the_offset():
    lags = np.repeat([10, 30], [30, 33])
    bins = steps_at(lags, noise=0.0)
    bins.sums[30:] = 0  # nobody speaks
    bins.sums[30:33, 30] = 2.0
    bins.sums[36, 30] = 2.0  # too little for three bins
    path = Path(np.array([0, 30]), 0.0, np.array([10.0, 30.0]), 99.0)
    full, little = pieces.support(bins, path, np.full(63, 10))
    half = 99 / 63 / 2
    top = spline(np.arange(-2, 3)) @ bins.sums[0, 8:13]
    assert full == pytest.approx(30 * (top - half), rel=1e-4)
    assert little == pytest.approx(3 * (0.75 * 2 - half), rel=1e-4)


def test_a_piece_without_support_is_taken_out():
    # Noise as strong as the noise elsewhere, in which some lag is the best by chance.
    rng = np.random.default_rng(0)
    sums = 4 * smooth(rng.normal(size=(150, 81)))
    sums[:100] += 12 * np.exp(-0.5 * ((np.arange(81) - 20) / 3) ** 2)
    bins = bins_of(sums)
    path = pieces.steps(bins, 0.0, 15.0)
    assert len(path.starts) > 2
    assert pieces.pruned(bins, path, 15.0, 4.5, np.full(150, 10), 40).starts.tolist() == [0]


# Slopes and their doubt


@pytest.mark.parametrize("slope", [-0.013, 0.002, 0.05])
def test_the_slope_of_two_pieces_is_found(slope):
    times = np.arange(300) - 149.5
    bins = steps_at(np.where(times < -40, 20, 45) + slope * times, width=81, noise=0.0)
    path = pieces.sloped(bins, Path(np.array([0, 110]), 0.0, np.zeros(2), 0.0), 10.0)
    assert path.slope == pytest.approx(slope, abs=0.0003)
    assert path.offsets == pytest.approx([20, 45], abs=0.05)
    again = pieces.replaced(bins, path, slope)
    assert (again.slope, again.starts.tolist()) == (slope, [0, 110])
    assert again.total == pytest.approx(path.total, rel=1e-3)


def test_the_slope_has_a_limit():
    times = np.arange(60) - 29.5
    bins = steps_at(60 + 0.4 * times, width=121)
    path = pieces.sloped(bins, pieces.constant(bins), 10.0)
    assert abs(path.slope) <= pieces.MAX_PPM / 10_000 + 1e-9


def test_resampling_scatters_as_new_noise_does():
    def made(seed):
        return steps_at(np.full(400, 20.0), seed=seed, noise=6.0)

    fits = []
    for seed in range(40):
        bins = made(seed)
        path = pieces.sloped(bins, pieces.constant(bins), 10.0)
        fits.append((path.slope, path.offsets[0]))
    stated = []
    for seed in range(6):
        bins = made(seed)
        path = pieces.sloped(bins, pieces.constant(bins), 10.0)
        slopes, offsets = pieces.resampled(bins, path)
        stated.append((slopes.std(), offsets.std()))
    assert offsets.shape == (pieces.RESAMPLES, 1)
    for known, found in zip(np.std(fits, axis=0), np.mean(stated, axis=0), strict=True):
        assert found == pytest.approx(known, rel=0.4)


def test_resampling_is_the_same_each_time():
    bins = steps_at(np.repeat([10, 30], 20), noise=1.0)
    path = Path(np.array([0, 20]), 0.0, np.array([10.0, 30.0]), 0.0)
    for one, two in zip(pieces.resampled(bins, path), pieces.resampled(bins, path), strict=True):
        np.testing.assert_array_equal(one, two)


def test_blocks_hold_all_bins_once_and_end_with_the_pieces():
    bins = steps_at(np.full(133, 20.0))
    starts = np.array([0, 2, 47])
    blocks, labels = pieces._blocks(bins, starts)
    assert blocks.sums.sum() == pytest.approx(bins.sums.sum(), rel=1e-5)
    assert set(starts) <= set(blocks.first)
    assert all(a < b for a, b in pairwise(blocks.first))
    np.testing.assert_array_equal(labels, np.searchsorted(starts, blocks.first, side="right") - 1)
