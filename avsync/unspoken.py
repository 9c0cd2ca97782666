"""Times for what stands in a transcript and is not spoken: dashes, `[music]`, the labels of speakers."""

import dataclasses
from collections.abc import Sequence

from avsync.alignment import Phone, Word
from avsync.text import Token


def with_unspoken(words: Sequence[Word], tokens: Sequence[Token], begin: float, end: float) -> list[Word]:
    """The words of all tokens: `words` are those of the spoken ones, in order, on the sound's clock.

    What is not spoken is `interpolated`: it gets the time between its neighbours, divided evenly in whole
    milliseconds; `begin` and `end` (seconds) stand for the neighbours of the first and the last. Where there
    is no time between two words, the end of the first gives a millisecond for each.
    """
    found: list[Word] = []
    waiting: list[str] = []
    spoken = iter(words)
    for token in tokens:
        if not token.readings:
            waiting.append(token.text)
            continue
        word = next(spoken)
        if waiting:
            before = found.pop() if found else None
            found += _between(before, waiting, word, begin, end)
            waiting = []
        else:
            found.append(word)
    if waiting:
        found += _between(found.pop() if found else None, waiting, None, begin, end)
    return found


def _between(
    before: Word | None, texts: list[str], after: Word | None, begin: float, end: float
) -> list[Word]:
    """The neighbours, and the texts between them."""
    first = _ms(min(begin, after.heard_start) if before is None and after is not None else begin)
    last = _ms(end)
    if before is not None:
        first, last = _ms(before.heard_end), max(last, _ms(before.heard_end))
    if after is not None:
        last = _ms(after.heard_start)
    missing = len(texts) - (last - first)
    if missing > 0 and before is not None:
        first -= min(missing, _half_ms(before, -1))
        before = _cut(before, end=first / 1000)
    elif missing > 0 and after is not None:
        last += min(missing, _half_ms(after, 0))
        after = _cut(after, start=last / 1000)
    count = min(len(texts), last - first)  # a hundred dashes in a row are told together
    texts = [*texts[: count - 1], " ".join(texts[count - 1 :])]
    edges = [first + (last - first) * number // count for number in range(count + 1)]
    made = [_unspoken(text, a, b) for text, a, b in zip(texts, edges, edges[1:], strict=False)]
    return [*([before] if before else []), *made, *([after] if after else [])]


def _unspoken(text: str, start_ms: int, end_ms: int) -> Word:
    start, end = start_ms / 1000, end_ms / 1000
    half = max(1.0, (end_ms - start_ms) / 2)
    return Word(text, start, end, start, end, None, None, 0.0, half, "interpolated")


def _half_ms(word: Word, phone: int) -> int:
    """Half of one of its phones (of all of a word without), whole milliseconds."""
    part = word.phones[phone] if word.phones else word
    return _ms(part.end - part.start) // 2


def _cut(word: Word, *, start: float | None = None, end: float | None = None) -> Word:
    """The word with its first phone beginning, or its last ending, at another time."""
    phones: list[Phone] = list(word.phones)
    if start is not None:
        if phones:
            phones[0] = dataclasses.replace(phones[0], start=start)
        return dataclasses.replace(word, start=start, heard_start=start, phones=tuple(phones))
    assert end is not None
    if phones:
        phones[-1] = dataclasses.replace(phones[-1], end=end)
    return dataclasses.replace(word, end=end, heard_end=end, phones=tuple(phones))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
