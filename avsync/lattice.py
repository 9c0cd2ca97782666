"""The lattice of a transcript; `paths` finds its way through it.

Every pronunciation of every word is a chain of states, one phone after the other; a phone is `minimum` states
of which the last repeats, so that no phone is shorter than `minimum` frames and no blank stands inside a
word. Chains are joined end to start, with an optional chain of silence between them and at both edges.

A *filler* stands for sound that the transcript lacks: any unit, at a price. With `filler_cost` it may stand
wherever silence may; `inner_filler_cost` is added inside the text where no punctuation is, for what a
transcript leaves out is mostly before, behind and between sentences.

With `skip_cost` words may be left out. For the sum over all paths to be fair, what is not said has one way to
be not said: a gap is empty, all silence or all filler (whose score has to be as good as that of silence), and
a word that is left out is one frame of filler right before what follows, or nothing at the end of the text.
Else words that are left out would have more places together, in a long silence, than words that were said.

For the best path alone, `hop_cost` lets whole passages be left out: the fillers of all gaps are joined by
hops over 1, 4, 16 ... 4,096 words, so that the lattice stays small and a hundred words take no time.

Shapes: T frames, V units, S states, C chains, A arcs (a chain's first state <- the last state of a chain
before it).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avsync.pronounce import UNITS, pronounce
from avsync.text import Token

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

NEVER = np.float32(-np.inf)

FILLER = len(UNITS)
"""Unit of the filler; its score is a column behind those of `UNITS`."""
PUNCTUATION = tuple(".,;:!?)]\"'-\u2013\u2014\u2026\u201d\u2019")
"""What a token ends with where a speaker may say more than is written."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """A transcript as a graph; states stand in the order of the text, so that arcs only lead onward."""

    unit: Ints
    """(S,) index into `UNITS`, or `FILLER`."""
    token: Ints
    """(S,) index of the written token, -1 in silence and filler."""
    slot: Ints
    """(S,) number of the phone, unique over the lattice; the states of one phone share it."""
    loop: Floats
    """(S,) 0 where a state may repeat, else -inf."""
    link: Floats
    """(S,) 0 where a state follows the state before it, else -inf (the first of a chain)."""
    first: Ints
    """(C,) first state of each chain."""
    opens: Ints
    """(C,) token that begins with the chain, -1 for silence, filler and later words of a token."""
    arc_from: Ints
    """(A,) state before a chain's first; S stands for the start of the sound."""
    arc_cost: Floats
    """(A,) log-score of the arc, <= 0."""
    arc_start: Ints
    """(C,) where each chain's arcs begin in `arc_from`."""
    final: NDArray[np.bool_]
    """(S,) where the text is complete."""
    shortest: int
    """Fewest frames that a path needs."""

    def __len__(self) -> int:
        return len(self.unit)


