"""The pictures of a clip, decoded when asked for: a sequence that behaves like a list of arrays.

Nothing is kept but the last picture, so memory does not grow with the length of the clip. Reading in order runs
at the speed of the decoder; any other access seeks to the key frame before the picture and decodes up to it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from avsync.errors import MediaError

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

IDENTITY = (1, 0, 0, 1)
"""Display matrix (a, b, c, d) of a picture that is shown as it is stored."""


ROTATIONS = {(1, 0, 0, 1): 0, (0, -1, 1, 0): 90, (-1, 0, 0, -1): 180, (0, 1, -1, 0): -90}
"""Degrees counter-clockwise of the display matrices that do not mirror."""


def open_container(path: Path) -> InputContainer:
    """Open a file for reading. The prefix keeps a colon in its name from being read as a protocol."""
    return av.open(f"file:{path}", metadata_errors="replace")


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """The rotation and mirroring that a player applies to a frame, as signs of (a, b, c, d) with

    `x' = a x + c y`, `y' = b x + d y` (x to the right, y down). Angles that are no quarter turn count as none.
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return IDENTITY
    values = np.frombuffer(bytes(side_data), dtype=np.int32)[[0, 1, 3, 4]]
    a, b, c, d = (int(v) for v in np.sign(np.where(np.abs(values) > 32768, values, 0)))
    return (a, b, c, d) if abs(a * d - b * c) == 1 and abs(a) + abs(b) == 1 else IDENTITY


def orient(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """Turn a stored picture (H, W, C) into the displayed one."""
    a, b, c, d = matrix
    if a:
        return np.ascontiguousarray(image[::d, ::a])
    return np.ascontiguousarray(image.transpose(1, 0, 2)[::b, ::c])


class Frames(Sequence[Image]):
    """The pictures of one video stream in presentation order.

    `frames[i]` is (H, W, 3) uint8 RGB with the container's rotation applied; negative indices and slices (a list)
    work. `height` and `width` are those of the displayed picture.
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
        """`pts`: of each decoded frame, in stream ticks; `keyframes`: their indices; `size`: stored (H, W)."""
        self._path = path
        self._stream_index = stream_index
        self._pts = pts
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
        self._decoded: Iterator[av.VideoFrame] = iter(())
        self._reformatter = VideoReformatter()
        self._next = 0
        self._last: tuple[int, Image] | None = None

    def _picture(self, index: int) -> Image:
        if self._last is None or self._last[0] != index:
            frame = self._frame(index)
            stored = self._reformatter.reformat(
                frame, width=self._stored_width, height=self._stored_height, format="rgb24"
            )
            self._last = (index, orient(stored.to_ndarray(), self._matrix))
        return self._last[1]

    def _frame(self, index: int) -> av.VideoFrame:
        key = self._keyframe_before(index)
        if self._container is None or index < self._next or key > self._next:
            frame = self._seek(index, key) if key > 0 else None
            if frame is not None:
                return frame
            self._rewind()
        for frame in self._decoded:
            self._next += 1
            if self._next > index:
                return frame
        raise MediaError(
            f"{self._path}: frame {index} could be decoded before and cannot now. Was the file changed meanwhile? "
            "Load it again."
        )

    def _keyframe_before(self, index: int) -> int:
        position = int(np.searchsorted(self._keyframes, index, side="right")) - 1
        return int(self._keyframes[position]) if position >= 0 else 0

    def _seek(self, index: int, key: int) -> av.VideoFrame | None:
        """The frame, decoded from the key frame on; None where the file cannot be entered there exactly."""
        key_pts, pts = self._pts[key], self._pts[index]
        if key_pts is None or pts is None:
            return None
        self._open()
        assert self._container is not None
        try:
            self._container.seek(key_pts, stream=self._container.streams[self._stream_index])
        except av.FFmpegError:
            return None
        for count, frame in enumerate(self._decoded):
            if frame.pts is None or (count == 0 and frame.pts > key_pts) or frame.pts > pts:
                return None
            if frame.pts == pts:
                self._next = index + 1
                return frame
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
        self._decoded = decode_video(self._container, self._stream_index)


def decode_video(container: InputContainer, stream_index: int) -> Iterator[av.VideoFrame]:
    """All frames of a stream that decode, from the container's position on; damaged packets are passed over."""
    stream = container.streams[stream_index]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:  # the container ends in damage: deliver what the decoder still holds
            yield from stream.codec_context.decode(None)
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
