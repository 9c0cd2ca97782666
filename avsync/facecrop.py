"""Square pictures of a face, 25 a second on the presentation clock, as SyncNet's evaluation cuts them.

Shapes: T steps of 40 ms, H W picture. Coordinates are picture pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from avsync.encoders import LIP_RATE
from avsync.errors import ConfigError, FaceError
from avsync.lips import LipTrack
from avsync.media import Clip

SIDE = 224
"""Side of a picture in pixels."""
MARGIN = 0.4
"""Room left, right and (twice) below the face's box, as a share of half its larger side."""
SMOOTHING = 13
"""Steps of the median over the box's place and size."""
LONGEST_GAP = 1.0
"""Seconds that a face may be lost while its box is interpolated; after that it is another stretch."""
BORDER = 110
"""Grey that surrounds the picture where the square leaves it."""


@dataclass(frozen=True, slots=True)
class FaceGrid:
    """What to show at each step."""

    times: np.ndarray
    """(T,) float64 seconds, 40 ms apart."""
    frames: np.ndarray
    """(T,) int64, the frame of the clip that stands nearest to each step."""
    squares: np.ndarray | None
    """(T, 4) int64 x0, y0, x1, y1, beyond the picture as well; None: the whole picture."""

    def part(self, first: int, last: int) -> FaceGrid:
        """Its steps from `first` up to `last`."""
        squares = None if self.squares is None else self.squares[first:last]
        return FaceGrid(self.times[first:last], self.frames[first:last], squares)


def follow_face(clip: Clip, track: LipTrack) -> FaceGrid:
    """The longest stretch in which a face is seen without a gap of over a second.

    The box is that of the landmarks, forehead to chin; the square leaves `MARGIN` beside and twice that below
    it. Raises FaceError where the face is never seen.
    """
    seen = np.flatnonzero(track.found)
    if not len(seen):
        raise FaceError(f"{clip.source}: face {track.face} is seen in no frame. Choose another face.")
    breaks = np.flatnonzero(np.diff(track.times[seen]) > LONGEST_GAP) + 1
    stretch = max(np.split(seen, breaks), key=lambda part: track.times[part[-1]] - track.times[part[0]])
    shown = track.times[stretch]
    first, last = np.searchsorted(clip.frame_times, shown[[0, -1]])
    times, frames = _steps(clip, int(first), int(last))
    low, high = track.landmarks[stretch].min(1), track.landmarks[stretch].max(1)
    half = (high - low).max(1) / 2
    boxes = np.column_stack([(low + high) / 2, half]).astype(np.float64)
    x, y, half = (_median(np.interp(times, shown, column)) for column in boxes.T)
    wide, below = half * (1 + MARGIN), half * (1 + 2 * MARGIN)
    squares = np.floor(np.column_stack([x - wide, y - half, x + wide, y + below])).astype(np.int64)
    return FaceGrid(times, frames, squares)


def whole_pictures(clip: Clip) -> FaceGrid:
    """All of a clip whose pictures were cut to a face before."""
    return FaceGrid(*_steps(clip, 0, len(clip.frame_times) - 1), None)


def pictures(clip: Clip, grid: FaceGrid) -> Iterator[np.ndarray]:
    """(224, 224, 3) uint8 BGR at each step, one after the other; a grid of any length costs no memory."""
    shown, picture = -1, np.zeros(0, np.uint8)
    for step, frame in enumerate(grid.frames):
        if frame != shown:
            shown, picture = int(frame), np.asarray(clip.frames[int(frame)])
            if picture.ndim != 3:
                raise ConfigError(f"{clip.source}: the pictures are grey. Load the clip in colour.")
        cut = picture if grid.squares is None else _cut(picture, grid.squares[step])
        yield _resized(cut)[..., ::-1]


def _steps(clip: Clip, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Times from frame `first` to frame `last`, 40 ms apart, and the frames nearest to them."""
    frame_times = clip.frame_times[first : last + 1]
    count = int(np.floor((frame_times[-1] - frame_times[0]) * LIP_RATE + 0.5)) + 1
    times = frame_times[0] + np.arange(count) / LIP_RATE
    right = np.searchsorted(frame_times, times).clip(0, len(frame_times) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(frame_times[left] - times) <= np.abs(frame_times[right] - times)
    return times, (first + np.where(nearer, left, right)).astype(np.int64)


def _median(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import median_filter  # here, because it is slow to import

    smoothed: np.ndarray = median_filter(values, SMOOTHING, mode="nearest")
    return smoothed


def _cut(picture: np.ndarray, square: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (int(edge) for edge in square)
    cut = np.full((max(y1 - y0, 1), max(x1 - x0, 1), 3), BORDER, np.uint8)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        cut[top - y0 : bottom - y0, left - x0 : right - x0] = picture[top:bottom, left:right]
    return cut


def _resized(picture: np.ndarray) -> np.ndarray:
    """(224, 224, 3) uint8, bilinear without antialiasing, as the original does."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(tensor, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return small[0].round().to(torch.uint8).permute(1, 2, 0).numpy()
