"""The clips that are measured: GRID by speaker, three recordings whose words were marked by hand, and clips
from the wild.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# The recipe of GRID fixes its split and reads its files; recipes are folders of scripts, not a package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "grid"))

from cache import in_sync, zero_points
from prepare import entries, read_align
from split import part

__all__ = ["Spoken", "Wild", "gold_words", "grid", "in_sync", "part", "wild", "zero_points"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording with known word times: words and times (W, 2) in seconds on the sound's clock."""

    name: str
    path: Path
    words: tuple[str, ...]
    times: np.ndarray


@dataclass(frozen=True, slots=True)
class Wild:
    """A clip whose true offset nobody knows. `edge`: kept for a special property of its file or content."""

    name: str
    path: Path
    person: str
    seconds: float
    edge: bool
    transcript: str = ""
    """Roughly what is said; empty where nobody wrote it down."""


def grid(folder: Path, split: str) -> list[Spoken]:
    """The clips with word times of a GRID folder whose speakers belong to `split`, in a fixed order."""
    clips = [entry for entry in entries(folder) if part(entry.speaker) == split]
    clips.sort(key=lambda entry: (entry.speaker, entry.name))
    return [Spoken(f"{clip.speaker}/{clip.name}", clip.video, *read_align(clip.align)) for clip in clips]


def gold_words(folder: Path) -> list[Spoken]:
    """Recordings of a folder with `words.csv` (utterance, word, start_s, end_s) and `UTTERANCE.wav`."""
    found: dict[str, list[dict[str, str]]] = {}
    with (folder / "words.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["utterance"], []).append(row)
    return [
        Spoken(
            name,
            folder / f"{name}.wav",
            tuple(row["word"] for row in rows),
            np.array([[float(row["start_s"]), float(row["end_s"])] for row in rows]),
        )
        for name, rows in found.items()
    ]


def wild(folder: Path) -> list[Wild]:
    """The clips of a folder with `manifest.csv` (path, person, seconds, transcript), sorted by name."""
    if not (folder / "manifest.csv").exists():
        return []
    with (folder / "manifest.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["path"])
    return [
        Wild(
            row["path"],
            folder / row["path"],
            row["person"],
            float(row["seconds"]),
            row["path"].startswith("edge/"),
            (row.get("transcript") or "").strip(),
        )
        for row in rows
    ]
