"""The sound of a clip on the presentation clock: decoded, mixed to mono, resampled, laid where its PTS say.

A decoder hands out samples without gaps; where they belong is in the time stamps. The difference between a
frame's time stamp and the length of the sound before it (the *lag* here) is constant in sound without gaps.
It wobbles by the rounding of the container (1 ms in Matroska), jumps where sound is missing or doubled, and
creeps where the recorder's sample clock is not the container's. Rounding is averaged out, jumps become
silence or a cut, creep is followed.
"""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
from numpy.typing import NDArray

from avsync.errors import MediaError
from avsync.timebase import pts_to_seconds, samples_to_seconds

Waveform = NDArray[np.float32]
"""(N,) mono."""

GAP_SECONDS = 0.010
"""A jump of the lag by more than this is missing (or doubled) sound. Below lies the rounding of containers
(at most 1 ms each way) and the jitter of capture programs; above lies one lost packet of any usual codec (20
to 26 ms)."""

CREEP_SECONDS = 0.002
"""A slow change of the lag within a run that stays below this is taken for rounding and not followed."""

BLOCK_SECONDS = 2.0
"""The lag's creep is the median of blocks of this length, joined by lines."""

LONG_SILENCE_SECONDS = 5.0
"""Longer gaps are filled as well, and reported."""

MAX_SILENCE_SECONDS = 2 * 3600.0
"""More silence than this is damaged time stamps: filling it in would only fill the memory."""

MIN_SAMPLE_RATE = 1000
"""Fewer samples a second are a damaged header; resampling them would fill the memory."""


