"""Where what is not spoken stands."""

from dataclasses import replace
from itertools import pairwise

import pytest
from alignments import word

from avsync.alignment import Word
from avsync.text import normalise
from avsync.unspoken import filled, with_unspoken


def placed(transcript: str, *spoken: tuple[float, float], begin: float = 0.0, end: float = 3.0) -> list[Word]:
    tokens = normalise(transcript)
    texts = [token.text for token in tokens if token.readings]
    words = [word(text, *times, "s ow") for text, times in zip(texts, spoken, strict=True)]
    return with_unspoken(words, tokens, begin, end)


def times(words: list[Word]) -> list[tuple[str, float, float]]:
    return [(one.text, one.heard_start, one.heard_end) for one in words]


def test_it_has_the_time_between_its_neighbours() -> None:
    found = placed("[music] so – (laughs) it is …", (1.0, 1.2), (1.6, 1.8), (1.8, 2.0))
    assert times(found) == [
        ("[music]", 0.0, 1.0), ("so", 1.0, 1.2), ("–", 1.2, 1.4), ("(laughs)", 1.4, 1.6), ("it", 1.6, 1.8),
        ("is", 1.8, 2.0), ("…", 2.0, 3.0),
    ]  # fmt: skip
    marks = [one for one in found if one.status == "interpolated"]
    assert [(one.confidence, one.plus_minus_ms, one.phones) for one in marks] == [
        (0.0, 500.0, ()), (0.0, 100.0, ()), (0.0, 100.0, ()), (0.0, 500.0, ()),
    ]  # fmt: skip


def test_where_there_is_no_time_the_word_before_gives_a_millisecond() -> None:
    found = placed("so – it", (1.0, 1.2), (1.2, 1.4))
    assert times(found) == [("so", 1.0, 1.199), ("–", 1.199, 1.2), ("it", 1.2, 1.4)]
    assert found[0].phones[-1].end == 1.199
    assert found[0].phones[0].start == 1.0


def test_a_label_before_the_first_sound_takes_a_millisecond_of_the_word_behind() -> None:
    found = placed("ANNA: so", (0.0, 0.2))
    assert times(found) == [("ANNA:", 0.0, 0.001), ("so", 0.001, 0.2)]
    assert found[1].phones[0].start == 0.001


@pytest.mark.parametrize("count", [1, 3, 49, 50, 51, 300])
@pytest.mark.parametrize(("left", "right"), [(1.2, 1.2), (1.2, 1.2004), (1.2005, 1.2106), (1.1996, 1.5)])
def test_order_length_and_texts_hold_whatever_stands_between(count: int, left: float, right: float) -> None:
    transcript = " ".join(["–"] * count + ["so"] + ["–"] * count + ["it"] + ["…"] * count)
    found = placed(transcript, (1.0, left), (right, right + 0.2), begin=0.999, end=right + 0.2)
    assert " ".join(one.text for one in found) == transcript
    rounded = [(round(one.heard_start, 3), round(one.heard_end, 3)) for one in found]
    assert all(start < end for start, end in rounded)
    assert all(here[1] <= there[0] for here, there in pairwise(rounded))


def absent(text: str) -> Word:
    return replace(word(text, 0.0, 0.0, status="not_spoken"), absent=True)


def test_words_that_nobody_says_are_not_long() -> None:
    words = [word("so", 1.0, 1.2), absent("far"), absent("away"), word("it", 9.0, 9.2)]
    found = filled(words, 0.0, 10.0)
    assert times(found)[1:3] == [("far", 1.2, 2.2), ("away", 2.2, 3.2)]
    assert [one.plus_minus_ms for one in found[1:3]] == [500.0, 500.0]
    assert filled(found, 0.0, 10.0) == found


def test_where_there_is_no_time_both_neighbours_give_up_to_half_of_theirs() -> None:
    words = [word("so", 1.0, 1.2, "s ow"), *[absent("far")] * 150, word("it", 1.2, 1.4, "ih t")]
    found = filled(words, 0.0, 2.0)
    assert [one.text for one in found] == ["so", *["far"] * 150, "it"]
    assert (found[0].heard_end, found[-1].heard_start) == (1.19, 1.2)  # those that are absent share 10 ms
    assert [phone.end for phone in found[0].phones] == pytest.approx([1.095, 1.19])
    assert [round(1000 * (one.heard_end - one.heard_start)) for one in found[1:-1]] == [1] * 150
    assert [one.heard_start for one in found] == sorted(one.heard_start for one in found)
    short = filled([word("so", 1.0, 1.012), *words[1:-1], word("it", 1.012, 1.4, "ih t")], 0.0, 2.0)
    assert (short[0].heard_end, short[-1].heard_start) == (1.006, 1.016)
    assert [phone.start for phone in short[-1].phones] == pytest.approx([1.016, 1.208])


def test_signs_among_words_that_nobody_says_share_their_time() -> None:
    tokens = normalise("so – far away [door] it")
    words = filled([word("so", 1.0, 1.2), absent("far"), absent("away"), word("it", 1.2, 1.4)], 0.0, 3.0)
    found = with_unspoken(words, tokens, 0.0, 3.0)
    assert [one.text for one in found] == ["so", "–", "far", "away", "[door]", "it"]
    assert all(here.heard_start < here.heard_end <= there.heard_start for here, there in pairwise(found))


def test_words_alone_stay_as_they_are() -> None:
    words = [word("so", 1.0, 1.2)]
    assert with_unspoken(words, normalise("so"), 0.0, 3.0) == words
