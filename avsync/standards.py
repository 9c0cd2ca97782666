"""The limits that broadcasting standards set to the offset between sound and picture.

Sign: positive when the audio leads (is heard before it is seen), as in ITU-R BT.1359.
"""

from __future__ import annotations

from dataclasses import dataclass

from avsync.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Standard:
    """How far sound and picture may be apart."""

    name: str
    """What `--standard` calls it."""
    title: str
    """What people call it."""
    lead_ms: float
    """The audio may lead by this, ms."""
    lag_ms: float
    """The audio may lag down to this, ms; negative."""
    source: str
    """The document, and what its limits are meant for."""

    def verdict(self, ms: float) -> str:
        """`in_sync`, `audio_leads` or `audio_lags`; the limits themselves are in sync."""
        if ms > self.lead_ms:
            return "audio_leads"
        return "audio_lags" if ms < self.lag_ms else "in_sync"

    def same_for_all_of(self, interval_ms: tuple[float, float]) -> bool:
        """Whether every offset of an interval, low to high, has the same verdict."""
        return self.verdict(interval_ms[0]) == self.verdict(interval_ms[1])


BT1359 = Standard(
    "bt1359",
    "ITU-R BT.1359",
    45.0,
    -125.0,
    "Recommendation ITU-R BT.1359-1 (1998): detectability, what viewers notice on the average",
)
"""The default: what `Offset.verdict` means unless asked otherwise."""

STANDARDS: tuple[Standard, ...] = (
    BT1359,
    Standard(
        "bt1359-acceptability",
        "ITU-R BT.1359 (acceptability)",
        90.0,
        -185.0,
        "Recommendation ITU-R BT.1359-1 (1998): acceptability, and the tolerance of the whole chain",
    ),
    Standard(
        "r37",
        "EBU R37",
        40.0,
        -60.0,
        "EBU Recommendation R37-2007: at the output that feeds the transmitters",
    ),
    Standard(
        "r37-production",
        "EBU R37 (production)",
        5.0,
        -15.0,
        "EBU Recommendation R37-2007: each stage of production",
    ),
    Standard(
        "j100",
        "ITU-T J.100",
        20.0,
        -40.0,
        "Recommendation ITU-T J.100 (1990): international exchange of programmes",
    ),
    Standard(
        "is191",
        "ATSC IS-191",
        15.0,
        -45.0,
        "ATSC Implementation Subcommittee Finding IS-191 (2003): at the input of the emission encoder",
    ),
)
"""All that `--standard` knows."""


def find(standard: str | Standard) -> Standard:
    """The standard of a name; one of your own passes through. Raises ConfigError for an unknown name."""
    if isinstance(standard, Standard):
        return standard
    for known in STANDARDS:
        if known.name == standard:
            return known
    names = ", ".join(known.name for known in STANDARDS)
    raise ConfigError(f"{standard!r} is no standard that avsync knows. Give one of: {names}.")
