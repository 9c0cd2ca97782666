"""English numbers in words: how a reader may say what is written in digits.

Functions that return readings give alternatives, the most usual first; each is a tuple of lower-case words.
An aligner puts them in parallel, so a reading too many costs little and one too few costs a word. That is
why no library is used: num2words and its like give one reading. Tests hold the names of numbers against it.
"""

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
BIG = frozenset(("hundred", *SCALES[1:]))
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
    plain = [word.removesuffix("th") if word.removesuffix("th") in BIG else word for word in reading]
    said: list[str] = []
    for index, word in enumerate(reading):
        said.append(word)
        rest = plain[index + 1 :]
        last = word in SCALES[1:] and not BIG.intersection(rest)
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


def integer(text: str, *, spelt: bool = True) -> tuple[Reading, ...]:
    """Readings of a run of digits, with thousands commas or without; digit by digit too where it may be
    `spelt`, as codes are and quantities are not.
    """
    plain = text.replace(",", "")
    if len(plain) > NAMED_DIGITS:
        return distinct(digits(plain), digits(plain, "oh"))
    number = int(plain)
    if plain != str(number):  # leading zeros: a code, not a quantity
        return distinct(digits(plain), digits(plain, "oh"), cardinal(number))
    found = [cardinal(number), with_and(cardinal(number))]
    in_pairs = pairs(number) if "," not in text else None
    if in_pairs is not None:
        found.insert(0 if 1100 <= number < 2100 and not 2000 <= number < 2010 else 2, in_pairs)
    one, *rest = cardinal(number)
    if 100 < number < 200 or (rest and one == "one" and BIG.issuperset(rest)):
        found.append(("a", *with_and(cardinal(number))[1:]))
    if spelt and len(plain) >= 3 and "," not in text:
        found += [digits(plain), digits(plain, "oh")]
    return distinct(*found) if number else (("zero",), ("oh",))


def decimal(text: str, *, spelt: bool = True) -> tuple[Reading, ...]:
    """Readings of digits with an optional decimal point: `3.14`, `.5`, `1,200`; `spelt` as in `integer`."""
    whole, point, fraction = text.partition(".")
    if not point:
        return integer(whole, spelt=spelt)
    tail = ("point", *digits(fraction))
    if not whole.strip("0,"):
        return (("zero", *tail), tail, ("oh", *tail))
    return distinct(*((*reading, *tail) for reading in integer(whole)[:2]))


def clock(hours: str, minutes: str, seconds: str = "", half: str = "") -> tuple[Reading, ...]:
    """Readings of `10:30`: as a time of day, or as a score; of `1:02:03` and of `10:30am`."""
    hour, minute = cardinal(int(hours)), cardinal(int(minutes))
    tail: Reading = (f"{half[0].lower()}.", "m.") if half else ()
    said = ("oh", *minute) if minutes.startswith("0") else minute
    if seconds:
        second = cardinal(int(seconds))
        after = ("oh", *second) if seconds.startswith("0") else second
        units = ("hours", *minute, "minutes", "and", *second, "seconds")
        return distinct(
            (*hour, *said, *after, *tail), (*hour, *minute, *second, *tail), (*hour, *units, *tail)
        )
    if minutes == "00":
        o_clock = ((*hour, "o'clock"), hour, (*hour, "hundred"), (*hour, "hundred", "hours"))
        return tuple((*reading, *tail) for reading in (o_clock[1], o_clock[0]) if tail) or o_clock
    found = distinct((*hour, *said, *tail), (*hour, *minute, *tail))
    return found if tail else distinct(found[0], (*hour, "to", *minute), *found)


def fraction(top: str, bottom: str) -> tuple[Reading, ...]:
    """Readings of `3/4`: as a fraction, as a ratio, or number after number (a date)."""
    above, below = cardinal(int(top)), cardinal(int(bottom))
    sides = ((*above, "over", *below), (*above, "slash", *below), (*above, *below))
    if not int(bottom):
        return sides
    found = [*part(top, bottom), *sides, (*above, "out", "of", *below)]
    return distinct(*(reversed(sides) if top == bottom else ()), *found)  # 50/50


def part(top: str, bottom: str) -> tuple[Reading, ...]:
    """Readings of `3/4` as a part of a whole, and of `3/4ths`; `bottom` is not 0."""
    above = cardinal(int(top))
    names = [ordinal(int(bottom))]
    if int(bottom) == 2:
        names = [("half",)]
    elif int(bottom) == 4:
        names.insert(0, ("quarter",))
    if int(top) != 1:
        ends = ["halves" if name[-1] == "half" else name[-1] + "s" for name in names]
        return tuple((*above, *name[:-1], end) for name, end in zip(names, ends, strict=True))
    if names[0][0] == "one":  # one one hundredth
        return (names[0], ("a", *names[0][1:]), ("one", *names[0]))
    found = [(first, *name) for name in names for first in ("one", "an" if name[0][0] == "e" else "a")]
    return (*found, ("half",)) if int(bottom) == 2 else tuple(found)


def mixed(whole: str, top: str, bottom: str) -> tuple[Reading, ...]:
    """Readings of `2 1/2`, whose `whole` may be missing."""
    before = cardinal(int(whole)) if whole else ()
    if not 0 < int(top) < int(bottom):
        return tuple((*before, *reading) for reading in fraction(top, bottom))
    parts = sorted((reading for reading in part(top, bottom) if len(reading) > 1), key=lambda said: said[0])
    plain = ((*before, *parts[-1]),) if whole else ()
    return (*((*before, "and", *reading) for reading in parts), *plain)


def plural(text: str) -> tuple[Reading, ...]:
    """Readings of several of a number: `1990s`, `90s`, `2000s`, the `747s`."""
    found = [reading for reading in integer(text, spelt=False) if reading[0] != "a"]
    if found[0][0] == "one" and BIG.issuperset(found[0][1:]):  # 100s of people
        found += [found[0][1:]] if found[0][1:] else []
    return tuple(
        (*head, last[:-1] + "ies" if last.endswith("y") else last + ("es" if last == "six" else "s"))
        for *head, last in found
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
    return distinct(*joined)


def distinct(*readings: Reading) -> tuple[Reading, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(readings))
