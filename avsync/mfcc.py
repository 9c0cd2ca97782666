"""Mel-frequency cepstra as SyncNet hears them: those of the package python_speech_features by default.

Shapes: N samples, T frames (100 a second), C coefficients (13), F frequency bins (257), M mel filters (26).
"""

from __future__ import annotations

import functools

import numpy as np

from avsync.speech import HOP, N_FFT, SAMPLE_RATE, WINDOW

COEFFICIENTS = 13
"""Cepstra of a frame; the first is replaced by the frame's log energy."""
FILTERS = 26
"""Triangular filters from 0 to 8000 Hz."""
PRE_EMPHASIS = 0.97
"""Share of the sample before that is subtracted from each."""
LIFTER = 22
"""Length of the sine that raises the higher cepstra."""
FULL_SCALE = 32768.0
"""The cepstra are those of 16-bit samples, whose level the first coefficient keeps."""
CHUNK = 6000
"""Frames (60 s) computed at a time."""
SMALLEST = float(np.finfo(np.float64).eps)
"""Stands for an energy of 0."""


def mfcc(waveform: np.ndarray) -> np.ndarray:
    """(N,) samples in [-1, 1] at 16 kHz -> (T, 13) float32; frame n hears 25 ms from 10 n ms on.

    A last frame that is not full is filled with silence. No window function; T is 1 for less than a frame.
    """
    samples = np.clip(np.rint(np.asarray(waveform, np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    if not len(samples):
        return np.zeros((0, COEFFICIENTS), np.float32)
    samples[1:] -= PRE_EMPHASIS * samples[:-1]
    count = 1 + max(-(-(len(samples) - WINDOW) // HOP), 0)
    padded = np.pad(samples, (0, (count - 1) * HOP + WINDOW - len(samples)))
    frames_TW = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.concatenate([_cepstra(frames_TW[start : start + CHUNK]) for start in range(0, count, CHUNK)])


def _cepstra(frames_TW: np.ndarray) -> np.ndarray:
    power_TF = np.abs(np.fft.rfft(frames_TW, N_FFT)) ** 2 / N_FFT
    energy_T, bands_TM = power_TF.sum(1), power_TF @ filters().T
    cepstra = np.log(np.where(bands_TM == 0, SMALLEST, bands_TM)) @ cosines().T
    cepstra[:, 0] = np.log(np.where(energy_T == 0, SMALLEST, energy_T))
    return np.asarray(cepstra, np.float32)


@functools.cache
def filters() -> np.ndarray:
    """(26, 257) triangles with corners on whole bins, evenly spaced in mel (2595 log10(1 + f / 700))."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    corners = np.floor((N_FFT + 1) * corners_hz / SAMPLE_RATE)
    low, middle, high = (corners[start : start + FILTERS, None] for start in range(3))
    bins = np.arange(N_FFT // 2 + 1)
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    rises, falls = (bins >= low) & (bins < middle), (bins >= middle) & (bins < high)
    return np.where(rises, rising, np.where(falls, falling, 0.0))


@functools.cache
def cosines() -> np.ndarray:
    """(13, 26) orthonormal cosine transform (type II), each row times its lifter."""
    rows, columns = np.arange(COEFFICIENTS)[:, None], np.arange(FILTERS)
    table = np.sqrt(2 / FILTERS) * np.cos(np.pi * rows * (2 * columns + 1) / (2 * FILTERS))
    table[0] /= np.sqrt(2)
    return np.asarray(table * (1 + LIFTER / 2 * np.sin(np.pi * rows / LIFTER)))
