"""What FFmpeg says of damage: its demuxers and decoders tell most of it in their log and nowhere else."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

_SILENT = logging.NullHandler()
_lock = threading.Lock()
_before: list[tuple[int | None, bool]] = []
"""PyAV's settings before each block that is open now."""


@contextmanager
def _listening() -> Iterator[None]:
    """PyAV listens only where a level is set, for the whole process: so it is set for as long as it must be.

    Left on, it would have the decoders of others wait for Python's lock when they log.
    """
    # What other threads say meanwhile is for those who ask the logger `libav`, not for the terminal.
    logging.getLogger("libav").addHandler(_SILENT)
    with _lock:
        _before.append((av.logging.get_level(), av.logging.get_skip_repeated()))
        if av.logging.get_level() is None:
            av.logging.set_level(av.logging.WARNING)
        av.logging.set_skip_repeated(False)  # the second damaged file of a process would be silent
    try:
        yield
    finally:
        with _lock:
            level, skip = _before[0]
            _before.pop()
            if not _before:
                av.logging.set_level(level)
                av.logging.set_skip_repeated(skip)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Errors that FFmpeg logs on this thread meanwhile, as `matroska,webm: File ended prematurely`."""
    told: list[str] = []
    with _listening(), av.logging.Capture(local=True) as lines:
        try:
            yield told
        finally:
            for level, name, text in lines:
                # MPEG-TS marks packets whose parts are missing, and only warns of it.
                if level <= av.logging.ERROR or (level <= av.logging.WARNING and "corrupt" in text.lower()):
                    told.append(f"{name}: {' '.join(text.split())}")
