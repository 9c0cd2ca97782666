"""The lattice against every path there is, listed one by one from the definition."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from avsync import lattice as lattices
from avsync import paths
from avsync.lattice import build
from avsync.paths import best_path, start_posteriors
from avsync.pronounce import UNITS
from avsync.text import Token, normalise
from avsync.viterbi import LANES

WORDS = {
    "ab": (("aa", "b"),),
    "tea": (("t", "iy"), ("t",)),
    "oh": (("ow",), ("aa", "ow")),
}
TEXTS = [
    (Token("ab", (("ab",),)),),
    (Token("tea", (("tea",),)), Token("oh", (("oh",),))),
    (Token("oh", (("oh",), ("ab",))), Token("oh", (("oh",),))),
    (Token("2", (("tea", "oh"), ("ab",))),),
]
MINIMUM, SILENCE_MINIMUM, COST = 2, 1, 0.7


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lattices, "pronounce", lambda word: WORDS[word])


def spoken_forms(tokens: tuple[Token, ...]) -> Iterator[list[tuple[str, int, bool]]]:
    """Every row of (unit, token, whether the token begins here): all readings, variants and silences."""
    rows: list[list[tuple[str, int, bool]]] = [[], [("sil", -1, False)]]
    for index, token in enumerate(tokens):
        said: list[list[tuple[str, int, bool]]] = []
        for reading in token.readings:
            for variants in itertools.product(*(WORDS[word] for word in reading)):
                for pauses in itertools.product((False, True), repeat=len(reading) - 1):
                    row: list[tuple[str, int, bool]] = []
                    for position, phones in enumerate(variants):
                        if position and pauses[position - 1]:
                            row.append(("sil", -1, False))
                        row += [(phone, index, position == n == 0) for n, phone in enumerate(phones)]
                    said.append(row)
        rows = [
            before + row + after for before in rows for row in said for after in ([], [("sil", -1, False)])
        ]
    yield from rows


def durations(row: list[tuple[str, int, bool]], frames: int) -> Iterator[list[int]]:
    least = [SILENCE_MINIMUM if unit == "sil" else MINIMUM for unit, _, _ in row]
    spare = frames - sum(least)
    if spare < 0:
        return
    for cuts in itertools.combinations(range(spare + len(row) - 1), len(row) - 1):
        edges = [-1, *cuts, spare + len(row) - 1]
        yield [low + b - a - 1 for low, a, b in zip(least, edges, edges[1:], strict=False)]


def all_paths(
    tokens: tuple[Token, ...], log_probs: np.ndarray
) -> Iterator[tuple[float, list[str], list[int]]]:
    """Score, units a frame, and first frame of each token, of every path."""
    for row in spoken_forms(tokens):
        for lengths in durations(row, len(log_probs)):
            units = [unit for (unit, _, _), length in zip(row, lengths, strict=True) for _ in range(length)]
            score = sum(float(log_probs[t, UNITS.index(unit)]) for t, unit in enumerate(units))
            score -= COST * sum(unit == "sil" for unit, _, _ in row)
            starts = [sum(lengths[:n]) for n, (_, _, opens) in enumerate(row) if opens]
            yield score, units, starts


def scores(frames: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(0, 1.5, (frames, len(UNITS)))
    return (x - np.logaddexp.reduce(x, axis=1, keepdims=True)).astype(np.float32)


def grown(tokens: tuple[Token, ...]) -> lattices.Lattice:
    return build(tokens, minimum=MINIMUM, silence_minimum=SILENCE_MINIMUM, silence_cost=COST)


@pytest.mark.parametrize("tokens", TEXTS, ids=lambda tokens: " ".join(token.text for token in tokens))
@pytest.mark.parametrize("segment", [None, 1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_best_path_is_the_best_of_all(tokens: tuple[Token, ...], segment: int | None, seed: int) -> None:
    log_probs = scores(10, seed)
    graph = grown(tokens)
    path, score = best_path(graph, log_probs, segment=segment)
    best_score, best_units, _ = max(all_paths(tokens, log_probs), key=lambda one: one[0])
    assert score == pytest.approx(best_score, abs=1e-4)
    assert [UNITS[unit] for unit in graph.unit[path]] == best_units


@pytest.mark.parametrize("tokens", TEXTS, ids=lambda tokens: " ".join(token.text for token in tokens))
def test_start_posteriors_weigh_all_paths(tokens: tuple[Token, ...]) -> None:
    log_probs = scores(9, 4)
    expected = np.zeros((len(tokens), 9))
    total = 0.0
    for score, _, starts in all_paths(tokens, log_probs):
        total += math.exp(score)
        for token, start in enumerate(starts):
            expected[token, start] += math.exp(score)
    found = start_posteriors(grown(tokens), log_probs, len(tokens))
    np.testing.assert_allclose(found, expected / total, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("tokens", TEXTS, ids=lambda tokens: " ".join(token.text for token in tokens))
def test_shortest_is_the_fewest_frames_with_a_path(tokens: tuple[Token, ...]) -> None:
    shortest = grown(tokens).shortest
    assert any(True for _ in all_paths(tokens, scores(shortest, 5)))
    assert not any(True for _ in all_paths(tokens, scores(shortest - 1, 5)))


def test_checkpoints_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    tokens = normalise("the quick brown fox jumps over 2 lazy dogs in 2014")
    graph = build(tokens, silence_cost=1.0)
    log_probs = scores(613, 6)
    whole, whole_score = best_path(graph, log_probs, segment=613)
    for segment in (7, 25, 100, 612):
        path, score = best_path(graph, log_probs, segment=segment)
        assert np.array_equal(path, whole)
        assert score == whole_score


def test_no_phone_is_shorter_than_the_minimum_and_no_silence_stands_inside_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    graph = build(normalise("seven blue horses"), minimum=3, silence_minimum=2)
    path, _ = best_path(graph, scores(120, 7))
    edges = np.flatnonzero(np.diff(graph.slot[path])) + 1
    lengths = np.diff([0, *edges, 120])
    units = graph.unit[path[[0, *edges]]]
    assert all(length >= (3 if unit else 2) for length, unit in zip(lengths, units, strict=True))
    words = graph.token[path[[0, *edges]]]
    for word in range(3):
        inside = units[np.flatnonzero(words == word)[0] : np.flatnonzero(words == word)[-1] + 1]
        assert (inside > 0).all()


@pytest.mark.parametrize(("text", "lanes"), [("set 2", 0), ("set 2 white dogs with a b again", 2)])
def test_compiled_scores_are_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch, text: str, lanes: int
) -> None:
    monkeypatch.undo()
    graph = build(normalise(text), silence_cost=1.0)
    assert len(graph) // LANES == lanes
    assert len(graph) % LANES
    log_probs = scores(300, 8)
    path, score = best_path(graph, log_probs, segment=40)
    with monkeypatch.context() as patch:
        patch.setattr(paths, "WHOLE_CELLS", 0)
        compiled_path, compiled_score = best_path(graph, log_probs, segment=40)
    assert np.array_equal(compiled_path, path)
    assert compiled_score == score


FILLER_COST, INNER_COST, SKIP_COST, HOP_COST = 1.3, 0.4, 0.9, 0.6
Row = list[tuple[int, int, int]]
"""Unit, token that begins (-1: none does), and 1 where it lasts one frame exactly."""


def gaps(cost: float, loose: bool) -> list[tuple[float, Row]]:
    """Cost and row of what may stand in a gap in which filler costs that."""
    silence, filler = [(0, -1, 0)], [(lattices.FILLER, -1, 0)]
    plain = [(0.0, []), (COST, silence), (cost, filler)]
    if loose:
        return plain
    around = [
        (cost + COST, silence + filler), (cost + COST, filler + silence),
        (cost + 2 * COST, silence + filler + silence),
    ]  # fmt: skip
    return [*plain, *around]


def loose_forms(tokens: tuple[Token, ...], unsaid: tuple[int, ...]) -> Iterator[tuple[float, Row]]:
    """Cost and row of everything that may be said with filler in every gap, and either every word left out
    or the words `unsaid`.
    """
    one: Row = [(lattices.FILLER, -1, 1)]
    said = [
        [
            (0.0, [(UNITS.index(phone), -1 if n else index, 0) for n, phone in enumerate(phones)])
            for reading in token.readings
            for phones in WORDS[reading[0]]
        ]
        for index, token in enumerate(tokens)
    ]
    inner = [INNER_COST] * (len(tokens) - 1) + [0.0]
    if unsaid:
        parts = [gaps(FILLER_COST, loose=False)]
        for index, words in enumerate(said):
            parts += [[(0.0, one)] if index in unsaid else words]
            parts += [gaps(FILLER_COST + inner[index], loose=False)]
        for chosen in itertools.product(*parts):
            yield sum(cost for cost, _ in chosen), [item for _, row in chosen for item in row]
        return
    for kept in itertools.product((False, True), repeat=len(tokens)):
        parts = [gaps(FILLER_COST, loose=True)]
        for index, words in enumerate(said):
            if not kept[index]:
                parts += [[(SKIP_COST, one)]]
                continue
            behind = gaps(FILLER_COST + inner[index], loose=True)
            parts += [words, behind]
        for chosen in itertools.product(*parts):
            yield sum(cost for cost, _ in chosen), [item for _, row in chosen for item in row]
        last = max((n for n, here in enumerate(kept) if here), default=None)
        if last is None or last + 1 == len(tokens):
            continue
        # What is left out at the end is nothing, and what is there instead lies outside the text.
        missing = len(tokens) - 1 - last
        for chosen in itertools.product(*parts[: len(parts) - missing - 1]):
            cost = sum(cost for cost, _ in chosen) + FILLER_COST + SKIP_COST * missing
            yield cost, [item for _, row in chosen for item in row] + [(lattices.FILLER, -1, 0)]


def hop_forms(tokens: tuple[Token, ...]) -> Iterator[tuple[float, Row]]:
    """Cost and row of everything that may be said where any words on end may be left out in filler."""
    for kept in itertools.product((False, True), repeat=len(tokens)):
        parts: list[list[tuple[float, Row]]] = []
        missing, inner = 0, 0.0
        for index, token in enumerate(tokens):
            if not kept[index]:
                missing += 1
                continue
            words = [phones for reading in token.readings for phones in WORDS[reading[0]]]
            said: Row
            parts += [hop_gaps(missing, inner), []]
            for phones in words:
                said = [(UNITS.index(phone), -1 if n else index, 0) for n, phone in enumerate(phones)]
                parts[-1].append((0.0, said))
            missing, inner = 0, INNER_COST if index + 1 < len(tokens) else 0.0
        parts += [hop_gaps(missing, inner)]
        for chosen in itertools.product(*parts):
            yield sum(cost for cost, _ in chosen), [item for _, row in chosen for item in row]


def hop_gaps(missing: int, inner: float) -> list[tuple[float, Row]]:
    """What may stand where so many words are left out: a frame of filler for each hop, and one more."""
    if not missing:
        return gaps(FILLER_COST + inner, loose=False)
    silence: Row = [(0, -1, 0)]
    filler: Row = [(lattices.FILLER, -1, 1)] * missing + [(lattices.FILLER, -1, 0)]
    cost = FILLER_COST + inner + HOP_COST * missing
    return [
        (cost + COST * (before + behind), silence * before + filler + silence * behind)
        for before in (0, 1)
        for behind in (0, 1)
    ]


def loose_paths(
    forms: Iterator[tuple[float, Row]], log_probs: np.ndarray
) -> Iterator[tuple[float, list[int], dict[int, int]]]:
    """Score, units a frame, and first frames of the tokens that are said, of every path."""
    for cost, row in forms:
        least = [1 if unit in (0, lattices.FILLER) else MINIMUM for unit, _, _ in row]
        spare = len(log_probs) - sum(least)
        if spare < 0:
            continue
        for cuts in itertools.combinations(range(spare + len(row) - 1), len(row) - 1):
            edges = [-1, *cuts, spare + len(row) - 1]
            more = [b - a - 1 for a, b in itertools.pairwise(edges)]
            if any(extra and fixed for extra, (_, _, fixed) in zip(more, row, strict=True)):
                continue
            lengths = [low + extra for low, extra in zip(least, more, strict=True)]
            units = [unit for (unit, _, _), n in zip(row, lengths, strict=True) for _ in range(n)]
            score = sum(float(log_probs[t, unit]) for t, unit in enumerate(units)) - cost
            yield score, units, {opens: sum(lengths[:n]) for n, (_, opens, _) in enumerate(row) if opens >= 0}


def loose(tokens: tuple[Token, ...], **options: object) -> lattices.Lattice:
    return build(
        tokens, minimum=MINIMUM, silence_minimum=SILENCE_MINIMUM, silence_cost=COST, filler_cost=FILLER_COST,
        inner_filler_cost=INNER_COST,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


def with_filler(frames: int, seed: int) -> np.ndarray:
    log_probs = scores(frames, seed)
    return np.concatenate([log_probs, log_probs.max(axis=1, keepdims=True) - np.float32(0.5)], axis=1)


@pytest.mark.parametrize("tokens", TEXTS[:2], ids=lambda tokens: " ".join(token.text for token in tokens))
def test_filler_and_words_left_out_against_every_path(tokens: tuple[Token, ...]) -> None:
    log_probs = with_filler(8, 11)
    graph = loose(tokens, skip_cost=SKIP_COST)
    paths = list(loose_paths(loose_forms(tokens, ()), log_probs))
    best = max(paths, key=lambda one: one[0])
    path, score = best_path(graph, log_probs)
    assert score == pytest.approx(best[0], abs=1e-4)
    assert graph.unit[path].tolist() == best[1]
    expected, total = np.zeros((len(tokens), 8)), 0.0
    for value, _, starts in paths:
        total += math.exp(value)
        for token, start in starts.items():
            expected[token, start] += math.exp(value)
    found = start_posteriors(graph, log_probs, len(tokens))
    np.testing.assert_allclose(found, expected / total, atol=1e-6)
    assert (found.sum(axis=1) < 1).all()  # what is missing is the probability that the word was left out


def test_a_word_that_is_unsaid_is_one_frame() -> None:
    tokens = TEXTS[1]
    log_probs = with_filler(8, 12)
    graph = loose(tokens, unsaid=(1,))
    path, score = best_path(graph, log_probs)
    every = loose_paths(loose_forms(tokens, (1,)), log_probs)
    best = max((one for one in every if 0 in one[2]), key=lambda one: one[0])
    assert score == pytest.approx(best[0], abs=1e-4)
    assert np.count_nonzero(graph.token[path] == 1) == 1


@pytest.mark.parametrize("tokens", TEXTS[:2], ids=lambda tokens: " ".join(token.text for token in tokens))
@pytest.mark.parametrize("seed", range(6))
def test_passages_left_out_against_every_path(tokens: tuple[Token, ...], seed: int) -> None:
    log_probs = with_filler(7, seed)
    graph = loose(tokens, hop_cost=HOP_COST)
    best = max(loose_paths(hop_forms(tokens), log_probs), key=lambda one: one[0])
    path, score = best_path(graph, log_probs)
    assert score == pytest.approx(best[0], abs=1e-4)
    assert graph.unit[path].tolist() == best[1]
    assert sorted(set(graph.token[path]) - {-1}) == sorted(best[2])


def test_any_number_of_words_is_left_out_in_a_few_frames() -> None:
    for count in (1, 3, 4, 21, 100, 400):
        tokens = TEXTS[0] * count
        graph = loose(tokens, hop_cost=HOP_COST)
        assert graph.shortest <= 1 + 3 * len(lattices.LEAPS) + count // lattices.LEAPS[-1]
        assert len(graph.arc_from) < 60 * (count + 1)
        silent = np.full((graph.shortest, lattices.FILLER + 1), -9.0, np.float32)
        silent[:, lattices.FILLER] = 0.0
        path, score = best_path(graph, silent)
        assert (graph.token[path] == -1).all()
        assert score == pytest.approx(-FILLER_COST - HOP_COST * count, rel=1e-5)
