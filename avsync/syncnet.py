"""The original SyncNet, for numbers that can be compared with published LSE-D and LSE-C.

Chung & Zisserman, "Out of time: automated lip sync in the wild", ACCV workshop 2016. avsync ships no weights
of it: give the file `syncnet_v2.model` of its authors. Shapes: T steps of 40 ms, N windows of 5 steps, D
embedding (1024).
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from avsync import facecrop, lips, lse, metrics
from avsync.encoders import LIP_RATE
from avsync.errors import MediaError, ModelError
from avsync.lse import Outside, SyncScores
from avsync.media import SAMPLE_RATE, Clip
from avsync.mfcc import mfcc

WINDOW = 5
"""Pictures that one embedding sees: 0.2 s."""
CEPSTRA_A_STEP = 4
"""Frames of cepstra in a step of 40 ms."""
EMBEDDING = 1024
"""Length of an embedding."""
BATCH = 20
"""Windows embedded at a time."""
PUBLISHED = (
    "It is the file syncnet_v2.model of Chung & Zisserman's SyncNet, which its authors publish at "
    "https://www.robots.ox.ac.uk/~vgg/software/lipsync/ (for research; read its licence there)."
)


class SyncNet(nn.Module):
    """Two stacks of convolutions and two heads; names and order are those of the published weights."""

    backbone: str = "syncnet"
    """Name of the weights for `SyncScores.backbone`."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_convolution(nn.Conv2d, 1, 64, 3, padding=1),
            nn.Identity(),  # a pooling of one cell in the original
            *_convolution(nn.Conv2d, 64, 192, 3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_convolution(nn.Conv2d, 192, 384, 3, padding=1),
            *_convolution(nn.Conv2d, 384, 256, 3, padding=1),
            *_convolution(nn.Conv2d, 256, 256, 3, padding=1),
            nn.MaxPool2d(3, 2),
            *_convolution(nn.Conv2d, 256, 512, (5, 4)),
        )
        self.netcnnlip = nn.Sequential(
            *_convolution(nn.Conv3d, 3, 96, (WINDOW, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolution(nn.Conv3d, 96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_convolution(nn.Conv3d, 256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_convolution(nn.Conv3d, 256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_convolution(nn.Conv3d, 256, 256, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolution(nn.Conv3d, 256, 512, (1, 6, 6)),
        )
        self.netfcaud, self.netfclip = _head(), _head()

    @torch.inference_mode()
    def embed_lips(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """(T, 224, 224, 3) uint8 BGR one after the other -> (T - 4, D): windows from each picture on."""
        parts = [np.zeros((0, EMBEDDING), np.float32)]
        for group in _overlapping(pictures):
            # Only the first convolution reaches over time, so windows need not be cut out one by one.
            stacked = torch.from_numpy(group).to(self._device).permute(3, 0, 1, 2)[None].float()
            features = self.netcnnlip(stacked)[0, :, :, 0, 0].T
            parts.append(self.netfclip(features).cpu().numpy())
        return np.concatenate(parts)

    @torch.inference_mode()
    def embed_speech(self, cepstra: np.ndarray, windows: int) -> np.ndarray:
        """(4 T or so, 13) cepstra -> (N, D): window n hears 20 frames from frame 4 n on."""
        parts = [np.zeros((0, EMBEDDING), np.float32)]
        length = WINDOW * CEPSTRA_A_STEP
        for start in range(0, windows, BATCH):
            firsts = range(
                start * CEPSTRA_A_STEP, min(start + BATCH, windows) * CEPSTRA_A_STEP, CEPSTRA_A_STEP
            )
            group = np.stack([cepstra[first : first + length].T for first in firsts])[:, None]
            features = self.netcnnaud(torch.from_numpy(group).to(self._device)).flatten(1)
            parts.append(self.netfcaud(features).cpu().numpy())
        return np.concatenate(parts)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def read_weights(path: str | PathLike[str], *, device: str = "cpu") -> SyncNet:
    """SyncNet with the published weights, ready for inference.

    The file is read as numbers alone: nothing in it is executed. Raises ModelError when it is missing,
    damaged or of another network.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: there are no such weights. {PUBLISHED} Download it and give its path.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(
            f"{path}: cannot be read as weights ({reason}). {PUBLISHED} Get a new copy."
        ) from error
    net = SyncNet()
    try:
        net.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: not the weights of SyncNet ({reason}). {PUBLISHED}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    net.backbone = f"syncnet-{digest[:8]}"
    return net.eval().to(device)


def measure(
    source: str | PathLike[str] | Clip,
    weights: str | PathLike[str] | SyncNet,
    *,
    crop: Literal["face", "none"] = "face",
    face: int = 0,
    outside: Outside = "masked",
    tracks: tuple[lips.LipTrack, ...] | None = None,
) -> SyncScores:
    """LSE-D, LSE-C and SyncNet's offset of a file or a loaded clip.

    `weights`: `syncnet_v2.model`, or what `read_weights` made of it, for many files. `crop="none"` takes the
    whole pictures, for clips that are cut to a face already (LRS2, LRS3). `outside="zeros"` is what the
    published numbers were made with; see `metrics.shift_distances`. `face`, `tracks`: as for `lse.measure`.
    The longest stretch of the face is scored, on a clock of 25 pictures a second. Raises ModelError for
    weights that do not fit, MediaError without picture or sound or with less than 0.24 s of them, FaceError
    without that face, ConfigError for grey pictures or another sample rate than 16 kHz.
    """
    net = weights if isinstance(weights, SyncNet) else read_weights(weights)
    clip = lse.with_both(source)
    if crop == "none":
        grid = facecrop.whole_pictures(clip)
    else:
        grid = facecrop.follow_face(
            clip, lse.find_face(clip, lips.track(clip) if tracks is None else tracks, face)
        )
    grid, samples = _heard_part(clip, grid)
    # The original leaves one window that would fit out.
    windows = min(len(grid.times), len(samples) * LIP_RATE // SAMPLE_RATE) - WINDOW
    if windows < 1:
        raise MediaError(
            f"{clip.source}: the face is seen with sound for {windows + WINDOW} steps of 40 ms, "
            f"SyncNet needs {WINDOW + 1}. Give a longer clip."
        )
    seen_TD = net.embed_lips(facecrop.pictures(clip, grid.part(0, windows + WINDOW - 1)))
    heard_TD = net.embed_speech(mfcc(samples), windows)
    distances_TK = metrics.shift_distances(seen_TD, heard_TD, lse.REACH, outside=outside)
    return lse.scores(distances_TK, net.backbone, float(grid.times[0]), outside)


def _heard_part(clip: Clip, grid: facecrop.FaceGrid) -> tuple[facecrop.FaceGrid, np.ndarray]:
    """The grid from the first step on that has sound, and the sound from that step to the grid's end."""
    first = int(np.searchsorted(grid.times, clip.audio_start - 0.5 / SAMPLE_RATE))
    grid = grid.part(first, len(grid.times))
    if not len(grid.times):
        return grid, np.zeros(0, np.float32)
    start = round((grid.times[0] - clip.audio_start) * SAMPLE_RATE)
    return grid, clip.waveform[start : start + len(grid.times) * SAMPLE_RATE // LIP_RATE]


def _overlapping(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Groups of up to 24 pictures: each begins with the last 4 of the one before."""
    kept: list[np.ndarray] = []
    for picture in pictures:
        kept.append(picture)
        if len(kept) == BATCH + WINDOW - 1:
            yield np.stack(kept)
            kept = kept[-(WINDOW - 1) :]
    if len(kept) >= WINDOW:
        yield np.stack(kept)


def _convolution(
    kind: type[nn.Conv2d] | type[nn.Conv3d], inputs: int, outputs: int, size: object, **how: object
) -> list[nn.Module]:
    norm = nn.BatchNorm2d if kind is nn.Conv2d else nn.BatchNorm3d
    return [kind(inputs, outputs, size, **how), norm(outputs), nn.ReLU()]  # type: ignore[arg-type]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING))
