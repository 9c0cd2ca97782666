"""The ways in which one written token may be spoken.

`readings("$5.", Place())` is `five dollars`. A reader is free to say much of what is not a plain word in
several ways: all usual ones are given, the most usual first, and the aligner finds the one that was said.
Spoken words are lower case; a letter that is spelt has a full stop after it (`f.`), as in the dictionary.
"""

import itertools
import re

from avsync import amounts, dates
from avsync.letters import fold
from avsync.neighbours import ALONE, AROUND, Place, currency, in_place, is_scale
from avsync.numerals import Reading, cardinal, plural
from avsync.pronounce import lookup, spell
from avsync.symbols import (
    ABBREVIATIONS,
    DEGREES,
    OPERATORS,
    PER,
    SPECIAL,
    STOPLESS,
    SYMBOLS,
    TITLES,
    WEB,
)

MAX_READINGS = 8
"""Alternatives kept for one token; the least usual are dropped."""

_SIGNS = re.escape("".join(SYMBOLS))
_FORMS = {name: re.sub(r"\?P<\w+>", "?:", pattern) for name, pattern in amounts.FORMS.items()}
_DATE = re.sub(r"\?P<(?!mark)\w+>", "?:", dates.DATE.pattern)
PIECE = re.compile(
    rf"(?P<date>{_DATE})(?![\d/])"
    rf"|(?P<phone>(?<!\d)(?:{dates.PHONE.pattern})(?!\d|[-.]\d))"
    rf"|{'|'.join(f'(?P<{name}>{pattern})' for name, pattern in _FORMS.items())}"
    rf"|(?P<degrees>°[CFK](?![a-z]))|(?P<per>(?<=\d)/(?:{'|'.join(PER)})\b)|(?P<numbered>\bno\.(?=\d))"
    rf"|(?P<initials>(?:[a-z]\.){{2,}}(?:[a-z]\b)?)|(?P<word>[a-z']+)|(?P<sign>[{_SIGNS}])",
    re.IGNORECASE,
)
UNIT_BEHIND = re.compile(rf"[%¢°]$|\d(?:{amounts.UNIT}|{amounts.MULTIPLE}|st|nd|rd|th)$", re.IGNORECASE)
"""The end of what may be the lower end of a range, but for plain digits."""
ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu)\b\S*", re.I
)
TAGS = re.compile(r"</?(?:[bisu]|em|strong|br)\s*/?>|</?(?:c|v|lang|font|span)(?:[.\s][^<>\n]*)?>", re.I)


def readings(text: str, place: Place = ALONE) -> tuple[Reading, ...]:
    """Readings of one token, at most `MAX_READINGS`, each at least one word; none where nothing is said.

    Errors: TextError where a letter is not Latin.
    """
    plain = re.sub(rf"(?<![\w.])({amounts.SIGN})-(?=\.?\d)", r"-\1", fold(TAGS.sub("", text)))  # $-5
    bare = plain.strip(AROUND)
    found = [reading for reading in _anywhere(plain, bare, place) if reading]
    found = [*in_place(plain, bare, place, found), *found]
    if place.operator in OPERATORS and found:
        said = [tuple(words.split()) for words in OPERATORS[place.operator]]
        found = [found[0], *((*words, *found[0]) for words in said), *found[1:]]
    return tuple(dict.fromkeys(found))[:MAX_READINGS]


def _anywhere(plain: str, bare: str, place: Place) -> list[Reading]:
    """Readings that need no neighbour, or only that of money."""
    low = bare.lower()
    for whole in (plain.lower().rstrip(AROUND), low):  # .NET has its point
        if whole in SPECIAL:
            return _split(SPECIAL[whole])
    if low in ABBREVIATIONS and re.fullmatch(rf"\W*?{re.escape(bare)}\.\W*", plain):
        return _split(ABBREVIATIONS[low])
    if ADDRESS.fullmatch(bare):
        return _address(bare)
    if is_scale(place.after):
        plain = re.sub(rf"(?<!\d){amounts.SIGN}(?=[\d.])", "", plain)
    found = _spoken(plain, place.shouted)
    if is_scale(bare) and (sign := currency(place)):
        return [(*reading, amounts.CURRENCIES[sign][1]) for reading in found]
    if is_scale(place.after) and bare.endswith("1") and found == [("one",)]:
        found.append(("a",))
    if low in STOPLESS:
        found = [*_split(ABBREVIATIONS[low]), *found]
    if low in TITLES and bare[0].isupper():
        found += _split(ABBREVIATIONS[low])
    if length := re.fullmatch(r"(\d{1,2})(['\"”])[.,;:!?)]*", plain):  # or the end of a quotation
        unit = ("foot", "feet") if length[2] == "'" else ("inches", "inch")
        found += [(*cardinal(int(length[1])), name) for name in unit]
    return found


def _split(options: tuple[str, ...]) -> list[Reading]:
    return [tuple(words.split()) for words in options]


def _address(bare: str) -> list[Reading]:
    """An e-mail or web address; its scheme is seldom said."""
    scheme = re.match(r"https?://", bare, re.IGNORECASE)
    rest = bare[scheme.end() :] if scheme else bare
    said = _product(_pieces(rest, shouted=False, web=True))
    if not scheme:
        return said
    spelt = (*spell(scheme[0].removesuffix("://")), "colon", "slash", "slash")
    return [*said[: MAX_READINGS - 1], *((*spelt, *reading) for reading in said[:1])]


def _spoken(plain: str, shouted: bool) -> list[Reading]:
    whole = plain.strip(AROUND).lower()
    if "-" in whole and lookup(whole):
        parts = tuple(whole.split("-"))
        return [(whole,), parts] if all(parts) else [(whole,)]
    return _product(_pieces(plain, shouted, web=False))


