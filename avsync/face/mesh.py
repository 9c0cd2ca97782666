"""Face landmarks: cuts an upright square around each face and runs FaceMesh on it.

A region of interest (ROI) is `(cx, cy, side, angle)`: centre and side in picture pixels, angle in radians,
clockwise on the screen. Coordinates are picture pixels with pixel i covering i to i + 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from avsync.face import networks
from avsync.face.detect import Detection

EYE_CORNERS = (33, 263)
"""The outer eye corners, left in the picture first."""

ROI_MARGIN = 1.5
"""Side of the ROI over the larger side of the face's box."""

TOLERANCE = 0.05
"""A ROI is good enough when that of its landmarks differs by at most this: shift and growth over the side."""

CPU_BATCH, GPU_BATCH = 6, 64
"""Crops per run: small batches keep the activations inside a CPU's cache."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Landmarks of n faces."""

    points: np.ndarray
    """(n, 468, 3) float32: x, y in picture pixels; z (depth) in picture pixels too, smaller is nearer."""
    scores: np.ndarray
    """(n,) float32: probability that a face is there and well aligned."""
    rois: np.ndarray
    """(n, 4) float64: the ROIs that the landmarks were found in."""


def roi_from_detection(face: Detection) -> np.ndarray:
    """ROI (4,) of a detected face, upright by its eyes."""
    x0, y0, x1, y1 = face.box
    dx, dy = face.keypoints[1] - face.keypoints[0]
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, ROI_MARGIN * max(x1 - x0, y1 - y0), np.arctan2(dy, dx)])


def rois_from_points(points: np.ndarray) -> np.ndarray:
    """ROIs (n, 4) around landmarks (n, 468, 2 or more)."""
    low, high = points[:, :, :2].min(axis=1), points[:, :, :2].max(axis=1)
    dx, dy = (points[:, EYE_CORNERS[1], :2] - points[:, EYE_CORNERS[0], :2]).T
    side = ROI_MARGIN * (high - low).max(axis=1)
    return np.stack([*((low + high) / 2).T, side, np.arctan2(dy, dx)], axis=1).astype(np.float64)


def landmarks(
    pictures: np.ndarray,
    where: np.ndarray,
    rois: np.ndarray,
    *,
    passes: int = 1,
    tolerance: float = TOLERANCE,
    device: str = "cpu",
) -> Mesh:
    """Landmarks of n faces.

    pictures: (F, H, W, 3) uint8 RGB; where: (n,) index into pictures; rois: (n, 4). With more `passes`, faces
    whose landmarks ask for a ROI that differs by more than `tolerance` are run again with that one.
    """
    points, scores = _run(pictures, where, rois, device)
    rois = rois.copy()
    for _ in range(passes - 1):
        wanted = rois_from_points(points)
        again = np.flatnonzero(~alike(rois, wanted, tolerance) & (scores > 0.1))
        if not len(again):
            break
        rois[again] = wanted[again]
        points[again], scores[again] = _run(pictures, where[again], rois[again], device)
    return Mesh(points, scores, rois)


def alike(rois: np.ndarray, others: np.ndarray, tolerance: float) -> np.ndarray:
    """(n,) bool: whether ROIs (n, 4) shift and grow by at most this share of the side, turn by twice it."""
    change = np.abs(others - rois)[:, :3].max(axis=1) / others[:, 2]
    turn = np.abs((others[:, 3] - rois[:, 3] + np.pi) % (2 * np.pi) - np.pi)
    good: np.ndarray = (change <= tolerance) & (turn <= 2 * tolerance)
    return good


