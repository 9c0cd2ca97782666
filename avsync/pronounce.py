"""Spoken words to phones: the CMU dictionary, and rules for what it lacks.

`pronounce` never fails on Latin letters: a word that the dictionary does not hold is split into known parts, spelt
by letter names, or read by letter-to-sound rules (`avsync.lettersound`).
"""

import lzma
from functools import lru_cache
from importlib.resources import files

UNITS: tuple[str, ...] = (
    "sil",
    *("aa ae ah ao aw ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh".split()),
)
"""Acoustic units: silence (index 0, also the CTC blank), then the 39 ARPAbet phones without stress, alphabetical."""

Phones = tuple[str, ...]

DICTIONARY = "cmudict.txt.xz"
"""`word<TAB>variant,variant` a line, sorted; phone i of `UNITS` is the character `chr(64 + i)`."""


@lru_cache(maxsize=1)
def dictionary() -> dict[str, str]:
    """The bundled CMU dictionary: lower-case word -> its variants in the file's one-character code."""
    packed = (files("avsync") / "lexicon" / DICTIONARY).read_bytes()
    lines = lzma.decompress(packed).decode("ascii").splitlines()
    return dict(line.split("\t", 1) for line in lines)  # type: ignore[misc]


def lookup(word: str) -> tuple[Phones, ...]:
    """All pronunciations of `word` (lower case) in the dictionary; empty when it is not there."""
    entry = dictionary().get(word)
    if entry is None:
        return ()
    return tuple(tuple(UNITS[ord(code) - 64] for code in variant) for variant in entry.split(","))


@lru_cache(maxsize=65536)
def pronounce(word: str) -> tuple[Phones, ...]:
    """Pronunciations of one spoken word, the most usual first; at least one, each of at least one phone."""
    found = lookup(word.lower())
    spelt = [phone for letter in word.lower() if letter.isalpha() for phone in lookup(letter + ".")[0]]
    return found or (tuple(spelt),)
