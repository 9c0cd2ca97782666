"""Rendered faces for training: whose sentences they say, and that their lips follow the sound."""

from dataclasses import replace

import numpy as np
import pytest
from recipe_files import scripts

from avsync.features import INNER_LIP, LIP_POINTS
from avsync.pronounce import UNITS
from avsync.speech import SAMPLE_RATE
from avsync.utterances import PhoneTimes, Utterance, load_utterance

RELEASE = 0.93
"""Seconds: the burst of a stop that begins at 0.84 and ends at 0.95."""


@pytest.fixture(scope="module")
def rendered():
    with scripts("grid") as script:
        yield script("prepare_rendered")


def says_ba(unit: str = "b", *, burst: bool = True) -> Utterance:
    """A closure, a burst, a vowel; 2 s of sound."""
    rng = np.random.default_rng(0)
    sound = 1e-5 * rng.standard_normal(2 * SAMPLE_RATE)
    if burst:
        sound[round(RELEASE * SAMPLE_RATE) : round(1.3 * SAMPLE_RATE)] += 0.1 * rng.standard_normal(5920)
    phones = PhoneTimes(
        np.array([UNITS.index(unit), UNITS.index("aa")]), np.array([0.84, 0.95]), np.array([0.95, 1.3])
    )
    return Utterance(
        "ba", "9001", sound.astype(np.float32), 0.0, ("ba",), np.array([[0.84, 1.3]]), None, phones
    )


def test_sentences_are_taken_in_turns_of_the_speakers(rendered):
    ready = says_ba()
    sentences = [replace(ready, name=f"{speaker}{n}", speaker=speaker) for speaker in "ab" for n in range(3)]
    unfit = [
        replace(ready, name="untimed", speaker="c", word_times=np.full((1, 2), np.nan)),
        replace(ready, name="without phones", speaker="c", phones=None),
        replace(ready, name="short", speaker="c", waveform=ready.waveform[:SAMPLE_RATE]),
        replace(ready, name="long", speaker="c", waveform=np.tile(ready.waveform, 5)),
    ]
    chosen = rendered.spread([*unfit, *sentences], 4)
    assert [utterance.name for utterance in chosen] == ["a0", "b0", "a1", "b1"]
    assert len(rendered.spread(sentences, 100)) == 6


@pytest.mark.parametrize(
    ("unit", "burst", "release"),
    [("b", True, RELEASE), ("p", True, RELEASE), ("b", False, 0.95), ("p", False, 0.84 + 0.6 * 0.11)],
)
def test_lips_part_at_the_burst_or_where_stops_usually_do(rendered, unit, burst, release):
    first, second = rendered.timed_phones(says_ba(unit, burst=burst))
    assert first.release == pytest.approx(release, abs=0.004)
    assert (second.unit, second.release) == ("aa", None)


def test_the_tracked_mouth_is_closed_before_the_burst_and_open_in_the_vowel(rendered, tmp_path):
    assert rendered.prepare(says_ba(), tmp_path) is None
    made = load_utterance(tmp_path / "rendered-ba.npz")
    assert made.speaker == "rendered"
    assert made.words == ("ba",)
    assert made.lips.found.all()
    assert made.lips.times[0] == pytest.approx(-rendered.REST_S, abs=0.041)
    rows = made.lips.points[:, len(LIP_POINTS) - len(INNER_LIP) :, 1]
    gap = rows[:, INNER_LIP.index(14)] - rows[:, INNER_LIP.index(13)]
    middles = made.lips.times + 0.02  # a picture stands for 40 ms
    closed = gap[(middles > 0.84) & (middles < RELEASE)]
    wide = gap[(middles > 1.0) & (middles < 1.2)]
    assert closed.max() < wide.min() - 0.3 * np.ptp(gap)
    # The picture whose middle comes first behind the burst is wider open than the one before it.
    behind = int(np.searchsorted(middles, RELEASE))
    assert gap[behind + 1] > gap[behind - 1] + 0.1 * np.ptp(gap)
