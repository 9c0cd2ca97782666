"""Phone times for training: rough ones to begin with, then the model's own, held to the known words.

Shapes: T frames of 10 ms, V phone units, L phones, W words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from avsync.durations import refine, segments
from avsync.errors import TextError
from avsync.lattice import Lattice, build
from avsync.paths import best_path
from avsync.posteriors import Posteriors, mean_posteriors
from avsync.pronounce import UNITS, pronounce
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.text import Token, normalise
from avsync.utterances import PhoneTimes, Utterance

SLACK = 0.02
"""Seconds around a known word boundary in which the phones of both sides may stand."""
ROUGH_SLACK = 0.06
"""The same where word times are rough."""
FORBIDDEN = np.float32(-40.0)
"""Log-score of a unit where the known words rule it out."""
MINIMUM = 2
"""Frames that a phone lasts at least."""
WEIGHT = 2.0
"""Of usual durations beside the scores."""
REACH = 15
"""Frames by which usual durations move an edge at most."""
SILENCE_PENALTY = np.float32(2.0)
"""Taken from the log-score of silence in every frame where the words are not known: silence is also the
blank of CTC, which likes to stand inside words."""


PAUSE = 0.015
"""Seconds between two phones from which on there is a pause."""
EDGE = 0.08
"""Seconds by which `settle` moves the edge of a phone against a pause at most."""


class Listener(Protocol):
    """What gives phone scores of a sound: `AVSync`, `PhoneModel`, or several of them."""

    def speech_posteriors(self, mel: Mel) -> Posteriors:
        """Phone scores each 10 ms."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Listeners that are asked together: where they err apart, the mean errs less."""

    listeners: tuple[Listener, ...]

    def speech_posteriors(self, mel: Mel) -> Posteriors:
        """The mean of their log-probabilities, normalised."""
        return mean_posteriors([listener.speech_posteriors(mel) for listener in self.listeners])


def rough(utterance: Utterance) -> Utterance:
    """First phone times: each word's time is split evenly among the phones of its first pronunciation.

    Without word times the whole sound is split among the phones of all words. Raises TextError for a word
    that has no pronunciation.
    """
    pronunciations = [pronounce(word)[0] for word in utterance.words]
    times = utterance.word_times
    if not utterance.timed:
        low, high = utterance.spoken
        counts = np.array([len(phones) for phones in pronunciations], float)
        edges = low + (high - low) * np.concatenate(([0.0], counts.cumsum() / counts.sum()))
        times = np.stack((edges[:-1], edges[1:]), 1)
    units, starts, ends = [], [], []
    for phones, (start, end) in zip(pronunciations, times, strict=True):
        edges = np.linspace(start, end, len(phones) + 1)
        units += [UNITS.index(phone) for phone in phones]
        starts += list(edges[:-1])
        ends += list(edges[1:])
    return replace(utterance, phones=PhoneTimes(np.array(units), np.array(starts), np.array(ends)))


def realign(
    utterance: Utterance, model: Listener, *, trusted_words: bool, loosely: bool = False
) -> Utterance:
    """Phone times by the exact best path through the sentence's lattice, scored by the model.

    trusted_words: the word times come with the corpus and bind (a word's phones stay in it, to within
    `SLACK`; `loosely`: to within `ROUGH_SLACK`, and a pause may be anywhere); otherwise they are
    replaced by those of the path. An utterance that is too short for its phones comes back unchanged, and,
    unless its words are trusted, one whose text cannot be pronounced. Raises TextError for a trusted word
    that has no pronunciation.
    """
    scores, times = _listen(utterance, model)
    if loosely or not trusted_words:
        scores = scores - SILENCE_PENALTY * (np.arange(len(UNITS)) == 0)
    if trusted_words:
        scores = np.where(_allowed(utterance, times, loosely=loosely), scores, FORBIDDEN)
    try:
        lattice = build(normalise(" ".join(utterance.words)), minimum=MINIMUM, silence_minimum=MINIMUM)
    except TextError:
        return utterance
    if len(scores) < lattice.shortest:
        return utterance
    phones, token = _walk(lattice, scores, times)
    if trusted_words:
        return replace(utterance, phones=phones)
    count = int(token.max()) + 1
    words = np.array([[phones.starts[token == n].min(), phones.ends[token == n].max()] for n in range(count)])
    return replace(
        utterance,
        phones=phones,
        word_times=words if len(words) == len(utterance.words) else utterance.word_times,
    )


