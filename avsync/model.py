"""The trained network: lips and speech to vectors that can be compared, and to phone scores.

Shapes: B batch, T lip steps (40 ms), J speech steps (10 ms), D embedding, V phone units (`text.UNITS`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avsync import devices, phones, weightfile
from avsync.devices import half_precision
from avsync.encoders import (
    LIP_RATE,
    SPEECH_RATE,
    LipEncoder,
    LipEncoderConfig,
    SpeechEncoder,
    SpeechEncoderConfig,
)  # fmt: skip
from avsync.features import LipGrid, reduce_mouths, standardise
from avsync.posteriors import Posteriors, mean_posteriors
from avsync.speech import Mel, normalise
from avsync.text import UNITS

LIP_PHONE_STEPS = SPEECH_RATE // LIP_RATE
"""Phone scores per lip step: the lip head answers on the 10 ms grid as well."""
CHUNK = 1500
"""Lip steps (60 s) embedded at a time; longer tracks and sounds are cut, with `OVERLAP` on both sides."""
OVERLAP = 25
"""Lip steps (1 s) of context around a chunk, more than the encoders see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured on held-out speakers; stored in the weights file."""

    bias_ms: float = 0.0
    """Milliseconds subtracted from every measured offset: the model's own bias on held-out speakers."""
    spread_ms: float = 15.0
    """Half-width of the 95 % interval of what speakers differ by, ms; fitted on held-out speakers."""
    confidence: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """Weights of `lagscores.evidence`, fitted on held-out speakers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig(Calibration):
    """Sizes of `AVSync`; stored in the weights file."""

    lips: LipEncoderConfig = LipEncoderConfig()
    speech: SpeechEncoderConfig = SpeechEncoderConfig()
    dimension: int = 128
    """Length of the vectors that are compared."""
    ear: str = ""
    """Name of the shipped phone weights whose last layer the speech encoder is given besides; "": none. It
    was trained with these, or with those that these were hardened from (`recipes/harden`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleConfig(Calibration):
    """The networks of an `Ensemble`, and what was measured with all of them."""

    members: tuple[ModelConfig, ...]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors over time."""

    vectors: np.ndarray
    """(T, D) float32, at most 1 long."""
    times: np.ndarray
    """(T,) float64 seconds, the centre of each step."""
    known: np.ndarray
    """(T,) bool, where there is a mouth, or sound."""


class AVSync(nn.Module):
    """Two encoders, two projections to the common space, two phone heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.lips = LipEncoder(config.lips)
        self.speech = SpeechEncoder(config.speech)
        self.lip_vector = nn.Linear(config.lips.width, config.dimension + 1)
        self.speech_vector = nn.Conv1d(config.speech.width, config.dimension, 1)
        self.lip_phones = nn.Linear(config.lips.width, LIP_PHONE_STEPS * len(UNITS))
        self.speech_phones = nn.Linear(config.speech.width, len(UNITS))
        self.scale = nn.Parameter(torch.tensor(5.0))

    def project_lips(self, features_BTC: torch.Tensor) -> torch.Tensor:
        """(B, T, C) -> vectors (B, T, D) whose length, 0 to 1, says how much the step tells.

        A still mouth tells little; the loss teaches the length.
        """
        raw = self.lip_vector(features_BTC)
        return nn.functional.normalize(raw[..., :-1], dim=-1) * torch.sigmoid(raw[..., -1:])

    def project_speech(self, features_BJC: torch.Tensor) -> torch.Tensor:
        """(B, J, C) -> unit vectors (B, J, D)."""
        raw = self.speech_vector(features_BJC.transpose(1, 2)).transpose(1, 2)
        return nn.functional.normalize(raw, dim=-1)

    def lip_phone_scores(self, features_BTC: torch.Tensor) -> torch.Tensor:
        """(B, T, C) -> log-probabilities (B, 4 T, V) on the 10 ms grid."""
        scores: torch.Tensor = self.lip_phones(features_BTC)
        batch, steps = scores.shape[:2]
        return scores.reshape(batch, LIP_PHONE_STEPS * steps, len(UNITS)).log_softmax(-1)

    def speech_phone_scores(self, features_BJC: torch.Tensor) -> torch.Tensor:
        """(B, J, C) -> log-probabilities (B, J, V)."""
        scores: torch.Tensor = self.speech_phones(features_BJC)
        return scores.log_softmax(-1)

    def encode_speech(self, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor) -> torch.Tensor:
        """(B, J, M) from `speech.normalise`, (B, J) bool -> (B, J, C), zero where not valid."""
        heard_BJC = None
        if self.config.ear:
            heard_BJC = phones.ear(self.config.ear, mel_BJM.device).last_layer(mel_BJM, valid_BJ)
        features_BJC: torch.Tensor = self.speech(mel_BJM, valid_BJ, heard_BJC)
        return features_BJC

    @property
    def device(self) -> torch.device:
        """Where the weights are; inputs are moved there."""
        return self.scale.device

    @torch.inference_mode()
    def embed_lips(self, grid: LipGrid) -> Vectors:
        """One vector each 40 ms of a lip track; its length says how much the step tells."""
        features = self._lip_features(grid)
        return Vectors(self.project_lips(features)[0].float().cpu().numpy(), grid.times, grid.found)

    @torch.inference_mode()
    def lip_posteriors(self, grid: LipGrid) -> Posteriors:
        """Phone scores each 10 ms of a lip track, read from the mouth alone."""
        scores = self.lip_phone_scores(self._lip_features(grid))[0].float().cpu().numpy()
        step = 1.0 / SPEECH_RATE
        inner = (np.arange(LIP_PHONE_STEPS) - (LIP_PHONE_STEPS - 1) / 2) * step
        return Posteriors(scores, (grid.times[:, None] + inner).ravel(), step, lip_share=1.0)

    @torch.inference_mode()
    def embed_speech(self, mel: Mel) -> Vectors:
        """One unit vector each 10 ms of sound."""
        if not len(mel.times):
            return Vectors(np.zeros((0, self.config.dimension), np.float32), mel.times, np.zeros(0, bool))
        vectors = self.project_speech(self._speech_features(mel))[0].float().cpu().numpy()
        return Vectors(vectors, mel.times, np.ones(len(vectors), bool))

    @torch.inference_mode()
    def speech_posteriors(self, mel: Mel) -> Posteriors:
        """Phone scores each 10 ms of sound."""
        scores = self.speech_phone_scores(self._speech_features(mel))[0].float().cpu().numpy()
        return Posteriors(scores, mel.times, 1.0 / SPEECH_RATE)

    def _lip_features(self, grid: LipGrid) -> torch.Tensor:
        """(1, T, C) of a lip track of any length, standardised as a whole and encoded in chunks."""
        device, steps = self.device, len(grid.times)
        found = torch.from_numpy(grid.found)[None].to(device)
        points = torch.from_numpy(grid.points)[None].to(device)
        crops = torch.split(torch.from_numpy(grid.mouths)[None], CHUNK, dim=1)
        mouth = standardise(torch.cat([reduce_mouths(part) for part in crops], 1).to(device), found)
        pieces = []
        for start in range(0, steps, CHUNK):
            low, high = max(start - OVERLAP, 0), min(start + CHUNK + OVERLAP, steps)
            with half_precision(device):
                piece = self.lips(mouth[:, low:high], points[:, low:high], found[:, low:high])
            pieces.append(piece[:, start - low : min(start + CHUNK, steps) - low].float())
        return torch.cat(pieces, 1)

    def _speech_features(self, mel: Mel) -> torch.Tensor:
        """(1, J, C) of a sound of any length, levelled as a whole and encoded in chunks."""
        device = self.device
        if not len(mel.times):
            return torch.zeros((1, 0, self.config.speech.width), device=device)
        log_mel = torch.from_numpy(mel.log_mel)[None].to(device)
        valid = torch.ones(log_mel.shape[:2], dtype=torch.bool, device=device)
        scaled = normalise(log_mel, valid)
        chunk, overlap = CHUNK * LIP_PHONE_STEPS, OVERLAP * LIP_PHONE_STEPS
        pieces = []
        for start in range(0, scaled.shape[1], chunk):
            low, high = max(start - overlap, 0), min(start + chunk + overlap, scaled.shape[1])
            with half_precision(device):
                part = self.encode_speech(scaled[:, low:high], valid[:, low:high])
            pieces.append(part[:, start - low : min(start + chunk, scaled.shape[1]) - low].float())
        return torch.cat(pieces, 1)


class Ensemble(nn.Module):
    """Networks trained apart and asked together: on faces that none has seen they err apart.

    Their vectors stand side by side, so that a product of two is the mean of theirs; log-probabilities are
    averaged and normalised. Methods are those of `AVSync`.
    """

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(AVSync(member) for member in config.members)

    @property
    def networks(self) -> list[AVSync]:
        """The members."""
        return [member for member in self.members if isinstance(member, AVSync)]

    def embed_lips(self, grid: LipGrid) -> Vectors:
        """One vector each 40 ms of a lip track; its length says how much the step tells."""
        return _beside([network.embed_lips(grid) for network in self.networks])

    def embed_speech(self, mel: Mel) -> Vectors:
        """One unit vector each 10 ms of sound."""
        return _beside([network.embed_speech(mel) for network in self.networks])

    def lip_posteriors(self, grid: LipGrid) -> Posteriors:
        """Phone scores each 10 ms of a lip track, read from the mouth alone."""
        return mean_posteriors([network.lip_posteriors(grid) for network in self.networks])

    def speech_posteriors(self, mel: Mel) -> Posteriors:
        """Phone scores each 10 ms of sound."""
        return mean_posteriors([network.speech_posteriors(mel) for network in self.networks])


def _beside(parts: Sequence[Vectors]) -> Vectors:
    return replace(parts[0], vectors=side_by_side([part.vectors for part in parts]))


def side_by_side(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Vectors (T, D) of n networks as one (T, n D) array, not longer than they are."""
    return np.concatenate(vectors, axis=-1) / np.float32(np.sqrt(len(vectors)))


def save_model(model: AVSync, path: Path) -> None:
    """Write fp16 weights with their configuration and phone set as one safetensors file."""
    weightfile.write(model, model.config, path)


def read_model(path: Path) -> AVSync:
    """Read a file that `save_model` wrote, on the CPU, ready for inference.

    Raises ModelError when it is missing, damaged or of another make.
    """
    model = _read(path)
    if not isinstance(model, AVSync):
        raise weightfile.misfit(path, "it holds several networks; read_ensemble reads it")
    return model


def read_ensemble(path: Path) -> Ensemble:
    """Read the file of an ensemble, or of one network as an ensemble of one; otherwise as `read_model`."""
    model = _read(path)
    return model if isinstance(model, Ensemble) else together([model], model.config)


def together(networks: Sequence[AVSync], calibration: Calibration) -> Ensemble:
    """An ensemble of networks, ready for inference, with what was measured of it."""
    made = Ensemble(
        EnsembleConfig(
            members=tuple(network.config for network in networks),
            bias_ms=calibration.bias_ms,
            spread_ms=calibration.spread_ms,
            confidence=calibration.confidence,
        )
    )
    made.members = nn.ModuleList(networks)
    return made.eval()


def _read(path: Path) -> AVSync | Ensemble:
    fields, tensors = weightfile.read(path)
    model: AVSync | Ensemble
    try:
        if "members" in fields:
            members = tuple(_config(member) for member in fields.pop("members"))
            model = Ensemble(EnsembleConfig(members=members, **fields))
        else:
            model = AVSync(_config(fields))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise weightfile.misfit(path, error) from error
    weightfile.fill(model, tensors, path)
    return model.eval()


def _config(fields: dict[str, Any]) -> ModelConfig:
    rest = {key: value for key, value in fields.items() if key not in ("lips", "speech")}
    return ModelConfig(
        lips=LipEncoderConfig(**fields["lips"]), speech=SpeechEncoderConfig(**fields["speech"]), **rest
    )


@functools.cache
def load_model() -> Ensemble:
    """The weights that ship with avsync, where `devices` wants them, ready for inference; read once.

    Raises ModelError when the package does not hold exactly one weights file, or a damaged one, and
    ConfigError where the device is not there.
    """
    return read_ensemble(weightfile.shipped("avsync")).to(devices.chosen())
