"""English text to the symbols that Kokoro-82M reads: IPA with capitals for diphthongs, and stress marks.

The dictionary of avsync says which phones are spoken, festival's lexicon (`apt-get install festival`) which
syllables are stressed and reduced. A British script has broader vowels and no r before consonants and pauses.
"""

import random
import re
import subprocess
import tempfile
from dataclasses import dataclass

from avsync.pronounce import Phones, pronounce

VOWELS = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ay": "I", "eh": "ɛ", "er": "ɜɹ", "ey": "A",
    "ih": "ɪ", "iy": "i", "ow": "O", "oy": "Y", "uh": "ʊ", "uw": "u",
}  # fmt: skip
BRITISH = {"aa": "ɒ", "ae": "a", "ao": "ɔː", "er": "ɜː", "iy": "iː", "ow": "Q", "uw": "uː"}
"""Vowels that the British voices read by another symbol."""
REDUCED = {"ah": "ə", "er": "əɹ"}
"""Vowels of syllables without stress, where they differ."""
CONSONANTS = {
    "b": "b", "ch": "ʧ", "d": "d", "dh": "ð", "f": "f", "g": "ɡ", "hh": "h", "jh": "ʤ", "k": "k", "l": "l",
    "m": "m", "n": "n", "ng": "ŋ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "v": "v",
    "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip

COMMAND, LETTER = 6, 3
"""Words of a command in the manner of GRID, and which of them is a letter."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the model is given: a symbol string, and where in it each word stands."""

    symbols: str
    spans: list[tuple[int, int]]
    """First symbol of each word, and the one behind its last."""


def stresses(words: list[str]) -> dict[str, list[tuple[bool, bool]]]:
    """For each word that festival's lexicon knows: of each vowel, is it stressed, is it reduced."""
    lines = "".join(f'(print (lex.lookup "{word}" nil))\n' for word in words)
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as file:
        file.write(f'(lex.select "cmu")\n{lines}')
        file.flush()
        said = subprocess.run(["festival", "-b", file.name], check=True, capture_output=True, text=True)
    found = {}
    for word, line in zip(words, said.stdout.strip().splitlines(), strict=True):
        syllables = re.findall(r"\(\(([a-z ]+)\) (\d)\)", line)
        found[word] = [(stress != "0", "ax" in phones.split()) for phones, stress in syllables]
    return found


def word_symbols(phones: Phones, marks: list[tuple[bool, bool]], *, british: bool) -> str:
    """The model's symbols of a word. Marks that do not fit the vowels: the first vowel has the stress."""
    vowels = [phone for phone in phones if phone in VOWELS]
    if len(marks) != len(vowels):
        marks = [(n == 0, n > 0) for n in range(len(vowels))]
    left, out = list(marks), []
    for n, phone in enumerate(phones):
        following = phones[n + 1] if n + 1 < len(phones) else ""
        if phone in VOWELS:
            stressed, reduced = left.pop(0)
            symbol = VOWELS[phone] if not british else BRITISH.get(phone, VOWELS[phone])
            if not stressed and (phone == "er" or reduced):
                symbol = REDUCED.get(phone, symbol)
            if british:
                symbol = "ɑː" if phone == "aa" and following == "r" else symbol.replace("ɹ", "")
                symbol += "ɹ" if phone == "er" and following in VOWELS else ""
            out.append(("ˈ" if stressed else "") + symbol)
        elif phone == "r" and british and following not in VOWELS:
            continue
        elif phone == "t" and not british and n > 0 and phones[n - 1] in VOWELS and following in VOWELS:
            out.append("t" if left[0][0] else "ɾ")
        else:
            out.append(CONSONANTS[phone])
    return "".join(out)


def spoken(words: list[str], place: int, *, british: bool) -> Phones:
    """How a word is said: as the dictionary says first, but zed in Britain, and a letter where the six words
    of a command in the manner of GRID have one.
    """
    word = words[place]
    letter = place == LETTER and len(words) == COMMAND
    last = (word == "z" and british) or (word == "a" and letter)
    return pronounce(word)[-1 if last else 0]


def write(
    text: str, marks: dict[str, list[tuple[bool, bool]]], *, british: bool, chance: random.Random
) -> Script:
    """The script of a sentence, with a comma now and then."""
    symbols, spans = "", []
    words = text.split()
    for n, word in enumerate(words):
        start = len(symbols)
        phones = spoken(words, n, british=british)
        symbols += word_symbols(phones, marks.get(word, []), british=british)
        spans.append((start, len(symbols)))
        symbols += chance.choices((" ", ", "), (0.95, 0.05))[0] if n + 1 < len(words) else ""
    return Script(symbols + chance.choice((".", ".", "?", "!", "")), spans)
