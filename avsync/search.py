"""The words of a transcript in phone scores: all of them first; then without the passages that nobody says.

A passage that was not said (what an editor cut, an advertisement, the wrong chapter) is another matter than a
word: a path through all words has to put it somewhere, and pushes what was said away by seconds. So where
words are found badly, the best path is asked for that may leave out passages. Where something else is said
instead, some words of a passage fit to it by chance; then all of them together are against it. And where most
of a text is not said, the sound may be that of a part of it: then the best path leaves the text seldom.

Shapes: T frames of the phone scores (10 ms), V units.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from avsync import lattice as lattices
from avsync.allwords import NEAR_WORDS, Search, Sound, all_words, clusters, moved
from avsync.errors import LongTextError
from avsync.lattice import FILLER
from avsync.paths import best_path
from avsync.places import Place, consecutive, edged, grow
from avsync.text import Token
from avsync.verdicts import SUREST, clearness, log_odds

if TYPE_CHECKING:
    from avsync.alignconfig import AlignConfig

SPARE = 2
"""Frames by which the silence around a sound is longer than the shortest: any silence fits in it."""
PASSAGE_WORDS = 3
"""A passage that the best path leaves out has at least so many words that were found badly. Stretches with
fewer need not be searched again: words of web clips in noise would be a millisecond better at most."""
LEAST_THERE = 0.5
"""Share of the words of a sound's own transcript that are not in passages which nobody says, at least ..."""
MANY_WORDS, LEAST_OF_MANY = 20, 0.2
"""... and where they are so many. Of texts of 55 to 240 words that belong to another sound, 2 to 8 are."""
DOUBT = 1.0
"""Log-odds that a word is where it stands, between passages that are said (7 in the mean) and those that are
not (-3) ..."""
FOREIGN_DOUBT = 18.0
"""... and how far words on end must be below it, all in all, before none of them counts as said. Of sentences
of speechocean762 in whose text one, two or four in a row are replaced, these words are `absent` in 41, 78 and
80 % of 39 films of 100 s each, with 0.5 words beside them in the mean. With 2 and 25 it is 43, 80 and 79 %,
and 0.7 words; with 0 and 18 33, 62 and 73 %, and 0.3."""
CUT_COST = 500.0
"""What it costs to leave the text, nats, where the sound is taken for that of a part of it. Of 21 sounds of
23 to 110 s and scripts of 400 to 7,000 words of speechocean762 of which they are a part, 950 of the 973 words
that are kept are said; of 21 other sounds none keeps more than a seventh of what fits it best. With 10, short
passages from all over the text fit better by chance than words that are said with an accent."""
HOP_FRAMES = 40
"""Frames before and behind a sound for the hops over what is left out, each of which takes one: enough for
ninety thousand words on either side."""
NONE = np.zeros(0, np.int32)
"""The units of no frames."""


def search(
    tokens: Sequence[Token],
    scores: lattices.Floats,
    step: float,
    config: "AlignConfig",
    *,
    partial: bool = True,
    whole: bool = True,
) -> Search:
    """Find all words; then, where some were not said, once more those that were.

    `scores` (T, V + 1) of `places.prepared`. `partial`: the words may be those of a part of the sound
    (`places.find_all`), and passages may be missing from it; `whole`: but not most of them, unless the sound
    is that of a part of them. Errors: LongTextError when the words take longer than the sound, and no part
    of `MANY_WORDS` is in it.
    """
    graph = grow(tokens, step, config)
    if len(scores) < graph.shortest:
        part = _part_of(tokens, scores, step, config) if partial and whole else None
        if part is None:
            raise LongTextError(
                f"The transcript has {len(tokens)} words, which take {graph.shortest * step:.2f} s "
                f"at least, but the clip has {len(scores) * step:.2f} s. "
                "Give the words that are spoken in it."
            )
        return part
    edge = max(1, round(config.minimum_silence_s / step)) + SPARE
    around = edged(scores, edge)
    sound = Sound(around, step, config, clearness(around))
    found = all_words(graph, tokens, sound, partial=partial)
    if not partial:
        return moved(found, -edge)
    fewer = _without_passages(found, tokens, sound)
    there = len(tokens) - len(fewer.absent)
    least = LEAST_OF_MANY if there >= MANY_WORDS else LEAST_THERE
    part = _part_of(tokens, scores, step, config) if whole and there < LEAST_THERE * len(tokens) else None
    if part and (there < least * len(tokens) or _sure_of(part) > _sure_of(fewer)):
        return part
    return moved(found if whole and there < least * len(tokens) else fewer, -edge)


def _part_of(
    tokens: Sequence[Token], scores: lattices.Floats, step: float, config: "AlignConfig"
) -> Search | None:
    """The words of a text of which the sound holds only a part: these, and all others absent; None where no
    part is told.
    """
    # Every hop over what is left out takes a frame, which may lie outside of the sound.
    around = edged(scores, HOP_FRAMES)
    around[:HOP_FRAMES, FILLER] = around[-HOP_FRAMES:, FILLER] = 0.0
    graph = grow(tokens, step, replace(config, filler_cost=CUT_COST), hops=True)
    path, _ = best_path(graph, around)
    runs = consecutive(sorted(set(graph.token[path].tolist()) - {-1}))
    kept = [n for run in runs if len(run) >= PASSAGE_WORDS for n in run]
    if len(kept) < MANY_WORDS:
        return None
    part = search([tokens[n] for n in kept], scores, step, config, whole=False)
    if len(kept) - len(part.absent) < max(MANY_WORDS, LEAST_THERE * len(kept)):
        return None
    absent = set(range(len(tokens))) - set(kept) | {kept[n] for n in part.absent}
    return _spliced(_nothing(len(tokens), part, config), part, kept, absent, 0)


