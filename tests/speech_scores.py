"""Phone scores of made-up speech whose word times are known."""

import numpy as np

from avsync.durations import USUAL
from avsync.posteriors import Posteriors
from avsync.pronounce import UNITS, pronounce


def spoken(
    text: str, pauses: dict[int, float], *, clearness: float, seed: int = 0
) -> tuple[Posteriors, list[tuple[float, float]]]:
    """Scores of `text` (words of the dictionary), and the (start, end) of each word in seconds.

    `pauses`: seconds of silence before word n. What is said scores `clearness` above noise of deviation 1.
    """
    rng = np.random.default_rng(seed)
    labels: list[int] = []
    truth = []
    words = text.lower().split()
    for index in range(len(words) + 1):
        labels += [0] * round(pauses.get(index, 0.0) * 100)
        if index == len(words):
            break
        start = len(labels)
        for phone in pronounce(words[index])[0]:
            usual = 9 * np.exp(USUAL[phone][0] + rng.normal(0, 0.5 * USUAL[phone][1]))
            labels += [UNITS.index(phone)] * max(4, round(usual))
        truth.append((start / 100, len(labels) / 100))
    score = rng.normal(0, 1, (len(labels), len(UNITS)))
    score[np.arange(len(labels)), labels] += clearness
    log_probs = (score - np.logaddexp.reduce(score, axis=1, keepdims=True)).astype(np.float32)
    return Posteriors(log_probs, np.arange(len(labels)) * 0.01 + 0.005, 0.01), truth
