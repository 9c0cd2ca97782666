"""Transcripts: every written token, and the ways in which it may be spoken.

    normalise("Dr. Smith paid $5.")  ->  "Dr." (doctor), "Smith" (smith), "paid" (paid), "$5." (five dollars)

Nothing is lost: the tokens keep spelling, case and punctuation, and joined by spaces they are the transcript
again, but for the amount of white space. What is not spoken (dashes, `[music]`, `(laughs)`, the labels of
speakers) are tokens without readings.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from avsync.errors import TextError
from avsync.letters import fold, foreign, named
from avsync.neighbours import AROUND, Place, is_number
from avsync.numerals import Reading
from avsync.pronounce import UNITS, Phones, pronounce
from avsync.pronunciations import Lexicon, find, key
from avsync.readings import MAX_READINGS, readings
from avsync.symbols import OPERATORS

__all__ = ["MAX_READINGS", "UNITS", "Token", "fold", "normalise", "pronounce"]


@dataclass(frozen=True, slots=True)
class Token:
    """One written token and its readings."""

    text: str
    """As written, punctuation included."""
    readings: tuple[Reading, ...]
    """Alternatives, the most usual first, each at least one spoken word; none where nothing is spoken."""
    span: tuple[int, int] = (0, 0)
    """Where it stands in the transcript: its first character, and the one behind its last."""
    own: Mapping[str, tuple[Phones, ...]] = field(default_factory=dict, hash=False)
    """Pronunciations from the user's lexicon of words in the readings."""


SOUNDS = (
    "laugh(?:s|ter|ing|ed)?|chuckl(?:es?|ing)|giggl(?:es?|ing)|sigh(?:s|ing)?|cough(?:s|ing)?|sneez(?:es?|ing)|"
    "gasp(?:s|ing)?|groan(?:s|ing)?|grunt(?:s|ing)?|sob(?:s|bing)?|cr(?:ies|ying)|scream(?:s|ing)?|sniff(?:s|les)?|"
    "applau(?:se|ds|ding)|cheer(?:s|ing)|clap(?:s|ping)|music|singing|sings|humm?(?:s|ing)|whistl(?:es|ing)|"
    "inaudible|unintelligible|indistinct|crosstalk|overlapping|pauses?|silence|noise|beep(?:s|ing)?|static|"
    "clears throat|whispers?|whispering|shouts|shouting|yells|yelling|speaking \\w+|foreign language"
)
SPOKEN_ASIDE = r"(?!(?:the|a|an|my|your|his|her|our|their|no|with|and|or|of)\b)"
SOUND = rf"{SPOKEN_ASIDE}(?:[\w'-]+ ){{0,2}}(?:{SOUNDS})(?: [\w'-]+)?"
TOKEN = re.compile(
    rf"(?:\[[^\[\]]{{0,120}}\]|\({SOUND}\)|\*{SOUND}\*|</?(?:v|lang|font|span|c)\s[^<>\n]{{0,60}}>|\S)+",
    re.IGNORECASE,
)
UNSPOKEN = re.compile(rf"\[[^\[\]]*\]|\({SOUND}\)|\*{SOUND}\*", re.IGNORECASE)
"""Notes on sounds: square brackets always, others where they name one."""

LABEL = re.compile(
    r"^[ \t]*(?:>+[ \t]*|[-–—][ \t]*)?(?P<label>(?P<name>[^\W\d_][^\s:\[\]()]*(?:[ \t]+[^\s:\[\]()]+){0,3})"
    r"(?:[ \t]*[(\[][^()\[\]\n]{1,24}[)\]])?:)(?=\s)",
    re.MULTILINE,
)
ROLES = re.compile(
    r"(?:speaker|interviewer|interviewee|narrator|host|guest|moderator|man|woman|boy|girl|voice|announcer|reporter|"
    r"person|participant|audience|all|both|child|caller|officer|judge|witness|"
    r"(?:fe)?male(?: voice)?)"
    r"(?: #?\w{1,2})?",
    re.IGNORECASE,
)


