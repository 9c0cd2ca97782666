"""The pictures of a clip, decoded when asked for: a sequence that behaves like a list of arrays.

Nothing is kept but the last picture, so memory does not grow with the length of the clip. Reading in order
runs at the speed of the decoder; any other access seeks to the key frame before the picture and decodes up to
it.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from threading import RLock
from typing import Any, overload

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from avsync.decode import (
    Decoded,
    Source,
    ahead,
    decode,
    open_container,
    source_name,
    use_threads,
)
from avsync.errors import ConfigError, MediaError
from avsync.fileindex import read_alone
from avsync.forks import watch
from avsync.pictures import Converter, Image


class Frames(Sequence[Image]):
    """The pictures of one video stream in presentation order.

    `frames[i]` is (H, W, 3) uint8 RGB (or (H, W) grey) as a player shows it: the container's rotation and
    pixel proportions are applied. Negative indices and slices (a list) work. `height` and `width` are those
    of the displayed picture. Any number of threads may read; they wait for each other.
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
        self._lock = RLock()
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
        with self._lock:
            return self._picture(i % len(self)).copy()

    def __iter__(self) -> Iterator[Image]:
        for i in range(len(self)):
            yield self[i]

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Consecutive pictures as (n, H, W, 3) uint8, n = `size` but for the last batch."""
        if size < 1:
            raise ConfigError(f"batch size must be at least 1, not {size}")
        for start in range(0, len(self), size):
            with self._lock:
                batch = np.stack([self._picture(i) for i in range(start, min(start + size, len(self)))])
            yield batch

    def close(self) -> None:
        """Close the file. The next access opens it again."""
        with self._lock:
            self._stop()
            container = self._container
            self._reset()
            if container is not None:
                container.close()

    def abandon(self) -> list[object]:
        """Forget the open file (`forks`)."""
        open_file: list[object] = [self._container, self._decoded]
        self._lock = RLock()  # one that another thread held stays locked in a child process
        self._reset()
        return open_file

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_container", "_decoded", "_next", "_last", "_lock")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = RLock()
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
        stream = self._container.streams[self._stream_index]
        use_threads(stream)
        read_alone(self._container, stream)
