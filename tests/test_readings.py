"""The ways in which one token may be spoken."""

import pytest

from avsync.readings import MAX_READINGS, Place, is_number, readings

ALONE = Place()


def said(token: str, place: Place = ALONE) -> list[str]:
    return [" ".join(reading) for reading in readings(token, place)]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("Dr.", ["doctor", "drive"]),
        ("it’s", ["it's"]),
        ("'n'", ["'n"]),
        ("dogs'", ["dogs"]),
        ("well-known", ["well-known", "well known"]),
        ("blue-green", ["blue green"]),
        ("U.S.", ["u. s."]),
        ("café", ["cafe"]),
        ("Łódź", ["lodz"]),
        ("5%", ["five percent"]),
        ("-5", ["minus five", "negative five"]),
        ("−$5", ["minus five dollars", "negative five dollars"]),
        ("10-20", ["ten twenty", "ten to twenty"]),
        ("$5-$10", ["five dollars ten dollars", "five dollars to ten dollars"]),
        ("MP3", ["m. p. three"]),
        ("CO2", ["c. o. two", "co two"]),
        ("and/or", ["and or", "and slash or"]),
        ("XQZ", ["x. q. z."]),
        ("MPs", ["m. p.'s"]),
        ("٣", ["three"]),
        ("ｆｕｌｌ", ["full"]),
        ("AT&T", ["at and t", "a. t. and t"]),
        ("Ph.D.", ["p. h. d."]),
        ("e.g.,", ["e. g.", "for example"]),
        ("w/o", ["without"]),
        (".NET", ["dot net"]),
        ("C++", ["c plus plus", "c plus"]),
        ("24/7", ["twenty four seven"]),
        ("1½", ["one and a half", "one and one half"]),
        ("-5°F", ["minus five degrees fahrenheit", "minus five degrees", "minus five degrees f.",
                  "negative five degrees fahrenheit", "negative five degrees", "negative five degrees f."]),
        ("10:30am", ["ten thirty a. m."]),
        ("10k", ["ten thousand", "ten k."]),
        ("5km/h", ["five kilometers per hour", "five kilometer per hour"]),
        ("1kg", ["one kilogram", "one kilograms"]),
        ("#1", ["number one", "hashtag one", "hash one", "pound one"]),
        ("PewDiePie's", ["pewdiepie's"]),
        ("[so]", ["so"]),
        ("<b>so</b>", ["so"]),
        ("–", []),
        (">>", []),
        ("™", []),
    ],
)  # fmt: skip
def test_readings(token: str, expected: list[str]) -> None:
    assert said(token) == expected


@pytest.mark.parametrize(
    ("token", "some"),
    [
        ("me@example.com", ["me at example dot com", "me at example point com"]),
        ("https://www.a-b.com/x_y", ["www dot a dash b dot com slash x underscore y"]),
        ("http://bbc.co.uk", ["bbc dot co dot uk"]),
        ("3/14/2024", ["march fourteenth twenty twenty four"]),
        ("2.0.1", ["two point zero point one", "two dot zero dot one"]),
        ("555-0123", ["five five five zero one two three"]),
        ("ThrowbackThursday", ["throwback thursday"]),
        ("1080p", ["ten eighty p", "one thousand eighty p"]),
        ("9/10", ["nine tenths", "nine out of ten"]),
        ("100,000,001", ["one hundred million one", "one hundred million and one"]),
    ],
)
def test_some_of_the_readings(token: str, some: list[str]) -> None:
    found = said(token)
    assert set(some) <= set(found)
    assert len(found) <= MAX_READINGS


@pytest.mark.parametrize(
    ("token", "place", "some"),
    [
        ("$5", Place(after="million,"), ["five"]),
        ("million,", Place(before="$5"), ["million dollars"]),
        ("km", Place(before="5"), ["kilometers", "kilometer"]),
        ("km", Place(before="1"), ["kilometer", "kilometers"]),
        ("am", Place(before="9"), ["am", "a. m."]),
        ("am", Place(before="I"), ["am"]),
        ("3,", Place(before="March"), ["third", "the third", "three"]),
        ("3", Place(after="March"), ["third", "the third of", "third of"]),
        ("VIII", Place(before="Henry"), ["the eighth", "eight", "eighth"]),
        ("II", Place(before="War"), ["two", "the second"]),
        ("V", Place(before="Chapter"), ["five"]),
        ("V", Place(before="the"), ["v"]),
        ("3", Place(before="5", operator="-"), ["three", "to three", "minus three"]),
        ("x", Place(before="4", after="4"), ["by", "times", "x"]),
        ("Mr", Place(after="Smith"), ["mr", "mister"]),
    ],
)
def test_neighbours_matter(token: str, place: Place, some: list[str]) -> None:
    assert said(token, place)[: len(some)] == some


def test_what_is_a_number() -> None:
    assert all(is_number(text) for text in ("5", "$5", "-5.", "(1,000)", "10:30", "5%", "1½"))
    assert not any(is_number(text) for text in ("", "a", "5km", "B2B", "½", "-", "ten"))
