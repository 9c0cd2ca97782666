"""Transcripts from files: plain text, and the text of SubRip, WebVTT, ASS, TextGrid and recognisers' JSON
with its times.

The times of such files are rough: subtitles come early, stay long, and are often a second off. They are
kept as `Anchor`, on the clock of the sound.
"""

import codecs
import os
from dataclasses import dataclass
from pathlib import Path

from avsync import captions, recognised, textgrids
from avsync.captions import Caption
from avsync.errors import TextError
from avsync.pronunciations import Lexicon
from avsync.text import Token, normalise


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
    """Of subtitles, TextGrids and JSON, the lines of one part after those of the other."""
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
    """A text as a transcript without times. Errors: TextError for anything else."""
    if not isinstance(given, str | Transcript):
        raise TextError(
            f"the transcript is a {type(given).__name__}. Give a text, or what `read_transcript` gave."
        )
    return Transcript(given) if isinstance(given, str) else given


def read_transcript(path: str | os.PathLike[str]) -> Transcript:
    """The transcript in a file: .srt, .vtt, .ass, .ssa, .TextGrid and .json (of Whisper and its like, and of
    avsync) with their times, others as plain text.

    A file of another name with times like those of SubRip counts as such. The text is UTF-8, or UTF-16 or 32
    with a byte order mark. Errors: TextError with the file where it cannot be read, has no text, or has a
    format in which words stand between others (`REFUSED`).
    """
    text = _read(Path(path))
    found = _timed(text, Path(path))
    parts: list[str] = []
    anchors: list[Anchor] = []
    position = 0
    for caption in found or ():
        lines = [" ".join(line.split()) for line in caption.text.split("\n")]
        part = "\n".join(line for line in lines if line)
        if part:
            parts.append(part)
            end = max(caption.start, caption.end)
            anchors.append(Anchor(caption.start, end, (position, position + len(part))))
            position += len(part) + 1
    written = text if found is None else "\n".join(parts)
    if not written.strip():
        raise TextError(f"{path} has no text. Give the words that are spoken.")
    return Transcript(written, tuple(anchors), str(path))


SUBTITLES = (".srt", ".vtt", ".ass", ".ssa")
REFUSED = (
    ".jsonl", ".ctm", ".eaf", ".csv", ".tsv", ".ttml", ".dfxp", ".xml", ".html", ".htm", ".sbv",
    ".sub", ".stl", ".scc", ".lrc", ".rtf", ".doc", ".docx", ".odt", ".pdf",
)  # fmt: skip
"""Files in which words stand between others: they are not read."""


def _read(path: Path) -> str:
    """The text of a file, with the ends of lines of Unix."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TextError(f"{path} cannot be read ({error.strerror}). Check the name.") from error
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise TextError(f"{path} is no {name} text (byte {error.start}). Save it as UTF-8.") from error
    if "\0" in text:  # UTF-16 without its mark, or no text at all
        raise TextError(f"{path} is no UTF-8 text (byte {text.index(chr(0))} is 0). Save it as UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encodings that they stand for."""


def _timed(text: str, path: Path) -> list[Caption] | None:
    """The parts of a file that has times; None of plain text."""
    suffix = path.suffix.lower()
    if suffix in REFUSED and not captions.HEAD.search(text):
        raise TextError(
            f"{path} is no transcript that can be read. "
            f"Give plain text, or {', '.join(SUBTITLES)}, .TextGrid or a recogniser's .json."
        )
    try:
        if suffix in SUBTITLES or captions.HEAD.search(text):
            return captions.read(text, suffix)
        if suffix == ".json":
            return recognised.read(text)
        return textgrids.read(text) if suffix == ".textgrid" else None
    except ValueError as error:
        raise TextError(
            f"{path} cannot be read as {path.suffix}: {error}. Save it again, or as text."
        ) from error
