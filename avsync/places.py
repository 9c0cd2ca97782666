"""Where the words of a transcript are in phone scores: the frames of each, on the best path.

Shapes: T frames of the scores (10 ms), V units.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from avsync import durations
from avsync import lattice as lattices
from avsync.lattice import FILLER
from avsync.paths import WHOLE_CELLS, best_path
from avsync.text import Token

if TYPE_CHECKING:
    from avsync.alignconfig import AlignConfig

FORBIDDEN = np.float32(-1e4)
"""Score of a unit where it cannot be."""
LONGEST_UNSAID_S = 1.0
"""No word that was not said gets more time than this, seconds."""
FAR_S, NEAR_S = 0.3, 0.1
"""Sound without words for longer than `FAR_S`, seconds, is not the transcript's, but for `NEAR_S` beside
words."""
STRAY_SHARE = 0.02
"""Share of the time of all words that may fit badly before a transcript is taken for that of a part ..."""
STRAY_BEHIND = 1.5
"""... badly: further behind the best units than this in the mean of a word's frames, nats."""


@dataclass(frozen=True, slots=True)
class Place:
    """The frames of a word."""

    begin: int
    """First frame."""
    end: int
    """The frame behind the last."""
    units: lattices.Ints
    """Unit of each frame; none in a word that was not said."""
    slots: lattices.Ints
    """Number of the phone of each frame."""


def prepared(log_probs: lattices.Floats, config: "AlignConfig") -> lattices.Floats:
    """(T, V) log-probabilities -> (T, V + 1) scores of a lattice: silence at its price, bad frames raised to
    the floor, and the filler, which is as good as the best unit, at its own.
    """
    scores = log_probs - np.float32(config.silence_penalty) * (np.arange(log_probs.shape[1]) == 0)
    scores = np.maximum(scores, np.float32(config.floor))
    filler = scores.max(axis=1, keepdims=True) - np.float32(config.filler_penalty)
    return np.concatenate([scores, filler], axis=1).astype(np.float32)


def edged(scores: lattices.Floats, frames: int) -> lattices.Floats:
    """(T, V + 1) scores between `frames` of nothing but silence on either side.

    So a word that begins a little behind the start of a sound need not pay for a silence, or begin too early.
    """
    edge = np.full((frames, scores.shape[1]), FORBIDDEN, np.float32)
    edge[:, 0] = 0.0
    return np.concatenate([edge, scores, edge])


def grow(
    tokens: Sequence[Token],
    step: float,
    config: "AlignConfig",
    *,
    skips: bool = False,
    hops: bool = False,
    unsaid: Collection[int] = (),
) -> lattices.Lattice:
    """The lattice of tokens that are spoken.

    `skips`: each word may be missing from the sound; costs are those of single pieces of evidence then, as
    the scores that `evidence_scale` has made smaller. `hops`: passages may be missing.
    """
    scale = config.evidence_scale if skips else 1.0
    return lattices.build(
        tokens,
        minimum=max(1, round(config.minimum_phone_s / step)),
        silence_minimum=max(1, round(config.minimum_silence_s / step)),
        silence_cost=config.silence_cost,
        filler_cost=scale * config.filler_cost,
        inner_filler_cost=scale * config.inner_filler_cost,
        skip_cost=scale * config.skip_cost if skips else None,
        hop_cost=config.hop_cost if hops else None,
        unsaid=unsaid,
    )


