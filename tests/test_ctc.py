"""The search for the best path against CTC: on its topology, `best_path` is `torchaudio`'s `forced_align`.

The lattice of a transcript has no blanks inside words and phones that last several frames, but its structure
holds the topology of CTC too: every label and every blank around it is a chain of one state that repeats.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from avsync.lattice import NEVER, Lattice
from avsync.paths import best_path

Aligner = Callable[[np.ndarray, Sequence[int]], tuple[list[int], float]]
"""Log-probs (T, V), blank 0, and labels -> the unit of each frame, and the log-score of the best path."""


def ctc_lattice(labels: Sequence[int]) -> Lattice:
    """Blank, label, blank, label, ..., blank; a blank may be left out unless it parts two equal labels."""
    unit = [0] + [u for label in labels for u in (label, 0)]
    count = len(unit)
    sources = []  # of each chain: the states before its own; `count` is the start
    for state in range(count):
        before = [state - 1] if state else [count]
        if state == 1:
            before.append(count)
        elif state % 2 and unit[state] != unit[state - 2]:
            before.append(state - 2)
        sources.append(before)
    repeated = sum(a == b for a, b in itertools.pairwise(labels))
    arc_from = [source for before in sources for source in before]
    return Lattice(
        unit=np.array(unit, np.int32),
        token=np.array([state // 2 if state % 2 else -1 for state in range(count)], np.int32),
        slot=np.arange(count, dtype=np.int32),
        loop=np.zeros(count, np.float32),
        link=np.full(count, NEVER, np.float32),
        first=np.arange(count, dtype=np.int32),
        opens=np.array([state // 2 if state % 2 else -1 for state in range(count)], np.int32),
        arc_from=np.array(arc_from, np.int32),
        arc_cost=np.zeros(len(arc_from), np.float32),
        arc_start=np.cumsum([0, *(len(before) for before in sources[:-1])]).astype(np.int32),
        final=np.arange(count) >= count - 2,
        shortest=len(labels) + repeated,
    )


def viterbi(log_probs: np.ndarray, labels: Sequence[int]) -> tuple[list[int], float]:
    """The recursion of Graves et al. (2006) with the maximum for the sum, in float64."""
    unit = [0] + [u for label in labels for u in (label, 0)]
    score = [float(log_probs[0, u]) if s < 2 else -np.inf for s, u in enumerate(unit)]
    back: list[list[int]] = []
    for frame in log_probs[1:]:
        ways = [
            [s, *([s - 1] if s else []), *([s - 2] if s > 1 and u not in (0, unit[s - 2]) else [])]
            for s, u in enumerate(unit)
        ]
        back.append([max(way, key=lambda before: score[before]) for way in ways])
        score = [score[before] + float(frame[u]) for before, u in zip(back[-1], unit, strict=True)]
    states = [max((len(unit) - 1, len(unit) - 2), key=lambda s: score[s])]
    for before in reversed(back):
        states.append(before[states[-1]])
    return [unit[s] for s in reversed(states)], max(score[-2:])


def forced_align(log_probs: np.ndarray, labels: Sequence[int]) -> tuple[list[int], float]:
    try:
        from torchaudio import functional
    except (ImportError, OSError) as error:  # a CUDA wheel beside a CPU torch fails with OSError
        pytest.skip(f"torchaudio cannot be imported: {error}")
    path, scores = functional.forced_align(
        torch.from_numpy(log_probs)[None], torch.tensor([list(labels)], dtype=torch.int32), blank=0
    )
    return path[0].tolist(), float(scores.double().sum())


SIZES = [(1, 2, 1), (5, 3, 2), (12, 4, 5), (40, 8, 12), (200, 40, 60), (613, 40, 90)]
"""Frames, units, labels."""


def drawn(frames: int, units: int, length: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Random log-probs, and labels that such a length can hold, with equal neighbours among them."""
    draw = np.random.default_rng(seed)
    x = draw.normal(0, 2, (frames, units))
    labels = draw.integers(1, units, length).tolist()
    for place in range(1, length):
        if draw.random() < 0.3:
            labels[place] = labels[place - 1]
    while ctc_lattice(labels).shortest > frames:
        labels.pop()
    return (x - np.logaddexp.reduce(x, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("aligner", [viterbi, forced_align])
@pytest.mark.parametrize(("frames", "units", "length"), SIZES)
def test_on_the_topology_of_ctc_the_best_path_is_that_of_forced_alignment(
    aligner: Aligner, frames: int, units: int, length: int
) -> None:
    for seed in range(4):
        log_probs, labels = drawn(frames, units, length, seed)
        graph = ctc_lattice(labels)
        units_theirs, score_theirs = aligner(log_probs, labels)
        for segment in (None, 7):
            path, score = best_path(graph, log_probs, segment=segment)
            assert score == pytest.approx(score_theirs, abs=1e-3)
            assert graph.unit[path].tolist() == units_theirs  # random scores: only one path is the best


@pytest.mark.parametrize("aligner", [viterbi, forced_align])
def test_equal_labels_need_a_blank_between(aligner: Aligner) -> None:
    labels = [1, 1, 2, 2, 2]
    log_probs, _ = drawn(8, 3, 5, 0)
    graph = ctc_lattice(labels)
    assert graph.shortest == 8
    path, score = best_path(graph, log_probs)  # as long as it must be: one path only
    assert graph.unit[path].tolist() == [1, 0, 1, 2, 0, 2, 0, 2] == aligner(log_probs, labels)[0]
    assert score == pytest.approx(aligner(log_probs, labels)[1], abs=1e-4)
