"""TextGrids as aligners write them."""

import pytest

from avsync.textgrids import read


def grid(**tiers: list[tuple[float, float, str]]) -> str:
    """In Praat's short form."""
    body = [
        f'"IntervalTier" "{name.replace("_", " ")}" 0 9 {len(parts)} '
        + " ".join(f'{start} {end} "{text}"' for start, end, text in parts)
        for name, parts in tiers.items()
    ]
    return f'"ooTextFile" "TextGrid" 0 9 <exists> {len(tiers)} ' + " ".join(body)


def test_the_words_of_all_speakers_in_the_order_of_time() -> None:
    found = read(
        grid(
            anna___words=[(0, 1, "so"), (3, 4, "we")],
            anna___phones=[(0, 1, "S")],
            bob___words=[(1, 2, "yes"), (4, 5, "go")],
        )
    )
    assert [part.text for part in found] == ["so", "yes", "we", "go"]


@pytest.mark.parametrize("name", ["{} - words", "{}_words", "words_{}", "Word {}"])
def test_names_of_tiers_with_words(name: str) -> None:
    text = grid(anna=[(0, 1, "so")], phones=[(0, 1, "S")], bob=[(1, 2, "yes")])
    for speaker in ("anna", "bob"):
        text = text.replace(f'"{speaker}"', f'"{name.format(speaker)}"')
    text = text.replace('"phones"', '"anna_phones"')
    assert [part.text for part in read(text)] == ["so", "yes"]


def test_what_no_word_is_known_for_is_no_word() -> None:
    marks = ["", "sil", "<unk>", "spn", "<p:>", "!SIL", "so"]
    assert [part.text for part in read(grid(words=[(n, n + 1, mark) for n, mark in enumerate(marks)]))] == [
        "so"
    ]


def test_phones_are_never_taken_for_words() -> None:
    found = read(grid(words=[(0, 1, "")], phones=[(0, 1, "HH")], sentences=[(0, 1, "so it is")]))
    assert [part.text for part in found] == ["so it is"]
    found = read(grid(MAU=[(0, 1, "HH")], ORT=[(0, 1, "so")], KAN=[(0, 1, "so")]))
    assert [part.text for part in found] == ["so"]
    assert read(grid(phons=[(0, 1, "HH")], syllables=[(0, 1, "so")])) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"ooTextFile" "Table" 0 1', "it is a Table"),
        ('"ooTextFile" "TextGrid" 0 9 <exists> 1 "IntervalTier" "words" 0 9 2 0 1 "so"', "ends too early"),
        ('"Praat chronological TextGrid text file" 0 9 2', "0 stands where a name"),
        ('"ooTextFile" "TextGrid" 0 9 <exists> 1 "IntervalTier" "words" 0 "a"', "'a' stands where a number"),
    ],
)
def test_what_is_no_textgrid(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(text)
