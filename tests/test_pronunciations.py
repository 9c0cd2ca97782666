"""Lexicons of users."""

from pathlib import Path

import pytest

from avsync.errors import TextError
from avsync.pronunciations import as_lexicon, key, read_lexicon

LEXICON = """\
;;; names
KYIV  K IY1 IH0 V
kyiv(2)  K IY Y EH V
привет\tP R IH V Y EH T   # hello

gif  jh ih f
#hashtag  HH AE SH
C#  S IY SH AA R P
"""


def test_the_format_of_the_cmu_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes(b"\xef\xbb\xbf" + LEXICON.replace("\n", "\r\n").encode())
    assert read_lexicon(path) == {
        "kyiv": (("k", "iy", "ih", "v"), ("k", "iy", "y", "eh", "v")),
        "привет": (("p", "r", "ih", "v", "y", "eh", "t"),),
        "gif": (("jh", "ih", "f"),),
        "#hashtag": (("hh", "ae", "sh"),),
        "c#": (("s", "iy", "sh", "aa", "r", "p"),),
    }
    assert as_lexicon(str(path)) == as_lexicon(path) == read_lexicon(path)


def test_a_mapping_is_a_lexicon_too() -> None:
    assert as_lexicon(None) == {}
    assert as_lexicon({"Kyiv": "K IY IH V"}) == {"kyiv": (("k", "iy", "ih", "v"),)}
    assert as_lexicon({"Kyiv": ["K IY IH V", "K IY V"]})["kyiv"][1] == ("k", "iy", "v")
    for wrong in ({"": ["K"]}, {"New York": "N UW"}, {"": "N"}):
        with pytest.raises(TextError, match="is not one word with its phones"):
            as_lexicon(wrong)
    for wrong in ({"Kyiv": 5}, {"Kyiv": ["K IY", 5]}):
        with pytest.raises(TextError, match="'Kyiv' has no phones, but"):
            as_lexicon(wrong)


def test_case_quotes_and_the_encoding_of_accents_do_not_count() -> None:
    assert key("Ÿ’S") == key("y\u0308's")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good  G UH D\nKYIV", r"own\.txt line 2: 'KYIV' has no phones.*'KYIV  K IY IH V'"),
        ("KYIV  K I V", r"own\.txt line 1: 'I' in 'KYIV' is no phone.*AA AE .* ZH\."),
        ("KYIV  SIL", r"'SIL' in 'KYIV' is no phone"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.txt"
    path.write_text(text)
    with pytest.raises(TextError, match=message):
        read_lexicon(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"none\.txt cannot be read \(No such file"):
        read_lexicon(tmp_path / "none.txt")
    (tmp_path / "own.txt").write_bytes(b"caf\xe9  K AE F")
    with pytest.raises(TextError, match=r"own\.txt is no UTF-8 text \(byte 3\)"):
        read_lexicon(tmp_path / "own.txt")