def normalise(transcript: str, lexicon: Lexicon | None = None) -> tuple[Token, ...]:
    """The transcript's tokens with their readings.

    `lexicon`: the user's own pronunciations (`avsync.pronunciations`).
    Errors: TextError when there is nothing to say, or a letter is not of the Latin alphabet and no word of
    the lexicon has it.
    """
    spans = list(_spans(transcript))
    if not spans:
        raise TextError("The transcript is empty. Give the words that are spoken.")
    shouted = transcript.upper() == transcript
    own = lexicon or {}
    written = [" ".join(transcript[begin:end].split()) for begin, end, _ in spans]
    # Neighbours are looked up in the text as it stands, less the notes.
    plain = [
        "" if label else UNSPOKEN.sub("", text) for text, (_, _, label) in zip(written, spans, strict=True)
    ]
    tokens: list[Token] = []
    for index, (text, (begin, end, _)) in enumerate(zip(written, spans, strict=True)):
        line = partial(_line, transcript, begin)
        found = _readings(plain, index, shouted, own, line) if plain[index] else ()
        known = {word: said for reading in found for word in reading if (said := find(own, word))}
        tokens.append(Token(text, found, (begin, end), known))
    if not any(token.readings for token in tokens):
        shown = " ".join(written)[:60]
        raise TextError(
            f"The transcript {shown!r} has no word that can be spoken. Give the words that are spoken."
        )
    return tuple(tokens)


def _line(transcript: str, position: int) -> int:
    """The line of a position, from 1. It counts through all before: only for a message."""
    return transcript.count("\n", 0, position) + 1


def _spans(transcript: str) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of each token, and whether it is a speaker's label."""
    position = 0
    for begin, end in _labels(transcript):
        yield from ((*match.span(), False) for match in TOKEN.finditer(transcript, position, begin))
        yield begin, end, True
        position = end
    yield from ((*match.span(), False) for match in TOKEN.finditer(transcript, position))


def _labels(transcript: str) -> list[tuple[int, int]]:
    """Where speakers are named: at the start of a line, before a colon, in capitals or by a role, or with a
    capital where two lines at least begin so.
    """
    found = [(match, match["name"]) for match in LABEL.finditer(transcript)]
    times = Counter(name for _, name in found)
    return [
        match.span("label")
        for match, name in found
        if name.upper() == name
        or ROLES.fullmatch(name)
        or (times[name] > 1 and all(part[0].isupper() or part[0].isdigit() for part in name.split()))
    ]


def _readings(
    plain: list[str], index: int, shouted: bool, own: Lexicon, line: Callable[[], int]
) -> tuple[Reading, ...]:
    """Readings of token `index`: from the user's lexicon where it is there, else by the rules of English."""
    text = plain[index]
    bare = text.strip(AROUND + "-–—…’‘*")
    if find(own, key(bare)):
        return ((key(bare),),)
    letter = foreign(text)
    if letter is not None:
        return _foreign_readings(text, letter, shouted, own, line)
    before = plain[index - 1] if index else ""
    operator = ""
    sign = fold(before) if foreign(before) is None else ""
    if index > 1 and sign in OPERATORS and is_number(plain[index - 2]) and is_number(text):
        operator, before = sign, plain[index - 2]
    after = plain[index + 1] if index + 1 < len(plain) else ""
    neighbours = [other if foreign(other) is None else "" for other in (before, after)]
    return readings(text, Place(neighbours[0], operator, neighbours[1], shouted))


def _foreign_readings(
    text: str, letter: str, shouted: bool, own: Lexicon, line: Callable[[], int]
) -> tuple[Reading, ...]:
    """A token with letters of another script, each of whose words the lexicon must have or be Latin."""
    words: list[str] = []
    for part in re.findall(r"\w+(?:['’]\w+)*", text):
        if find(own, key(part)):
            words.append(key(part))
        elif foreign(part) is None:
            words += next(iter(readings(part, Place(shouted=shouted))), ())
        else:
            raise TextError(
                f"Line {line()} of the transcript has {named(letter)} in {text!r}: only Latin letters can be "
                f"pronounced. Say how {part!r} sounds in a lexicon (--lexicon FILE, lexicon= in Python), "
                f"in a line such as '{part}  P R IY V EH T', or write it as it sounds in English letters."
            )
    return (tuple(words),) if words else ()
