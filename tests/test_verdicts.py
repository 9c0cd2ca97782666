"""Verdicts on words whose truth is known."""

import dataclasses
import math

import numpy as np
import pytest
from speech_scores import spoken

from avsync import verdicts
from avsync.alignconfig import AlignConfig
from avsync.paths import start_posteriors
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.search import search
from avsync.text import normalise
from avsync.words import align_posteriors, find_gaps, fits

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 6: 0.4}


def searched(posteriors, text):
    config = AlignConfig()
    return search(normalise(text), prepared(posteriors.log_probs, config), 0.01, config)


def test_words_that_were_said_are_likelier_than_others():
    said, strange = [], []
    for seed in range(6):
        posteriors, _ = spoken(TEXT, PAUSES, clearness=4.0, seed=seed)
        found = searched(posteriors, "place blue ocean at F two now")
        strange.append(found.odds[2])
        said += [odds for n, odds in enumerate(found.odds) if n != 2]
    assert min(said) > max(strange)
    assert max(strange) < 0 < min(said)


def test_a_word_put_in_costs_its_neighbours_nothing():
    posteriors, truth = spoken(TEXT, PAUSES, clearness=6.0)
    found = align_posteriors(posteriors, "place blue ocean at F two now")
    assert [word.status for word in found] == ["aligned"] * 2 + ["not_spoken"] + ["aligned"] * 4
    assert found[2].confidence < 0.1
    assert found[2].said < 0.05
    assert found[2].phones == ()
    assert found[2].end > found[2].start
    kept = [word for word in found if word.text != "ocean"]
    # the strange word needs one frame, and takes it where that costs least
    assert all(abs(word.start - start) <= 0.011 for word, (start, _) in zip(kept, truth, strict=True))


@pytest.mark.parametrize(
    ("text", "unsaid"),
    [
        ("place blue blue at F two now", [2]),
        ("place blue blue blue at F two now", [2, 3]),
        ("place blue at blue at F two now", [3, 4]),
        ("place blue at F two place blue at F two now", [5, 6, 7, 8, 9]),
    ],
)
def test_what_a_text_has_twice_and_the_sound_once_is_said_once(text, unsaid):
    posteriors, truth = spoken(TEXT, PAUSES, clearness=6.0)
    found = align_posteriors(posteriors, text)
    assert [n for n, word in enumerate(found) if word.status == "not_spoken"] == unsaid
    kept = [word for word in found if word.status == "aligned"]
    assert min(word.said for word in kept) > 0.9
    assert all(abs(word.start - start) <= 0.021 for word, (start, _) in zip(kept, truth, strict=True))


def test_what_is_said_twice_is_said_twice():
    text = "place blue blue at F two F two now"
    posteriors, truth = spoken(text, {0: 0.5, 9: 0.4}, clearness=6.0)
    found = align_posteriors(posteriors, text)
    assert [word.status for word in found] == ["aligned"] * 9
    assert all(abs(word.start - start) <= 0.021 for word, (start, _) in zip(found, truth, strict=True))


def test_a_word_left_out_of_the_text_is_unmatched_speech():
    posteriors, truth = spoken(TEXT, PAUSES, clearness=8.0)
    found = align_posteriors(posteriors, "place blue at two now")
    assert [word.status for word in found] == ["aligned"] * 5
    gaps = {(gap.start, gap.end): gap.status for gap in find_gaps(posteriors, found)}
    (start, end), status = next((edges, told) for edges, told in gaps.items() if told != "silence")
    assert status == "unmatched_speech"
    assert (start, end) == (pytest.approx(truth[3][0]), pytest.approx(truth[3][1]))
    assert list(gaps.values()).count("silence") == 2


def test_a_word_longer_than_two_seconds_is_never_aligned():
    posteriors, _ = spoken(TEXT, PAUSES, clearness=8.0)
    config = AlignConfig(longest_word_s=0.05)
    assert {word.status for word in align_posteriors(posteriors, TEXT, config)} == {"low"}


