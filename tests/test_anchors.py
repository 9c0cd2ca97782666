"""The rough times of a transcript, and what they are good for."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from speech_scores import spoken

from avsync.alignconfig import AlignConfig
from avsync.anchors import Block, find_words, plan
from avsync.errors import TextError
from avsync.text import normalise
from avsync.transcripts import Anchor, Transcript
from avsync.words import align_posteriors

CONFIG = AlignConfig()


def transcript(*parts: tuple[float, float, str]) -> Transcript:
    anchors, lines, position = [], [], 0
    for start, end, text in parts:
        anchors.append(Anchor(start, end, (position, position + len(text))))
        lines.append(text)
        position += len(text) + 1
    return Transcript("\n".join(lines), tuple(anchors), "talk.srt")


def test_parts_that_are_far_apart_are_searched_apart() -> None:
    text = transcript((1, 2, "one two"), (3, 4, "three"), (9, 10, "[music] four five"), (30, 31, "six"))
    blocks = plan(text, normalise(text.text), 0.0, 30.5, margin=1.0)
    assert blocks == [
        Block(0, 3, 0.0, 5.0, (1, 4)),
        Block(3, 6, 8.0, 11.0, (9, 10)),
        Block(6, 7, 29.0, 30.5, (30, 31)),
    ]


def test_blocks_hold_every_token_and_never_overlap() -> None:
    text = transcript(
        (5, 6, "one"), (2, 3, "two"), (20, 21, "[music]"), (40, 41, "– three"), (60, 61, "four")
    )
    tokens = normalise(text.text)
    blocks = plan(text, tokens, 0.0, 100.0)
    assert blocks[0] == Block(0, 2, 0.5, 7.5, (2, 6))
    assert [block.first for block in blocks[1:]] == [block.last for block in blocks[:-1]]
    assert blocks[-1].last == len(tokens)
    assert all(here.end <= there.start for here, there in pairwise(blocks))


def test_without_times_for_all_that_is_spoken_there_is_no_plan() -> None:
    text = Transcript("one two three", (Anchor(0, 1, (4, 7)),))
    assert plan(text, normalise(text.text), 0.0, 10.0) == []
    assert plan(Transcript("one"), normalise("one"), 0.0, 10.0) == []
    beyond = transcript((1, 2, "one"), (90, 91, "two"))
    assert plan(beyond, normalise(beyond.text), 0.0, 10.0) == []


LINES = ("place blue at six now", "place blue at six now", "set red by nine again")
PAUSES = {0: 5.0, 5: 6.0, 10: 6.0, 15: 4.0}


def test_times_say_which_of_two_equal_sentences_is_meant() -> None:
    """The sound has the sentence twice, the subtitles only the second time."""
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    second, third = truth[5], truth[10]
    text = transcript((second[0] - 0.7, second[0] + 2, LINES[1]), (third[0] - 0.2, third[0] + 2, LINES[2]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    for word, (start, end) in zip(found, truth[5:], strict=True):
        assert word.heard_start == pytest.approx(start, abs=0.011)
        assert word.heard_end == pytest.approx(end, abs=0.011)


def test_wrong_times_are_dropped_with_a_warning() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    text = transcript((0.1, 1, LINES[0]), (4.5, 5.5, LINES[1]), (9, 10, LINES[2]))
    tokens = normalise(text.text)
    with pytest.warns(UserWarning, match=r"the times in talk\.srt do not fit the sound"):
        found = find_words(posteriors, text, tokens, CONFIG)
    assert [word.heard_start for word in found] == [
        word.heard_start for word in align_posteriors(posteriors, tokens, CONFIG)
    ]
    assert found[0].heard_start == pytest.approx(truth[0][0], abs=0.011)


def test_a_lone_part_is_searched_in_its_time() -> None:
    """The sound has the sentence twice; the only subtitle is the second."""
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    text = transcript((truth[5][0] - 0.7, truth[9][1] + 0.5, LINES[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert [word.heard_start for word in found] == pytest.approx(
        [start for start, _ in truth[5:10]], abs=0.011
    )


def test_a_lone_part_with_wrong_times_is_searched_everywhere() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    text = transcript((0.5, 1.5, LINES[2]))
    with pytest.warns(UserWarning, match=r"the times in talk\.srt do not fit the sound"):
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert found[0].heard_start == pytest.approx(truth[10][0], abs=0.011)


def test_a_part_of_which_something_else_is_said_is_absent() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=6.0)
    other = "my ears are very cold"
    lines = [
        (truth[0][0], truth[4][1], LINES[0]),
        (truth[5][0], truth[9][1], other),
        (truth[10][0], truth[14][1], LINES[2]),
    ]
    text = transcript(*lines)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert [word.absent for word in found] == [False] * 5 + [True] * 5 + [False] * 5
    assert {word.status for word in found if word.absent} == {"not_spoken"}
    assert max(word.confidence for word in found if word.absent) <= CONFIG.least_said + 1e-9
    kept = [word.heard_start for word in found if not word.absent]
    assert kept == pytest.approx([start for start, _ in truth[:5] + truth[10:]], abs=0.011)


def test_a_part_in_silence_is_absent_and_stays_at_its_time() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES | {5: 12.0}, clearness=6.0)
    middle = (truth[4][1] + truth[5][0]) / 2
    lines = [
        (truth[0][0], truth[4][1], LINES[0]),
        (middle - 1, middle + 1, "my ears are very cold"),
        (truth[5][0], truth[9][1], LINES[1]),
        (truth[10][0], truth[14][1], LINES[2]),
    ]
    text = transcript(*lines)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert [word.absent for word in found] == [False] * 5 + [True] * 5 + [False] * 10
    assert found[5].heard_start == pytest.approx(middle - 1, abs=0.002)
    assert found[9].heard_end == pytest.approx(middle + 1, abs=0.002)


def test_one_part_with_wrong_times_is_enough_to_drop_them() -> None:
    lines = (LINES[0], "set red by nine again", LINES[2])
    heard, truth = spoken(" ".join(lines), PAUSES, clearness=6.0)
    times = [(truth[n][0], truth[n + 4][1]) for n in (0, 5, 10)]
    times[1] = (times[1][0] - 3.5, times[1][1] - 3.5)
    text = transcript(*((start, end, line) for (start, end), line in zip(times, lines, strict=True)))
    with pytest.warns(UserWarning, match="do not fit the sound"):
        found = find_words(heard, text, normalise(text.text), CONFIG)
    assert [word.heard_start for word in found] == pytest.approx([start for start, _ in truth], abs=0.011)


def test_times_outside_the_sound_are_dropped_with_a_warning() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    text = transcript((1000, 1001, LINES[0]), (1002, 1003, LINES[1]), (1010, 1012, LINES[2]))
    with pytest.warns(UserWarning, match=r"lie outside the sound \(0\.0 to \d+\.\d s\)"):
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert found[0].heard_start == pytest.approx(truth[0][0], abs=0.011)


def test_text_that_does_not_fit_into_its_time_is_searched_everywhere() -> None:
    posteriors, truth = spoken(" ".join(LINES), PAUSES, clearness=8.0)
    end = float(posteriors.times[-1])
    text = transcript((1, 2, " ".join(LINES[:2])), (end + 1.2, end + 1.4, LINES[2]))
    with pytest.warns(UserWarning, match="do not fit"):
        found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert found[0].heard_start == pytest.approx(truth[0][0], abs=0.011)


def test_close_times_change_nothing() -> None:
    posteriors, truth = spoken("place blue at two now", {0: 0.5, 2: 0.3}, clearness=5.0)
    text = transcript((0.4, 1.0, "place blue"), (1.1, 2.0, "– at two now"))
    found = find_words(posteriors, text, normalise(text.text), CONFIG)
    assert [word.text for word in found] == ["place", "blue", "–", "at", "two", "now"]
    plain = align_posteriors(posteriors, text.text, CONFIG)
    assert [word for word in found if word.status != "interpolated"] == plain
    assert len(plain) == len(truth)


def test_a_text_too_long_for_the_sound_is_an_error_with_times_too() -> None:
    posteriors, _ = spoken("now", {}, clearness=6.0)
    text = transcript((0, 0.1, "one two three four five six"), (9, 9.1, "seven eight nine ten"))
    with pytest.raises(TextError, match="10 words"):
        find_words(posteriors, text, normalise(text.text), CONFIG)
    empty = type(posteriors)(posteriors.log_probs[:0], np.zeros(0), 0.01)
    with pytest.raises(TextError, match="10 words"):
        find_words(empty, text, normalise(text.text), CONFIG)
