"""Numbers with what stands at them, in words: money, units, ranges, times, fractions.

`readings("$5-10")` is `five to ten dollars`, and the other ways to say it, the most usual first. What numbers
alone are called is in `avsync.numerals`.
"""

import itertools
import re

from avsync.numerals import (
    NAMED_DIGITS,
    Reading,
    cardinal,
    clock,
    decimal,
    distinct,
    fraction,
    mixed,
    ordinal,
    pairs,
    part,
    plural,
    version,
    with_and,
)
from avsync.symbols import GLUED_UNITS, HYPHENED_UNITS, UNITS_AFTER_DIGITS

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopek", "kopeks"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
}
"""Sign -> one, several, one hundredth, several hundredths."""
MULTIPLES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "t": "trillion",
}
"""Letters behind an amount."""

UNITS = {**UNITS_AFTER_DIGITS, **GLUED_UNITS}
UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
SIGN = f"[{''.join(CURRENCIES)}]"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
MULTIPLE = "bn|mn|[kmbt]"
_WHOLE = r"\d{1,3}(?:,\d{3}){1,5}|\d{1,18}"
_TH = "(?:st|nd|rd|th)"
_ENDED = rf"(?![a-z\d]|[.,/:]\d|-{SIGN}?\d)"
FORMS = {
    "height": r"(?P<feet>\d{1,2})'(?P<inches>1[01]|\d)(?:[\"”]|''|(?!\d))",
    "prices": rf"(?P<sign>{SIGN})(?P<low>{NUMBER})(?P<low_multiple>{MULTIPLE})?"
    rf"-{SIGN}?(?P<high>{NUMBER})(?P<multiple>{MULTIPLE})?{_ENDED}",
    "money": rf"(?P<sign>{SIGN})(?P<amount>{NUMBER})(?P<multiple>{MULTIPLE})?(?![a-z\d])",
    "clock": r"(?P<hours>\d{1,2})(?::|\.(?=\d\d[ap]\.?m\b))(?P<minutes>\d\d)"
    r"(?::(?P<seconds>\d\d))?(?P<half>[ap]\.?m\b\.?)?(?!\d)",
    "version": r"(?P<groups>\d{1,18}(?:\.\d{1,18}){2,})",
    "parts": rf"(?P<top>\d{{1,9}})/(?P<bottom>\d{{0,8}}[1-9]\d{{0,8}}){_TH}s?\b",
    "mixed": r"(?P<whole>\d{1,9})[ -](?P<top>\d{1,2})/(?P<bottom>\d{1,2})(?![/\d])",
    "fraction": r"(?P<top>\d{1,9})/(?P<bottom>\d{1,9})(?![/\d])",
    "ordinal": rf"(?P<whole>{_WHOLE}){_TH}\b",
    "tens": r"(?P<whole>(?:\d{1,3}(?:,\d{3}){0,4},\d)?\d{0,17}0)'?s\b",
    "by": rf"(?P<low>{NUMBER})x(?P<high>{NUMBER})(?![a-z]|[.,]?\d)",
    "long": rf"(?P<number>{NUMBER})-(?P<unit>{'|'.join(HYPHENED_UNITS)})(?![a-z])",
    "unit": rf"(?P<number>{NUMBER})(?P<unit>{UNIT})(?![a-z])",
    "multiplied": rf"(?P<number>{NUMBER})(?P<multiple>{MULTIPLE})(?![a-z])",
    "range": rf"(?<![\d-])(?P<low>{NUMBER})-(?P<high>{NUMBER}){_ENDED}",
    "number": rf"(?P<number>{NUMBER})",
}
"""Numeric expressions; the first that fits is what is read."""
_FORMS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in FORMS.items()}


def readings(text: str) -> tuple[Reading, ...] | None:
    """Readings of a piece of text that is one numeric expression as a whole; None when it is not one."""
    for name, pattern in _FORMS.items():
        match = pattern.fullmatch(text)
        if match is not None:
            return _read(name, {key: value or "" for key, value in match.groupdict().items()})
    return None


def _read(name: str, given: dict[str, str]) -> tuple[Reading, ...]:
    match name:
        case "height":
            return height(**given)
        case "prices":
            return prices(**given)
        case "money":
            return money(**given)
        case "clock":
            return clock(**given)
        case "version":
            return version(**given)
        case "parts":
            return part(**given)
        case "mixed":
            return mixed(**given)
        case "fraction":
            return fraction(**given)
        case "ordinal":
            named = ordinal(int(given["whole"].replace(",", "")))
            return distinct(named, with_and(named))
        case "tens":
            return plural(given["whole"])
        case "by":
            return by(**given)
        case "long":
            return measured(given["number"], given["unit"], one=True)
        case "unit":
            return measured(given["number"], given["unit"])
        case "multiplied":
            return multiplied(**given)
        case "range":
            return spread(**given)
    return decimal(given["number"])


def height(feet: str, inches: str) -> tuple[Reading, ...]:
    """Readings of `5'10"`."""
    above, below = cardinal(int(feet)), cardinal(int(inches))
    units = ("foot", "feet") if feet != "1" else ("foot",)
    if inches == "0":
        return distinct(*((*above, unit) for unit in units), (*above, "zero"), (*above, "oh"))
    inch = "inch" if inches == "1" else "inches"
    short = [(*above, unit, *below) for unit in units]
    return distinct((*above, *below), *short, *((*reading, inch) for reading in short))


