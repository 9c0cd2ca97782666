"""Music to speak over, made here: chords, arpeggios, basses, leads, choirs and drums, no two pieces alike.

The benchmarks have music of their own; this one is for training only.

Shapes: N samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RATE = 16_000
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 6, 7, 10, 12))
"""Semitones above the key of seven steps: major, minor, Dorian, blues."""
VOWELS_HZ = ((700, 1200, 2600), (400, 2000, 2600), (300, 2300, 3000), (450, 800, 2800), (330, 700, 2500))
"""Formants of what choirs sing: a e i o u."""
HIGHEST_HZ = 7500.0
"""No overtone above, but where stiff strings stretch it."""
TURN = 2 * np.pi

Tone = Callable[[float, float], np.ndarray]
"""(N,) a tone of so many hertz and seconds."""


@dataclass(frozen=True, slots=True)
class Score:
    """What all instruments of a piece have in common."""

    samples: int
    """Its length N."""
    beat: float
    """Seconds."""
    key: float
    """The lowest tone, a MIDI number."""
    scale: tuple[int, ...]
    """One of `SCALES`."""
    chords: np.ndarray
    """(4,) steps of the scale on which the chords stand, in turn."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.samples / RATE

    def hertz(self, step: int) -> float:
        """The tone so many steps of the scale above the key."""
        octave, tone = divmod(step, 7)
        return float(440 * 2 ** ((self.key + 12 * octave + self.scale[tone] - 69) / 12))


