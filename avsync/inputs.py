"""One stream of a file, decoded from any time on: exactly from there, whatever the container can do."""

import heapq
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain, islice

import av
from av.container import InputContainer
from av.video import VideoStream

from avsync.damage import Damage
from avsync.decode import Decoded, Source, ahead, decode, frame_time, use_threads
from avsync.ffmpeg_log import heard
from avsync.fileindex import read_alone
from avsync.forks import inherited, watch
from avsync.pictureclock import reordered
from avsync.streams import open_readable
from avsync.timebase import pts_to_seconds, seconds_to_pts

PREROLL_SECONDS = 1.0
"""Sound decoded before what is asked for: decoders need up to 80 ms to be right (Opus), and the lag between
time stamps and samples is an average."""

VAGUE_SECONDS = 3.0
"""MPEG program streams stamp few of their pictures. After a seek FFmpeg counts from a wrong one until the
next that is stamped: so the pictures of this long before a time are decoded and not used."""

SETTLED_SECONDS = 0.1
"""The sound must have been entered at least this long before what is asked for."""

STEPS_BACK = (0.0, 1.0, 4.0, 16.0, 64.0)
"""Seconds before a time at which a file is entered, one after another, before it is read from its start."""

STEPLESS = ("mp3", "aac", "ac3", "eac3", "mp2", "dts", "truehd", "h264", "hevc", "m4v", "mpegvideo", "loas")
"""Formats without time stamps: FFmpeg counts them from where it stands, so a seek would lose the time."""

STORES_NO_ORDER = ("avi", "matroska,webm", "asf")
"""Formats that can hold reordered pictures without their times (Matroska in its mode for AVI's codecs)."""

ORDER_PROBE = 24
"""Pictures whose time stamps tell whether a file stores the order of presentation."""

REORDER_DEPTH = 16
"""H.264 shows a picture at most this many places after it is decoded."""


