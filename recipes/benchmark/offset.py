"""Everything that is promised about offsets, measured and printed as one Markdown table.

    python recipes/benchmark/offset.py --data DIR [--only accuracy windows31 ...] [--cache DIR]

DIR holds `grid/` (see recipes/grid) and, where it is at hand, `wild/`. README.md beside this file says what
each number is.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import abstention
import accuracy
import calibration
import changes
import consensus
import corpus
import cost
import fitting
import reencoding
import robustness
import steps
import vectors
import windows31
from options import parser, run
from table import Row, numbers_table

PARTS = (
    "accuracy", "windows31", "consensus", "calibration", "abstention", "reencoding", "robustness", "changes",
    "steps", "cost",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is measured, and on what."""

    data: Path
    """Folder with `grid/` and `wild/`."""
    split: str = "test"
    """Speakers of GRID."""
    limit: int | None = None
    """Only this many clips of each set, to try out."""
    prepared: Path | None = None
    """GRID as `recipes/grid/prepare.py` wrote it; spares the linear voices of `consensus` their tracking."""
    weights: Path | None = None
    """Weights in the place of those that avsync ships."""
    other_weights: tuple[Path, ...] = field(default=())
    """Checkpoints that join the voices of `consensus`."""


def measure(sources: Sources, parts: Sequence[str] = PARTS) -> tuple[list[Row], list[str]]:
    """Rows of the parts asked for, and further Markdown. Run it inside `options.run`."""
    clips = corpus.grid(sources.data / "grid", sources.split)[: sources.limit]
    wild = corpus.wild(sources.data / "wild")[: sources.limit]
    voices = corpus.grid(sources.data / "grid", "train")
    rows: list[Row] = []
    more: list[str] = []
    with vectors.remembered():
        if "accuracy" in parts:
            rows += accuracy.measure(clips, [one for one in wild if not one.edge], sources.split)
        if "windows31" in parts:
            rows += windows31.measure(clips, sources.split)
        if {"consensus", "calibration"} & set(parts):
            linear = fitting.linear_voices(sources.data, sources.prepared)
            heard = consensus.hear(wild, linear, sources.other_weights)
        if "consensus" in parts:
            found, table = consensus.measure(heard, wild, clips, sources.split, linear, sources.other_weights)
            rows += found
            more.append(table)
        if {"calibration", "abstention"} & set(parts):
            failed, failed_wild = abstention.trials(clips, voices), abstention.wild_trials(wild)
        if "calibration" in parts:
            truths = {one.name: one.consensus for one in heard if not math.isnan(one.consensus)}
            for found, table in (
                calibration.measure(clips, failed, sources.split),
                calibration.measure_wild(wild, truths, failed_wild),
            ):
                rows += found
                more.append(table)
        if "abstention" in parts:
            rows += abstention.measure(failed, failed_wild, sources.split)
        if "reencoding" in parts:
            rows += reencoding.measure(clips, wild, sources.split)
        if "robustness" in parts:
            rows += robustness.measure(wild)
        if "changes" in parts:
            rows += changes.measure(clips, sources.split)
        if "steps" in parts:
            rows += steps.measure(clips, wild, sources.split)
        if "cost" in parts and wild:
            found, notes = cost.measure(wild, sources.weights)
            rows += found
            more += notes
    return rows, more


def command(part: str, split: str = "test") -> str:
    """What measures a part, without what differs from machine to machine."""
    chosen = "" if split == "test" else f" --split {split}"
    return f"python recipes/benchmark/offset.py --data DIR --only {part}{chosen}"


def arguments() -> argparse.Namespace:
    made = parser(__doc__, PARTS, "grid/ and wild/")
    made.add_argument(
        "--prepared", type=Path, help="GRID as recipes/grid/prepare.py wrote it, for the linear voices"
    )
    made.add_argument(
        "--other-weights", type=Path, nargs="+", default=[], help="checkpoints that join the consensus"
    )
    return made.parse_args()


def tables(options: argparse.Namespace) -> str:
    """Everything that was asked for, in Markdown."""
    sources = Sources(
        data=options.data,
        split=options.split,
        limit=options.limit,
        prepared=options.prepared,
        weights=options.weights,
        other_weights=tuple(options.other_weights),
    )
    rows, more = measure(sources, options.only)
    return "\n".join([numbers_table(rows, lambda part: command(part, options.split)), *more])


if __name__ == "__main__":
    asked = arguments()
    sys.exit(run(asked, lambda: tables(asked)))
