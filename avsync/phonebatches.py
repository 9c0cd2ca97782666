"""Batches for the acoustic phones: log-mel windows with the phone of each step, varied in the mel domain.

Noise, rooms and tempo are made on mel powers, which is a fraction of the cost of making them on samples.

Shapes: B batch, J speech steps (10 ms), M mel bins, L phones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from avsync import augment
from avsync.speech import HOP, MEL_BINS, SAMPLE_RATE, log_mel_tensor
from avsync.utterances import PhoneTimes, Utterance

UNKNOWN = -1
"""Target of a step whose phone is not known."""
STEP = HOP / SAMPLE_RATE
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneWindows:
    """How windows are drawn and varied."""

    windows: int = 32
    """Windows in a batch."""
    steps: int = 256
    """Steps of a window."""
    speed: tuple[float, float] = (0.8, 1.25)
    """Range of tempo changes, for half of the windows."""
    noisy: float = 0.35
    """Share of the windows with noise, white to brown, or babble of the batch's other windows."""
    ratio_db: tuple[float, float] = (3.0, 35.0)
    """Signal-to-noise ratios, decibels."""
    rooms: float = 0.2
    """Share of the windows in a room."""
    boundary_width: float = 1.0
    """Standard deviation of the soft target of boundaries, steps."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance as training reads it."""

    utterance: Utterance
    """With phones; its waveform may be gone."""
    log_mel: np.ndarray
    """(J, M) float16 as from `speech.log_mel`."""


