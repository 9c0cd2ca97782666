"""Which stretch of a clip to take, and with which pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avsync import media
from avsync.errors import ConfigError, MediaError
from avsync.sources import Media, Source, Stretch, usual_gap
from avsync.timebase import Times

TOLERANCE = 1e-6
"""Seconds that rounding may put between two times that are meant to be one."""

LOOK_S = 0.15
"""The picture on screen at the start of a stretch was presented before it, usually by less than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """What a data set takes from each clip."""

    seconds: float | None = None
    """Length of the stretch that is taken; None = the whole clip. A clip that is shorter is taken whole."""
    crop: Literal["random", "centre"] = "random"
    """Where the stretch lies: drawn from (seed, epoch, index), or in the middle."""
    fps: float | None = None
    """None = the pictures of the file with their own times; a number = the picture on screen at each tick of
    an even grid that starts with the stretch."""
    pixel_format: Literal["rgb", "gray"] = "rgb"
    """`rgb` (T, H, W, 3) or `gray` (T, H, W). Arrays in shards are delivered as they are."""
    height: int | None = None
    """Pictures are scaled to this many rows; None = as they are, and so are arrays in shards."""
    width: int | None = None
    """... and columns; None = in proportion. Both together make one size of pictures of all shapes."""
    sample_rate: int = 16_000
    """Samples a second. Arrays in shards are not resampled: another rate there is an error."""
    seed: int = 0
    """Same seed, epoch and index, same stretch."""
    on_error: Literal["raise", "skip"] = "raise"
    """`skip`: a clip that cannot be read is left out of its batch with a warning that names it; all others
    stay where they were."""

    def __post_init__(self) -> None:
        for name in ("seconds", "fps", "height", "width"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"{name} {value} is out of range. Give more than 0, or None.")
        allowed = {
            "crop": ("random", "centre"),
            "pixel_format": ("rgb", "gray"),
            "on_error": ("raise", "skip"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ConfigError(f"{name} {getattr(self, name)!r} is unknown. Give {' or '.join(values)}.")
        if self.sample_rate < 1000:
            raise ConfigError(f"a sample rate of {self.sample_rate} Hz is too low. Give 1000 Hz or more.")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed} is negative. Give 0 or more.")

    def open(
        self, path: media.MediaFile, audio: media.MediaFile | None = None, *, name: str | None = None
    ) -> Media:
        """A media file, or the bytes of one, that gives pictures and sound as configured.

        `name`: what messages call it instead of its own name.
        """
        reader = media.open(
            path,
            audio=audio,
            sample_rate=self.sample_rate,
            pixel_format=self.pixel_format,
            height=self.height,
            width=self.width,
        )
        if name is not None:
            reader.info = replace(reader.info, source=name)
            sound = name if audio is None else f"{name}, its sound"
            reader.audio_info = replace(reader.audio_info, source=sound)
        return Media(reader)


def choose(
    span: tuple[float, float], config: ClipConfig, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Start and end of the stretch to take from `span`; None where all of it is."""
    start, end = span
    if config.seconds is None or end - start <= config.seconds + TOLERANCE:
        return None
    slack = end - start - config.seconds
    start += slack / 2 if config.crop == "centre" else float(rng.uniform(0, slack))
    # Whole microseconds: a picture at 1.2 s shall not be taken because 0.8 + 0.4 is a little more than that.
    return round(start, 6), round(start + config.seconds, 6)


def take(source: Source, start: float, end: float, fps: float | None) -> Stretch:
    """What is seen and heard in `[start, end)`, with the file's pictures or those of a grid of `fps`.

    Raises `MediaError` where nothing is.
    """
    taken = source.read(start, end) if fps is None else _on_grid(source, start, end, fps)
    if not len(taken.frame_times) and not len(taken.waveform):
        raise MediaError(f"{source.name} has neither picture nor sound between {start:.3f} and {end:.3f} s.")
    return taken


def _on_grid(source: Source, start: float, end: float, fps: float) -> Stretch:
    """The picture on screen at each of the times `start + k / fps` before `end`, and the sound as it is.

    A tick before the first picture of the file or after its last has none, and is left out. From the start
    of the file (minus infinity) the grid begins with its first picture or sound.
    """
    start = source.span[0] if start == -math.inf else start
    near = source.read(start - LOOK_S, end)
    heard = near.within(start, end)
    times, frames = _from_on_screen(source, start, near)
    if not len(times):
        return heard
    last = min(end, _shown_until(source, times, end))
    ticks = start + np.arange(max(math.ceil((last - start) * fps - TOLERANCE), 0)) / fps
    shown = np.searchsorted(times, ticks + TOLERANCE, side="right") - 1
    ticks, shown = ticks[shown >= 0], shown[shown >= 0]
    return Stretch(frames[shown], ticks, heard.waveform, heard.audio_start, heard.sample_rate)


def _from_on_screen(source: Source, start: float, near: Stretch) -> tuple[Times, np.ndarray]:
    """Times and pictures of `near`, with the one on screen at `start` before them if it was shown earlier."""
    look, times, frames = LOOK_S, near.frame_times, near.frames
    first = source.span[0]
    while (not len(times) or times[0] > start + TOLERANCE) and start - look > first:
        look *= 4
        earlier = source.read(start - look, start - look / 4)
        if len(earlier.frame_times):
            # An empty array of pictures has no size to be joined by.
            frames = np.concatenate((earlier.frames[-1:], frames)) if len(frames) else earlier.frames[-1:]
            return np.concatenate((earlier.frame_times[-1:], times)), frames
    return times, frames


def _shown_until(source: Source, times: Times, end: float) -> float:
    """When the last picture before `end` goes: at `end` or later where another follows, else after the usual
    gap.
    """
    gone = float(times[-1]) + usual_gap(times)
    if end <= gone + TOLERANCE:
        return end
    look, last = LOOK_S, source.span[1]
    begin = end
    while begin < last:
        if len(source.read(begin, begin + look).frame_times):
            return end
        begin, look = begin + look, look * 4
    return gone
