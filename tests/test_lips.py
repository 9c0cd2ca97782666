"""Mouth tracks on rendered clips of known motion: a portrait that moves, turns, vanishes and returns."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from avsync.lips import MOUTH_OUTLINE, RIGID, TEMPLATE, LipTrack, TrackConfig, fit_pose, smooth, track
from avsync.media import Clip, load

PORTRAIT = Image.open(Path(__file__).parent / "data" / "portrait_360x288.jpg").convert("RGB")


def clip_of(pictures: list[np.ndarray], times: np.ndarray | None = None) -> Clip:
    """A clip of given pictures, 25 a second unless told otherwise, without sound."""
    if times is None:
        times = np.arange(len(pictures)) / 25
    silence = np.zeros(0, np.float32)
    return Clip("rendered", times, pictures, silence, 16_000, 0.0, cast(Any, None))


def scene(
    place: complex = 0j,
    *,
    turn: complex = 1.0,
    size: tuple[int, int] = (480, 360),
    face: Image.Image = PORTRAIT,
) -> np.ndarray:
    """A grey picture (H, W, 3) with the portrait's top left at `place`, turned and grown by `turn`."""
    back = 1 / turn
    shift = -back * place
    matrix = (back.real, -back.imag, shift.real, back.imag, back.real, shift.imag)
    moved = face.transform(
        size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)
    )
    return np.array(moved)


def drift_of(one: LipTrack) -> float:
    """Largest mean change of a crop against the middle one, about in pixels: 0 for perfect stabilisation.

    The change that a shift of the middle crop by one pixel makes counts as one pixel.
    """
    crops = one.mouths[one.found].astype(float)
    middle = crops[len(crops) // 2]
    pixel = max(np.abs(np.diff(middle, axis=axis)).mean() for axis in (0, 1))
    return float(np.abs(crops - middle).mean(axis=(1, 2)).max() / pixel)


@pytest.fixture(scope="module")
def still() -> LipTrack:
    (one,) = track(clip_of([scene(30 + 30j)] * 13))
    return one


def test_still_face(still: LipTrack) -> None:
    assert still.found.all()
    assert still.face == 0
    assert still.mouths.shape == (13, 96, 96)
    assert still.mouths.dtype == np.uint8
    assert still.landmarks.shape == (13, 468, 2)
    assert drift_of(still) == 0


def test_crop_is_centred_on_the_mouth_and_scaled_by_the_face(still: LipTrack) -> None:
    mouth = still.landmarks[6, [61, 291]].mean(axis=0)
    x0, y0, x1, y1 = still.boxes[6]
    assert x0 < mouth[0] < x1
    assert y0 < mouth[1] < y1
    # The same crop by PIL: around the mouth, 1.15 times as wide as the outer eye corners are apart, upright.
    eyes = still.landmarks[6, [33, 263]] @ np.array([1, 1j])
    step = (eyes[1] - eyes[0]) * 1.15 / 96
    outline = still.landmarks[6, list(MOUTH_OUTLINE)].mean(axis=0) @ np.array([1, 1j])
    corner = outline - 48 * step * (1 + 1j)
    matrix = (step.real, -step.imag, corner.real, step.imag, step.real, corner.imag)
    grey = Image.fromarray(scene(30 + 30j)).convert("L")
    expected = np.array(
        grey.transform((96, 96), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR), float
    )
    found = still.mouths[6].astype(float)
    assert np.corrcoef(expected[24:72, 24:72].ravel(), found[24:72, 24:72].ravel())[0, 1] > 0.9


def test_landmarks_move_with_the_face_and_crops_do_not(still: LipTrack) -> None:
    steps = np.arange(40) * (1.75 + 0.5j)
    (one,) = track(clip_of([scene(20 + 20j + step) for step in steps]))
    assert one.found.all()
    moved = (one.landmarks - one.landmarks[0]).mean(axis=1) @ np.array([1, 1j])
    assert np.abs(moved - steps).max() < 0.6
    assert drift_of(one) < 0.7
    difference = np.abs(one.mouths[20].astype(float) - still.mouths[6].astype(float)).mean()
    assert difference < 4


def test_nodding_and_turning_face_is_stabilised() -> None:
    phase = 2 * np.pi * np.arange(50) / 50
    turns = (1 + 0.1 * np.sin(phase)) * np.exp(0.2j * np.sin(phase))
    (one,) = track(clip_of([scene(60 + 40j, turn=complex(turn)) for turn in turns]))
    assert one.found.all()
    assert drift_of(one) < 1.6


def test_irregular_frame_times_are_honoured() -> None:
    times = np.cumsum(np.random.default_rng(3).choice([1 / 60, 1 / 30, 1 / 12], 40))
    (one,) = track(clip_of([scene(20 + 20j + 40 * time) for time in times], times))
    assert drift_of(one) < 0.7
    np.testing.assert_array_equal(one.times, times)


def test_large_faces_are_shrunk_with_antialiasing(still: LipTrack) -> None:
    large = scene(90 + 90j, turn=3.0, size=(1440, 1080))
    (one,) = track(clip_of([large] * 13))
    assert np.abs(one.mouths[6].astype(float) - still.mouths[6].astype(float)).mean() < 5


def test_noise_gives_no_track() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (15, 180, 240, 3), np.uint8)
    assert track(clip_of(list(noise))) == ()