def song(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """(N,) float32 a piece of music with a standard deviation of 0.1."""
    beat = 60 / rng.uniform(60, 170)
    key, scale = rng.uniform(40, 52), SCALES[rng.integers(len(SCALES))]
    score = Score(int(seconds * RATE), beat, key, scale, rng.integers(0, 7, 4))
    total = np.zeros(score.samples)
    layers = [(_pad, 0.6), (_arpeggio, 0.6), (_bass, 0.6), (_lead, 0.6)]
    playing = [layer for layer, chance in layers if rng.random() < chance] or [_pad]
    for layer in playing:
        total += _level(layer(score, rng)) * 10 ** (rng.uniform(-12, 0) / 20)
    if rng.random() < 0.6:
        total += _level(_drums(score, rng)) * 10 ** (rng.uniform(-10, 4) / 20)
    if rng.random() < 0.5:
        total = _room(total, rng)
    if rng.random() < 0.3:  # driven, as guitars are and loud masters
        total = np.tanh(_level(total) * rng.uniform(1, 6))
    return (0.1 * _level(total)).astype(np.float32)


def _level(wave: np.ndarray) -> np.ndarray:
    return np.asarray(wave / max(float(wave.std()), 1e-9))


def instrument(rng: np.random.Generator) -> Tone:
    """An instrument: its overtones, how they begin, die and waver, drawn once."""
    falls, odd = rng.uniform(0.4, 2.5), rng.random() < 0.25
    strength = np.exp(0.5 * rng.normal(0, 1, 40)) * (np.arange(1, 41) % 2 if odd else 1)
    stretch = 1e-4 * rng.uniform(0, 6) if rng.random() < 0.4 else 0.0
    attack, plucked = np.exp(rng.uniform(np.log(0.003), np.log(0.15))), rng.random() < 0.5
    decay = np.exp(rng.uniform(np.log(0.08), np.log(1.5)))
    shake_hz, shake = rng.uniform(4, 7), rng.uniform(0, 0.012) * (rng.random() < 0.5)
    sings = rng.random() < 0.3
    detune = rng.uniform(0, 0.006) * (rng.random() < 0.4)

    def tone(hertz: float, seconds: float) -> np.ndarray:
        time = np.arange(int(seconds * RATE)) / RATE
        turns = hertz * (time + shake / shake_hz * np.sin(TURN * shake_hz * time))
        count = int(np.clip(HIGHEST_HZ / hertz, 1, 30))
        number = np.arange(1, count + 1)
        size = strength[:count] * number**-falls
        if sings:
            formants = np.array(VOWELS_HZ[rng.integers(len(VOWELS_HZ))]) * rng.uniform(0.9, 1.2)
            near = np.exp(-0.5 * ((number[:, None] * hertz - formants) / 130) ** 2) * (1, 0.5, 0.25)
            size = near.sum(1) + 0.01 / number
        wave = np.zeros(len(time))
        for n, amount in zip(number, size, strict=True):
            pitch = n * np.sqrt(1 + stretch * n * n)
            phase = rng.uniform(0, TURN)
            fades = np.exp(-time * (1 + 0.15 * n) / decay) if plucked else 1.0
            wave += amount * fades * np.sin(TURN * pitch * turns + phase)
            if detune:
                wave += amount * fades * np.sin(TURN * pitch * (1 + detune) * turns)
        wave *= np.minimum(1, time / attack) * np.minimum(1, (time[::-1] + 1 / RATE) / 0.02)
        return wave

    return tone


def _put(total: np.ndarray, wave: np.ndarray, at_s: float, loud: float = 1.0) -> None:
    first = int(at_s * RATE)
    if 0 <= first < len(total):
        total[first : first + len(wave)] += loud * wave[: len(total) - first]


def _pad(score: Score, rng: np.random.Generator) -> np.ndarray:
    """Chords that last two or four beats."""
    total, voice, lasts = np.zeros(score.samples), instrument(rng), score.beat * rng.choice((2, 4))
    for number, at in enumerate(np.arange(0, score.seconds, lasts)):
        for third in (0, 2, 4):
            _put(total, voice(score.hertz(score.chords[number % 4] + third + 7), lasts), at)
    return total


def _arpeggio(score: Score, rng: np.random.Generator) -> np.ndarray:
    """The notes of the chords one by one, two to four a beat."""
    total, voice, lasts = np.zeros(score.samples), instrument(rng), score.beat / rng.choice((2, 3, 4))
    order = rng.permutation((0, 2, 4, 7))
    for number, at in enumerate(np.arange(0, score.seconds, lasts)):
        step = score.chords[int(at / (4 * score.beat)) % 4] + order[number % 4] + 7 * rng.integers(1, 3)
        _put(total, voice(score.hertz(step), 1.5 * lasts), at, rng.uniform(0.5, 1))
    return total


def _bass(score: Score, rng: np.random.Generator) -> np.ndarray:
    """The lowest note of each chord, in a rhythm."""
    total, voice, rhythm = np.zeros(score.samples), instrument(rng), rng.random(8) < 0.6
    for number, at in enumerate(np.arange(0, score.seconds, score.beat / 2)):
        if rhythm[number % 8]:
            hertz = score.hertz(score.chords[number // 8 % 4])
            _put(total, voice(hertz, score.beat * rng.uniform(0.4, 0.9)), at)
    return total


def _lead(score: Score, rng: np.random.Generator) -> np.ndarray:
    """A melody that wanders over the scale, with rests."""
    total, voice, at, step = np.zeros(score.samples), instrument(rng), 0.0, int(rng.integers(7, 15))
    while at < score.seconds:
        lasts = score.beat * rng.choice((0.5, 1, 1, 1.5, 2))
        step = int(np.clip(step + rng.integers(-3, 4), 5, 20))
        if rng.random() < 0.8:
            _put(total, voice(score.hertz(step), 0.95 * lasts), at, rng.uniform(0.6, 1))
        at += lasts
    return total


def _drums(score: Score, rng: np.random.Generator) -> np.ndarray:
    """Bass drum, snare and cymbals in a pattern of sixteen steps."""
    total = np.zeros(score.samples)
    kick, snare, hat = (rng.random(16) < share for share in (0.3, 0.2, 0.5))
    time = np.arange(int(0.4 * RATE)) / RATE
    falling = np.cumsum(rng.uniform(40, 60) + rng.uniform(60, 200) * np.exp(-time / 0.03)) / RATE
    boom = np.sin(TURN * falling) * np.exp(-time / rng.uniform(0.05, 0.2))
    decays = rng.uniform(0.03, 0.12), rng.uniform(0.01, 0.12)
    for number, at in enumerate(np.arange(0, score.seconds, score.beat / 4)):
        if kick[number % 16]:
            _put(total, boom, at, 1.5)
        if snare[number % 16]:
            hit = rng.normal(0, 1, len(time)) + np.sin(TURN * 190 * time)
            _put(total, hit * np.exp(-time / decays[0]), at, 0.5)
        if hat[number % 16]:
            hiss = np.diff(rng.normal(0, 1, len(time) + 1))
            _put(total, hiss * np.exp(-time / decays[1]), at, rng.uniform(0.1, 0.3))
    return total


def _room(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hall of half a second to two."""
    tail = rng.normal(0, 1, RATE) * np.exp(-np.arange(RATE) / RATE * 6.9 / rng.uniform(0.5, 2.0))
    size = 1 << (len(wave) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[: len(wave)]
    return np.asarray(_level(wave) + rng.uniform(0.1, 0.7) * _level(wet))
