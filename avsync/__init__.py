"""Puts picture, sound and text of a speaking person on one clock.

    clip      = avsync.load("talk.mp4")                              # -> Clip
    offset    = avsync.detect_offset("talk.mp4")                     # -> Offset   (path or Clip)
    fix       = avsync.correct("talk.mp4", "fixed.mp4")              # -> Correction
    alignment = avsync.align("talk.mp4", "place blue at f two now")  # -> Alignment (path or Clip)
    avsync.annotate("talk.mp4", "annotated.mp4", transcript="place blue at f two now")

Times are seconds on the container's presentation clock. An offset is positive when the audio leads (is heard
before it is seen): an event seen at `t` is heard at `t - offset.ms / 1000`.
"""

from avsync.align import align
from avsync.alignment import Alignment, Gap, Phone, Word
from avsync.errors import (
    AVSyncError,
    ConfigError,
    FaceError,
    MediaError,
    ModelError,
    TextError,
    UndeterminedError,
)
from avsync.media import Clip, load
from avsync.offset import Offset, Segment, detect_offset
from avsync.remux import Correction, correct, shift_audio
from avsync.render import annotate
from avsync.sample import SampleTruth, render_sample
from avsync.transcripts import Transcript, read_transcript

__version__ = "0.1.0"

__all__ = [
    "AVSyncError",
    "Alignment",
    "Clip",
    "ConfigError",
    "Correction",
    "FaceError",
    "Gap",
    "MediaError",
    "ModelError",
    "Offset",
    "Phone",
    "SampleTruth",
    "Segment",
    "TextError",
    "Transcript",
    "UndeterminedError",
    "Word",
    "align",
    "annotate",
    "correct",
    "detect_offset",
    "load",
    "read_transcript",
    "render_sample",
    "shift_audio",
]
