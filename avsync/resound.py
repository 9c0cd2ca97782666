"""Making sound anew: decoded samples laid where a retiming wants them, sample by sample, and encoded again.

`plan` says which decoded samples become which output samples; `Renderer` carries that out on sound that
arrives frame by frame; `Resounder` turns the result into packets. Memory does not grow with the length.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soxr

from avsync.codings import Coding
from avsync.retime import Retiming
from avsync.soundmap import LEVEL_SECONDS, Channels, Samples, Track, float_format

QUALITY = "VHQ"
"""Of the resampling: soxr's best, 28 bits."""
FADE_SECONDS = 0.005
"""Sound that a step breaks off fades, so that nothing clicks."""
STEP_REACH_SECONDS = 0.3
"""A step is made in the quietest place within this distance."""
QUIET_SECONDS = 0.020
"""What has to be quiet."""
FURTHER_DB = 3.0
"""By how much a place at the end of the reach must be quieter than one at the step itself."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Output samples `out_first` to `out_first + count` from decoded samples from `first` on."""

    out_first: int
    count: int
    first: int
    source_count: int
    step: float
    """Decoded samples for each output sample; 1 = copied as they are."""
    fade_in: bool = False
    fade_out: bool = False


def plan(track: Track, retiming: Retiming, rate: int, begin: float = -math.inf) -> list[Segment]:
    """Which decoded samples of a track become which output samples, at `rate`.

    Output sample n stands at `n / rate` seconds on the picture's clock.

    Sound that would stand before `begin` is left out. What no segment covers is silence.
    """
    segments: list[Segment] = []
    used = 0
    spans = retiming.spans()
    for number, span in enumerate(spans):
        for run in track.runs:
            step = run.rate / rate * (1 - span.piece.drift) / (1 + run.creep)
            step = 1.0 if abs(step - 1) < 1e-9 else step
            earliest = max(span.begin, span.piece.output(run.time_of(max(run.first, used))), begin)
            latest = min(span.end, span.piece.output(run.end))
            out_first, out_last = (math.ceil(round(t * rate, 3)) for t in (earliest, latest))
            first = round(run.sample_at(span.piece.source(out_first / rate)))
            first = max(first, run.first, used)
            count = min(out_last - out_first, math.floor((run.last - first) / step + 1e-6))
            if segments:
                overlap = max(segments[-1].out_first + segments[-1].count - out_first, 0)
                out_first, count, first = out_first + overlap, count - overlap, first + round(overlap * step)
            if count <= 0:
                continue
            source_count = count if step == 1 else min(math.ceil(count * step), run.last - first)
            used = first + source_count
            segments.append(
                Segment(
                    out_first,
                    count,
                    first,
                    source_count,
                    step,
                    fade_in=number > 0 and earliest == span.begin,
                    fade_out=number + 1 < len(spans) and latest == span.end,
                )
            )
    return segments


def in_quiet_places(track: Track, retiming: Retiming) -> Retiming:
    """The same retiming with each step moved to where it is heard least, within `STEP_REACH_SECONDS`: where
    what it takes away, and the sound at both edges, is the quietest.
    """
    pieces = list(retiming.pieces)
    for number in range(1, len(pieces)):
        wanted = pieces[number]
        before = pieces[number - 1]
        best = math.inf
        for hundredths in sorted(range(-30, 31), key=abs):
            by = hundredths / 30 * STEP_REACH_SECONDS
            start = wanted.start + by
            moved = type(wanted)(start, wanted.shift + wanted.drift * by, wanted.drift)
            later = pieces[number + 1].start if number + 1 < len(pieces) else math.inf
            if not before.start < start < later:
                continue
            begins = moved.source(start)
            ends = min(before.source(start), begins)
            half = QUIET_SECONDS / 2
            places = np.arange(ends - half, begins + half - 1e-6, LEVEL_SECONDS) + LEVEL_SECONDS / 2
            power = float(np.mean([track.level_at(place) for place in places]))
            cost = 10 * math.log10(power + 1e-9) + FURTHER_DB * abs(by) / STEP_REACH_SECONDS
            if cost < best - 1e-9:
                best, pieces[number] = cost, moved
    return Retiming(tuple(pieces))


@dataclass(slots=True)
class Renderer:
    """Carries out a plan on decoded sound that arrives piece by piece."""

    segments: Sequence[Segment]
    rate: int
    lead: int | None = None
    """The output sample from which on silence is made before the first segment; None = no silence."""
    _number: int = 0
    _position: int = 0
    _made: int = 0
    _out: int | None = None
    _stream: soxr.ResampleStream | None = None

    def take(self, samples: Samples) -> Iterator[Samples]:
        """The next decoded samples (C, N); gives output without gaps, from the first segment's start on."""
        first, self._position = self._position, self._position + samples.shape[1]
        while self._number < len(self.segments):
            segment = self.segments[self._number]
            last = segment.first + segment.source_count
            part = samples[:, max(segment.first - first, 0) : max(last - first, 0)]
            ended = self._position >= last
            yield from self._render(segment, part, ended)
            if not ended:
                return
            self._number += 1
            self._made, self._stream = 0, None

    def _render(self, segment: Segment, part: Samples, ended: bool) -> Iterator[Samples]:
        if not part.shape[1] and not ended:
            return
        if segment.step != 1:
            if self._stream is None:
                self._stream = soxr.ResampleStream(
                    segment.step * self.rate, self.rate, len(part), dtype=part.dtype, quality=QUALITY
                )
            part = self._stream.resample_chunk(np.ascontiguousarray(part.T), last=ended).T
            part = part[:, : segment.count - self._made]
            missing = segment.count - self._made - part.shape[1]
            if ended and missing:  # the filter may end a sample early
                part = np.pad(part, ((0, 0), (0, missing)), mode="edge" if part.shape[1] else "constant")
        if not part.shape[1]:
            return
        if self._made == 0:
            before = self.lead if self._out is None else self._out
            silence = 0 if before is None else segment.out_first - before
            if silence:
                for length in _blocks(silence, self.rate):
                    yield np.zeros((len(part), length), part.dtype)
            self._out = segment.out_first
        count = part.shape[1]
        if segment.fade_in or segment.fade_out:
            part = part * self._gain(segment, count).astype(part.dtype)
        self._made += count
        assert self._out is not None
        self._out += count
        yield part

    def _gain(self, segment: Segment, count: int) -> Any:
        fade = max(round(FADE_SECONDS * self.rate), 1)
        place = np.arange(self._made, self._made + count) + 0.5
        gain = np.ones(count)
        if segment.fade_in:
            gain = np.minimum(gain, place / fade)
        if segment.fade_out:
            gain = np.minimum(gain, (segment.count - place) / fade)
        return np.sin(np.pi / 2 * np.clip(gain, 0, 1)) ** 2


