"""Spoken words to phones: the CMU dictionary, and rules for what it lacks.

`pronounce` never fails on a word of Latin letters: what the dictionary does not hold is spelt by letter
names, put together from a known word and an ending, or read by letter-to-sound rules. The rules are learnt
from the dictionary by `recipes/lexicon/train_rules.py`; on the tenth of the dictionary that was held out they
get 91 % of the phones and 61 % of the whole words right (`--evaluate`).
"""

import lzma
from functools import lru_cache
from importlib.resources import files

from avsync.errors import TextError

UNITS: tuple[str, ...] = (
    "sil", "aa", "ae", "ah", "ao", "aw", "ay", "b", "ch", "d", "dh", "eh", "er", "ey", "f", "g", "hh", "ih",
    "iy", "jh", "k", "l", "m", "n", "ng", "ow", "oy", "p", "r", "s", "sh", "t", "th", "uh", "uw", "v", "w",
    "y", "z", "zh",
)  # fmt: skip
"""Acoustic units: silence (index 0, also the CTC blank), then the 39 ARPAbet phones without stress,
alphabetical."""

Phones = tuple[str, ...]

LEXICON = files("avsync") / "lexicon"
DICTIONARY = "cmudict.txt.xz"
"""Lines of `word<TAB>variant,variant`; phone i of `UNITS` is the character `chr(64 + i)`."""
RULES = "rules.txt.xz"
"""Lines of `key<TAB>phones`: see `context`."""

ALSO: dict[str, tuple[str, ...]] = {"z": ("z eh d",), "z.": ("z eh d",), "h.": ("hh ey ch",)}
"""British names of letters, beside the dictionary's American ones."""

CONTRACTIONS: dict[str, Phones] = {
    "n't": ("ah", "n", "t"), "'ve": ("ah", "v"), "'ll": ("ah", "l"), "'re": ("er",), "'d": ("d",),
}  # fmt: skip
"""Short forms that stand behind a word, and their phones: `what'll`, `I'd've`."""

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
VOWELS = frozenset("aeiouy")

CONTEXT = (1, -1, 2, 0, -2, 3, -3, 4, -4, 5)
"""Where the letters of a rule's context stand, relative to its own letter, the most telling first; 0 = the
phones that the letter before has become."""


def _read(name: str) -> dict[str, str]:
    """A packed two-column file of the lexicon folder."""
    lines = lzma.decompress((LEXICON / name).read_bytes()).decode("ascii").splitlines()
    return {key: value for key, _, value in (line.partition("\t") for line in lines)}


@lru_cache(maxsize=1)
def dictionary() -> dict[str, str]:
    """The bundled CMU dictionary: lower-case word -> its variants in the file's one-character code."""
    return _read(DICTIONARY)


@lru_cache(maxsize=1)
def _rules() -> dict[str, str]:
    return _read(RULES)


def _decode(code: str) -> Phones:
    return tuple(UNITS[ord(character) - 64] for character in code)


def lookup(word: str) -> tuple[Phones, ...]:
    """All pronunciations of `word` (lower case) in the dictionary; empty when it is not there."""
    entry = dictionary().get(word)
    return () if entry is None else tuple(_decode(variant) for variant in entry.split(","))


def context(word: str, index: int, said: str) -> str:
    """The key of the widest rule for letter `index` of `word`: the letter, then its `CONTEXT`.

    `said` is the code of the phones of the letter before; beyond the word's edges stands `#`. Every prefix of
    a key is the key of a narrower rule.
    """
    edge = "#" * 5
    padded, previous = edge + word + edge, said[-1:] or "-"
    return word[index] + "".join(previous if step == 0 else padded[index + 5 + step] for step in CONTEXT)


def read_by_rules(word: str, rules: dict[str, str] | None = None) -> Phones:
    """`word` (lower-case Latin letters) by letter-to-sound rules: for each letter the widest rule that
    fits.
    """
    table = _rules() if rules is None else rules
    codes: list[str] = []
    for index in range(len(word)):
        key = context(word, index, codes[-1] if codes else "")
        codes.append(next((table[key[:n]] for n in range(len(key), 0, -1) if key[:n] in table), ""))
    return _decode("".join(codes))


