"""What a token means because of the tokens beside it: `km` behind a number, `3` behind `March`, `VIII` behind
`Henry`.
"""

import re
from dataclasses import dataclass

from avsync import amounts, dates, numerals
from avsync.letters import fold
from avsync.numerals import Reading
from avsync.symbols import DEGREES, NUMBERED, UNITS_AFTER_DIGITS

AROUND = ".,;:!?\"'()[]{}«»„“”¡¿"
"""Punctuation that may stand around a token."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands around a token, as it was written."""

    before: str = ""
    """The token before; that before the operator, where one stands between."""
    operator: str = ""
    """A lone sign between this number and the one before: `5 - 3`."""
    after: str = ""
    shouted: bool = False
    """Whether the whole transcript is in capitals, so that capitals mean nothing."""


ALONE = Place()

SCALES = frozenset(numerals.SCALES[1:])
AMBIGUOUS_UNITS = frozenset(("am", "us", "min", "mi", "x", "ha"))
"""Short units that are words too."""
CLOSING = rf"[{re.escape(AROUND)}]*"
PRICE = re.compile(rf"\D*?(?P<sign>{amounts.SIGN})-?[\d.,]*\d(?:-{amounts.SIGN}?[\d.,]*\d)?")


def is_number(text: str) -> bool:
    """Whether a token is a number or a range of numbers, perhaps with signs around it."""
    number = rf"[\s{re.escape(AROUND)}$£€¥+-]*\d[\d.,:/½¼¾%°$£€¥‐‑–—-]*[\s{re.escape(AROUND)}]*"
    return re.fullmatch(number, text) is not None


def is_scale(text: str) -> bool:
    """Whether a token is `million` or the like."""
    return text.strip(AROUND).lower() in SCALES


def currency(place: Place) -> str:
    """The sign of the amount before, as in `$5 million`; empty where none is there."""
    match = PRICE.fullmatch(fold(place.before))
    return match["sign"] if match else ""


def in_place(plain: str, bare: str, place: Place, found: list[Reading]) -> list[Reading]:
    """Readings that come first because of the neighbours.

    `plain` is the folded token, `bare` the same without the punctuation around it, `found` its readings when
    it stands alone.
    """
    low, before, after = bare.lower(), fold(place.before), fold(place.after)
    if low == "x" and is_number(before) and is_number(after):
        return [("by",), ("times",)]
    if low in UNITS_AFTER_DIGITS and is_number(before) and "." not in plain[:-1]:
        names = list(amounts.said_units(bare, one=before == "1"))
        return [*found[:1], *names] if low in AMBIGUOUS_UNITS else names
    if before.endswith("°") and bare in DEGREES:
        return [(name,) for name in DEGREES[bare]]
    if low == "no" and plain.endswith(".") and is_number(after):
        return [("number",)]
    if (name := dates.short_month(plain, before, after)) and name != low:
        return [(name,)]
    if dated := dates.day(plain, before, after):
        return list(dated)
    half = re.fullmatch(rf"(\d{{1,2}})/(\d{{1,2}}){CLOSING}", plain)
    if half and re.fullmatch(r"[\d,]*\d", before):
        return list(numerals.mixed("", half[1], half[2]))
    return [*_feet_and_inches(plain, before, after), *_roman(bare, before)]


def _feet_and_inches(plain: str, before: str, after: str) -> list[Reading]:
    """The two halves of `5' 9"`."""
    if (feet := re.fullmatch(r"(\d{1,2})'", plain)) and re.match(r"\d{1,2}[\"”]", after):
        number = numerals.cardinal(int(feet[1]))
        return [(*number, "foot"), (*number, "feet")]
    inches = re.fullmatch(rf"(\d{{1,2}})[\"”]{CLOSING}", plain)
    if inches and re.fullmatch(r"\d{1,2}'", before):
        number = numerals.cardinal(int(inches[1]))
        return [number, (*number, "inches"), (*number, "inch")]
    return []


def _roman(bare: str, before: str) -> list[Reading]:
    number = dates.roman(bare) if before[:1].isupper() and before[-1:].isalpha() else None
    numbered = before.lower() in NUMBERED
    if number is None or not (len(bare) > 1 or numbered):
        return []
    named, plainly = ("the", *numerals.ordinal(number)), numerals.cardinal(number)
    return [plainly, named] if numbered else [named, plainly, numerals.ordinal(number)]
