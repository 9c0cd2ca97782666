"""Lip-sync error (LSE-D and LSE-C) of a file with avsync's own networks.

The definition is that of `metrics.lse`; the numbers are **not** those of the literature, which are made with
SyncNet's weights (`syncnet.measure`). Shapes: T lip steps (40 ms), K shifts of whole steps, D embedding.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from avsync import features, lips, media, metrics, speech
from avsync.encoders import LIP_RATE
from avsync.errors import ConfigError, FaceError, MediaError
from avsync.media import Clip
from avsync.model import Vectors, load_model

REACH = 15
"""Shifts to both sides, in steps of 40 ms: ±600 ms, as in SyncNet's evaluation."""

Outside = Literal["masked", "zeros"]
"""What stands for sound beyond the ends (`metrics.shift_distances`)."""


@dataclass(frozen=True, slots=True, eq=False)
class SyncScores:
    """LSE-D and LSE-C of one face, and what they were made from."""

    backbone: str
    """The networks and the first 8 digits of the SHA-256 of their weights: numbers of different backbones
    cannot be compared."""
    lse_d: float
    """Lowest mean distance over the shifts; lower is better."""
    lse_c: float
    """Median of the mean distances less the lowest; higher is better. SyncNet calls it confidence."""
    offset_ms: float
    """The shift of the lowest distance, positive when the audio leads; a multiple of 40 ms without a
    confidence: `detect_offset` is the measurement."""
    offsets_ms: np.ndarray
    """(K,) float64 shifts, from the audio leading to it lagging."""
    distances: np.ndarray
    """(K,) float64 mean distance at each shift."""
    positions: int
    """Positions in time that were compared."""
    start: float
    """Seconds on the picture's clock at which they begin."""
    end: float
    """Seconds at which they end."""
    outside: Outside
    """What stood for sound beyond the ends."""


def measure(
    source: str | PathLike[str] | Clip,
    *,
    face: int = 0,
    outside: Outside = "masked",
    tracks: tuple[lips.LipTrack, ...] | None = None,
) -> SyncScores:
    """LSE-D and LSE-C with avsync's own lip and speech vectors, over the steps in which the face is seen.

    `face`: `LipTrack.face`, 0 the one seen longest and largest. `tracks`: what `lips.track` found, where that
    was asked before. Raises MediaError without picture or sound, FaceError without that face.
    """
    clip = with_both(source)
    chosen = find_face(clip, lips.track(clip) if tracks is None else tracks, face)
    model = load_model()
    seen = model.embed_lips(features.on_grid(chosen))
    heard_TD = _heard_at(seen.times, model.embed_speech(speech.log_mel(clip)))
    seen_TD = np.where(seen.known[:, None], seen.vectors, np.nan)
    distances_TK = metrics.shift_distances(seen_TD, heard_TD, REACH, outside=outside)
    return scores(distances_TK, _backbone(), float(seen.times[0]), outside)


def scores(distances_TK: np.ndarray, backbone: str, start: float, outside: Outside) -> SyncScores:
    """LSE of the distances (T, K) of lip steps from `start` seconds on."""
    curve = metrics.mean_distances(distances_TK)
    lse_d, lse_c = metrics.lse(distances_TK)
    reach = len(curve) // 2
    offsets_ms = (reach - np.arange(len(curve))) * 1000 / LIP_RATE
    best = float("nan") if np.isnan(curve).all() else float(offsets_ms[np.nanargmin(curve)])
    known = np.flatnonzero(np.isfinite(distances_TK).any(axis=1))
    first, last = (int(known[0]), int(known[-1]) + 1) if len(known) else (0, 0)
    start, end = start + first / LIP_RATE, start + last / LIP_RATE
    return SyncScores(
        backbone, lse_d, lse_c, best, offsets_ms, curve, len(known), start, end, outside
    )  # fmt: skip


def with_both(source: str | PathLike[str] | Clip) -> Clip:
    """The clip, which must have picture and sound at 16 kHz."""
    clip = media.load(Path(source)) if isinstance(source, str | PathLike) else source
    if not (clip.has_video and clip.has_audio):
        missing = "sound" if clip.has_video else "picture"
        raise MediaError(f"{clip.source}: no {missing} in it. LSE compares both: give a file with both.")
    if clip.sample_rate != media.SAMPLE_RATE:
        raise ConfigError(
            f"{clip.source}: sample rate is {clip.sample_rate} Hz, the networks need {media.SAMPLE_RATE} Hz. "
            "Load the clip without a sample rate of its own."
        )
    return clip


def find_face(clip: Clip, tracks: tuple[lips.LipTrack, ...], face: int) -> lips.LipTrack:
    """The track of a face; raises FaceError where there is none."""
    for track in tracks:
        if track.face == face:
            return track
    known = ", ".join(str(track.face) for track in tracks) or "none"
    raise FaceError(f"{clip.source}: no face {face} was found (faces: {known}). Give a clip that shows one.")


def _heard_at(times: np.ndarray, heard: Vectors) -> np.ndarray:
    """(T, D) speech vectors at lip times, interpolated between their 10 ms steps; NaN outside the sound."""
    if len(heard.times) < 2:
        return np.full((len(times), heard.vectors.shape[1]), np.nan)
    position = (times - heard.times[0]) / (heard.times[1] - heard.times[0])
    known = (position > -0.6) & (position < len(heard.times) - 0.4)  # half a step and rounding
    left = position.astype(int).clip(0, len(heard.times) - 2)
    share = (position - left).clip(0, 1)[:, None]
    between = (1 - share) * heard.vectors[left] + share * heard.vectors[left + 1]
    return np.where(known[:, None], between, np.nan)


@functools.cache
def _backbone() -> str:
    """`avsync-` and the digest of the weights that `load_model` reads."""
    folder = resources.files("avsync") / "weights"
    (weights,) = [entry for entry in folder.iterdir() if entry.name.startswith("avsync-")]
    return f"avsync-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}"
