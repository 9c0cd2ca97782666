"""What a clip is made of: its waveform, the sound it was loaded with, how its frames follow each other."""

import numpy as np
import pytest
import tiny

from avsync import media
from avsync.clip import check_stream
from avsync.errors import ConfigError


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.float32, list])
def test_a_waveform_may_be_of_any_floats(kind):
    samples = [0.0, 0.5, -0.25]
    clip = tiny.clip(0.1, waveform=samples if kind is list else np.array(samples, kind))
    assert clip.waveform.dtype == np.float32
    assert clip.waveform.tolist() == samples
    assert tiny.clip(0.1, waveform=[]).has_audio is False


@pytest.mark.parametrize("wrong", [np.zeros((1, 9)), np.zeros((9, 2), np.float32), np.zeros(9, np.int16)])
def test_a_waveform_of_another_shape_or_kind_is_refused(wrong):
    with pytest.raises(ConfigError, match=rf"made\.mp4: the waveform is {wrong.dtype} of shape"):
        tiny.clip(0.1, waveform=wrong)


@pytest.mark.filterwarnings("error")
def test_what_is_no_number_in_a_waveform_is_silence():
    strange = np.array([0.5, np.nan, np.inf, -np.inf, 1e300, -0.25])
    assert tiny.clip(0.1, waveform=strange).waveform.tolist() == [0.5, 0, 0, 0, 0, -0.25]


def test_the_sound_that_is_asked_for_is_the_clips(flash_and_beep):
    clip = media.load(flash_and_beep("mp4").path)
    check_stream(clip, None)
    check_stream(clip, 1)
    with pytest.raises(ConfigError, match=r"sound of stream 1, not 7.*load the clip with audio_stream=7"):
        check_stream(clip, 7)
    apart = media.load(flash_and_beep("mp4", audio=None).path, audio=clip.source, audio_stream=1)
    check_stream(apart, 1)


def test_frame_statistics():
    even = media.frame_statistics(np.arange(100) / 25)
    assert (even.frames, even.fps, even.variable_frame_rate) == (100, pytest.approx(25), False)
    assert (even.min_gap, even.max_gap) == (pytest.approx(0.04), pytest.approx(0.04))
    rounded = media.frame_statistics(np.round(np.arange(300) / 30, 3))
    assert (rounded.fps, rounded.variable_frame_rate) == (pytest.approx(30, rel=1e-4), False)
    assert media.frame_statistics(np.delete(np.arange(100) / 25, [40, 41])).variable_frame_rate
    assert media.frame_statistics(np.array([0.5])).fps == 0
