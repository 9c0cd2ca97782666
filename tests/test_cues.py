"""Where subtitles end, how their lines break, and how long they stand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from alignments import made, unspoken, word

from avsync.alignment import Word
from avsync.clocks import on_clock
from avsync.cues import Cue, SubtitleConfig, cues

CONFIG = SubtitleConfig()


def subtitles(*words: Word, end: float | None = None) -> list[Cue]:
    last = words[-1].heard_end
    return cues(on_clock(made(*words, end=last + 2 if end is None else end), "sound"))


def texts(found: list[Cue]) -> list[str]:
    return ["/".join(" ".join(word.text for word in line) for line in cue.lines) for cue in found]


def speech(text: str, seconds: float = 0.3, start: float = 0.0) -> list[Word]:
    return [word(one, start + n * seconds, start + (n + 1) * seconds) for n, one in enumerate(text.split())]


def test_a_pause_ends_a_subtitle() -> None:
    found = subtitles(*speech("one two"), *speech("three four", start=1.2))
    assert texts(found) == ["one two", "three four"]
    assert [(cue.start, cue.end) for cue in found] == [(0, 1000), (1200, 2200)]


def test_sentences_have_subtitles_of_their_own_where_they_are_long_enough() -> None:
    assert texts(subtitles(*speech("This is one sentence. Here is another one."))) == [
        "This is one sentence.", "Here is another one.",
    ]  # fmt: skip
    assert texts(subtitles(*speech("Yes. We can go there now."))) == ["Yes. We can go there now."]
    assert texts(subtitles(*speech("We asked Dr. Smith to come."))) == ["We asked Dr. Smith to come."]


def test_long_sentences_end_at_commas_rather_than_behind_small_words() -> None:
    text = "When the rain stopped in the evening, we walked down to the harbour and looked at the old boats."
    assert texts(subtitles(*speech(text))) == [
        "When the rain stopped in the evening,",
        "we walked down to the harbour/and looked at the old boats.",
    ]


def test_no_subtitle_ends_behind_an_article_where_another_place_will_do() -> None:
    text = "we saw a house with a garden and a tree in the middle of the field near a river beside the road"
    for cue in subtitles(*speech(text * 4)):
        for line in cue.lines:
            assert line[-1].text not in ("a", "the", "of")


def test_two_lines_are_balanced() -> None:
    (cue,) = subtitles(*speech("every good boy deserves fudge cake and cream today", 0.4))
    assert texts([cue]) == ["every good boy deserves/fudge cake and cream today"]


def test_a_label_begins_a_subtitle_and_a_sound_has_its_own() -> None:
    found = subtitles(
        unspoken("[music]", 0.0, 20.0),
        unspoken("ANNA:", 20.0, 20.5),
        *speech("hello there", start=20.5),
        unspoken("–", 21.1, 21.2),
        word("yes", 21.2, 21.5),
        unspoken("BOB:", 21.5, 21.502),
        *speech("good morning", 0.6, start=21.502),
        unspoken("(laughs)", 23.0, 24.0),
        end=24.0,
    )
    assert texts(found) == ["[music]", "ANNA: hello there – yes", "BOB: good morning", "(laughs)"]
    assert (found[0].start, found[0].end) == (0, 6000)  # music may play for minutes
    assert found[1].start == 20500  # with the first word, not with the label
    assert found[3].start == 23000


def test_a_sound_without_a_pause_stands_with_the_words() -> None:
    """Between two words that touch it has a millisecond, in which nobody can read it."""
    words = [*speech("so it"), unspoken("[music]", 0.599, 0.6), *speech("goes on", start=0.6)]
    assert texts(subtitles(*words)) == ["so it [music] goes on"]
    assert texts(subtitles(unspoken("[music]", 0.0, 0.1), *speech("so it", start=0.1))) == ["[music] so it"]


def test_passages_that_nobody_says_have_no_subtitle() -> None:
    far, away = (replace(word(text, 1.0, 1.1, status="not_spoken"), absent=True) for text in ("far", "away"))
    words = [
        *speech("hello there", start=0.4), unspoken("BOB:", 1.0, 1.01), far, unspoken("–", 1.1, 1.15), away,
        unspoken("…", 1.2, 1.21), unspoken("CHRIS:", 1.21, 1.22), *speech("so", start=1.25),
        word("very", 1.4, 1.5, status="not_spoken"), *speech("good", start=1.5),
    ]  # fmt: skip
    assert texts(subtitles(*words)) == ["hello there", "CHRIS: so very good"]


@pytest.mark.parametrize("marks", [["ANNA:", "[music]", "–"], ["–", "ANNA:"], ["[music]"], ["–"]])
def test_signs_before_the_first_word_and_behind_the_last_are_kept(marks: list[str]) -> None:
    before = [unspoken(mark, n * 0.1, n * 0.1 + 0.1) for n, mark in enumerate(marks)]
    behind = [unspoken(mark, 1 + n * 0.1, 1.1 + n * 0.1) for n, mark in enumerate(marks)]
    words = [*before, word("so", 0.5, 0.9), *behind]
    found = subtitles(*words)
    assert [one.text for cue in found for one in cue.words] == [one.text for one in words]


def test_a_subtitle_stands_a_second_and_leaves_a_gap() -> None:
    found = subtitles(*speech("Yes."), *speech("No.", start=0.85), *speech("Maybe.", start=5.0))
    assert [(cue.start, cue.end) for cue in found] == [(0, 770), (850, 1850), (5000, 6000)]


def test_the_gap_is_taken_from_the_end() -> None:
    found = subtitles(*speech("This is one sentence. Here is another one.", 0.4))
    assert (found[0].end, found[1].start) == (1520, 1600)


def test_a_subtitle_with_much_to_read_stands_longer_where_there_is_time() -> None:
    found = subtitles(*speech("Extraordinarily sophisticated counterrevolutionaries.", 0.2), end=10.0)
    assert found[0].end == round(1000 * len("Extraordinarily sophisticated counterrevolutionaries.") / 20)
    assert subtitles(*speech("Extraordinarily sophisticated.", 0.2), end=0.9)[0].end == 900


def test_a_word_longer_than_a_line_stands_alone_in_it() -> None:
    long = "Donau" * 30
    found = subtitles(*speech(f"the {long} ship"))
    assert [one.text for cue in found for one in cue.words] == ["the", long, "ship"]


@pytest.mark.parametrize("seed", range(30))
def test_the_rules_hold_whatever_is_said(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, words = 0.0, []
    for _ in range(int(rng.integers(1, 120))):
        time += float(rng.choice([0.0, 0.0, 0.05, 0.2, 0.7, 3.0]))
        length = float(rng.uniform(0.05, 0.9))
        text = "x" * int(rng.integers(1, 20)) + str(rng.choice(["", "", "", ",", ".", "?"]))
        words.append(word(text, time, time + length))
        time += length
        if rng.random() < 0.1:
            mark = str(rng.choice(["ANNA:", "[door slams]", "–", "(laughs)"]))
            words.append(unspoken(mark, time, time + 0.01))
            time += 0.01
    found = subtitles(*words)
    assert [one.text for cue in found for one in cue.words] == [one.text for one in words]
    for cue in found:
        assert cue.start < cue.end
        assert len(cue.lines) <= CONFIG.lines
        assert all(sum(len(one.text) + 1 for one in line) - 1 <= CONFIG.line_characters for line in cue.lines)
        spoken = [one for one in cue.words if one.spoken]
        if spoken:
            assert cue.start == round(spoken[0].start * 1000)
            assert spoken[-1].end - spoken[0].start <= CONFIG.longest_s
            assert cue.end >= round(spoken[-1].end * 1000) - CONFIG.gap_s * 1000 - 1
            assert all(b.start - a.end < CONFIG.pause_s for a, b in pairwise(spoken))
    for here, there in pairwise(found):
        assert here.end <= there.start
        short = here.end - here.start < CONFIG.shortest_s * 1000
        assert not short or there.start - here.end <= CONFIG.gap_s * 1000 + 1


def test_subtitles_that_begin_before_0_stand_one_by_one() -> None:
    words = [word(text, -4.0 + n, -3.7 + n) for n, text in enumerate(["far", "too", "early", "to", "see"])]
    found = subtitles(*words, end=2.0)
    assert [cue.start for cue in found] == [0, 1, 2, 3, 4]
    assert all(here.start < here.end <= there.start for here, there in pairwise(found))
