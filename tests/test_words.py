"""Words from phone scores whose truth is known."""

import dataclasses
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from speech_scores import spoken

from avsync.alignconfig import AlignConfig
from avsync.errors import ConfigError, TextError
from avsync.posteriors import Posteriors
from avsync.pronunciations import as_lexicon
from avsync.text import normalise
from avsync.words import align_posteriors, find_gaps, span, speech_seconds

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 2: 0.25, 6: 0.4}


def test_words_stand_where_they_are_spoken() -> None:
    posteriors, truth = spoken(TEXT, PAUSES, clearness=8.0)
    found = align_posteriors(posteriors, TEXT)
    assert [word.text for word in found] == TEXT.split()
    for word, (start, end) in zip(found, truth, strict=True):
        assert word.start == word.heard_start == pytest.approx(start, abs=1e-6)
        assert word.end == word.heard_end == pytest.approx(end, abs=1e-6)
        assert word.status == "aligned"
        assert word.confidence > 0.8
        assert word.first_frame is None
        assert word.phones[0].start == word.start
        assert word.phones[-1].end == word.end
        assert all(a.end == b.start for a, b in pairwise(word.phones))


def test_tokens_that_are_not_spoken_have_no_words_and_change_none() -> None:
    posteriors, _ = spoken(TEXT, PAUSES, clearness=8.0)
    found = align_posteriors(posteriors, "[music] place – blue at F (laughs) two now …")
    assert found == align_posteriors(posteriors, TEXT)


def test_own_pronunciations_are_what_is_searched() -> None:
    """The sound says "two"; the transcript writes it in another script."""
    posteriors, truth = spoken(TEXT, PAUSES, clearness=8.0)
    found = align_posteriors(posteriors, normalise("place blue at F 二 now", as_lexicon({"二": "T UW"})))
    assert [word.text for word in found] == ["place", "blue", "at", "F", "二", "now"]
    assert (found[4].start, found[4].end) == (pytest.approx(truth[4][0]), pytest.approx(truth[4][1]))
    assert found[4].status == "aligned"
    wrong = align_posteriors(posteriors, normalise("place blue at F two now", as_lexicon({"two": "M OY"})))
    assert wrong[4].confidence < 0.1


def test_noisy_scores_move_words_little_and_say_so() -> None:
    clear, truth = spoken(TEXT, PAUSES, clearness=8.0)
    noisy, _ = spoken(TEXT, PAUSES, clearness=2.5)
    sure, unsure = align_posteriors(clear, TEXT), align_posteriors(noisy, TEXT)
    assert all(a.confidence > b.confidence for a, b in zip(sure, unsure, strict=True))
    assert sum(word.plus_minus_ms for word in unsure) > sum(word.plus_minus_ms for word in sure)
    assert (
        np.median([abs(word.start - start) for word, (start, _) in zip(unsure, truth, strict=True)]) <= 0.03
    )


def test_the_stated_interval_holds_the_truth() -> None:
    inside = total = 0
    for seed in range(20):
        posteriors, truth = spoken(TEXT, PAUSES, clearness=3.0, seed=seed)
        for word, (start, _) in zip(align_posteriors(posteriors, TEXT), truth, strict=True):
            inside += abs(word.start - start) <= word.plus_minus_ms / 1000 + 1e-9
            total += 1
    assert inside / total >= 0.9


def test_moving_the_clock_moves_the_words() -> None:
    posteriors, _ = spoken(TEXT, PAUSES, clearness=3.0)
    moved = dataclasses.replace(posteriors, times=posteriors.times + 100.037)
    for here, there in zip(align_posteriors(posteriors, TEXT), align_posteriors(moved, TEXT), strict=True):
        assert there.start - here.start == pytest.approx(100.037)
        assert there.confidence == here.confidence


def test_a_word_that_was_not_said_is_not_called_aligned() -> None:
    posteriors, _ = spoken("place blue at F two now", PAUSES, clearness=6.0)
    found = align_posteriors(posteriors, "place blue at F xylophone now")
    assert [word.status for word in found[:4]] == ["aligned"] * 4
    assert found[4].status in ("low", "not_spoken")
    assert found[4].confidence < 0.25
    assert all(word.end > word.start for word in found)


def test_text_longer_than_the_sound_is_refused_with_numbers() -> None:
    posteriors, _ = spoken("now", {}, clearness=6.0)
    with pytest.raises(TextError, match=r"70 words, which take 6\.30 s at least, but the clip has 0\.\d\d s"):
        align_posteriors(posteriors, "hello there this is a long text " * 10)
    empty = Posteriors(posteriors.log_probs[:0], posteriors.times[:0], 0.01)
    with pytest.raises(TextError, match=r"the clip has 0\.00 s"):
        align_posteriors(empty, "now")


