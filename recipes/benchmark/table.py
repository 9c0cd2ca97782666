"""A measured number with its target, and the Markdown that shows it."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from avsync import metrics

UNITS = {"share": " %", "ms": " ms", "signed ms": " ms", "s": " s", "": "", "ppm": " ppm", "MB": " MB"}
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
    low_high: tuple[float, float] | None = None
    """95 % interval; a share without one gets Wilson's of its n trials."""
    clips: int | None = None
    """How many clips the trials come from, where several come from one."""

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
        """The value with its 95 % interval, because n is often small."""
        shown = _number(self.value, self.unit)
        low_high = self.low_high
        if low_high is None and self.unit == "share":
            low_high = metrics.share_interval(self.value, self.n)
        if math.isnan(self.value) or low_high is None or math.isnan(low_high[0]):
            return shown
        scale, form = {"share": (100, ".0f"), "": (1, ".2f")}.get(self.unit, (1, ".1f"))
        return f"{shown} ({scale * low_high[0]:{form}} to {scale * low_high[1]:{form}})"

    @property
    def trials(self) -> str:
        """How many trials, and of how many clips where that differs."""
        return f"{self.n}" if self.clips in (None, self.n) else f"{self.n} of {self.clips} clips"


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "n/a"
    if unit == "share":
        return f"{100 * value:.1f}".removesuffix(".0") + UNITS[unit]
    digits = {"s": 2, "": 3}.get(unit, 1)
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


def numbers_table(rows: Sequence[Row], command: Callable[[str], str]) -> str:
    """All numbers beside their targets; `command` gives the command line that measures a part."""
    lines = [
        [row.name, row.target, row.measured, {None: "", True: "yes", False: "**no**"}[row.reached],
         row.trials, row.split, f"`{command(row.part)}`"]
        for row in rows
    ]  # fmt: skip
    return markdown(["number", "target", "measured (95 % interval)", "met", "n", "split", "command"], lines)
