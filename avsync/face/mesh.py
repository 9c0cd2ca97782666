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

SETTLED = 0.08
"""A ROI is settled when the one from its landmarks differs by at most this: centre and side over side, radians."""

CPU_BATCH, GPU_BATCH = 6, 64
"""Crops per run: small batches keep the activations inside a CPU's cache."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Landmarks of n faces."""

    points: np.ndarray
    """(n, 468, 3) float32: x, y in picture pixels; z (depth) in picture pixels too, smaller is nearer."""
    scores: np.ndarray
    """(n,) float32: probability that a face is there and well aligned."""


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
    pictures: np.ndarray, where: np.ndarray, rois: np.ndarray, *, passes: int = 1, device: str = "cpu"
) -> Mesh:
    """Landmarks of n faces.

    pictures: (F, H, W, 3) uint8 RGB; where: (n,) index into pictures; rois: (n, 4). With more `passes`, a face whose
    landmarks ask for a clearly different ROI is run again with that one.
    """
    mesh = _run(pictures, where, rois, device)
    points, scores = mesh.points, mesh.scores
    for _ in range(passes - 1):
        wanted = rois_from_points(points)
        again = np.flatnonzero(~settled(rois, wanted) & (scores > 0.1))
        if not len(again):
            break
        rois = rois.copy()
        rois[again] = wanted[again]
        mesh = _run(pictures, where[again], rois[again], device)
        points[again], scores[again] = mesh.points, mesh.scores
    return Mesh(points, scores)


def settled(rois: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the ROIs (n, 4) are as good as the wanted ones (n, 4)."""
    change = np.abs(wanted - rois) / wanted[:, 2:3]
    turn = np.abs((wanted[:, 3] - rois[:, 3] + np.pi) % (2 * np.pi) - np.pi)
    return (change[:, :3].max(axis=1) <= SETTLED) & (turn <= 2 * SETTLED)


def _run(pictures: np.ndarray, where: np.ndarray, rois: np.ndarray, device: str) -> Mesh:
    """One pass of the network in batches."""
    network = networks.load("mesh", device)
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
    return Mesh(points, scores)


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

    Only an axis-aligned window around each ROI is converted to float, and shrunk by area first when it is large.
    """
    cos, sin = np.cos(rois[:, 3]), np.sin(rois[:, 3])
    reach = int(np.ceil((rois[:, 2] * (np.abs(cos) + np.abs(sin))).max() / 2)) + 2
    shrink = max(int(rois[:, 2].min() / size), 1)
    reach = -(-reach // shrink) * shrink
    corners = np.round(rois[:, :2]).astype(int) - reach
    windows = torch.from_numpy(_windows(pictures, where, corners, 2 * reach)).to(device)
    images = windows.permute(0, 3, 1, 2).float().div_(255.0)
    if shrink > 1:
        images = F.avg_pool2d(images, shrink)
    scale = rois[:, 2] / (2 * reach)
    shift = (rois[:, :2] - corners) / reach - 1
    rows = [np.stack([scale * cos, -scale * sin, shift[:, 0]], 1), np.stack([scale * sin, scale * cos, shift[:, 1]], 1)]
    affine = torch.from_numpy(np.stack(rows, axis=1).astype(np.float32)).to(device)
    grid = F.affine_grid(affine, [len(rois), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).contiguous(memory_format=torch.channels_last)


def _windows(pictures: np.ndarray, where: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """(n, side, side, 3) uint8 squares with top left corner `corners` (n, 2); black outside the picture."""
    height, width = pictures.shape[1:3]
    windows = np.zeros((len(where), side, side, 3), np.uint8)
    for window, index, (x, y) in zip(windows, where, corners, strict=True):
        top, left = max(y, 0), max(x, 0)
        bottom, right = min(y + side, height), min(x + side, width)
        if bottom > top and right > left:
            window[top - y : bottom - y, left - x : right - x] = pictures[index][top:bottom, left:right]
    return windows
