"""What the lips add to what is heard: phone scores of both on the sound's clock.

Shapes: T and N steps of phone scores (10 ms), V units.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from avsync.alignconfig import AlignConfig
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.retime import Retiming
from avsync.verdicts import clearness

CLEAR = (-0.7, -0.5)
"""`verdicts.clearness` of the least clear voices without noise (GRID), and of voices that are heard well:
below the first lips count in full, beside the second not at all."""
FITS = (6.0, 8.0)
"""`verdicts.agreement` of a text and the sound in which it was searched: where others speak as loudly as who
says it, and where it is heard well. Clearness does not tell these two: other voices are as clear."""
READS = (2.5, 5.0)
"""`verdicts.agreement` of a text and lips that say little, and of lips that can be read. The lips of GRID's
validation speakers have 6.6 to 8.0 and are 55 ms off alone, those of six web clips 0.1 to 2.0 and 231 ms."""


class Weights(NamedTuple):
    """What the log-scores of both are multiplied by before they are added."""

    sound: float
    lips: float


def need_of_lips(sound: Posteriors, config: AlignConfig) -> float:
    """How much a sound needs the lips beside it, 0 (speech is clear) to 1."""
    return float(np.interp(clearness(prepared(sound.log_probs, config)), CLEAR, (1.0, 0.0)))


def weigh(need: float, heard: float, seen: float, config: AlignConfig) -> Weights:
    """How much sound and lips count, where the sound needs the lips by `need`.

    `heard`, `seen`: agreement of the text with the sound alone and with the lips alone. The less the sound
    agrees, the less it counts and the more the lips, but these only as far as they agree themselves.
    """
    sound = float(np.interp(heard, FITS, (config.noisy_sound_weight, config.sound_weight)))
    lips = float(np.interp(heard, FITS, (config.noisy_lip_weight, config.lip_weight)))
    read = float(np.interp(seen, READS, (0.0, 1.0)))
    sound = config.sound_weight + read * (sound - config.sound_weight)
    lips = config.vague_lip_weight + read * (lips - config.vague_lip_weight)
    return Weights(1.0 + need * (sound - 1.0), need * lips)


def fuse(sound: Posteriors, lips: Posteriors, clocks: Retiming, weights: Weights) -> Posteriors:
    """The weighted scores of both, on the sound's clock.

    `clocks` says when what is heard is seen. Where the lips have no scores, the sound's stand alone.
    """
    at = clocks.seen_at(sound.times)
    known = ((at >= lips.times[0] - lips.step / 2) & (at <= lips.times[-1] + lips.step / 2))[:, None]
    both = np.float32(weights.sound) * sound.log_probs + np.float32(weights.lips) * _read(lips, at)
    share = weights.lips / (weights.sound + weights.lips)
    return dataclasses.replace(
        sound, log_probs=_normalised(np.where(known, both, sound.log_probs)), lip_share=share
    )


def _normalised(scores_TV: np.ndarray) -> np.ndarray:
    """Log-probabilities of scores known up to a constant for each step."""
    log_probs = scores_TV - np.logaddexp.reduce(scores_TV, axis=1, keepdims=True)
    return np.asarray(log_probs, np.float32)


def _read(scores: Posteriors, at: np.ndarray) -> np.ndarray:
    """(N, V) scores at times (N,), drawn straight between two steps; the nearest beyond both ends."""
    right = np.searchsorted(scores.times, at).clip(1, max(len(scores.times) - 1, 1))
    left = right - 1
    right = right.clip(0, len(scores.times) - 1)
    gap = np.maximum(scores.times[right] - scores.times[left], 1e-9)
    share = ((at - scores.times[left]) / gap).clip(0, 1)[:, None].astype(np.float32)
    drawn: np.ndarray = (1 - share) * scores.log_probs[left] + share * scores.log_probs[right]
    return drawn


def on_sound(lips: Posteriors, clocks: Retiming) -> Posteriors:
    """Scores of the lips on the sound's clock."""
    if clocks.constant is not None:
        return dataclasses.replace(lips, times=lips.times - clocks.constant)
    begin, end = clocks.heard_at(lips.times[[0, -1]])
    times = begin + np.arange(round((end - begin) / lips.step) + 1) * lips.step
    return dataclasses.replace(lips, times=times, log_probs=_read(lips, clocks.seen_at(times)))
