"""Transcripts and sounds that do not belong together: words put in, left out, cut out, and noise.

Shapes: N samples at 16 kHz.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from failures import music

RATE = 16_000
NOISES = ("babble", "white", "music")
VOICES = 6
"""Other clips that babble is made of."""
FADE = 80
"""Samples over which a cut-out word fades: 5 ms."""


@dataclass(frozen=True, slots=True)
class Text:
    """A transcript, and what is true of it."""

    words: tuple[str, ...]
    source: tuple[int | None, ...]
    """Of each word its number among those that were said; None where it was not."""

    @property
    def said(self) -> tuple[bool, ...]:
        """Of each word whether it was said."""
        return tuple(number is not None for number in self.source)


def intact(words: Sequence[str]) -> Text:
    """What was said."""
    return Text(tuple(words), tuple(range(len(words))))


def inserted(words: Sequence[str], pool: Sequence[str], rng: np.random.Generator) -> Text:
    """A word of the pool put in at a drawn place; never one that stands beside it."""
    at = int(rng.integers(len(words) + 1))
    strange = _other(pool, words[max(at - 1, 0) : at + 1], rng)
    numbers = list(range(len(words)))
    return Text((*words[:at], strange, *words[at:]), (*numbers[:at], None, *numbers[at:]))


def replaced(words: Sequence[str], pool: Sequence[str], rng: np.random.Generator) -> Text:
    """One of the words, drawn, is another."""
    at = int(rng.integers(len(words)))
    strange = _other(pool, words[at : at + 1], rng)
    numbers: list[int | None] = list(range(len(words)))
    numbers[at] = None
    return Text((*words[:at], strange, *words[at + 1 :]), tuple(numbers))


def left_out(words: Sequence[str], rng: np.random.Generator) -> tuple[Text, int]:
    """The transcript without one of the words, and which; the words around it stay."""
    at = int(rng.integers(len(words)))
    return Text((*words[:at], *words[at + 1 :]), tuple(n for n in range(len(words)) if n != at)), at


def excerpt(words: Sequence[str], rng: np.random.Generator) -> Text:
    """Some words on end, at least three and not all."""
    count = int(rng.integers(max(min(3, len(words) - 1), 1), max(len(words), 2)))
    first = int(rng.integers(len(words) - count + 1))
    return Text(tuple(words[first : first + count]), tuple(range(first, first + count)))


def without_a_word(
    words: Sequence[str], waveform: np.ndarray, times: np.ndarray, rng: np.random.Generator
) -> tuple[Text, np.ndarray, np.ndarray]:
    """The whole transcript, the sound with one of its words cut out, and the times of what is left.

    `times` (W, 2) in seconds from the first sample; those of the word that is gone have no meaning.
    """
    at = int(rng.integers(len(words)))
    start, end = (int(np.clip(round(edge * RATE), 0, len(waveform))) for edge in times[at])
    moved = times.copy()
    moved[at + 1 :] -= (end - start) / RATE
    text = Text(tuple(words), tuple(None if n == at else n for n in range(len(words))))
    return text, cut_out(waveform, start, end), moved


def _other(pool: Sequence[str], but: Sequence[str], rng: np.random.Generator) -> str:
    choice = [word for word in pool if word not in but]
    return choice[int(rng.integers(len(choice)))]


def cut_out(waveform: np.ndarray, start: int, end: int) -> np.ndarray:
    """The sound without samples `start` to `end`, its rest joined with short fades; N - (end - start)."""
    joined = np.concatenate([waveform[:start], waveform[end:]]).astype(np.float32)
    fade = min(FADE, start, len(joined) - start)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    joined[start - fade : start] *= ramp[::-1]
    joined[start : start + fade] *= ramp
    return joined


def silenced(waveform: np.ndarray, start: int, end: int, rng: np.random.Generator) -> np.ndarray:
    """The sound with noise as quiet as its quietest twentieth from samples `start` to `end`."""
    blocks = waveform[: len(waveform) // 160 * 160].reshape(-1, 160)
    level = float(np.quantile(np.sqrt(np.mean(np.square(blocks), axis=1)), 0.05))
    quiet = waveform.astype(np.float32).copy()
    quiet[start:end] = rng.normal(0, level, end - start)
    return quiet


def drawn_noise(kind: str, sounds: Sequence[np.ndarray], length: int, rng: np.random.Generator) -> np.ndarray:
    """(length,) noise of one of `NOISES`; `sounds` make the babble."""
    if kind == "babble":
        return babble(sounds, length, rng)
    if kind == "music":
        return music(length / RATE + 1, RATE, rng)[:length]
    return rng.normal(0, 1, length)


def babble(sounds: Sequence[np.ndarray], length: int, rng: np.random.Generator) -> np.ndarray:
    """(length,) `VOICES` of the sounds, each as loud as the others and begun anywhere, at once."""
    total = np.zeros(length)
    for number in rng.choice(len(sounds), VOICES, replace=len(sounds) < VOICES):
        sound = sounds[number]
        turned = np.roll(np.resize(sound, max(length, len(sound))), int(rng.integers(len(sound))))[:length]
        total += turned / max(_level(turned), 1e-9)
    return total


def noisy(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """The sound with noise of its length; the ratio is that of the levels of the whole."""
    scaled = noise * (_level(waveform) / max(_level(noise), 1e-9) * 10 ** (-snr_db / 20))
    return np.asarray(waveform + scaled, np.float32)


def _level(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
