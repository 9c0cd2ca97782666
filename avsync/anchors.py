"""The rough times of a transcript in use: each part of the text is searched for near its time only."""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avsync.alignconfig import AlignConfig
from avsync.alignment import Word
from avsync.errors import TextError
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.text import Token
from avsync.transcripts import Transcript
from avsync.unspoken import with_unspoken
from avsync.verdicts import clearness, tells
from avsync.words import align_posteriors, fits, span, unheard

MARGIN_S = 1.5
"""How far, seconds, a word may lie outside the times of its subtitle."""
SURE = 0.8
"""Where the words of some part are less sure than this by the rough times, on average, these are put to the
test. Words that are not said come out at 0.65 where there is nothing but silence."""
FAR_BETTER = 0.2
"""The times of a transcript are also wrong where the mean confidence of all words is so much more without."""
LONE_SHARE = 0.5
"""The time of a lone part is used where it is at most this share of the sound: else it gains little."""


@dataclass(frozen=True, slots=True)
class Block:
    """Tokens on end, and where they are searched."""

    first: int
    last: int
    """The token behind the last."""
    start: float
    """Seconds on the sound's clock."""
    end: float
    asked: tuple[float, float]
    """From when to when its subtitles stand."""


def find_words(
    posteriors: Posteriors, transcript: Transcript, tokens: Sequence[Token], config: AlignConfig
) -> list[Word]:
    """The words of all tokens on the clock of phone scores, by `align_posteriors`.

    Where the transcript has rough times, parts of it that are `MARGIN_S` twice apart are searched apart, and
    a lone part in its time where that is little of the sound. When that is not sure of the words of a part,
    or one does not fit into its time, the whole text is searched in the whole sound, and the times are
    dropped with a warning if that finds more; else a part that is not said is absent. The same where times do
    not cover the text, or lie outside the sound. Errors: those of `align_posteriors`.
    """
    begin, end = span(posteriors) if len(posteriors.times) else (0.0, 0.0)
    blocks = plan(transcript, tokens, begin, end)
    if transcript.anchors and not blocks:
        _warn(transcript, f"do not cover its text, or lie outside the sound ({begin:.1f} to {end:.1f} s)")
    if not blocks or (len(blocks) == 1 and blocks[0].end - blocks[0].start > LONE_SHARE * (end - begin)):
        words = align_posteriors(posteriors, tokens, config)
    else:
        words, right = _by_times(posteriors, tokens, blocks, config)
        if not right:
            _warn(transcript, "do not fit the sound")
    return with_unspoken(words, tokens, begin, end)


def _by_times(
    posteriors: Posteriors, tokens: Sequence[Token], blocks: Sequence[Block], config: AlignConfig
) -> tuple[list[Word], bool]:
    """The words, each block of them in its time where these are right, else all in the whole sound; and
    whether they are.
    """
    parts = _search(posteriors, tokens, blocks, config)
    if parts is None or min(map(_mean_confidence, parts)) < SURE:
        whole = align_posteriors(posteriors, tokens, config)
        if parts is None or _elsewhere(parts, whole):
            return whole, False
    return [word for part in parts for word in part], True


def _elsewhere(parts: Sequence[Sequence[Word]], whole: Sequence[Word]) -> bool:
    """Whether words are found better without their times: a part of which the times are not sure, or all."""
    rest = iter(whole)
    without = [[next(rest) for _ in part] for part in parts]
    if any(
        _mean_confidence(here) < SURE <= _mean_confidence(there)
        for here, there in zip(parts, without, strict=True)
    ):
        return True
    by_times = _mean_confidence([word for part in parts for word in part])
    return _mean_confidence(whole) > by_times + FAR_BETTER


def plan(
    transcript: Transcript, tokens: Sequence[Token], begin: float, end: float, margin: float = MARGIN_S
) -> list[Block]:
    """Blocks that hold all tokens, with time spans that neither overlap nor leave `begin` to `end`.

    Empty where the transcript has no times, or a spoken token has none.
    """
    blocks: list[Block] = []
    index = 0
    for anchor in transcript.anchors:
        first = index
        while index < len(tokens) and tokens[index].span[0] < anchor.span[1]:
            if tokens[index].span[0] < anchor.span[0] and tokens[index].readings:
                return []
            index += 1
        if not any(token.readings for token in tokens[first:index]):
            continue
        first = blocks[-1].last if blocks else 0  # with what is not spoken before it
        asked = anchor.start, anchor.end
        block = Block(first, index, max(begin, asked[0] - margin), min(end, asked[1] + margin), asked)
        while blocks and block.start < blocks[-1].end:
            last = blocks.pop()
            asked = min(last.asked[0], block.asked[0]), max(last.asked[1], block.asked[1])
            bounds = min(last.start, block.start), max(last.end, block.end)
            block = Block(last.first, block.last, *bounds, asked)
        blocks.append(block)
    if any(token.readings for token in tokens[index:]) or any(block.end <= block.start for block in blocks):
        return []
    return blocks


def _search(
    posteriors: Posteriors, tokens: Sequence[Token], blocks: Sequence[Block], config: AlignConfig
) -> list[list[Word]] | None:
    """The words of each block in its own time, all of them absent where something else is said; None where
    one does not fit.
    """
    parts: list[list[Word]] = []
    clear = clearness(prepared(posteriors.log_probs, config))
    for block in blocks:
        inside = slice(*np.searchsorted(posteriors.times, [block.start, block.end]))
        part = dataclasses.replace(
            posteriors, log_probs=posteriors.log_probs[inside], times=posteriors.times[inside]
        )
        try:
            lone = len(blocks) == 1
            words = align_posteriors(part, tokens[block.first : block.last], config, whole=lone)
        except TextError:
            return None
        unsaid = not lone and _unsaid(part, clear, words, config)
        parts.append(_nobody_says(words, block, config) if unsaid else words)
    return parts


def _unsaid(part: Posteriors, clear: float, words: Sequence[Word], config: AlignConfig) -> bool:
    """Whether something else than these words is clearly said, or nothing, in a part of a sound that is so
    `clear`.
    """
    there = [word for word in words if not word.absent]
    telling = not part.seen and tells(prepared(part.log_probs, config), clear)
    return telling and not fits(part, there, config)


def _nobody_says(words: Sequence[Word], block: Block, config: AlignConfig) -> list[Word]:
    """The words as those of a passage that nobody says, in the time of their subtitles."""
    start, end = block.asked
    return [
        dataclasses.replace(unheard(word, config), start=start, end=end, heard_start=start, heard_end=end)
        for word in words
    ]


def _warn(transcript: Transcript, why: str) -> None:
    """Say that the times were dropped; on behalf of whoever called `align`."""
    warnings.warn(
        f"the times in {transcript.source or 'the transcript'} {why}: the words were searched without them.",
        stacklevel=4,
    )


def _mean_confidence(words: Sequence[Word]) -> float:
    return sum(word.confidence for word in words) / len(words)
