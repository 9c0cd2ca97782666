"""The ways in which one token may be spoken."""

import pytest

from avsync.neighbours import ALONE, Place
from avsync.readings import MAX_READINGS, readings


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
        ("$5-$10", ["five to ten dollars", "five dollars to ten dollars", "five ten dollars",
                    "five dollars ten dollars"]),
        ("$-5", ["minus five dollars", "negative five dollars"]),
        ("-$5", ["minus five dollars", "negative five dollars"]),
        ("9am-5pm", ["nine a. m. to five p. m.", "nine a. m. five p. m."]),
        ("1st-2nd", ["first to second", "first second"]),
        ("3:1", ["three to one", "three one"]),
        ("MP3", ["m. p. three"]),
        ("MP3s", ["m. p. threes"]),
        ("F-16s", ["f sixteens"]),
        ("$20/hr", ["twenty dollars per hour", "twenty dollars an hour"]),
        ("No.1", ["number one", "no one"]),
        ("WWII", ["world war two", "w. w. two"]),
        ("vs", ["versus", "vs"]),
        ("Dec", ["dec", "december"]),
        ("12\"", ["twelve", "twelve inches", "twelve inch"]),
        ("\"12\"", ["twelve"]),
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
        ("1½", ["one and a half", "one and one half", "one and half"]),
        ("2⅓", ["two and a third", "two and one third", "two one third"]),
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
        ("3/4-inch", ["three quarters inch"]),
        ("mid-1990s", ["mid nineteen nineties"]),
        ("12-year-old", ["twelve year old"]),
        ("18-24-year-olds", ["eighteen to twenty four year olds"]),
        ("60-70°F", ["sixty to seventy degrees fahrenheit"]),
        ("10-15%", ["ten to fifteen percent"]),
        ("5-6pm", ["five to six p. m."]),
        ("5-10kg", ["five to ten kilograms"]),
        ("5:30-6:30", ["five thirty to six thirty"]),
        ("COVID-19", ["covid nineteen"]),
        ("5’10”", ["five foot ten"]),
        ("US$5-10", ["u. s. five to ten dollars"]),
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
        ("mph", Place(before="50-60"), ["miles per hour"]),
        ("kg.", Place(before="5–10"), ["kilograms", "kilogram"]),
        ("$5-10", Place(after="million"), ["five ten", "five to ten"]),
        ("million", Place(before="$5–$10"), ["million dollars"]),
        ("$-5", Place(after="million"), ["minus five"]),
        ("million", Place(before="$-5"), ["million dollars"]),
        ("$1", Place(after="million"), ["one", "a"]),
        ("Dec", Place(after="25th"), ["december", "dec"]),
        ("Dec.", Place(before="25"), ["december"]),
        ("May", Place(after="5"), ["may"]),
        ("5-10", Place(before="Jan"), ["fifth to tenth", "fifth through tenth"]),
        ("1/2", Place(before="1"), ["and a half", "and one half", "one half"]),
        ("3/2", Place(before="1"), ["three halves", "three over two"]),
        ("F", Place(before="72°"), ["fahrenheit", "f"]),
        ("No.", Place(after="5"), ["number", "no"]),
        ("No.", Place(after="I"), ["no", "number"]),
        ("5'", Place(after='10"'), ["five foot", "five feet"]),
        ('10"', Place(before="5'"), ["ten", "ten inches"]),
        ("Mr", Place(after="Smith"), ["mr", "mister"]),
    ],
)
def test_neighbours_matter(token: str, place: Place, some: list[str]) -> None:
    assert said(token, place)[: len(some)] == some
