"""The two encoders: moving lips to vectors at 25 Hz, sound to vectors at 100 Hz.

Shapes: B batch, T lip time steps (40 ms), J speech time steps (10 ms), C channels, H W crop size, P lip
points, M mel bins.
Both see a few hundred milliseconds around each step, no more, so that a vector stays tied to its time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from avsync.errors import ConfigError

LIP_RATE = 25
"""Lip vectors a second: tracks of any frame rate are resampled on their times to this grid."""
SPEECH_RATE = 100
"""Speech vectors a second."""
CROP = 48
"""Pixels, side of the square mouth picture that the network sees (the tracked 96-pixel crop, reduced)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LipEncoderConfig:
    """Sizes of `LipEncoder`."""

    channels: tuple[int, ...] = (16, 32, 48, 64, 96)
    """Channels of the convolutions over one picture; the first, second, fourth and fifth halve its size."""
    points: int = 40
    """Lip points of the landmark stream, two coordinates each."""
    point_features: int = 64
    """Width of the landmark stream."""
    width: int = 160
    """Channels of the trunk over time."""
    dilations: tuple[int, ...] = (1, 1, 2, 3)
    """One residual block over time each, three steps wide at this spacing: with the motion that the streams
    see +-8 steps (320 ms)."""
    dropout: float = 0.1
    """Dropout inside the trunk while training."""

    def __post_init__(self) -> None:
        if len(self.channels) != 5:
            raise ConfigError(f"LipEncoderConfig.channels needs 5 numbers, got {self.channels}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEncoderConfig:
    """Sizes of `SpeechEncoder`."""

    mel_bins: int = 80
    """Mel bands of the input."""
    heard: int = 0
    """Channels of what a phone network hears, which come beside the mel bands; 0: none."""
    width: int = 160
    """Channels of the trunk over time."""
    dilations: tuple[int, ...] = (1, 2, 3, 4, 1)
    """One residual block over time each, three steps wide at this spacing: with the first layer +-13 steps
    (130 ms)."""
    dropout: float = 0.1
    """Dropout inside the trunk while training."""


class TimeBlock(nn.Module):
    """Residual convolution over time, three steps wide; its padding, and what is invalid, is zero."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x_BCT: torch.Tensor, valid_B1T: torch.Tensor) -> torch.Tensor:
        """(B, C, T), (B, 1, T) 0 or 1 -> (B, C, T), zero where not valid, so that padding never leaks in."""
        inner = torch.relu(self.norm(self.conv(x_BCT)))
        return torch.relu(x_BCT + self.mix(self.dropout(inner))) * valid_B1T


class LipEncoder(nn.Module):
    """Mouth pictures and lip points to one vector a step.

    The picture stream sees three consecutive crops as channels (so that motion is visible to its first
    layer), the landmark stream positions and velocities of the lip points in the face's own frame. Both
    meet before the trunk over time.
    """

    def __init__(self, config: LipEncoderConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        previous = 3
        for index, (channels, stride) in enumerate(zip(config.channels, (2, 2, 1, 2, 2), strict=True)):
            kernel = 5 if index == 0 else 3
            layers += [
                nn.Conv2d(previous, channels, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(channels),
            ]
            layers += [nn.ReLU()]
            previous = channels
        self.picture = nn.Sequential(*layers)
        self.picture_out = nn.Linear(previous * 9, config.width)
        self.landmarks = nn.Sequential(
            nn.Conv1d(config.points * 4, config.point_features, 1), nn.ReLU(),
            nn.Conv1d(config.point_features, config.width, 1),
        )  # fmt: skip
        self.trunk = nn.ModuleList(TimeBlock(config.width, d, config.dropout) for d in config.dilations)

    def forward(
        self,
        mouth_BTHW: torch.Tensor,
        points_BTP2: torch.Tensor,
        found_BT: torch.Tensor,
        *,
        keep_picture_B: torch.Tensor | None = None,
        keep_points_B: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, T, 48, 48) crops from `features`, (B, T, P, 2) points, (B, T) bool -> (B, T, width).

        Steps that were not found come out as zero.
        keep_picture_B, keep_points_B: (B,) 0 or 1; 0 drops a stream of a clip (stream dropout in training).
        """
        batch, steps = mouth_BTHW.shape[:2]
        found_B1T = found_BT[:, None].to(mouth_BTHW.dtype)
        mouth = mouth_BTHW * found_BT[..., None, None]
        motion = torch.stack((_shift(mouth, 1), mouth, _shift(mouth, -1)), dim=2)
        planes = self.picture(motion.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        picture = self.picture_out(planes.flatten(1)).view(batch, steps, -1).transpose(1, 2)
        points = points_BTP2.flatten(2) * found_BT[..., None]
        both_found = (found_BT & _shift(found_BT, 1) & _shift(found_BT, -1))[..., None]
        velocity = (_shift(points, -1) - _shift(points, 1)) * both_found
        landmarks = self.landmarks(torch.cat((points, 4 * velocity), -1).transpose(1, 2))
        if keep_picture_B is not None:
            picture = picture * keep_picture_B[:, None, None]
        if keep_points_B is not None:
            landmarks = landmarks * keep_points_B[:, None, None]
        x_BCT = torch.relu(picture + landmarks) * found_B1T
        for block in self.trunk:
            x_BCT = block(x_BCT, found_B1T)
        return x_BCT.transpose(1, 2)


class SpeechEncoder(nn.Module):
    """Normalised log-mel frames, and what a phone network hears in them, to one vector each 10 ms."""

    def __init__(self, config: SpeechEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv1d(config.mel_bins + config.heard, config.width, 5, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(config.width)
        self.trunk = nn.ModuleList(TimeBlock(config.width, d, config.dropout) for d in config.dilations)

    def forward(
        self, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor, heard_BJC: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, J, M) from `speech.normalise`, (B, J) bool -> (B, J, width), zero where not valid.

        heard_BJC: `phones.PhoneModel.last_layer` of the same, for an encoder with `heard` channels.
        """
        valid_B1J = valid_BJ[:, None].to(mel_BJM.dtype)
        sound_BJM = mel_BJM if heard_BJC is None else torch.cat((mel_BJM, heard_BJC.to(mel_BJM.dtype)), -1)
        x_BCJ = torch.relu(self.norm(self.stem(sound_BJM.transpose(1, 2)))) * valid_B1J
        for block in self.trunk:
            x_BCJ = block(x_BCJ, valid_B1J)
        return x_BCJ.transpose(1, 2)


def _shift(x_BT: torch.Tensor, steps: int) -> torch.Tensor:
    """Values of `steps` earlier (positive) or later along dimension 1; zeros (not found) enter at edges."""
    moved = torch.zeros_like(x_BT)
    if steps > 0:
        moved[:, steps:] = x_BT[:, :-steps]
    else:
        moved[:, :steps] = x_BT[:, -steps:]
    return moved