class _Builder:
    """Grows a lattice chain by chain. An end is (last state of a chain, fewest frames up to there)."""

    def __init__(
        self, minimum: int, silence_minimum: int, silence_cost: float, filler_cost: float | None
    ) -> None:
        self.minimum, self.silence_minimum = minimum, silence_minimum
        self.silence_cost, self.filler_cost = silence_cost, filler_cost
        self.unit: list[int] = []
        self.token: list[int] = []
        self.slot: list[int] = []
        self.repeats: list[bool] = []
        self.first: list[int] = []
        self.opens: list[int] = []
        self.arcs: list[list[tuple[int, float]]] = []
        self.slots = 0

    def chain(
        self, units: Sequence[int], token: int, opens: int, before: list[tuple[int, int]], cost: float
    ) -> tuple[int, int]:
        """Adds a chain behind the ends `before` ((state, frames) each) and returns its own end."""
        self.first.append(len(self.unit))
        self.opens.append(opens)
        self.arcs.append([(state, -cost) for state, _ in before])
        for unit in units:
            states = {0: self.silence_minimum, FILLER: 1}.get(unit, self.minimum)
            self.unit += [unit] * states
            self.token += [token] * states
            self.slot += [self.slots] * states
            self.repeats += [False] * (states - 1) + [True]
            self.slots += 1
        frames = min(frames for _, frames in before) + len(self.unit) - self.first[-1]
        return len(self.unit) - 1, frames

    def with_silence(self, ends: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The ends, and the end of an optional silence behind them."""
        return [*ends, self.chain([0], -1, -1, ends, self.silence_cost)]

    def with_gap(self, ends: list[tuple[int, int]], inner_cost: float = 0.0) -> list[tuple[int, int]]:
        """The ends, and those of what may stand between two tokens: silence, or filler with silences round
        it. `inner_cost`: what filler costs more than elsewhere.
        """
        ends = self.with_silence(ends)
        if self.filler_cost is None:
            return ends
        filler = self.chain([FILLER], -1, -1, ends, self.filler_cost + inner_cost)
        return [*ends, *self.with_silence([filler])]

    def with_rest(self, ends: list[tuple[int, int]], cost: float) -> list[tuple[int, int]]:
        """The ends, that of silence and that of filler at this cost."""
        return [*self.with_silence(ends), self.chain([FILLER], -1, -1, ends, cost)]

    def with_hub(
        self, ends: list[tuple[int, int]], cost: float, hubs: list[tuple[int, int]], hop_cost: float
    ) -> list[tuple[int, int]]:
        """The ends, and those of what may stand between two tokens, as in `with_gap`. Its filler joins the
        `hubs`, those of the gaps before it, and can be entered from some of them.
        """
        assert self.filler_cost is not None, "hubs are filler"
        state, frames = self.chain([FILLER], -1, -1, ends, self.filler_cost + cost)
        for leap in (leap for leap in LEAPS if leap <= len(hubs)):
            before, reached = hubs[-leap]
            self.arcs[-1].append((before, -hop_cost * leap))
            frames = min(frames, reached + 1)
        hubs.append((state, frames))
        return [*ends, *self.with_silence([hubs[-1]])]

    def one_frame(self, token: int, before: list[tuple[int, int]], cost: float) -> tuple[int, int]:
        """Adds a single frame of filler and returns its end."""
        end = self.chain([FILLER], token, -1, before, cost)
        self.repeats[-1] = False
        return end

    def add(self, index: int, token: Token, ends: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Adds all readings of a token behind `ends` and returns their ends."""
        code = {unit: number for number, unit in enumerate(UNITS)}
        after: list[tuple[int, int]] = []
        for reading in token.readings:
            here = ends
            for position, word in enumerate(reading):
                before = self.with_silence(here) if position else here
                opens = index if position == 0 else -1
                here = [
                    self.chain([code[p] for p in phones], index, opens, before, 0.0)
                    for phones in token.own.get(word) or pronounce(word)
                ]
            after += here
        return after


START = -1
"""Stands for the state before all others while a lattice grows."""
LEAPS = (1, 4, 16, 64, 256, 1024, 4096)
"""How many tokens a hop from filler to filler leaves out: any number in a few hops, each of a frame."""


def build(
    tokens: Sequence[Token],
    *,
    minimum: int = 3,
    silence_minimum: int = 3,
    silence_cost: float = 0.0,
    filler_cost: float | None = None,
    inner_filler_cost: float = 0.0,
    skip_cost: float | None = None,
    hop_cost: float | None = None,
    unsaid: Collection[int] = (),
) -> Lattice:
    """The lattice of `tokens`.

    `minimum` and `silence_minimum` are frames that a phone and a silence last at least; `silence_cost`,
    `filler_cost` (with `inner_filler_cost`) and `skip_cost` are the log-scores that entering a silence and a
    filler, and leaving out a word cost (>= 0; None: there is none). `hop_cost` is what each word costs
    that is left out in filler, with any number of others. The tokens `unsaid` are one frame of filler each,
    and no phones.
    """
    grown = _Builder(minimum, silence_minimum, silence_cost, filler_cost)
    if hop_cost is not None:
        ends = _grow_with_hops(grown, tokens, inner_filler_cost, hop_cost)
    elif skip_cost is None:
        ends = _grow(grown, tokens, inner_filler_cost, unsaid)
    else:
        ends = _grow_loosely(grown, tokens, inner_filler_cost, skip_cost)
    count = len(grown.unit)
    link = np.zeros(count, np.float32)
    link[grown.first] = NEVER
    final = np.zeros(count, bool)
    final[[state for state, _ in ends]] = True
    lengths = [len(arcs) for arcs in grown.arcs]
    return Lattice(
        unit=np.array(grown.unit, np.int32),
        token=np.array(grown.token, np.int32),
        slot=np.array(grown.slot, np.int32),
        loop=np.where(grown.repeats, np.float32(0), NEVER),
        link=link,
        first=np.array(grown.first, np.int32),
        opens=np.array(grown.opens, np.int32),
        arc_from=np.array([count if s == START else s for arcs in grown.arcs for s, _ in arcs], np.int32),
        arc_cost=np.array([cost for arcs in grown.arcs for _, cost in arcs], np.float32),
        arc_start=np.cumsum([0, *lengths[:-1]]).astype(np.int32),
        final=final,
        shortest=min(frames for _, frames in ends),
    )


def _grow(
    grown: _Builder, tokens: Sequence[Token], inner_cost: float, unsaid: Collection[int]
) -> list[tuple[int, int]]:
    """Adds tokens of which all are spoken but for `unsaid`; returns the ends of the text."""
    ends = grown.with_gap([(START, 0)])
    for index, token in enumerate(tokens):
        said = [grown.one_frame(index, ends, 0.0)] if index in unsaid else grown.add(index, token, ends)
        ends = grown.with_gap(said, 0.0 if _closes(tokens, index) else inner_cost)
    return ends


def _grow_loosely(
    grown: _Builder, tokens: Sequence[Token], inner_cost: float, skip_cost: float
) -> list[tuple[int, int]]:
    """Adds tokens each of which may be left out; returns the ends of the text."""
    assert grown.filler_cost is not None, "words are left out for filler"
    ends = grown.with_rest([(START, 0)], grown.filler_cost)
    early: list[tuple[int, int]] = []
    for index, token in enumerate(tokens):
        said = grown.add(index, token, ends)
        skipped = grown.one_frame(-1, ends, skip_cost)
        closes, missing = _closes(tokens, index), len(tokens) - index - 1
        ends = [*grown.with_rest(said, grown.filler_cost + (0.0 if closes else inner_cost)), skipped]
        if not closes:  # all that follows is left out: what is there instead is no gap inside the text
            early.append(grown.chain([FILLER], -1, -1, said, grown.filler_cost + skip_cost * missing))
    return [*ends, *early]


def _grow_with_hops(
    grown: _Builder, tokens: Sequence[Token], inner_cost: float, hop_cost: float
) -> list[tuple[int, int]]:
    """Adds tokens of which any number on end may be left out; returns the ends of the text."""
    hubs: list[tuple[int, int]] = []
    ends = grown.with_hub(grown.with_silence([(START, 0)]), 0.0, hubs, hop_cost)
    for index, token in enumerate(tokens):
        said = grown.with_silence(grown.add(index, token, ends))
        ends = grown.with_hub(said, 0.0 if _closes(tokens, index) else inner_cost, hubs, hop_cost)
    return ends


def _closes(tokens: Sequence[Token], index: int) -> bool:
    """Whether a speaker may say more than is written behind a token."""
    return index + 1 == len(tokens) or tokens[index].text.endswith(PUNCTUATION)
