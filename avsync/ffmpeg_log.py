"""What FFmpeg says of damage: its demuxers and decoders tell most of it in their log and nowhere else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging


@contextmanager
def heard() -> Iterator[list[str]]:
    """Errors that FFmpeg logs on this thread meanwhile, as `matroska,webm: File ended prematurely`.

    PyAV listens only where a level is set; one that the user set is left alone.
    """
    if av.logging.get_level() is None:
        # Lines outside of this block go to the logger `libav`, which says nothing unless it is asked to.
        logging.getLogger("libav").addHandler(logging.NullHandler())
        av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)  # the second damaged file of a process would be silent
    told: list[str] = []
    with av.logging.Capture(local=True) as lines:
        try:
            yield told
        finally:
            for level, name, text in lines:
                # MPEG-TS marks packets whose parts are missing, and only warns of it.
                if level <= av.logging.ERROR or (level <= av.logging.WARNING and "corrupt" in text.lower()):
                    told.append(f"{name}: {' '.join(text.split())}")