def test_pieces_of_a_long_text_say_the_same(monkeypatch):
    text = " ".join(["place blue at two now please", "set red by nine again soon"] * 8)
    posteriors, _ = spoken(text, dict.fromkeys(range(0, 96, 7), 0.2), clearness=3.0)
    whole = searched(posteriors, text)
    monkeypatch.setattr(verdicts, "BLOCK_CELLS", 1)
    pieces = searched(posteriors, text)
    assert [place.begin for place in pieces.places] == [place.begin for place in whole.places]
    assert np.abs(whole.half_ms - pieces.half_ms).max() < 2.0
    assert np.abs(whole.odds - pieces.odds).max() < 0.5


def test_a_transcript_of_something_else_does_not_fit():
    posteriors, _ = spoken(TEXT, PAUSES, clearness=6.0)
    for text in (TEXT, "place blue at F two", "place green at F two now", "Place [music] blue at F two now"):
        assert fits(posteriors, align_posteriors(posteriors, text))
    for text in ("set red with G nine soon", "lay white in K six again", "my ears are very cold"):
        assert not fits(posteriors, align_posteriors(posteriors, text))
    assert fits(posteriors, [])
    short = align_posteriors(posteriors, "place blue")
    assert fits(posteriors, [dataclasses.replace(word, said=0.6) for word in short])  # all are found
    assert not fits(posteriors, align_posteriors(posteriors, "my ears"))


def test_speech_that_is_not_clear_refuses_no_transcript():
    posteriors, _ = spoken(TEXT, PAUSES, clearness=0.5)
    assert verdicts.clearness(prepared(posteriors.log_probs, AlignConfig())) < -1.1
    assert fits(posteriors, align_posteriors(posteriors, "set red with G nine soon"))


def test_clearness_by_hand():
    scores = np.full((3, 41), -9.0, np.float32)
    scores[0, 5], scores[1, 7], scores[2, 0] = -0.2, -0.6, -0.1  # the last is silence
    scores[:, 40] = 0.0  # the filler is no phone
    assert verdicts.clearness(scores) == pytest.approx(-0.4)
    assert verdicts.clearness(scores[2:]) == verdicts.LEAST_CLEAR


def test_what_is_asked_of_a_transcript_rises_with_clearness(monkeypatch):
    monkeypatch.setattr(verdicts, "BELONGS", ((-1.0, -2.0), (-0.5, 2.0)))

    def of(odds):
        return [1 / (1 + math.exp(-one)) for one in odds]

    assert verdicts.belongs(of([3.0, 1.0]), -0.5)
    assert not verdicts.belongs(of([3.0, 0.9]), -0.5)
    assert verdicts.belongs(of([3.0, 0.9]), -0.6)
    assert not verdicts.belongs(of([20.0, -8.0, -8.0]), -0.7)  # one word is no surer than `SUREST`
    assert verdicts.belongs(of([3.0, -8.0, 3.0, 3.0]), -0.5)  # one wrong word of four
    assert not verdicts.belongs(of([3.0, -8.0, -8.0, 3.0]), -0.5)
    assert verdicts.belongs([], 0.0)


def test_confidence_rises_with_what_speaks_for_a_word():
    posteriors, _ = spoken(TEXT, PAUSES, clearness=6.0)
    known = searched(posteriors, TEXT).facts
    worse = known.copy()
    worse[:, 1] -= 1.0
    worse[:, 5] = worse[:, 1] * worse[:, 4]
    for fit in (verdicts.HEARD, verdicts.SEEN):
        assert known.shape == (6, len(fit.weights))
        assert (verdicts.probability(worse, fit) < verdicts.probability(known, fit)).all()


def test_words_that_lips_alone_give_are_less_sure() -> None:
    posteriors, _ = spoken(TEXT, PAUSES, clearness=4.0)
    heard = align_posteriors(posteriors, TEXT)
    seen = align_posteriors(dataclasses.replace(posteriors, lip_share=1.0), TEXT)
    assert [word.start for word in seen] == [word.start for word in heard]
    for one, other in zip(seen, heard, strict=True):
        assert one.confidence < other.confidence
        assert one.plus_minus_ms >= other.plus_minus_ms


