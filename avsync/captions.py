"""What subtitle files say: start, end and text of each subtitle.

SubRip and WebVTT are read line by line, as players do. pysubs2 (1.8), which reads ASS here, takes a number
at the end of a subtitle for that of the next one, and the name of a WebVTT subtitle for words.
"""

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pysubs2

from avsync.timebase import ms_to_seconds

TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?"
HEAD = re.compile(rf"^[ \t]*{TIME}[ \t]*-->[ \t]*{TIME}(?![\d:.,])", re.MULTILINE)
"""The times of a subtitle, in the line before its text."""
LIKE_HEAD = re.compile(r"[ \t]*-?\d+:[\d:., ]*-->|[ \t]*\d+:\d+:[\d:., ]*-+>")
"""What is meant as such a line."""
EXAMPLE = "00:00:01,000 --> 00:00:02,500"
ROLLED_SHARE, FEWEST_ROLLED = 0.5, 3
"""Subtitles that begin with what the one right before ends with, of all: at least so many in a file whose
lines roll up, as live captions and those of video platforms do."""
ADDING_SHARE = 0.25
"""Share of these that say more than what they repeat, at least; in files of video platforms half do."""
TOUCHING_S = 0.1
"""Subtitles that are further apart, seconds, repeat nothing: it is said again."""


@dataclass(frozen=True, slots=True)
class Caption:
    """A subtitle."""

    start: float
    """Seconds."""
    end: float
    text: str
    """Without tags, in the lines of the file."""


def read(text: str, suffix: str) -> list[Caption]:
    """The subtitles in the text of an .srt, .vtt, .ass or .ssa file, in the order of their times.

    What a subtitle repeats of the one before is left out where most do. Errors: ValueError, with the line,
    where it cannot be understood.
    """
    found = list(_events(text, suffix)) if suffix in (".ass", ".ssa") else list(_timed(text))
    return _unrolled(sorted(found, key=lambda caption: caption.start))


def _events(text: str, suffix: str) -> Iterator[Caption]:
    """Those of ASS."""
    try:
        events = pysubs2.SSAFile.from_string(text, format_=suffix[1:])
    except (pysubs2.exceptions.Pysubs2Error, KeyError, IndexError) as error:
        raise ValueError(str(error)) from error
    for event in events:
        if not event.is_comment and not event.is_drawing:
            plain = event.text.replace("\\{", "\ue000").replace("\\}", "\ue001")
            plain = re.sub(r"\{[^}]*\}", "", plain).replace("\ue000", "{").replace("\ue001", "}")
            plain = re.sub(r"\\[Nn]", "\n", plain).replace("\\h", " ").replace("\\\u2060", "\\")
            yield Caption(ms_to_seconds(event.start), ms_to_seconds(event.end), plain)


def _timed(text: str) -> Iterator[Caption]:
    """Those of SubRip and WebVTT: the lines between one head and the next."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if LIKE_HEAD.match(line) and not HEAD.match(line):
            raise ValueError(f"line {number} should be times such as {EXAMPLE}, and is {line.strip()!r}")
    heads = [(number, found) for number, line in enumerate(lines) if (found := HEAD.match(line))]
    if not heads and text.strip() and not text.lstrip().startswith("WEBVTT"):
        raise ValueError(f"it has no line of times such as {EXAMPLE}")
    named = text.lstrip().startswith("WEBVTT")
    numbered = bool(heads) and _ends_with_number(lines[: heads[0][0]])
    ends = [*(number for number, _ in heads[1:]), len(lines)]
    for (number, head), following in zip(heads, ends, strict=False):
        body = lines[number + 1 : following]
        if numbered and following < len(lines) and _ends_with_number(body[-1:] if named else body):
            while not body.pop().strip():  # up to the number of the next
                pass
        if named and "" in body:  # what follows is the name of the next, or a note
            body = body[: body.index("")]
        times = head.groups()
        yield Caption(_seconds(*times[:4]), _seconds(*times[4:]), _plain("\n".join(body)))


def _ends_with_number(lines: Sequence[str]) -> bool:
    """Whether the last line that is not empty is the number of a subtitle."""
    return next((line.strip().isdecimal() for line in reversed(lines) if line.strip()), False)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    whole = float(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return finite(whole + (float(f"0.{fraction}") if fraction else 0.0), f"{hours}:{minutes}:{seconds}")


def finite(number: float, written: str) -> float:
    """A number of a file, unless it is too large to be one. Errors: ValueError."""
    if not math.isfinite(number):
        raise ValueError(f"{written[:20]} is no time or count")
    return number


TAG = re.compile(
    r"</?(?:[bisupcv]|em|strong|lang|font|span|ruby|rt)(?:[.\s][^<>]*)?>|<(?:\d+:)?\d\d:\d\d\.\d{3}>|\{\\[^}]*\}",
    re.IGNORECASE,
)
"""What SubRip and WebVTT do not show: tags, times of words, and what players obey in braces. All else in
angle brackets and braces is text."""


def _plain(text: str) -> str:
    """A subtitle of SubRip or WebVTT without tags."""
    text = TAG.sub("", re.sub(r"<br\s*/?>", "\n", text, flags=re.IGNORECASE))
    return html.unescape(re.sub(r"\\[Nn]", "\n", text).replace("\\h", " "))


def _unrolled(captions: Sequence[Caption]) -> list[Caption]:
    """The subtitles without what each repeats of the one before, where most do and add to it: seven times
    the same is a chorus.
    """
    if not captions:
        return []
    words = [caption.text.split() for caption in captions]
    touching = [here.start - before.end < TOUCHING_S for before, here in pairwise(captions)]
    overlaps = [_overlap(before, here) for before, here in pairwise(words)]
    repeated = [0, *(count * near for count, near in zip(overlaps, touching, strict=True))]
    rolled = sum(map(bool, repeated))
    adding = sum(0 < count < len(here) for count, here in zip(repeated, words, strict=True))
    if rolled < max(ROLLED_SHARE * (len(captions) - 1), FEWEST_ROLLED) or adding < ADDING_SHARE * rolled:
        return list(captions)
    return [
        replace(caption, text=_behind(caption.text, count))
        for caption, count in zip(captions, repeated, strict=True)
    ]


def _overlap(before: Sequence[str], here: Sequence[str]) -> int:
    """How many words `here` begins with that `before` ends with."""
    most = min(len(before), len(here))
    return next((count for count in range(most, 0, -1) if before[-count:] == here[:count]), 0)


def _behind(text: str, count: int) -> str:
    """What stands behind so many words."""
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return text[ends[count - 1] :] if count else text
