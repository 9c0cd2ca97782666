"""The acoustic phones: weights files, long sounds in pieces, and that time stays time."""

import dataclasses
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from avsync import phones
from avsync.errors import ModelError
from avsync.phones import PhoneConfig, PhoneModel, load_phones, read_phones, save_phones
from avsync.speech import Mel
from avsync.text import UNITS

REACH = 2 + sum(PhoneConfig().dilations)
"""Steps that the network sees on either side."""


def mel(frames, seed=0, start=0.005):
    rng = np.random.default_rng(seed)
    return Mel(rng.normal(-6, 2, (frames, 80)).astype(np.float32), start + np.arange(frames) / 100)


def network(seed=0, **how):
    """A small untrained network whose weights fp16 can hold exactly."""
    torch.manual_seed(seed)
    made = tiny.awake(PhoneModel(PhoneConfig(width=12, **how)), seed)
    made.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in made.state_dict().items()}
    )
    return made


def test_scores_are_probabilities_on_the_clock_of_the_sound():
    scores = network().speech_posteriors(mel(50, start=2.0))
    assert (scores.log_probs.shape, scores.step) == ((50, len(UNITS)), 0.01)
    np.testing.assert_array_equal(scores.times, 2.0 + np.arange(50) / 100)
    np.testing.assert_allclose(np.exp(scores.log_probs).sum(1), 1, atol=1e-5)


def test_a_step_hears_a_third_of_a_second_and_no_more():
    torch.manual_seed(0)
    net = tiny.awake(PhoneModel(PhoneConfig(width=12)))
    sound = torch.rand(1, 201, 80)
    valid = torch.ones(1, 201, dtype=torch.bool)
    before = net(sound, valid)[0]
    sound[0, 100] += 1.0
    moved = (net(sound, valid)[0] - before).abs().amax(2)[0].nonzero().flatten()
    assert 100 - REACH <= moved.min() < 100 - REACH + 4
    assert 100 + REACH - 4 < moved.max() <= 100 + REACH


@pytest.mark.parametrize("steps", [1, 39, 40, 41, 333])
def test_long_sounds_are_heard_in_pieces_without_seams(monkeypatch, steps):
    net = network()
    whole = net.speech_posteriors(mel(steps)).log_probs
    monkeypatch.setattr(phones, "CHUNK", 40)
    np.testing.assert_allclose(net.speech_posteriors(mel(steps)).log_probs, whole, atol=1e-5)


def test_the_overlap_of_pieces_is_more_than_a_step_hears():
    assert phones.OVERLAP > REACH


def test_padding_does_not_leak_in():
    net, sound = network(), torch.rand(1, 60, 80)
    alone = net(sound, torch.ones(1, 60, dtype=torch.bool))
    padded = torch.cat((sound, torch.rand(1, 30, 80)), 1)
    valid = torch.arange(90)[None] < 60
    for mine, theirs in zip(alone, net(padded, valid), strict=True):
        torch.testing.assert_close(theirs[:, :60], mine, atol=1e-5, rtol=1e-5)


def test_sound_of_less_than_a_frame_has_no_scores():
    assert network().speech_posteriors(mel(0)).log_probs.shape == (0, len(UNITS))


def test_what_is_saved_is_read_and_takes_two_bytes_a_number(tmp_path):
    path, before = tmp_path / "phones.safetensors", network(dilations=(1, 2))
    save_phones(before, path)
    after = read_phones(path)
    assert (after.config, after.training) == (before.config, False)
    np.testing.assert_array_equal(
        after.speech_posteriors(mel(70)).log_probs, before.speech_posteriors(mel(70)).log_probs
    )
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    again = tmp_path / "again.safetensors"
    save_phones(after, again)
    assert again.read_bytes() == path.read_bytes()


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "sync.safetensors"
    from avsync.model import save_model

    save_model(tiny.model(), path)
    with pytest.raises(ModelError, match=r"does not fit this version of avsync.*Train again") as caught:
        read_phones(path)
    assert str(path) in str(caught.value)


def test_a_network_of_another_size_is_refused(tmp_path):
    path, net = tmp_path / "phones.safetensors", network()
    net.config = dataclasses.replace(net.config, width=16)
    save_phones(net, path)
    with pytest.raises(ModelError, match="does not fit this version"):
        read_phones(path)


def test_the_shipped_weights_are_read_and_small():
    (path,) = (Path(str(resources.files("avsync"))) / "weights").glob("phones-*.safetensors")
    assert path.stat().st_size < 8_000_000
    shipped = load_phones()
    assert load_phones() is shipped
    scores = shipped.speech_posteriors(mel(70)).log_probs
    np.testing.assert_array_equal(scores, read_phones(path).speech_posteriors(mel(70)).log_probs)
    assert np.isfinite(scores).all()
