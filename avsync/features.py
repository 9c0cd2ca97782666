"""A lip track on the encoder's 25 Hz grid: what `LipEncoder` reads and what training recipes cache.

Shapes: F frames of the track, T grid steps, P lip points, B batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from avsync.encoders import CROP, LIP_RATE
from avsync.lips import MOUTH_OUTLINE, LipTrack

INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LIP_POINTS = MOUTH_OUTLINE + INNER_LIP
"""FaceMesh landmarks of the landmark stream: outer, then inner contour of the lips."""
RIGID_POINTS = (33, 133, 362, 263, 168, 6, 197, 10, 151, 9, 127, 356, 54, 284)
"""FaceMesh landmarks that speech does not move: eye corners, bridge of the nose, forehead, temples."""
POINT_SCALE = 10.0
"""Lip movements are about a tenth of the distance between the eyes; this brings them to about 1."""
MARGIN = 10
"""Pixels dropped on each side of the 96-pixel crop before it is reduced for the network."""
REACH = 0.06
"""Seconds: a grid step further than this from every frame counts as not found."""
USUAL_GAP = 0.25
"""Share of the pictures of a track that are shown for no longer than the usual time of one."""


@dataclass(frozen=True, slots=True)
class LipGrid:
    """A lip track resampled on its times to 25 steps a second."""

    mouths: np.ndarray
    """(T, 96, 96) uint8 grey; zeros where not found."""
    points: np.ndarray
    """(T, P, 2) float32, `LIP_POINTS` in the face's own frame, the mean of the clip removed; unit: a tenth of
    the distance between the outer eye corners; zeros where not found."""
    found: np.ndarray
    """(T,) bool."""
    times: np.ndarray
    """(T,) float64 seconds, 40 ms apart from the track's first frame on."""


def on_grid(track: LipTrack) -> LipGrid:
    """Resample a track of at least one frame to the encoder's rate.

    Crops and points are blended between the frames on both sides of a step; where only one of them shows the
    mouth, it stands in alone. A 25 fps track with regular times passes through unchanged while the mouth is
    found; pictures of other rates stand for more or less time (`shown_earlier`).
    """
    frames, found = track.times - shown_earlier(track.times), track.found
    steps = round((frames[-1] - frames[0]) * LIP_RATE) + 1
    times = track.times[0] + np.arange(steps) / LIP_RATE
    right = np.searchsorted(frames, times).clip(1, max(len(frames) - 1, 1)).clip(0, len(frames) - 1)
    left = np.maximum(right - 1, 0)
    gap = np.maximum(frames[right] - frames[left], 1e-9)
    share = ((times - frames[left]) / gap).clip(0, 1)
    share = np.where(share < 0.03, 0.0, np.where(share > 0.97, 1.0, share)).astype(np.float32)
    between = (share > 0) & (share < 1)
    share = np.where(between & found[left] & ~found[right], 0.0, share)
    share = np.where(between & ~found[left] & found[right], 1.0, share)
    nearest = np.where(share < 0.5, left, right)
    here = found[nearest] & (np.abs(frames[nearest] - times) <= REACH)
    mouths = _blend(track.mouths, left, right, share, here)
    points = _face_frame(track)
    points = (1 - share)[:, None, None] * points[left] + share[:, None, None] * points[right]
    return LipGrid(mouths, np.where(here[:, None, None], points, 0.0).astype(np.float32), here, times)


def shown_earlier(times: np.ndarray) -> float:
    """Seconds by which the middle of the time that a picture is shown comes earlier than at 25 a second.

    `times`: (F,) seconds, rising. That middle is what a picture counts for (recipes/benchmark, zero point),
    and 25 a second is what the networks learnt from: 0.01 at 50 a second, -0.013 at 15. Where some pictures
    were left out, those tell whose neighbours are there (`USUAL_GAP`).
    """
    shown = float(np.quantile(np.diff(times), USUAL_GAP)) if len(times) > 1 else 1 / LIP_RATE
    return (1 / LIP_RATE - shown) / 2


def _blend(
    mouths: np.ndarray, left: np.ndarray, right: np.ndarray, share: np.ndarray, here: np.ndarray
) -> np.ndarray:
    """(T, 96, 96) uint8 crops between frames `left` and `right` (T,); zeros where not `here`."""
    blended = np.zeros((len(left), *mouths.shape[1:]), np.uint8)
    for step in np.flatnonzero(here):
        weight = float(share[step])
        if weight in (0.0, 1.0):
            blended[step] = mouths[left[step] if weight == 0.0 else right[step]]
        else:
            mixed = (1 - weight) * mouths[left[step]].astype(np.float32) + weight * mouths[right[step]]
            blended[step] = np.rint(mixed)
    return blended


def _face_frame(track: LipTrack) -> np.ndarray:
    """(F, P, 2) float64 lip points, each frame's rigid points laid onto their mean by a similarity.

    Zeros where not found. Frames are brought to the distance between the eyes first, so that all count alike.
    """
    points = np.zeros((len(track.times), len(LIP_POINTS), 2))
    if not track.found.any():
        return points
    plane = track.landmarks[track.found].astype(np.float64) @ np.array([1.0, 1j])
    eyes = plane[:, [33, 263]]
    plane = (plane - eyes.mean(1, keepdims=True)) / (eyes[:, 1:] - eyes[:, :1])
    rigid = plane[:, list(RIGID_POINTS)]
    template = rigid.mean(0)
    centre = rigid.mean(1, keepdims=True)
    spread, goal = rigid - centre, template - template.mean()
    turn = (np.conj(spread) * goal).sum(1, keepdims=True) / (np.abs(spread) ** 2).sum(1, keepdims=True)
    lips = (plane[:, list(LIP_POINTS)] - centre) * turn
    lips = (lips - lips.mean(0)) * POINT_SCALE
    points[track.found] = np.stack((lips.real, lips.imag), -1).clip(-8, 8)
    return points


def reduce_mouths(mouths_BTHW: torch.Tensor) -> torch.Tensor:
    """(B, T, 96, 96) grey 0..255 -> (B, T, 48, 48) float32: the crops' middle, reduced with antialiasing."""
    inner = mouths_BTHW[..., MARGIN:-MARGIN, MARGIN:-MARGIN].float()
    small = functional.interpolate(
        inner.flatten(0, 1)[:, None], size=(CROP, CROP), mode="bilinear", antialias=True
    )
    return small.reshape(*mouths_BTHW.shape[:2], CROP, CROP)


def standardise(mouth_BTHW: torch.Tensor, found_BT: torch.Tensor) -> torch.Tensor:
    """(B, T, H, W) grey 0..255 to zero mean and about unit variance over the found crops of each clip.

    Crops that were not found become zero. Four grey levels are added to the standard deviation, so that
    noise on a flat picture is not blown up.
    """
    found = found_BT[..., None, None].to(mouth_BTHW.dtype)
    pixels = mouth_BTHW.shape[2] * mouth_BTHW.shape[3]
    count = (found.sum((1, 2, 3), keepdim=True) * pixels).clamp(min=1)
    mean = (mouth_BTHW * found).sum((1, 2, 3), keepdim=True) / count
    variance = ((mouth_BTHW - mean).square() * found).sum((1, 2, 3), keepdim=True) / count
    return (mouth_BTHW - mean) / (variance.sqrt() + 4.0) * found
