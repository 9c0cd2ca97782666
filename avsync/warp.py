"""Smooth warps of a picture: where each pixel comes from, and what stands there.

Shapes: H W the picture, h w a box of it, N control points, 2 = x, y in pixels of the picture.
"""

from functools import cache

import numpy as np
import torch

GRID = 3
"""A bend is worked out at every third pixel and interpolated in between."""
UNIT = np.float32(50.0)
"""Pixels that the spline takes for one, so that its numbers stay near one."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are outside."""


class Spline:
    """Thin-plate splines over a box: from some points and where they came from to where every pixel came
    from.
    """

    def __init__(self, box: Box) -> None:
        left, top, right, bottom = box
        grid_y, grid_x = np.mgrid[top : bottom + GRID : GRID, left : right + GRID : GRID]
        self.shape = grid_x.shape
        self.grid = np.stack([grid_x.ravel(), grid_y.ravel()], 1).astype(np.float32)

    def __call__(self, now: np.ndarray, before: np.ndarray) -> np.ndarray:
        """(h, w, 2) float32: from each `GRID`-th pixel to its origin, for points (N, 2) `now` that were
        `before`.
        """
        count = len(now)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(now, now)
        # A trace of slack: points that meet (closed lips) must not blow the spline up.
        system[range(count), range(count)] += 0.004
        system[:count, count] = system[count, :count] = 1.0
        system[:count, count + 1 :], system[count + 1 :, :count] = now / UNIT, now.T / UNIT
        wanted = np.zeros((count + 3, 2))
        wanted[:count] = before - now
        weights = np.linalg.solve(system, wanted).astype(np.float32)
        bend = _kernel(self.grid, now.astype(np.float32)) @ weights[:count]
        bend += weights[count] + (self.grid / UNIT) @ weights[count + 1 :]
        return bend.reshape(*self.shape, 2)


def _kernel(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """r^2 log r^2 between all pairs, r in units of `UNIT`; (N, M)."""
    # A product of matrices gives squared distances fast; around the origin it loses no digits that count.
    centre = there.mean(0)
    here, there = (here - centre) / UNIT, (there - centre) / UNIT
    squared = (here**2).sum(1)[:, None] + (there**2).sum(1)[None] - 2.0 * (here @ there.T)
    np.maximum(squared, 1e-9, out=squared)
    result: np.ndarray = squared * np.log(squared)
    return result


@cache
def pixels(box: Box) -> np.ndarray:
    """(h, w, 2) float32: x, y of each pixel of a box."""
    left, top, right, bottom = box
    grid_y, grid_x = np.mgrid[top:bottom, left:right].astype(np.float32)
    return np.stack([grid_x, grid_y], -1)


@cache
def border_fade(box: Box) -> np.ndarray:
    """1 inside a box, falling to 0 over the 16 pixels before its border, so that the warp leaves no edge."""
    left, top, right, bottom = box
    x = np.minimum(np.arange(right - left), np.arange(right - left)[::-1])
    y = np.minimum(np.arange(bottom - top), np.arange(bottom - top)[::-1])
    fade: np.ndarray = np.clip(np.minimum(x[None], y[:, None]) / 16.0, 0.0, 1.0)
    return fade


def enlarge(coarse: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear interpolation of (h, w, 2) values at every GRID-th pixel to every pixel."""
    values = torch.from_numpy(coarse).permute(2, 0, 1)[None]
    y = torch.arange(height, dtype=torch.float32) / GRID * 2 / (coarse.shape[0] - 1) - 1
    x = torch.arange(width, dtype=torch.float32) / GRID * 2 / (coarse.shape[1] - 1) - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    fine = torch.nn.functional.grid_sample(values, grid, padding_mode="border", align_corners=True)
    result: np.ndarray = fine[0].permute(1, 2, 0).numpy()
    return result


def sample(picture: torch.Tensor, origins: np.ndarray) -> torch.Tensor:
    """The picture (1, 3, H, W) at pixels `origins` (h, w, 2); (1, 3, h, w)."""
    scale = np.array([2.0 / (picture.shape[3] - 1), 2.0 / (picture.shape[2] - 1)], np.float32)
    grid = torch.from_numpy((origins * scale - 1.0).astype(np.float32, copy=False))[None]
    return torch.nn.functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)
