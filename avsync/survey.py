"""One pass over all packets of a file: their time stamps are kept, a few pictures and sounds are decoded."""

from __future__ import annotations  # for array[int], which Python 3.11 cannot evaluate

import contextlib
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
import numpy as np
from av.audio import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video import VideoStream
from numpy.typing import NDArray

from avsync.damage import Damage, Packet
from avsync.decode import demux
from avsync.facts import PictureFacts, SoundFacts, picture_facts, sound_jumps, spans
from avsync.pictures import ROTATIONS, display_matrix
from avsync.timebase import Times, pts_to_times

PICTURES = 5
"""Pictures decoded of each video stream: enough to see rotation, interlacing and format."""

TRIES = 120
"""Packets given to a decoder at most, for damaged streams."""

FIRST_PACKETS = 8
"""Packets in which samples to be cut and the encoder's name are looked for."""

LAME_DELAY = 1105
"""Samples by which sound encoded by LAME is late: 576 of the encoder and 529 of every MP3 decoder."""

MAX_DELAY = 0.2
"""Seconds; an edit list that cuts more than an encoder's delay does not tell how long that is."""

DELAYED = {"aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "wmav2"}
"""Codecs whose encoders put samples before the first one."""


@dataclass(slots=True)
class StreamSurvey:
    """What the pass keeps of one stream: 8 bytes a number, no packet. Times in ticks."""

    time_base: Fraction
    codec: str
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    hidden: bytearray = field(default_factory=bytearray)
    without_time: int = 0
    corrupt: int = 0
    undecodable: int = 0
    skip: int = 0
    """Samples that the first packets say are to be cut."""
    last: Packet | None = None
    encoder: str | None = None
    keyed: bool = False
    """Whether a key frame has come."""
    tried: int = 0
    first: int | None = None
    """Time stamp of the first picture that was decoded."""
    rotation: int = 0
    decoded: int = 0
    interlaced: int = 0
    pixel_format: str = ""
    bits: int = 0
    layout: str = ""
    sample_rate: int = 0

    @property
    def packets(self) -> int:
        """Packets that hold something."""
        return len(self.pts) + self.without_time + self.undecodable

    def add(self, packet: Packet) -> None:
        """Take the next packet."""
        self.corrupt += packet.is_corrupt
        stamp = packet.pts if packet.pts is not None else packet.dts
        self.last = packet
        if len(self.pts) < FIRST_PACKETS:
            self.skip += _cuts(packet)[0]
            if self.codec == "mp3" and self.encoder is None:
                self.encoder = _lame(bytes(packet))
        if stamp is None:
            self.without_time += 1
            return
        self.pts.append(stamp)
        self.durations.append(packet.duration or 0)
        self.hidden.append(packet.is_discard)

    def look(self, frame: av.VideoFrame | av.AudioFrame) -> None:
        """Take one of the first decoded frames."""
        self.decoded += 1
        if isinstance(frame, av.VideoFrame):
            if self.decoded == 1 and frame.time_base == self.time_base:
                self.first = frame.pts
            self.rotation = ROTATIONS.get(display_matrix(frame), 0)
            self.interlaced += frame.interlaced_frame
            self.pixel_format = frame.format.name
            self.bits = max((c.bits for c in frame.format.components), default=0)
        else:
            self.layout, self.sample_rate = frame.layout.name, frame.sample_rate


def survey(container: InputContainer) -> tuple[dict[int, StreamSurvey], Damage]:
    """Read all packets of an open container from its start; what each stream holds, and what broke off."""
    damage = Damage()
    streams = list(container.streams)
    found = {s.index: StreamSurvey(s.time_base or Fraction(1, av.time_base), _codec(s)) for s in streams}
    wanted = {s.index: PICTURES if isinstance(s, VideoStream) else 1 for s in streams if _decodable(s)}
    for stream in streams:
        if isinstance(stream, VideoStream) and stream.index in wanted:
            stream.codec_context.thread_count = 1  # a few pictures only
    pictures = {s.index for s in streams if isinstance(s, VideoStream)}
    for packet in demux(container, streams, damage):
        index = packet.stream_index
        seen = found[index]
        if packet.size:
            if index in pictures and not _is_picture(packet, seen):
                continue
            seen.add(packet)
        if index in wanted and seen.decoded < wanted[index] and seen.tried < TRIES:
            _try(packet, seen)
    for stream in streams:  # after an error of the container no packet tells the decoders to finish
        if damage.broken_off and not found[stream.index].decoded and stream.index in wanted:
            for frame in _rest(stream):
                found[stream.index].look(frame)
    return found, damage


def _try(packet: Packet, seen: StreamSurvey) -> None:
    seen.tried += 1
    if not isinstance(packet.stream, VideoStream | AudioStream):
        return  # in damaged files FFmpeg may find out late what a stream is not
    with contextlib.suppress(av.FFmpegError):
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame | av.AudioFrame):
                seen.look(frame)


def _is_picture(packet: Packet, seen: StreamSurvey) -> bool:
    """Whether a packet of video can become a picture; those that cannot are counted where they are lost."""
    if seen.codec == "vp8" and not memoryview(packet)[0] >> 4 & 1:
        return False  # a picture that only others refer to
    seen.keyed = seen.keyed or packet.is_keyframe
    seen.undecodable += not seen.keyed
    return seen.keyed


