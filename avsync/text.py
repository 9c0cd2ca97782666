"""Transcripts: every written token, and the ways in which it may be spoken.

    normalise("Dr. Smith paid $5.")  ->  "Dr." (doctor), "Smith" (smith), "paid" (paid), "$5." (five dollars)

The tokens keep spelling, case and punctuation: joined by spaces they are the transcript again, but for the
amount of white space. Spoken words are lower case; a letter that is spelt has a full stop after it (`f.`), as
in the dictionary.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass

from avsync import numerals
from avsync.errors import TextError
from avsync.pronounce import UNITS, lookup, pronounce, spell

__all__ = ["UNITS", "Token", "normalise", "pronounce"]

Reading = tuple[str, ...]

MAX_READINGS = 8
"""Alternatives kept for one token; the least usual are dropped."""

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "approx": ("approximately",), "aug": ("august",), "ave": ("avenue",), "capt": ("captain",),
    "col": ("colonel",), "dec": ("december",), "dept": ("department",), "dr": ("doctor", "drive"),
    "etc": ("et cetera",), "feb": ("february",), "fig": ("figure", "fig"), "gen": ("general",),
    "gov": ("governor", "gov"), "inc": ("incorporated", "ink"), "jan": ("january",), "jr": ("junior",),
    "lt": ("lieutenant",), "ltd": ("limited",), "mr": ("mister",), "mrs": ("missus",),
    "no": ("no", "number"), "nov": ("november",), "oct": ("october",), "prof": ("professor",),
    "rev": ("reverend",), "sept": ("september",), "sgt": ("sergeant",), "sr": ("senior",),
    "st": ("saint", "street"), "vs": ("versus",),
}  # fmt: skip
"""What stands before a full stop, and what is said for it."""

SYMBOLS: dict[str, tuple[str, ...]] = {
    "&": ("and",), "%": ("percent",), "@": ("at",), "+": ("plus", "and"), "=": ("equals", "is"),
    "°": ("degrees",), "#": ("number", "hashtag", "hash", "pound"), "$": ("dollars",), "£": ("pounds",),
    "€": ("euros",), "¥": ("yen",), "₹": ("rupees",), "×": ("times", "by"), "÷": ("divided by",),
    "²": ("squared",), "³": ("cubed",), "½": ("a half", "one half"), "¼": ("a quarter", "one quarter"),
    "¾": ("three quarters",), "§": ("section",), "/": ("", "slash"), "\\": ("", "backslash"),
    "_": ("", "underscore"), "*": ("", "star", "times"), "|": ("",), "<": ("", "less than"),
    ">": ("", "greater than"), "^": ("", "to the"), "~": ("", "about"), "™": ("",), "®": ("",), "©": ("",),
}  # fmt: skip
"""Signs and what is said for them; an empty entry is silence."""

NAKED_LETTERS = dict(zip("ßøæœłđðþıħ", ("ss", "o", "ae", "oe", "l", "d", "th", "th", "i", "h"), strict=True))
"""Latin letters that Unicode does not decompose; accents fall off the others."""

QUOTES = str.maketrans({**dict.fromkeys("’‘‛ʼ′`´＇", "'"), **dict.fromkeys("‐‑‒–—―−", "-"), "…": "..."})
SIGNS = re.escape("".join(SYMBOLS))
PIECE = re.compile(
    rf"(?P<money>[$£€¥₹]({numerals.NUMBER})(?:bn|mn|[kmbt])?(?![a-z\d]))|(?P<clock>\d{{1,2}}:\d\d(?!\d))"
    rf"|(?P<fraction>\d+/\d+(?![/\d]))|(?P<ordinal>\d[\d,]*(?:st|nd|rd|th)\b)|(?P<tens>\d*0'?s\b)"
    rf"|(?P<unit>(?:{numerals.NUMBER})(?:{numerals.UNIT})\b)"
    rf"|(?P<number>{numerals.NUMBER})|(?P<initials>(?:[a-z]\.){{2,}}(?:[a-z]\b)?)|(?P<word>[a-z']+)|(?P<sign>[{SIGNS}])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One written token and its readings."""

    text: str
    """As written, punctuation included; a token without anything to say is attached to its neighbour by a
    space."""
    readings: tuple[Reading, ...]
    """Alternatives, the most usual first, each at least one spoken word."""


def normalise(transcript: str) -> tuple[Token, ...]:
    """The transcript's tokens with their readings.

    Errors: TextError when there is nothing to say, or a letter is not of the Latin alphabet.
    """
    written = [match.group() for match in re.finditer(r"\[[^\[\]]*\]\S*|\S+", transcript)]
    if not written:
        raise TextError("The transcript is empty. Give the words that are spoken.")
    shouted = transcript.upper() == transcript
    tokens: list[Token] = []
    waiting: list[str] = []  # what is written before the first spoken token
    for index, text in enumerate(written):
        readings = _readings(text, _follows_money(written, index), _before_scale(written, index), shouted)
        if readings:
            tokens.append(Token(" ".join([*waiting, text]), readings))
            waiting = []
        elif tokens:
            tokens[-1] = Token(f"{tokens[-1].text} {text}", tokens[-1].readings)
        else:
            waiting.append(text)
    if not tokens:
        shown = " ".join(waiting)[:60]
        raise TextError(
            f"The transcript {shown!r} has no word that can be spoken. Give the words that are spoken."
        )
    return tuple(tokens)


