"""Stereo whose channels are of opposite phase: mixed to mono as it is, it would be silent.

It comes from balanced microphones on a stereo input and from wires that were exchanged, and players with two
loudspeakers let it be heard.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

OPPOSED_SHARE = 0.05
"""Channels are opposed where half their sum has less than this share of the power of half their difference:
where the mix would lose 13 dB and more. Two microphones in a room are far from it."""
LISTEN_SECONDS = 1.0
"""So much audible sound tells; the loudest of it counts most."""
AUDIBLE = 1e-5
"""Mean square that counts as audible: 50 dB under a full-scale square wave."""
PATIENCE_SECONDS = 30.0
"""At most so much is decoded beforehand where the beginning is silent."""
CHANNELS = 2


def told(frames: Iterable[av.AudioFrame]) -> tuple[bool, Iterator[av.AudioFrame]]:
    """Whether left and right of a sound are opposed, by its beginning, and all its frames again."""
    coming = iter(frames)
    held: list[av.AudioFrame] = []
    mixed = apart = audible = waited = 0.0
    for frame in coming:
        held.append(frame)
        if not frame.samples:
            continue
        if not is_stereo(frame) or frame.sample_rate <= 0:
            break
        seconds = frame.samples / frame.sample_rate
        with np.errstate(all="ignore"):  # damaged floats may be anything: then nothing is told
            left, right = _scaled(frame)
            mixed += float(np.square(left + right).mean()) / 4 * seconds
            apart += float(np.square(left - right).mean()) / 4 * seconds
            if np.square(left).mean() + np.square(right).mean() > 2 * AUDIBLE:
                audible += seconds
        waited += seconds
        if audible >= LISTEN_SECONDS or waited >= PATIENCE_SECONDS:
            break
    return mixed < OPPOSED_SHARE * apart, chain(held, coming)


def is_stereo(frame: av.AudioFrame) -> bool:
    """Whether a frame has two channels."""
    return frame.layout.nb_channels == CHANNELS


def _scaled(frame: av.AudioFrame) -> NDArray[np.float64]:
    """(2, N) float64 of a stereo frame, without its mean; full scale is about 1."""
    values: NDArray[Any] = frame.to_ndarray()
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
    samples = values if frame.format.is_planar else values.reshape(-1, CHANNELS).T
    return np.asarray((samples - samples.mean(axis=1, keepdims=True)) / full, np.float64)
