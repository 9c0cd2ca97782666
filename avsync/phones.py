"""The acoustic phones: which phone is heard every 10 ms, from a network that sees a third of a second around.

The sync encoder of `model` stays narrow, so that its vectors are tied to their time. To tell which phone is
spoken, and to tell a closure from a pause, takes more of what stands around it.

Shapes: B batch, J speech steps (10 ms), M mel bins, C channels, V phone units (`text.UNITS`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from avsync import devices, weightfile
from avsync.devices import half_precision
from avsync.encoders import SPEECH_RATE, TimeBlock
from avsync.posteriors import Posteriors
from avsync.speech import Mel, normalise
from avsync.text import UNITS
from avsync.timebase import ms_to_seconds

CHUNK = 6000
"""Steps (60 s) listened to at a time; longer sounds are cut, with `OVERLAP` on both sides."""
OVERLAP = 100
"""Steps (1 s) of context around a chunk, more than the network sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneConfig:
    """Sizes of `PhoneModel`; stored in the weights file."""

    mel_bins: int = 80
    """Mel bands of the input."""
    width: int = 192
    """Channels of the trunk over time."""
    dilations: tuple[int, ...] = (1, 1, 2, 2, 4, 4, 8, 8, 2, 1)
    """One residual block over time each, three steps wide at this spacing: with the first layer +-35 steps
    (350 ms)."""
    dropout: float = 0.1
    """Dropout inside the trunk while training."""
    late_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By how much word starts behind a pause, starts behind a word, and ends before a pause come late on
    held-out speakers, ms; negative for early."""


class PhoneModel(nn.Module):
    """Normalised log-mel frames to phone scores, and to the odds of a boundary between frames."""

    def __init__(self, config: PhoneConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv1d(config.mel_bins, config.width, 5, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(config.width)
        self.trunk = nn.ModuleList(TimeBlock(config.width, d, config.dropout) for d in config.dilations)
        self.phones = nn.Conv1d(config.width, len(UNITS), 1)
        self.boundary = nn.Conv1d(config.width, 1, 1)

    def forward(self, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, J, M) from `speech.normalise`, (B, J) bool -> logits (B, J, V), boundary logits (B, J).

        A boundary of step j stands between the steps j - 1 and j.
        """
        x_BCJ = self.encode(mel_BJM, valid_BJ)
        return self.phones(x_BCJ).transpose(1, 2), self.boundary(x_BCJ)[:, 0]

    @torch.no_grad()
    def last_layer(self, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor) -> torch.Tensor:
        """What the phone scores are read from, `levelled`: inputs of `forward` -> (B, J, C), zero where not
        valid; no gradient.
        """
        return levelled(self.encode(mel_BJM, valid_BJ)) * valid_BJ[..., None]

    def encode(self, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor) -> torch.Tensor:
        """What both heads read: inputs of `forward` -> (B, C, J)."""
        valid_B1J = valid_BJ[:, None].to(mel_BJM.dtype)
        x_BCJ = torch.relu(self.norm(self.stem(mel_BJM.transpose(1, 2) * valid_B1J))) * valid_B1J
        for block in self.trunk:
            x_BCJ = block(x_BCJ, valid_B1J)
        return x_BCJ

    @torch.inference_mode()
    def speech_posteriors(self, mel: Mel) -> Posteriors:
        """Phone scores each 10 ms of a sound of any length, levelled as a whole."""
        device = self.stem.weight.device
        log_mel = torch.from_numpy(mel.log_mel)[None].to(device)
        valid = torch.ones(log_mel.shape[:2], dtype=torch.bool, device=device)
        scaled = normalise(log_mel, valid) if len(mel.times) else log_mel
        pieces = [torch.zeros(0, len(UNITS))]
        for start in range(0, len(mel.times), CHUNK):
            low, high = max(start - OVERLAP, 0), min(start + CHUNK + OVERLAP, len(mel.times))
            with half_precision(device):
                logits, _ = self(scaled[:, low:high], valid[:, low:high])
            piece = logits[0, start - low : min(start + CHUNK, len(mel.times)) - low]
            pieces.append(piece.float().log_softmax(-1).cpu())
        first, following, end = (ms_to_seconds(late) for late in self.config.late_ms)
        return Posteriors(torch.cat(pieces).numpy(), mel.times, 1.0 / SPEECH_RATE, (first, following, end))


def levelled(x_BCJ: torch.Tensor) -> torch.Tensor:
    """(B, C, J) -> float32 (B, J, C), the channels of each step with mean 0 and variance 1."""
    x_BJC = x_BCJ.transpose(1, 2).float()
    return nn.functional.layer_norm(x_BJC, x_BJC.shape[-1:])


def save_phones(network: PhoneModel, path: Path) -> None:
    """Write fp16 weights with their configuration and phone set as one safetensors file."""
    weightfile.write(network, network.config, path)


def read_phones(path: Path) -> PhoneModel:
    """Read a file that `save_phones` wrote, ready for inference.

    Raises ModelError when it is missing, damaged or of another make.
    """
    fields, tensors = weightfile.read(path)
    try:
        network = PhoneModel(PhoneConfig(**fields))
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise weightfile.misfit(path, error) from error
    weightfile.fill(network, tensors, path)
    return network.eval()


@functools.cache
def load_phones() -> PhoneModel:
    """The weights that ship with avsync, where `devices` wants them, ready for inference; read once.

    Raises ModelError when the package does not hold exactly one weights file, or a damaged one, and
    ConfigError where the device is not there.
    """
    return read_phones(weightfile.shipped("phones")).to(devices.chosen())


@functools.cache
def ear(name: str, device: torch.device) -> PhoneModel:
    """The phone network that sync networks were trained to hear with, frozen; read once for each device.

    name: its file in the package without the suffix, as `model.ModelConfig.ear` gives it.
    Raises ModelError when the package holds no such file, or a damaged one.
    """
    return read_phones(weightfile.named(name)).requires_grad_(False).to(device)
