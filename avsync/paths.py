"""Exact paths through a lattice: the best one, and the share of all of them that begins a word at a frame.

Shapes: T frames, V units, S states.
"""

import math

import numpy as np
from numpy.typing import NDArray

from avsync.lattice import NEVER, Floats, Ints, Lattice

WHOLE_CELLS = 8_000_000
"""T x S up to which `best_path` keeps every frame instead of checkpoints (32 MB)."""


def best_path(lattice: Lattice, log_probs: Floats, *, segment: int | None = None) -> tuple[Ints, float]:
    """The states (T,) of the best path, and its log-score (arcs included), exactly.

    `log_probs` (T, V), finite. Scores are kept at every `segment`-th frame only (default: all of them in
    short sounds, the square root of T in long ones). From there those that the path can have passed are
    computed a second time, so that memory is about T / segment x S. T must be at least `lattice.shortest`.
    """
    frames, states = len(log_probs), len(lattice)
    if segment is None:
        segment = frames if frames * states <= WHOLE_CELLS else math.isqrt(frames - 1) + 1
    start = np.full(states + 1, NEVER, np.float32)
    start[states] = 0
    checkpoints, total, score = [start], 0.0, start
    forward = _forward if frames * states <= WHOLE_CELLS else _forward_compiled
    whole = segment >= frames  # then all is kept: no second pass
    kept: Floats | None = None
    for begin in range(0, frames, segment):
        score, gain, scores = forward(lattice, score, log_probs[begin : begin + segment], whole)
        kept = scores if whole else None
        total += gain
        checkpoints.append(score)
    ending = np.where(lattice.final, score[:-1], NEVER)
    path = np.empty(frames, np.int32)
    path[-1] = int(ending.argmax())
    total += float(ending[path[-1]])
    earliest = None if whole else _earliest(lattice)
    for number in range(len(checkpoints) - 2, -1, -1):
        begin = number * segment
        end = min(begin + segment, frames)
        part, low, entry = lattice, 0, checkpoints[number]
        if kept is None:
            assert earliest is not None
            part, low = _reaching(lattice, earliest, int(path[end - 1]), end - begin)
            entry = np.append(entry[low : low + len(part)], entry[-1:])
            _, _, kept = forward(part, entry, log_probs[begin:end], True)
        for t in range(end - 1, begin - 1, -1):
            before = kept[t - begin - 1] if t > begin else entry
            previous = _best_before(part, before, int(path[t]) - low) + low
            if t:
                path[t - 1] = previous
        kept = None
    return path, total


def _earliest(lattice: Lattice) -> Ints:
    """(S,) the first frame in which each state can be."""
    count = len(lattice)
    found = np.zeros(count, np.int32)
    ends = [*lattice.first[1:].tolist(), count]
    arcs = [*lattice.arc_start[1:].tolist(), len(lattice.arc_from)]
    for chain, first in enumerate(lattice.first.tolist()):
        sources = lattice.arc_from[lattice.arc_start[chain] : arcs[chain]].tolist()
        frame = min(0 if source == count else int(found[source]) + 1 for source in sources)
        found[first : ends[chain]] = np.arange(frame, frame + ends[chain] - first)
    return found


def _reaching(lattice: Lattice, earliest: Ints, state: int, steps: int) -> tuple[Lattice, int]:
    """The part of a lattice from which a state can be reached in some steps, and its first state: whole
    chains up to that of `state`. No way from a state to another is shorter than their `earliest` are apart.
    """
    low = int(np.argmax(earliest[: state + 1] >= earliest[state] - steps))
    first = int(np.searchsorted(lattice.first, low, side="right")) - 1
    behind = int(np.searchsorted(lattice.first, state, side="right"))
    low = int(lattice.first[first])
    high = int(lattice.first[behind]) if behind < len(lattice.first) else len(lattice)
    arc = int(lattice.arc_start[first])
    last = int(lattice.arc_start[behind]) if behind < len(lattice.first) else len(lattice.arc_from)
    source = lattice.arc_from[arc:last]
    start = source == len(lattice)
    outside = ~start & (source < low)
    part = Lattice(
        unit=lattice.unit[low:high],
        token=lattice.token[low:high],
        slot=lattice.slot[low:high],
        loop=lattice.loop[low:high],
        link=lattice.link[low:high],
        first=lattice.first[first:behind] - np.int32(low),
        opens=lattice.opens[first:behind],
        arc_from=np.where(start | outside, high - low, source - low).astype(np.int32),
        arc_cost=np.where(outside, NEVER, lattice.arc_cost[arc:last]).astype(np.float32),
        arc_start=lattice.arc_start[first:behind] - np.int32(arc),
        final=lattice.final[low:high],
        shortest=lattice.shortest,
    )
    return part, low


