"""How sure a word is: was it said at all, and does it begin where it stands?

The lattice in which every word may be missing, and sound that the text lacks may stand anywhere, gives the
probability that a word was said, against all that could be there instead. With how well the word's own
frames fit, how usual their length is and how clearly somebody speaks, a logistic regression makes the word's
confidence of it.

Shapes: T frames of the phone scores (10 ms), V units, F facts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from avsync import lattice as lattices
from avsync.lattice import FILLER
from avsync.paths import start_posteriors
from avsync.places import Place, grow
from avsync.text import Token
from avsync.timebase import seconds_to_ms

if TYPE_CHECKING:
    from avsync.alignconfig import AlignConfig

USUAL_PHONE_S = 0.08
"""What a phone lasts about, seconds."""
SUREST = 8.0
"""Log-odds beyond which a word is no more certain."""
WRONG_SHARE = 0.25
"""Share of the words of a clip's own transcript that may be wrong."""

SILENT_SHARE = 0.05
"""Of the frames in which nobody speaks, fewer than this share sound like speech."""
TELLING = -1.0
"""In speech that is less clear than this (`clearness`) nobody knows which passages are missing.
Clips of the web and of speechocean762 are at -0.6 to -0.75, with babble or music as loud below -1."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What `recipes/verdicts/fit.py` found for phone scores of one kind."""

    weights: tuple[float, ...]
    """Of `facts`."""
    width: float
    """How much wider the intervals of starts are than the scores say."""


HEARD = Fit((1.899, 2.434, 0.324, -0.827, 1.196, 0.752), 1.5)
"""Of the sound, or of both."""
SEEN = Fit((-0.242, 1.04, 0.388, -0.297, 0.085, -0.345), 2.2)
"""Of lips alone, which are as sharp and wrong far more often."""
BELONGS = (
    (-1.1, 1.8), (-0.9, 2.4), (-0.7, 3.4), (-0.6, 3.8), (-0.4, 4.2), (-0.3, 4.6), (-0.1, 5.4),
)  # fmt: skip
"""How clear the speech is, and the `agreement` that its words have at least where the transcript is its
own; between, a line. The recipe's limits with fewer knots: those of clear speech 0.1 to 0.3 higher, of less
clear speech 0.2 to 1.3 lower, where it refused own texts with a silenced word. Accents and noise make
refusals rarer."""
LEAST_CLEAR = -1.4
"""Less clear speech than this, and silence, counts as this clear: nothing was fitted beyond."""

BLOCK_CELLS = 6_000_000
"""T x S up to which the probabilities of all words are found in one piece."""
BLOCK_WORDS = 40
"""Words a piece, beyond that ..."""
MARGIN_WORDS = 3
"""... with so many on either side, whose other ends are held where the best path has them."""
APART_S = 5.0
"""Seconds without words that part such pieces."""
LONGEST_REPEATED = 6
"""Words in what a text has twice in a row, at most ..."""
ONCE = 1.2
"""... and how many times it is said, on average over all paths, where it is said once. Of words written twice
that are said once one is `not_spoken` in 90 % (GRID, n 210) and 51 % (speechocean762, accents, n 245), before
in 0 and 3 %; of words said twice both stay in 99 and 98 % (n 107 and 168)."""
HERE_S = 0.15
"""A word that begins within this, seconds, of where it stands is where it stands."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Where a word may begin."""

    first: int
    """Frame."""
    sums: np.ndarray
    """Probability that it was said and begins in any of the 0, 1, 2 ... frames from `first` on; outside of
    them it hardly begins (`NOWHERE`)."""

    @classmethod
    def of(cls, shares: np.ndarray, first: int) -> "Starts":
        """By the probability of each frame from `first` on."""
        some = np.flatnonzero(shares > NOWHERE)
        low, high = (int(some[0]), int(some[-1]) + 1) if len(some) else (0, 0)
        return cls(first + low, np.concatenate([[0.0], np.cumsum(shares[low:high])]))

    def between(self, begin: int, end: int) -> float:
        """Probability that it begins in a frame from `begin` to before `end`."""
        low, high = np.clip([begin - self.first, end - self.first], 0, len(self.sums) - 1)
        return float(self.sums[high] - self.sums[low])


