"""Characters of transcripts: undone accents and forms, and letters that nobody knows how to say."""

import unicodedata

from avsync.errors import TextError
from avsync.symbols import SYMBOLS

NAKED_LETTERS = dict(
    zip("ßøæœłđðþıħŋ", ("ss", "o", "ae", "oe", "l", "d", "th", "th", "i", "h", "ng"), strict=True)
)
"""Latin letters that Unicode does not decompose; accents fall off the others."""

FORMS = str.maketrans(
    {**dict.fromkeys("’‘‛ʼ′`´＇", "'"), **dict.fromkeys("‐‑‒–—―−", "-"), "…": "...", "\u00b5": "u", "″": '"'}
)
"""One form of quotes and dashes; the micro sign as engineers type it."""
NOT_SAID_APART = "\u00a0"
"""Characters that only join."""


def fold(text: str) -> str:
    """`text` in the letters a to z (case kept), ASCII digits, apostrophes and signs: accents and Unicode
    forms undone.

    Errors: TextError naming the first letter of another script.
    """
    if text.isascii():
        return text.translate(FORMS)
    plain: list[str] = []
    for character in text.translate(FORMS):
        if character in SYMBOLS:
            plain.append(character)
            continue
        parts = unicodedata.normalize("NFKD", character)
        if "⁄" in parts and parts != "⁄" and plain and plain[-1].isdigit():  # 1⅓ is not 11/3
            plain.append(" ")
        plain += [_plain(part, character, text) for part in parts]
    return "".join(plain).translate(FORMS)


def foreign(text: str) -> str | None:
    """The first character of `text` that `fold` cannot write in Latin letters."""
    if text.isascii():
        return None
    for character in text:
        try:
            fold(character)
        except TextError:
            return character
    return None


def named(character: str) -> str:
    """A character with its code point and its name, as `'п' (U+043F CYRILLIC SMALL LETTER PE)`."""
    return f"{character!r} (U+{ord(character):04X} {unicodedata.name(character, 'unnamed')})"


def _plain(part: str, character: str, text: str) -> str:
    if unicodedata.combining(part) or unicodedata.category(part) == "Cf":
        return ""
    if part.isascii():
        return part
    if part.lower() in NAKED_LETTERS:
        naked = NAKED_LETTERS[part.lower()]
        return naked if part.islower() else naked.upper()
    if part.isdecimal():
        return str(unicodedata.decimal(part))
    if part.isalpha():
        raise TextError(
            f"The transcript has {named(character)} in {text!r}: only Latin letters can be pronounced. "
            "Write the word as it sounds in English letters, or say in a lexicon how it is pronounced."
        )
    if part == "⁄":
        return "/"
    return " " if part in NOT_SAID_APART else part
