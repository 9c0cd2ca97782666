"""Prepare GRID clips: decode, track the mouth, read the word times; one .npz an utterance.

    python recipes/grid/prepare.py --grid DIR --out CACHE/grid [--workers 2]

DIR is either a pack with `manifest.csv` (columns speaker, utterance, path, align_path, transcript) or the
official layout: one folder a speaker with its videos (`s1/bbaf2n.mpg`, also nested: `s1/video/...`) and
word times in any `align` folder (`s1/align/bbaf2n.align`, `alignments/s1/bbaf2n.align`). Clips without a
face or without word times are left out and named.
"""

import argparse
import csv
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cache import fill

from avsync import lips, media
from avsync.features import on_grid
from avsync.utterances import Utterance, save_utterance

ALIGN_UNIT = 1 / 25_000
"""Seconds of one unit of a .align file."""
VIDEO = {".mpg", ".mpeg", ".mkv", ".mp4", ".avi", ".mov"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip and where its word times are."""

    speaker: str
    name: str
    video: Path
    align: Path


def speaker_of(path: Path) -> str:
    """The innermost folder that is called like a speaker of GRID (`s1` to `s34`), or nothing."""
    return next((part for part in reversed(path.parts[:-1]) if re.fullmatch(r"s\d+", part)), "")


def entries(folder: Path) -> Iterator[Entry]:
    """All clips of a pack or of the official layout that have word times, in a fixed order."""
    manifest = folder / "manifest.csv"
    if manifest.exists():
        with manifest.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["align_path"]:
                    yield Entry(
                        row["speaker"], row["utterance"], folder / row["path"], folder / row["align_path"]
                    )
        return
    aligns: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*.align")):
        aligns[speaker_of(path.relative_to(folder)), path.stem] = path
    for video in sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO):
        speaker = speaker_of(video.relative_to(folder))
        if (speaker, video.stem) in aligns:
            yield Entry(speaker, video.stem, video, aligns[speaker, video.stem])


def read_align(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Words of a .align file without `sil` and `sp`, and their times (W, 2) in seconds."""
    words, times = [], []
    for line in path.read_text().splitlines():
        start, end, word = line.split()
        if word not in ("sil", "sp"):
            words.append(word)
            times.append((int(start) * ALIGN_UNIT, int(end) * ALIGN_UNIT))
    return tuple(words), np.array(times)


def prepare(entry: Entry, out: Path) -> str | None:
    """Cache one clip; returns what was wrong, if anything."""
    target = out / f"{entry.speaker}-{entry.name}.npz"
    if target.exists():
        return None
    torch.set_num_threads(1)
    clip = media.load(entry.video)
    tracks = lips.track(clip)
    if not tracks:
        return f"{entry.video}: no face"
    words, times = read_align(entry.align)
    utterance = Utterance(
        entry.name, entry.speaker, clip.waveform, clip.audio_start, words, times, on_grid(tracks[0])
    )
    save_utterance(utterance, target)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="folder of GRID")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    # Speakers with few clips first and sentences mixed: an interrupted run already holds some of everything.
    todo = sorted(entries(options.grid), key=lambda entry: zlib.crc32(entry.name.encode()))
    counts = Counter(entry.speaker for entry in todo)
    todo.sort(key=lambda entry: counts[entry.speaker] > 100)
    fill(options.out, prepare, todo, options.workers, "GRID")


if __name__ == "__main__":
    main()
