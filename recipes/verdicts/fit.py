"""Fit the weights of `avsync.verdicts`: the confidence of words, from transcripts that were tampered with.

    python recipes/verdicts/fit.py --grid CACHE/grid --speech CACHE/speech [--weights FILE]

Each clip is aligned with what was said, with a word put in, with a word replaced, and with a word cut out of
its sound; clean and in noise. A word counts as right when it was said and begins within 50 ms of the truth
(where the times are known). Fitted on training speakers, shown on validation speakers. Prints the constants.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "grid"), str(HERE.parent / "benchmark")]

import corruption
from split import part

from avsync import verdicts, words
from avsync.errors import TextError
from avsync.model import AVSync, Posteriors, load_model, read_model
from avsync.places import prepared
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.text import normalise
from avsync.utterances import Utterance, load_utterance

LIMIT_S = 0.05
"""A word that begins this near to the truth is right, seconds."""
CONDITIONS: tuple[tuple[str, float] | None, ...] = (None, None, ("babble", 15), ("babble", 5), ("white", 10), ("white", 0))


@dataclass(frozen=True, slots=True)
class Trial:
    """A word: what is known of it, and what is true of it."""

    facts: np.ndarray
    right: bool
    said: bool
    group: str
    kind: str
    condition: str
    unsaid: bool
    spread_ms: float
    error_ms: float


def utterances(grid: Path, speech: Path | None, limit: int) -> list[tuple[str, Utterance]]:
    """Clips by group: `validation`, and for training `s1`, `s4`, `few` (all other speakers), `sound only`."""
    found: list[tuple[str, Utterance]] = []
    counts: dict[str, int] = {}
    for path in _drawn(grid.glob("*.npz")):
        speaker = path.stem.partition("-")[0]
        if (where := part(speaker)) not in ("train", "validation"):
            continue
        group = where if where == "validation" else speaker if speaker in ("s1", "s4") else "few"
        counts[group] = counts.get(group, 0) + 1
        if counts[group] <= limit:
            found.append((group, load_utterance(path)))
    for path in _drawn(speech.glob("so-*.npz") if speech else [])[:limit]:
        found.append(("sound only", load_utterance(path)))
    return found


def _drawn(paths) -> list[Path]:
    files = sorted(paths)
    return [files[n] for n in np.random.default_rng(0).permutation(len(files))]


def scores(model: AVSync, waveform: np.ndarray, start: float) -> Posteriors:
    mel = log_mel_tensor(torch.from_numpy(np.ascontiguousarray(waveform, np.float32))[None])[0].numpy()
    return model.speech_posteriors(Mel(mel, start + (np.arange(len(mel)) + 0.5) * HOP / SAMPLE_RATE))


def trials(model, group, clip, sounds, pool, rng, config) -> Iterator[Trial]:
    if not all(word.replace("'", "").isalpha() for word in clip.words):
        return
    for condition in CONDITIONS:
        wave = clip.waveform
        if condition is not None:
            noise = (
                corruption.babble(sounds, len(wave), rng)
                if condition[0] == "babble"
                else rng.normal(0, 1, len(wave))
            )
            wave = corruption.noisy(wave, noise, condition[1])
        whole = scores(model, wave, clip.audio_start)
        texts = {
            "intact": corruption.intact(clip.words),
            "put in": corruption.inserted(clip.words, pool, rng),
            "replaced": corruption.replaced(clip.words, pool, rng),
        }
        cases = [(kind, text, whole, clip.word_times) for kind, text in texts.items()]
        if clip.timed:
            at = int(rng.integers(len(clip.words)))
            a, b = (round((t - clip.audio_start) * SAMPLE_RATE) for t in clip.word_times[at])
            a, b = max(a, 0), min(b, len(wave))
            moved = clip.word_times.copy()
            moved[at + 1 :] -= (b - a) / SAMPLE_RATE
            numbers = [None if n == at else n for n in range(len(clip.words))]
            cut = scores(model, corruption.cut_out(wave, a, b), clip.audio_start)
            cases.append(("cut out", corruption.Text(clip.words, tuple(numbers)), cut, moved))
        for kind, text, heard, times in cases:
            tokens = normalise(" ".join(text.words))
            if len(tokens) != len(text.words):
                continue
            try:
                found = verdicts.search(tokens, prepared(heard.log_probs, config), heard.step, config)
            except TextError:
                continue
            edge = heard.times[0] - heard.step / 2
            for n, source in enumerate(text.source):
                said = source is not None
                error = np.nan
                if said and clip.timed:
                    error = 1000 * (edge + found.places[n].begin * heard.step - times[source, 0])
                right = said and not abs(error) > 1000 * LIMIT_S
                name = "clean" if condition is None else f"{condition[0]} {condition[1]:.0f} dB"
                yield Trial(found.facts[n], right, said, group, kind, name, n in found.unsaid, float(found.spread_ms[n]), error)


def fit(examples: Sequence[Trial]) -> np.ndarray:
    """Weights of a logistic regression; each group of speakers counts as much, training is lightly held to 0."""
    x = np.stack([one.facts for one in examples])
    y = np.array([one.right for one in examples], float)
    groups = [one.group for one in examples]
    weight = np.array([1 / groups.count(group) for group in groups])
    weight /= weight.sum()

    def loss(w):
        z = x @ w
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + 1e-4 * np.square(w[1:]).sum())

    return minimize(loss, np.zeros(x.shape[1])).x


def auroc(values, positive) -> float:
    below = np.sort(values[~positive])
    above = values[positive]
    if not len(below) or not len(above):
        return float("nan")
    return float((np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")).mean() / 2 / len(below))


def ece(p, right, bins=15):
    k = np.minimum((p * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(k, p - right, bins)).sum() / len(p))
