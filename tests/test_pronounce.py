"""The dictionary, and what is said for words that it lacks."""

import pytest

from avsync.errors import TextError
from avsync.pronounce import UNITS, context, dictionary, lookup, pronounce, read_by_rules, spell


def test_units_are_silence_and_the_39_phones_in_order() -> None:
    assert len(UNITS) == 40
    assert UNITS[0] == "sil"
    assert list(UNITS[1:]) == sorted(set(UNITS[1:]))
    assert {"aa", "hh", "er", "zh"} < set(UNITS)


def test_dictionary_words_have_their_variants_most_usual_first() -> None:
    assert pronounce("place") == (("p", "l", "ey", "s"),)
    assert pronounce("PLACE") == pronounce("place")
    assert pronounce("read") == (("r", "eh", "d"), ("r", "iy", "d"))


def test_every_entry_of_the_dictionary_decodes_to_phones() -> None:
    assert len(dictionary()) > 125_000
    for word in list(dictionary())[::997]:
        for phones in lookup(word):
            assert phones
            assert set(phones) <= set(UNITS[1:])


def test_letters_have_their_names() -> None:
    assert pronounce("f.") == (("eh", "f"),)
    assert ("z", "eh", "d") in pronounce("z")
    assert pronounce("a.") == (("ey",),)
    assert spell("BBC") == ("b.", "b.", "c.")


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("tweeting", "t w iy t ih ng"),
        ("podcasted", "p ao d k ae s t ih d"),
        ("livestreaming", "l ay v s t r iy m ih ng"),
        ("vlog's", "v l aa g z"),
        ("kubernetes's", None),
        ("timestamp", "t ay m s t ae m p"),
    ],
)
def test_unknown_words_are_put_together_from_known_ones(word: str, phones: str | None) -> None:
    assert lookup(word) == ()
    said = pronounce(word)
    assert all(set(variant) <= set(UNITS[1:]) for variant in said)
    if phones is not None:
        assert tuple(phones.split()) in said


@pytest.mark.parametrize(
    ("word", "phones"),
    [("blick", "b l ih k"), ("snate", "s n ey t"), ("phrate", "f r ey t"), ("zish", "z ih sh")],
)
def test_rules_read_words_that_do_not_exist(word: str, phones: str) -> None:
    assert read_by_rules(word) == tuple(phones.split())


@pytest.mark.parametrize(
    "word", ["x", "qzx", "brrr", "aaaaaaaaa", "o'", "'", "zzyzx", "mne", "supercalifragilistic" * 3]
)
def test_a_word_of_latin_letters_is_never_an_error(word: str) -> None:
    if word == "'":
        with pytest.raises(TextError, match="no letter"):
            pronounce(word)
        return
    said = pronounce(word)
    assert said
    assert all(variant and set(variant) <= set(UNITS[1:]) for variant in said)


def test_a_rule_key_begins_with_the_letter_and_marks_the_edges() -> None:
    key = context("cat", 1, "K")
    assert key[0] == "a"
    assert key[1:4] == "tc#"
    assert "K" in key


def test_a_word_without_vowels_is_spelt() -> None:
    assert pronounce("xkcdq")[0] == tuple(phone for letter in "xkcdq" for phone in pronounce(letter + ".")[0])
