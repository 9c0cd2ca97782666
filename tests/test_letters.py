"""Accents and forms undone, and letters that cannot be."""

import pytest

from avsync.errors import TextError
from avsync.letters import fold, foreign, named


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("naïve ﬁsh ½", "naive fish ½"),
        ("Łódź", "Lodz"),
        ("Straße", "Strasse"),
        ("٣ ｆｕｌｌ", "3 full"),
        ("1⅓", "1 1/3"),
        ("№ 5", "No 5"),
        ("5 µm", "5 um"),
        ("“it’s” – …", "“it's” - ..."),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("e\u0301", "e"),
        ("a\u00a0b", "a b"),
    ],
)
def test_accents_and_forms_are_undone(text: str, plain: str) -> None:
    assert fold(text) == plain


def test_the_first_letter_of_another_script_is_named() -> None:
    assert foreign("naïve £5 – “so” 😀") is None
    assert foreign("ab привет") == "п"
    assert named("п") == "'п' (U+043F CYRILLIC SMALL LETTER PE)"
    assert named("\ue000") == "'\\ue000' (U+E000 unnamed)"
    with pytest.raises(TextError, match=r"'你' \(U\+4F60 CJK UNIFIED IDEOGRAPH-4F60\)"):
        fold("hello 你好")
