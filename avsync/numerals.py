"""English numbers in words: how a reader may say what is written in digits.

Functions that return readings give alternatives, the most usual first; each is a tuple of lower-case words.
An aligner puts them in parallel, so a reading too many costs little and one too few costs a word. That is
why no library is used: num2words and its like give one reading. Tests hold the names of numbers against it.
"""

import re

from avsync.symbols import UNITS_AFTER_DIGITS

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
NAMED_DIGITS = 18
"""A whole number of more digits has no name here, and is read digit by digit."""


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
    """The British form, with `and` as in `two hundred and one thousand and five`."""
    big = ("hundred", *SCALES[1:])
    plain = [word.removesuffix("th") if word.removesuffix("th") in big else word for word in reading]
    said: list[str] = []
    for index, word in enumerate(reading):
        said.append(word)
        rest = plain[index + 1 :]
        last = word in SCALES[1:] and not set(big).intersection(rest)
        if rest and ((word == "hundred" and rest[0] not in SCALES) or last):
            said.append("and")
    return tuple(said)


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
    if len(plain) > NAMED_DIGITS:
        return _distinct(digits(plain), digits(plain, "oh"))
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


def clock(hours: str, minutes: str, seconds: str = "", half: str = "") -> tuple[Reading, ...]:
    """Readings of `10:30`: as a time of day, or as a score; of `1:02:03` and of `10:30am`."""
    hour, minute = cardinal(int(hours)), cardinal(int(minutes))
    tail: Reading = (f"{half[0].lower()}.", "m.") if half else ()
    said = ("oh", *minute) if minutes.startswith("0") else minute
    if seconds:
        second = cardinal(int(seconds))
        after = ("oh", *second) if seconds.startswith("0") else second
        units = ("hours", *minute, "minutes", "and", *second, "seconds")
        return _distinct(
            (*hour, *said, *after, *tail), (*hour, *minute, *second, *tail), (*hour, *units, *tail)
        )
    if minutes == "00":
        o_clock = ((*hour, "o'clock"), hour, (*hour, "hundred"), (*hour, "hundred", "hours"))
        return tuple((*reading, *tail) for reading in (o_clock[1], o_clock[0]) if tail) or o_clock
    found = _distinct((*hour, *said, *tail), (*hour, *minute, *tail))
    return found if tail else _distinct(found[0], (*hour, "to", *minute), *found)


def fraction(top: str, bottom: str) -> tuple[Reading, ...]:
    """Readings of `3/4`: as a fraction, as a ratio, or number after number (a date)."""
    above, below = cardinal(int(top)), cardinal(int(bottom))
    if not int(bottom):
        return ((*above, "over", *below), (*above, "slash", *below), (*above, *below))
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


UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS_AFTER_DIGITS, key=len, reverse=True))
SIGN = f"[{''.join(CURRENCIES)}]"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
MULTIPLE = "bn|mn|[kmbt]"
_WHOLE = r"\d{1,3}(?:,\d{3}){1,5}|\d{1,18}"
FORMS = {
    "money": rf"(?P<sign>{SIGN})(?P<amount>{NUMBER})(?P<multiple>{MULTIPLE})?",
    "clock": r"(?P<hours>\d{1,2}):(?P<minutes>\d\d)(?::(?P<seconds>\d\d))?(?P<half>[ap]\.?m\b\.?)?",
    "version": r"(?P<groups>\d{1,18}(?:\.\d{1,18}){2,})",
    "fraction": r"(?P<top>\d{1,9})/(?P<bottom>\d{1,9})",
    "ordinal": rf"(?P<whole>{_WHOLE})(?:st|nd|rd|th)",
    "tens": r"(?P<whole>\d{0,17}0)'?s",
    "unit": rf"(?P<number>{NUMBER})(?P<unit>{UNIT})",
    "multiplied": rf"(?P<number>{NUMBER})(?P<multiple>{MULTIPLE})",
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


def _read(name: str, part: dict[str, str]) -> tuple[Reading, ...]:
    match name:
        case "money":
            return money(part["sign"], part["amount"], part["multiple"])
        case "clock":
            return clock(part["hours"], part["minutes"], part["seconds"], part["half"])
        case "version":
            return version(part["groups"])
        case "fraction":
            return fraction(part["top"], part["bottom"])
        case "ordinal":
            named = ordinal(int(part["whole"].replace(",", "")))
            return _distinct(named, (*with_and(named),))
        case "tens":
            return plural_of_tens(part["whole"])
        case "unit":
            return measured(part["number"], part["unit"])
        case "multiplied":
            return multiplied(part["number"], part["multiple"])
    return decimal(part["number"])


def measured(number: str, unit: str) -> tuple[Reading, ...]:
    """Readings of `5kg`, `1m`, `9am`; `5m` may be five million too."""
    names = said_units(unit, one=number == "1")
    found = [(*reading, *name) for name in names for reading in decimal(number)[:3]]
    if unit.lower() in MULTIPLES:
        found += multiplied(number, unit)[:1]
    return _distinct(*found)


def said_units(unit: str, *, one: bool = False) -> tuple[Reading, ...]:
    """What a short unit is said as: several of it first, or `one` of it first."""
    several = tuple(UNITS_AFTER_DIGITS[unit.lower()].split())
    head = {"feet": "foot", "hertz": "hertz"}.get(several[0], several[0].removesuffix("s"))
    single = (head, *several[1:])
    if several[0].endswith(".") or several == ("times",):
        return (several,)
    return _distinct(single, several) if one else _distinct(several, single)


def multiplied(number: str, multiple: str) -> tuple[Reading, ...]:
    """Readings of `10k` and `2.5bn`."""
    letters = tuple(f"{letter}." for letter in multiple.lower())
    return tuple(
        (*reading, *tail)
        for tail in ((MULTIPLES[multiple.lower()],), letters)
        for reading in decimal(number)[:2]
    )


def version(groups: str) -> tuple[Reading, ...]:
    """Readings of `2.0.1`, a version or a network address."""
    numbers = groups.split(".")
    named = [integer(number)[0] if len(number) < 3 else digits(number) for number in numbers]
    spelt = [digits(number) for number in numbers]
    paired = [pairs(int(number)) or cardinal(int(number)) for number in numbers]
    joined = []
    for parts in (named, spelt, paired):
        for mark in ("point", "dot"):
            joined.append(tuple(word for part in parts for word in (mark, *part))[1:])
    return _distinct(*joined)
