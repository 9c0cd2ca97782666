"""The text against the lips at each lag."""

import numpy as np
import pytest
from speech_scores import spoken

from avsync.errors import TextError
from avsync.lagscores import OffsetConfig, lag_grid, peak
from avsync.posteriors import Posteriors
from avsync.textsync import text_scores
from avsync.words import align_posteriors

TEXT = "place blue at F two now"
LAGS = lag_grid(OffsetConfig())


@pytest.mark.parametrize("offset_ms", [-430.0, 0.0, 117.0])
def test_the_lag_at_which_lips_show_what_is_heard_stands_out(offset_ms: float) -> None:
    heard, _ = spoken(TEXT, {0: 0.5, 2: 0.25, 6: 0.4}, clearness=8.0)
    words = align_posteriors(heard, TEXT)
    lips = Posteriors(heard.log_probs, heard.times + offset_ms / 1000, 0.01)
    scores = text_scores(words, lips, LAGS)
    assert peak(scores, LAGS) == pytest.approx(offset_ms, abs=6)
    assert scores.max() > 1.5
    assert np.sort(scores[np.abs(LAGS - offset_ms) > 120])[-1] < 0.5 * scores.max()


def test_lips_that_show_nothing_speak_for_no_lag() -> None:
    heard, _ = spoken(TEXT, {0: 0.5}, clearness=8.0)
    flat = Posteriors(np.full_like(heard.log_probs, -np.log(heard.log_probs.shape[1])), heard.times, 0.01)
    assert np.ptp(text_scores(align_posteriors(heard, TEXT), flat, LAGS)) < 1e-6


def test_words_without_phones_are_refused() -> None:
    heard, _ = spoken(TEXT, {0: 0.5}, clearness=8.0)
    with pytest.raises(TextError, match="None of the words has phones"):
        text_scores([], heard, LAGS)
