"""Phone times for training: rough ones to begin with, then the model's own, held to the known words.

Shapes: T frames of 10 ms, V phone units, L phones, W words.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from avsync.errors import TextError
from avsync.lattice import best_path, build
from avsync.model import AVSync
from avsync.pronounce import UNITS, pronounce
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.text import normalise
from avsync.utterances import PhoneTimes, Utterance

SLACK = 0.02
"""Seconds around a known word boundary in which the phones of both sides may stand."""
FORBIDDEN = np.float32(-40.0)
"""Log-score of a unit where the known words rule it out."""
MINIMUM = 2
"""Frames that a phone lasts at least."""
SILENCE_PENALTY = np.float32(2.0)
"""Taken from the log-score of silence in every frame where the words are not known: silence is also the
blank of CTC, which likes to stand inside words."""


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


def realign(utterance: Utterance, model: AVSync, *, trusted_words: bool) -> Utterance:
    """Phone times by the exact best path through the sentence's lattice, scored by the model's speech head.

    trusted_words: the word times come with the corpus and bind (a word's phones stay in it, to within
    `SLACK`); otherwise they are replaced by those of the path. An utterance that is too short for its
    phones comes back unchanged, and, unless its words are trusted, one whose text cannot be pronounced.
    Raises TextError for a trusted word that has no pronunciation.
    """
    log_mel = log_mel_tensor(torch.from_numpy(np.ascontiguousarray(utterance.waveform))[None])[0].numpy()
    times = utterance.audio_start + (np.arange(len(log_mel)) + 0.5) * HOP / SAMPLE_RATE
    scores = model.speech_posteriors(Mel(log_mel, times)).log_probs
    if trusted_words:
        scores = np.where(_allowed(utterance, times), scores, FORBIDDEN)
    else:
        scores = scores - SILENCE_PENALTY * (np.arange(len(UNITS)) == 0)
    try:
        lattice = build(normalise(" ".join(utterance.words)), minimum=MINIMUM, silence_minimum=MINIMUM)
    except TextError:
        return utterance
    if len(scores) < lattice.shortest:
        return utterance
    path, _ = best_path(lattice, scores.astype(np.float32))
    _, first = np.unique(lattice.slot[path], return_index=True)
    order = np.argsort(first)
    starts = first[order]
    ends = np.append(starts[1:], len(path))
    state = path[starts]
    spoken = lattice.unit[state] > 0
    begin = times[0] - HOP / SAMPLE_RATE / 2 + starts * HOP / SAMPLE_RATE
    end = times[0] + (ends - 0.5) * HOP / SAMPLE_RATE
    phones = PhoneTimes(lattice.unit[state][spoken].astype(np.int64), begin[spoken], end[spoken])
    if trusted_words:
        return replace(utterance, phones=phones)
    tokens = lattice.token[state]
    words = np.array([[begin[tokens == n].min(), end[tokens == n].max()] for n in range(tokens.max() + 1)])
    return replace(
        utterance,
        phones=phones,
        word_times=words if len(words) == len(utterance.words) else utterance.word_times,
    )


def _allowed(utterance: Utterance, times: np.ndarray) -> np.ndarray:
    """(T, V) bool: units that the known word times admit at each time; silence except inside words."""
    allowed = np.zeros((len(times), len(UNITS)), bool)
    inside = np.zeros(len(times), bool)
    for word, (start, end) in zip(utterance.words, utterance.word_times, strict=True):
        near = (times >= start - SLACK) & (times < end + SLACK)
        units = sorted({UNITS.index(phone) for phones in pronounce(word) for phone in phones})
        allowed[np.ix_(near, units)] = True
        inside |= (times >= start + SLACK) & (times < end - SLACK)
    allowed[~inside, 0] = True
    return allowed
