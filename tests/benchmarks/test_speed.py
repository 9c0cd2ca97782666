"""Speed of what runs for every frame; `make benchmark` prints a table, other runs only try each once."""

import numpy as np
import pytest
from speech_scores import spoken

from avsync import media, render, speech
from avsync.alignment import Alignment, Word
from avsync.lagscores import OffsetConfig, lag_grid, lag_scores
from avsync.model import Vectors
from avsync.offset import undetermined
from avsync.words import align_posteriors

pytest.importorskip("pytest_benchmark")


def test_log_mel_of_ten_seconds(benchmark, flash_and_beep):
    clip = media.load(flash_and_beep("wav", video=None, audio="pcm_s16le", seconds=10.0).path)
    mel = benchmark(speech.log_mel, clip)
    assert len(mel.times) == pytest.approx(1000, abs=1)


def test_lag_scores_of_ten_seconds(benchmark):
    random = np.random.default_rng(0)
    config = OffsetConfig()
    heard = random.normal(size=(1200, 64)).astype(np.float32)
    heard_times = np.arange(-1.0, 11.0, 0.01)
    seen_times = np.arange(0.0, 10.0, 0.04)
    shift = 10  # steps of 10 ms: what is seen at t is heard 100 ms before
    seen = heard[np.searchsorted(heard_times, seen_times - 1e-6) - shift]
    known = np.ones(len(seen_times), bool)
    lips, sound = (
        Vectors(seen, seen_times, known),
        Vectors(heard, heard_times, np.ones(len(heard_times), bool)),
    )
    lags_ms = lag_grid(config)
    scores_TK = benchmark(lag_scores, lips, sound, lags_ms)
    assert lags_ms[scores_TK.mean(axis=0).argmax()] == 100.0


def test_words_of_twenty_seconds(benchmark):
    text = " ".join(["place blue at f two now"] * 10)
    scores, truth = spoken(text, {0: 0.3}, clearness=6.0)
    words = benchmark(align_posteriors, scores, text)
    errors = [abs(word.heard_start - start) for word, (start, _) in zip(words, truth, strict=True)]
    assert np.median(errors) < 0.02


def test_drawing_on_a_720p_picture(benchmark):
    words = [
        Word(f"word{i}", 0.3 * i, 0.3 * i + 0.3, 0, 0, None, None, 1.0, 10.0, "aligned") for i in range(6)
    ]
    picture = np.zeros((720, 1280, 3), np.uint8)
    clip = media.Clip("x", np.arange(50) / 25, [picture], np.zeros(0, np.float32), 16_000, 0.0, None)
    offset = undetermined("ambiguous")
    paint = render.painter(clip, Alignment(words, offset, [], "", "x"), ())

    def draw_two_seconds() -> None:
        for time in clip.frame_times:
            paint(picture, float(time))

    benchmark(draw_two_seconds)
    assert picture.any()
