"""Squares around faces whose landmarks are given, and the frames that stand nearest to each step."""

import dataclasses

import numpy as np
import pytest
import tiny

from avsync import facecrop
from avsync.errors import ConfigError, FaceError
from avsync.lips import LipTrack


def box_track(times: np.ndarray, boxes: np.ndarray, found: np.ndarray | None = None) -> LipTrack:
    """A face whose landmarks fill the boxes (T, 4) x0, y0, x1, y1."""
    share = np.linspace(0, 1, 468)[:, None]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    landmarks = (low + share * (high - low)).astype(np.float32)
    track = tiny.track(times, np.full(len(times), 100.0), np.tile(tiny.face(), (len(times), 1)), found)
    landmarks[~track.found] = np.nan
    return dataclasses.replace(track, landmarks=landmarks)


def clip(frame_times, picture=None):
    made = tiny.clip(frame_times=np.asarray(frame_times))
    picture = np.zeros((240, 320, 3), np.uint8) if picture is None else picture
    return dataclasses.replace(made, frames=[picture] * len(made.frame_times))


TIMES = np.arange(50) / 25
STILL = np.tile([130.0, 90.0, 170.0, 150.0], (50, 1))


def test_a_square_worked_out_by_hand():
    # half of the larger side is 30; the centre (150, 120); 42 beside, 30 above, 54 below
    grid = facecrop.follow_face(clip(TIMES), box_track(TIMES, STILL))
    np.testing.assert_array_equal(grid.squares, np.tile([108, 90, 192, 174], (50, 1)))
    np.testing.assert_allclose(grid.times, TIMES)
    np.testing.assert_array_equal(grid.frames, np.arange(50))


def test_a_box_that_jumps_for_a_few_frames_is_smoothed():
    boxes = STILL.copy()
    boxes[20:25] += 40
    grid = facecrop.follow_face(clip(TIMES), box_track(TIMES, boxes))
    np.testing.assert_array_equal(grid.squares, np.tile([108, 90, 192, 174], (50, 1)))


def test_a_face_that_is_lost_for_a_moment_is_interpolated():
    found = np.ones(50, bool)
    found[10:30] = False
    boxes = STILL + np.arange(50)[:, None] * 2.0
    squares = facecrop.follow_face(clip(TIMES), box_track(TIMES, boxes, found)).squares
    np.testing.assert_allclose(squares[6:44, 0], 108 + 2 * np.arange(6, 44), atol=1)


def test_the_longest_stretch_is_taken():
    times = np.arange(200) / 25
    found = np.ones(200, bool)
    found[40:80] = False  # 1.64 s
    grid = facecrop.follow_face(clip(times), box_track(times, np.tile(STILL[:1], (200, 1)), found))
    assert (grid.frames[0], grid.frames[-1], len(grid.times)) == (80, 199, 120)


def test_a_face_that_appears_late_is_cut_from_its_own_frames():
    track = box_track(TIMES[20:45], STILL[20:45])
    grid = facecrop.follow_face(clip(TIMES), track)
    np.testing.assert_array_equal(grid.frames, np.arange(20, 45))
    np.testing.assert_allclose(grid.times, TIMES[20:45])


def test_no_face():
    track = box_track(TIMES, STILL, np.zeros(50, bool))
    with pytest.raises(FaceError, match=r"made\.mp4: face 0 is seen in no frame"):
        facecrop.follow_face(clip(TIMES), track)


@pytest.mark.parametrize(
    ("times", "frames"),
    [
        (np.arange(11) / 50, [0, 2, 4, 6, 8, 10]),
        (1.4 + np.arange(5) / 25, [0, 1, 2, 3, 4]),
        (np.arange(3) / 12.5, [0, 0, 1, 1, 2]),
        (np.array([0.0, 0.04, 0.055, 0.11, 0.16]), [0, 1, 2, 3, 4]),
        (np.arange(7) / 30, [0, 1, 2, 4, 5, 6]),
        ([2.0], [0]),
    ],
)
def test_frames_that_stand_nearest(times, frames):
    grid = facecrop.whole_pictures(clip(times))
    np.testing.assert_array_equal(grid.frames, frames)
    np.testing.assert_allclose(grid.times, times[0] + np.arange(len(frames)) / 25)


def test_grey_surrounds_the_picture():
    picture = np.zeros((240, 320, 3), np.uint8)
    boxes = np.tile([0.0, 0.0, 60.0, 60.0], (50, 1))  # square: -12, 0 to 72, 84
    made = clip(TIMES, picture)
    shown = next(facecrop.pictures(made, facecrop.follow_face(made, box_track(TIMES, boxes))))
    assert shown.shape == (224, 224, 3)
    assert (shown[:, :30] == 110).all()
    assert (shown[:, 34:] == 0).all()


def test_pictures_are_blue_green_red():
    made = clip(TIMES, np.full((50, 80, 3), (10, 20, 30), np.uint8))
    shown = list(facecrop.pictures(made, facecrop.whole_pictures(made)))
    assert len(shown) == 50
    assert (shown[7] == (30, 20, 10)).all()


def test_a_picture_twice_as_large_is_halved_between_its_pixels():
    rows = np.repeat((np.arange(448) // 2).astype(np.uint8)[:, None], 448, axis=1)
    made = clip([0.0], np.stack([rows] * 3, axis=-1))
    (shown,) = facecrop.pictures(made, facecrop.whole_pictures(made))
    np.testing.assert_array_equal(shown[:, 0, 0], np.arange(224))


def test_grey_pictures_are_refused():
    made = clip(TIMES, np.zeros((50, 80), np.uint8))
    with pytest.raises(ConfigError, match="in colour"):
        next(facecrop.pictures(made, facecrop.whole_pictures(made)))


def test_part_of_a_grid():
    grid = facecrop.follow_face(clip(TIMES), box_track(TIMES, STILL)).part(10, 12)
    np.testing.assert_array_equal(grid.frames, [10, 11])
    assert grid.squares.shape == (2, 4)
