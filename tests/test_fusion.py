"""Sound and lips together."""

import numpy as np
import pytest
from speech_scores import spoken

from avsync import fusion
from avsync.alignconfig import AlignConfig
from avsync.fusion import CLEAR, FITS, READS, Weights, fuse, need_of_lips, on_sound, weigh
from avsync.posteriors import Posteriors
from avsync.retime import Piece, Retiming

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 2: 0.25, 6: 0.4}


SAMPLE = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32))


def test_fuse_shifts_the_lips_and_leaves_uncovered_sound_alone() -> None:
    times = np.arange(6) * 0.01 + 0.005
    steady = np.log(np.tile(np.float32([0.5, 0.3, 0.2]), (6, 1)))
    sound = Posteriors(steady, times, 0.01)
    lips_seen = Posteriors(SAMPLE, np.array([0.125, 0.135]), 0.01)  # seen 100 ms after it is heard
    fused = fuse(sound, lips_seen, Retiming((Piece(0.0, 0.1),)), Weights(0.5, 2.0))
    product = np.exp(0.5 * steady[2:4] + 2 * SAMPLE)
    expected = product / product.sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(fused.log_probs[2:4]), expected, atol=1e-5)
    np.testing.assert_allclose(fused.log_probs[[0, 1, 4, 5]], steady[:4], atol=1e-6)
    assert fused.times is times
    assert fused.lip_share == 0.8


def test_lips_are_needed_where_speech_is_not_clear(monkeypatch) -> None:
    sound = spoken(TEXT, PAUSES, clearness=8.0)[0]
    assert need_of_lips(sound, AlignConfig()) == 0.0
    assert need_of_lips(spoken(TEXT, PAUSES, clearness=1.0)[0], AlignConfig()) == 1.0
    for clear, need in ((-1.5, 1.0), (CLEAR[0], 1.0), (sum(CLEAR) / 2, 0.5), (CLEAR[1], 0.0), (0.0, 0.0)):
        monkeypatch.setattr(fusion, "clearness", lambda scores, clear=clear: clear)
        assert need_of_lips(sound, AlignConfig()) == pytest.approx(need)


READ, VAGUE = READS[1], READS[0]


@pytest.mark.parametrize(
    ("need", "heard", "seen", "sound", "lips"),
    [
        (1.0, FITS[0] - 4, READ, 0.2, 1.0),
        (1.0, FITS[0], READ, 0.2, 1.0),
        (1.0, sum(FITS) / 2, READ + 1, 0.5, 0.7),
        (1.0, FITS[1], READ, 0.8, 0.4),
        (0.5, FITS[0], READ, 0.6, 0.5),
        (0.5, FITS[1], READ, 0.9, 0.2),
        (0.0, FITS[0], READ, 1.0, 0.0),
        (1.0, FITS[0], VAGUE, 0.8, 0.1),
        (1.0, FITS[1], VAGUE - 4, 0.8, 0.1),
        (1.0, FITS[0], (READ + VAGUE) / 2, 0.5, 0.55),
        (0.0, FITS[0], VAGUE, 1.0, 0.0),
    ],
)
def test_what_the_text_does_not_fit_counts_less(need, heard, seen, sound, lips) -> None:
    config = AlignConfig(
        sound_weight=0.8, noisy_sound_weight=0.2, lip_weight=0.4, noisy_lip_weight=1.0, vague_lip_weight=0.1
    )
    assert weigh(need, heard, seen, config) == pytest.approx((sound, lips))


def test_lips_alone_come_onto_the_clock_of_the_sound() -> None:
    lips = spoken(TEXT, PAUSES, clearness=8.0)[0]
    assert on_sound(lips, Retiming((Piece(0.0, 0.1),))).times[0] == lips.times[0] - 0.1
    # From 1 s of the picture on, what is heard is seen 160 ms later: as much of the lips is not heard at all.
    stepped = on_sound(lips, Retiming((Piece(0.0, 0.0), Piece(1.0, 0.16))))
    assert np.allclose(np.diff(stepped.times), 0.01)
    assert len(stepped.times) == len(lips.times) - 16
    np.testing.assert_allclose(stepped.log_probs[:80], lips.log_probs[:80], atol=1e-4)
    np.testing.assert_allclose(stepped.log_probs[-80:], lips.log_probs[-80:], atol=1e-4)
