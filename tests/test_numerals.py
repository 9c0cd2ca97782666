"""Numbers in words."""

import pytest

from avsync import numerals


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (512, "five hundred twelve"),
        (1000, "one thousand"),
        (21_000_003, "twenty one million three"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_cardinal(number: int, words: str) -> None:
    assert " ".join(numerals.cardinal(number)) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "first"),
        (12, "twelfth"),
        (20, "twentieth"),
        (23, "twenty third"),
        (8, "eighth"),
        (100, "one hundredth"),
    ],
)
def test_ordinal(number: int, words: str) -> None:
    assert " ".join(numerals.ordinal(number)) == words


@pytest.mark.parametrize(
    ("text", "first", "others"),
    [
        ("2014", "twenty fourteen", ["two thousand fourteen"]),
        ("2003", "two thousand three", ["two thousand and three"]),
        ("1905", "nineteen oh five", ["one thousand nine hundred five"]),
        ("350", "three hundred fifty", ["three fifty", "three hundred and fifty"]),
        ("007", "zero zero seven", ["oh oh seven"]),
        ("1,250", "one thousand two hundred fifty", ["one thousand two hundred and fifty"]),
        ("3.14", "three point one four", []),
        (".5", "zero point five", ["point five"]),
        ("$5", "five dollars", []),
        ("£1", "one pound", []),
        ("$3.50", "three dollars and fifty cents", ["three dollars fifty cents", "three fifty"]),
        ("$2.5bn", "two point five billion dollars", []),
        ("10:30", "ten thirty", []),
        ("7:05", "seven oh five", []),
        ("9:00", "nine o'clock", ["nine"]),
        ("1/2", "one half", ["one over two"]),
        ("2/3", "two thirds", []),
        ("21st", "twenty first", []),
        ("1990s", "nineteen nineties", []),
        ("50kg", "fifty kilograms", []),
        ("30fps", "thirty frames per second", []),
    ],
)
def test_readings(text: str, first: str, others: list[str]) -> None:
    readings = [" ".join(reading) for reading in numerals.readings(text) or ()]
    assert readings[0] == first
    assert set(others) <= set(readings)


def test_what_is_not_a_number_has_no_reading() -> None:
    assert numerals.readings("b2b") is None
    assert numerals.readings("") is None


def test_numbers_without_a_name_are_read_digit_by_digit() -> None:
    assert numerals.cardinal(10**18)[:2] == ("one", "zero")
