"""What an offset costs: seconds and memory of `avsync offset` on 720p, in a process of its own."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import Wild
from films import Take, film, repeated, voiced
from table import Row
from tqdm import tqdm
from watched import run

from avsync.offset import detect_offset

SIZE = (1280, 720)
MINUTES = 2.0
HOUR = 3600.0
LONGEST = 12.0
"""Longer clips do not go into the film."""
WITH_WEIGHTS = Path(__file__).with_name("with_weights.py")


def measure(wild: Sequence[Wild], weights: Path | None) -> tuple[list[Row], list[str]]:
    """All rows of this part, and a note when the machine was busy."""
    busy = os.getloadavg()[0]
    notes = (
        [f"cost: the machine was busy (load {busy:.1f}): times on the wall say little."] if busy > 0.5 else []
    )
    where = ("wild clips on 1280x720, 25 fps, h264 + flac; two cores", "cost")
    program = ["-m", "avsync"] if weights is None else [str(WITH_WEIGHTS), str(weights.resolve())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = film(folder / "pictures.mp4", _takes(wild), 60 * MINUTES, SIZE)
        voiced(folder / "pictures.mp4", folder / "short.mp4", sound, np.zeros_like)
        repeated(folder / "short.mp4", folder / "hour.mp4", HOUR)
        seconds = len(sound) / 16_000
        whole = run([*program, "offset", "--json", "--whole", str(folder / "short.mp4")])
        hour = run([*program, "offset", "--json", str(folder / "hour.mp4")])
    found = json.loads(hour.told)["offset_ms"]
    stated = np.nan if found is None else found
    rows = [
        Row("whole analysis, a second of video: on the wall", whole.wall_s / seconds, "s", 1, *where,
            at_most=0.35),
        Row("whole analysis, a second of video: processor time", whole.cores_s / seconds, "s", 1, *where),
        Row("one hour: on the wall", hour.wall_s, "s", 1, *where, at_most=120.0),
        Row("one hour: processor time", hour.cores_s, "s", 1, *where),
        Row("one hour: memory", hour.memory_mb, "MB", 1, *where, at_most=1500.0),
        Row("one hour: offset stated, true by its clips 0", stated, "signed ms", 1, *where),
    ]  # fmt: skip
    return rows, notes


def _takes(wild: Sequence[Wild]) -> list[Take]:
    """Clips whose offset is stated, each to be moved by it: a film that is cut from them has none."""
    takes = []
    for one in tqdm(
        [one for one in wild if not one.edge and one.seconds <= LONGEST], desc="clips of the film"
    ):
        found = detect_offset(one.path)
        if found.ms is not None and found.confidence > 0.8:
            takes.append(Take(one.path, found.ms))
    return takes