def _rest(stream: Stream) -> Iterator[av.VideoFrame | av.AudioFrame]:
    with contextlib.suppress(av.FFmpegError):
        if isinstance(stream, VideoStream | AudioStream):
            yield from stream.codec_context.decode(None)


def _codec(stream: Stream) -> str:
    return "unknown" if stream.codec_context is None else stream.codec_context.codec.canonical_name


def _decodable(stream: Stream) -> bool:
    cover = isinstance(stream, VideoStream) and bool(stream.disposition & Disposition.attached_pic)
    return isinstance(stream, VideoStream | AudioStream) and stream.codec_context is not None and not cover


def _cuts(packet: Packet) -> tuple[int, int]:
    """Samples that a packet says are to be cut from its start and its end."""
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    front, back = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return front, back


def _lame(packet: bytes) -> str | None:
    """The name and version that LAME writes into the unused bytes of its frames."""
    at = packet.find(b"LAME")
    name = packet[at : at + 9].split(b"\0")[0] if at >= 0 else b""
    return "".join(c for c in name.decode("ascii", "replace") if c.isalnum() or c == ".") or None


def pictures_of(seen: StreamSurvey, reorder: int) -> PictureFacts | None:
    """The facts of a surveyed video stream; None where it shows no picture."""
    if not len(seen.pts):
        return None
    pts, durations, hidden = _ticks(seen.pts), _ticks(seen.durations), np.frombuffer(seen.hidden, np.bool_)
    # Behind the first key frame may lie pictures that are shown before it and refer to what was before it.
    lost = np.zeros(len(pts), np.bool_) if seen.first is None else ~hidden & (pts < seen.first)
    facts = picture_facts(
        pts[~lost],
        durations[~lost],
        hidden[~lost],
        seen.time_base,
        reorder=reorder,
        without_time=seen.without_time,
        undecodable=seen.undecodable + int(lost.sum()),
    )
    return facts and replace(
        facts,
        pixel_format=seen.pixel_format,
        bits=seen.bits,
        interlaced=2 * seen.interlaced > seen.decoded,
        decodes=seen.decoded > 0,
    )


def sound_of(seen: StreamSurvey, sample_rate: int, *, table: bool) -> SoundFacts | None:
    """The facts of a surveyed audio stream; None where it has no packet with a time stamp.

    `table`: the container holds a table of packet times (MP4, MOV), in which a packet lasts until the next.
    """
    if not len(seen.pts):
        return None
    tick, rate = float(seen.time_base), seen.sample_rate or sample_rate or 1
    times = pts_to_times(_ticks(seen.pts), seen.time_base)
    lengths = _lengths(_ticks(seen.durations), times, tick, capped=table and not seen.codec.startswith("pcm"))
    where, jumps = sound_jumps(times, lengths)
    missing, gaps = spans(where[jumps > 0], jumps[jumps > 0])
    overlapping, overlaps = spans(where[jumps < 0], -jumps[jumps < 0])
    shown = np.flatnonzero(~np.frombuffer(seen.hidden, np.bool_))
    start = max(float(times[0]) + seen.skip / rate, float(times[shown[0]]) if len(shown) else -np.inf)
    padding = 0 if seen.last is None else _cuts(seen.last)[1]
    delayed = seen.codec in DELAYED
    signalled = True if seen.skip or start > times[0] else False if delayed else None
    heard = LAME_DELAY if seen.encoder else 0
    return SoundFacts(
        packets=len(times),
        start=start,
        end=_end(times[shown], lengths[shown], padding / rate) if len(shown) else start,
        missing=missing,
        gaps=gaps,
        overlapping=overlapping,
        overlaps=overlaps,
        priming_samples=(seen.skip if seen.skip <= MAX_DELAY * rate else 0) if signalled else heard,
        padding_samples=padding,
        priming_signalled=signalled,
        encoder=seen.encoder,
        layout=seen.layout,
        decodes=seen.decoded > 0,
    )


def _end(times: Times, lengths: Times, padding: float) -> float:
    """Behind the last sound; some containers take the padding off the length of the last packet too."""
    full = float(np.median(lengths))
    return float(min((times + lengths).max(), times.max() + max(full, lengths[-1]) - padding))


def _lengths(ticks: NDArray[np.int64], times: Times, tick: float, *, capped: bool) -> Times:
    """Seconds of sound in each packet, (P,); what is not declared is as long as usual."""
    known = ticks[ticks > 0]
    steps = np.diff(times)
    rising = steps[steps > 0]
    usual = float(np.median(known)) * tick if len(known) else float(np.median(rising)) if len(rising) else 0.0
    lengths = np.where(ticks > 0, ticks * tick, usual)
    return np.minimum(lengths, usual) if capped else lengths


def _ticks(values: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(values, np.int64)


def span_of(seen: StreamSurvey) -> tuple[float, float] | None:
    """First time stamp and end of a stream that is neither picture nor sound (seconds)."""
    if not len(seen.pts):
        return None
    pts, tick = _ticks(seen.pts), float(seen.time_base)
    return float(pts.min()) * tick, float((pts + _ticks(seen.durations)).max()) * tick