def _run(
    pictures: np.ndarray, where: np.ndarray, rois: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """One pass of the network in batches: points (n, 468, 3) and scores (n,)."""
    network = networks.face_mesh(device)
    batch = CPU_BATCH if device == "cpu" else GPU_BATCH
    size = networks.FaceMesh.size
    points = np.empty((len(rois), 468, 3), np.float32)
    scores = np.empty(len(rois), np.float32)
    for start in range(0, len(rois), batch):
        part = slice(start, start + batch)
        with torch.inference_mode():
            crops = sample_squares(pictures, where[part], rois[part], size, device)
            raw, logits = network(crops)
            scores[part] = torch.sigmoid(logits).cpu().numpy()
        points[part] = _to_picture(raw.cpu().numpy() / size, rois[part])
    return points, scores


def _to_picture(points: np.ndarray, rois: np.ndarray) -> np.ndarray:
    """Points (n, 468, 3) as fractions of their ROI to picture pixels."""
    side, angle = rois[:, 2:3], rois[:, 3:4]
    x, y, z = (points[..., 0] - 0.5) * side, (points[..., 1] - 0.5) * side, points[..., 2] * side
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([rois[:, 0:1] + cos * x - sin * y, rois[:, 1:2] + sin * x + cos * y, z], axis=-1)


def sample_squares(
    pictures: np.ndarray, where: np.ndarray, rois: np.ndarray, size: int, device: str = "cpu"
) -> torch.Tensor:
    """(n, 3, size, size) float32 in [0, 1]: the ROIs, upright, bilinear; black outside the picture.

    Only an axis-aligned window around each ROI is converted to float, and is shrunk first when it is large.
    """
    cos, sin = np.cos(rois[:, 3]), np.sin(rois[:, 3])
    shrink = np.maximum(rois[:, 2] // size, 1).astype(int)
    reach = np.ceil(rois[:, 2] * (np.abs(cos) + np.abs(sin)) / 2 / shrink).astype(int) * shrink + 2 * shrink
    corners = np.round(rois[:, :2]).astype(int) - reach[:, None]
    side = int((2 * reach // shrink).max())
    windows = torch.zeros((len(rois), 3, side, side), dtype=torch.uint8)
    for k in range(len(rois)):
        x, y = corners[k]
        part = window(pictures[where[k]], x, y, 2 * reach[k], shrink[k])
        windows[k, :, : part.shape[1], : part.shape[2]] = part
    scale = rois[:, 2] / shrink / side
    shift = 2 * (rois[:, :2] - corners) / shrink[:, None] / side - 1
    upper = np.stack([scale * cos, -scale * sin, shift[:, 0]], axis=1)
    lower = np.stack([scale * sin, scale * cos, shift[:, 1]], axis=1)
    affine = torch.from_numpy(np.stack([upper, lower], axis=1).astype(np.float32)).to(device)
    grid = F.affine_grid(affine, [len(rois), 3, size, size], align_corners=False)
    images = windows.to(device).float().div_(255.0)
    return F.grid_sample(images, grid, align_corners=False).contiguous(memory_format=torch.channels_last)


def window(
    picture: np.ndarray, x: int, y: int, side: int, shrink: int = 1, *, repeat: bool = False
) -> torch.Tensor:
    """(3, side / shrink, side / shrink) uint8: a square of a picture (H, W, 3), shrunk with antialiasing.

    Outside the picture it is black, or with `repeat` as the picture's border.
    """
    height, width = picture.shape[:2]
    top, bottom = np.clip((y, y + side), 0, height)
    left, right = np.clip((x, x + side), 0, width)
    square = picture[top:bottom, left:right]
    if square.shape[:2] != (side, side) and repeat:
        rows = np.clip(np.arange(y, y + side), 0, height - 1)
        columns = np.clip(np.arange(x, x + side), 0, width - 1)
        square = picture[rows[:, None], columns]
    elif square.shape[:2] != (side, side):
        inside, square = square, np.zeros((side, side, 3), np.uint8)
        square[top - y : bottom - y, left - x : right - x] = inside
    image = torch.from_numpy(np.require(square, requirements=["C", "W"])).permute(2, 0, 1)
    if shrink > 1:
        # bytes are an order of magnitude faster here than floats
        small = (side // shrink, side // shrink)
        image = F.interpolate(image[None], small, mode="bilinear", antialias=True, align_corners=False)[0]
    return image
