"""Lip tracks on disk, so that a clip is tracked once however often it is shifted, aligned or measured again.

Tracks depend on the pictures alone. They are kept under a hash of the video packets, of the gaps between
frames and of the code that tracks; a copy whose sound was moved by time stamps finds those of its original,
and gets its own frame times.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from unittest import mock

import av
import numpy as np

import avsync
from avsync import lips
from avsync.lips import LipTrack, TrackConfig
from avsync.media import Clip, atomic_path

GAP_STEP = 0.01
"""Seconds: gaps between frames count as equal when they round to the same multiple of this."""
ARRAYS = tuple(field.name for field in fields(LipTrack) if field.name not in ("times", "face"))


@contextmanager
def remembered(folder: Path) -> Iterator[None]:
    """Inside this context `avsync.lips.track` reads from and writes to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh, code = lips.track, _code()

    def track(clip: Clip, config: TrackConfig | None = None) -> tuple[LipTrack, ...]:
        if config is not None or not clip.has_video:
            return fresh(clip, config)
        path = folder / f"{_pictures(clip, code)}.npz"
        if path.exists():
            return _read(path, clip)
        tracks = fresh(clip)
        _write(path, clip, tracks)
        return tracks

    with mock.patch.object(lips, "track", track):
        yield


def _code() -> bytes:
    """Hash of everything that decides what a track looks like, besides the pictures."""
    package = Path(avsync.__file__).parent
    sources = [package / "lips.py", package / "frames.py", *sorted((package / "face").glob("*.py"))]
    total = hashlib.sha256(b"".join(source.read_bytes() for source in sources))
    total.update(" ".join(sorted(path.name for path in (package / "weights").glob("face-*"))).encode())
    return total.digest()


def _pictures(clip: Clip, code: bytes) -> str:
    total = hashlib.sha256(code)
    with av.open(f"file:{clip.source}") as container:
        for packet in container.demux(container.streams[clip.info.video or 0]):
            total.update(bytes(packet))
    total.update(np.rint(np.diff(clip.frame_times) / GAP_STEP).astype(np.int32).tobytes())
    return total.hexdigest()[:32]


def _write(path: Path, clip: Clip, tracks: tuple[LipTrack, ...]) -> None:
    arrays = {f"{name}{track.face}": getattr(track, name) for track in tracks for name in ARRAYS}
    for track in tracks:  # as numbers of pictures: a copy with other times has the same tracks
        arrays[f"first{track.face}"] = np.searchsorted(clip.frame_times, track.times[0])
    with atomic_path(path, overwrite=True) as temporary:
        np.savez(temporary, faces=len(tracks), **arrays)


def _read(path: Path, clip: Clip) -> tuple[LipTrack, ...]:
    tracks = []
    with np.load(path) as file:
        for face in range(int(file["faces"])):
            arrays = {name: file[f"{name}{face}"] for name in ARRAYS}
            first = int(file[f"first{face}"])
            times = clip.frame_times[first : first + len(arrays["found"])]
            tracks.append(LipTrack(times=times, face=face, **arrays))
    return tuple(tracks)
