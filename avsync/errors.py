"""Exceptions of avsync: everything that the package raises on purpose derives from `AVSyncError`.

A message says what is wrong, with the value and the file, and then what to do about it.
"""


class AVSyncError(Exception):
    """Base of all errors that avsync raises on purpose."""


class MediaError(AVSyncError):
    """A file is missing, unreadable, lacks a stream that is needed, or cannot be written."""


class FaceError(AVSyncError):
    """A face or mouth was needed and was not found."""


class TextError(AVSyncError):
    """A transcript is empty or cannot be spoken with the known pronunciations."""


class LongTextError(TextError):
    """A transcript takes longer to say than the sound is long."""


class ModelError(AVSyncError):
    """Weights are missing, damaged, or do not fit the code."""


class ConfigError(AVSyncError, ValueError):
    """A setting is out of its range; the message says the range."""


class UndeterminedError(AVSyncError):
    """The offset or the words could not be determined, and the caller cannot go on without them.

    `reason` is one of the reason codes of `Offset.reason`, or `other_transcript`: that of something else.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