def settle(utterance: Utterance, model: Listener, *, pauses_only: bool) -> Utterance:
    """Generated speech with its own phones, in its own order, where the model hears them.

    Synthesisers count closures and breath to phones or to pauses each in its own way. pauses_only: only the
    edges of phones against pauses move, by at most `EDGE` and within the phone. What is too short for its
    phones comes back unchanged.
    """
    phones = utterance.phones
    assert phones is not None
    first = np.append(True, phones.starts[1:] - phones.ends[:-1] > PAUSE)
    runs = np.split(phones.units, np.flatnonzero(first)[1:])
    tokens = [
        Token(f"{n}", ((f"{n}",),), own={f"{n}": (tuple(UNITS[unit] for unit in run),)})
        for n, run in enumerate(runs)
    ]
    scores, times = _listen(utterance, model)
    lattice = build(tokens, minimum=MINIMUM, silence_minimum=MINIMUM)
    if len(scores) < lattice.shortest:
        return utterance
    heard, _ = _walk(lattice, scores, times)
    if not pauses_only:
        return replace(utterance, phones=heard)
    last = np.append(first[1:], True)
    longest = np.minimum(EDGE, (phones.ends - phones.starts) / 2)
    starts = np.where(first, heard.starts.clip(phones.starts - EDGE, phones.starts + longest), phones.starts)
    ends = np.where(last, heard.ends.clip(phones.ends - longest, phones.ends + EDGE), phones.ends)
    starts[1:] = np.maximum(starts[1:], ends[:-1])
    return replace(utterance, phones=PhoneTimes(phones.units, starts, ends))


def _listen(utterance: Utterance, model: Listener) -> tuple[np.ndarray, np.ndarray]:
    """Phone scores (T, V) of an utterance, and the times (T,) of their middles."""
    log_mel = log_mel_tensor(torch.from_numpy(np.ascontiguousarray(utterance.waveform))[None])[0].numpy()
    times = utterance.audio_start + (np.arange(len(log_mel)) + 0.5) * HOP / SAMPLE_RATE
    return model.speech_posteriors(Mel(log_mel, times)).log_probs, times


def _walk(lattice: Lattice, scores: np.ndarray, times: np.ndarray) -> tuple[PhoneTimes, np.ndarray]:
    """Phones of the best path, and the token of each (L,)."""
    path, _ = best_path(lattice, scores.astype(np.float32))
    edges = segments(lattice.slot[path])
    state = path[edges[:-1]]
    edges = refine(
        lattice.unit[state], edges, scores.astype(np.float32), weight=WEIGHT, reach=REACH, minimum=MINIMUM
    )
    starts, ends = edges[:-1], edges[1:]
    spoken = lattice.unit[state] > 0
    begin = times[0] + (starts - 0.5) * HOP / SAMPLE_RATE
    end = times[0] + (ends - 0.5) * HOP / SAMPLE_RATE
    phones = PhoneTimes(lattice.unit[state][spoken].astype(np.int64), begin[spoken], end[spoken])
    return phones, lattice.token[state][spoken]


def _allowed(utterance: Utterance, times: np.ndarray, *, loosely: bool) -> np.ndarray:
    """(T, V) bool: units that the known word times admit at each time; silence except inside words, or
    anywhere where they bind loosely.
    """
    slack = ROUGH_SLACK if loosely else SLACK
    allowed = np.zeros((len(times), len(UNITS)), bool)
    inside = np.zeros(len(times), bool)
    for word, (start, end) in zip(utterance.words, utterance.word_times, strict=True):
        near = (times >= start - slack) & (times < end + slack)
        units = sorted({UNITS.index(phone) for phones in pronounce(word) for phone in phones})
        allowed[np.ix_(near, units)] = True
        inside |= (times >= start + slack) & (times < end - slack)
    allowed[:, 0] = loosely | ~inside
    return allowed
