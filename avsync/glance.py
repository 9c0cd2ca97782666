"""Faces and sound of a file at a glance: all of a short one, a few windows of a long one."""

from dataclasses import replace

from avsync import media
from avsync.clip import Clip
from avsync.excerpts import SHORT_SECONDS
from avsync.lips import LipTrack, track
from avsync.streams import MediaInfo, StreamInfo

WINDOWS, WINDOW_SECONDS = 6, 5.0
"""Of a longer one, so many windows of this length."""

ROWS = 360
"""Height of the pictures in windows, so that those of one window fit into memory."""


def glance(file: str, info: MediaInfo) -> tuple[list[Clip], list[LipTrack], bool]:
    """What was looked at, the faces in it, and whether it was all of the file.

    `info`: from `probe`. The clips of windows hold their sound, and no pictures any more. Faces of different
    windows are different tracks. Errors and warnings are those of `media.load` and `Reader.read`.
    """
    windows = face_windows(info)
    if windows is None:
        clip = media.load(file)
        return [clip], list(track(clip)), True
    parts: list[Clip] = []
    tracks: list[LipTrack] = []
    rows = None if info.video is None else min(_rows(info.streams[info.video]), ROWS)
    with media.open(file, height=rows) as reader:
        for window in windows:
            part = reader.read(*window)
            tracks += track(part)
            parts.append(replace(part, frames=()))
    return parts, tracks, False


def face_windows(info: MediaInfo) -> list[tuple[float, float]] | None:
    """A few evenly spread intervals (seconds) of the picture, or the sound; None for a short file."""
    used = next((info.streams[i] for i in (info.video, info.audio) if i is not None), None)
    if used is None or used.found_start is None or (used.found_duration or 0.0) <= SHORT_SECONDS:
        return None
    room = (used.found_duration or 0.0) - WINDOW_SECONDS
    starts = [used.found_start + room * (n + 0.5) / WINDOWS for n in range(WINDOWS)]
    return [(start, start + WINDOW_SECONDS) for start in starts]


def _rows(stream: StreamInfo) -> int:
    """The rows of the picture as it is shown."""
    return stream.width if stream.rotation in (90, -90) else stream.height