NOWHERE = 1e-12
"""Less probable starts are not kept."""


@dataclass(frozen=True, slots=True)
class Odds:
    """Of each word: was it said, and how sure is its start?"""

    said: np.ndarray
    """Log-odds that it was said at all."""
    starts: tuple[Starts, ...]
    half_ms: np.ndarray
    """Half the central interval of its start."""
    near: int
    """Frames that a start may be off and still be here."""

    def here(self, places: Sequence[Place]) -> np.ndarray:
        """Log-odds that each word was said and begins within `HERE_S` of its place."""
        return np.array([
            log_odds(starts.between(place.begin - self.near, place.begin + self.near + 1))
            for starts, place in zip(self.starts, places, strict=True)
        ])  # fmt: skip


def said_of(
    tokens: Sequence[Token],
    places: Sequence[Place],
    scores: lattices.Floats,
    step: float,
    config: "AlignConfig",
) -> Odds:
    """What all paths together say of each word; `places` are those of the best one."""
    cheaper = config.evidence_scale * (config.filler_penalty - config.rival_penalty)
    starts: list[Starts] = []
    rows: list[tuple[float, float]] = []
    for piece in _pieces(tokens, places, len(scores), step, config):
        outer = tokens[piece.outer_first : piece.outer_last]
        part = grow(outer, step, config, skips=True)
        evidence = (scores[piece.begin : piece.end] * np.float32(config.evidence_scale)).astype(np.float32)
        evidence[:, FILLER] = np.maximum(evidence[:, FILLER] + np.float32(cheaper), evidence[:, 0])
        shares = _said_once(outer, start_posteriors(part, evidence, len(outer)))
        for number in range(piece.first, piece.last):
            row = shares[number - piece.outer_first]
            starts.append(Starts.of(row, piece.begin))
            rows.append((log_odds(float(row.sum())), _half_width(row, step, config)))
    odds, half_ms = (np.array(column) for column in zip(*rows, strict=True))
    return Odds(odds, tuple(starts), half_ms, round(HERE_S / step))


def _said_once(tokens: Sequence[Token], shares: np.ndarray) -> np.ndarray:
    """(words, T) probabilities of starts, where what a text has exactly twice in a row and the sound once
    counts for the first: else each of both would be as probable as not to be said. What is said once more
    than that, or so unclearly that all paths together say it more often than `ONCE`, stays as it is.
    """
    shares = shares.copy()
    for length in range(1, LONGEST_REPEATED + 1):
        for first in range(len(tokens) - 2 * length, -1, -1):
            here, there = (slice(at, at + length) for at in (first, first + length))
            if any(
                one.readings != other.readings for one, other in zip(tokens[here], tokens[there], strict=True)
            ):
                continue
            both = shares[here] + shares[there]
            times = both.sum(axis=1, keepdims=True)
            if times.mean() < ONCE:
                shares[here] = both / np.maximum(times, 1.0)
                shares[there] *= 1e-9
    return shares


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words whose probabilities are found together, with their neighbours, and the frames to look in."""

    first: int
    last: int
    outer_first: int
    outer_last: int
    begin: int
    end: int


def _pieces(
    tokens: Sequence[Token], places: Sequence[Place], frames: int, step: float, config: "AlignConfig"
) -> list[_Piece]:
    """All words in one piece in a short sound. In a long one some at a time, none across `APART_S` without
    words, and no more than that of the sound before and behind them.
    """
    count = len(tokens)
    if frames * len(grow(tokens, step, config, skips=True)) <= BLOCK_CELLS:
        return [_Piece(0, count, 0, count, 0, frames)]
    apart = round(APART_S / step)
    gaps = [n for n in range(1, count) if places[n].begin - places[n - 1].end > apart]
    pieces = []
    for start, stop in pairwise([0, *gaps, count]):
        for first in range(start, stop, BLOCK_WORDS):
            last = min(first + BLOCK_WORDS, stop)
            outer_first, outer_last = max(start, first - MARGIN_WORDS), min(stop, last + MARGIN_WORDS)
            before = places[outer_first - 1].end if outer_first else 0
            behind = places[outer_last].begin if outer_last < count else frames
            begin = max(before, places[outer_first].begin - apart)
            end = min(behind, places[outer_last - 1].end + apart)
            pieces.append(_Piece(first, last, outer_first, outer_last, begin, end))
    return pieces


def log_odds(probability: float) -> float:
    """Of a probability, held within 1e-9 of both ends."""
    held = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(held / (1 - held))


def _half_width(shares: np.ndarray, step: float, config: "AlignConfig") -> float:
    """Half the width, ms, of the central interval of a distribution over frames, linear inside a frame."""
    edges = np.concatenate([[0.0], np.cumsum(shares)])
    tail = (1.0 - config.interval) / 2 * edges[-1]
    low, high = np.interp([tail, edges[-1] - tail], edges, np.arange(len(edges)))
    return seconds_to_ms(float(high - low) / 2 * step)


def plus_minus_ms(half_ms: float, lip_share: float, config: "AlignConfig") -> float:
    """What to state: half the interval, by experience with scores that the lips tell by that share."""
    width = HEARD.width + lip_share * (SEEN.width - HEARD.width)
    return max(config.smallest_plus_minus_ms, width * half_ms)


def probability(facts: np.ndarray, fit: Fit) -> np.ndarray:
    """The confidence of each word by its facts (words, F)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(facts @ np.array(fit.weights), -30, 30))))


