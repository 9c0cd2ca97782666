"""The pictures of a clip, decoded when asked for: a sequence that behaves like a list of arrays.

Nothing is kept but the last picture, so memory does not grow with the length of the clip. Reading in order
runs at the speed of the decoder; any other access seeks to the key frame before the picture and decodes up to
it.
"""

import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, overload

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from avsync.damage import Loss
from avsync.decode import (
    Decoded,
    Source,
    ahead,
    decode,
    open_container,
    source_name,
    use_threads,
)
from avsync.errors import MediaError
from avsync.forks import watch
from avsync.pictures import Converter, Image
from avsync.timebase import Times, pts_to_seconds

USUAL_GAP = 0.04
"""Seconds between frames where not a single gap is known."""

REORDERED_SHARE = 0.05
"""Where more frames than this have a stamp before that of the frame before, it is not single errors."""

LONG_GAP_SECONDS = 60.0
"""A picture that stands for longer than this is reported: rather damaged time stamps than a slide show."""


def reordered(pts: Sequence[int | None]) -> bool:
    """Whether time stamps, in the order of presentation, are all there but changed places.

    AVI stores none: FFmpeg numbers the packets of H.264 as they lie in the file, so that pictures that refer
    to later ones carry each other's time stamps.
    """
    known = [p for p in pts if p is not None]
    backward = sum(a > b for a, b in pairwise(known))
    return len(set(known)) == len(pts) and backward > REORDERED_SHARE * len(known)


@dataclass(slots=True)
class PictureClock:
    """Gives each frame of a stream its time, rising, and counts what it had to change.

    A frame without a time stamp, or with one that is not later than the frame before, is moved behind it.
    """

    time_base: Fraction
    usual: float = USUAL_GAP
    """Seconds to the next frame where that has no time stamp."""
    frames: int = 0
    missing: Loss = field(default_factory=Loss)
    moved: Loss = field(default_factory=Loss)
    jumps: list[tuple[float, float]] = field(default_factory=list)
    """Time and length of gaps over `LONG_GAP_SECONDS`, the first few."""
    end: float = -math.inf
    """Seconds at which the last frame stops to be shown, as far as it says so."""
    last: float = math.nan
    """Seconds of the last frame."""

    def place(self, pts: int | None, duration: int | None = 0) -> float:
        """Seconds of the next frame, which says to be shown for `duration` ticks."""
        time = self._place(pts)
        self.end = max(self.end, time + pts_to_seconds(duration or 0, self.time_base))
        return time

    def _place(self, pts: int | None) -> float:
        self.frames += 1
        time = None if pts is None else pts_to_seconds(pts, self.time_base)
        if math.isnan(self.last):
            first = 0.0 if time is None else time
            if time is None:
                self.missing.add(first)
            self.last = first
            return first
        if time is None:
            time = self.last + self.usual
            self.missing.add(time)
        elif time <= self.last:
            # A small step keeps the later frames, whose times are right, in place.
            self.moved.add(time)
            time = self.last + float(self.time_base)
        elif time - self.last > LONG_GAP_SECONDS and len(self.jumps) < 3:
            self.jumps.append((self.last, time - self.last))
        self.last = time
        return time

    def warn(self, source: str) -> None:
        """Say what was changed; `source` names the file."""
        for time, length in self.jumps:
            warnings.warn(f"{source}: no new picture for {length:.1f} s after {time:.3f} s", stacklevel=3)
        if self.missing.count:
            warnings.warn(
                f"{source}: {self.missing.count} of {self.frames} frames have no time stamp"
                f"{self.missing.place()}; they follow at {self.usual * 1000:.1f} ms",
                stacklevel=3,
            )
        if self.moved.count:
            warnings.warn(
                f"{source}: {self.moved.count} of {self.frames} frames have a time stamp that is not later "
                f"than the frame before{self.moved.place()}; they were moved behind it",
                stacklevel=3,
            )


@dataclass(slots=True)
class PictureTrack:
    """What the decoding pass keeps of each frame: its time stamp, never its pixels."""

    pts: list[int | None] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    converter: Converter | None = None
    """Made from the first frame."""
    last_duration: int = 0
    """Ticks for which the last frame says to be shown."""

    def add(self, frame: av.VideoFrame) -> None:
        """Take the next decoded frame."""
        if frame.key_frame:
            self.keyframes.append(len(self.pts))
        self.pts.append(frame.pts)
        self.last_duration = frame.duration or 0

    def sorted_pts(self) -> Sequence[int | None]:
        """The time stamps in the order of presentation."""
        return sorted(p for p in self.pts if p is not None) if reordered(self.pts) else self.pts

    def times(
        self, time_base: Fraction, rate: float | None = None, *, unordered: bool = False
    ) -> tuple[PictureClock, Times]:
        """(F,) rising seconds, and the clock that gave them.

        `rate`: declared pictures a second; `unordered`: the pictures carry each other's time stamps.
        """
        stamps = self.sorted_pts() if unordered else self.pts
        known = np.array([pts_to_seconds(p, time_base) for p in stamps if p is not None])
        gaps = np.diff(known)
        usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else USUAL_GAP
        clock = PictureClock(time_base, 1 / rate if rate else usual)
        durations = [0] * (len(stamps) - 1) + [self.last_duration]
        return clock, np.array(
            [clock.place(p, d) for p, d in zip(stamps, durations, strict=True)], np.float64
        )


