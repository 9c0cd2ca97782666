"""Transcripts to tokens and back."""

import pytest

from avsync.errors import TextError
from avsync.pronounce import pronounce
from avsync.text import MAX_READINGS, fold, normalise


def said(transcript: str) -> list[list[str]]:
    return [[" ".join(reading) for reading in token.readings] for token in normalise(transcript)]


TRANSCRIPTS = [
    "place blue at f two now",
    "  Dr. Smith   paid $5.50\n(plus tax) -- on Jan. 3rd, 2014 …",
    "“Hello,” – she said—it’s 10:30! [door slams] — and left",
    "[music] - Naïve café & co., e.g. me@example.com or http://a.b/c_d?e=f",
    "The BBC's MP3 & B2B: 50% of 1,250 -5° 1/2 ½ '90s 1990s rock 'n' roll",
    "AND I'M GONNA SAY NASA TWICE",
]


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_tokens_joined_by_spaces_are_the_transcript(transcript: str) -> None:
    assert " ".join(token.text for token in normalise(transcript)) == " ".join(transcript.split())


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_every_reading_can_be_pronounced(transcript: str) -> None:
    for token in normalise(transcript):
        assert 1 <= len(token.readings) <= MAX_READINGS
        assert all(pronounce(word) for reading in token.readings for word in reading)
        assert all(reading for reading in token.readings)


def test_grid_sentence() -> None:
    assert said("place blue at F 2 now") == [["place"], ["blue"], ["at"], ["f"], ["two"], ["now"]]


@pytest.mark.parametrize(
    ("token", "readings"),
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
        ("10-20", ["ten twenty", "ten to twenty"]),
        ("MP3", ["m. p. three"]),
        ("and/or", ["and or", "and slash or"]),
        ("me@example.com", ["me at example dot com", "me at example point com"]),
        ("XQZ", ["x. q. z."]),
        ("MPs", ["m. p.'s"]),
        ("٣", ["three"]),
        ("ｆｕｌｌ", ["full"]),
    ],
)
def test_readings_of_one_token(token: str, readings: list[str]) -> None:
    assert said(f"so {token} so")[1] == readings


def test_money_before_a_scale_word_is_named_after_it() -> None:
    assert said("raised $5 million, then") == [["raised"], ["five"], ["million dollars"], ["then"]]


def test_capitals_are_spelt_only_where_they_mean_something() -> None:
    assert said("an OCG prize")[1][0] == "o. c. g."
    assert said("PLACE BLUE NOW") == [["place"], ["blue"], ["now"]]
    assert said("in the US now")[2] == ["us", "u. s."]


def test_tokens_with_nothing_to_say_stay_with_their_neighbour() -> None:
    assert [token.text for token in normalise("– so [music] … it")] == ["– so [music] …", "it"]


@pytest.mark.parametrize("transcript", ["", " \n\t", "—", "...", "[music]", "™"])
def test_nothing_to_say_is_an_error(transcript: str) -> None:
    with pytest.raises(TextError, match="Give the words that are spoken"):
        normalise(transcript)


@pytest.mark.parametrize(
    ("transcript", "name"), [("say привет", "'п' .U.043F CYRILLIC"), ("你好", "CJK"), ("é α", "GREEK")]
)
def test_other_scripts_are_named(transcript: str, name: str) -> None:
    with pytest.raises(TextError, match=name):
        normalise(transcript)


def test_fold_undoes_accents_and_forms() -> None:
    assert fold("Ærøskøbing") == "AErOskobing".replace("O", "o")
    assert fold("naïve ﬁsh ½") == "naive fish ½"