def money(sign: str, amount: str, multiple: str = "") -> tuple[Reading, ...]:
    """Readings of `$3.50`, `£1`, `$5m`."""
    one, several, one_part, parts = CURRENCIES[sign]
    whole, point, hundredths = amount.partition(".")
    said = decimal(amount, spelt=False)
    if multiple:
        return tuple((*reading, MULTIPLES[multiple.lower()], several) for reading in said)
    if amount == "1":
        return (("one", one), ("a", one))
    if not point or len(hundredths) != 2 or len(whole) > NAMED_DIGITS:
        return tuple((*reading, several) for reading in said)
    main = (*cardinal(int(whole.replace(",", "") or 0)), one if whole == "1" else several)
    if hundredths == "00":
        return (main,)
    small = cardinal(int(hundredths))
    rest = (*small, one_part if hundredths == "01" else parts)
    if not whole.strip("0,"):
        return (rest,)
    plain = ((*main[:-1], one, *small),) if sign == "£" else ()  # three pound fifty
    return distinct((*main, "and", *rest), (*main, *rest), (*main, *small), (*main[:-1], *small), *plain)


def prices(sign: str, low: str, high: str, low_multiple: str = "", multiple: str = "") -> tuple[Reading, ...]:
    """Readings of `$5-10`, `$5-$10`, `$5-10m`."""
    lows, highs = money(sign, low, low_multiple), money(sign, high, multiple)
    full = list(zip(lows, highs, strict=False))
    if re.search(r"\.\d\d$", low + high):  # cents: three fifty to four fifty
        return distinct(*((*a, *to, *b) for to in (("to",), ()) for a, b in full))
    above, below = ((MULTIPLES[letter.lower()],) if letter else () for letter in (low_multiple, multiple))
    several = CURRENCIES[sign][1]
    ends = [((*a, *above), (*b, *below, several)) for a, b in _alike(low, high)]
    (first, last), *others = ends
    return distinct(
        (*first, "to", *last),
        (*full[0][0], "to", *full[0][1]),
        (*first, *last),
        *((*a, "to", *b) for a, b in others),
        (*full[0][0], *full[0][1]),
    )


def spread(low: str, high: str) -> tuple[Reading, ...]:
    """Readings of `5-10`, a range or a score, and of `747-400`, a code."""
    values = [float(text.replace(",", "")) for text in (low, high)]
    a_range = values[0] < values[1] or (len(low), len(high)) == (4, 2)  # 2010-15
    ends = _alike(low, high) if a_range else list(itertools.product(decimal(low), decimal(high)))
    joints: list[Reading] = [(), ("to",)]
    if a_range and values[0] >= 100:
        joints.reverse()
    return distinct(*((*a, *joint, *b) for a, b in ends for joint in joints))


def by(low: str, high: str) -> tuple[Reading, ...]:
    """Readings of `2x4`, a size or a product."""
    return distinct(*((*a, sign, *b) for sign in ("by", "times", "x") for a, b in _alike(low, high)))


def _alike(low: str, high: str) -> list[tuple[Reading, Reading]]:
    """Two numbers, both said in the same way."""
    lows, highs = decimal(low, spelt=False), decimal(high, spelt=False)
    found = [(lows[0], highs[0])]
    texts = [text.replace(",", "") for text in (low, high)]
    if all(re.fullmatch(rf"0|[1-9]\d{{0,{NAMED_DIGITS - 1}}}", text) for text in texts):
        a, b = (int(text) for text in texts)
        found += [(cardinal(a), cardinal(b)), (pairs(a) or cardinal(a), pairs(b) or cardinal(b))]
        found += [(with_and(cardinal(a)), with_and(cardinal(b)))]
        found += [(reading, with_and(cardinal(b))) for reading in lows if reading[0] == "a"]
    return list(dict.fromkeys(found))


def measured(number: str, unit: str, *, one: bool = False) -> tuple[Reading, ...]:
    """Readings of `5kg`, `1m`, `9am`; `5m` may be five million too, `5G` is no weight, `747s` are several.

    `one`: the unit is said as of one, as in a `40-lb bag`.
    """
    said = decimal(number, spelt=False)
    usual, *others = said_units(unit, one=one or number == "1")
    found = [(*reading, *usual) for reading in said[:3]] + [(*said[0], *name) for name in others]
    if unit.lower() in MULTIPLES:
        found.insert(0 if unit.isupper() else len(found), multiplied(number, unit)[0])
    if unit == "g" or (len(unit) == 1 and unit.isupper()):
        found.insert(0 if unit == "G" else len(found), (*said[0], f"{unit.lower()}."))
    if unit == "s" and number.isdecimal():
        found += plural(number)
    return distinct(*found)


def said_units(unit: str, *, one: bool = False) -> tuple[Reading, ...]:
    """What a short unit is said as: several of it first, or `one` of it first."""
    several = tuple(UNITS[unit.lower()].split())
    if several == ("times",):
        return (several, ("x",))
    if several[0].endswith("."):
        return (several,)
    if unit.lower() in GLUED_UNITS:
        return (several, ("inch",), ("in",))
    heads = {"feet": "foot", "hertz": "hertz"}
    single = (heads.get(several[0], several[0].removesuffix("s")), *several[1:])
    return distinct(single, several) if one else distinct(several, single)


def multiplied(number: str, multiple: str) -> tuple[Reading, ...]:
    """Readings of `10k` and `2.5bn`; `401k` is letters."""
    said = decimal(number, spelt=False)
    letters = tuple(f"{letter}." for letter in multiple.lower())
    named = tuple((*reading, MULTIPLES[multiple.lower()]) for reading in said[:2])
    return (*named, *((*reading, *letters) for reading in said[:3]))