def test_no_video_gives_no_track() -> None:
    assert track(clip_of([])) == ()


def test_two_faces_are_two_tracks_the_larger_first() -> None:
    small = PORTRAIT.resize((252, 202), Image.Resampling.LANCZOS)
    pair = np.full((288, 640, 3), 90, np.uint8)
    pair[40:242, :252] = np.array(small)
    pair[:, 270:630] = np.array(PORTRAIT)
    tracks = track(clip_of([pair] * 26))
    assert [one.face for one in tracks] == [0, 1]
    assert all(one.found.all() for one in tracks)
    large, little = (one.landmarks[10] for one in tracks)
    assert large[:, 0].min() > 270
    assert little[:, 0].max() < 252
    assert np.ptp(little[:, 0]) / np.ptp(large[:, 0]) == pytest.approx(0.7, abs=0.05)


def test_face_that_leaves_and_returns_is_one_track() -> None:
    there, gone = scene(30 + 30j), np.full((360, 480, 3), 90, np.uint8)
    pictures = [there] * 20 + [gone] * 13 + [there] * 20
    (one,) = track(clip_of(pictures))
    np.testing.assert_array_equal(one.found, [True] * 20 + [False] * 13 + [True] * 20)
    assert not one.mouths[~one.found].any()
    assert np.isnan(one.landmarks[~one.found]).all()
    assert np.isnan(one.boxes[~one.found]).all()
    assert np.isfinite(one.landmarks[one.found]).all()
    assert drift_of(one) < 0.3


def test_smoothing_stops_at_cuts() -> None:
    first, second = scene(0j), scene(110 + 60j)
    tracks = track(clip_of([first] * 17 + [second] * 17))
    assert sum(one.found.sum() for one in tracks) == 34
    for one in tracks:
        assert drift_of(one) < 0.7


def test_short_appearance_is_dropped() -> None:
    there, gone = scene(30 + 30j), np.full((360, 480, 3), 90, np.uint8)
    assert track(clip_of([gone] * 5 + [there] * 6 + [gone] * 5)) == ()


@pytest.mark.parametrize("config", [TrackConfig(chunk=5), TrackConfig(chunk=40), TrackConfig(detect_every=7)])
def test_result_hardly_depends_on_the_grouping(config: TrackConfig) -> None:
    clip = clip_of([scene(20 + 20j + 2 * k, turn=complex(np.exp(0.004j * k))) for k in range(36)])
    (expected,), (found,) = track(clip), track(clip, config)
    np.testing.assert_array_equal(found.found, expected.found)
    assert np.linalg.norm(found.landmarks - expected.landmarks, axis=-1).mean() < 0.4
    assert np.abs(found.mouths.astype(float) - expected.mouths.astype(float)).mean() < 2


