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
    ("top", "bottom", "expected"),
    [
        ("1", "2", ["one half", "a half", "half"]),
        ("3", "2", ["three halves"]),
        ("1", "4", ["one quarter", "a quarter", "one fourth", "a fourth"]),
        ("3", "4", ["three quarters", "three fourths"]),
        ("2", "3", ["two thirds"]),
        ("1", "8", ["one eighth", "an eighth"]),
        ("1", "100", ["one hundredth", "a hundredth", "one one hundredth"]),
        ("7", "22", ["seven twenty seconds"]),
    ],
)
def test_parts_of_a_whole(top: str, bottom: str, expected: list[str]) -> None:
    assert [" ".join(reading) for reading in numerals.part(top, bottom)] == expected


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("90", ["nineties"]),
        ("1990", ["nineteen nineties"]),
        ("100", ["one hundreds", "hundreds"]),
        ("3", ["threes"]),
        ("16", ["sixteens"]),
        ("6", ["sixes"]),
        ("747", ["seven hundred forty sevens", "seven forty sevens"]),
    ],
)
def test_several_of_a_number(text: str, some: list[str]) -> None:
    assert set(some) <= {" ".join(reading) for reading in numerals.plural(text)}


def test_digit_by_digit_is_for_codes() -> None:
    assert ("two", "oh", "six") in numerals.integer("206")
    assert numerals.integer("206", spelt=False) == (
        ("two", "hundred", "six"), ("two", "hundred", "and", "six"), ("two", "oh", "six"),
    )  # fmt: skip
    assert ("one", "zero", "zero") in numerals.decimal("100")
    assert numerals.decimal("100", spelt=False) == (("one", "hundred"), ("a", "hundred"))


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