def _forward(lattice: Lattice, score: Floats, log_probs: Floats, keep: bool) -> tuple[Floats, float, Floats]:
    """Viterbi scores (S + 1,) behind some frames, their total shift, and with `keep` those of each frame.

    After each frame the scores are shifted so that the best is 0: float32 stays exact near the best path
    however long the sound is.
    """
    kept = np.empty((len(log_probs) if keep else 0, len(score)), np.float32)
    total = 0.0
    for t, frame in enumerate(log_probs):
        new = np.empty_like(score)
        body = new[:-1]
        np.add(score[:-1], lattice.loop, out=body)
        np.maximum(body[1:], score[:-2] + lattice.link[1:], out=body[1:])
        entering = np.maximum.reduceat(score[lattice.arc_from] + lattice.arc_cost, lattice.arc_start)
        body[lattice.first] = np.maximum(body[lattice.first], entering)
        body += frame[lattice.unit]
        new[-1] = NEVER
        best = body.max()
        body -= best
        total += float(best)
        score = new
        if keep:
            kept[t] = new
    return score, total, kept


def _forward_compiled(
    lattice: Lattice, score: Floats, log_probs: Floats, keep: bool
) -> tuple[Floats, float, Floats]:
    """`_forward` to the last bit, five times as fast; only long sounds repay the seconds of compiling it."""
    from avsync.viterbi import forward

    kept = np.empty((len(log_probs) if keep else 0, len(score)), np.float32)
    behind, total = forward(
        score, np.ascontiguousarray(log_probs), lattice.unit, lattice.loop, lattice.link,
        lattice.arc_from, _arc_to(lattice), lattice.arc_cost, kept,
    )  # fmt: skip
    return behind, total, kept


def _arc_to(lattice: Lattice) -> Ints:
    """(A,) the state into which each arc leads."""
    return np.repeat(lattice.first, np.diff(np.append(lattice.arc_start, len(lattice.arc_from))))


def _best_before(lattice: Lattice, score: Floats, state: int) -> int:
    """The state from which `state` was entered best; staying wins ties, then the earlier state."""
    options = [(float(score[state] + lattice.loop[state]), state)]
    if lattice.link[state] == 0:
        options.append((float(score[state - 1]), state - 1))
    else:
        chain = int(np.searchsorted(lattice.first, state))
        begin = lattice.arc_start[chain]
        end = lattice.arc_start[chain + 1] if chain + 1 < len(lattice.arc_start) else len(lattice.arc_from)
        arcs = range(int(begin), int(end))
        options += [
            (float(score[lattice.arc_from[a]] + lattice.arc_cost[a]), int(lattice.arc_from[a])) for a in arcs
        ]
    return max(options, key=lambda option: option[0])[1]


def start_posteriors(lattice: Lattice, log_probs: Floats, tokens: int) -> NDArray[np.float64]:
    """P(token n begins at frame t), (tokens, T): the share of all paths, each weighted by its probability.

    Forward and backward in the log domain; `log_probs` (T, V) finite, T at least `lattice.shortest`.
    """
    frames, states, chains = len(log_probs), len(lattice), len(lattice.first)
    emitted = np.asarray(log_probs, np.float64)[:, lattice.unit]
    loop, link = lattice.loop.astype(np.float64), lattice.link.astype(np.float64)
    entering = np.empty((frames, chains))
    score = np.full(states + 1, -np.inf)
    score[states] = 0.0
    with np.errstate(invalid="ignore"):
        for t in range(frames):
            body = score[:-1] + loop
            np.logaddexp(body[1:], score[:-2] + link[1:], out=body[1:])
            entering[t] = np.logaddexp.reduceat(score[lattice.arc_from] + lattice.arc_cost, lattice.arc_start)
            body[lattice.first] = np.logaddexp(body[lattice.first], entering[t])
            score = np.append(body + emitted[t], -np.inf)
        total = np.logaddexp.reduce(score[:-1][lattice.final])

        arc_to = _arc_to(lattice)
        inner = np.flatnonzero(lattice.arc_from < states)
        inner = inner[np.argsort(lattice.arc_from[inner], kind="stable")]
        leaving, leaving_start = np.unique(lattice.arc_from[inner], return_index=True)
        rest = np.where(lattice.final, 0.0, -np.inf)
        for t in range(frames - 1, -1, -1):
            ahead = emitted[t] + rest
            entering[t] += ahead[lattice.first] - total
            rest = loop + ahead
            np.logaddexp(rest[:-1], ahead[1:] + link[1:], out=rest[:-1])
            if len(leaving):
                gone = np.logaddexp.reduceat(ahead[arc_to[inner]] + lattice.arc_cost[inner], leaving_start)
                rest[leaving] = np.logaddexp(rest[leaving], gone)
    shares = np.zeros((tokens, frames))
    for chain in np.flatnonzero(lattice.opens >= 0):
        shares[lattice.opens[chain]] += np.exp(entering[:, chain])
    return shares
