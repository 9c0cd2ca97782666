"""Measure how long phones last in generated speech: the table `avsync.durations.USUAL`.

    python recipes/phones/durations.py --speech CACHE/speech --more CACHE/phones

Prints the numbers for the table and for `BEFORE_PAUSE`. Medians and spreads are found in turn with the pace
of each utterance; only flite and festival count, whose times are exact.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from avsync.pronounce import UNITS
from avsync.targets import PAUSE
from avsync.utterances import PhoneTimes, load_utterance

ROUNDS = 4
"""Times that pace and table are found from each other."""


def places(phones: PhoneTimes) -> tuple[np.ndarray, np.ndarray]:
    """(L,) bool each: the last phone before a pause, and the one before it."""
    last = np.append(phones.starts[1:] - phones.ends[:-1] > PAUSE, True)
    return last, np.append(last[1:], False) & ~last


def measure(spoken: list[PhoneTimes]) -> tuple[dict[str, tuple[float, float]], tuple[float, float]]:
    """Each phone's mean and spread, mean over phones 0, and what the two places before a pause add."""
    usual, added = np.zeros(len(UNITS)), np.zeros(2)
    spread = np.ones(len(UNITS))
    for _ in range(ROUNDS):
        by_unit: dict[int, list[float]] = defaultdict(list)
        before_pause: tuple[list[float], list[float]] = ([], [])
        for phones in spoken:
            marks = np.stack(places(phones)).astype(float)
            length = np.log(np.maximum(phones.ends - phones.starts, 0.01))
            pace = np.median(length - usual[phones.units] - added @ marks)
            for unit, value in zip(phones.units, length - pace - added @ marks, strict=True):
                by_unit[int(unit)].append(value)
            for found, mark in zip(before_pause, marks, strict=True):
                found.extend((length - pace - usual[phones.units])[mark > 0])
        for unit, values in by_unit.items():
            low, usual[unit], high = np.percentile(values, [16, 50, 84])
            spread[unit] = (high - low) / 2
        usual[1:] -= usual[1:].mean()
        added = np.array([np.median(values) for values in before_pause])
    table = {name: (round(usual[n], 2), round(spread[n], 2)) for n, name in enumerate(UNITS) if n}
    return table, (round(added[0], 2), round(added[1], 2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech", type=Path, required=True, help="cache of prepare_speech.py: flite")
    parser.add_argument("--more", type=Path, required=True, help="cache of generate.py: festival")
    options = parser.parse_args()
    paths = [*sorted(options.speech.glob("fl-*.npz")), *sorted(options.more.glob("fe-*.npz"))]
    found = [load_utterance(path).phones for path in paths]
    table, before_pause = measure([phones for phones in found if phones is not None])
    print({name: tuple(map(float, pair)) for name, pair in table.items()})
    print("before a pause:", tuple(map(float, before_pause)), f"({len(found)} utterances)")


if __name__ == "__main__":
    main()
