"""Sound to log-mel frames on the presentation clock.

Shapes: N samples, T frames (100 a second), M mel bins (80), F frequency bins.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

from avsync.errors import ConfigError
from avsync.media import SAMPLE_RATE as SAMPLE_RATE
from avsync.media import Clip

HOP = 160
"""Samples between frames: 10 ms."""
WINDOW = 400
"""Samples that a frame sees: 25 ms, Hann."""
N_FFT = 512
"""Points of the Fourier transform."""
MEL_BINS = 80
"""Mel bands between `MEL_RANGE_HZ`."""
MEL_RANGE_HZ = (20.0, 7600.0)
"""Lower edge of the first and upper edge of the last band."""
CHUNK = 6000
"""Frames (60 s) whose spectra are held at a time."""
FLOOR = 1e-8
"""Mel power below which everything is the same silence: 80 dB under full-scale white noise."""
CONSTANT = 0.1
"""A mean of the samples that is larger beside their standard deviation was added by a sound card."""
RANGE_NATS = 12.0
"""Loudness range the encoder sees, in natural-log power (about 52 dB) below the clip's loud frames."""


@dataclass(frozen=True, slots=True)
class Mel:
    """Log-mel spectrogram and its clock."""

    log_mel: np.ndarray
    """(T, 80) float32, natural logarithm of mel power."""
    times: np.ndarray
    """(T,) float64 seconds, the centre of each 10 ms frame on the presentation clock."""


def log_mel(clip: Clip) -> Mel:
    """Log-mel frames of a clip's sound; frame n is centred 10 n + 5 ms after the first sample.

    A constant that some sound card added to all samples is nothing that is heard, and is taken off.
    Raises ConfigError when the clip was loaded at another sample rate than 16 kHz.
    """
    if clip.sample_rate != SAMPLE_RATE:
        raise ConfigError(
            f"{clip.source}: sample rate is {clip.sample_rate} Hz, the models need {SAMPLE_RATE} Hz. "
            "Load the clip without a sample rate of its own."
        )
    heard = np.ascontiguousarray(without_constant(clip.waveform))
    mel = log_mel_tensor(torch.from_numpy(heard)[None])[0].numpy()
    times = clip.audio_start + (np.arange(len(mel)) + 0.5) * (HOP / SAMPLE_RATE)
    return Mel(mel, times)


def without_constant(waveform: np.ndarray) -> np.ndarray:
    """(N,) samples without their mean where it is loud beside them, else as they are: digital silence, which
    has no constant, would no longer be silent without the little that all sounds have.
    """
    if not len(waveform):
        return waveform
    mean = float(np.mean(waveform, dtype=np.float64))
    return waveform - np.float32(mean) if abs(mean) > CONSTANT * float(waveform.std()) else waveform


def log_mel_tensor(waveform_BN: torch.Tensor) -> torch.Tensor:
    """(B, N) float samples in [-1, 1] at 16 kHz -> (B, T, 80) natural-log mel power, T = N // 160.

    Frame t is centred on sample 160 t + 80; what lies before the first and after the last sample is silence.
    """
    frames = waveform_BN.shape[-1] // HOP
    if frames == 0:
        return waveform_BN.new_zeros((waveform_BN.shape[0], 0, MEL_BINS))
    # 176 zeros on the left put the middle of the 512-sample block 0 on sample 80, the middle of hop 0.
    left = N_FFT // 2 - HOP // 2
    samples = waveform_BN.shape[-1]
    window = torch.hann_window(WINDOW, device=waveform_BN.device)
    pieces = []
    for first in range(0, frames, CHUNK):
        count = min(CHUNK, frames - first)
        low = first * HOP - left
        high = low + (count - 1) * HOP + N_FFT
        inside = waveform_BN[:, max(low, 0) : high]
        part = torch.nn.functional.pad(inside, (max(-low, 0), max(high - samples, 0)))
        spectrum_BFT = torch.stft(part, N_FFT, HOP, WINDOW, window, center=False, return_complex=True)
        power_BTF = spectrum_BFT.abs().square().transpose(1, 2)
        pieces.append(torch.log(power_BTF @ mel_filters().to(power_BTF).T + FLOOR))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, 1)


@functools.cache
def mel_filters() -> torch.Tensor:
    """(80, 257) float32 triangular filters, unit area (Slaney's mel scale, as librosa's default).

    Written out here because importing librosa costs a second or more at every start; a test holds it to
    librosa's.
    """
    low, high = _hz_to_mel(np.array(MEL_RANGE_HZ))
    edges = _mel_to_hz(np.linspace(low, high, MEL_BINS + 2))
    frequencies = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    return torch.from_numpy((triangles * 2 / (edges[2:] - edges[:-2])[:, None]).astype(np.float32))


def normalise(log_mel_BTM: torch.Tensor, valid_BT: torch.Tensor) -> torch.Tensor:
    """(B, T, M) log-mel, (B, T) bool -> level-free encoder input (B, T, M), 0 to about 1.3.

    The level (`level`) becomes about 1, so that gain drops out. Digital silence and quiet background meet at
    0, `RANGE_NATS` below it. Frames that are not valid become 0 as well.
    """
    level_B = level(log_mel_BTM.mean(-1), valid_BT)
    scaled = (log_mel_BTM - level_B[:, None, None] + RANGE_NATS).clamp(min=0) / RANGE_NATS
    return scaled * valid_BT[..., None]


def level(loudness_BT: torch.Tensor, valid_BT: torch.Tensor) -> torch.Tensor:
    """(B, T) mean log power, (B, T) bool -> (B,) how loud somebody speaks: the 95th percentile.

    Where next to nobody speaks, that is the background; there it is that of the loud frames, less a nat.
    """
    nothing = float("nan")
    heard = loudness_BT.float().masked_fill(~valid_BT, nothing)
    falling = heard.nan_to_num(-torch.inf).sort(dim=1, descending=True).values
    last = valid_BT.sum(dim=1).clamp(1, LOUD_FRAMES) - 1
    floor = falling.gather(1, last[:, None]) - LOUD_NATS
    loud = torch.nanquantile(heard.masked_fill(heard < floor, nothing), 0.95, dim=1)
    return torch.maximum(torch.nanquantile(heard, 0.95, dim=1), loud - SPARSE_NATS).nan_to_num(0.0)


LOUD_FRAMES, LOUD_NATS = 30, 3.0
"""Loud is what is less than this below the least of so many loudest frames: a click is none of them."""
SPARSE_NATS = 1.1
"""What the loud frames may be above the 95th percentile of all before they count. Of 154 clips of GRID, the
web and speechocean762 with their usual pauses it is more in none. With a minute of white noise before seven
of them, at -34 or -28 dB, the level is 0.4 nats less than without (that percentile 6.7 and 5.3), at -19 dB
3."""


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Hertz to Slaney's scale: linear below 1 kHz, logarithmic above."""
    logarithmic = 15.0 + 27.0 * np.log(np.maximum(hz, 1e-9) / 1000.0) / np.log(6.4)
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, logarithmic)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Inverse of `_hz_to_mel`."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0)))