class Input:
    """The decoder of one stream. Any number of passes over it may go on side by side."""

    def __init__(
        self,
        source: Source,
        index: int,
        opened: InputContainer | None = None,
        opening: Iterable[str] = (),
        options: dict[str, str] | None = None,
    ) -> None:
        """`index`: of the stream; `opened`: a container of `source` from which nothing was read, to be taken
        over, and what FFmpeg said when it was opened; `options`: of FFmpeg, to open it.
        """
        self.source, self.index, self._options = source, index, options
        self._idle: InputContainer | None = None
        self._lent: list[InputContainer] = []
        self._lock = threading.Lock()
        self._unordered: bool | None = None
        watch(self)
        with heard() as told:
            self._fresh: InputContainer | None = self._open(opened)
        self.told = [*opening, *told]
        self.format = self._fresh.format.name
        stream = self._fresh.streams[index]
        self.kind = stream.type
        self.time_base = stream.time_base or Fraction(1, av.time_base)
        self.first = None if stream.start_time is None else pts_to_seconds(stream.start_time, self.time_base)
        self.pixel_aspect = stream.sample_aspect_ratio if isinstance(stream, VideoStream) else None

    def close(self) -> None:
        """Close the containers that no pass uses."""
        for container in (self._fresh, self._idle):
            if container is not None:
                container.close()
        self._fresh = self._idle = None

    def abandon(self) -> list[object]:
        """Forget the open files (`forks`)."""
        self._lock = threading.Lock()  # the parent may have held it when it was forked
        files = [self._fresh, self._idle, *self._lent]
        self._fresh = self._idle = None
        self._lent.clear()
        return [file for file in files if file is not None]

    def frames(self, start: float | None, damage: Damage) -> Generator[Decoded]:
        """Decoded frames in the order of presentation: all, or those from some time before `start` on.

        The first ones of them may lie before `start` (seconds); what is needed to decode is there.
        """
        with closing(self.decoded(start, damage)) as found:
            if self.kind != "video":
                yield from found
                return
            with closing(ahead(found)) as frames:
                yield from in_order(frames) if self.unordered else frames

    def decoded(self, start: float | None, damage: Damage) -> Generator[Decoded]:
        """As `frames`, with the time stamps and in the order that the decoder gives."""
        entered = None if start is None else self._entered(start, damage)
        if entered is None:
            container = self._take_fresh()
            entered = container, decode(container, [container.streams[self.index]], damage)
            damage.hear(self.told, self.first)
        container, found = entered
        with self._lock:
            self._lent.append(container)
        try:
            yield from found
        finally:
            self._give_back(container)

    @property
    def unordered(self) -> bool:
        """Whether the pictures carry each other's time stamps (`pictureclock.reordered`)."""
        if self._unordered is None:
            self._unordered = self.kind == "video" and self.format in STORES_NO_ORDER and self._probe_order()
        return self._unordered

    def _probe_order(self) -> bool:
        container = self._open()
        with container:
            stream = container.streams[self.index]
            if not isinstance(stream, VideoStream) or not stream.codec_context.has_b_frames:
                return False
            frames = islice(decode(container, [stream]), ORDER_PROBE)
            return reordered([frame.pts for frame in frames])

    def _entered(self, start: float, damage: Damage) -> tuple[InputContainer, Iterator[Decoded]] | None:
        """A container that stands before `start`, and its frames; None: it must be read from its start."""
        late_enough = self.first is not None and start - self._preroll > self.first
        if not late_enough or self.format in STEPLESS or self.unordered:
            return None
        container = self._take_idle()
        for aim, whole in self._aims(start):
            stream = container.streams[self.index]
            try:
                if whole:
                    container.seek(round(aim * av.time_base))
                else:
                    container.seek(seconds_to_pts(aim, self.time_base), stream=stream)
            except (av.FFmpegError, ValueError, OverflowError):
                continue
            found = decode(container, [stream], damage)
            first = next((frame for frame in found if self._can_enter(frame)), None)
            damage.forget(start)  # what lacks the pictures before the entrance is not damaged
            time = None if first is None else frame_time(first)
            if first is not None and time is not None and time <= start - self._settled:
                return container, chain([first], found)
        container.close()
        return None

    def _aims(self, start: float) -> Iterator[tuple[float, bool]]:
        """Where to seek to, one after another, and whether the whole file is moved or this stream.

        Some containers find their way by the picture only.
        """
        for back in STEPS_BACK:
            yield start - self._preroll - back, False
            if self.kind == "audio":
                yield start - self._preroll - back, True

    def _can_enter(self, frame: Decoded) -> bool:
        """Pictures before a key frame lack what they refer to."""
        return frame.pts is not None and (not isinstance(frame, av.VideoFrame) or bool(frame.key_frame))

    @property
    def _preroll(self) -> float:
        """How long before a time decoding begins."""
        if self.kind == "audio":
            return PREROLL_SECONDS
        return VAGUE_SECONDS if self.format == "mpeg" else 0.0

    @property
    def _settled(self) -> float:
        """How long before a time the file must have been entered."""
        return SETTLED_SECONDS if self.kind == "audio" else self._preroll

    def _open(self, opened: InputContainer | None = None) -> InputContainer:
        container = opened or open_readable(self.source, self._options)
        use_threads(container.streams[self.index])
        read_alone(container, container.streams[self.index])
        return container

    def _take_fresh(self) -> InputContainer:
        with self._lock:
            container, self._fresh = self._fresh, None
        return container or self._open()

    def _take_idle(self) -> InputContainer:
        with self._lock:
            container, self._idle = self._idle, None
        return container or self._take_fresh()

    def _give_back(self, container: InputContainer) -> None:
        """Keep one that was read for later passes that seek."""
        if inherited(container):
            return
        with self._lock:
            self._lent.remove(container)
            spare = container if self._idle is not None else None
            self._idle = self._idle or container
        if spare is not None:
            spare.close()


def in_order(frames: Iterable[Decoded]) -> Iterator[Decoded]:
    """Frames in the order of presentation, each with the stamp of its place (`pictureclock.reordered`)."""
    waiting: deque[Decoded] = deque()
    stamps: list[int] = []

    def first() -> Decoded:
        frame = waiting.popleft()
        if frame.pts is not None:
            frame.pts = heapq.heappop(stamps)
        return frame

    for frame in frames:
        waiting.append(frame)
        if frame.pts is not None:
            heapq.heappush(stamps, frame.pts)
        if len(waiting) > REORDER_DEPTH:
            yield first()
    while waiting:
        yield first()