def _without_passages(found: Search, tokens: Sequence[Token], sound: Sound) -> Search:
    """The words when passages that nobody says take no time from the others."""
    for first, last in list(_doubtful(found.here)):
        found = _again(found, first, last, tokens, sound)
    here = found.here.copy()
    here[sorted(found.absent)] = DOUBT
    for first, last in _unsaid_runs(here):
        begin, end = _around(found, first, last, len(sound.scores))
        if sound.between(begin, end).tells:
            found = _spliced(found, None, [], set(range(first, last)), begin)
    odds = found.odds.copy()
    gone = sorted(found.absent)
    odds[gone] = np.minimum(odds[gone], log_odds(sound.config.least_said))
    return replace(found, odds=odds)


def _again(found: Search, first: int, last: int, tokens: Sequence[Token], sound: Sound) -> Search:
    """The words when those from `first` to before `last` are searched once more: without passages that are
    missing in clear speech, and with pauses in what is said instead; as they are where they are surer.
    """
    begin, end = _around(found, first, last, len(sound.scores))
    scores = sound.scores[begin:end].copy()
    scores[:, FILLER] = np.maximum(scores[:, FILLER], scores[:, 0])
    part = replace(sound, scores=scores)
    missing: set[int] = set()
    if part.tells:
        missing = {first + n for n in _missing(tokens[first:last], found.here[first:last] < 0, part)}
    kept = [n for n in range(first, last) if n not in missing]
    if not kept:
        return _spliced(found, None, [], missing, begin)
    said = [tokens[n] for n in kept]
    graph = grow(said, sound.step, sound.config)
    if len(scores) < graph.shortest:
        return found
    options = [
        all_words(graph, said, part, partial=partial)
        for partial in ((True, False) if missing else (False,))  # as parts they were searched before
    ]
    best = max(options, key=lambda option: _sureness(option.here))
    if not missing and _sureness(best.here) <= _sureness(found.here[first:last]):
        return found
    return _spliced(found, best, kept, missing, begin)


def _around(found: Search, first: int, last: int, frames: int) -> tuple[int, int]:
    """The frames between the words before `first` and from `last` on."""
    begin = found.places[first - 1].end if first else 0
    return begin, found.places[last].begin if last < len(found.places) else frames


def _sureness(here: np.ndarray) -> float:
    """How sure all in all words are to be where they stand."""
    return float(np.clip(here, -SUREST, SUREST).sum())


def _sure_of(found: Search) -> float:
    """How sure the words are that are said."""
    return _sureness(np.delete(found.here, list(found.absent)))


def _spliced(found: Search, part: Search | None, kept: list[int], missing: set[int], begin: int) -> Search:
    """The words with those of `part`, which begins at a frame, in the place of the numbers `kept`, and those
    `missing` absent.
    """
    places, unsaid = list(found.places), set(found.unsaid) - missing - set(kept)
    columns = [values.copy() for values in (found.odds, found.here, found.half_ms, found.facts)]
    if part:
        for column, values in zip(columns, (part.odds, part.here, part.half_ms, part.facts), strict=True):
            column[kept] = values
        unsaid |= {kept[n] for n in part.unsaid}
        for number, place in zip(kept, part.places, strict=True):
            places[number] = replace(place, begin=place.begin + begin, end=place.end + begin)
    for number in sorted(missing):
        reached = places[number - 1].end if number else 0
        places[number] = Place(reached, reached, NONE, NONE)
    odds, here, half_ms, known = columns
    return Search(places, frozenset(unsaid), found.absent | missing, odds, here, half_ms, known)


def _nothing(count: int, like: Search, config: "AlignConfig") -> Search:
    """What is known of so many words before they are searched."""
    return Search(
        [Place(0, 0, NONE, NONE)] * count, frozenset(), frozenset(),
        np.full(count, log_odds(config.least_said)), np.full(count, -SUREST), np.zeros(count),
        np.zeros((count, like.facts.shape[1])),
    )  # fmt: skip


def _doubtful(here: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of words, first and behind the last, that hold several badly found ones, with `NEAR_WORDS`
    well found ones on either side.
    """
    for group in clusters(np.flatnonzero(here < 0).tolist()):
        if len(group) >= PASSAGE_WORDS:
            yield max(group[0] - NEAR_WORDS, 0), min(group[-1] + 1 + NEAR_WORDS, len(here))


def _missing(tokens: Sequence[Token], bad: np.ndarray, sound: Sound) -> set[int]:
    """Numbers of the tokens that are in passages which the best path leaves out; `bad`: which were found
    badly.
    """
    graph = grow(tokens, sound.step, sound.config, hops=True)
    if len(sound.scores) < graph.shortest:
        return set()
    path, _ = best_path(graph, sound.scores)
    left_out = sorted(set(range(len(tokens))) - set(graph.token[path].tolist()))
    gone: set[int] = set()
    for run in consecutive(left_out):
        worst = [n for n in run if bad[n]]
        if len(worst) >= PASSAGE_WORDS:
            gone.update(range(worst[0], worst[-1] + 1))
    return gone


def _unsaid_runs(here: np.ndarray) -> Iterator[tuple[int, int]]:
    """Passages, first word and behind the last, whose words all in all are not where they stand."""
    total = most = 0.0
    first = last = 0
    for number, doubt in enumerate([*(DOUBT - np.clip(here, -SUREST, SUREST)), -math.inf]):
        total += doubt
        if total > most:
            most, last = total, number + 1
        elif total <= 0 or total < most - FOREIGN_DOUBT:
            if most >= FOREIGN_DOUBT:
                yield first, last
            total = most = 0.0
            first = number + 1
