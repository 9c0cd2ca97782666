"""Times for what stands in a transcript and is not spoken: dashes, `[music]`, the labels of speakers, and
passages that nobody says.
"""

import dataclasses
from collections.abc import Sequence

from avsync.alignment import Phone, Word
from avsync.places import LONGEST_UNSAID_S
from avsync.text import Token
from avsync.timebase import ms_to_seconds, nearest_ms


def with_unspoken(words: Sequence[Word], tokens: Sequence[Token], begin: float, end: float) -> list[Word]:
    """The words of all tokens: `words` are those of the spoken ones, in order, on the sound's clock.

    What is not spoken is `interpolated`. `filled` gives it and what is absent their times.
    """
    spoken = iter(words)
    found = [next(spoken) if token.readings else _interpolated(token.text) for token in tokens]
    return filled(found, begin, end)


LENT_MS = 10
"""Milliseconds that words give to absent ones between them, of which a script has thousands, at most."""


def filled(words: Sequence[Word], begin: float, end: float) -> list[Word]:
    """The words with times for those that are interpolated or absent: the time between their neighbours,
    divided evenly in whole milliseconds, and up to `LONGEST_UNSAID_S` each where some are absent, from where
    these are expected if they have times of their own.

    `begin` and `end` (seconds) stand for the neighbours of the first and the last. Where there is no time
    between two words, they give a millisecond for each, but `LENT_MS` at most where some are absent: the
    first up to half of itself, then the second. If that is not enough, words share a millisecond, and what
    is interpolated alone is told together.
    """
    found: list[Word] = []
    waiting: list[Word] = []
    for word in words:
        if word.absent or word.status == "interpolated":
            waiting.append(word)
        elif waiting:
            found += _between(found.pop() if found else None, waiting, word, begin, end)
            waiting = []
        else:
            found.append(word)
    if waiting:
        found += _between(found.pop() if found else None, waiting, None, begin, end)
    return found


def _between(
    before: Word | None, waiting: list[Word], after: Word | None, begin: float, end: float
) -> list[Word]:
    """The neighbours, and the words that wait for times between them."""
    first = nearest_ms(min(begin, after.heard_start) if before is None and after is not None else begin)
    last = nearest_ms(end)
    if before is not None:
        first, last = nearest_ms(before.heard_end), max(last, nearest_ms(before.heard_end))
    if after is not None:
        last = nearest_ms(after.heard_start)
    first, last = _expected(waiting, first, last)
    absent = any(word.absent for word in waiting)  # these can share their time
    missing = (min(len(waiting), LENT_MS) if absent else len(waiting)) - (last - first)
    if missing > 0 and before is not None:
        given = min(missing, _half_ms(before))
        first, missing = first - given, missing - given
        before = _squeezed(before, before.heard_start, ms_to_seconds(first))
    if missing > 0 and after is not None:
        last += min(missing, _half_ms(after))
        after = _squeezed(after, ms_to_seconds(last), after.heard_end)
    count = min(len(waiting), last - first)
    if absent:
        last = min(last, first + count * nearest_ms(LONGEST_UNSAID_S))
    else:  # a hundred dashes in a row
        rest = " ".join(word.text for word in waiting[count - 1 :])
        waiting = [*waiting[: count - 1], dataclasses.replace(waiting[count - 1], text=rest)]
    edges = [first + (last - first) * number // count for number in range(count + 1)]
    slots = [number * count // len(waiting) for number in range(len(waiting))]
    made = [_placed(word, edges[slot], edges[slot + 1]) for word, slot in zip(waiting, slots, strict=True)]
    return [*([before] if before else []), *made, *([after] if after else [])]


def _expected(waiting: list[Word], first: int, last: int) -> tuple[int, int]:
    """The part, in milliseconds, of the time between two neighbours in which absent words are expected; all
    of it where that is nowhere, or too short for the words that wait.
    """
    times = [
        (word.heard_start, word.heard_end)
        for word in waiting
        if word.absent and word.heard_end > word.heard_start
    ]
    if not times:
        return first, last
    begin = max(first, nearest_ms(min(start for start, _ in times)))
    end = min(last, nearest_ms(max(end for _, end in times)))
    return (begin, end) if end - begin >= len(waiting) else (first, last)


def _interpolated(text: str) -> Word:
    """What is never spoken, and has no times yet."""
    return Word(text, 0.0, 0.0, 0.0, 0.0, None, None, 0.0, 1.0, "interpolated")


def _placed(word: Word, start_ms: int, end_ms: int) -> Word:
    start, end = ms_to_seconds(start_ms), ms_to_seconds(end_ms)
    half = max(word.plus_minus_ms, (end_ms - start_ms) / 2)
    return dataclasses.replace(
        word, start=start, end=end, heard_start=start, heard_end=end, plus_minus_ms=half
    )


def _half_ms(word: Word) -> int:
    """Half of it, whole milliseconds."""
    return nearest_ms(word.heard_end - word.heard_start) // 2


def _squeezed(word: Word, start: float, end: float) -> Word:
    """The word with other edges, and its phones with it."""
    phones = refitted(word.phones, start, end)
    return dataclasses.replace(word, start=start, end=end, heard_start=start, heard_end=end, phones=phones)


def refitted(phones: tuple[Phone, ...], start: float, end: float) -> tuple[Phone, ...]:
    """Phones stretched evenly to a word's new edges."""
    if not phones:
        return ()
    old_start, old_length = phones[0].start, phones[-1].end - phones[0].start
    scale = (end - start) / old_length
    edges = [start + (phone.start - old_start) * scale for phone in phones] + [end]
    return tuple(
        dataclasses.replace(phone, start=a, end=b)
        for phone, a, b in zip(phones, edges, edges[1:], strict=False)
    )
