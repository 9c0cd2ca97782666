"""Puts picture, sound and text of a speaking person on one clock."""

from avsync.errors import AVSyncError, FaceError, MediaError, ModelError, TextError, UndeterminedError

__version__ = "0.1.0"

__all__ = [
    "AVSyncError",
    "FaceError",
    "MediaError",
    "ModelError",
    "TextError",
    "UndeterminedError",
]
