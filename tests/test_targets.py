"""Phone times from scores whose phones are planted."""

import dataclasses

import numpy as np
import pytest
from speech_scores import spoken

from avsync import targets
from avsync.posteriors import Posteriors
from avsync.pronounce import UNITS, pronounce
from avsync.speech import Mel
from avsync.utterances import PhoneTimes, Utterance

TEXT = "place blue at f two now"
PAUSES = {0: 0.4, 3: 0.15, 6: 0.3}
START = 0.25
"""Seconds on the clock at which the sound begins."""


class Oracle:
    """Stands for `AVSync`: scores that are given."""

    def __init__(self, scores: Posteriors) -> None:
        self.scores = scores

    def speech_posteriors(self, mel):
        assert len(mel.times) == len(self.scores.log_probs)
        np.testing.assert_allclose(mel.times, START + self.scores.times)
        return self.scores


def utterance(frames, words=TEXT, times=None):
    words = tuple(words.split())
    times = np.full((len(words), 2), np.nan) if times is None else np.asarray(times) + START
    return Utterance("u", "s", np.zeros(160 * frames, np.float32), START, words, times)


def planted(clearness=9.0, seed=0):
    """Scores, words' times, and (unit, start, end) of every phone, all from the start of the sound."""
    scores, truth = spoken(TEXT, PAUSES, clearness=clearness, seed=seed)
    said = spoken(TEXT, PAUSES, clearness=1000.0, seed=seed)[0].log_probs.argmax(1)
    edges = np.flatnonzero(np.diff(said)) + 1
    firsts, lasts = np.append(0, edges), np.append(edges, len(said))
    phones = [(said[a], a / 100, b / 100) for a, b in zip(firsts, lasts, strict=True) if said[a]]
    return scores, truth, phones


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trusted", [True, False])
def test_realign_finds_planted_phones(seed, trusted):
    scores, truth, phones = planted(seed=seed)
    before = utterance(len(scores.log_probs), times=truth if trusted else None)
    after = targets.realign(before, Oracle(scores), trusted_words=trusted)
    np.testing.assert_array_equal(after.phones.units, [unit for unit, _, _ in phones])
    np.testing.assert_allclose(after.phones.starts, [START + start for _, start, _ in phones], atol=1e-9)
    np.testing.assert_allclose(after.phones.ends, [START + end for _, _, end in phones], atol=1e-9)
    np.testing.assert_allclose(after.word_times, np.array(truth) + START, atol=1e-9)


def test_realign_of_noisy_scores_is_near_the_planted_phones():
    scores, truth, phones = planted(clearness=3.5)
    after = targets.realign(utterance(len(scores.log_probs)), Oracle(scores), trusted_words=False)
    assert len(after.phones.units) == len(phones)
    errors = np.abs(after.phones.starts - START - [start for _, start, _ in phones])
    assert np.median(errors) <= 0.01
    assert np.abs(after.word_times - START - truth).max() <= 0.05


def test_trusted_words_bind():
    scores, truth, _ = planted()
    lead = 0.3  # the scores put all words 300 ms later than the corpus says
    wrong = np.clip(np.array(truth) - lead, 0, None)
    before = utterance(len(scores.log_probs), times=wrong)
    bound = targets.realign(before, Oracle(scores), trusted_words=True)
    np.testing.assert_array_equal(bound.word_times, before.word_times)
    counts = [len(pronounce(word)[0]) for word in before.words]
    position = 0
    for (start, end), count in zip(before.word_times, counts, strict=True):
        mine = slice(position, position + count)
        assert bound.phones.starts[mine].min() >= start - targets.SLACK - 0.0051
        assert bound.phones.ends[mine].max() <= end + targets.SLACK + 0.0051
        position += count
    assert position == len(bound.phones.units)
    free = targets.realign(before, Oracle(scores), trusted_words=False)
    np.testing.assert_allclose(free.word_times, np.array(truth) + START, atol=1e-9)


def test_rough_words_bind_loosely():
    scores, truth, phones = planted()
    rough = np.array(truth) + np.random.default_rng(0).uniform(-0.05, 0.05, (len(truth), 2))
    rough[2, 1] += 0.1  # a pause of 150 ms is counted to the word before it
    found = targets.realign(
        utterance(len(scores.log_probs), times=rough), Oracle(scores), trusted_words=True, loosely=True
    )
    np.testing.assert_array_equal(found.phones.units, [unit for unit, _, _ in phones])
    np.testing.assert_allclose(found.phones.starts, [START + start for _, start, _ in phones], atol=1e-9)
    np.testing.assert_allclose(found.phones.ends, [START + end for _, _, end in phones], atol=1e-9)
    far = np.array(truth) + 0.4  # beyond 60 ms they bind
    held = targets.realign(
        utterance(len(scores.log_probs) + 40, times=far),
        Oracle(dataclasses.replace(scores, log_probs=np.pad(scores.log_probs, ((0, 40), (0, 0)), mode="edge"),
                                   times=np.arange(len(scores.times) + 40) * 0.01 + 0.005)),
        trusted_words=True, loosely=True,
    )  # fmt: skip
    assert held.phones.starts[0] >= START + far[0, 0] - targets.ROUGH_SLACK - 0.011


