"""Training with lightning: one module, one data module. The only file that imports lightning (extra `train`).

Shapes: B batch, T lip steps (40 ms), J speech steps (10 ms), C features, D embedding, K lags, V phone units,
N steps of a whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.utils.data import DataLoader

from avsync import augment, losses
from avsync.batches import Batch, SpeechWindow, WindowConfig, WindowSampler
from avsync.model import AVSync
from avsync.speech import log_mel_tensor, normalise
from avsync.text import UNITS
from avsync.utterances import Utterance

_Tensors = TypeVar("_Tensors", Batch, SpeechWindow)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Optimisation and the weights of the losses."""

    steps: int = 2400
    """Optimiser steps in all; the learning rate rises for 3 % of them and then falls along a cosine."""
    learning_rate: float = 1.5e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    windows: tuple[int, ...] = (5, 15, 75)
    """Lip steps whose similarities are pooled before the lags compete; the last is the whole window."""
    target_width: float = 1.5
    """Standard deviation of the soft target over lags, in lags of 10 ms."""
    cross_lag: float = 0.3
    """Weight of the contrast with other clips' speech at all lags."""
    others: int = 6
    """Clips whose speech is wrong for a clip in that contrast."""
    alone: float = 0.2
    """Share of the training before that contrast begins: first a clip meets its own speech only."""
    ctc: float = 0.02
    """Weight of the CTC loss of the lips, and of that of the sound."""
    frames: float = 1.0
    """Weight of the frame-wise phone loss of the sound (half of it for the lips)."""
    prior: float = 0.3
    """Strength of the label prior in CTC, an exponent."""
    exchange: float = 0.0
    """Share of clips whose mouth moves on the face of another clip."""
    drop_stream: float = 0.25
    """Share of clips that lose the picture stream in training; as many others lose the landmark stream."""