def find(
    graph: lattices.Lattice,
    scores: lattices.Floats,
    count: int,
    step: float,
    config: "AlignConfig",
    unsaid: Collection[int] = (),
) -> list[Place]:
    """The places of `count` tokens on the best path; silence inside a token belongs to it.

    A token that is not said gets the sound that no other word claims around its frame, and shares it with its
    like.
    """
    path, _ = best_path(graph, scores)
    path = _usual(graph, path, scores, step, config)
    said = graph.token[path]
    spoken = np.flatnonzero(said >= 0)
    first = spoken[np.searchsorted(said[spoken], np.arange(count), side="left")]
    last = spoken[np.searchsorted(said[spoken], np.arange(count), side="right") - 1]
    spans = [(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]
    for run in consecutive(sorted(unsaid)):
        low = spans[run[0] - 1][1] if run[0] else 0
        high = spans[run[-1] + 1][0] if run[-1] + 1 < count else len(path)
        filled = low + np.flatnonzero(graph.unit[path[low:high]] == FILLER)
        begin, end = int(filled[0]), int(filled[-1]) + 1
        longest = max(1, round(LONGEST_UNSAID_S / step))
        for number, token in enumerate(run):
            start = begin + (end - begin) * number // len(run)
            stop = begin + (end - begin) * (number + 1) // len(run)
            spans[token] = (start, min(stop, start + longest))
    none = path[:0]
    return [
        Place(begin, end, none, none)
        if token in unsaid
        else Place(begin, end, graph.unit[path[begin:end]], graph.slot[path[begin:end]])
        for token, (begin, end) in enumerate(spans)
    ]


def find_all(
    graph: lattices.Lattice, scores: lattices.Floats, count: int, step: float, config: "AlignConfig"
) -> tuple[list[Place], lattices.Floats]:
    """`find`, and the scores it was done with, where the words may be those of a part of the sound only.

    Filler is dear so that it takes no frames from words that are there; next to a minute that the transcript
    lacks, it is cheaper to stretch words. So the words are found roughly with cheap filler first, and what is
    far from them stays cheap. In long sounds only where words fit badly otherwise.
    """
    if len(scores) * len(graph) > WHOLE_CELLS:
        places = find(graph, scores, count, step, config)
        if not _stray(places, scores):
            return places, scores
    discount = np.float32(max(config.filler_penalty - config.distant_penalty, 0.0))
    cheap = scores.copy()
    cheap[:, FILLER] = np.maximum(cheap[:, FILLER] + discount, cheap[:, 0])
    rough = find(graph, cheap, count, step, replace(config, duration_weight=0.0))
    edges = [0, *(edge for place in rough for edge in (place.begin, place.end)), len(scores)]
    near = round(NEAR_S / step)
    priced = scores.copy()
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if (end - begin) * step > FAR_S:
            priced[begin + near : end - near, FILLER] = cheap[begin + near : end - near, FILLER]
    return find(graph, priced, count, step, config), priced


def _stray(places: Sequence[Place], scores: lattices.Floats) -> bool:
    """Do more of the words' frames than usual stand where something else is said?"""
    bad = total = 0
    for place in places:
        own = scores[np.arange(place.begin, place.end), place.units]
        behind = scores[place.begin : place.end, :FILLER].max(axis=1) - own
        total += len(own)
        bad += len(own) if behind.mean() > STRAY_BEHIND else 0
    return bad > STRAY_SHARE * total


def _usual(
    graph: lattices.Lattice, path: lattices.Ints, scores: lattices.Floats, step: float, config: "AlignConfig"
) -> lattices.Ints:
    """The path with its edges where the usual durations of phones want them too: one state a phone.

    Filler has no usual duration: what stands between two of them is moved by itself.
    """
    if config.duration_weight == 0.0:
        return path
    filler = np.flatnonzero(graph.unit[path] == FILLER)
    moved = path.copy()
    for begin, end in zip([0, *(filler + 1)], [*filler, len(path)], strict=True):
        if begin == end:
            continue
        part = path[begin:end]
        edges = durations.segments(graph.slot[part])
        states = part[edges[:-1]]
        edges = durations.refine(
            graph.unit[states], edges, scores[begin:end, :FILLER], weight=config.duration_weight,
            reach=round(config.duration_reach_s / step),
            minimum=max(1, round(min(config.minimum_phone_s, config.minimum_silence_s) / step)),
        )  # fmt: skip
        moved[begin:end] = np.repeat(states, np.diff(edges))
    return moved


def consecutive(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers that follow each other, together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
