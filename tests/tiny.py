"""Small networks and made-up mouths, faces and clips, so that tests of the networks take milliseconds."""

import numpy as np
import torch

from avsync.encoders import LipEncoder, LipEncoderConfig, SpeechEncoder, SpeechEncoderConfig
from avsync.features import LIP_POINTS, LipGrid
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.model import AVSync, ModelConfig

LIPS = LipEncoderConfig(channels=(4, 4, 6, 6, 8), point_features=8, width=12)
"""Few channels, the shipped reach."""
SPEECH = SpeechEncoderConfig(width=12)


def awake(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """`module` in eval mode, with running statistics that are not 0 and 1, so that they matter."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.running_mean.copy_(0.3 * torch.randn(part.num_features, generator=generator))
            part.running_var.copy_(0.5 + torch.rand(part.num_features, generator=generator))
    return module.eval()


def model(seed: int = 0, **how: object) -> AVSync:
    """A small untrained model in eval mode whose weights fp16 can hold exactly."""
    torch.manual_seed(seed)
    made = awake(AVSync(ModelConfig(lips=LIPS, speech=SPEECH, dimension=8, **how)), seed)
    made.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in made.state_dict().items()}
    )
    return made


def grid(steps: int, seed: int = 0, start: float = 0.0) -> LipGrid:
    """A grid of mouths, all found: one picture turned or mirrored, so that mean and variance are one."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (96, 96), dtype=np.uint8)
    turns = rng.integers(0, 4, steps)
    mouths = np.stack([np.rot90(picture.T if step % 2 else picture, turn) for step, turn in enumerate(turns)])
    points = rng.normal(0, 1, (steps, len(LIP_POINTS), 2)).astype(np.float32)
    return LipGrid(mouths, points, np.ones(steps, bool), start + np.arange(steps) / 25)


def face(seed: int = 0) -> np.ndarray:
    """(468,) complex: points of a made-up face, its outer eye corners 0.5 left and right of the origin."""
    rng = np.random.default_rng(seed)
    plane = rng.uniform(-0.8, 0.8, 468) + 1j * rng.uniform(-0.8, 1.0, 468)
    plane[[33, 263]] = -0.5, 0.5
    return plane


def track(
    times: np.ndarray, grey: np.ndarray, planes: np.ndarray, found: np.ndarray | None = None
) -> LipTrack:
    """A track of evenly grey mouths (T,) and faces (T, 468) complex; 1 is the eye distance, 100 pixels."""
    found = np.ones(len(times), bool) if found is None else found
    mouths = np.repeat(np.rint(grey).astype(np.uint8), 96 * 96).reshape(-1, 96, 96) * found[:, None, None]
    pixels = 320 + 240j + 100 * planes
    landmarks = np.stack((pixels.real, pixels.imag), -1).astype(np.float32)
    landmarks[~found] = np.nan
    boxes = np.where(found[:, None], np.float32([290, 270, 350, 330]), np.float32(np.nan))
    return LipTrack(np.asarray(times, float), mouths, landmarks, boxes, found, 0)


def clip(
    seconds: float = 3.0,
    *,
    fps: float = 25.0,
    waveform: np.ndarray | None = None,
    frame_times: np.ndarray | None = None,
    sample_rate: int = 16_000,
    audio_start: float = 0.0,
) -> Clip:
    """A clip of grey pictures; its sound is quiet noise unless given."""
    times = np.arange(round(seconds * fps)) / fps if frame_times is None else frame_times
    if waveform is None:
        waveform = 0.1 * np.random.default_rng(0).normal(size=round(seconds * sample_rate))
    frames = [np.full((8, 8, 3), 128, np.uint8)] * len(times)
    return Clip("made.mp4", times, frames, waveform, sample_rate, audio_start, None)  # type: ignore[arg-type]


def lip_encoder() -> LipEncoder:
    """A small lip encoder, always the same."""
    torch.manual_seed(0)
    return awake(LipEncoder(LIPS))


def speech_encoder() -> SpeechEncoder:
    """A small speech encoder, always the same."""
    torch.manual_seed(0)
    return awake(SpeechEncoder(SPEECH))
