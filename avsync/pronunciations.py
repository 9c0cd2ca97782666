"""A user's own pronunciations: names, terms, and words in other scripts.

A lexicon is a text file in the format of the CMU dictionary, a word a line, then its phones:

    KYIV  K IY IH V
    KYIV(2)  K IY Y EH V
    привет  P R IH V Y EH T      # a comment

Phones are those of ARPAbet (`avsync.pronounce.UNITS`); case and stress digits do not matter. Several lines of
a word, numbered or not, are alternatives. What a lexicon says replaces what the dictionary says.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from avsync.errors import TextError
from avsync.pronounce import UNITS, Phones, plural

Lexicon = Mapping[str, tuple[Phones, ...]]
"""Word, as `key` makes it -> its pronunciations, the most usual first."""


def key(word: str) -> str:
    """The form under which a word is looked up: case and the way its accents are encoded do not count."""
    return unicodedata.normalize("NFC", word.replace("’", "'")).casefold()


def read_lexicon(path: str | os.PathLike[str]) -> Lexicon:
    """The pronunciations of a file.

    Errors: TextError with file and line where it cannot be read, a line has no phones, or a phone is unknown.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is no UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise TextError(f"{path} cannot be read ({error.strerror}). Check the name.") from error
    found: dict[str, tuple[Phones, ...]] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith(";;;"):
            continue
        word, *phones = re.split(r"(?:^|\s)#(?:\s|$)", line)[0].split() or [""]
        if word:
            name = key(re.sub(r"\(\d+\)$", "", word))
            said = _phones(phones, word, f"{path} line {number}")
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), said)))
    return found


def as_lexicon(given: "str | os.PathLike[str] | Mapping[str, str | Iterable[str]] | None") -> Lexicon:
    """A lexicon from what `align` is given: a file, or words with their phones.

    `{"Kyiv": "K IY IH V"}` has one pronunciation, `{"Kyiv": ["K IY IH V", "K IY Y EH V"]}` two.

    Errors: as `read_lexicon`.
    """
    if given is None:
        return {}
    if isinstance(given, str | os.PathLike):
        return read_lexicon(given)
    found = {}
    for word, said in given.items():
        variants = [said] if isinstance(said, str) else list(said) if isinstance(said, Iterable) else []
        if not variants or not all(isinstance(variant, str) for variant in variants):
            raise TextError(f"lexicon: {word!r} has no phones, but {said!r}. Write 'Kyiv': 'K IY IH V'.")
        if not word.split() or len(word.split()) > 1:
            raise TextError(f"lexicon: {word!r} is not one word with its phones. Write 'Kyiv': 'K IY IH V'.")
        found[key(word)] = tuple(_phones(variant.split(), word, "lexicon") for variant in variants)
    return found


def find(lexicon: Lexicon, word: str) -> tuple[Phones, ...]:
    """The pronunciations of a word (as `key` makes it), or of its possessive; none where it is not there."""
    stem = word.removesuffix("'s")
    return lexicon.get(word) or tuple((*said, *plural(said[-1])) for said in lexicon.get(stem, ()))


def _phones(names: list[str], word: str, where: str) -> Phones:
    phones = tuple(re.sub(r"\d$", "", name.lower()) for name in names)
    if not phones:
        raise TextError(f"{where}: {word!r} has no phones. Write them behind it, as in 'KYIV  K IY IH V'.")
    for name, phone in zip(names, phones, strict=True):
        if phone not in UNITS[1:]:
            raise TextError(
                f"{where}: {name!r} in {word!r} is no phone. "
                f"Use those of ARPAbet: {' '.join(UNITS[1:]).upper()}."
            )
    return phones
