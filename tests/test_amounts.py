"""Numbers with what stands at them, in words."""

import pytest

from avsync import amounts


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
        ("100", "one hundred", ["a hundred"]),
        ("150", "one hundred fifty", ["a hundred and fifty"]),
        ("1,000,000", "one million", ["a million"]),
        ("1/4", "one quarter", ["a quarter", "one fourth"]),
        ("3/4", "three quarters", ["three fourths"]),
        ("50/50", "fifty fifty", []),
        ("2/3rds", "two thirds", []),
        ("2 1/2", "two and a half", ["two and one half"]),
        ("3-1/4", "three and a quarter", ["three and a fourth"]),
        ("5G", "five g.", ["five grams"]),
        ("5g", "five grams", ["five g."]),
        ("5M", "five million", ["five meters"]),
        ("5s", "five seconds", ["fives"]),
        ("401k", "four hundred one thousand", ["four oh one k."]),
        ("40-lb", "forty pound", ["forty pounds"]),
        ("10in", "ten inches", ["ten in"]),
        ("10x", "ten times", ["ten x"]),
        ("2x4", "two by four", ["two times four", "two x four"]),
        ("5'10\"", "five ten", ["five foot ten", "five feet ten", "five foot ten inches"]),
        ("6'1”", "six one", ["six foot one inch"]),
        ("6'0\"", "six foot", ["six feet"]),
        ("5.30pm", "five thirty p. m.", []),
        ("$1", "one dollar", ["a dollar"]),
        ("£3.50", "three pounds and fifty pence", ["three pound fifty"]),
        ("$100-200", "one hundred to two hundred dollars", ["one hundred dollars to two hundred dollars"]),
        ("$5-$10", "five to ten dollars", ["five dollars to ten dollars", "five ten dollars"]),
        ("£5-10m", "five to ten million pounds", []),
        (
            "$1.50-2.50",
            "one dollar and fifty cents to two dollars and fifty cents",
            ["one fifty to two fifty"],
        ),
        ("10-20", "ten twenty", ["ten to twenty"]),
        ("1500-2000", "fifteen hundred to two thousand", ["one thousand five hundred to two thousand"]),
        ("2010-15", "twenty ten to fifteen", ["two thousand ten to fifteen"]),
        ("747-400", "seven hundred forty seven four hundred", []),
        ("101st", "one hundred first", ["one hundred and first"]),
    ],
)
def test_readings(text: str, first: str, others: list[str]) -> None:
    readings = [" ".join(reading) for reading in amounts.readings(text) or ()]
    assert readings[0] == first
    assert set(others) <= set(readings)


def test_what_is_not_a_number_has_no_reading() -> None:
    assert amounts.readings("b2b") is None
    assert amounts.readings("") is None


@pytest.mark.parametrize("text", ["$100", "$100-200", "$1,000-$2,000", "$100k", "100kg", "150mph"])
def test_amounts_are_not_said_digit_by_digit(text: str) -> None:
    read = amounts.readings(text)
    assert read
    for reading in read:
        assert not {"zero", "oh"}.intersection(reading)


def test_amounts_of_any_length_are_read() -> None:
    digits = "9" * 5000
    for text in (f"${digits}.50", f"${digits}-{digits}", f"{digits}-{digits}", f"{digits}x{digits}"):
        assert amounts.readings(text)