def _product(pieces: list[list[Reading]]) -> list[Reading]:
    """Each choice of one reading a piece; those that differ in the last pieces come first."""
    options = [piece for piece in pieces if piece]
    if all(piece[0] == () for piece in options):  # only signs that are usually silent, as `>>`
        return []
    choices = itertools.islice(itertools.product(*options), 8 * MAX_READINGS)
    return list(dict.fromkeys(tuple(itertools.chain(*choice)) for choice in choices))


def _pieces(plain: str, shouted: bool, web: bool) -> list[list[Reading]]:
    """The readings of each piece of a token, in order: numbers, words, signs, and what joins them."""
    found: list[list[Reading]] = []
    minus = re.match(rf"\W*?-(?=\.?\d|{amounts.SIGN}\d)", plain)
    if minus and not web and not any(letter.isalnum() for letter in minus[0]):
        found.append([("minus",), ("negative",)])
    end = minus.end() if minus else 0
    for match in PIECE.finditer(plain, end):
        found.append(_between(plain[end : match.start()], plain[max(end - 8, 0) : end], match, web))
        if web and match.lastgroup == "sign":
            found.append(_split(WEB.get(match[0], SYMBOLS[match[0]])))
        elif web and match.lastgroup == "word" and len(match[0]) < 4:
            found.append(list(dict.fromkeys([*_word(match[0], shouted, match), spell(match[0])])))
        else:
            found.append(_piece(match, shouted))
        end = match.end()
    return [piece for piece in found if piece]


def _between(between: str, before: str, match: re.Match[str], web: bool) -> list[Reading]:
    """What is said for the punctuation between two pieces; `before` are a few characters before it."""
    left, right = before[-1:], match[0][0]
    if not before or not between:
        return [("and",)] if left.isdigit() and right in "½¼¾" else []
    if between == "." and left.isalnum() and right.isalnum():
        return [("dot",), ("point",)] if right.isalpha() else [("point",), ("dot",)]
    if web:
        return list(itertools.chain(*(_split(WEB[sign]) for sign in between if sign in WEB)))[:3]
    if right.isdigit() or right in amounts.CURRENCIES:
        if (between == ":" and left.isdigit()) or (between == "-" and UNIT_BEHIND.search(before)):
            return [("to",), ()]
        if between == "-" and left.isdigit():
            return [(), ("to",)]
    return []


def _piece(match: re.Match[str], shouted: bool) -> list[Reading]:
    """Readings of one piece of a token."""
    text, kind = match.group(), match.lastgroup
    if kind == "sign":
        return _split(SYMBOLS[text])
    if kind == "degrees":
        scales = DEGREES[text[1].upper()]
        return [*(("degrees", scale) for scale in scales), ("degrees",), ("degrees", f"{text[1].lower()}.")]
    if kind == "per":
        name = PER[text[1:].lower()]
        return [("per", name), ("an" if name == "hour" or name[0] in "aeio" else "a", name)]
    if kind == "numbered":
        return [("number",), ("no",)]
    if kind == "initials":
        return [spell(text)]
    if kind == "word":
        return _word(text, shouted, match)
    if kind == "date":
        return list(dates.date(text) or ())
    if kind == "phone":
        return list(dates.phone(text) or ())
    if kind == "unit" and text[-1] in "sS" and text[:-1].isdigit() and _names_a_model(match):
        return list(plural(text[:-1]))
    return list(amounts.readings(text) or ())


def _names_a_model(match: re.Match[str]) -> bool:
    """Whether letters stand before a number, as in `MP3s` and `F-16s`."""
    return re.search(r"[a-z]-?$", match.string[max(match.start() - 2, 0) : match.start()], re.I) is not None


def _word(text: str, shouted: bool, match: re.Match[str]) -> list[Reading]:
    """Readings of a run of letters and apostrophes: as a word, letter by letter, in parts, or several of
    these where its form leaves it open.
    """
    bare = text.strip("'")
    if not bare:
        return []
    low = text.lower().rstrip("'")
    spoken = low if lookup(low) else bare.lower()  # 'tis and 'em keep their apostrophe, quoted words do not
    word: Reading = (spoken,)
    capitals = bare.removesuffix("'s").removesuffix("s") if not shouted else bare
    if (
        len(bare) < 2
        or not capitals.isupper()
        or not capitals.isalpha()
        or len(capitals) > 6
        or (shouted and lookup(spoken))
    ):
        return [*_in_parts(bare, spoken), word]
    letters = spell(capitals)
    if bare != capitals:  # MPs, the BBC's: the ending belongs to the last letter
        letters = (*letters[:-1], letters[-1] + "'s")
    if _beside_digit(match) and len(capitals) <= 3 and re.search("[AEIOUY]", capitals):  # CO2, not MP3
        return [letters, word]
    if lookup(spoken):
        return [word, letters] if len(capitals) <= 3 else [word]
    return [letters, word] if re.search("[AEIOUY]", capitals) else [letters]


def _beside_digit(match: re.Match[str]) -> bool:
    begin, end = match.span()
    return match.string[end : end + 1].isdigit() or match.string[max(begin - 1, 0) : begin].isdigit()


def _in_parts(bare: str, spoken: str) -> list[Reading]:
    """`YouTube`, `rock'n'roll`: words that are written as one and known apart."""
    if lookup(spoken):
        return []
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", bare) if "'" not in bare else spoken.split("'")
    if len(parts) < 2 or not all(len(part) > 1 or part == "n" for part in parts):
        return []
    words = tuple("and" if part == "n" else part.lower() for part in parts)
    return [words] if all(lookup(word) for word in words) else []
