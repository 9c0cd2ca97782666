"""Pictures as a player shows them: turned, with square pixels, grey or in colour, at any size."""

import pickle
from fractions import Fraction

import av
import numpy as np
import pytest

from avsync.errors import ConfigError
from avsync.pictures import Converter, PictureFormat, orient, pixel_aspect

# Display matrix -> where the pixels of [[0, 1, 2], [3, 4, 5]] are shown.
SHOWN = {
    (1, 0, 0, 1): [[0, 1, 2], [3, 4, 5]],
    (-1, 0, 0, -1): [[5, 4, 3], [2, 1, 0]],
    (-1, 0, 0, 1): [[2, 1, 0], [5, 4, 3]],
    (0, -1, 1, 0): [[2, 5], [1, 4], [0, 3]],
    (0, 1, -1, 0): [[3, 0], [4, 1], [5, 2]],
    (0, 1, 1, 0): [[0, 3], [1, 4], [2, 5]],
}


@pytest.mark.parametrize(("matrix", "shown"), SHOWN.items(), ids=str)
def test_orient(matrix, shown):
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(orient(image, matrix), shown)
    colour = np.stack([image, image + 10, image + 20], axis=2)
    np.testing.assert_array_equal(orient(colour, matrix)[..., 1], np.array(shown) + 10)


def test_absurd_pixels_are_square():
    assert pixel_aspect(Fraction(16, 11)) == Fraction(16, 11)
    for nonsense in (None, Fraction(0), Fraction(1, 1000), Fraction(65_535, 1)):
        assert pixel_aspect(nonsense) == 1


def ramp(width=160, height=96, form="yuv420p") -> av.VideoFrame:
    """Grey that rises from left to right, in a band of red above a band of blue."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., :] = np.linspace(0, 255, width).astype(np.uint8)[None, :, None]
    image[: height // 4] = (200, 30, 30)
    image[-(height // 4) :] = (30, 30, 200)
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=form)


def test_colour_is_what_pyav_gives():
    frame = ramp()
    np.testing.assert_array_equal(Converter(frame, None)(frame), frame.to_ndarray(format="rgb24"))


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv444p", "nv12", "gray", "yuv420p10le", "rgb24"])
def test_grey_is_the_luma_from_black_to_white(form):
    frame = ramp(form=form)
    grey = Converter(frame, None, PictureFormat("gray"))(frame)
    expected = frame.reformat(format="gray").to_ndarray()
    assert grey.shape == (96, 160)
    assert np.abs(grey.astype(int) - expected).max() <= 1
    assert grey[48, 0] < 4
    assert grey[48, -1] > 251


@pytest.mark.parametrize("pixels", ["rgb", "gray"])
def test_height_and_pixel_proportions(pixels):
    frame = ramp()
    for aspect, height, shape in [
        (None, None, (96, 160)),
        (None, 48, (48, 80)),
        (Fraction(16, 15), None, (96, 171)),
        (Fraction(16, 15), 48, (48, 85)),
        (Fraction(1, 2), 192, (192, 160)),
    ]:
        converter = Converter(frame, aspect, PictureFormat(pixels, height))
        image = converter(frame)
        assert image.shape[:2] == shape == (converter.height, converter.width)
        # The picture is stretched as a whole: the ramp goes on from edge to edge.
        line = image[shape[0] // 2].reshape(shape[1], -1).mean(axis=1)
        expected = np.linspace(0, 255, shape[1])
        assert np.abs(line - expected)[4:-4].max() < 6


@pytest.mark.parametrize(
    ("aspect", "height", "width", "shape"),
    [(None, None, 80, (48, 80)), (Fraction(2), None, 80, (24, 80)), (Fraction(2), 50, 30, (50, 30))],
)
def test_a_width_alone_keeps_the_proportions_and_with_a_height_is_the_size(aspect, height, width, shape):
    converter = Converter(ramp(), aspect, PictureFormat("rgb", height, width))
    assert converter(ramp()).shape == (*shape, 3) == (converter.height, converter.width, 3)


def test_a_frame_of_another_size_is_scaled_to_the_first():
    converter = Converter(ramp(), None)
    assert converter(ramp(80, 48)).shape == (96, 160, 3)


@pytest.mark.parametrize("pixels", ["rgb", "gray"])
@pytest.mark.parametrize("width", [160, 159])  # with and without padding at the end of a row
def test_a_picture_can_be_written_on_and_harms_no_other(pixels, width):
    frame = ramp(width)
    converter = Converter(frame, None, PictureFormat(pixels))
    first, second = converter(frame), converter(frame)
    before = second.copy()
    first[:] = 7
    np.testing.assert_array_equal(second, before)
    np.testing.assert_array_equal(converter(frame), before)


def test_a_converter_can_be_sent_to_another_process():
    frame = ramp()
    converter = Converter(frame, None, PictureFormat("gray", 32))
    before = converter(frame)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(converter))(frame), before)


def test_settings_out_of_range():
    with pytest.raises(ConfigError, match="pixel_format is 'bgr'"):
        PictureFormat("bgr")
    for size in (0, -3, 20_000, 2.5):
        with pytest.raises(ConfigError, match=f"height is {size}"):
            PictureFormat("rgb", size)
        with pytest.raises(ConfigError, match=f"width is {size}"):
            PictureFormat("rgb", None, size)


def test_memory_is_used_again_when_nobody_holds_it():
    converter = Converter(ramp(), None)
    frames = [ramp() for _ in range(3)]
    held = [converter(frame) for frame in frames]
    view = held[0][2:5, :, 1]  # a view of a part keeps the whole
    before = view.copy()
    places = [image.__array_interface__["data"][0] for image in held]
    assert len(set(places)) == 3
    del held
    dark = ramp().reformat(format="gray")
    again = [converter(dark) for _ in range(4)]
    np.testing.assert_array_equal(view, before)
    assert places[0] not in [image.__array_interface__["data"][0] for image in again]
    del view
    places = {image.__array_interface__["data"][0] for image in again} | set(places)
    del again
    assert all(converter(dark).__array_interface__["data"][0] in places for _ in range(20))
    one = converter(frames[0])
    two = converter(dark)
    assert np.abs(one.astype(int) - two).max() > 100  # the first is not overwritten by the second
