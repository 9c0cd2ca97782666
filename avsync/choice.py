"""What is read of a file: which streams, which interval, and the errors of a wrong choice."""

import math
from typing import Literal

from avsync.decode import Source
from avsync.errors import ConfigError, MediaError
from avsync.streams import MediaInfo, describe, open_media


def choose(info: MediaInfo, kind: Literal["video", "audio"], index: int | None) -> int | None:
    """The stream to read: `index`, which must be of that kind, or FFmpeg's choice."""
    if index is None:
        return info.video if kind == "video" else info.audio
    fitting = [s.index for s in info.streams if s.kind == kind and s.codec != "unknown"]
    if index not in fitting:
        numbered = ", ".join(f"{s.index} {s.kind} {s.codec}" for s in info.streams) or "none"
        choice = f"Choose one of {fitting}" if fitting else f"It has no {kind} at all"
        raise MediaError(f"{info.source}: stream {index} is no {kind} (streams: {numbered}). {choice}.")
    return index


def other_sounds(info: MediaInfo) -> list[int]:
    """The sounds that could be heard and are not."""
    return [
        s.index for s in info.streams if s.kind == "audio" and s.codec != "unknown" and s.index != info.audio
    ]


def declared(source: Source) -> MediaInfo:
    """What a file declares."""
    with open_media(source) as container:
        return describe(container, source)


def check_interval(start: float, end: float) -> None:
    """Raise `ConfigError` unless `start` lies before `end`."""
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise ConfigError(f"the interval from {start} to {end} s is empty. Give a start before its end.")


def nothing_decodes(info: MediaInfo) -> MediaError:
    """The error of a file in which streams are declared and nothing of them is there."""
    return MediaError(
        f"{info.source}: nothing can be decoded (declared: {info.describe()}); the file is damaged or "
        "truncated. Get a complete copy."
    )
