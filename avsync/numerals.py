"""English numbers in words: how a reader may say what is written in digits.

Functions that return readings give alternatives, the most usual first; each is a tuple of lower-case words.
An aligner puts them in parallel, so a reading too many costs little and one too few costs a word.
"""

import re

Reading = tuple[str, ...]

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
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
UNITS_AFTER_DIGITS = {
    "kg": "kilograms", "km": "kilometers", "cm": "centimeters", "mm": "millimeters", "ms": "milliseconds",
    "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "kb": "kilobytes", "mb": "megabytes",
    "gb": "gigabytes",
    "mph": "miles per hour", "fps": "frames per second", "ft": "feet", "lb": "pounds", "lbs": "pounds",
    "am": "a. m.", "pm": "p. m.", "min": "minutes", "hr": "hours", "hrs": "hours", "sec": "seconds",
    "g": "grams", "s": "seconds", "m": "meters", "h": "hours", "x": "times",
}  # fmt: skip
"""Short units and what they are said as, only where they follow digits directly: `5kg`, `30fps`."""


def cardinal(number: int) -> Reading:
    """`number` (>= 0) in words; from 10^18 on digit by digit."""
    if number >= 10 ** (3 * len(SCALES)):
        return digits(str(number))
    if number < 20:
        return (SMALL[number],)
    if number < 100:
        tens, ones = divmod(number, 10)
        return (TENS[tens], *((SMALL[ones],) if ones else ()))
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return (SMALL[hundreds], "hundred", *(cardinal(rest) if rest else ()))
    power = (len(str(number)) - 1) // 3
    high, rest = divmod(number, 1000**power)
    return (*cardinal(high), SCALES[power], *(cardinal(rest) if rest else ()))


def with_and(reading: Reading) -> Reading:
    """The British form: `and` after the last `hundred` or `thousand` that small numbers follow."""
    for index in range(len(reading) - 2, -1, -1):
        if reading[index] == "hundred" or (reading[index] == "thousand" and "hundred" not in reading[index:]):
            return (*reading[: index + 1], "and", *reading[index + 1 :])
    return reading


def ordinal(number: int) -> Reading:
    """`number` as `first`, `twenty second`, ..."""
    *head, last = cardinal(number)
    if last in IRREGULAR_ORDINALS:
        return (*head, IRREGULAR_ORDINALS[last])
    return (*head, last[:-1] + "ieth" if last.endswith("y") else last.removesuffix("t") + "th")


def digits(text: str, zero: str = "zero") -> Reading:
    """Digit by digit."""
    return tuple(zero if digit == "0" else SMALL[int(digit)] for digit in text)


def pairs(number: int) -> Reading | None:
    """A number of three or four digits as a year or a street number: `nineteen oh five`, `three fifty`."""
    if not 100 < number < 10000 or number % 1000 == 0:
        return None
    high, low = divmod(number, 100)
    if low == 0:
        return (*cardinal(high), "hundred") if high >= 10 else None
    return (*cardinal(high), *(("oh", SMALL[low]) if low < 10 else cardinal(low)))


def integer(text: str) -> tuple[Reading, ...]:
    """Readings of a run of digits, with thousands commas or without."""
    plain = text.replace(",", "")
    number = int(plain)
    if plain != str(number):  # leading zeros: a code, not a quantity
        return _distinct(digits(plain), digits(plain, "oh"), cardinal(number))
    found = [cardinal(number), with_and(cardinal(number))]
    in_pairs = pairs(number) if "," not in text else None
    if in_pairs is not None:
        found.insert(0 if 1100 <= number < 2100 and not 2000 <= number < 2010 else 2, in_pairs)
    if len(plain) >= 3 and "," not in text:
        found += [digits(plain), digits(plain, "oh")]
    return _distinct(*found) if number else (("zero",), ("oh",))


def decimal(text: str) -> tuple[Reading, ...]:
    """Readings of digits with an optional decimal point: `3.14`, `.5`, `1,200`."""
    whole, point, fraction = text.partition(".")
    if not point:
        return integer(whole)
    tail = ("point", *digits(fraction))
    if not whole.strip("0,"):
        return (("zero", *tail), tail, ("oh", *tail))
    return _distinct(*((*reading, *tail) for reading in integer(whole)[:2]))