@lru_cache(maxsize=65536)
def pronounce(word: str) -> tuple[Phones, ...]:
    """Pronunciations of one spoken word, the most usual first; at least one, each of at least one phone.

    `word` is a word in any case, or one letter and a full stop (`f.`) for the letter's name. Letters other
    than a to z are passed over (`avsync.text.fold` takes accents off first). Errors: TextError when no letter
    is left.
    """
    low = word.lower()
    found = (*lookup(low), *(tuple(phones.split()) for phones in ALSO.get(low, ())))
    if found:
        return tuple(dict.fromkeys(found))
    plain = "".join(letter for letter in low if letter in LETTERS or letter == "'")
    letters = plain.replace("'", "")
    if not letters:
        raise TextError(
            f"{word!r} has no letter from a to z. Write the word as it sounds in English letters."
        )
    guesses = [*lookup(plain.strip("'")), *_with_ending(plain), *_compound(letters)]
    if not guesses:
        guesses.append(read_by_rules(letters))
    if not VOWELS.intersection(letters) or not any(guesses):
        guesses.insert(0, tuple(phone for letter in letters for phone in lookup(letter + ".")[0]))
    return tuple(dict.fromkeys(phones for phones in guesses if phones))


def spell(text: str) -> tuple[str, ...]:
    """The letters of `text` as spoken words: `BBC` -> `b.`, `b.`, `c.`"""
    return tuple(letter + "." for letter in text.lower() if letter in LETTERS)


def _with_ending(word: str) -> tuple[Phones, ...]:
    """A regular form of a word that the dictionary knows: `vlogs'`, `emailing`, `hashtagged`, `that'd`."""
    for ending, phones in CONTRACTIONS.items():
        stem = word.removesuffix(ending)
        if stem != word and stem.strip("'"):
            joint = ("ih",) if ending == "'d" and pronounce(stem)[0][-1] in ("t", "d") else ()
            return tuple((*said, *joint, *phones) for said in pronounce(stem))
    for ending in ("'s", "s'", "es", "s"):
        stem = word.removesuffix(ending)
        if stem != word and (ending == "'s" or len(stem) > 2) and (ending[0] == "'" or lookup(stem)):
            return tuple((*phones, *plural(phones[-1])) for phones in pronounce(stem))
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        undoubled = stem[:-1] if len(stem) > 3 and stem[-1:] == stem[-2:-1] else stem
        known = next(
            (
                form
                for form in (stem, undoubled, stem + "e")
                if stem != word and len(form) > 2 and lookup(form)
            ),
            None,
        )
        if known:
            return tuple(
                (*phones, *(("ih", "ng") if ending == "ing" else _past(phones[-1])))
                for phones in lookup(known)
            )
    return ()


def plural(last: str) -> Phones:
    """The phones of `s` and `'s` behind a word that ends in the phone `last`."""
    if last in ("s", "z", "sh", "zh", "ch", "jh"):
        return ("ih", "z")
    return ("s",) if last in ("p", "t", "k", "f", "th") else ("z",)


def _past(last: str) -> Phones:
    if last in ("t", "d"):
        return ("ih", "d")
    return ("t",) if last in ("p", "k", "f", "th", "s", "sh", "ch") else ("d",)


def _compound(word: str) -> tuple[Phones, ...]:
    """Two known words written as one (`voiceover`), cut so that the shorter part is as long as can be."""
    cuts = sorted(range(3, len(word) - 2), key=lambda cut: abs(len(word) - 2 * cut))
    cut = next((cut for cut in cuts if lookup(word[:cut]) and lookup(word[cut:])), None)
    return () if cut is None else ((*lookup(word[:cut])[0], *lookup(word[cut:])[0]),)
