"""What is done to the sound, as a pure function of time: shifts, drift and steps.

An output at picture time `t` is the source's sound of `t - shift(t)`. Everything is seconds on the source's
presentation clock; nothing here knows of samples or files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsync.errors import ConfigError
from avsync.timebase import ms_to_seconds

MAX_SHIFT_MS = 86_400_000.0
"""A day: more is no shift of one recording."""

MAX_DRIFT_PPM = 100_000.0
"""A tenth: film played at 25 instead of 24 frames a second drifts by 42,000."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One law of the shift, from a time on."""

    start: float
    """Seconds on the picture's clock from which it holds; the first piece holds before it as well."""
    shift: float
    """Seconds by which the sound is later, at `start`."""
    drift: float = 0.0
    """Seconds a second by which the shift grows from there."""

    def source(self, time: float) -> float:
        """When the sound that belongs to a picture's time is heard in the source."""
        return time - self.shift - self.drift * (time - self.start)

    def output(self, time: float) -> float:
        """To which picture's time the source's sound of `time` goes."""
        return self.start + (time - self.start + self.shift) / (1 - self.drift)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece is heard: [begin, end) on the picture's clock, infinite at the outer ends."""

    begin: float
    end: float
    piece: Piece


@dataclass(frozen=True, slots=True)
class Retiming:
    """Pieces in rising order of `start`.

    Where the shift jumps up by d, d seconds of silence come before the step; where it jumps down, the source
    loses d seconds there. No sound is heard twice.
    """

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        if not self.pieces:
            raise ConfigError("a retiming without pieces says nothing. Give at least one piece.")
        for piece in self.pieces:
            if not abs(piece.shift) <= ms_to_seconds(MAX_SHIFT_MS):
                raise ConfigError(
                    f"the sound cannot be shifted by {piece.shift * 1000:g} ms. Give at most a day, "
                    f"{MAX_SHIFT_MS:.0f} ms."
                )
            if not abs(piece.drift) <= MAX_DRIFT_PPM * 1e-6:
                raise ConfigError(
                    f"a drift of {piece.drift * 1e6:g} ppm is out of range. Give at most "
                    f"{MAX_DRIFT_PPM:.0f} ppm either way."
                )
            if not math.isfinite(piece.start):
                raise ConfigError(f"a step at {piece.start} s is nowhere. Give a time in seconds.")
        for one, other in pairwise(self.pieces):
            if other.start <= one.start:
                raise ConfigError(
                    f"the steps at {one.start:g} and {other.start:g} s do not rise. Give them in order."
                )
        for span in self.spans()[:-1]:
            if span.end <= span.begin:
                raise ConfigError(
                    f"the step at {span.piece.start:g} s leaves no sound before the next one. "
                    "Give steps that are further apart than they are high."
                )

    @property
    def constant(self) -> float | None:
        """The shift in seconds, where it is one for the whole file; else None."""
        (first, *more) = self.pieces
        return first.shift if not more and first.drift == 0 else None

    @property
    def method(self) -> str:
        """How sound that cannot just be moved is made: `samples`, `resample` or `pieces`."""
        if len(self.pieces) > 1:
            return "pieces"
        return "resample" if self.pieces[0].drift else "samples"

    def spans(self) -> list[Span]:
        """Where each piece is heard."""
        spans = []
        for index, piece in enumerate(self.pieces):
            begin = piece.start if index else -math.inf
            end = math.inf
            if index + 1 < len(self.pieces):
                after = self.pieces[index + 1]
                # What would be heard again after the step is silence before it.
                end = min(after.start, piece.output(after.source(after.start)))
            spans.append(Span(begin, end, piece))
        return spans

    def source_times(self, times: ArrayLike) -> NDArray[np.float64]:
        """For each picture time (N,), when its sound is heard in the source; NaN for silence."""
        times = np.asarray(times, dtype=np.float64)
        heard = np.full(times.shape, np.nan)
        for span in self.spans():
            inside = (times >= span.begin) & (times < span.end)
            piece = span.piece
            heard[inside] = times[inside] - piece.shift - piece.drift * (times[inside] - piece.start)
        return heard

    def heard_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """As `source_times`, with the sound that follows in place of silence."""
        times = np.asarray(times, dtype=np.float64)
        heard = self.source_times(times)
        for piece in self.pieces[1:]:
            silent = np.isnan(heard) & (times < piece.start)
            heard[silent] = piece.source(piece.start)
        return heard

    def seen_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """For each time of the source's sound (N,), the picture time to which it goes: rises throughout.

        Sound that is cut at a step goes to the step.
        """
        times = np.asarray(times, dtype=np.float64)
        seen = np.full(times.shape, -math.inf)
        for span in self.spans():
            piece = span.piece
            reached = (times >= piece.source(piece.start)) | (span.begin == -math.inf)
            output = piece.start + (times - piece.start + piece.shift) / (1 - piece.drift)
            seen[reached] = output[reached].clip(span.begin, span.end)
        return seen

    def shift_at(self, time: float) -> float:
        """Seconds by which the sound of a picture's time is later."""
        piece = next((one for one in reversed(self.pieces) if one.start <= time), self.pieces[0])
        return time - piece.source(time)

    def output_time(self, time: float) -> float:
        """To which picture time the source's sound of `time` goes; NaN where it is cut."""
        for span in self.spans():
            output = span.piece.output(time)
            if span.begin <= output < span.end:
                return output
        return math.nan


def retiming(
    offset_ms: float, drift_ppm: float, steps: Sequence[tuple[float, float]], first_picture: float
) -> Retiming:
    """The cure for an offset (ms, positive = audio leads).

    The offset at picture time t is `offset_ms + drift_ppm * (t - first_picture) / 1000`; from each step
    (seconds, ms) on it is the step's, and drifts on from there.
    """
    drift = drift_ppm * 1e-6
    # A step at the first picture or before it leaves nothing for the offset to hold for.
    starts = [] if steps and steps[0][0] <= first_picture else [(first_picture, offset_ms)]
    starts += steps
    return Retiming(tuple(Piece(float(t), ms_to_seconds(ms), drift) for t, ms in starts))
