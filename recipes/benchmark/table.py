"""A measured number with its target, and the Markdown that shows it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avsync import metrics

UNITS = {"share": " %", "ms": " ms", "signed ms": " ms", "s": " s"}
"""Units of a row, and how they are written; a signed number always shows its sign."""


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what it is, its value (NaN: nothing to count), `unit` (a key of `UNITS`),
    how many trials it comes from, and what it must reach.
    """

    name: str
    value: float
    unit: str
    n: int
    split: str
    part: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Is the target met? None without a target, or without anything counted."""
        if math.isnan(self.value):
            return None
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f"≥ {_number(self.at_least, self.unit)}"
        return f"≤ {_number(self.at_most, self.unit)}" if self.at_most is not None else ""

    @property
    def measured(self) -> str:
        """The value; a share comes with its 95 % interval, because n is often small."""
        shown = _number(self.value, self.unit)
        if self.unit == "share" and not math.isnan(self.value):
            low, high = metrics.share_interval(self.value, self.n)
            shown += f" ({100 * low:.0f} to {100 * high:.0f})"
        return shown


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "n/a"
    if unit == "share":
        return f"{100 * value:.1f}".removesuffix(".0") + UNITS[unit]
    digits = {"s": 2}.get(unit, 1)
    if math.isclose(value, round(value), abs_tol=1e-9):
        digits = 0
    return f"{value:{'+' if unit == 'signed ms' else ''}.{digits}f}{UNITS[unit]}"


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    table = [header, ["---"] * len(header), *lines]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table)
        + "\n"
    )


def numbers_table(rows: Sequence[Row], command: str) -> str:
    """All numbers beside their targets; `command` with `{part}` in it is what measures a row."""
    lines = [
        [row.name, row.target, row.measured, {None: "", True: "yes", False: "**no**"}[row.reached],
         str(row.n), row.split, f"`{command.format(part=row.part)}`"]
        for row in rows
    ]  # fmt: skip
    return markdown(["number", "target", "measured (95 % interval)", "met", "n", "split", "command"], lines)
