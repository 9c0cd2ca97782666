"""Recorded sentences for training: sound, mouth, words and phones of each, prepared once and read as arrays.

Shapes: N samples, L phones, W words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from avsync.features import LipGrid
from avsync.speech import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class PhoneTimes:
    """Phones of an utterance in order."""

    units: np.ndarray
    """(L,) int64 indices into `text.UNITS`."""
    starts: np.ndarray
    """(L,) float64 seconds on the sound's clock."""
    ends: np.ndarray
    """(L,) float64 seconds on the sound's clock."""

    def at(self, times: np.ndarray) -> np.ndarray:
        """Unit at each of some times in seconds, silence (0) outside all phones."""
        index = np.searchsorted(self.starts, times, side="right") - 1
        safe = index.clip(0)
        inside = (index >= 0) & (times < self.ends[safe]) if len(self.units) else np.zeros(len(times), bool)
        return np.where(inside, self.units[safe] if len(self.units) else 0, 0)

    def within(self, start: float, end: float) -> np.ndarray:
        """Units whose middle lies between `start` and `end` (seconds)."""
        middle = (self.starts + self.ends) / 2
        units: np.ndarray = self.units[(middle >= start) & (middle < end)]
        return units


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recorded sentence, with or without a picture."""

    name: str
    """Unique for its speaker."""
    speaker: str
    """Windows are drawn by speaker."""
    waveform: np.ndarray
    """(N,) float32 at 16 kHz."""
    audio_start: float
    """Seconds at which sample 0 stands; picture and sound share this clock."""
    words: tuple[str, ...]
    """W words."""
    word_times: np.ndarray
    """(W, 2) float64 seconds, start and end of each word on the sound's clock, NaN where unknown."""
    lips: LipGrid | None = None
    """The tracked mouth, None for sound alone."""
    phones: PhoneTimes | None = None
    """Phone times, None until `targets` has found some."""

    @property
    def timed(self) -> bool:
        """Are the times of the words known?"""
        return bool(len(self.word_times)) and bool(np.isfinite(self.word_times).all())

    @property
    def spoken(self) -> tuple[float, float]:
        """Start of the first and end of the last word in seconds (of the whole sound when unknown)."""
        if self.timed:
            return float(self.word_times[0, 0]), float(self.word_times[-1, 1])
        return self.audio_start, self.audio_start + len(self.waveform) / SAMPLE_RATE


def save_utterance(utterance: Utterance, file: Path | BinaryIO) -> None:
    """Write one utterance as an uncompressed .npz, its sound as int16; an existing file is replaced."""
    arrays = {
        "waveform": np.rint(np.clip(utterance.waveform, -1, 1) * 32767).astype(np.int16),
        "audio_start": np.float64(utterance.audio_start),
        "word_times": utterance.word_times,
        "text": np.array([utterance.name, utterance.speaker, " ".join(utterance.words)]),
    }
    if utterance.lips is not None:
        lips = utterance.lips
        arrays |= {"mouths": lips.mouths, "points": lips.points, "found": lips.found, "times": lips.times}
    if utterance.phones is not None:
        phones = utterance.phones
        arrays |= {"units": phones.units, "starts": phones.starts, "ends": phones.ends}
    if not isinstance(file, Path):
        np.savez(file, **arrays)
        return
    temporary = file.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.replace(file)


def load_utterance(file: Path | BinaryIO) -> Utterance:
    """Read what `save_utterance` wrote."""
    with np.load(file) as arrays:
        name, speaker, words = (str(text) for text in arrays["text"])
        lips = phones = None
        if "mouths" in arrays:
            lips = LipGrid(arrays["mouths"], arrays["points"], arrays["found"], arrays["times"])
        if "units" in arrays:
            phones = PhoneTimes(arrays["units"], arrays["starts"], arrays["ends"])
        waveform = arrays["waveform"].astype(np.float32) / 32767
        return Utterance(
            name,
            speaker,
            waveform,
            float(arrays["audio_start"]),
            tuple(words.split()),
            arrays["word_times"],
            lips,
            phones,
        )
