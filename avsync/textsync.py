"""How well a text, once its words are found in the sound, fits the lips at each lag: a second opinion on the
offset, by the phones of the lips instead of the vectors that `offset` compares (the same encoder makes both).

    alignment = avsync.align("talk.mp4", text, modality="audio")
    scores = text_scores(alignment.words, lips, lags_ms)    # lips: `AVSync.lip_posteriors`
    ms = lagscores.peak(scores, lags_ms)

Shapes: T steps of the lips' phone scores (10 ms), K lags, V units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avsync.alignment import Word
from avsync.errors import TextError
from avsync.posteriors import Posteriors
from avsync.pronounce import UNITS

HIGHEST = 4.0
"""No step speaks for or against a lag by more, nats: the lips are often sure of what is not said."""
RARE = 1e-3
"""Added to how often the lips show a phone."""


def text_scores(words: Sequence[Word], lips: Posteriors, lags_ms: np.ndarray) -> np.ndarray:
    """(K,) how well the lips show at t what is heard at `t - lag / 1000`: the mean over their steps of the
    log-likelihood ratio of that phone against what they show on the whole. Positive lags: the audio leads.

    `words`: found by ear, with phones on the sound's clock; found on these lips, they would say again what
    they were found by; what lies between and around them counts as silence. Errors: TextError when no word
    has phones.
    """
    heard = [phone for word in words for phone in word.phones if phone.unit in UNITS]
    if not heard:
        raise TextError("None of the words has phones. Give words that were found by ear.")
    code = {unit: number for number, unit in enumerate(UNITS)}
    units = np.array([0, *(code[phone.unit] for phone in heard)])
    starts = np.array([phone.start for phone in heard])
    ends = np.array([phone.end for phone in heard])
    usual = np.log(np.exp(lips.log_probs).mean(axis=0) + RARE)
    ratio = (lips.log_probs - usual).clip(-HIGHEST, HIGHEST)
    scores = np.empty(len(lags_ms))
    steps = np.arange(len(lips.times))
    for number, lag_ms in enumerate(lags_ms):
        time = lips.times - lag_ms / 1000
        index = np.searchsorted(starts, time, side="right") - 1
        inside = (index >= 0) & (time < ends[index])
        scores[number] = ratio[steps, units[np.where(inside, index + 1, 0)]].mean()
    return scores
