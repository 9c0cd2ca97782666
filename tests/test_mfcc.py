"""Cepstra against a slow formula written another way, and against numbers of python_speech_features 0.6."""

import math

import numpy as np
import pytest

from avsync.mfcc import mfcc

N = np.arange(1200)
MADE = (0.25 * np.sin(2 * np.pi * 440 * N / 16000) + 0.125 * ((N % 160) < 8)).astype(np.float32)
"""A tone with clicks: exact in 16 bits but for the sine's rounding."""


def slow(samples: list[int], frame: int) -> list[float]:
    """Frame by frame and sum by sum, as the tutorials define it: no FFT, no matrices."""
    emphasised = [samples[0]] + [samples[i] - 0.97 * samples[i - 1] for i in range(1, len(samples))]
    part = [emphasised[i] if i < len(samples) else 0.0 for i in range(160 * frame, 160 * frame + 400)]
    power = []
    for k in range(257):
        real = sum(x * math.cos(2 * math.pi * k * n / 512) for n, x in enumerate(part))
        imaginary = sum(x * math.sin(2 * math.pi * k * n / 512) for n, x in enumerate(part))
        power.append((real**2 + imaginary**2) / 512)
    mel = [i * 2595 * math.log10(1 + 8000 / 700) / 27 for i in range(28)]
    bins = [math.floor(513 * 700 * (10 ** (m / 2595) - 1) / 16000) for m in mel]
    bands = []
    for left, middle, right in zip(bins, bins[1:], bins[2:], strict=False):
        rising = sum(power[b] * (b - left) / (middle - left) for b in range(left, middle))
        falling = sum(power[b] * (right - b) / (right - middle) for b in range(middle, right))
        bands.append(math.log(rising + falling))
    cepstra = [math.log(sum(power))]
    for row in range(1, 13):
        turned = sum(v * math.cos(math.pi * row * (j + 0.5) / 26) for j, v in enumerate(bands))
        cepstra.append(math.sqrt(2 / 26) * turned * (1 + 11 * math.sin(math.pi * row / 22)))
    return cepstra


@pytest.mark.parametrize("frame", [0, 3, 5])
def test_against_the_slow_formula(frame):
    samples = [int(value) for value in np.rint(MADE.astype(np.float64) * 32768)]
    assert mfcc(MADE)[frame] == pytest.approx(slow(samples, frame), abs=2e-5)


def test_against_numbers_of_python_speech_features():
    expected = [
        [19.30557, -0.31382, 4.71994, -15.33613, -25.29264, -25.07467, -14.25373,
         -27.68397, -16.52209, 21.28772, 21.54263, 2.58455, 24.41239],
        [19.33217, -0.4166, 5.04259, -14.76865, -24.64718, -24.14483, -12.9734,
         -26.84342, -16.48082, 21.51361, 22.03384, 2.49381, 24.46272],
    ]  # fmt: skip
    np.testing.assert_allclose(mfcc(MADE)[[0, -1]], expected, atol=2e-5)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (400, 1), (401, 2), (560, 2), (16_000, 99)])
def test_number_of_frames(samples, frames):
    assert mfcc(np.zeros(samples, np.float32)).shape == (frames, 13)


def test_silence_has_the_smallest_energy_and_no_shape():
    silent = mfcc(np.zeros(1000, np.float32))
    np.testing.assert_allclose(silent[:, 0], math.log(2.0**-52), rtol=1e-6)
    np.testing.assert_allclose(silent[:, 1:], 0, atol=1e-4)


def test_a_long_sound_in_pieces_is_the_same():
    long = np.tile(MADE, 900)  # over a minute
    np.testing.assert_array_equal(mfcc(long)[6300:6400], mfcc(long[1_008_000 - 16_000 :])[100:200])


def test_samples_beyond_full_scale_are_clipped():
    np.testing.assert_array_equal(mfcc(MADE * 100), mfcc(np.clip(MADE * 100, -1, 1)))