@dataclass(frozen=True, slots=True)
class PhoneBatch:
    """Windows with their targets."""

    log_mel: torch.Tensor
    """(B, J, M) float32."""
    valid: torch.Tensor
    """(B, J) bool: where there is sound, from the first step on."""
    frames: torch.Tensor
    """(B, J) int64 unit of each step, `UNKNOWN` where there is no sound."""
    boundaries: torch.Tensor
    """(B, J) float32, 1 where a phone begins or ends between step j - 1 and j, less around it."""
    phones: torch.Tensor
    """(B, L) int64 units in order, for CTC, padded with 0."""
    phone_counts: torch.Tensor
    """(B,) int64, how many of `phones` count."""

    def sequence(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Units of each window in order, with pauses: (B, L) int64 padded with 0, and how many count (B,)."""
        runs = [row[row != UNKNOWN].unique_consecutive() for row in self.frames]
        counts = torch.tensor([len(run) for run in runs])
        return nn.utils.rnn.pad_sequence(runs, batch_first=True), counts


def hear(utterance: Utterance) -> Heard:
    """An utterance with its log-mel."""
    return Heard(utterance, stored_mel(utterance.waveform))


def stored_mel(waveform: np.ndarray) -> np.ndarray:
    """(N,) samples -> (J, M) log-mel float16."""
    samples = torch.from_numpy(np.ascontiguousarray(waveform))[None]
    stored: np.ndarray = log_mel_tensor(samples)[0].numpy().astype(np.float16)
    return stored


def make_batch(heard: Sequence[Heard], config: PhoneWindows, rng: np.random.Generator) -> PhoneBatch:
    """One window of each utterance, as it was recorded but for its tempo."""
    columns = [_window(one, config, rng) for one in heard]
    mels, frames, boundaries, phones = (list(column) for column in zip(*columns, strict=True))
    valid = torch.zeros(len(heard), config.steps, dtype=torch.bool)
    for row, mel in zip(valid, mels, strict=True):
        row[: len(mel)] = True

    def stacked(rows: list[np.ndarray], fill: float) -> torch.Tensor:
        padded = np.full((len(rows), config.steps, *rows[0].shape[1:]), fill, rows[0].dtype)
        for target, row in zip(padded, rows, strict=True):
            target[: len(row)] = row
        return torch.from_numpy(padded)

    counts = torch.tensor([len(units) for units in phones])
    targets = torch.zeros(len(phones), max(int(counts.max()), 1), dtype=torch.long)
    for row, units in zip(targets, phones, strict=True):
        row[: len(units)] = torch.from_numpy(units)
    return PhoneBatch(
        stacked(mels, math.log(1e-8)),
        valid,
        stacked(frames, UNKNOWN),
        stacked(boundaries, 0.0),
        targets,
        counts,
    )


def _window(
    heard: Heard, config: PhoneWindows, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log-mel (J, M), frames (J,), boundaries (J,) and phones (L,) of one window."""
    phones = heard.utterance.phones
    assert phones is not None
    speed = float(np.exp(rng.uniform(*np.log(config.speed)))) if rng.random() < 0.5 else 1.0
    position = span(len(heard.log_mel), config.steps, speed, rng)
    mel = between_steps(heard.log_mel, position)
    times = heard.utterance.audio_start + (position + 0.5) * STEP
    frames = phones.at(times)
    edges = times - 0.5 * speed * STEP
    distance = _nearest(edges, phones) / (speed * STEP * config.boundary_width)
    said = phones.within(times[0], times[-1]).astype(np.int64)
    return mel, frames.astype(np.int64), np.exp(-0.5 * distance**2).astype(np.float32), said


def span(have: int, steps: int, speed: float, rng: np.random.Generator) -> np.ndarray:
    """(J,) where to read a sound of `have` steps at a pace of `speed`, from a drawn place on; at most `steps`
    steps.
    """
    count = min(steps, int((have - 1) / speed))
    first = rng.uniform(0, have - 1 - (count - 1) * speed)
    if speed == 1.0:  # no blending of neighbours where none is needed
        first = round(first)
    position: np.ndarray = first + speed * np.arange(count)
    return position


def between_steps(log_mel: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(T, M) log-mel read at fractional steps (J,), drawn straight between neighbours: (J, M) float32."""
    left = np.floor(position).astype(int).clip(0, len(log_mel) - 2)
    share = (position - left).astype(np.float32)[:, None]
    drawn: np.ndarray = (1 - share) * log_mel[left] + share * log_mel[left + 1]
    return drawn


def coloured(batch: int, steps: int, generator: torch.Generator) -> torch.Tensor:
    """(B, J, M) mel powers of noise from white to brown, one colour a window."""
    white = torch.randn((batch, steps * HOP), generator=generator)
    tilt = augment.uniform((batch, 1, 1), 0.0, 4.0, generator) * torch.linspace(0, 1, MEL_BINS)
    return torch.exp(log_mel_tensor(white) - tilt)


def _nearest(times: np.ndarray, phones: PhoneTimes) -> np.ndarray:
    """Seconds from each time to the next edge of a phone before or behind it."""
    edges = np.unique(np.concatenate((phones.starts, phones.ends)))
    index = np.searchsorted(edges, times)
    before = edges[(index - 1).clip(0)]
    behind = edges[index.clip(max=len(edges) - 1)]
    distance: np.ndarray = np.minimum(np.abs(times - before), np.abs(times - behind))
    return distance


def vary(
    log_mel_BJM: torch.Tensor, valid_BJ: torch.Tensor, config: PhoneWindows, generator: torch.Generator
) -> torch.Tensor:
    """(B, J, M) log-mel with rooms, noise, and the voices and lines of `augment.mel`."""
    power = log_mel_BJM.exp() * valid_BJ[..., None]
    power = _noise(_room(power, config, generator), valid_BJ, config, generator)
    return augment.mel(torch.log(power + 1e-8), generator)


def _room(power_BJM: torch.Tensor, config: PhoneWindows, generator: torch.Generator) -> torch.Tensor:
    """Mel powers with a decaying tail (60 dB in 0.1 to 0.6 s, 0 to 15 dB under the direct sound)."""
    batch, length = len(power_BJM), 50
    chosen = torch.rand(batch, generator=generator) < config.rooms
    decay = augment.uniform((batch, 1), 0.1, 0.6, generator)
    kernel = torch.exp(-13.8 * STEP * torch.arange(1, length) / decay)
    strength = 10 ** (augment.uniform((batch, 1), -15, 0, generator) / 10) * chosen[:, None]
    kernel = torch.cat((torch.ones(batch, 1), strength * kernel / kernel.sum(1, keepdim=True)), 1)
    padded = functional.pad(power_BJM.permute(2, 0, 1), (length - 1, 0))
    wet: torch.Tensor = functional.conv1d(padded, kernel.flip(1)[:, None], groups=batch).permute(1, 2, 0)
    return wet


def _noise(
    power_BJM: torch.Tensor, valid_BJ: torch.Tensor, config: PhoneWindows, generator: torch.Generator
) -> torch.Tensor:
    """Mel powers with noise added, the same kind and level through a window."""
    batch, steps, _ = power_BJM.shape
    level = power_BJM.mean((1, 2), keepdim=True)
    hiss = coloured(batch, steps, generator)
    babble = power_BJM.roll(1, 0) + power_BJM.roll(2, 0).flip(1) + power_BJM.roll(3, 0)
    talk = torch.rand((batch, 1, 1), generator=generator) < 0.3
    noise = torch.where(talk, babble, hiss)
    noise = noise / (noise.mean((1, 2), keepdim=True) + 1e-12)
    ratio = 10 ** (-augment.uniform((batch, 1, 1), *config.ratio_db, generator) / 10)
    noisy = torch.rand((batch, 1, 1), generator=generator) < config.noisy
    return power_BJM + noisy * valid_BJ[..., None] * noise * ratio * level
