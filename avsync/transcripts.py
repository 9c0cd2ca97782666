"""Transcripts from files: plain text, and the text of SubRip, WebVTT, ASS and TextGrid files with its times.

The times of such files are rough: subtitles come early, stay long, and are often a second off. They are
kept as `Anchor`, on the clock of the sound.
"""

import codecs
import html
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysubs2

from avsync.errors import TextError
from avsync.pronunciations import Lexicon
from avsync.text import Token, normalise
from avsync.timebase import ms_to_seconds


@dataclass(frozen=True, slots=True)
class Anchor:
    """A part of a transcript, and roughly when it is spoken."""

    start: float
    """Seconds on the sound's clock."""
    end: float
    span: tuple[int, int]
    """Its first character in the text, and the one behind its last."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is spoken."""

    text: str
    """Of subtitles and TextGrids a line each: one subtitle or interval."""
    anchors: tuple[Anchor, ...] = ()
    """In the order of the text; none in plain text."""
    source: str = ""
    """The file, for messages; empty where there was none."""

    def tokens(self, lexicon: Lexicon | None = None) -> tuple[Token, ...]:
        """The tokens of the text.

        Errors: TextError as `avsync.text.normalise`, with the file.
        """
        try:
            return normalise(self.text, lexicon)
        except TextError as error:
            raise TextError(f"{self.source}: {error}" if self.source else str(error)) from error


def as_transcript(given: "str | Transcript") -> Transcript:
    """A text as a transcript without times."""
    return Transcript(given) if isinstance(given, str) else given


def read_transcript(path: str | os.PathLike[str]) -> Transcript:
    """The transcript in a file: .srt, .vtt, .ass, .ssa and .TextGrid with their times, others as plain text.

    Of a TextGrid, the tier `words` is taken, or else the first with text. The text is UTF-8, or UTF-16 with a
    byte order mark. Errors: TextError with the file where it cannot be read or has no text.
    """
    text = _read(Path(path))
    suffix = Path(path).suffix.lower()
    if suffix in SUBTITLES:
        parts = list(_subtitles(text, suffix, path))
    elif suffix == ".textgrid":
        parts = _textgrid(text, path)
    else:
        return Transcript(text, source=str(path))
    lines: list[str] = []
    anchors: list[Anchor] = []
    position = 0
    for start, end, written in parts:
        line = " ".join(written.split())
        if not line:
            continue
        if end > start:
            anchors.append(Anchor(start, end, (position, position + len(line))))
        lines.append(line)
        position += len(line) + 1
    if not lines:
        raise TextError(f"{path} has no text. Give the words that are spoken.")
    return Transcript("\n".join(lines), tuple(anchors), str(path))


SUBTITLES = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ssa"}
"""Suffix -> the name that pysubs2 has for the format."""

Part = tuple[float, float, str]


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if utf16 else "utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is no UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise TextError(f"{path} cannot be read ({error.strerror}). Check the name.") from error


def _subtitles(text: str, suffix: str, path: str | os.PathLike[str]) -> Iterator[Part]:
    """Start, end (seconds) and plain text of each subtitle, in the order of their times."""
    if suffix == ".vtt":
        # Times of words: pysubs2 takes a line with two of them for the head of a subtitle.
        text = re.sub(r"<(?:\d+:)?\d\d:\d\d\.\d{3}>", "", text)
        text = re.sub(r"^(?:NOTE|STYLE|REGION)\b(?:.*\n)+?(?=\n|\Z)", "", text, flags=re.MULTILINE)
    try:
        options = {"keep_html_tags": True} if suffix in (".srt", ".vtt") else {}
        read = pysubs2.SSAFile.from_string(text, format_=SUBTITLES[suffix], **options)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, KeyError, IndexError) as error:
        raise TextError(f"{path} cannot be read as {suffix} ({error}). Save it again, or as text.") from error
    for event in sorted(read, key=lambda event: event.start):
        if not event.is_comment and not event.is_drawing:
            yield ms_to_seconds(event.start), ms_to_seconds(event.end), _plain(event.text, suffix)


def _plain(text: str, suffix: str) -> str:
    """The words of a subtitle, without tags."""
    if suffix in (".ass", ".ssa"):
        text = text.replace("\\{", "\ue000").replace("\\}", "\ue001")
        text = re.sub(r"\{[^}]*\}", "", text).replace("\ue000", "{").replace("\ue001", "}")
    else:
        text = re.sub(r"\{\\[^}]*\}", "", text)  # others take braces for text, but for what players obey
        text = re.sub(
            r"</?(?:[bisu]|c|v|lang|font|span|ruby|rt)(?:[.\s][^<>]*)?>", "", text, flags=re.IGNORECASE
        )
    text = re.sub(r"\\[Nnh]", " ", text).replace("\\\u2060", "\\")
    return html.unescape(text) if suffix == ".vtt" else text


def _textgrid(text: str, path: str | os.PathLike[str]) -> list[Part]:
    """The intervals with text of the tier that holds the words; long and short form alike.

    As Praat does, only strings in quotes and numbers that stand free count.
    """
    found = re.findall(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d[\d.]*(?:[eE][+-]?\d+)?)(?!\S)|<(exists|absent)>', text)
    values = iter([(string.replace('""', '"'), number) for string, number, flag in found if not flag])
    tiers: dict[str, list[Part]] = {}

    def number() -> float:
        return float(next(values)[1])

    try:
        kinds = next(values)[0], next(values)[0]
        if kinds[1] != "TextGrid":
            raise ValueError
        _, _, count = number(), number(), round(number())
        for index in range(count):
            kind, name = next(values)[0], next(values)[0]
            _, _, size = number(), number(), round(number())
            if kind == "IntervalTier":
                tiers[f"{index} {name}"] = [(number(), number(), next(values)[0]) for _ in range(size)]
            else:
                for _ in range(size):
                    number()
                    next(values)
    except (StopIteration, RuntimeError, ValueError) as error:
        raise TextError(f"{path} is no TextGrid that can be understood. Save it again with Praat.") from error
    spoken = {
        name: [part for part in parts if part[2].strip().lower() not in SILENCES]
        for name, parts in tiers.items()
    }
    return next(
        (parts for name, parts in spoken.items() if parts and re.search(r"\bwords?$", name.lower())),
        next((parts for parts in spoken.values() if parts), []),
    )


SILENCES = frozenset(("", "sil", "sp", "<eps>", "<sil>", "#", "_"))
"""What aligners write into intervals in which nobody speaks."""
