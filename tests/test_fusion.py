"""Sound and lips together."""

import numpy as np
import pytest
from speech_scores import Scores, spoken

from avsync import fusion
from avsync.alignconfig import AlignConfig
from avsync.fusion import Weights, flattened, fuse, on_sound, weigh
from avsync.retime import Piece, Retiming

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 2: 0.25, 6: 0.4}


SAMPLE = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32))


def test_fuse_shifts_the_lips_and_leaves_uncovered_sound_alone() -> None:
    times = np.arange(6) * 0.01 + 0.005
    steady = np.log(np.tile(np.float32([0.5, 0.3, 0.2]), (6, 1)))
    sound = Scores(steady, times, 0.01)
    lips_seen = Scores(SAMPLE, np.array([0.125, 0.135]), 0.01)  # seen 100 ms after it is heard
    fused = fuse(sound, lips_seen, Retiming((Piece(0.0, 0.1),)), Weights(0.5, 2.0))
    product = np.exp(0.5 * steady[2:4] + 2 * SAMPLE)
    expected = product / product.sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(fused.log_probs[2:4]), expected, atol=1e-5)
    np.testing.assert_allclose(fused.log_probs[[0, 1, 4, 5]], steady[:4], atol=1e-6)
    assert fused.times is times


def test_flattened_scores_are_less_sure_and_still_add_up_to_one() -> None:
    lips = Scores(SAMPLE, np.array([0.005, 0.015]), 0.01)
    root = np.sqrt(np.exp(SAMPLE))
    half = np.exp(flattened(lips, 0.5).log_probs)
    np.testing.assert_allclose(half, root / root.sum(1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(flattened(lips, 1.0).log_probs, SAMPLE, atol=1e-6)


def test_lips_count_more_and_sound_less_the_less_is_heard() -> None:
    config = AlignConfig()
    clear, hardly, not_at_all = (
        weigh(spoken(TEXT, PAUSES, clearness=clear)[0], config) for clear in (8.0, 4.8, 1.0)
    )
    assert clear == Weights(1.0, 0.0)
    assert config.lip_weight < hardly.lips < config.noisy_lip_weight
    assert config.noisy_sound_weight < hardly.sound < config.sound_weight
    assert not_at_all == Weights(config.noisy_sound_weight, config.noisy_lip_weight)


@pytest.mark.parametrize(
    ("clear", "sound", "lips", "mostly_sound"),
    [(-1.5, 0.2, 1.0, False), (-0.9, 0.2, 1.0, False), (-0.7, 0.5, 0.5, True), (-0.5, 1.0, 0.0, True),
     (0.0, 1.0, 0.0, True)],
)  # fmt: skip
def test_what_counts_at_each_clearness(monkeypatch, clear, sound, lips, mostly_sound) -> None:
    monkeypatch.setattr(fusion, "clearness", lambda scores: clear)
    config = AlignConfig(sound_weight=0.5, noisy_sound_weight=0.2, lip_weight=0.5, noisy_lip_weight=1.0)
    weights = weigh(spoken(TEXT, PAUSES, clearness=8.0)[0], config)
    assert weights == pytest.approx((sound, lips))
    assert weights.mostly_sound is mostly_sound


def test_lips_alone_come_onto_the_clock_of_the_sound() -> None:
    lips = spoken(TEXT, PAUSES, clearness=8.0)[0]
    assert on_sound(lips, Retiming((Piece(0.0, 0.1),))).times[0] == lips.times[0] - 0.1
    # From 1 s of the picture on, what is heard is seen 160 ms later: as much of the lips is not heard at all.
    stepped = on_sound(lips, Retiming((Piece(0.0, 0.0), Piece(1.0, 0.16))))
    assert np.allclose(np.diff(stepped.times), 0.01)
    assert len(stepped.times) == len(lips.times) - 16
    np.testing.assert_allclose(stepped.log_probs[:80], lips.log_probs[:80], atol=1e-4)
    np.testing.assert_allclose(stepped.log_probs[-80:], lips.log_probs[-80:], atol=1e-4)
