"""Excerpts of files whose truth is known: a flashing and beeping clip, a talking head, a film with noise."""

import numpy as np
import pytest
import tiny

from avsync import excerpts, media
from avsync.excerpts import Excerpts
from avsync.lagscores import OffsetConfig, lag_grid, peak
from avsync.model import load_model
from avsync.speaking import decide

LAGS = lag_grid(OffsetConfig())


@pytest.fixture(scope="module")
def talk(talks):
    path, truth = talks[120.0]
    return Excerpts(path, load_model(), OffsetConfig()), truth


def test_only_a_short_file_is_loaded(flash_and_beep, monkeypatch):
    path = flash_and_beep().path
    clip = excerpts.load_short(path)
    assert len(clip.frame_times) == 60
    monkeypatch.setattr(excerpts, "SHORT_SECONDS", 2.0)
    monkeypatch.setattr(excerpts.media, "load", lambda path: pytest.fail("loaded"))
    assert excerpts.load_short(path) is None


def test_a_file_that_does_not_say_how_long_it_is_is_as_long_as_its_packets(flash_and_beep, monkeypatch):
    made = flash_and_beep("mkv", one_way=True)
    with media.open(made.path) as reader:
        assert reader.info.duration is None
        start, end = excerpts.span(reader, made.path)
    times = media.load(made.path).frame_times
    assert start == pytest.approx(times[0], abs=0.1)
    assert end == pytest.approx(times[-1], abs=0.3)
    monkeypatch.setattr(excerpts, "SHORT_SECONDS", 1.0)
    assert excerpts.load_short(made.path) is None
    assert Excerpts(made.path, load_model(), OffsetConfig()).span == (start, end)


def test_the_opening_tells_of_the_streams(flash_and_beep):
    path = flash_and_beep("mkv", audio="pcm_s16le", audio_start=0.3).path
    start, whole = excerpts.opening(path), media.load(path)
    assert (start.frame_times[0], start.audio_start) == (
        whole.frame_times[0],
        pytest.approx(whole.audio_start),
    )
    assert (start.fps, start.variable_frame_rate) == (pytest.approx(whole.fps), whole.variable_frame_rate)


def test_an_excerpt_holds_the_steps_of_its_window_and_finds_the_offset(talk):
    source, truth = talk
    start, end = source.span
    (part,) = source.read(3, (start, end), LAGS)
    assert (part.stretch, part.face) == (3, 0)
    assert part.scores_TK.shape == (len(part.times_s), len(LAGS))
    assert peak(part.scores_TK.sum(0), LAGS) == pytest.approx(truth.offset_ms, abs=40)
    (middle,) = source.read(0, (start + 0.59, start + 1.79), LAGS)
    assert start + 0.59 <= middle.times_s[0] <= middle.times_s[-1] < start + 1.79
    assert len(middle.times_s) == 30
    (again,) = source.read(0, (start + 0.59, start + 1.79), LAGS)
    np.testing.assert_array_equal(again.scores_TK, middle.scores_TK)


def test_the_sound_around_a_window_is_heard(talk):
    # At +-600 ms the sound of a window of 1.2 s lies half outside of it; without it those lags are all alike.
    source, _ = talk
    start = source.span[0] + 0.8
    (part,) = source.read(0, (start, start + 1.2), LAGS)
    early = part.scores_TK[0, np.abs(LAGS - 600) <= 50]
    assert np.ptp(early) > 1e-3


def test_what_is_too_short_or_shows_no_face_gives_nothing(talk, flash_and_beep):
    source, _ = talk
    start, end = source.span
    assert source.read(0, (start + 1.0, start + 1.4), LAGS) == []
    assert source.read(0, (end + 60.0, end + 70.0), LAGS) == []
    assert Excerpts(flash_and_beep().path, load_model(), OffsetConfig()).read(0, (0.0, 2.4), LAGS) == []


def test_speech_is_listened_for(talk):
    source, _ = talk
    start, end = source.span
    window = source.listen(start, end - start, 1.5)
    assert window[1] - window[0] == 1.5
    assert start <= window[0] <= end - 1.5
    assert source.listen(end + 60.0, 10.0, 1.5) is None


def test_noise_is_no_speech():
    assert excerpts.speech_share(tiny.clip(), load_model()) < OffsetConfig().min_speech


def test_excerpts_of_a_file_are_those_of_the_clip(talk):
    """The same mouth and sound, read in one piece or as an excerpt."""
    from avsync import lips, speech

    source, _ = talk
    clip = media.load(source.path)
    model = load_model()
    heard = model.embed_speech(speech.log_mel(clip))
    (whole,) = excerpts.score_faces(lips.track(clip), heard, model, LAGS)
    (part,) = source.read(0, source.span, LAGS)
    one, two = (peak(decide([scores], LAGS).straight_scores().sum(0), LAGS) for scores in (whole, part))
    assert one == pytest.approx(two, abs=3)


def test_high_pictures_are_scaled_down_as_they_are_shown(flash_and_beep, monkeypatch):
    """Phones hold upright films as wide pictures that are turned."""
    made = flash_and_beep("mp4", rotation=90)
    shown = len(media.load(made.path).frames[0])
    stored = media.probe(made.path).streams[0].height
    assert shown > stored
    monkeypatch.setattr(excerpts, "HIGHEST", stored)
    assert Excerpts(made.path, load_model(), OffsetConfig())._height == stored
    monkeypatch.setattr(excerpts, "HIGHEST", shown)
    assert Excerpts(made.path, load_model(), OffsetConfig())._height is None
