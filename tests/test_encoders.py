"""What a vector sees: its documented reach, its streams, nothing that is not valid; and the rates."""

import numpy as np
import pytest
import tiny
import torch

from avsync import features, speech
from avsync.encoders import (
    LIP_RATE,
    SPEECH_RATE,
    LipEncoderConfig,
    SpeechEncoderConfig,
)

LIP_REACH = 8
"""Steps, as documented: sum of the dilations and one for motion."""
SPEECH_REACH = 13


@pytest.fixture(scope="module")
def lips():
    return tiny.lip_encoder()


@pytest.fixture(scope="module")
def sound():
    return tiny.speech_encoder()


def mouths(steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = torch.ones(1, steps, dtype=torch.bool)
    return (
        torch.randn(1, steps, 48, 48, generator=generator),
        torch.randn(1, steps, 40, 2, generator=generator),
        found,
    )


def mels(steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, steps, 80, generator=generator), torch.ones(1, steps, dtype=torch.bool)


def changed(one, two):
    """Steps at which two outputs (1, T, C) differ."""
    return torch.nonzero((one - two)[0].abs().amax(1) > 1e-7)[:, 0].tolist()


def test_the_rates_are_those_of_the_inputs():
    mel = speech.log_mel(tiny.clip(1.0))
    np.testing.assert_allclose(np.diff(mel.times), 1 / SPEECH_RATE, atol=1e-12)
    times = np.arange(31) / 30
    grid = features.on_grid(tiny.track(times, np.full(31, 9.0), np.tile(tiny.face(), (31, 1))))
    np.testing.assert_allclose(np.diff(grid.times), 1 / LIP_RATE, atol=1e-12)
    assert (LIP_RATE, SPEECH_RATE) == (25, 100)


@pytest.mark.parametrize("steps", [1, 2, 30])
@torch.inference_mode()
def test_one_vector_a_step(lips, sound, steps):
    assert lips(*mouths(steps)).shape == (1, steps, tiny.LIPS.width)
    assert sound(*mels(steps)).shape == (1, steps, tiny.SPEECH.width)


@pytest.mark.parametrize("stream", ["picture", "points"])
@torch.inference_mode()
def test_a_lip_vector_sees_320_ms_to_both_sides_and_no_further(lips, stream):
    mouth, points, found = mouths(40)
    before = lips(mouth, points, found)
    other_mouth, other_points, _ = mouths(40, seed=1)
    middle = 20
    if stream == "picture":
        mouth[:, middle] = other_mouth[:, middle]
    else:
        points[:, middle] = other_points[:, middle]
    reached = changed(before, lips(mouth, points, found))
    assert (reached[0], reached[-1]) == (middle - LIP_REACH, middle + LIP_REACH)
    assert middle in reached


@torch.inference_mode()
def test_a_lost_mouth_is_felt_320_ms_to_both_sides_and_no_further(lips):
    mouth, points, found = mouths(40)
    before = lips(mouth, points, found)
    found[:, 20] = False
    reached = changed(before, lips(mouth, points, found))
    assert 12 <= reached[0] < 20 < reached[-1] <= 28


@torch.inference_mode()
def test_a_speech_vector_sees_130_ms_to_both_sides_and_no_further(sound):
    mel, valid = mels(60)
    before = sound(mel, valid)
    mel[:, 30] = mels(60, seed=1)[0][:, 30]
    reached = changed(before, sound(mel, valid))
    assert (reached[0], reached[-1]) == (30 - SPEECH_REACH, 30 + SPEECH_REACH)


def test_the_documented_reach_is_that_of_the_shipped_sizes():
    assert sum(LipEncoderConfig().dilations) + 1 == LIP_REACH
    assert sum(SpeechEncoderConfig().dilations) + 2 == SPEECH_REACH
    assert tiny.LIPS.dilations == LipEncoderConfig().dilations
    assert tiny.SPEECH.dilations == SpeechEncoderConfig().dilations


@torch.inference_mode()
def test_what_is_not_valid_comes_out_as_zero_and_is_not_looked_at(lips, sound):
    mouth, points, found = mouths(20)
    found[:, 7:10] = False
    before = lips(mouth, points, found)
    assert before[:, 7:10].abs().max() == 0
    mouth[:, 7:10], points[:, 7:10] = 99.0, -99.0
    torch.testing.assert_close(lips(mouth, points, found), before)
    mel, valid = mels(20)
    valid[:, 7:10] = False
    assert sound(mel * valid[..., None], valid)[:, 7:10].abs().max() == 0


@torch.inference_mode()
def test_a_dropped_stream_is_not_looked_at(lips):
    mouth, points, found = mouths(12)
    other_mouth, other_points, _ = mouths(12, seed=1)
    keep, drop = torch.ones(1), torch.zeros(1)
    both = lips(mouth, points, found)
    torch.testing.assert_close(lips(mouth, points, found, keep_picture_B=keep, keep_points_B=keep), both)
    no_picture = lips(mouth, points, found, keep_picture_B=drop)
    torch.testing.assert_close(lips(other_mouth, points, found, keep_picture_B=drop), no_picture)
    assert changed(lips(mouth, other_points, found, keep_picture_B=drop), no_picture) == list(range(12))
    no_points = lips(mouth, points, found, keep_points_B=drop)
    torch.testing.assert_close(lips(mouth, other_points, found, keep_points_B=drop), no_points)
    assert changed(lips(other_mouth, points, found, keep_points_B=drop), no_points) == list(range(12))


@torch.inference_mode()
def test_the_order_of_time_matters(lips):
    mouth, points, found = mouths(30)
    forward, backward = lips(mouth, points, found), lips(mouth.flip(1), points.flip(1), found)
    assert (forward - backward.flip(1)).abs().max() > 0.01


@pytest.mark.parametrize("channels", [(8, 8, 8, 8), (8, 8, 8, 8, 8, 8)])
def test_a_wrong_number_of_channels_is_refused(channels):
    with pytest.raises(ValueError, match=r"LipEncoderConfig\.channels needs 5 numbers"):
        LipEncoderConfig(channels=channels)
