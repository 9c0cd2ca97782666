"""Clips in tar files (shards) of the layout of webdataset: written one after another, read in any order.

    shards.write(ClipDataset(entries), "train", per_shard=500)      # train/shard-000000.tar, ...
    clips = shards.ShardDataset("train/*.tar", ClipConfig(seconds=2.0))
    order = ClipSampler(len(clips), OrderConfig(batch_size=16), shards=clips.shards, lengths=clips.lengths())

What a member may be, `records` says.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from avsync.crop import ClipConfig
from avsync.data import Description, Sample, TimedDataset
from avsync.entries import Entry
from avsync.errors import ConfigError, MediaError
from avsync.handles import Handles
from avsync.outputs import atomic_path
from avsync.records import Record, to_record, to_source, to_utterance
from avsync.sources import Source
from avsync.tarindex import Place, expand, read_index
from avsync.utterances import Utterance

__all__ = ["Record", "ShardDataset", "to_utterance", "write"]

OPEN_SHARDS = 32
"""Shards that a process keeps open."""


def write(
    items: Iterable[Sample | Utterance | Entry | Record | None],
    folder: str | os.PathLike[str],
    *,
    per_shard: int = 1000,
    name: str = "shard",
    overwrite: bool = False,
) -> list[Path]:
    """Write clips to `folder/name-000000.tar` and so on, `per_shard` in each; returns the files.

    A `Sample` is stored as arrays, an `Utterance` as the recipes' .npz, an `Entry` as its media file with the
    start and end of the clip beside it. Items are taken one at a time; equal items give equal bytes. Raises
    `MediaError` for a file that exists unless `overwrite`, `ConfigError` for a key that cannot be written.
    """
    if per_shard < 1:
        raise ConfigError(f"per_shard {per_shard} is too low. Give 1 or more.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    remaining = (item for item in items if item is not None)  # a clip that was skipped
    for first in remaining:
        target = folder / f"{name}-{len(written):06d}.tar"
        with atomic_path(target, overwrite=overwrite) as temporary, tarfile.open(temporary, "w") as tar:
            keys: set[str] = set()
            for item in chain([first], islice(remaining, per_shard - 1)):
                _add(tar, to_record(item), keys)
        written.append(target)
    return written


def _add(tar: tarfile.TarFile, record: Record, keys: set[str]) -> None:
    key = record.key
    if key in keys or not key or "." in key or key.startswith("/") or "__" in (key[:2], key[-2:]):
        reason = "is there twice" if key in keys else "cannot name a member"
        raise ConfigError(f"the key {key!r} {reason}. Give each clip its own, without dots.")
    keys.add(key)
    for extension, content in record.parts.items():
        member = tarfile.TarInfo(f"{key}.{extension}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


class Shard:
    """An open shard."""

    def __init__(self, path: Path) -> None:
        """Raises `MediaError` when it cannot be read; see `tarindex.read_index`."""
        self.path = path
        self.places: Sequence[Place] = read_index(path)
        self._file: BinaryIO = path.open("rb")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, number: int) -> Record:
        """The bytes of one sample, in one read."""
        place = self.places[number]
        first = min(part.offset for part in place.parts)
        end = max(part.offset + part.size for part in place.parts)
        source = f"{self.path} at byte {first}"
        try:
            self._file.seek(first)
            content = self._file.read(end - first)
        except OSError as error:
            raise MediaError(f"{source} cannot be read ({error.strerror}).") from error
        if len(content) < end - first:
            raise MediaError(f"{source} breaks off: was it changed while it was open? Start again.")
        parts = {p.extension: content[p.offset - first : p.offset - first + p.size] for p in place.parts}
        return Record(place.key, source, parts)


class ShardDataset(TimedDataset):
    """The clips of shards, each of which can be read alone, by number and by time."""

    def __init__(
        self,
        shards: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        config: ClipConfig | None = None,
    ) -> None:
        """`shards`: files, or a pattern (`train-{000..012}.tar`, `train/*.tar`), or several of these.

        Raises `MediaError` where none is there, or one is damaged.
        """
        patterns = [shards] if isinstance(shards, str | os.PathLike) else list(shards)
        self.config = config or ClipConfig()
        self.paths = [path for pattern in patterns for path in expand(pattern)]
        sizes = [[place.size for place in read_index(path)] for path in self.paths]
        self.shards = [len(places) for places in sizes]
        """Clips in each file of `paths`."""
        self._firsts = np.cumsum([0, *self.shards])
        self._sizes = np.array([size for places in sizes for size in places], np.float64)
        self._open_shards: Handles[Path, Shard] = Handles(Shard, OPEN_SHARDS)

    def __len__(self) -> int:
        return len(self._sizes)

    def record(self, index: int) -> Record:
        """The bytes of a clip."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {int(index)} of {len(self)}")
        number = int(np.searchsorted(self._firsts, index, side="right")) - 1
        shard = self._open_shards.get(self.paths[number])
        if len(shard.places) != self.shards[number]:
            raise MediaError(f"{shard.path} was changed while it was in use. Start again.")
        return shard.read(int(index - self._firsts[number]))

    def open(self, index: int) -> tuple[Source, Description]:
        """The clip, ready to be read."""
        return to_source(self.record(index), self.config)

    def lengths(self) -> np.ndarray:
        """(n,) bytes of each clip: about proportional to its seconds where all clips are stored alike."""
        return self._sizes
