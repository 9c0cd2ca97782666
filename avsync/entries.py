"""Lists of clips to read: from a folder, or from a manifest (CSV, TSV or JSON lines).

An `Entry` names a file, or a stretch of one, and what is known about it. Nothing is decoded here.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsync.errors import ConfigError, MediaError

VIDEO = "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv"
AUDIO = "aac ac3 aif aiff flac m4a mka mp2 mp3 oga ogg opus wav wma"
MEDIA_SUFFIXES = frozenset(f".{name}" for name in f"{VIDEO} {AUDIO}".split())
"""Names that `from_folder` takes for media; a manifest may name any file."""

COLUMNS = ("key", "path", "start", "end", "text", "speaker", "audio")
"""Columns of a manifest that are understood; all others become `Entry.meta`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One clip: a file or a stretch of one."""

    key: str
    """Unique in its list; names the clip in batches, shards and messages."""
    path: Path
    """The media file; a name becomes a path."""
    start: float | None = None
    """Seconds on the file's own clock at which the clip begins; None = where the file does."""
    end: float | None = None
    """Seconds at which the clip ends; None = where the file does."""
    text: str = ""
    """What is said."""
    speaker: str = ""
    """Who says it."""
    audio: Path | None = None
    """A sound file on the same clock that replaces the sound of `path`."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Anything else, handed through."""

    def __post_init__(self) -> None:
        for name, file in (("path", self.path), ("audio", self.audio)):
            if file is not None:
                object.__setattr__(self, name, Path(file))
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{name} {value} of {self.key} is no time. Give seconds, or nothing.")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ConfigError(
                f"{self.key} ends at {self.end} s and starts at {self.start} s. Give an end after the start."
            )


def from_folder(folder: str | os.PathLike[str], pattern: str = "**/*") -> list[Entry]:
    """Every media file under a folder, sorted by path; the key is the relative path without its suffix.

    `pattern` is a glob, as in `**/*.mp4`. A text file beside a clip (`talk.txt` for `talk.mp4`) is its text.
    Raises `MediaError` when the folder holds no media, or two files that would have one key.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MediaError(f"{folder} is no folder. Check the name.")
    found: dict[str, Entry] = {}
    paths = (path for path in folder.glob(pattern) if path.suffix.lower() in MEDIA_SUFFIXES)
    for path in sorted(path for path in paths if path.is_file() and not path.name.startswith(".")):
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise MediaError(
                f"{folder} holds {found[key].path.name} and {path.name}, which share the key {key}. "
                "Choose one kind by a pattern such as **/*.mp4, or write a manifest."
            )
        beside = path.with_suffix(".txt")
        text = _read_text(beside).strip() if beside.is_file() else ""
        found[key] = Entry(key=key, path=path, text=text)
    if not found:
        raise MediaError(f"{folder} holds no media that match {pattern}. Check the name and the pattern.")
    return list(found.values())


def from_manifest(path: str | os.PathLike[str], *, check_files: bool = True) -> list[Entry]:
    """The clips of a .csv, .tsv or .jsonl file, in its order.

    Columns: `path` (relative to the manifest), and where wanted `key`, `start`, `end` (seconds), `text`,
    `speaker`, `audio` (a separate sound file); all others become `meta`. An empty field is one that is not
    there. Without `key` it is the path without its suffix, with start and end in milliseconds where they are
    given. Raises `MediaError` with file and line for a row that cannot be understood, a key that was there
    before and, unless `check_files` is False, a file that does not exist.
    """
    path = Path(path)
    readers = {".csv": _csv_rows, ".tsv": _csv_rows, ".jsonl": _json_rows}
    if path.suffix.lower() not in readers:
        raise MediaError(f"{path} is no manifest that is understood. Give a .csv, .tsv or .jsonl file.")
    entries: list[Entry] = []
    lines: dict[str, int] = {}
    for line, row in readers[path.suffix.lower()](path):
        where = f"{path} line {line}"
        entry = _entry(row, path.parent, where)
        if entry.key in lines:
            raise MediaError(
                f"{where}: the key {entry.key} was there in line {lines[entry.key]}. Give each clip its own."
            )
        for file in (entry.path, entry.audio) if check_files else ():
            if file is not None and not file.is_file():
                raise MediaError(f"{where}: {file} does not exist. Paths are relative to the manifest.")
        lines[entry.key] = line
        entries.append(entry)
    if not entries:
        raise MediaError(f"{path} lists no clips.")
    return entries


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}). Check the name.") from error
    except UnicodeDecodeError as error:
        raise MediaError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and fields of each row; a row has as many fields as the header."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    # A quoted field may hold line breaks: StringIO keeps them, and the csv module joins the lines again.
    rows = csv.reader(io.StringIO(_read_text(path), newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if "path" not in header or len(set(header)) < len(header):
            raise MediaError(
                f"{path} line 1: the columns are {', '.join(header) or 'missing'}. "
                "Give each a name of its own, and one of them `path`."
            )
        for row in rows:
            if not any(row):
                continue
            if len(row) != len(header):
                raise MediaError(
                    f"{path} line {rows.line_num}: {len(row)} fields instead of {len(header)}. "
                    "Quote fields that hold the delimiter."
                )
            yield rows.line_num, {name: value for name, value in zip(header, row, strict=True) if value != ""}
    except csv.Error as error:
        raise MediaError(f"{path} line {rows.line_num}: {error}.") from error


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and fields of each line that is not empty."""
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise MediaError(f"{path} line {number}: no JSON ({error.msg} at {error.colno}).") from error
        if not isinstance(row, dict):
            raise MediaError(f"{path} line {number}: {line.strip()[:40]} is no object. Give one a line.")
        yield number, {name: value for name, value in row.items() if value is not None and value != ""}


def _entry(row: dict[str, Any], folder: Path, where: str) -> Entry:
    texts = {name: _text(row, name, where) for name in ("key", "path", "text", "speaker", "audio")}
    start, end = (_seconds(row, name, where) for name in ("start", "end"))
    if texts["path"] is None:
        raise MediaError(f"{where}: there is no path. Give the file of each clip.")
    stem = Path(texts["path"]).with_suffix("").as_posix()
    marks = [f"{round(time * 1000)}" if time is not None else "" for time in (start, end)]
    key = texts["key"] or (stem if marks == ["", ""] else f"{stem}-{'-'.join(marks)}")
    try:
        return Entry(
            key=key,
            path=folder / texts["path"],
            start=start,
            end=end,
            text=texts["text"] or "",
            speaker=texts["speaker"] or "",
            audio=None if texts["audio"] is None else folder / texts["audio"],
            meta={name: value for name, value in row.items() if name not in COLUMNS},
        )
    except ConfigError as error:
        raise MediaError(f"{where}: {error}") from error


def _text(row: dict[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise MediaError(f"{where}: {name} is {value!r}. Give it as text.")
    return value


def _seconds(row: dict[str, Any], name: str, where: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        seconds = float(value)
        if not math.isfinite(seconds):
            raise ValueError
    except (TypeError, ValueError):
        raise MediaError(f"{where}: {name} {value!r} is no time. Give seconds, as in 12.5.") from None
    return seconds


def unique(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries as a tuple; raises `ConfigError` for a key that is there twice."""
    taken: dict[str, Entry] = {}
    for entry in entries:
        if entry.key in taken:
            raise ConfigError(f"two clips have the key {entry.key}. Give each its own.")
        taken[entry.key] = entry
    return tuple(taken.values())
