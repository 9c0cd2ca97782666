"""The pictures of a clip, decoded when asked for: a sequence that behaves like a list of arrays.

Nothing is kept but the last picture, so memory does not grow with the length of the clip. Reading in order
runs at the speed of the decoder; any other access seeks to the key frame before the picture and decodes up to
it.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast, overload

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from avsync.decode import decode, open_container, use_threads
from avsync.errors import MediaError
from avsync.timebase import Times, pts_to_seconds

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

IDENTITY = (1, 0, 0, 1)
"""Display matrix (a, b, c, d) of a picture that is shown as it is stored."""


USUAL_GAP = 0.04
"""Seconds between frames where not a single gap is known."""

REORDERED_SHARE = 0.05
"""Where more frames than this have a stamp before that of the frame before, it is not single errors."""

ROTATIONS = {(1, 0, 0, 1): 0, (0, -1, 1, 0): 90, (-1, 0, 0, -1): 180, (0, 1, -1, 0): -90}
"""Degrees counter-clockwise of the display matrices that do not mirror."""


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """The rotation and mirroring that a player applies to a frame, as signs of (a, b, c, d) with

    `x' = a x + c y`, `y' = b x + d y` (x to the right, y down). Angles that are no quarter turn count as
    none.
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return IDENTITY
    values = np.frombuffer(cast(bytes, side_data), dtype=np.int32)[[0, 1, 3, 4]]
    a, b, c, d = (int(v) for v in np.sign(np.where(np.abs(values) > 32768, values, 0)))
    return (a, b, c, d) if abs(a * d - b * c) == 1 and abs(a) + abs(b) == 1 else IDENTITY


def orient(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """Turn a stored picture (H, W, C) into the displayed one."""
    a, b, c, d = matrix
    if a:
        return np.ascontiguousarray(image[::d, ::a])
    return np.ascontiguousarray(image.transpose(1, 0, 2)[::b, ::c])


@dataclass(slots=True)
class PictureTrack:
    """What the decoding pass keeps of each frame: its time stamp, never its pixels."""

    pts: list[int | None] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    matrix: tuple[int, int, int, int] = IDENTITY
    damaged: int = 0
    end: int | None = None
    """Tick at which the last frame stops to be shown."""

    def add(self, frame: av.VideoFrame) -> None:
        """Take the next decoded frame."""
        if not self.pts:
            self.size = (frame.height, frame.width)
            self.matrix = display_matrix(frame)
        if frame.key_frame:
            self.keyframes.append(len(self.pts))
        self.damaged += bool(frame.is_corrupt)
        self.pts.append(frame.pts)
        if frame.pts is not None:
            self.end = max(frame.pts + (frame.duration or 0), frame.pts if self.end is None else self.end)

    def sorted_pts(self) -> Sequence[int | None]:
        """The time stamps in the order of presentation.

        AVI stores none: FFmpeg numbers the packets of H.264 as they lie in the file, so that pictures that
        refer to later ones carry each other's time stamps. Then all stamps are there, but out of order.
        """
        known = [p for p in self.pts if p is not None]
        backward = sum(a > b for a, b in pairwise(known))
        if len(set(known)) == len(self.pts) and backward > REORDERED_SHARE * len(known):
            return sorted(known)
        return self.pts

    def times(self, time_base: Fraction, source: str) -> Times:
        """(F,) rising seconds; `source` names the file in warnings.

        A frame without a time stamp, or with one that is not later than the frame before, is moved behind it.
        """
        times = np.array([np.nan if p is None else pts_to_seconds(p, time_base) for p in self.sorted_pts()])
        known = times[np.isfinite(times)]
        gaps = np.diff(known)
        usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else USUAL_GAP
        missing = int(np.isnan(times).sum())
        moved = 0
        previous = (float(known[0]) if len(known) else 0.0) - usual
        for i, time in enumerate(times):
            if not time > previous:
                moved += not np.isnan(time)
                # A small step keeps the later frames, whose times are right, in place.
                times[i] = previous + (usual if np.isnan(time) else float(time_base))
            previous = times[i]
        if missing:
            warnings.warn(
                f"{source}: {missing} of {len(times)} frames have no time stamp; they follow at "
                f"{usual * 1000:.1f} ms",
                stacklevel=3,
            )
        if moved:
            warnings.warn(
                f"{source}: {moved} of {len(times)} frames have a time stamp that is not later than the "
                "frame before; they were moved behind it",
                stacklevel=3,
            )
        return times


class Frames(Sequence[Image]):
    """The pictures of one video stream in presentation order.

    `frames[i]` is (H, W, 3) uint8 RGB with the container's rotation applied; negative indices and slices (a
    list) work. `height` and `width` are those of the displayed picture.
    """

    def __init__(
        self,
        path: Path | None,
        stream_index: int,
        pts: Sequence[int | None],
        keyframes: Sequence[int],
        size: tuple[int, int],
        matrix: tuple[int, int, int, int] = IDENTITY,
    ) -> None:
        """`pts`: of each frame, in stream ticks; `keyframes`: their indices; `size`: stored (H, W)."""
        self._path = path
        self._stream_index = stream_index
        self._pts = pts
        # A picture is found again by its time stamp; where stamps repeat, only counting is sure.
        known = [p for p in pts if p is not None]
        self._seekable = len(known) == len(pts) and all(a < b for a, b in pairwise(known))
        self._keyframes = np.asarray(keyframes, dtype=np.int64)
        self._stored_height, self._stored_width = size
        self._matrix = matrix
        self.height, self.width = size if matrix[0] else size[::-1]
        self._reset()

    @classmethod
    def empty(cls) -> "Frames":
        """The pictures of a file without video."""
        return cls(None, -1, (), (), (0, 0))

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
        container = self._container
        self._reset()
        if container is not None:
            container.close()

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_container", "_decoded", "_reformatter", "_next", "_last")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

    # The decoder stands before frame `_next`; `_last` is the last picture and its index.
    def _reset(self) -> None:
        self._container: InputContainer | None = None
        self._decoded: Iterator[av.VideoFrame | av.AudioFrame] = iter(())
        self._reformatter = VideoReformatter()
        self._next = 0
        self._last: tuple[int, Image] | None = None

    def _picture(self, index: int) -> Image:
        if self._last is None or self._last[0] != index:
            frame = self._frame(index)
            stored = self._reformatter.reformat(
                frame, width=self._stored_width, height=self._stored_height, format="rgb24"
            )
            self._last = (index, orient(cast(Image, stored.to_ndarray()), self._matrix))
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
            f"{self._path}: frame {index} could be decoded before and cannot now. "
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
        self._open()
        assert self._container is not None
        try:
            self._container.seek(key_pts, stream=self._container.streams[self._stream_index])
        except (av.FFmpegError, ValueError):  # a container that cannot seek
            return None
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

    def _open(self) -> None:
        if self._container is None:
            if self._path is None:
                raise MediaError("a clip without video has no frames")
            try:
                self._container = open_container(self._path)
            except av.FFmpegError as error:
                raise MediaError(f"{self._path}: cannot be opened again ({error})") from error
            use_threads(self._container.streams[self._stream_index])
        self._decoded = decode(self._container, [self._container.streams[self._stream_index]])