def test_gaps_are_what_lies_between_and_speech_in_them_is_told() -> None:
    posteriors, truth = spoken("place blue at F two now", PAUSES, clearness=8.0)
    found = align_posteriors(posteriors, TEXT)
    gaps = find_gaps(posteriors, found)
    assert [gap.status for gap in gaps] == ["silence"] * 3
    assert (gaps[0].start, gaps[0].end) == (pytest.approx(0.0), pytest.approx(truth[0][0]))
    assert gaps[2].end == pytest.approx(len(posteriors.times) * 0.01)
    without_start = find_gaps(posteriors, found[4:])
    assert without_start[0].status == "unmatched_speech"


@pytest.mark.parametrize(
    ("odds", "frames", "status"),
    [
        pytest.param(1.0, 200, "silence", id="music, a phone is a little likelier than silence"),
        pytest.param(4.0, 200, "unmatched_speech", id="speech"),
        pytest.param(4.0, 12, "unmatched_speech", id="a short word"),
        pytest.param(4.0, 6, "silence", id="a click"),
    ],
)
def test_speech_in_a_gap_is_clearly_no_silence(odds: float, frames: int, status: str) -> None:
    posteriors, truth = spoken("place blue at F two now", {0: 0.5, 6: 2.5}, clearness=8.0)
    found = align_posteriors(posteriors, TEXT)
    heard = posteriors.log_probs.copy()
    behind = round(truth[-1][1] / 0.01) + 20
    heard[behind : behind + frames, 7] = heard[behind : behind + frames, 0] + odds
    assert find_gaps(Posteriors(heard, posteriors.times, 0.01), found)[-1].status == status


def test_bias_is_taken_off_and_words_never_overlap() -> None:
    posteriors, _ = spoken(TEXT, PAUSES, clearness=8.0)
    plain = align_posteriors(posteriors, TEXT)
    moved = align_posteriors(posteriors, TEXT, AlignConfig(start_bias_s=0.02, end_bias_s=-0.03))
    assert moved[0].start == pytest.approx(plain[0].start - 0.02)
    assert moved[1].end == moved[1].phones[-1].end == pytest.approx(plain[1].end + 0.03)
    assert moved[0].end == moved[1].start  # words that touch still do
    for here, there in pairwise(moved):
        assert here.start < here.end <= there.start


def test_what_comes_late_with_the_scores_is_taken_off_and_stays_in_the_sound() -> None:
    scores, _ = spoken(TEXT, PAUSES, clearness=8.0)
    plain = align_posteriors(scores, TEXT)
    moved = align_posteriors(replace(scores, late_s=(0.01, 0.01, -0.03)), TEXT)
    assert [word.start for word in moved] == pytest.approx([word.start - 0.01 for word in plain])
    assert moved[-1].end == pytest.approx(plain[-1].end + 0.03)
    assert moved == align_posteriors(scores, TEXT, AlignConfig(start_bias_s=0.01, end_bias_s=-0.03))
    first = align_posteriors(replace(scores, late_s=(-0.02, 0.0, 0.0)), TEXT)
    behind_pauses = [index in PAUSES for index in range(len(plain))]
    expected = [word.start + 0.02 * pause for word, pause in zip(plain, behind_pauses, strict=True)]
    assert [word.start for word in first] == pytest.approx(expected)
    assert [word.end for word in first] == pytest.approx([word.end for word in plain])
    early = align_posteriors(replace(scores, late_s=(9.0, 0.0, 0.0)), TEXT)
    assert early[0].heard_start == pytest.approx(span(scores)[0])
    far = align_posteriors(replace(scores, late_s=(0.0, 0.0, -9.0)), TEXT)
    assert far[-1].end == pytest.approx(len(scores.times) / 100)
    assert all(here.end <= there.start for here, there in pairwise(far))


def test_blanks_inside_a_word_do_not_end_it() -> None:
    """CTC training likes silence, its blank, a little better than the phone that goes on."""
    posteriors, truth = spoken(TEXT, PAUSES, clearness=8.0)
    end = round(truth[0][1] * 100)
    told = posteriors.log_probs[end - 1].argmax()
    posteriors.log_probs[end - 3 : end, 0] = posteriors.log_probs[end - 3 : end, told] + 1.5
    for penalty, expected in ((0.0, end - 3), (2.0, end)):
        config = AlignConfig(
            silence_cost=1.0, silence_penalty=penalty, minimum_phone_s=0.01, duration_weight=0
        )
        assert align_posteriors(posteriors, TEXT, config)[0].end == pytest.approx(expected / 100)


@pytest.mark.parametrize(
    "field", ["minimum_phone_s", "silence_cost", "silence_penalty", "duration_weight", "interval"]
)
def test_configuration_is_checked(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        AlignConfig(**{field: -1.0})


def test_how_long_somebody_speaks() -> None:
    posteriors, truth = spoken(TEXT, PAUSES, clearness=8.0)
    said = sum(end - start for start, end in truth)
    assert speech_seconds(posteriors) == pytest.approx(said, abs=0.3)
    quiet, _ = spoken("now", {0: 5.0}, clearness=8.0)
    few = Posteriors(quiet.log_probs[:300], quiet.times[:300], 0.01)
    assert speech_seconds(few) == 0.0
    assert speech_seconds(Posteriors(few.log_probs[:3], few.times[:3], 0.01)) == 0.0
