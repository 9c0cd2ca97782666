"""Prepared utterances, one file each or packed in shards."""

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from avsync.shards import ShardDataset, to_utterance
from avsync.utterances import Utterance, load_utterance

RENDERED = "rendered"
"""Speaker of the rendered faces."""
Item = TypeVar("Item")


def fill(
    folder: Path, prepare: Callable[[Item, Path], str | None], todo: Sequence[Item], workers: int, title: str
) -> None:
    """Prepare items into a folder in several processes; what `prepare` says was wrong is printed."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(prepare, todo, [folder] * len(todo), chunksize=4)
        for problem in tqdm(results, total=len(todo), desc=title):
            if problem:
                print(problem)


def read(folder: Path, pattern: str = "*") -> list[Utterance]:
    """The utterances whose names (without `.npz`) match a pattern, sorted by name."""
    if not any(folder.glob("*.tar")):
        return [load_utterance(path) for path in sorted(folder.glob(f"{pattern}.npz"))]
    shards = ShardDataset(folder / "*.tar")
    records = (shards.record(index) for index in range(len(shards)))
    return [to_utterance(record) for record in records if fnmatch(record.key, pattern)]


def zero_points() -> dict[str, float]:
    """A speaker's own offset in ms by `recipes/benchmark/zero_point.py`, positive where the sound leads."""
    with Path(__file__).with_name("zero.csv").open(newline="") as file:
        return {row["speaker"]: float(row["offset_ms"]) for row in csv.DictReader(file)}


def in_sync(utterance: Utterance, zeros: dict[str, float]) -> Utterance:
    """The utterance with its sound, and the times on it, moved so that its offset is 0."""
    later = zeros.get(utterance.speaker, 0.0) / 1000
    phones = utterance.phones
    return replace(
        utterance,
        audio_start=utterance.audio_start + later,
        word_times=utterance.word_times + later,
        phones=phones and replace(phones, starts=phones.starts + later, ends=phones.ends + later),
    )
