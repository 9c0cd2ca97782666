"""One decoded picture as an array: turned and stretched as a player shows it, in colour or grey."""

import copy
import math
import sys
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from avsync.errors import ConfigError
from avsync.forks import watch

Image = NDArray[np.uint8]
"""(H, W, 3) RGB, or (H, W) grey."""

Matrix = tuple[int, int, int, int]

IDENTITY: Matrix = (1, 0, 0, 1)
"""Display matrix (a, b, c, d) of a picture that is shown as it is stored."""

ROTATIONS = {(1, 0, 0, 1): 0, (0, -1, 1, 0): 90, (-1, 0, 0, -1): 180, (0, 1, -1, 0): -90}
"""Degrees counter-clockwise of the display matrices that do not mirror."""

SQUAREST, FLATTEST = Fraction(1, 8), Fraction(8)
"""Pixels beyond these proportions are a damaged header, not a format."""

LUMA_FIRST = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv21", "gray")
"""Pixel formats whose first plane is the grey picture in 8 bits."""

RECYCLED_BYTES = 512 << 20
"""Pictures beyond this are forgotten, to be freed as soon as they are let go."""

FULL_RANGE = 2
"""`av.VideoFrame.color_range` of pictures whose black is 0 and whose white is 255."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """How pictures are delivered."""

    pixels: Literal["rgb", "gray"] = "rgb"
    """`rgb` gives (H, W, 3), `gray` gives (H, W): the luma, black 0, white 255."""
    height: int | None = None
    """Rows of the displayed picture; None = as many as are stored, or in proportion to a `width`."""
    width: int | None = None
    """Columns of it; None = in proportion. With a `height` beside it pictures of all shapes get one size,
    stretched or squeezed."""

    def __post_init__(self) -> None:
        if self.pixels not in ("rgb", "gray"):
            raise ConfigError(f"pixel_format is {self.pixels!r}. Give 'rgb' or 'gray'.")
        for name, pixels in (("height", self.height), ("width", self.width)):
            if pixels is not None and not (isinstance(pixels, int | np.integer) and 1 <= pixels <= 16_384):
                raise ConfigError(f"{name} is {pixels!r}. Give 1 to 16384 whole pixels, or None.")


def display_matrix(frame: av.VideoFrame) -> Matrix:
    """The rotation and mirroring that a player applies to a frame, as signs of (a, b, c, d) with

    `x' = a x + c y`, `y' = b x + d y` (x to the right, y down). Angles that are no quarter turn count as
    none.
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return IDENTITY
    values = np.frombuffer(cast(bytes, side_data), dtype=np.int32)[[0, 1, 3, 4]]
    a, b, c, d = (int(v) for v in np.sign(np.where(np.abs(values) > 32768, values, 0)))
    return (a, b, c, d) if abs(a * d - b * c) == 1 and abs(a) + abs(b) == 1 else IDENTITY


def orient(image: Image, matrix: Matrix) -> Image:
    """Turn a stored picture (H, W[, C]) into the displayed one."""
    if matrix == IDENTITY:
        return image
    a, b, c, d = matrix
    if a:
        return np.ascontiguousarray(image[::d, ::a])
    return np.ascontiguousarray(image.swapaxes(0, 1)[::b, ::c])


def pixel_aspect(ratio: Fraction | None) -> Fraction:
    """Width of a pixel over its height; 1 where it is not declared or absurd."""
    return ratio if ratio and SQUAREST <= ratio <= FLATTEST else Fraction(1)


class Recycler:
    """Arrays that are used again when nobody holds them any more.

    The memory of a new array is cleared page by page when it is first written, which takes a third of the
    time of decoding a picture of 1280x720.
    """

    def __init__(self) -> None:
        self._arrays: deque[Image] = deque()

    def take(self, shape: tuple[int, int]) -> Image:
        """An array of any content. It is in use for as long as it, or a view of it, is held."""
        # Pictures are let go in their order: where the oldest is in use, the others are too. Two references
        # to it are this function's and that of `getrefcount`.
        if self._arrays:
            oldest = self._arrays.popleft()
            if oldest.shape == shape and sys.getrefcount(oldest) <= 2:
                self._arrays.append(oldest)
                return oldest
            if len(self._arrays) * shape[0] * shape[1] < RECYCLED_BYTES:
                self._arrays.appendleft(oldest)
        array = np.empty(shape, np.uint8)
        self._arrays.append(array)
        return array


