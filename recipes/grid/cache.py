"""Prepared utterances, one file each or packed in shards."""

from fnmatch import fnmatch
from pathlib import Path

from avsync.shards import ShardDataset, to_utterance
from avsync.utterances import Utterance, load_utterance


def read(folder: Path, pattern: str = "*") -> list[Utterance]:
    """The utterances whose names (without `.npz`) match a pattern, sorted by name."""
    if not any(folder.glob("*.tar")):
        return [load_utterance(path) for path in sorted(folder.glob(f"{pattern}.npz"))]
    shards = ShardDataset(folder / "*.tar")
    records = (shards.record(index) for index in range(len(shards)))
    return [to_utterance(record) for record in records if fnmatch(record.key, pattern)]