def test_intervals_widen_with_the_share_of_the_lips() -> None:
    posteriors, _ = spoken(TEXT, PAUSES, clearness=2.0)
    exact = AlignConfig(smallest_plus_minus_ms=0.0)
    heard, both, seen = (
        [
            word.plus_minus_ms
            for word in align_posteriors(dataclasses.replace(posteriors, lip_share=share), TEXT, exact)
        ]
        for share in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(both, np.mean([heard, seen], axis=0))
    np.testing.assert_allclose(np.divide(seen, heard), verdicts.SEEN.width / verdicts.HEARD.width)


def test_what_is_searched_again_in_a_long_text_is_what_the_whole_search_finds():
    text = " ".join(["place blue at two now please", "set red by nine again soon"] * 4)
    posteriors, _ = spoken(text, dict.fromkeys(range(0, 48, 7), 0.2), clearness=6.0)
    plain = align_posteriors(posteriors, text)
    words = text.split()
    written = " ".join([*words[:10], "zebra", *words[10:40], "ocean", *words[40:]])
    found = align_posteriors(posteriors, written)
    assert [word.text for word in found if word.status == "not_spoken"] == ["zebra", "ocean"]
    kept = [word for word in found if word.status == "aligned"]
    assert [word.text for word in kept] == words
    assert all(abs(a.start - b.start) <= 0.011 for a, b in zip(kept, plain, strict=True))


@pytest.mark.parametrize("lead", [0, 1, 2, 4, 6])
def test_a_word_near_the_edge_of_the_sound_does_not_begin_there(lead: int) -> None:
    heard, truth = spoken(TEXT, {0: lead / 100, 6: lead / 100}, clearness=6.0)
    words = align_posteriors(heard, TEXT)
    assert words[0].start == pytest.approx(truth[0][0], abs=1e-6)
    assert words[-1].end == pytest.approx(truth[-1][1], abs=1e-6)


def test_words_stay_inside_of_a_sound_that_is_as_short_as_they_may_be() -> None:
    heard, _ = spoken("at f", {}, clearness=6.0)
    short = Posteriors(heard.log_probs[:12], heard.times[:12], 0.01)
    for silence_s in (0.01, 0.03, 0.2):
        words = align_posteriors(short, "at f", AlignConfig(minimum_silence_s=silence_s))
        assert words[0].start == pytest.approx(0.0)
        assert words[-1].end == pytest.approx(0.12)


SPEECH = (
    "place blue at F two now set white with G nine soon lay green in K six again bin red by Z four please"
)


@pytest.mark.parametrize("first", [0, 6, 12, 15, 20])
def test_a_part_of_what_is_said_is_found_where_it_is_said(first: int) -> None:
    words = SPEECH.split()[first : first + 4]
    for seed in range(3):
        posteriors, truth = spoken(SPEECH, {}, clearness=2.0, seed=seed)
        found = align_posteriors(posteriors, " ".join(words))
        errors = [abs(word.start - start) for word, (start, _) in zip(found, truth[first:], strict=False)]
        assert max(errors) < 0.15


def test_a_word_that_may_be_elsewhere_is_said_but_not_sure() -> None:
    posteriors, _ = spoken("seven set blue at two seven", {}, clearness=4.0)
    (twice,) = align_posteriors(posteriors, "seven")
    (once,) = align_posteriors(posteriors, "blue")
    assert twice.said > 0.9
    assert twice.confidence < once.confidence - 0.1


def test_what_a_piece_of_a_long_search_needs_does_not_grow_with_the_sound(monkeypatch) -> None:
    text = "place blue at two now"
    posteriors, _ = spoken(text, {0: 60.0, 3: 30.0, 5: 90.0}, clearness=6.0)
    whole = searched(posteriors, text)
    asked = []

    def recorded(lattice, log_probs, tokens):
        asked.append(len(log_probs))
        return start_posteriors(lattice, log_probs, tokens)

    monkeypatch.setattr(verdicts, "start_posteriors", recorded)
    monkeypatch.setattr(verdicts, "BLOCK_CELLS", 1)
    pieces = searched(posteriors, text)
    assert len(asked) == 2  # the pause of half a minute parts them
    assert max(asked) * 0.01 < 2 * verdicts.APART_S + 3
    assert [place.begin for place in pieces.places] == [place.begin for place in whole.places]
    assert (pieces.odds > 3).all()