class Converter:
    """Makes displayed arrays of the frames of one stream.

    The first frame decides the size: where a later one is stored in another, it is scaled to it.
    """

    def __init__(
        self, first: av.VideoFrame, aspect: Fraction | None, form: PictureFormat | None = None
    ) -> None:
        """`first`: a frame of the stream; `aspect`: the stream's sample aspect ratio."""
        self.form = form or PictureFormat()
        self._matrix = display_matrix(first)
        wide = first.width * pixel_aspect(aspect)
        upright = self._matrix[0] != 0
        shown = (Fraction(first.height), wide) if upright else (wide, Fraction(first.height))
        wanted = (self.form.height, self.form.width)
        scales = [
            None if pixels is None else pixels / size for pixels, size in zip(wanted, shown, strict=True)
        ]
        given = next((scale for scale in scales if scale is not None), Fraction(1))
        self.height, self.width = (
            max(round(size * (given if scale is None else scale)), 1)
            for size, scale in zip(shown, scales, strict=True)
        )
        # Of the picture as it is stored, before it is turned.
        self._size = (self.height, self.width) if upright else (self.width, self.height)
        self._reformatter: VideoReformatter | None = None
        self._memory = Recycler()
        watch(self)

    def twin(self) -> "Converter":
        """Another that converts to the same size, for a pass or thread of its own."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reformatter": None, "_memory": Recycler()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        watch(self)

    def abandon(self) -> list[object]:
        """Forget the scaler, which has threads as decoders have (`forks`)."""
        scaler, self._reformatter = self._reformatter, None
        return [scaler]

    def __call__(self, frame: av.VideoFrame) -> Image:
        """The frame as an array of its own."""
        grey = self.form.pixels == "gray"
        height, width = self._size
        if grey and (frame.height, frame.width) == self._size and _is_grey(frame):
            return orient(self._copied(frame, 1), self._matrix)
        # FFmpeg scales and converts in one step, for grey the luma alone.
        self._reformatter = self._reformatter or VideoReformatter()
        stored = self._reformatter.reformat(
            frame, width=width, height=height, format="gray" if grey else "rgb24"
        )
        channels = 1 if grey else 3
        own = stored is not frame and stored.planes[0].line_size == width * channels
        return orient((_rows if own else self._copied)(stored, channels), self._matrix)

    def _copied(self, frame: av.VideoFrame, channels: int) -> Image:
        """The first plane as an array."""
        plane = frame.planes[0]
        rows = np.frombuffer(cast(memoryview, plane), np.uint8).reshape(-1, plane.line_size)
        buffer = self._memory.take((frame.height, frame.width * channels))
        np.copyto(buffer, rows[: frame.height, : frame.width * channels])
        return buffer.reshape(frame.height, frame.width, 3) if channels == 3 else buffer[:]


def _rows(frame: av.VideoFrame, channels: int) -> Image:
    """The first plane itself, without padding, as an array that keeps it."""
    rows = np.frombuffer(cast(memoryview, frame.planes[0]), np.uint8)
    shape = (frame.height, frame.width, 3) if channels == 3 else (frame.height, frame.width)
    return rows[: math.prod(shape)].reshape(shape)


def _is_grey(frame: av.VideoFrame) -> bool:
    """Whether the first plane is grey in 8 bits, black at 0 and white at 255.

    Copying it takes a twentieth of FFmpeg's conversion. Luma from 16 to 235 is left to FFmpeg, which
    stretches it in half the time of numpy.
    """
    name = frame.format.name
    full = name == "gray" or name.startswith("yuvj") or frame.color_range == FULL_RANGE
    return full and name in LUMA_FIRST
