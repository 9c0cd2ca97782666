"""Numbers in words."""

import random
import re

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
        ("5m", "five meters", ["five million", "five meter"]),
        ("9am", "nine a. m.", []),
        ("10k", "ten thousand", ["ten k."]),
        ("1:02:03", "one oh two oh three", ["one two three"]),
        ("10:30pm", "ten thirty p. m.", []),
        ("10:00a.m.", "ten a. m.", ["ten o'clock a. m."]),
        ("1/0", "one over zero", ["one zero"]),
        ("2.0.1", "two point zero point one", ["two dot zero dot one"]),
        (
            "192.168.0.1",
            "one nine two point one six eight point zero point one",
            ["one ninety two dot one sixty eight dot zero dot one"],
        ),
        ("100,000,005", "one hundred million five", ["one hundred million and five"]),
        ("₩5", "five won", []),
        ("₽1.50", "one ruble and fifty kopeks", []),
        ("101st", "one hundred first", ["one hundred and first"]),
    ],
)
def test_readings(text: str, first: str, others: list[str]) -> None:
    readings = [" ".join(reading) for reading in numerals.readings(text) or ()]
    assert readings[0] == first
    assert set(others) <= set(readings)


def test_what_is_not_a_number_has_no_reading() -> None:
    assert numerals.readings("b2b") is None
    assert numerals.readings("") is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (101, "one hundred and one"),
        (2005, "two thousand and five"),
        (2105, "two thousand one hundred and five"),
        (201_005, "two hundred and one thousand and five"),
        (100_000, "one hundred thousand"),
        (100_000_001, "one hundred million and one"),
        (21, "twenty one"),
    ],
)
def test_british_and(number: int, words: str) -> None:
    assert " ".join(numerals.with_and(numerals.cardinal(number))) == words


def test_names_of_numbers_are_those_of_num2words() -> None:
    num2words = pytest.importorskip("num2words").num2words
    draw = random.Random(0)
    numbers = [*range(2000), *(draw.randrange(10 ** draw.randrange(4, 15)) for _ in range(2000))]
    for number in numbers:
        theirs = re.sub(r"[-,]", " ", num2words(number)).split()
        assert list(numerals.with_and(numerals.cardinal(number))) == theirs
        assert (
            list(numerals.with_and(numerals.ordinal(number)))
            == re.sub(r"[-,]", " ", num2words(number, to="ordinal")).split()
        )


def test_numbers_without_a_name_are_read_digit_by_digit() -> None:
    assert numerals.cardinal(10**18)[:2] == ("one", "zero")
