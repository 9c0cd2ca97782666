"""Edges moved by usual durations, against the best of all ways by trying them."""

import itertools

import numpy as np
import pytest
from speech_scores import spoken

from avsync import durations
from avsync.alignconfig import AlignConfig
from avsync.durations import MEAN, SPREAD, TAIL, USUAL, refine, segments
from avsync.pronounce import UNITS
from avsync.words import align_posteriors


def code(*units):
    return np.array([UNITS.index(unit) for unit in units], np.int32)


def scores(frames, seed=0, contrast=1.0):
    logits = contrast * np.random.default_rng(seed).normal(size=(frames, len(UNITS)))
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def worth(units, edges, log_probs, expected, weight):
    """What a way is worth: its scores, and how usual its durations are."""
    total = sum(float(log_probs[a:b, u].sum()) for u, a, b in zip(units, edges, edges[1:], strict=False))
    for n, unit in enumerate(units):
        if unit:
            strange = (np.log(edges[n + 1] - edges[n]) - expected[n]) / SPREAD[unit]
            total -= weight * 0.5 * (TAIL + 1) * np.log1p(strange**2 / TAIL)
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weight", [0.0, 1.0, 4.0])
def test_the_best_of_all_ways_is_found(seed, weight):
    units = code("sil", "b", "iy", "sil", "d")
    edges, reach, minimum = np.array([0, 4, 7, 12, 16, 20]), 3, 2
    log_probs = scores(20, seed)
    expected = durations._expected(units, edges)
    ways = [
        [0, *inner, 20]
        for inner in itertools.product(
            *(range(max(1, e - reach), min(19, e + reach) + 1) for e in edges[1:-1])
        )
        if all(b - a >= minimum for a, b in itertools.pairwise([0, *inner, 20]))
    ]
    best = max(worth(units, way, log_probs, expected, weight) for way in ways)
    found = refine(units, edges, log_probs, weight=weight, reach=reach, minimum=minimum)
    assert found.tolist() in ways
    assert worth(units, found.tolist(), log_probs, expected, weight) == pytest.approx(best)


def test_without_reach_nothing_moves():
    edges = np.array([0, 5, 9, 20])
    found = refine(code("s", "iy", "t"), edges, scores(20), weight=4.0, reach=0, minimum=3)
    assert found.tolist() == edges.tolist()


def test_a_path_of_one_phone_stays():
    found = refine(code("s"), np.array([0, 20]), scores(20), weight=4.0, reach=5, minimum=3)
    assert found.tolist() == [0, 20]


def test_where_scores_say_nothing_phones_take_their_usual_shares():
    units = code("ay", "d", "ay", "d", "ay", "d", "ay")
    flat = np.full((84, len(UNITS)), -np.log(len(UNITS)), np.float32)
    lengths = np.diff(refine(units, 12 * np.arange(8), flat, weight=4.0, reach=11, minimum=3))
    vowels, stops = lengths[::2], lengths[1::2]
    assert vowels.min() > stops.max()
    assert lengths.sum() == 84


def test_clear_scores_outweigh_durations():
    units = code("d", "ay", "d")
    log_probs = np.full((80, len(UNITS)), -12.0, np.float32)
    for unit, low, high in zip(units, (0, 40, 44), (40, 44, 80), strict=True):  # an odd way to say it
        log_probs[low:high, unit] = -0.01
    found = refine(units, np.array([0, 38, 46, 80]), log_probs, weight=4.0, reach=10, minimum=3)
    assert found.tolist() == [0, 40, 44, 80]


def test_the_pace_is_that_around_a_phone():
    slow, fast = np.full(100, 20), np.full(100, 5)
    edges = np.concatenate(([0], np.cumsum(np.concatenate((slow, fast)))))
    expected = durations._expected(np.tile(code("s", "iy"), 100), edges)
    usual = MEAN[np.tile(code("s", "iy"), 100)]
    assert (expected - usual)[:60].mean() == pytest.approx(
        np.log(4) + (expected - usual)[130:190].mean(), abs=0.01
    )


def test_phones_before_a_pause_are_expected_longer():
    units = code("s", "iy", "s", "sil", "s", "iy", "s", "iy")
    expected = durations._expected(units, np.arange(9) * 10)
    assert expected[2] - expected[0] == pytest.approx(durations.BEFORE_PAUSE[0])
    assert expected[1] - expected[5] == pytest.approx(durations.BEFORE_PAUSE[1])
    assert expected[7] - expected[5] == pytest.approx(durations.BEFORE_PAUSE[0])


def test_every_phone_has_a_usual_duration():
    assert sorted(USUAL) == sorted(UNITS[1:])
    assert all(spread > 0 for _, spread in USUAL.values())


def test_segments_are_the_runs():
    assert segments(np.array([0, 0, 2, 3, 3, 3])).tolist() == [0, 2, 3, 6]
    assert segments(np.array([7])).tolist() == [0, 1]


def test_weak_scores_are_helped_by_durations():
    plain, helped = [], []
    for seed in range(8):
        posteriors, truth = spoken("place blue at f two now", {0: 0.3, 6: 0.3}, clearness=1.6, seed=seed)
        for errors, weight in ((plain, 0.0), (helped, 4.0)):
            config = AlignConfig(duration_weight=weight, filler_cost=1e6)  # nothing but the words
            words = align_posteriors(posteriors, "place blue at f two now", config)
            errors += [abs(word.start - start) for word, (start, _) in zip(words, truth, strict=True)]
    assert np.mean(helped) < 0.9 * np.mean(plain)
