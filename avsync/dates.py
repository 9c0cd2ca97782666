"""Dates, telephone numbers and Roman numerals: what numbers mean by their shape or their neighbours."""

import re

from avsync.numerals import Reading, cardinal, digits, integer, ordinal
from avsync.symbols import MONTHS, SHORT_MONTHS

DATE = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)"
    r"|(?P<iso_year>\d{4})-(?P<iso_month>\d\d)-(?P<iso_day>\d\d)"
)
PHONE = re.compile(r"\(?\+?\d{1,3}\)?(?:-\d{2,4}){1,4}-\d{4}|\d{3}-\d{4}|\(?\d{3}\)?-?\d{3}-\d{4}")
DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[.,;:!?)\"']*", re.IGNORECASE)
DAYS = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?-(\d{1,2})(?:st|nd|rd|th)?[.,;:!?)\"']*", re.IGNORECASE)
YEAR = re.compile(r"(?:(?:19|20)\d\d|['’]\d\d)[.,;:!?)\"']*")


def month(text: str) -> str | None:
    """The month that a token names: `March`, `Sept.`, `jan`."""
    low = text.strip("().,;:!?\"'").lower()
    return low if low in MONTHS else SHORT_MONTHS.get(low)


def date(text: str) -> tuple[Reading, ...] | None:
    """Readings of `3/14/2024`, `14.3.24`, `2024-03-14`; None for what is no date."""
    match = DATE.fullmatch(text)
    if match is None:
        return None
    if match["iso_year"]:
        found = _named(int(match["iso_month"]), int(match["iso_day"]), match["iso_year"])
        year = integer(match["iso_year"])[0]
        parts = [match["iso_month"], match["iso_day"]]
        found += [
            (*year, *(word for part in parts for word in digits(part, zero))) for zero in ("zero", "oh")
        ]
        return tuple(dict.fromkeys(found))
    first, second = int(match["first"]), int(match["second"])
    found = []
    orders = [(first, second), (second, first)]
    for which, day in orders if match["mark"] == "/" else reversed(orders):
        found += _named(which, day, match["year"])[:2]
    plain = (*integer(match["first"])[0], *integer(match["second"])[0])
    found += [(*plain, *year) for year in _years(match["year"])]
    mark = "slash" if match["mark"] == "/" else "dot"
    found.append((*cardinal(first), mark, *cardinal(second), mark, *_years(match["year"])[0]))
    return tuple(dict.fromkeys(found))


def _named(which: int, day: int, year: str) -> list[Reading]:
    if not (1 <= which <= 12 and 1 <= day <= 31):
        return []
    name = MONTHS[which - 1]
    return [
        reading
        for said in _years(year)[:1]
        for reading in (
            (name, *ordinal(day), *said),
            ("the", *ordinal(day), "of", name, *said),
            (name, *cardinal(day), *said),
        )
    ]


def _years(year: str) -> list[Reading]:
    if len(year) == 4:
        return list(integer(year)[:2])
    return [integer(year)[0], integer(("19" if int(year) > 40 else "20") + year)[0]]


def day(text: str, before: str, after: str) -> tuple[Reading, ...]:
    """How the day is said in `March 3`, `3 March`, `3rd March` and `March 3-5`; nothing where the number is
    no day.
    """
    days = DAYS.fullmatch(text)
    if days and month(before) and 1 <= int(days[1]) < int(days[2]) <= 31:
        first, last = ordinal(int(days[1])), ordinal(int(days[2]))
        return tuple((*first, to, *last) for to in ("to", "through"))
    match = DAY.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= 31:
        return ()
    named = ordinal(int(match[1]))
    if month(before):
        return (named, ("the", *named))
    if month(after):
        return (named, ("the", *named, "of"), (*named, "of"), ("the", *named))
    return ()


def short_month(text: str, before: str, after: str) -> str | None:
    """What `Dec` is in `Dec 25`, `25th Dec` and `Dec 2020`; None where no day or year is beside it."""
    name = month(text)
    if name is None:
        return None
    days = [match for match in (DAY.fullmatch(before), DAY.fullmatch(after)) if match]
    dated = any(1 <= int(match[1]) <= 31 for match in days) or DAYS.fullmatch(after) or YEAR.fullmatch(after)
    return name if dated else None


def phone(text: str) -> tuple[Reading, ...] | None:
    """Readings of `555-0123`, `+1-800-555-0123`, `(555)123-4567`; None for what is no telephone number."""
    if PHONE.fullmatch(text) is None:
        return None
    plus: Reading = ("plus",) if "+" in text else ()
    groups = re.findall(r"\d+", text)
    found = []
    for zero in ("zero", "oh"):
        found.append((*plus, *(word for group in groups for word in digits(group, zero))))
        rounded = [
            cardinal(int(group)) if re.fullmatch(r"[1-9]00", group) else digits(group, zero)
            for group in groups
        ]
        found.append((*plus, *(word for group in rounded for word in group)))
    return tuple(dict.fromkeys(found))


ROMAN = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")


def roman(text: str) -> int | None:
    """The number, 1 to 39, that a Roman numeral stands for; None for other text."""
    if not text or ROMAN.fullmatch(text) is None:
        return None
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in text]
    return sum(-v if v < max(values[n:]) else v for n, v in enumerate(values))
