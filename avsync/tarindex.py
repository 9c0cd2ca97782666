"""Where the samples of a tar file lie, so that any of them can be read alone.

A shard in the layout of webdataset: members `key.extension`, where the key ends at the first dot of the file
name, and the members of a sample follow each other. The headers are walked once; what was found is kept
beside the shard, in `shard.tar.index.json`, where the folder can be written.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsync.errors import MediaError
from avsync.outputs import atomic_path

VERSION = 1
"""Of the index file; another version is built anew."""

BLOCK = 512
"""Bytes of a tar header; two blocks of zeros end a tar file."""

MEMBER = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)")
"""Key and extension of a member."""


@dataclass(frozen=True, slots=True)
class Part:
    """One member of a sample."""

    extension: str
    """In lower case, without the first dot: `json`, `mouth.npy`."""
    offset: int
    """First byte of its content in the shard."""
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where one sample lies."""

    key: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of all its members."""
        return sum(part.size for part in self.parts)


def read_index(shard: Path) -> tuple[Place, ...]:
    """The samples of a shard in its order, from the index beside it where that belongs to this very file.

    Raises `MediaError`, with shard and byte, for what is no tar file or not a whole one, and for a sample
    whose members do not follow each other.
    """
    try:
        status = shard.stat()
    except OSError as error:
        raise MediaError(f"{shard} cannot be read ({error.strerror}). Check the name.") from error
    stamp = {"version": VERSION, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    beside = shard.with_name(f"{shard.name}.index.json")
    known = _load(beside, stamp)
    if known is None:
        known = _walk(shard, status.st_size)
        _store(beside, stamp, known)
    return known


def _load(beside: Path, stamp: dict[str, int]) -> tuple[Place, ...] | None:
    """The stored index; None where there is none, or it is of another file."""
    try:
        stored: Any = json.loads(beside.read_text())
        if {name: stored[name] for name in stamp} != stamp:
            return None
        return tuple(Place(key, tuple(Part(*part) for part in parts)) for key, parts in stored["samples"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(beside: Path, stamp: dict[str, int], places: tuple[Place, ...]) -> None:
    """Keep an index; a folder that cannot be written only costs the time to build it again."""
    samples = [
        [place.key, [[part.extension, part.offset, part.size] for part in place.parts]] for place in places
    ]
    with contextlib.suppress(OSError, MediaError), atomic_path(beside, overwrite=True) as temporary:
        temporary.write_text(json.dumps({**stamp, "samples": samples}, separators=(",", ":")))


def _walk(shard: Path, size: int) -> tuple[Place, ...]:
    samples: dict[str, list[Part]] = {}
    previous = None
    for name, offset, length in _members(shard, size):
        match = MEMBER.fullmatch(name)
        if match is None or (name.startswith("__") and name.endswith("__")):
            continue  # as webdataset does: names without an extension, and its notes about the shard
        key, extension = match[1], match[2].lower()
        if key in samples and key != previous:
            raise MediaError(
                f"{shard}: the members of sample {key} do not follow each other (again at byte {offset}). "
                "Write the shard anew, sorted by name."
            )
        parts = samples.setdefault(key, [])
        if any(part.extension == extension for part in parts):
            raise MediaError(
                f"{shard}: {name} is there twice (again at byte {offset}). Write the shard anew."
            )
        parts.append(Part(extension, offset, length))
        previous = key
    if not samples:
        raise MediaError(f"{shard} holds no samples (members named key.extension). Is it a shard?")
    return tuple(Place(key, tuple(parts)) for key, parts in samples.items())


def _members(shard: Path, size: int) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each file in a tar; raises `MediaError` unless it is whole."""
    position = 0
    try:
        with tarfile.open(shard, "r:") as tar:
            while (member := tar.next()) is not None:
                position = member.offset_data + member.size
                if member.sparse is not None or member.islnk() or member.issym():
                    raise MediaError(
                        f"{shard}: {member.name} is a link or sparse, at byte {member.offset}. "
                        "Pack the files themselves (tar --dereference --hard-dereference)."
                    )
                if member.isreg():
                    yield member.name, member.offset_data, member.size
                tar.members.clear()  # type: ignore[attr-defined]  # else all headers of a large shard pile up
            position = tar.offset
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        if position == 0:
            raise MediaError(
                f"{shard} is no uncompressed tar file ({error}). Unpack it if it is compressed (gunzip)."
            ) from error
        raise MediaError(
            f"{shard} is damaged or truncated: after byte {position} of {size} no member can be read "
            f"({error}). Get a complete copy."
        ) from error
    _check_end(shard, position, size)


def _check_end(shard: Path, position: int, size: int) -> None:
    """Raise `MediaError` unless zeros follow: `tarfile` takes a damaged header for the end."""
    with shard.open("rb") as file:
        file.seek(position)
        if len(file.read(BLOCK)) < BLOCK:
            raise MediaError(
                f"{shard} is truncated: it breaks off at byte {size}, without the mark that ends a tar file. "
                "Get a complete copy."
            )
        file.seek(position)
        while block := file.read(1 << 20):
            if block.count(0) < len(block):
                raise MediaError(
                    f"{shard} is damaged, or several tar files in one: at byte {position} of {size} is no "
                    "header. Get a complete copy, or unpack and pack it again."
                )


def expand(pattern: str | os.PathLike[str]) -> list[Path]:
    """The files of a pattern, sorted where it is a glob: `train-{000..012}.tar`, `{a,b}/*.tar`.

    Raises `MediaError` where none is there.
    """
    paths: list[Path] = []
    for name in _braces(os.fspath(pattern)):
        found = [name] if glob.escape(name) == name else sorted(glob.glob(name, recursive=True))
        if not found:
            raise MediaError(f"no file matches {name}. Check the pattern.")
        paths += map(Path, found)
    return paths


def _braces(pattern: str) -> Iterator[str]:
    """The names that a pattern with `{000..012}` or `{a,b}` stands for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if numbers is None:
        choices = match[1].split(",")
    else:
        width = len(numbers[1]) if numbers[1].startswith("0") else 0
        choices = [f"{number:0{width}d}" for number in range(int(numbers[1]), int(numbers[2]) + 1)]
    for choice in choices:
        yield from _braces(pattern[: match.start()] + choice + pattern[match.end() :])
