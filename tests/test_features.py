"""Lip tracks on the 25 Hz grid: mouths and points that are linear in time show what time was taken."""

import numpy as np
import pytest
import tiny
import torch

from avsync import features

UPPER_LIP = features.LIP_POINTS.index(13)


def moving_track(times, found=None, slope=70.0):
    """Grey is 20 + slope t; the upper lip (landmark 13) rises by 0.1 eye distances a second."""
    times = np.asarray(times, float)
    since = times - times[0]
    planes = np.tile(tiny.face(), (len(times), 1))
    planes[:, 13] -= 0.1j * since
    return tiny.track(times, 20 + slope * since, planes, found)


@pytest.mark.parametrize("start", [0.0, 1.4, -0.08])
def test_25_fps_passes_unchanged(start):
    track = moving_track(start + np.arange(60) / 25)
    grid = features.on_grid(track)
    np.testing.assert_allclose(grid.times, track.times, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(grid.mouths, track.mouths)
    assert grid.found.all()
    rise = -0.1 * features.POINT_SCALE * np.arange(60) / 25
    np.testing.assert_allclose(grid.points[:, UPPER_LIP, 1], rise - rise.mean(), atol=1e-3)


@pytest.mark.parametrize("first", [10, 11])
@pytest.mark.parametrize("lost", [1, 2, 6])
def test_25_fps_passes_unchanged_where_frames_are_lost(first, lost):
    found = np.ones(40, bool)
    found[first : first + lost] = False
    track = moving_track(np.arange(40) / 25, found)
    grid = features.on_grid(track)
    np.testing.assert_array_equal(grid.found, found)
    np.testing.assert_array_equal(grid.mouths, track.mouths)


TIMES = {
    "30": np.arange(75) / 30,
    "29.97": np.arange(75) * 1001 / 30000,
    "23.976 on a clock of 1 ms": np.rint(np.arange(60) * 1001 / 24) / 1000,
    "50": np.arange(125) / 50,
    "variable": 3.0 + np.cumsum(np.random.default_rng(0).uniform(0.02, 0.055, 60)),
}


@pytest.mark.parametrize("rate", TIMES)
def test_other_rates_are_resampled_on_their_times(rate):
    track = moving_track(TIMES[rate])
    grid = features.on_grid(track)
    span = track.times[-1] - track.times[0]
    assert len(grid.times) == round(span * 25) + 1
    np.testing.assert_allclose(
        grid.times, track.times[0] + np.arange(len(grid.times)) / 25, rtol=0, atol=1e-9
    )
    assert grid.found.all()
    since = grid.times - track.times[0] + features.shown_earlier(track.times)
    inside = since <= span  # the last step may stand up to 20 ms behind the last frame
    since = since[inside]
    shown = grid.mouths[inside, 48, 48].astype(float)
    np.testing.assert_allclose(shown, 20 + 70 * since, atol=1.2)  # two roundings to whole grey values: 1.0
    rise = grid.points[inside, UPPER_LIP, 1] - grid.points[0, UPPER_LIP, 1]
    since -= since[0]
    # In all, points are 2 ms from their time at most: shares under 3 % of a frame are rounded off.
    np.testing.assert_allclose(rise, -0.1 * features.POINT_SCALE * since, atol=0.002)


@pytest.mark.parametrize(("fps", "earlier_ms"), [(25, 0), (50, 10), (30, 10 / 3), (12.5, -20)])
def test_a_picture_counts_for_the_middle_of_the_time_that_it_is_shown(fps, earlier_ms):
    assert 1000 * features.shown_earlier(2.0 + np.arange(60) / fps) == pytest.approx(earlier_ms, abs=1e-6)


def test_pictures_left_out_do_not_count():
    kept = np.flatnonzero(np.random.default_rng(2).random(200) < 0.6)
    assert features.shown_earlier(kept / 25) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("phase", [0, 1])
def test_pictures_shown_twice_are_not_earlier(phase):
    once = moving_track(np.arange(60) / 25, slope=90)
    pictures = np.arange(phase, 120)
    planes = np.tile(tiny.face(), (len(pictures), 1))
    grid = features.on_grid(tiny.track(pictures / 50, once.mouths[pictures // 2, 0, 0], planes))
    late = grid.mouths[1:-1, 48, 48] - (20 + 90 * grid.times[1:-1])
    assert late.mean() / 90 == pytest.approx(0, abs=0.003)


def test_a_gap_in_the_times_is_not_found():
    times = np.concatenate((np.arange(25) / 25, 2.0 + np.arange(25) / 25))  # nothing between 0.96 and 2.0 s
    grid = features.on_grid(moving_track(times))
    far = np.array([np.abs(times - t).min() > features.REACH + 1e-6 for t in grid.times])
    assert far.sum() == 23
    np.testing.assert_array_equal(grid.found, ~far)
    assert grid.mouths[far].max() == 0
    assert np.abs(grid.points[far]).max() == 0


def test_lost_frames_at_30_fps_are_not_found():
    times = np.arange(90) / 30
    found = (times < 1.0) | (times > 2.0)
    grid = features.on_grid(moving_track(times, found))
    assert not grid.found[(grid.times > 1.07) & (grid.times < 1.93)].any()
    assert grid.found[(grid.times < 0.95) | (grid.times > 2.05)].all()
    assert grid.mouths[~grid.found].max() == 0


def test_a_face_that_is_never_found():
    with np.errstate(all="raise"):
        grid = features.on_grid(moving_track(np.arange(30) / 30, np.zeros(30, bool)))
    assert len(grid.times) == 25
    assert not grid.found.any()
    assert grid.mouths.max() == 0
    assert np.abs(grid.points).max() == 0


def test_one_frame_is_one_step():
    grid = features.on_grid(moving_track([2.5]))
    np.testing.assert_array_equal(grid.times, [2.5])
    np.testing.assert_array_equal(grid.found, [True])
    assert int(grid.mouths[0, 0, 0]) == 20


def test_points_do_not_see_where_the_face_is_how_large_and_how_turned():
    rng = np.random.default_rng(3)
    planes = np.tile(tiny.face(), (30, 1))
    lip_points = list(features.LIP_POINTS)
    planes[:, lip_points] += 0.05 * (rng.normal(size=(30, 40)) + 1j * rng.normal(size=(30, 40)))
    still = features.on_grid(tiny.track(np.arange(30) / 25, np.full(30, 9.0), planes))
    turn = rng.uniform(0.5, 2, (30, 1)) * np.exp(1j * rng.uniform(-0.6, 0.6, (30, 1)))
    moved = planes * turn + rng.normal(size=(30, 1)) + 1j * rng.normal(size=(30, 1))
    restless = features.on_grid(tiny.track(np.arange(30) / 25, np.full(30, 9.0), moved))
    assert still.points.std() > 0.3
    np.testing.assert_allclose(restless.points, still.points, atol=2e-3)  # landmarks are float32 pixels


def test_points_of_a_mirrored_face_are_mirrored():
    planes = np.tile(tiny.face(), (20, 1))
    planes[:, 13] += 0.02 * np.arange(20)
    plain = features.on_grid(tiny.track(np.arange(20) / 25, np.full(20, 9.0), planes))
    upside = features.on_grid(tiny.track(np.arange(20) / 25, np.full(20, 9.0), planes.conj()))
    np.testing.assert_allclose(upside.points, plain.points * [1, -1], atol=2e-3)


def test_mouths_lose_their_margin_and_are_standardised_over_the_clip():
    mouths = torch.zeros(1, 4, 96, 96, dtype=torch.uint8)
    mouths[0, :, 10:86, 48:86] = 200  # the right half of what is left without the margin
    mouths[0, :, :10] = 255  # in the margin: not seen
    seen = features.standardise(features.reduce_mouths(mouths), torch.ones(1, 4, dtype=torch.bool))
    assert seen.shape == (1, 4, 48, 48)
    torch.testing.assert_close(seen[..., :22], torch.full((1, 4, 48, 22), -100 / 104), atol=0.02, rtol=0)
    torch.testing.assert_close(seen[..., 26:], torch.full((1, 4, 48, 22), 100 / 104), atol=0.02, rtol=0)


def test_standardise_leaves_out_what_is_not_found():
    mouths = torch.full((2, 3, 48, 48), 7.0)
    mouths[0, 1] = 1e6
    found = torch.tensor([[True, False, True], [False, False, False]])
    seen = features.standardise(mouths, found)
    torch.testing.assert_close(seen, torch.zeros_like(seen))
