"""How sure a word is: was it said at all, and does it begin where it stands?

The lattice in which every word may be missing, and sound that the text lacks may stand anywhere, gives the
probability that a word was said, against all that could be there instead. With how well the word's own frames
fit, and how long they are, a logistic regression makes the word's confidence of it.

Shapes: T frames of the phone scores (10 ms), V units, F facts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from avsync import lattice as lattices
from avsync.errors import TextError
from avsync.places import Place, find, grow
from avsync.text import Token
from avsync.timebase import seconds_to_ms

if TYPE_CHECKING:
    from avsync.words import AlignConfig

WINDOW_S = 0.2
"""The worst stretch of a word is this long, seconds."""
USUAL_PHONE_S = 0.08
"""What a phone lasts about, seconds."""

BLOCK_CELLS = 6_000_000
"""T x S up to which the probabilities of all words are found in one piece."""
BLOCK_WORDS = 40
"""Words a piece, beyond that ..."""
MARGIN_WORDS = 3
"""... with so many on either side, whose other ends are held where the best path has them."""


@dataclass(frozen=True, slots=True)
class Search:
    """The words of a transcript in phone scores, and what is known of each."""

    places: list[Place]
    unsaid: frozenset[int]
    """Numbers of the words that were not said; they have places, but no phones."""
    spread_ms: np.ndarray
    """Half the central interval of each word's start."""
    facts: np.ndarray
    """(words, F) see `facts`."""


def search(tokens: Sequence[Token], scores: lattices.Floats, step: float, config: "AlignConfig") -> Search:
    """Find all words; then, where some were not said, once more those that were.

    `scores` (T, V + 1) of `places.prepared`. Errors: TextError when the words take longer than the sound.
    """
    graph = grow(tokens, step, config)
    if len(scores) < graph.shortest:
        raise TextError(
            f"The transcript has {len(tokens)} words, which take {graph.shortest * step:.2f} s "
            f"at least, but the clip has {len(scores) * step:.2f} s. "
            "Give the words that are spoken in it."
        )
    places = find(graph, scores, len(tokens), step)
    odds, spread = said_and_spread(tokens, places, scores, step, config)
    known = facts(places, scores, odds, spread, step)
    unsaid = frozenset(np.flatnonzero(odds < _log_odds(config.least_said)).tolist())
    if 0 < len(unsaid) < len(tokens):
        places = find(grow(tokens, step, config, unsaid=unsaid), scores, len(tokens), step, unsaid)
        kept = [number for number in range(len(tokens)) if number not in unsaid]
        known[kept] = facts([places[number] for number in kept], scores, odds[kept], spread[kept], step)
    return Search(places, unsaid, spread, known)


def said_and_spread(
    tokens: Sequence[Token],
    places: Sequence[Place],
    scores: lattices.Floats,
    step: float,
    config: "AlignConfig",
) -> tuple[np.ndarray, np.ndarray]:
    """Of each word the log-odds that it was said, and half the central interval of its start in ms.

    `places` are those of the best path, for cutting long texts.
    """
    evidence = (scores * np.float32(config.evidence_scale)).astype(np.float32)
    if len(scores) * len(grow(tokens, step, config, skips=True)) <= BLOCK_CELLS:
        pieces = [(0, len(tokens), 0, len(tokens))]
    else:
        cuts = [*range(0, len(tokens), BLOCK_WORDS), len(tokens)]
        pieces = [
            (a, b, max(0, a - MARGIN_WORDS), min(len(tokens), b + MARGIN_WORDS)) for a, b in pairwise(cuts)
        ]
    odds: list[float] = []
    spread: list[float] = []
    for first, last, outer_first, outer_last in pieces:
        begin = places[outer_first - 1].end if outer_first else 0
        end = places[outer_last].begin if outer_last < len(tokens) else len(scores)
        part = grow(tokens[outer_first:outer_last], step, config, skips=True)
        shares = lattices.start_posteriors(part, evidence[begin:end], outer_last - outer_first)
        for row in shares[first - outer_first : last - outer_first]:
            odds.append(_log_odds(float(row.sum())))
            spread.append(_half_width(row, step, config))
    return np.array(odds), np.array(spread)


def _log_odds(probability: float) -> float:
    held = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(held / (1 - held))


def _half_width(shares: np.ndarray, step: float, config: "AlignConfig") -> float:
    """Half the width, ms, of the central interval of a distribution over frames, linear inside a frame."""
    edges = np.concatenate([[0.0], np.cumsum(shares)])
    tail = (1.0 - config.interval) / 2 * edges[-1]
    low, high = np.interp([tail, edges[-1] - tail], edges, np.arange(len(edges)))
    return max(config.smallest_plus_minus_ms, seconds_to_ms(float(high - low) / 2 * step))


WEIGHTS = (0.0, 4.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""Of the facts."""


def probability(facts: np.ndarray) -> np.ndarray:
    """The confidence of each word by its facts (words, F)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(facts @ np.array(WEIGHTS), -30, 30))))


def facts(
    places: Sequence[Place],
    scores: lattices.Floats,
    odds: np.ndarray,
    spread: np.ndarray,
    step: float,
) -> np.ndarray:
    """(words, F) what speaks for and against each word."""
    rows = []
    for place, odd, width in zip(places, odds, spread, strict=True):
        best, own = _against_best(place, scores)
        behind = own - best
        window = min(max(1, round(WINDOW_S / step)), len(behind))
        worst = running_mean(1 / (1 + np.exp(-behind)), window).min()
        phones = 1 + int(np.count_nonzero(np.diff(place.slots)))
        length = math.log(len(place.units) * step / phones / USUAL_PHONE_S)
        rows.append(
            [1.0, odd / 4, float(np.maximum(behind, -6).mean()), _log_odds(float(worst)), abs(length),
             math.log(width / 10)]
        )  # fmt: skip
    table = np.array(rows).reshape(len(rows), 6)
    around = np.full((len(rows), 1), np.median(table[:, 2]) if len(rows) else 0.0)
    return np.concatenate([table, around], axis=1)


def _against_best(place: Place, scores: lattices.Floats) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame of a word the score of the best other unit, and that of its own."""
    frames = np.arange(len(place.units))
    others = scores[place.begin : place.end, :-1].astype(np.float64)
    own = others[frames, place.units].copy()
    others[frames, place.units] = -np.inf
    return others.max(axis=1), own


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean of each `width` neighbours."""
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((summed[width:] - summed[:-width]) / width)