def fold(text: str) -> str:
    """`text` in the letters a to z (case kept), ASCII digits, apostrophes and signs: accents and Unicode
    forms undone.

    Errors: TextError naming the first letter of another script.
    """
    plain: list[str] = []
    for character in text.translate(QUOTES):
        if character in SYMBOLS:
            plain.append(character)
            continue
        for part in unicodedata.normalize("NFKD", character):
            if unicodedata.combining(part) or unicodedata.category(part) == "Cf":
                continue
            if part.isascii():
                plain.append(part)
            elif part.lower() in NAKED_LETTERS:
                naked = NAKED_LETTERS[part.lower()]
                plain.append(naked if part.islower() else naked.upper())
            elif part.isdecimal():
                plain.append(str(unicodedata.decimal(part)))
            elif part.isalpha():
                name = unicodedata.name(character, "unnamed")
                raise TextError(
                    f"The transcript has {character!r} (U+{ord(character):04X} {name}) in {text!r}: "
                    "only Latin letters can be pronounced. Write the word as it sounds in English letters."
                )
            else:
                plain.append(" " if part in NOT_SAID_APART else part)
    return "".join(plain).translate(QUOTES)


NOT_SAID_APART = "⁄\u00a0"
"""Characters that only join: the fraction slash and the fixed space."""


def _follows_money(written: list[str], index: int) -> str:
    """The currency's plural where token `index` is the scale word of `$5 million`, else nothing."""
    if (
        index
        and _is_scale(written[index])
        and (match := re.fullmatch(r"([$£€¥₹])[\d.,]*\d", written[index - 1]))
    ):
        return numerals.CURRENCIES[match[1]][1]
    return ""


def _before_scale(written: list[str], index: int) -> bool:
    return index + 1 < len(written) and _is_scale(written[index + 1])


def _is_scale(text: str) -> bool:
    return text.strip(".,;:!?\"'()").lower() in numerals.SCALES[1:]


def _readings(text: str, currency: str, before_scale: bool, shouted: bool) -> tuple[Reading, ...]:
    """Readings of one token; none when there is nothing to say in it, as in a dash or `[music]`."""
    if re.fullmatch(r"\[[^\[\]]*\]\W*", text):
        return ()
    plain = fold(text)
    if before_scale:
        plain = re.sub(r"^[$£€¥₹](?=[\d.])", "", plain)
    if (match := re.fullmatch(r"\W*?([A-Za-z]+)\.\W*", plain)) and match[1].lower() in ABBREVIATIONS:
        said = tuple(tuple(words.split()) for words in ABBREVIATIONS[match[1].lower()])
        return said
    parts = [options for options in _parts(plain, shouted) if options]
    readings = [
        tuple(itertools.chain(*choice))
        for choice in itertools.islice(itertools.product(*parts), 4 * MAX_READINGS)
    ]
    said = tuple(dict.fromkeys(reading for reading in readings if reading))[:MAX_READINGS]
    return tuple((*reading, currency) for reading in said) if currency else said


def _parts(plain: str, shouted: bool) -> list[tuple[Reading, ...]]:
    """The readings of each piece of a token, in order: numbers, words, signs; what joins them is silent."""
    whole = plain.strip('.,;:!?"()[]{}').lower()
    if "-" in whole and lookup(whole):
        return [((whole,), *_product(whole.split("-")))]
    if whole.startswith("-") and whole[1:2].isdigit():
        return [(("minus",), ("negative",)), *_parts(whole[1:], shouted)]
    found: list[tuple[Reading, ...]] = []
    end = 0
    for match in PIECE.finditer(plain):
        between = plain[end : match.start()]
        inside = end > 0 and plain[end - 1].isalnum() and match.group()[0].isalnum()
        if inside and between == ".":
            found.append((("dot",), ("point",)) if match.group()[0].isalpha() else (("point",), ("dot",)))
        elif inside and between == "-" and plain[end - 1].isdigit() and match.group()[0].isdigit():
            found.append(((), ("to",)))
        end = match.end()
        found.append(_piece(match, shouted))
    return found


def _product(words: list[str]) -> tuple[Reading, ...]:
    return (tuple(words),) if all(words) else ()


def _piece(match: re.Match[str], shouted: bool) -> tuple[Reading, ...]:
    """Readings of one piece of a token."""
    text = match.group()
    if match.lastgroup == "sign":
        return tuple(tuple(words.split()) for words in SYMBOLS[text])
    if match.lastgroup == "initials":
        return (spell(text),)
    if match.lastgroup == "word":
        return _word(text, shouted)
    return numerals.readings(text) or (spell(text),)


def _word(text: str, shouted: bool) -> tuple[Reading, ...]:
    """Readings of a run of letters and apostrophes: as a word, letter by letter, or both where the case
    leaves it open.
    """
    bare = text.strip("'")
    if not bare:
        return ()
    low = text.lower().rstrip("'")
    spoken = low if lookup(low) else bare.lower()  # 'tis and 'em keep their apostrophe, quoted words do not
    capitals = bare.removesuffix("'s").removesuffix("s") if not shouted else bare
    if (
        len(bare) < 2
        or not capitals.isupper()
        or not capitals.isalpha()
        or len(capitals) > 6
        or (shouted and lookup(spoken))
    ):
        return ((spoken,),)
    letters = spell(capitals)
    if bare != capitals:  # MPs, the BBC's: the ending belongs to the last letter
        letters = (*letters[:-1], letters[-1] + "'s")
    if lookup(spoken):
        return ((spoken,), letters) if len(capitals) <= 3 else ((spoken,),)
    return (letters, (spoken,)) if re.search("[AEIOUY]", capitals) else (letters,)