def _blocks(count: int, size: int) -> Iterator[int]:
    while count > 0:
        yield min(count, size)
        count -= size


@dataclass(frozen=True, slots=True)
class Remake:
    """How a track is made anew."""

    track: Track
    retiming: Retiming
    begin: float | None = None
    """Where its sound has to begin (picture clock): silence is put before it, or what is earlier left out.
    None = where it falls."""
    end: float = -math.inf
    """Silence is put behind the sound up to here (picture clock)."""
    nudge: float = 0.0
    """Seconds by which it is written later than wanted, to make up for what the container loses."""

    def segments(self, rate: int) -> list[Segment]:
        """The plan at an output rate."""
        by = round(self.nudge * rate)
        begin = -math.inf if self.begin is None else self.begin - by / rate
        return [
            replace(segment, out_first=segment.out_first + by)
            for segment in plan(self.track, self.retiming, rate, begin)
        ]

    @property
    def start(self) -> float:
        """Seconds (picture clock) of the first sample that is written."""
        first = self.segments(self.track.rate)
        return first[0].out_first / self.track.rate if first and self.begin is None else self.begin or 0.0


@dataclass(slots=True)
class Resounder:
    """One track on its way: packets of the source in, packets of the output out."""

    stream: Any
    """The output stream."""
    remake: Remake
    wanted: Coding
    _channels: Channels = field(default_factory=Channels)
    _renderer: Renderer | None = None
    _pending: list[Samples] = field(default_factory=list)
    _out: int = 0
    _convert: av.AudioResampler | None = None
    _late: int | None = None

    def take(self, frame: av.AudioFrame) -> Iterator[Any]:
        """Packets that the next decoded frame leads to."""
        samples = self._channels.take(frame)
        if not samples.shape[1]:
            return
        if self._renderer is None:
            segments = self.remake.segments(self.wanted.rate)
            begin = self.remake.begin
            lead = None if begin is None else math.ceil(round(begin * self.wanted.rate, 3))
            self._out = lead if lead is not None else segments[0].out_first if segments else 0
            self._renderer = Renderer(segments, self.wanted.rate, lead)
        for made in self._renderer.take(samples):
            self._pending.append(made)
            yield from self._timed(self._encode(whole=False))

    def finish(self) -> Iterator[Any]:
        """The rest."""
        if self._renderer is not None and self._pending_end() < self.remake.end * self.wanted.rate:
            missing = math.ceil(self.remake.end * self.wanted.rate) - self._pending_end()
            channels = av.AudioLayout(self.wanted.layout).nb_channels
            self._pending.append(np.zeros((channels, missing), np.float32))
        if self._pending:
            yield from self._timed(self._encode(whole=True))
        yield from self._timed(self.stream.encode(None))

    def _pending_end(self) -> int:
        """The output sample after the last one that was made."""
        waiting: int = sum(part.shape[1] for part in self._pending)
        return self._out + waiting

    def _timed(self, packets: Iterable[Any]) -> Iterator[Any]:
        """Where all streams begin with the file, the encoder's priming must not push the pictures later."""
        for packet in packets:
            if self.remake.begin is not None:
                if not packet.size:  # FLAC's late header, for which these containers have no place
                    continue
                if self._late is None:
                    first = math.ceil(round(self.remake.begin * self.wanted.rate, 3))
                    self._late = max(first - packet.pts, 0)
                packet.pts += self._late
                packet.dts += self._late
            yield packet

    def _encode(self, *, whole: bool) -> Iterator[Any]:
        size = self.stream.codec_context.frame_size or 1024
        if not whole and sum(part.shape[1] for part in self._pending) < size:
            return
        sound = np.concatenate(self._pending, axis=1)
        count = sound.shape[1]
        until = count if whole else count - count % size
        for first in range(0, until, size):
            yield from self.stream.encode(self._frame(sound[:, first : min(first + size, until)]))
        self._pending = [sound[:, until:]] if until < count else []

    def _frame(self, samples: Samples) -> av.AudioFrame:
        if self._convert is None:
            self._convert = av.AudioResampler(
                format=self.wanted.form, layout=self.wanted.layout, rate=self.wanted.rate
            )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format=float_format(self._channels.form), layout=self.wanted.layout
        )
        frame.sample_rate, frame.pts = self.wanted.rate, None
        (done,) = self._convert.resample(frame)
        done.pts, done.time_base = self._out, Fraction(1, self.wanted.rate)
        self._out += samples.shape[1]
        return done
