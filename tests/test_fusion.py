"""Sound and lips together."""

import numpy as np
import pytest
from speech_scores import Scores, spoken

from avsync import fusion
from avsync.alignconfig import AlignConfig
from avsync.fusion import CLEAR, fuse, lip_weight, on_sound
from avsync.retime import Piece, Retiming

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 2: 0.25, 6: 0.4}


def test_fuse_shifts_the_lips_and_leaves_uncovered_sound_alone() -> None:
    times = np.arange(6) * 0.01 + 0.005
    flat = np.log(np.full((6, 3), 1 / 3, dtype=np.float32))
    sound = Scores(flat, times, 0.01)
    peaks = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32))
    lips_seen = Scores(peaks, np.array([0.125, 0.135]), 0.01)  # seen 100 ms after it is heard
    fused = fuse(sound, lips_seen, Retiming((Piece(0.0, 0.1),)), 1.0)
    np.testing.assert_allclose(np.exp(fused.log_probs[2:4]), [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], atol=1e-5)
    np.testing.assert_allclose(fused.log_probs[[0, 1, 4, 5]], flat[:4], atol=1e-6)
    assert fused.times is times


def test_lips_count_more_the_less_is_heard() -> None:
    config = AlignConfig()
    weights = [lip_weight(spoken(TEXT, PAUSES, clearness=clear)[0], config) for clear in (8.0, 5.0, 1.0)]
    assert weights[0] == 0.0
    assert config.lip_weight < weights[1] < config.noisy_lip_weight
    assert weights[2] == config.noisy_lip_weight


def test_beside_clear_speech_lips_do_not_count(monkeypatch) -> None:
    sound = spoken(TEXT, PAUSES, clearness=8.0)[0]
    for clear, weight in ((CLEAR[1], AlignConfig().lip_weight), (CLEAR[2], 0.0), (0.0, 0.0)):
        monkeypatch.setattr(fusion, "clearness", lambda scores, clear=clear: clear)
        assert lip_weight(sound, AlignConfig()) == pytest.approx(weight)


def test_lips_alone_come_onto_the_clock_of_the_sound() -> None:
    lips = spoken(TEXT, PAUSES, clearness=8.0)[0]
    assert on_sound(lips, Retiming((Piece(0.0, 0.1),))).times[0] == lips.times[0] - 0.1
    # From 1 s of the picture on, what is heard is seen 160 ms later: as much of the lips is not heard at all.
    stepped = on_sound(lips, Retiming((Piece(0.0, 0.0), Piece(1.0, 0.16))))
    assert np.allclose(np.diff(stepped.times), 0.01)
    assert len(stepped.times) == len(lips.times) - 16
    np.testing.assert_allclose(stepped.log_probs[:80], lips.log_probs[:80], atol=1e-4)
    np.testing.assert_allclose(stepped.log_probs[-80:], lips.log_probs[-80:], atol=1e-4)