def test_phones_last_their_minimum_and_do_not_overlap():
    scores, truth, _ = planted(clearness=0.5)  # almost nothing to go by
    after = targets.realign(utterance(len(scores.log_probs)), Oracle(scores), trusted_words=False)
    assert (after.phones.ends - after.phones.starts >= targets.MINIMUM / 100 - 1e-9).all()
    assert (after.phones.starts[1:] >= after.phones.ends[:-1] - 1e-9).all()
    assert len(after.word_times) == len(truth)


def test_an_utterance_too_short_for_its_phones_comes_back_unchanged():
    before = utterance(10)
    scores = Posteriors(np.full((10, len(UNITS)), -3.7, np.float32), np.arange(10) * 0.01 + 0.005, 0.01)
    assert targets.realign(before, Oracle(scores), trusted_words=False) is before


def test_realign_leaves_what_it_was_given_alone():
    scores, truth, _ = planted()
    before = targets.rough(utterance(len(scores.log_probs), times=truth))
    kept = dataclasses.replace(before), before.phones.starts.copy()
    after = targets.realign(before, Oracle(scores), trusted_words=True)
    assert before.phones is kept[0].phones
    assert before.word_times is kept[0].word_times
    np.testing.assert_array_equal(before.phones.starts, kept[1])
    assert np.abs(after.phones.starts - before.phones.starts).max() > 0.01
    assert (after.name, after.speaker, after.words, after.lips) == ("u", "s", before.words, None)


def test_rough_splits_each_word_evenly():
    after = targets.rough(utterance(200, "two place", [[0.5, 0.7], [1.0, 1.6]]))
    assert [UNITS[unit] for unit in after.phones.units] == ["t", "uw", "p", "l", "ey", "s"]
    expected = np.array([0.5, 0.6, 1.0, 1.15, 1.3, 1.45])
    np.testing.assert_allclose(after.phones.starts, START + expected)
    np.testing.assert_allclose(after.phones.ends, START + np.array([0.6, 0.7, 1.15, 1.3, 1.45, 1.6]))


def test_rough_splits_the_whole_sound_where_no_times_are_known():
    before = utterance(120, "two place")
    after = targets.rough(before)
    np.testing.assert_allclose(after.phones.starts, START + np.arange(6) * 0.2)
    np.testing.assert_allclose(after.phones.ends, START + np.arange(1, 7) * 0.2)
    assert not after.timed  # a guess is no knowledge


def test_listeners_are_asked_together():
    first, second = planted(clearness=2.0)[0], planted(clearness=2.0, seed=0)[0]
    second = dataclasses.replace(second, log_probs=np.roll(second.log_probs, 1, axis=0))
    mel = Mel(np.zeros((len(first.times), 80), np.float32), START + first.times)
    together = targets.Ensemble((Oracle(first), Oracle(second))).speech_posteriors(mel)
    np.testing.assert_allclose(np.exp(together.log_probs).sum(1), 1, atol=1e-5)
    rest = together.log_probs - (first.log_probs + second.log_probs) / 2  # one number a step
    np.testing.assert_allclose(rest, np.broadcast_to(rest[:, :1], rest.shape), atol=1e-5)
    alone = targets.Ensemble((Oracle(first),)).speech_posteriors(mel)
    np.testing.assert_allclose(alone.log_probs, first.log_probs, atol=1e-5)


def generated(late=0.0):
    """Generated speech whose phones begin `late` seconds behind the planted ones, and the planted ones."""
    scores, _, phones = planted()
    units, starts, ends = (np.array(column) for column in zip(*phones, strict=True))
    moved = PhoneTimes(units, START + starts + late, START + ends + late)
    before = dataclasses.replace(utterance(len(scores.log_probs), "generated"), phones=moved)
    return before, Oracle(scores), START + starts, START + ends


def test_generated_speech_settles_where_it_is_heard():
    before, listener, starts, ends = generated(late=0.03)
    after = targets.settle(before, listener, pauses_only=False)
    np.testing.assert_array_equal(after.phones.units, before.phones.units)
    np.testing.assert_allclose(after.phones.starts, starts, atol=0.0101)
    np.testing.assert_allclose(after.phones.ends, ends, atol=0.0101)


def test_only_edges_against_pauses_move_and_not_far():
    before, listener, starts, _ = generated(late=0.03)
    after = targets.settle(before, listener, pauses_only=True)
    inner = np.flatnonzero(before.phones.starts[1:] - before.phones.ends[:-1] < 0.005) + 1
    np.testing.assert_array_equal(after.phones.starts[inner], before.phones.starts[inner])
    outer = np.setdiff1d(np.arange(len(starts)), inner)
    np.testing.assert_allclose(after.phones.starts[outer], starts[outer], atol=0.0101)
    assert np.abs(after.phones.starts - before.phones.starts).max() <= targets.EDGE
    assert (after.phones.starts[1:] >= after.phones.ends[:-1]).all()
    assert (after.phones.ends > after.phones.starts).all()


def test_generated_speech_too_short_for_its_phones_stays():
    before = generated()[0]
    short = dataclasses.replace(before, waveform=np.zeros(160 * 8, np.float32))
    few = Posteriors(np.full((8, len(UNITS)), -3.7, np.float32), np.arange(8) * 0.01 + 0.005, 0.01)
    assert targets.settle(short, Oracle(few), pauses_only=False) is short
