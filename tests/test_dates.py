"""Dates, telephone numbers and Roman numerals in words."""

import pytest

from avsync import dates


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("3/14/2024", ["march fourteenth twenty twenty four", "three fourteen twenty twenty four"]),
        ("3/4/24", ["march fourth twenty four", "april third twenty four", "three four twenty twenty four"]),
        ("14.3.2024", ["march fourteenth twenty twenty four", "the fourteenth of march twenty twenty four"]),
        (
            "1999-12-31",
            ["december thirty first nineteen ninety nine", "nineteen ninety nine one two three one"],
        ),
        ("99/99/2024", ["ninety nine ninety nine twenty twenty four"]),
        ("2024-13-40", ["twenty twenty four one three four zero"]),
        ("01/02/03", ["january second zero three"]),
    ],
)
def test_dates(text: str, some: list[str]) -> None:
    said = [" ".join(reading) for reading in dates.date(text) or ()]
    assert set(some) <= set(said)
    assert len(said) == len(set(said))


@pytest.mark.parametrize("text", ["1/2", "2024", "1-2-3", "2024-1-1", "1/2.2024", ""])
def test_what_is_no_date(text: str) -> None:
    assert dates.date(text) is None


def test_days_beside_months() -> None:
    assert dates.day("3,", "March", "2014") == (("third",), ("the", "third"))
    assert dates.day("3", "Sept.", "") == (("third",), ("the", "third"))
    assert ("the", "third", "of") in dates.day("3rd", "", "March")
    assert dates.day("3-5,", "March", "") == (("third", "to", "fifth"), ("third", "through", "fifth"))
    assert dates.day("5-3", "March", "") == dates.day("3-5", "went", "") == ()
    assert dates.day("32", "March", "") == dates.day("3", "went", "home") == dates.day("3.5", "may", "") == ()


def test_short_names_of_months() -> None:
    assert dates.short_month("Dec", "on", "25th,") == "december"
    assert dates.short_month("Dec", "25", "") == "december"
    assert dates.short_month("Mar,", "3rd", "so") == "march"
    assert dates.short_month("Jan", "so", "2020") == dates.short_month("Jan", "", "'99.") == "january"
    assert dates.short_month("Jan", "so", "said") is dates.short_month("Jan", "32", "100") is None
    assert dates.short_month("so", "3", "5") is None


def test_telephone_numbers_are_digits() -> None:
    said = [" ".join(reading) for reading in dates.phone("555-0123") or ()]
    assert said == ["five five five zero one two three", "five five five oh one two three"]
    said = [" ".join(reading) for reading in dates.phone("+1-800-555-0123") or ()]
    assert "plus one eight hundred five five five zero one two three" in said
    assert dates.phone("10-20") is dates.phone("2014-2015") is dates.phone("5-1") is None


def test_roman_numerals() -> None:
    made = {
        "".join(("X" * tens, ones)): tens * 10 + number
        for tens in range(4)
        for number, ones in enumerate(("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"))
    }
    del made[""]
    assert {text: dates.roman(text) for text in made} == made
    assert [dates.roman(text) for text in ("", "IIII", "VX", "IXI", "MIX", "ix", "A")] == [None] * 7
