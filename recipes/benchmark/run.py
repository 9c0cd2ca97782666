"""Measure avsync and print every number as a Markdown table, targets beside.

    python recipes/benchmark/run.py --data DIR [--only offset words speed wild] [--cache DIR]

DIR holds `grid/` (see recipes/grid), and, where they are at hand, `gold_words/` and `wild/`. README.md
beside this file says what each number is.
"""

import argparse
import sys

import offset
import speed
import wild
import words
from options import parser, run
from table import Row, numbers_table

PARTS = ("offset", "words", "speed", "wild")
COMMAND = "python recipes/benchmark/run.py --data DIR --only {part}"


def measure(options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Rows of all parts asked for, and further Markdown: a table of the wild clips, and notes."""
    rows: list[Row] = []
    more: list[str] = []
    if "offset" in options.only:
        found, tables = offset.measure(
            offset.Sources(
                data=options.data, split=options.split, limit=options.limit, weights=options.weights
            )
        )
        rows += found
        more += tables
    if "words" in options.only:
        found, notes = words.measure(
            words.Sources(
                data=options.data, split=options.split, limit=options.limit, weights=options.weights
            )
        )
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


def tables(options: argparse.Namespace) -> str:
    """Everything that was asked for, in Markdown."""
    rows, more = measure(options)
    return "\n".join([numbers_table(rows, lambda part: command(part, options)), *more])


if __name__ == "__main__":
    asked = parser(__doc__, PARTS, "grid/, gold_words/ and wild/").parse_args()
    sys.exit(run(asked, lambda: tables(asked)))
