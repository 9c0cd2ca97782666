"""Clips found in the wild: their true offset is unknown, so what counts is agreement: of a clip with its own
shifted copies, and of clips that show the same recording. For evaluation only.
"""

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from delays import later_on_disk
from table import Row, markdown
from tqdm import tqdm
from trials import raw_ms, stated_ms

from avsync import AVSyncError, metrics
from avsync.offset import Offset, detect_offset

SHIFTS_MS = (-317.0, 211.0)
"""Milliseconds by which the sound is made later in copies of each clip."""
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files of one recording: `other` must read `expected_ms` more than `base` (README of the clips)."""

    base: str
    other: str
    expected_ms: float


PAIRS = (
    Pair("P20_1.mp4", "P20_2.mp4", 0.0),
    # The AVI shows its picture 80 ms later and its sound 69.06 ms later than the MP4.
    Pair("P39_2.mp4", "P39_1.avi", 80.0 - 69.06),
    Pair("edge/syncnetfcn_test_offset_0.avi", "edge/syncnetfcn_test_offset_5.avi", -189.06),
    Pair("edge/syncnetfcn_test_offset_0.avi", "edge/syncnetfcn_test_offset_12.avi", -469.06),
)
MUST_ABSTAIN = ("edge/digital_silence.mp4", "edge/non_speech_tennis.mp4")


@dataclass(frozen=True, slots=True)
class Reading:
    """A clip's offset, and the errors of its copies in ms: stated (NaN = undetermined), highest peak."""

    name: str
    found: Offset
    moves: tuple[tuple[float, float], ...]


def measure(folder: Path, limit: int | None = None) -> tuple[list[Row], str, list[str]]:
    """All rows of this part, a Markdown table of the clips, and notes on files that could not be measured."""
    readings, notes = [], []
    with (folder / "manifest.csv").open(newline="") as file:
        names = sorted(row["path"] for row in csv.DictReader(file))
    for name in tqdm(names[:limit], desc="wild"):
        try:
            readings.append(_read(folder, name))
        except AVSyncError as error:
            notes.append(f"{name}: {error}")
    return _rows(readings), _clips_table(readings), notes


def _read(folder: Path, name: str) -> Reading:
    found = detect_offset(folder / name)
    moves = []
    # A clip that must not be answered says nothing about consistency.
    for shift_ms in () if name in MUST_ABSTAIN else SHIFTS_MS:
        with tempfile.TemporaryDirectory() as copies:
            moved = detect_offset(later_on_disk(folder / name, Path(copies), shift_ms))
        moves.append(
            (stated_ms(moved) + shift_ms - stated_ms(found), raw_ms(moved) + shift_ms - raw_ms(found))
        )
    return Reading(name, found, tuple(moves))


def _rows(readings: Sequence[Reading]) -> list[Row]:
    by_name = {reading.name: reading for reading in readings}
    plain = [reading for reading in readings if not reading.name.startswith("edge/")]
    answers = np.array([stated_ms(reading.found) for reading in plain])
    known = answers[~np.isnan(answers)]
    quartiles = np.percentile(known, [0, 25, 50, 75, 100]) if len(known) else np.full(5, NAN)

    def row(name: str, value: float, unit: str, n: int, split: str = "wild") -> Row:
        return Row(f"wild: {name}", value, unit, n, split, "wild")

    rows = [row("undetermined", metrics.abstained(answers), "share", len(answers))]
    for name, value in zip(
        ("lowest", "lower quartile", "median", "upper quartile", "highest"), quartiles, strict=True
    ):
        rows.append(row(f"{name} offset", float(value), "signed ms", len(known)))
    for group, chosen in (("wild", plain), ("wild, edge cases", [r for r in readings if r not in plain])):
        moves = np.array([move for reading in chosen for move in reading.moves]).reshape(-1, 2)
        stated = moves[~np.isnan(moves[:, 0]), 0]
        name = "shift -317, +211 ms (container files)"
        rows += [
            row(
                f"{name}: followed within 20 ms",
                metrics.share_within(moves[:, 0], 20),
                "share",
                len(moves),
                group,
            ),
            row(
                f"{name}: of those answered, within 20 ms",
                metrics.share_within(stated, 20),
                "share",
                len(stated),
                group,
            ),
            row(f"{name}: median error", metrics.median_error(stated), "ms", len(stated), group),
            row(
                f"{name}: highest peak within 20 ms",
                metrics.share_within(moves[:, 1], 20),
                "share",
                len(moves),
                group,
            ),
        ]
    for pair in PAIRS:
        if pair.base in by_name and pair.other in by_name:
            rows += _pair_rows(pair, by_name[pair.base].found, by_name[pair.other].found)
    silent = [by_name[name].found for name in MUST_ABSTAIN if name in by_name]
    abstains = float(np.mean([found.ms is None for found in silent])) if silent else NAN
    rows.append(
        Row(
            "wild: no speech, abstains",
            abstains,
            "share",
            len(silent),
            "wild, edge cases",
            "wild",
            at_least=1.0,
        )
    )
    return rows


def _pair_rows(pair: Pair, base: Offset, other: Offset) -> list[Row]:
    name = f"{pair.other} less {pair.base}, truth {pair.expected_ms:+.2f} ms"
    return [
        Row(f"wild: {name}: {what}", of(other) - of(base), "signed ms", 1, "wild, pairs", "wild")
        for what, of in (("stated", stated_ms), ("highest peak", raw_ms))
    ]


def _clips_table(readings: Sequence[Reading]) -> str:
    lines = []
    for reading in readings:
        found = reading.found
        low, high = found.ci_ms or (NAN, NAN)
        lines.append(
            [reading.name, _ms(stated_ms(found)), "" if found.ci_ms is None else f"{_ms(low)} to {_ms(high)}",
             f"{found.confidence:.2f}", found.verdict, found.reason or "", _ms(raw_ms(found)),
             ", ".join(_ms(raw) if np.isnan(stated) else _ms(stated) for stated, raw in reading.moves)]
        )  # fmt: skip
    header = ["clip", "offset ms", "95 % interval", "confidence", "verdict", "reason", "highest peak ms",
              f"error of copies at {SHIFTS_MS[0]:+.0f}, {SHIFTS_MS[1]:+.0f} ms"]  # fmt: skip
    return markdown(header, lines)


def _ms(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.1f}"