@dataclass(slots=True)
class SoundTrack:
    """Collects decoded audio frames; `place` lays them on the clock."""

    sample_rate: int
    chunks: list[Waveform] = field(default_factory=list)
    positions: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    refused: int = 0
    """Frames whose sample rate is impossible."""
    _length: float = 0.0
    _resampler: av.AudioResampler | None = None
    _source: tuple[int, str, str] | None = None

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next decoded frame."""
        pts, time_base = frame.pts, frame.time_base
        frame.pts = None  # the resampler must not look at time stamps: gaps are filled in `place`
        resampled = None
        if frame.sample_rate >= MIN_SAMPLE_RATE:
            with contextlib.suppress(av.FFmpegError):  # a sample rate beyond all measure
                resampled = self._resampler_for(frame).resample(frame)
        if resampled is None:
            self.refused += 1
            return
        self._take(resampled)
        self.positions.append(self._length)
        self.times.append(np.nan if pts is None or time_base is None else pts_to_seconds(pts, time_base))
        self._length += samples_to_seconds(frame.samples, frame.sample_rate)

    def _resampler_for(self, frame: av.AudioFrame) -> av.AudioResampler:
        source = (frame.sample_rate, frame.layout.name, frame.format.name)
        if self._resampler is None or source != self._source:
            self._flush()
            self._source = source
            # rematrix_maxval: stereo becomes (L + R) / 2, not FFmpeg's default, a louder sum that clips.
            self._resampler = av.AudioResampler(
                format="flt", layout="mono", rate=self.sample_rate, options={"rematrix_maxval": "1.0"}
            )
        return self._resampler

    def _take(self, frames: list[av.AudioFrame]) -> None:
        self.chunks.extend(f.to_ndarray().reshape(-1).astype(np.float32, copy=False) for f in frames)

    def _flush(self) -> None:
        if self._resampler is not None:
            with contextlib.suppress(av.FFmpegError):
                self._take(self._resampler.resample(None))
            self._resampler = None

    def place(self, source: str) -> tuple[Waveform, float]:
        """The whole sound as (N,) and the time of its first sample; `source` names the file in warnings."""
        self._flush()
        if not self.chunks:
            return np.zeros(0, np.float32), 0.0
        samples = np.concatenate(self.chunks)
        self.chunks.clear()
        return place_on_clock(
            samples, np.asarray(self.positions), np.asarray(self.times), self.sample_rate, source
        )


def place_on_clock(
    samples: Waveform,
    positions: NDArray[np.float64],
    times: NDArray[np.float64],
    sample_rate: int,
    source: str,
) -> tuple[Waveform, float]:
    """Lay decoded sound on the presentation clock.

    `samples`: (N,) without gaps; `positions`: (M,) seconds of sound decoded before each frame; `times`: (M,)
    its time stamp in seconds, NaN where it has none. Returns the sound with silence in its gaps, and its
    start.
    """
    lag = _lags(positions, times)
    if lag is None:
        warnings.warn(f"{source}: the sound has no time stamps; it is taken to start at 0 s", stacklevel=4)
        return samples, 0.0
    smooth = _median_of_five(lag)
    borders = np.flatnonzero(np.abs(np.diff(smooth)) > GAP_SECONDS) + 1
    edges = np.concatenate([[0], borders, [len(lag)]])
    pieces: list[tuple[float, Waveform]] = []
    for first, last in pairwise(edges):
        begin = positions[first]
        end = positions[last] if last < len(positions) else np.inf
        run = samples[round(begin * sample_rate) : None if np.isinf(end) else round(end * sample_rate)]
        pieces.append(_run_on_clock(run, positions[first:last] - begin, lag[first:last] + begin, sample_rate))
    return _join(pieces, sample_rate, source)


def _median_of_five(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) running median; the values at both ends are repeated. In numpy, as scipy is slow to import."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="edge"), 5)
    medians: NDArray[np.float64] = np.median(windows, axis=1)
    return medians


def _lags(positions: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    lag = times - positions
    known = np.flatnonzero(np.isfinite(lag))
    if not len(known):
        return None
    # A frame without a time stamp follows the one before it.
    nearest = np.searchsorted(known, np.arange(len(lag)), side="right") - 1
    return lag[known[np.maximum(nearest, 0)]]


def _run_on_clock(
    run: Waveform, positions: NDArray[np.float64], lag: NDArray[np.float64], sample_rate: int
) -> tuple[float, Waveform]:
    """Start and samples of one run; stretched where the lag creeps."""
    level = round(float(np.median(lag)), 9) + 0.0  # no dust of float sums, no -0.0
    blocks = list(_blocks(positions))
    if len(blocks) < 3:
        return level, run
    centres = np.array([positions[b].mean() for b in blocks])
    levels = np.array([np.median(lag[b]) for b in blocks])
    if np.ptp(levels) <= CREEP_SECONDS:
        return level, run
    from scipy.ndimage import map_coordinates  # here, because it is slow to import

    heard = np.arange(len(run)) / sample_rate
    clock = heard + np.interp(heard, centres, levels)
    start = float(clock[0])
    wanted = start + np.arange(round((clock[-1] - start) * sample_rate) + 1) / sample_rate
    where = np.interp(wanted, clock, np.arange(len(run), dtype=np.float64))
    return start, map_coordinates(run, where[None], order=5, mode="nearest").astype(np.float32)


def _blocks(positions: NDArray[np.float64]) -> Iterator[slice]:
    edges = np.searchsorted(positions, np.arange(0.0, positions[-1] + BLOCK_SECONDS, BLOCK_SECONDS))
    for first, last in pairwise(edges):
        if last > first:
            yield slice(int(first), int(last))


def _join(pieces: list[tuple[float, Waveform]], sample_rate: int, source: str) -> tuple[Waveform, float]:
    """Runs at their places; silence between them; what two runs claim belongs to the earlier."""
    start = pieces[0][0]
    out: list[Waveform] = []
    length = 0
    cut = 0
    silence = 0
    for begin, run in pieces:
        place = round((begin - start) * sample_rate)
        gap = place - length
        silence += max(gap, 0)
        if silence > MAX_SILENCE_SECONDS * sample_rate:
            raise MediaError(
                f"{source}: the time stamps of the sound jump by {gap / sample_rate:.0f} s at {begin:.3f} s; "
                "the file is damaged. Copy it into a new container with repaired time stamps first."
            )
        if gap > LONG_SILENCE_SECONDS * sample_rate:
            warnings.warn(
                f"{source}: {gap / sample_rate:.1f} s without sound before {begin:.3f} s; they are silence",
                stacklevel=5,
            )
        if gap > 0:
            out.append(np.zeros(gap, np.float32))
        elif gap < 0:
            cut += min(-gap, len(run))
            run = run[-gap:]
        out.append(run)
        length += max(gap, 0) + len(run)
    if cut:
        warnings.warn(
            f"{source}: {cut / sample_rate * 1000:.0f} ms of sound overlap what was heard before and were "
            "left out",
            stacklevel=5,
        )
    return np.concatenate(out), start
