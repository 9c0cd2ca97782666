"""Copies of a clip whose sound comes later, by milliseconds that lie on no grid: the offset falls by them."""

import contextlib
import dataclasses
import zlib
from pathlib import Path

import numpy as np

from avsync import remux
from avsync.errors import MediaError
from avsync.media import Clip

LARGEST_CUT_S = 0.3
"""Seconds of sound that are cut off each end at most; no sentence of GRID begins or ends in them."""


def drawn_shifts(name: str, count: int, limit_ms: float) -> np.ndarray:
    """(count,) shifts in ms that depend on the clip's name alone, so that they stay when clips are added."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(rng.uniform(-limit_ms, limit_ms, count))


def later_by_clock(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The sound's start moved by `shift_ms`, and the shift: nothing is cut off."""
    return dataclasses.replace(clip, audio_start=clip.audio_start + shift_ms / 1000), shift_ms


def later_by_samples(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The samples moved inside the sound's extent, by whole samples; zeros come in, what leaves is lost."""
    by = round(shift_ms / 1000 * clip.sample_rate)
    moved = np.zeros_like(clip.waveform)
    if by >= 0:
        moved[by:] = clip.waveform[: len(moved) - by]
    else:
        moved[:by] = clip.waveform[-by:]
    return dataclasses.replace(clip, waveform=moved), 1000 * by / clip.sample_rate


def later_and_cut(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The sound later by the clock, with up to `LARGEST_CUT_S` cut off each end.

    GRID's picture and sound begin together, and a shift by time stamps moves the sound's ends with it: an
    estimator that matched the ends would pass that test, and fails here.
    """
    rng = np.random.default_rng(round(1e6 * abs(shift_ms)))
    head, tail = (int(cut * clip.sample_rate) for cut in rng.uniform(0, LARGEST_CUT_S, 2))
    later, done = later_by_clock(clip, shift_ms + 1000 * head / clip.sample_rate)
    sound = clip.waveform[head : len(clip.waveform) - tail]
    return dataclasses.replace(later, waveform=sound), done - 1000 * head / clip.sample_rate


def later_on_disk(source: Path, folder: Path, shift_ms: float) -> Path:
    """A copy of a file whose time stamps put the sound later."""
    target = folder / f"{source.stem}{shift_ms:+.0f}.mkv"
    if source.suffix.lower() == ".mp4":
        # Only MP4 can go on hiding what an edit list hides; some shifts it cannot hold, Matroska all.
        with contextlib.suppress(MediaError):
            remux.shift_audio(source, target.with_suffix(".mp4"), shift_ms, overwrite=True)
            return target.with_suffix(".mp4")
    remux.shift_audio(source, target, shift_ms, overwrite=True)
    return target
