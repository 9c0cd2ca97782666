"""Finds cuts: pictures that differ from the one before far more than their neighbours do."""

from dataclasses import dataclass, field

import numpy as np

CHANGE = 14.0
"""A cut changes the green of the picture by at least this in the mean, of 255."""

RATIO = 3.5
"""A cut changes the picture by at least this many times the usual change around it."""

GRID = 48
"""Lines and columns that are compared, about."""


@dataclass(slots=True)
class ShotFinder:
    """Finds the first pictures of shots; call `cuts` with consecutive chunks of one video.

    It is quick to see a cut, since a false one only costs a fresh look for faces.
    """

    _last: np.ndarray | None = None
    _changes: list[float] = field(default_factory=list)

    def cuts(self, pictures: np.ndarray) -> set[int]:
        """Positions in the chunk (n, H, W, 3) at which a shot begins; a video's first picture is one."""
        rows, columns = (max(side // GRID, 1) for side in pictures.shape[1:3])
        thumbnails = pictures[:, ::rows, ::columns, 1].astype(np.float32)
        before = thumbnails[:1] if self._last is None else self._last[None]
        changes = np.abs(np.diff(np.concatenate([before, thumbnails]), axis=0)).mean(axis=(1, 2)).tolist()
        found = {0} if self._last is None else set()
        for position, change in enumerate(changes):
            around = self._changes + changes[:position] + changes[position + 1 :]
            if change >= max(CHANGE, RATIO * float(np.median(around or [0.0]))):
                found.add(position)
        self._last = thumbnails[-1]
        self._changes = (self._changes + changes)[-12:]
        return found
