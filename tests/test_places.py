"""Places of words in phone scores whose truth is known."""

from itertools import pairwise

import numpy as np
import pytest
from speech_scores import spoken

from avsync.alignconfig import AlignConfig
from avsync.lattice import FILLER
from avsync.places import find, grow, prepared
from avsync.pronounce import UNITS
from avsync.text import normalise

TEXT = "place blue at F two now"
CONFIG = AlignConfig()


def frames(truth: list[tuple[float, float]]) -> list[tuple[int, int]]:
    return [(round(start * 100), round(end * 100)) for start, end in truth]


def test_scores_of_a_lattice_by_hand() -> None:
    log_probs = np.full((1, len(UNITS)), -20.0, np.float32)
    log_probs[0, :3] = [-0.5, -1.0, -2.0]
    scores = prepared(log_probs, CONFIG)
    assert scores.shape == (1, len(UNITS) + 1)
    assert scores[0, :3].tolist() == [-0.5 - CONFIG.silence_penalty, -1.0, -2.0]
    assert scores[0, 3] == CONFIG.floor
    assert scores[0, FILLER] == -1.0 - CONFIG.filler_penalty


def test_sound_that_the_transcript_lacks_stays_out_of_the_words_beside_it() -> None:
    posteriors, truth = spoken(TEXT, {}, clearness=8.0)
    tokens = normalise("place blue two now")
    scores = prepared(posteriors.log_probs, CONFIG)
    places = find(grow(tokens, 0.01, CONFIG), scores, 4, 0.01, CONFIG)
    said = frames(truth)
    assert [(place.begin, place.end) for place in places] == [said[0], said[1], said[4], said[5]]


def test_a_word_that_was_not_said_gets_the_sound_that_nobody_claims() -> None:
    posteriors, truth = spoken(TEXT, {}, clearness=8.0)
    tokens = normalise("place blue zebra two now")
    scores = prepared(posteriors.log_probs, CONFIG)
    unsaid = frozenset({2})
    places = find(grow(tokens, 0.01, CONFIG, unsaid=unsaid), scores, 5, 0.01, CONFIG, unsaid)
    said = frames(truth)
    assert (places[2].begin, places[2].end) == (said[2][0], said[3][1])
    assert not len(places[2].units)
    assert (places[1].begin, places[3].begin) == (said[1][0], said[4][0])


def test_words_that_were_not_said_share_their_time_and_take_none_from_others() -> None:
    posteriors, truth = spoken(TEXT, {}, clearness=8.0)
    tokens = normalise("place blue at F zebra ocean two now")
    scores = prepared(posteriors.log_probs, CONFIG)
    unsaid = frozenset({4, 5})
    places = find(grow(tokens, 0.01, CONFIG, unsaid=unsaid), scores, 8, 0.01, CONFIG, unsaid)
    assert all(place.end > place.begin for place in places)
    assert all(a.end <= b.begin for a, b in pairwise(places))
    said = frames(truth)
    assert [place.begin for place in places[:4]] == [start for start, _ in said[:4]]
    assert abs(places[6].begin - said[4][0]) <= 2  # two frames are all that they cost


@pytest.mark.parametrize("seconds", [3.0])
def test_no_word_that_was_not_said_is_long(seconds: float) -> None:
    posteriors, _ = spoken("place " + "blue " * 12 + "now", {}, clearness=8.0)
    tokens = normalise("place zebra now")
    unsaid = frozenset({1})
    scores = prepared(posteriors.log_probs, CONFIG)
    place = find(grow(tokens, 0.01, CONFIG, unsaid=unsaid), scores, 3, 0.01, CONFIG, unsaid)[1]
    assert len(scores) > 100 * seconds
    assert 0 < place.end - place.begin <= 100
