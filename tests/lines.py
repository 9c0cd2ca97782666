"""An offset that changes over time, as it is measured: the truth of tests of what is made of it."""

import numpy as np

from avsync.offset import Offset
from avsync.timeline import Curve, Jump, Piece, Timeline

LAGS = np.arange(-1000.0, 1001.0, 10.0)
CURVE = Curve(np.array([2.0, 4.0, 12.0]), np.array([30.0, 31.0, 400.0]), np.array([1.0, 0.9, 0.2]))


def constant(ms: float = 30.0, curve: Curve = CURVE) -> Timeline:
    return Timeline(curve, (Piece(0.0, 20.0, ms, 4.0, 20.0),), (), 0.0, 0.0, 20.0)


def changing(ppm: float = 500.0) -> Timeline:
    """30 ms at 0 s, drifting, and higher by 160 ms from 8 s on."""
    before, after = 30 + ppm * 0.008, 190 + ppm * 0.008
    pieces = (Piece(0.0, 8.0, 30 + ppm * 0.004, 3.0, 8.0), Piece(8.0, 20.0, 190 + ppm * 0.014, 4.0, 12.0))
    return Timeline(CURVE, pieces, (Jump(8.0, 7.9, 8.1, before, after),), ppm, ppm, 25.0)


def measured(line: Timeline | None) -> Offset:
    """The Offset of a line."""
    ms = 30.0 if line is None else float(line.offset_at(line.reference))
    scores = np.exp(-(((LAGS - ms) / 60) ** 2))
    return Offset(ms, (ms - 9, ms + 9), 0.97, "in_sync", None, None, LAGS, scores, (), line=line)