def clearness(scores: lattices.Floats) -> float:
    """Mean log-score of the best phone where it is better than silence: how clearly somebody speaks."""
    best = scores[:, 1:FILLER].max(axis=1, initial=-np.inf)
    speech = best > scores[:, 0]
    return max(float(best[speech].mean()), LEAST_CLEAR) if speech.any() else LEAST_CLEAR


def silent(scores: lattices.Floats) -> bool:
    """Whether hardly any frame sounds more like a phone than like silence: nobody speaks."""
    return float((scores[:, 1:FILLER].max(axis=1, initial=-np.inf) > scores[:, 0]).mean()) < SILENT_SHARE


def tells(scores: lattices.Floats, whole: float) -> bool:
    """Whether a part of a sound, of which the `whole` is so clear, is clear enough to say which passages are
    missing; so it is where nobody speaks.
    """
    return whole >= TELLING and (silent(scores) or clearness(scores) >= TELLING)


def facts(
    places: Sequence[Place], scores: lattices.Floats, here: np.ndarray, clear: float, step: float
) -> np.ndarray:
    """(words, F) what speaks for and against each word: 1; that it was said and begins here (log-odds),
    against all that may be there instead; how far its frames stay behind the best units; how unusual the
    length of its phones is; how clear the speech of the whole is, alone and where the word begins here.
    """
    rows = []
    for place, sure in zip(places, here, strict=True):
        phones = 1 + int(np.count_nonzero(np.diff(place.slots)))
        own = scores[np.arange(place.begin, place.end), place.units]
        behind = own - scores[place.begin : place.end, :FILLER].max(axis=1)
        length = abs(math.log(len(place.units) * step / phones / USUAL_PHONE_S))
        held = min(max(sure, -SUREST), SUREST) / 4
        rows.append([1.0, held, float(behind.mean()), length, clear, held * clear])
    return np.array(rows).reshape(len(rows), 6)


def belongs(said: Sequence[float], clear: float) -> bool:
    """Is a transcript, each word of which was said with these probabilities, that of the sound?

    The clearer the speech, the more its words must have been said: of speech in noise, little is known.
    """
    if not said:
        return True
    known, least = zip(*BELONGS, strict=True)
    limit = float(np.interp(clear, known, least))
    return agreement_of(said) >= limit


def agreement_of(said: Sequence[float]) -> float:
    """`agreement` of words that were said with these probabilities."""
    return agreement([log_odds(probability) for probability in said])


def agreement(odds: Sequence[float]) -> float:
    """Mean log-odds of words without the least likely quarter: a wrong word or two is no other text."""
    held = np.sort(np.clip(odds, -SUREST, SUREST))
    return float(held[int(len(held) * WRONG_SHARE) :].mean())
