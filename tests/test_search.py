"""Which words are searched again, and passages of a text that nobody says."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from speech_scores import spoken

from avsync import search as searching
from avsync import verdicts
from avsync.alignconfig import AlignConfig
from avsync.errors import LongTextError
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.search import search
from avsync.text import normalise
from avsync.unspoken import with_unspoken
from avsync.words import align_posteriors, fits

SAID = (
    "place blue at F two now. Set white with G nine soon. Lay green in K six again. Bin red by Z four please."
)
STRANGE = "my ears are very cold since every other morning began to bring ice and snow over us"


def heard(clearness: float = 6.0, seed: int = 0) -> tuple[Posteriors, list[tuple[float, float]]]:
    return spoken(
        SAID.replace(".", ""), dict.fromkeys((0, 6, 12, 18, 24), 0.3), clearness=clearness, seed=seed
    )


@pytest.mark.parametrize("at", [0, 6, 9, 24])
@pytest.mark.parametrize("count", [5, 16, 16 * 8])
def test_a_passage_that_nobody_says_costs_the_others_nothing(at: int, count: int) -> None:
    rng = np.random.default_rng(count)
    words = rng.choice(sorted(set(SAID.replace(".", "").split())), 24 + 2 * count).tolist()
    posteriors, truth = spoken(
        " ".join(words), dict.fromkeys(range(0, len(words) + 1, 6), 0.3), clearness=6.0
    )
    text = [word + "." * (n % 6 == 5) for n, word in enumerate(words)]
    text[at:at] = (STRANGE.split() * 8)[:count]
    tokens = normalise(" ".join(text))
    found = with_unspoken(align_posteriors(posteriors, tokens), tokens, 0.0, float(posteriors.times[-1]))
    assert [word.text for word in found] == text
    assert [word.absent for word in found] == [at <= n < at + count for n in range(len(text))]
    assert {word.status for word in found if word.absent} == {"not_spoken"}
    assert all(
        word.confidence <= 0.021 and word.said <= 0.021 and not word.phones for word in found if word.absent
    )
    kept = [word.start for word in found if not word.absent]
    assert (
        max(abs(one - other) for one, other in zip(kept, (start for start, _ in truth), strict=True)) < 0.06
    )
    spoken_words = [word for word in found if not word.absent]
    assert all(here.end <= there.start + 1e-9 for here, there in pairwise(spoken_words))
    assert all(here.start <= there.start for here, there in pairwise(found))
    assert all(word.end > word.start for word in found)


def test_a_passage_instead_of_another_is_told_though_some_words_fit() -> None:
    posteriors, truth = heard(clearness=5.0)
    words = SAID.split()
    text = [*words[:6], *STRANGE.split()[:11], *words[18:]]
    found = align_posteriors(posteriors, " ".join(text))
    assert [word.absent for word in found] == [6 <= n < 17 for n in range(len(text))]
    kept = [word.start for word in found if not word.absent]
    expected = [start for start, _ in truth[:6] + truth[18:]]
    assert max(abs(one - other) for one, other in zip(kept, expected, strict=True)) < 0.06


@pytest.mark.parametrize(
    ("left_out", "missing"), [([2, 3, 4, 5], {3, 4, 5}), ([1, 2, 3, 4, 5, 6], {3, 4, 5})]
)
def test_well_found_words_at_the_ends_of_a_passage_stay(monkeypatch, left_out, missing) -> None:
    graph = SimpleNamespace(token=np.array([n for n in range(8) if n not in left_out]), shortest=0)
    monkeypatch.setattr(searching, "grow", lambda *_, **__: graph)
    monkeypatch.setattr(searching, "best_path", lambda graph, scores: (np.arange(len(graph.token)), 0.0))
    sound = SimpleNamespace(step=0.01, config=None, scores=np.zeros((9, 1)))
    bad = np.isin(np.arange(8), [3, 4, 5])
    assert searching._missing(range(8), bad, sound) == missing
    assert searching._missing(range(8), bad & (np.arange(8) > 3), sound) == set()


def test_words_that_were_said_are_in_no_passage() -> None:
    for seed in range(4):
        for clearness in (2.0, 6.0):
            posteriors, _ = heard(clearness, seed)
            assert not any(word.absent for word in align_posteriors(posteriors, SAID))


def test_unclear_speech_and_most_of_a_text_make_no_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    posteriors, _ = heard()
    words = SAID.split()
    text = " ".join([*words[:6], *STRANGE.split()[:5], *words[6:]])
    assert sum(word.absent for word in align_posteriors(posteriors, text)) == 5
    mostly = " ".join([*words[:3], STRANGE])
    assert not any(word.absent for word in align_posteriors(posteriors, mostly))
    monkeypatch.setattr(verdicts, "TELLING", 1.0)
    assert not any(word.absent for word in align_posteriors(posteriors, text))


def test_scores_that_lips_give_leave_no_passage_out() -> None:
    posteriors, _ = heard()
    words = SAID.split()
    tokens = normalise(" ".join([*words[:6], *STRANGE.split()[:5], *words[6:]]))
    scores = prepared(posteriors.log_probs, AlignConfig())
    found = search(tokens, scores, 0.01, AlignConfig(), partial=False)
    assert found.absent == frozenset()
    assert search(tokens, scores, 0.01, AlignConfig()).absent == frozenset(range(6, 11))


def test_stretches_of_badly_found_words_keep_well_found_ones_on_either_side() -> None:
    here = np.full(40, 5.0)
    here[[1, 3]] = -1.0  # two are no passage
    here[[12, 13, 19]] = -1.0
    here[[30, 31, 38]] = -1.0
    assert list(searching._doubtful(here)) == [(9, 23)]
    here[[34, 36]] = -1.0
    assert list(searching._doubtful(here)) == [(9, 23), (27, 40)]
    assert list(searching._doubtful(np.full(5, -1.0))) == [(0, 5)]
    assert list(searching._doubtful(np.full(5, 1.0))) == []


def test_passages_that_are_not_where_they_stand_by_hand() -> None:
    here = np.full(30, 7.0)
    assert list(searching._unsaid_runs(here)) == []
    here[10:14] = -3.0  # 4 * 4 is less than 18
    assert list(searching._unsaid_runs(here)) == []
    here[10:20] = -3.0
    here[14] = 4.0
    assert list(searching._unsaid_runs(here)) == [(10, 20)]
    here[22:] = -100.0  # one word counts as 8 at most, and two good ones part nothing
    assert list(searching._unsaid_runs(here)) == [(10, 30)]
    here[20:24] = 7.0
    here[26:] = 7.0
    assert list(searching._unsaid_runs(here)) == [(10, 20), (24, 26)]


def script(count: int) -> list[str]:
    """Words of a small vocabulary, six a sentence."""
    words = sorted(set(SAID.replace(".", "").split()) | set(STRANGE.split()))
    return np.random.default_rng(count).choice(words, count).tolist()


@pytest.mark.parametrize("before", [0, 60, 5000])
@pytest.mark.parametrize("behind", [120, 7000])
def test_the_part_of_a_script_that_is_said_is_found(before: int, behind: int) -> None:
    words = script(before + 42 + behind)
    said = words[before : before + 42]
    posteriors, truth = spoken(" ".join(said), dict.fromkeys(range(0, 43, 6), 0.3), clearness=6.0)
    text = " ".join(word + "." * (n % 6 == 5) for n, word in enumerate(words))
    tokens = normalise(text)
    words_found = align_posteriors(posteriors, tokens)
    found = with_unspoken(words_found, tokens, 0.0, float(posteriors.times[-1]))
    assert [n for n, word in enumerate(found) if not word.absent] == list(range(before, before + 42))
    kept = [word.start for word in found if not word.absent]
    assert kept == pytest.approx([start for start, _ in truth], abs=0.06)


def test_no_part_of_a_script_that_takes_longer_than_the_sound_is_found_in_another() -> None:
    posteriors, _ = heard()
    with pytest.raises(LongTextError, match="3000 words, which take"):
        align_posteriors(posteriors, ". ".join([STRANGE] * 176) + " so so so so so so so so.")


def test_no_part_of_a_long_text_is_found_in_another_sound() -> None:
    posteriors, _ = heard()
    found = align_posteriors(posteriors, ". ".join([STRANGE] * 4) + ".")
    assert not fits(posteriors, found)