class Frames(Sequence[Image]):
    """The pictures of one video stream in presentation order.

    `frames[i]` is (H, W, 3) uint8 RGB (or (H, W) grey) as a player shows it: the container's rotation and
    pixel proportions are applied. Negative indices and slices (a list) work. `height` and `width` are those
    of the displayed picture.
    """

    def __init__(
        self,
        source: Source | None,
        stream_index: int,
        pts: Sequence[int | None],
        keyframes: Sequence[int],
        converter: Converter | None,
    ) -> None:
        """`pts`: of each frame, in stream ticks; `keyframes`: their indices; `converter`: for their size."""
        self._source = source
        self._stream_index = stream_index
        self._pts = pts
        # A picture is found again by its time stamp; where stamps repeat, only counting is sure.
        known = [p for p in pts if p is not None]
        self._seekable = len(known) == len(pts) and all(a < b for a, b in pairwise(known))
        self._keyframes = np.asarray(keyframes, dtype=np.int64)
        self._converter = converter
        self.height, self.width = (converter.height, converter.width) if converter else (0, 0)
        self._reset()
        watch(self)

    @classmethod
    def empty(cls) -> "Frames":
        """The pictures of a file without video."""
        return cls(None, -1, (), (), None)

    def __len__(self) -> int:
        return len(self._pts)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = int(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of {len(self)}")
        return self._picture(i % len(self)).copy()

    def __iter__(self) -> Iterator[Image]:
        for i in range(len(self)):
            yield self[i]

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Consecutive pictures as (n, H, W, 3) uint8, n = `size` but for the last batch."""
        if size < 1:
            raise ValueError(f"batch size must be at least 1, not {size}")
        for start in range(0, len(self), size):
            yield np.stack([self._picture(i) for i in range(start, min(start + size, len(self)))])

    def close(self) -> None:
        """Close the file. The next access opens it again."""
        self._stop()
        container = self._container
        self._reset()
        if container is not None:
            container.close()

    def abandon(self) -> list[object]:
        """Forget the open file (`forks`)."""
        open_file: list[object] = [self._container, self._decoded]
        self._reset()
        return open_file

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_container", "_decoded", "_next", "_last")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()
        watch(self)

    # The decoder stands before frame `_next`; `_last` is the last picture and its index.
    def _reset(self) -> None:
        self._container: InputContainer | None = None
        self._decoded: Iterator[Decoded] = iter(())
        self._next = 0
        self._last: tuple[int, Image] | None = None

    def _picture(self, index: int) -> Image:
        if self._last is None or self._last[0] != index:
            frame = self._frame(index)
            assert self._converter is not None
            self._last = (index, self._converter(frame))
        return self._last[1]

    def _frame(self, index: int) -> av.VideoFrame:
        key = self._keyframe_before(index)
        if self._container is None or index < self._next or key > self._next:
            found = self._seek(index, key) if key > 0 else None
            if found is not None:
                return found
            self._rewind()
        for frame in self._decoded:
            self._next += 1
            if self._next > index and isinstance(frame, av.VideoFrame):
                return frame
        raise MediaError(
            f"{source_name(self._source)}: frame {index} could be decoded before and cannot now. "
            "Was the file changed meanwhile? Load it again."
        )

    def _keyframe_before(self, index: int) -> int:
        position = int(np.searchsorted(self._keyframes, index, side="right")) - 1
        return int(self._keyframes[position]) if position >= 0 else 0

    def _seek(self, index: int, key: int) -> av.VideoFrame | None:
        """The frame, decoded from the key frame on; None where the file cannot be entered there exactly."""
        key_pts, pts = self._pts[key], self._pts[index]
        if not self._seekable or key_pts is None or pts is None:
            return None
        self._stop()
        if self._container is None:
            self._open()
        assert self._container is not None
        stream = self._container.streams[self._stream_index]
        try:
            self._container.seek(key_pts, stream=stream)
        except (av.FFmpegError, ValueError):  # a container that cannot seek
            return None
        self._decoded = decode(self._container, [stream])
        entered = False
        for frame in self._decoded:
            if not isinstance(frame, av.VideoFrame) or frame.pts is None or frame.pts > pts:
                return None
            # Pictures before the key frame lack what they refer to; those after it do not.
            entered = entered or frame.pts == key_pts
            if not entered and frame.pts > key_pts:
                return None
            if frame.pts == pts:
                self._next = index + 1
                return frame if entered else None
        return None

    def _rewind(self) -> None:
        self.close()
        self._open()
        assert self._container is not None
        self._decoded = ahead(decode(self._container, [self._container.streams[self._stream_index]]))

    def _stop(self) -> None:
        """End the decoding thread, if there is one: the container must not be touched before."""
        if isinstance(self._decoded, Generator):
            self._decoded.close()

    def _open(self) -> None:
        if self._source is None:
            raise MediaError("a clip without video has no frames")
        try:
            self._container = open_container(self._source)
        except av.FFmpegError as error:
            name = source_name(self._source)
            raise MediaError(f"{name}: cannot be opened again ({error})") from error
        use_threads(self._container.streams[self._stream_index])
