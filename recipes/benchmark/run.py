"""Measure avsync and print every number as a Markdown table, targets beside.

    python recipes/benchmark/run.py --data DIR [--only offset words speed wild] [--cache DIR]

DIR holds `grid/` (see recipes/grid), and, where they are at hand, `gold_words/` and `wild/`. README.md
beside this file says what each number is.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import corpus
import offset
import speed
import torch
import wild
import words
from table import Row, numbers_table
from tracks import remembered
from with_weights import using

from avsync.errors import AVSyncError
from avsync.media import atomic_path

PARTS = ("offset", "words", "speed", "wild")
COMMAND = "python recipes/benchmark/run.py --data DIR --only {part}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with grid/, gold_words/ and wild/")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure (default: all)"
    )
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="speakers of GRID (default: test)"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps lip tracks from run to run")
    parser.add_argument("--weights", type=Path, help="weights to measure (default: those that avsync ships)")
    parser.add_argument("--markdown", type=Path, help="file to write the tables to as well (overwritten)")
    parser.add_argument("--limit", type=int, help="measure only this many clips of each set, to try out")
    parser.add_argument("--threads", type=int, default=2, help="threads of the models (default: 2)")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Rows of all parts asked for, and further Markdown: a table of the wild clips, and notes."""
    rows: list[Row] = []
    more: list[str] = []
    if "offset" in options.only:
        sources = offset.Sources(data=options.data, split=options.split, limit=options.limit)
        found, tables = offset.measure(sources)
        rows += found
        more += tables
    if "words" in options.only:
        clips = corpus.grid(options.data / "grid", options.split)[: options.limit]
        folder = options.data / "gold_words"
        gold = corpus.gold_words(folder) if folder.is_dir() else []
        found, notes = words.measure(clips, gold, options.split)
        rows += found
        more += [f"- {note}\n" for note in notes]
    if "wild" in options.only and (options.data / "wild").is_dir():
        found, table, notes = wild.measure(options.data / "wild", options.limit)
        rows += found
        more += [table, *(f"- {note}\n" for note in notes)]
    if "speed" in options.only:
        found, notes = speed.measure(options.weights)
        rows += found
        more += [f"- {note}\n" for note in notes]
    return rows, more


def command(part: str, options: argparse.Namespace) -> str:
    """What measures a part, without what differs from machine to machine."""
    if part in offset.PARTS:
        return offset.command(part, options.split)
    split = "" if options.split == "test" else f" --split {options.split}"
    limit = "" if options.limit is None else f" --limit {options.limit}"
    weights = "" if options.weights is None else f" --weights {options.weights.name}"
    return COMMAND.format(part=part) + split + limit + weights


def main() -> int:
    options = arguments()
    if not (options.data / "grid").is_dir():
        print(f"{options.data} has no folder grid: give the folder that holds it.", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    with ExitStack() as stack:
        cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(remembered(cache))
        stack.enter_context(using(options.weights))
        rows, more = measure(options)
    text = "\n".join([numbers_table(rows, lambda part: command(part, options)), *more])
    print(text)
    if options.markdown:
        with atomic_path(options.markdown, overwrite=True) as temporary:
            temporary.write_text(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AVSyncError as error:
        sys.exit(f"{error}")