class SyncModule(lightning.LightningModule):
    """Both encoders trained together: time-shifted contrastive loss, CTC over phones, frame-wise phones."""

    log_priors: torch.Tensor
    """(2, V) running averages of the posteriors of the speech head and the lip head, as logarithms."""

    def __init__(self, model: AVSync, config: TrainingConfig, seed: int = 0) -> None:
        super().__init__()
        self.model = model
        self.training_config = config
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self.register_buffer("log_priors", torch.full((2, len(UNITS)), -math.log(len(UNITS))))

    def on_fit_start(self) -> None:
        """Random numbers are drawn where the network is."""
        self.generator = torch.Generator(self.device).manual_seed(self.seed)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """The weighted sum of all losses; each is logged under its name (phones of the sound-only clips)."""
        with torch.device(self.device):
            return self._loss(batch)

    def _loss(self, batch: Batch) -> torch.Tensor:
        config, generator = self.training_config, self.generator
        lips = self._lip_features(batch, generator)
        sounds = [self._speech_features(window, generator) for window in (batch.sound, batch.speech)]
        lip_vectors = self.model.project_lips(lips)
        speech_vectors = self.model.project_speech(sounds[0])
        parts = {
            f"sync{window}": loss
            for window, loss in self._sync_losses(batch, lip_vectors, speech_vectors).items()
        }
        total = torch.stack(list(parts.values())).mean()
        if config.cross_lag and self.global_step > config.alone * config.steps:
            parts["cross"] = self._cross_loss(batch, lip_vectors, speech_vectors)
            total = total + config.cross_lag * parts["cross"]
        lip_scores = self.model.lip_phone_scores(lips)
        lengths = torch.full((len(lip_scores),), lip_scores.shape[1])
        prior = self._prior(1, lip_scores.flatten(0, 1))
        parts["lip_ctc"] = losses.ctc_with_priors(
            lip_scores, lengths, batch.phones, batch.phone_counts, prior, strength=config.prior
        )
        parts["lip_frames"] = losses.frame_loss(lip_scores, batch.frames)
        total = total + config.ctc * parts["lip_ctc"] + 0.5 * config.frames * parts["lip_frames"]
        for window, features in zip((batch.sound, batch.speech), sounds, strict=True):
            ctc, frames = self._phone_losses(window, features)
            total = total + 0.5 * (config.ctc * ctc + config.frames * frames)
            parts["ctc"], parts["frames"] = ctc, frames
        self.log_dict({name: value.detach() for name, value in parts.items()}, prog_bar=False)
        self.log("loss", total.detach(), prog_bar=True)
        return total

    def _lip_features(self, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """(B, T, C) of augmented pictures and points; some clips lose one of the two."""
        flip = torch.rand(len(batch.mouths), generator=generator) < 0.5
        exchange = self.training_config.exchange
        mouth = augment.mouths(batch.mouths, batch.found, flip, generator, exchange=exchange)
        points = augment.points(batch.points, flip, generator)
        draw = torch.rand(len(batch.mouths), generator=generator)
        drop = self.training_config.drop_stream
        keep_picture, keep_points = (draw >= drop).float(), ((draw < drop) | (draw >= 2 * drop)).float()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            features: torch.Tensor = self.model.lips(
                mouth, points, batch.found, keep_picture_B=keep_picture, keep_points_B=keep_points
            )
        return features.float()

    def _speech_features(self, window: SpeechWindow, generator: torch.Generator) -> torch.Tensor:
        """(B, J, C) of augmented sound."""
        log_mel = log_mel_tensor(augment.waveform(window.waveform, generator))
        scaled = normalise(augment.mel(log_mel, generator), window.valid)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            features = self.model.encode_speech(scaled, window.valid)
        return features.float()

    def _sync_losses(self, batch: Batch, lips: torch.Tensor, speech: torch.Tensor) -> dict[int, torch.Tensor]:
        """Lag losses of lip vectors (B, T, D) and speech vectors (B, J, D) for each window length."""
        config = self.training_config
        similarity, known = losses.lag_similarity(lips, speech, batch.sound.valid)
        true_lag = batch.lag.round().long().clamp(0, known.shape[2] - 1)
        heard = known.gather(2, true_lag[:, None, None].expand(-1, known.shape[1], 1))[..., 0]
        return {
            window: losses.time_shift_loss(
                similarity * self.model.scale, batch.found.float(), batch.speaking * heard, batch.lag,
                window=window, width=config.target_width,
            )
            for window in config.windows
        }  # fmt: skip

    def _cross_loss(self, batch: Batch, lips: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        """Contrast of each clip's lip vectors (B, T, D) with the speech (B, J, D) of others at all lags."""
        config = self.training_config
        return losses.cross_lag_loss(
            lips * self.model.scale, speech, batch.sound.valid, batch.found.float(), batch.speaking,
            batch.lag, others=config.others, width=config.target_width,
        )  # fmt: skip

    def _phone_losses(
        self, window: SpeechWindow, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """CTC loss and frame-wise loss of speech features (B, J, C)."""
        scores = self.model.speech_phone_scores(features)
        prior = self._prior(0, scores[window.valid])
        # CTC reads the steps with sound only: they are one run in each clip, moved to the front here.
        lengths = window.valid.sum(1)
        first = window.valid.float().argmax(1)
        index = (torch.arange(scores.shape[1]) + first[:, None]).clamp(max=scores.shape[1] - 1)
        moved = scores.gather(1, index[..., None].expand_as(scores))
        ctc = losses.ctc_with_priors(
            moved, lengths, window.phones, window.phone_counts, prior, strength=self.training_config.prior
        )
        return ctc, losses.frame_loss(scores, window.frames)

    def _prior(self, head: int, scores_NV: torch.Tensor) -> torch.Tensor:
        """(V,) running average of the posteriors of head 0 (speech) or 1 (lips), as logarithms from -8 up."""
        if not len(scores_NV):
            return self.log_priors[head].clone()
        current = scores_NV.detach().exp().mean(0)
        with torch.no_grad():
            running = 0.98 * self.log_priors[head].exp() + 0.02 * current
            self.log_priors[head] = running.log().clamp(min=-8.0)
        return self.log_priors[head].clone()

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Batches are augmented where the network is."""
        return _moved(batch, device)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW with a short warm-up and a cosine decay, stepped every batch."""
        config = self.training_config
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        warm = max(1, int(0.03 * config.steps))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            done = min(1.0, (step - warm) / max(1, config.steps - warm))
            return 0.5 * (1 + math.cos(math.pi * done)) + 0.01

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _moved(batch: _Tensors, device: torch.device) -> _Tensors:
    """A copy of a batch on a device."""
    moved: dict[str, Any] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        moved[field.name] = value.to(device) if torch.is_tensor(value) else _moved(value, device)
    return type(batch)(**moved)


class SyncData(lightning.LightningDataModule):
    """Batches from prepared utterances; no validation loader, for recipes measure the product itself."""

    def __init__(
        self,
        talking: Sequence[Utterance],
        sound_sets: Sequence[Sequence[Utterance]],
        *,
        windows: WindowConfig,
        speaker_share: dict[str, float],
        batches: int,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.workers = workers
        self.sampler = WindowSampler(
            list(talking), [list(group) for group in sound_sets], speaker_share, windows, seed, batches
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """One batch an item; drawn in this process, for the arrays are in memory, or by `workers` others."""
        return DataLoader(self.sampler, batch_size=None, num_workers=self.workers)