def test_same_input_same_output() -> None:
    clip = clip_of([scene(20 + 20j + 2 * k) for k in range(15)])
    (first,), (second,) = track(clip), track(clip)
    assert first.mouths.tobytes() == second.mouths.tobytes()
    assert first.landmarks.tobytes() == second.landmarks.tobytes()


def test_fit_pose_recovers_a_similarity() -> None:
    a, b = 80 * np.exp(0.3j), 200 + 150j
    flat = a * (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]) + b
    points = np.zeros((1, 468, 3))
    points[0, RIGID] = np.stack([flat.real, flat.imag, 80 * TEMPLATE[:, 2]], axis=1)
    found_a, found_b = fit_pose(points)
    np.testing.assert_allclose([found_a[0], found_b[0]], [a, b])


def test_smooth_keeps_lines_and_lessens_noise() -> None:
    times = np.sort(np.random.default_rng(0).uniform(0, 2, 60))
    line = np.stack([3 * times + 1, -times], axis=1)
    np.testing.assert_allclose(smooth(times, line, 0.1, times, degree=1), line, atol=1e-6)
    curve = times[:, None] ** 2
    np.testing.assert_allclose(smooth(times, curve, 0.1, times, degree=2), curve, atol=1e-6)
    noise = np.random.default_rng(1).normal(size=(60, 1))
    assert smooth(times, noise, 0.1, times, degree=1).std() < 0.5 * noise.std()
    lone = smooth(np.array([5.0]), np.array([[7.0]]), 0.1, np.array([5.0]), degree=2)
    np.testing.assert_allclose(lone, [[7.0]])


@pytest.mark.parametrize(
    "change", [{"chunk": 0}, {"crop_size": -1}, {"pose_sigma": 0.0}, {"crop_span": -1.0}]
)
def test_bad_configuration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        TrackConfig(**change)


def test_real_clip(real_media: Path) -> None:
    (one,) = track(load(real_media / "grid" / "s1" / "bbaf2n.mkv"))
    assert one.found.sum() == 75


def test_a_track_reaches_from_the_first_picture_of_its_face_to_the_last() -> None:
    """So what twenty faces take in a long film is what they are seen for, not twenty times the film."""
    there, gone = scene(30 + 30j), np.full((360, 480, 3), 90, np.uint8)
    clip = clip_of([gone] * 30 + [there] * 20 + [gone] * 13 + [there] * 20 + [gone] * 40)
    (one,) = track(clip)
    np.testing.assert_array_equal(one.times, clip.frame_times[30:83])
    np.testing.assert_array_equal(one.found, [True] * 20 + [False] * 13 + [True] * 20)
    for values in (one.mouths, one.landmarks, one.boxes):
        assert len(values) == len(one.times)
    assert one.landmarks[0][:, 0].mean() == pytest.approx(one.landmarks[-1][:, 0].mean(), abs=1)
    wide = one.over(clip.frame_times)
    np.testing.assert_array_equal(wide.times, clip.frame_times)
    np.testing.assert_array_equal(np.flatnonzero(wide.found), [*range(30, 50), *range(63, 83)])
    np.testing.assert_array_equal(wide.mouths[30:83], one.mouths)
    np.testing.assert_array_equal(np.isnan(wide.boxes).any(1), ~wide.found)
    assert not wide.mouths[~wide.found].any()
    assert wide.over(clip.frame_times) is wide


def test_grey_pictures_are_tracked_like_those_without_colour() -> None:
    grey = [np.rint(scene(20 + 20j + k).mean(2)).astype(np.uint8) for k in range(13)]
    (one,), (other,) = track(clip_of(grey)), track(clip_of([np.repeat(p[..., None], 3, 2) for p in grey]))
    np.testing.assert_array_equal(one.mouths, other.mouths)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)
