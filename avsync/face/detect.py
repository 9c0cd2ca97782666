"""Finds faces in pictures with the two BlazeFace networks.

The full-range network sees faces of about 6 % of the picture's longer side and more, the short-range network
adds the close-ups that the other misses. Overlapping tiles go down to about 24 pixels and cost more.
Coordinates are picture pixels with pixel i covering i to i + 1.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.face import networks

TILE = 480
"""Side of a search tile in picture pixels; tiles overlap by half."""

NMS_IOU = 0.3
"""Boxes that overlap at least this much show the same face."""


SAME_FACE_SHARE = 0.3
"""A short-range box that shares this much of the smaller area with a full-range box shows the same face."""

POSITIONS = (0, 2, 3, 4, 5, 6, 7)
"""Which of a candidate's eight pairs are places: centre and keypoints; pair 1 is width and height."""

_Detector = networks.ShortRangeDetector | networks.FullRangeDetector


@dataclass(frozen=True, slots=True)
class Detection:
    """One face in one picture."""

    box: np.ndarray
    """(4,) float64: x0, y0, x1, y1 in picture pixels."""
    keypoints: np.ndarray
    """(6, 2) float64: the two eyes (left in the picture first), nose tip, mouth, two ears."""
    score: float
    """0 to 1."""


def detect(
    pictures: np.ndarray, *, threshold: float = 0.5, tiles: bool = False, device: str = "cpu"
) -> list[list[Detection]]:
    """Faces of each picture, of each network the best score first.

    pictures: (n, H, W, 3) uint8 RGB. With `tiles`, a picture in which nothing is found is searched again in
    overlapping tiles, which finds small faces.
    """
    full = [_merge(found) for found in _run(networks.full_range(device), pictures, threshold, device)]
    short = [_merge(found) for found in _run(networks.short_range(device), pictures, threshold, device)]
    merged = [faces + _not_among(faces, more) for faces, more in zip(full, short, strict=True)]
    if tiles and max(pictures.shape[1:3], default=0) > TILE:
        merged = [
            faces or _merge(_search_tiles(picture, threshold, device))
            for faces, picture in zip(merged, pictures, strict=True)
        ]
    return merged


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with each of `boxes` (n, 4)."""
    shared = _shared(box, boxes)
    areas = _area(boxes) + _area(box) - shared
    ratio: np.ndarray = shared / np.maximum(areas, 1e-9)
    return ratio


def _shared(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Area that one box (4,) shares with each of `boxes` (n, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    area: np.ndarray = np.prod(np.maximum(high - low, 0.0), axis=1)
    return area


def _area(boxes: np.ndarray) -> np.ndarray:
    """Areas (...) of boxes (..., 4)."""
    area: np.ndarray = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return area


def _not_among(faces: list[Detection], more: list[Detection]) -> list[Detection]:
    """Those of the short-range network's faces that the more exact full-range network did not see."""
    boxes = np.array([face.box for face in faces]).reshape(-1, 4)
    return [
        face
        for face in more
        if (_shared(face.box, boxes) < SAME_FACE_SHARE * np.minimum(_area(boxes), _area(face.box))).all()
    ]


@cache
def _anchors(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(N, 2) anchor centres as fractions of the input, row by row."""
    centres = []
    for cells, repeats in grids:
        steps = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(steps, steps, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), repeats, axis=0))
    return np.concatenate(centres)


def _letterbox(pictures: np.ndarray, size: int) -> tuple[Tensor, float]:
    """(n, 3, size, size) uint8, the picture at the top left and black around; picture pixels per pixel."""
    height, width = pictures.shape[1:3]
    scale = max(height, width) / size
    rows, columns = max(round(height / scale), 1), max(round(width / scale), 1)
    small = [
        F.interpolate(
            torch.from_numpy(np.require(picture, requirements=["C", "W"])).permute(2, 0, 1)[None],
            (rows, columns),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        for picture in pictures
    ]
    return F.pad(torch.cat(small), (0, size - columns, 0, size - rows)), scale


def _run(network: _Detector, pictures: np.ndarray, threshold: float, device: str) -> list[np.ndarray]:
    """Candidates (k, 17) of each picture: centre, size and six keypoints (x, y) in picture pixels, score."""
    anchors = _anchors(network.grids) * network.size
    results = []
    for start in range(0, len(pictures), 8):
        images, scale = _letterbox(pictures[start : start + 8], network.size)
        with torch.inference_mode():
            batch = images.to(device).float().div_(127.5).sub_(1.0)
            boxes, logits = network(batch.contiguous(memory_format=torch.channels_last))
            scores = torch.sigmoid(logits.clamp(-100, 100))
        for values, score in zip(boxes.double().cpu().numpy(), scores.double().cpu().numpy(), strict=True):
            keep = score >= threshold
            points = values[keep].reshape(-1, 8, 2)
            points[:, POSITIONS] += anchors[keep, None]
            results.append(np.concatenate([points.reshape(-1, 16) * scale, score[keep, None]], axis=1))
    return results


def _search_tiles(picture: np.ndarray, threshold: float, device: str) -> np.ndarray:
    """Candidates (k, 17) of the full-range network on overlapping tiles of one picture."""
    height, width = picture.shape[:2]
    step = TILE // 2
    origins = [
        (x, y) for y in range(0, max(height - step, 1), step) for x in range(0, max(width - step, 1), step)
    ]
    crops = np.zeros((len(origins), TILE, TILE, 3), np.uint8)
    for crop, (x, y) in zip(crops, origins, strict=True):
        part = picture[y : y + TILE, x : x + TILE]
        crop[: part.shape[0], : part.shape[1]] = part
    candidates = _run(networks.full_range(device), crops, threshold, device)
    for values, origin in zip(candidates, origins, strict=True):
        values[:, :16].reshape(-1, 8, 2)[:, POSITIONS] += origin
    return np.concatenate(candidates)


def _merge(candidates: np.ndarray) -> list[Detection]:
    """Weighted non-maximum suppression: boxes of one face are averaged with their scores as weights."""
    centre, size = candidates[:, 0:2], candidates[:, 2:4]
    corners = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    left = np.argsort(-candidates[:, 16], kind="stable")
    faces = []
    while len(left):
        same = overlap(corners[left[0]], corners[left]) >= NMS_IOU
        same[0] = True  # even a degenerate box overlaps itself
        group = left[same]
        weights = candidates[group, 16] / candidates[group, 16].sum()
        faces.append(
            Detection(
                box=weights @ corners[group],
                keypoints=(weights @ candidates[group, 4:16]).reshape(6, 2),
                score=float(candidates[left[0], 16]),
            )
        )
        left = left[~same]
    return faces