def money(sign: str, amount: str, multiple: str = "") -> tuple[Reading, ...]:
    """Readings of `$3.50`, `£1`, `$5m`."""
    one, several, one_part, parts = CURRENCIES[sign]
    whole, point, fraction = amount.partition(".")
    if multiple:
        return tuple((*reading, MULTIPLES[multiple.lower()], several) for reading in decimal(amount))
    if not point or len(fraction) != 2:
        unit = one if amount == "1" else several
        return tuple((*reading, unit) for reading in decimal(amount))
    main = (*cardinal(int(whole.replace(",", "") or 0)), one if whole == "1" else several)
    if fraction == "00":
        return (main,)
    small = cardinal(int(fraction))
    part = (*small, one_part if fraction == "01" else parts)
    if not whole.strip("0,"):
        return (part,)
    return ((*main, "and", *part), (*main, *part), (*main, *small), (*main[:-1], *small))


def clock(hours: str, minutes: str) -> tuple[Reading, ...]:
    """Readings of `10:30`: as a time of day, or as a score."""
    hour, minute = cardinal(int(hours)), cardinal(int(minutes))
    if minutes == "00":
        return ((*hour, "o'clock"), hour, (*hour, "hundred"), (*hour, "hundred", "hours"))
    said = ("oh", *minute) if minutes.startswith("0") else minute
    return _distinct((*hour, *said), (*hour, "to", *minute), (*hour, *minute))


def fraction(top: str, bottom: str) -> tuple[Reading, ...]:
    """Readings of `3/4`: as a fraction, as a ratio, or number after number (a date)."""
    above, below = cardinal(int(top)), cardinal(int(bottom))
    if int(bottom) == 2:
        named: Reading = (*above, "half" if int(top) == 1 else "halves")
    elif int(bottom) == 4:
        named = (*above, "quarter" if int(top) == 1 else "quarters")
    else:
        *head, last = ordinal(int(bottom))
        named = (*above, *head, last if int(top) == 1 else last + "s")
    return _distinct(
        named,
        (*above, "over", *below),
        (*above, "slash", *below),
        (*above, *below),
        (*above, "out", "of", *below),
    )


def plural_of_tens(text: str) -> tuple[Reading, ...]:
    """Readings of `1990s`, `90s`, `2000s`."""
    return tuple(
        (*head, last[:-1] + "ies" if last.endswith("y") else last + ("es" if last == "six" else "s"))
        for *head, last in integer(text)
    )


def _distinct(*readings: Reading) -> tuple[Reading, ...]:
    return tuple(dict.fromkeys(readings))


UNIT = "|".join(sorted(UNITS_AFTER_DIGITS, key=len, reverse=True))
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_FORMS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "money": rf"(?P<sign>[$£€¥₹])(?P<amount>{NUMBER})(?P<multiple>k|mn|m|bn|b|t)?",
        "ordinal": r"(?P<whole>\d+|\d{1,3}(?:,\d{3})+)(?:st|nd|rd|th)",
        "tens": r"'?(?P<whole>\d*0)'?s",
        "clock": r"(?P<hours>\d{1,2}):(?P<minutes>\d\d)",
        "fraction": r"(?P<top>\d+)/(?P<bottom>\d*[1-9]\d*)",
        "unit": rf"(?P<number>{NUMBER})(?P<unit>{UNIT})",
        "number": rf"(?P<number>{NUMBER})",
    }.items()
}


def readings(text: str) -> tuple[Reading, ...] | None:
    """Readings of a piece of text that is one numeric expression as a whole; None when it is not one."""
    for name, pattern in _FORMS.items():
        match = pattern.fullmatch(text)
        if match is None:
            continue
        if name == "money":
            return money(match["sign"], match["amount"], match["multiple"] or "")
        if name == "ordinal":
            return (ordinal(int(match["whole"].replace(",", ""))),)
        if name == "tens":
            return plural_of_tens(match["whole"])
        if name == "clock":
            return clock(match["hours"], match["minutes"])
        if name == "fraction":
            return fraction(match["top"], match["bottom"])
        if name == "unit":
            unit = UNITS_AFTER_DIGITS[match["unit"].lower()].split()
            return tuple((*reading, *unit) for reading in decimal(match["number"]))
        return decimal(match["number"])
    return None
