"""What recognisers of speech write as JSON: Whisper, WhisperX and whisper.cpp; and avsync's own."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from avsync.captions import Caption, finite
from avsync.timebase import ms_to_seconds

Times = Callable[[Mapping[str, Any]], tuple[float, float]]


def _seconds(part: Mapping[str, Any]) -> tuple[float, float]:
    return float(part["start"]), float(part["end"])


def _offsets(part: Mapping[str, Any]) -> tuple[float, float]:
    return ms_to_seconds(float(part["offsets"]["from"])), ms_to_seconds(float(part["offsets"]["to"]))


PARTS: tuple[tuple[str, Times], ...] = (("segments", _seconds), ("transcription", _offsets))
"""Where the parts stand, by Whisper and WhisperX, and by whisper.cpp; how their times are read."""


def read(text: str) -> list[Caption]:
    """The parts of what was recognised, in the order of the file; of avsync files the transcript.

    Errors: ValueError where it is no JSON, or none of these.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if isinstance(found, dict):
        for name, times in PARTS:
            if isinstance(found.get(name), list):
                return [_part(part, number, times) for number, part in enumerate(found[name], 1)]
        if isinstance(found.get("transcript"), str) and isinstance(found.get("words"), list):
            return [_own(found["transcript"], found["words"])]
    raise ValueError('it has no "segments" with start, end and text')


def _part(part: Any, number: int, times: Times) -> Caption:
    try:
        start, end = (finite(time, str(time)) for time in times(part))
        return Caption(start, end, str(part["text"]))
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"segment {number} has no start, end and text") from error


def _own(transcript: str, words: list[Any]) -> Caption:
    """A transcript, from where its first word is heard to where its last is."""
    try:
        heard = [(float(word["heard_start"]), float(word["heard_end"])) for word in words]
    except (KeyError, TypeError) as error:
        raise ValueError("its words have no heard_start and heard_end") from error
    first = min((start for start, _ in heard), default=0.0)
    last = max((end for _, end in heard), default=0.0)
    return Caption(finite(first, str(first)), finite(last, str(last)), transcript)
