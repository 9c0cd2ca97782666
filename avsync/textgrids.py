"""What Praat's TextGrids say: the intervals with words. `annotations` writes such files."""

import re

from avsync.captions import Caption, finite

SILENCES = frozenset(("", "sil", "sp", "spn", "<eps>", "<sil>", "!sil", "<unk>", "<p>", "<p:>", "#", "_"))
"""What aligners write into intervals in which nobody speaks, or no word is known."""
WORDS = re.compile(r"(?<![a-z])words?(?![a-z])|^ort(?![a-z])", re.IGNORECASE)
SMALLER = re.compile(
    r"(?<![a-z])(?:phon|phs?(?![a-z])|syll|segment|mau(?![a-z])|kan(?![a-z]))", re.IGNORECASE
)
"""Names of tiers with words, and of tiers with smaller parts of them."""


def read(text: str) -> list[Caption]:
    """The intervals with text of all tiers named after words (by MFA or WebMAUS), in the order of their
    times; where these have none, those of the first tier that has text and holds nothing smaller.

    Long and short form alike. Errors: ValueError where it is no TextGrid.
    """
    spoken = [
        (name, [part for part in parts if part.text.strip().lower() not in SILENCES])
        for name, parts in _tiers(text)
    ]
    words = [part for name, parts in spoken if WORDS.search(name) for part in parts]
    if words:
        return sorted(words, key=lambda part: part.start)
    return next((parts for name, parts in spoken if parts and not SMALLER.search(name)), [])


def _tiers(text: str) -> list[tuple[str, list[Caption]]]:
    """Name and intervals of each interval tier. As Praat does, only strings in quotes and numbers that stand
    free count.
    """
    found = re.findall(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d[\d.]*(?:[eE][+-]?\d+)?)(?!\S)|<(exists|absent)>', text)
    values = iter([(string.replace('""', '"'), number) for string, number, flag in found if not flag])

    def number() -> float:
        written, digits = next(values)
        if not digits:
            raise ValueError(f"{written!r} stands where a number belongs")
        return finite(float(digits), digits)

    def string() -> str:
        written, digits = next(values)
        if digits:
            raise ValueError(f"{digits} stands where a name or a text belongs")
        return str(written)

    tiers = []
    try:
        _, what = string(), string()
        if what != "TextGrid":
            raise ValueError(f"it is a {what}")
        _, _, count = number(), number(), round(number())
        for _ in range(count):
            kind, name = string(), string()
            _, _, size = number(), number(), round(number())
            if kind == "IntervalTier":
                tiers.append((name, [Caption(number(), number(), string()) for _ in range(size)]))
            else:
                for _ in range(size):
                    number()
                    string()
    except (StopIteration, RuntimeError) as error:  # the latter from within a list
        raise ValueError("it ends too early") from error
    return tiers
