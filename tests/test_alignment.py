"""What belongs to a passage that nobody says."""

from dataclasses import replace

import pytest
from alignments import unspoken, word

from avsync.alignment import Word, is_label, present


def made(text: str) -> list[Word]:
    """Words; `~far` is absent, what is in brackets, a dash, or ends with a colon is not spoken."""
    return [
        replace(word(one[1:], 0, 1, status="not_spoken"), absent=True)
        if one.startswith("~")
        else unspoken(one, 0, 1)
        if one.endswith(("]", ":", "-"))
        else word(one, 0, 1)
        for one in text.split()
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("so it is", "so it is"),
        ("so ~far - ~away it", "so it"),
        ("so [door] ~far [music] ~away - it", "so [door] it"),
        ("so ANNA: ~far BOB: ~away CHRIS: it", "so CHRIS: it"),
        ("ANNA: - ~far", ""),
        ("so [music] ~far [applause] it", "so [music] [applause] it"),
        ("so ~far [applause]", "so [applause]"),
        ("Yes - ~hi we", "Yes we"),
        ("Yes ~hi - BOB: we", "Yes - BOB: we"),
        ("Yes - ANNA: ~hi - BOB: we", "Yes - BOB: we"),
        ("~far so", "so"),
        ("~far ~away", ""),
    ],
)
def test_passages_go_with_what_stands_inside_of_them_and_the_labels_before(text: str, kept: str) -> None:
    words = made(text)
    assert " ".join(words[number].text for number in present(words)) == kept


def test_labels_are_not_spoken_and_end_with_a_colon() -> None:
    assert [is_label(one) for one in made("ANNA: [door] so")] == [True, False, False]
    assert not is_label(word("so:", 0, 1))
