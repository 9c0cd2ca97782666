"""Phone scores over time, as the lip and speech networks give them.

Shapes: T steps, V phone units (`text.UNITS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Posteriors:
    """Phone scores over time."""

    log_probs: np.ndarray
    """(T, V) float32, log-softmax over `text.UNITS`."""
    times: np.ndarray
    """(T,) float64 seconds, the centre of each step."""
    step: float
    """Seconds between two steps."""
    late_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By how much edges come late with these scores on speakers that were held out, seconds, negative for
    early: word starts behind a pause, starts behind a word, ends before a pause. `words` takes it off."""
    lip_share: float = 0.0
    """How much of them the lips tell, 0 (the sound alone) to 1 (the lips alone). Scores of lips are as sharp
    as a sound's and wrong far more often."""

    @property
    def seen(self) -> bool:
        """Whether lips alone gave them."""
        return self.lip_share == 1.0


def mean_posteriors(heard: Sequence[Posteriors]) -> Posteriors:
    """The mean of the log-probabilities of several, on the clock of the first, normalised."""
    mean = np.mean([scores.log_probs for scores in heard], axis=0)
    mean -= np.logaddexp.reduce(mean, axis=1, keepdims=True)
    return replace(heard[0], log_probs=mean.astype(np.float32))
