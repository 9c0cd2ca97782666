"""The words of a text all of which are said, but for single ones, in phone scores.

A word that was not said is told by all paths together (`verdicts.said_of`); then the others are searched once
more without it. `search` leaves out whole passages.

Shapes: T frames of the phone scores (10 ms), V units, F facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from avsync import lattice as lattices
from avsync.places import Place, find, find_all, grow
from avsync.text import Token
from avsync.verdicts import facts, log_odds, said_of, tells

if TYPE_CHECKING:
    from avsync.alignconfig import AlignConfig

NEAR_WORDS = 3
"""Words that are searched again on either side of one that was not said."""


@dataclass(frozen=True, slots=True)
class Search:
    """The words of a transcript in phone scores, and what is known of each."""

    places: list[Place]
    """Of a word in a passage that nobody says: where the word before ends, and no frames."""
    unsaid: frozenset[int]
    """Numbers of the words that were not said, but for those of passages; they have places, but no phones."""
    absent: frozenset[int]
    """Numbers of the words in passages that nobody says."""
    odds: np.ndarray
    """Log-odds that each word was said."""
    here: np.ndarray
    """Log-odds that it was said and begins within `verdicts.HERE_S` of its place."""
    half_ms: np.ndarray
    """Half the central interval of each word's start, as wide as the scores say."""
    facts: np.ndarray
    """(words, F) see `verdicts.facts`."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What words are looked for in, and how."""

    scores: lattices.Floats
    """(T, V + 1) of `places.prepared`."""
    step: float
    """Seconds a frame."""
    config: "AlignConfig"
    clear: float
    """How clearly somebody speaks in all of it (`verdicts.clearness`)."""

    def between(self, begin: int, end: int) -> "Sound":
        """Some of its frames; how clear the whole is stays."""
        return replace(self, scores=self.scores[begin:end])

    @property
    def tells(self) -> bool:
        """Whether it is clear enough as a whole to say which passages are missing, and so it is here, or
        nobody speaks.
        """
        return tells(self.scores, self.clear)


def all_words(graph: lattices.Lattice, tokens: Sequence[Token], sound: Sound, *, partial: bool) -> Search:
    """The words of a lattice. `partial`: they may be those of a part of the sound (`places.find_all`)."""
    scores, step, config = sound.scores, sound.step, sound.config
    if partial:
        places, priced = find_all(graph, scores, len(tokens), step, config)
    else:
        places, priced = find(graph, scores, len(tokens), step, config), scores
    odds = said_of(tokens, places, scores, step, config)
    here = odds.here(places)
    known = facts(places, scores, here, sound.clear, step)
    unsaid = frozenset(np.flatnonzero(odds.said < log_odds(config.least_said)).tolist())
    if unsaid:
        near = _near(unsaid, here)
        places = without(unsaid, near, tokens, places, priced, step, config)
        kept = [number for first, last in near for number in range(first, last) if number not in unsaid]
        here[kept] = odds.here(places)[kept]
        known[kept] = facts([places[n] for n in kept], scores, here[kept], sound.clear, step)
    return Search(places, unsaid, frozenset(), odds.said, here, odds.half_ms, known)


def _near(unsaid: frozenset[int], here: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of words, first and behind the last, around those `unsaid`: with them what is badly found
    beside them, which they may have pushed away, and `NEAR_WORDS` on either side.
    """
    return [
        (max(group[0] - NEAR_WORDS, 0), min(group[-1] + 1 + NEAR_WORDS, len(here)))
        for group in clusters(sorted(unsaid | set(np.flatnonzero(here < 0).tolist())))
        if unsaid.intersection(group)
    ]


def clusters(numbers: Sequence[int]) -> list[list[int]]:
    """Rising numbers of words, together where stretches with `NEAR_WORDS` on either side would meet."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number - groups[-1][-1] <= 2 * NEAR_WORDS:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def without(
    unsaid: frozenset[int],
    near: Sequence[tuple[int, int]],
    tokens: Sequence[Token],
    places: Sequence[Place],
    scores: lattices.Floats,
    step: float,
    config: "AlignConfig",
) -> list[Place]:
    """The places when the words `unsaid` take no time from the others: the stretches `near` are searched once
    more, each between the words beyond.
    """
    fresh = list(places)
    for first, last in near:
        begin = places[first - 1].end if first else 0
        end = places[last].begin if last < len(tokens) else len(scores)
        inner = frozenset(number - first for number in unsaid if first <= number < last)
        graph = grow(tokens[first:last], step, config, unsaid=inner)
        found = find(graph, scores[begin:end], last - first, step, config, inner)
        fresh[first:last] = [
            replace(place, begin=place.begin + begin, end=place.end + begin) for place in found
        ]
    return fresh


def moved(found: Search, frames: int) -> Search:
    """What was found, as many frames later."""
    places = [replace(place, begin=place.begin + frames, end=place.end + frames) for place in found.places]
    return replace(found, places=places)
