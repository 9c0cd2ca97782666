"""Weights files, long clips in chunks, and the times of phone scores."""

import dataclasses
import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from avsync import model as model_module
from avsync import phones, weightfile
from avsync.errors import ModelError
from avsync.model import (
    AVSync,
    Calibration,
    Ensemble,
    load_model,
    read_ensemble,
    read_model,
    save_model,
    together,
)
from avsync.speech import Mel
from avsync.text import UNITS


def mel(frames, seed=0, start=0.005):
    rng = np.random.default_rng(seed)
    return Mel(rng.normal(-6, 2, (frames, 80)).astype(np.float32), start + np.arange(frames) / 100)


def answers(model):
    """All that a model says of one made-up clip."""
    lips, sound = tiny.grid(20), mel(70)
    return (
        model.embed_lips(lips).vectors,
        model.embed_speech(sound).vectors,
        model.lip_posteriors(lips).log_probs,
        model.speech_posteriors(sound).log_probs,
    )


def header(path):
    """What the file at `path` says of itself."""
    with safe_open(path, framework="pt") as file:
        assert list(file.metadata()) == ["avsync"]
        return json.loads(file.metadata()["avsync"])


def rewritten(path, **changes):
    """The file at `path` with other values in its header; a value of None leaves it out."""
    fields = {key: value for key, value in {**header(path), **changes}.items() if value is not None}
    save_file(load_file(path), path, metadata={"avsync": json.dumps(fields)})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_model(tiny.model(bias_ms=12.5), path)
    return path


def test_what_is_saved_is_read(saved):
    before, after = tiny.model(bias_ms=12.5), read_model(saved)
    assert after.config == before.config
    assert dataclasses.asdict(after.config)["bias_ms"] == 12.5
    assert not after.training
    for mine, theirs in zip(answers(before), answers(after), strict=True):
        np.testing.assert_array_equal(theirs, mine)


def test_the_same_model_is_saved_as_the_same_bytes(saved, tmp_path):
    again, model = tmp_path / "again.safetensors", read_model(saved)
    for _ in range(12):
        save_model(model, again)
        assert again.read_bytes() == saved.read_bytes()


def test_a_number_takes_two_bytes(saved):
    assert {value.dtype for value in load_file(saved).values()} == {torch.float16}


def test_two_seeds_answer_differently(saved):
    for mine, theirs in zip(answers(read_model(saved)), answers(tiny.model(seed=1)), strict=True):
        assert np.abs(mine - theirs).max() > 1e-3


def refused(path, what=""):
    with pytest.raises(ModelError) as caught:
        read_model(path)
    message = str(caught.value)
    assert str(path) in message
    assert what in message
    assert message.rstrip(".").split(". ")[-1]  # a remedy
    return message


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path / "none.safetensors", "Install avsync again")


@pytest.mark.parametrize("damage", ["empty", "cut in the header", "cut in the weights", "another format"])
def test_a_damaged_file_is_named(saved, damage):
    data = saved.read_bytes()
    saved.write_bytes(
        {
            "empty": b"",
            "cut in the header": data[:100],
            "cut in the weights": data[:-100],
            "another format": b"RIFF" * 300,
        }[damage]
    )
    refused(saved, "cannot read the weights")


@pytest.mark.parametrize(
    "changes", [{"units": None}, {"units": ["sil", "a", "b"]}, {"units": [*UNITS, "?"]}, {"units": 40}]
)
def test_weights_of_something_else_are_refused(saved, changes):
    rewritten(saved, **changes)
    refused(saved, "not weights of avsync")


def test_a_file_without_metadata_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    refused(path, "not weights of avsync")


def test_missing_and_unknown_weights_are_named(saved):
    tensors = load_file(saved)
    tensors["surplus"] = tensors.pop("lip_vector.weight")
    fields = header(saved)
    save_file(tensors, saved, metadata={"avsync": json.dumps(fields)})
    assert "lip_vector.weight" in refused(saved, "does not fit this version")
    assert "surplus" in refused(saved)


@pytest.mark.parametrize(
    "fault", ["unknown setting", "missing part", "no configuration", "a word", "other sizes", "bad sizes"]
)
def test_a_configuration_of_another_version_is_refused(saved, fault):
    fields = dataclasses.asdict(tiny.model().config)
    if fault == "unknown setting":
        fields["lips"]["heads"] = 4
    elif fault == "missing part":
        del fields["speech"]
    elif fault == "other sizes":
        fields["dimension"] = 16
    elif fault == "bad sizes":
        fields["lips"]["channels"] = [8, 8]
    rewritten(saved, config={"no configuration": None, "a word": "large"}.get(fault, fields))
    refused(saved, "does not fit this version")


@pytest.mark.parametrize("text", ["{", "", "[]", "null", "40"])
def test_a_header_that_is_no_header_is_refused(saved, text):
    save_file(load_file(saved), saved, metadata={"avsync": text})
    refused(saved)


def test_vectors_have_the_documented_lengths_and_times():
    net = tiny.model()
    lips = tiny.grid(30, start=1.4)
    lips = dataclasses.replace(lips, found=np.arange(30) % 5 > 0)
    seen = net.embed_lips(lips)
    assert (seen.vectors.shape, seen.vectors.dtype) == ((30, 8), np.float32)
    np.testing.assert_array_equal(seen.times, lips.times)
    np.testing.assert_array_equal(seen.known, lips.found)
    lengths = np.linalg.norm(seen.vectors, axis=1)
    assert 0 < lengths.min() <= lengths.max() < 1
    heard = net.embed_speech(mel(50, start=2.0))
    np.testing.assert_allclose(np.linalg.norm(heard.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(heard.times, 2.0 + np.arange(50) / 100)
    assert heard.known.all()


def test_phone_scores_are_log_probabilities_each_10_ms():
    net = tiny.model()
    sound = net.speech_posteriors(mel(50, start=2.0))
    assert (sound.log_probs.shape, sound.log_probs.dtype, sound.step) == ((50, len(UNITS)), np.float32, 0.01)
    np.testing.assert_allclose(sound.times, 2.0 + np.arange(50) / 100)
    lips = net.lip_posteriors(tiny.grid(12, start=1.4))
    assert (lips.log_probs.shape, lips.step) == ((48, len(UNITS)), 0.01)
    # Four scores a lip step, centred on it: 15 and 5 ms before, 5 and 15 ms behind.
    np.testing.assert_allclose(lips.times, 1.4 - 0.015 + np.arange(48) / 100, atol=1e-9)
    for scores in (sound, lips):
        np.testing.assert_allclose(np.exp(scores.log_probs).sum(1), 1, atol=1e-5)


def test_the_lip_head_answers_in_order_of_time():
    net = tiny.model()
    with torch.no_grad():  # unit n is certain in the n-th quarter of every lip step
        net.lip_phones.weight.zero_()
        net.lip_phones.bias.copy_(20 * torch.eye(4, len(UNITS)).flatten())
    assert net.lip_posteriors(tiny.grid(3)).log_probs.argmax(1).tolist() == [0, 1, 2, 3] * 3


@pytest.mark.parametrize("steps", [1, 39, 40, 41, 130])
def test_long_clips_are_embedded_in_chunks_without_seams(monkeypatch, steps):
    net = tiny.model()
    lips, sound = tiny.grid(steps), mel(4 * steps)
    whole = net.embed_lips(lips).vectors, net.embed_speech(sound).vectors
    monkeypatch.setattr(model_module, "CHUNK", 40)
    chunked = net.embed_lips(lips).vectors, net.embed_speech(sound).vectors
    for mine, theirs in zip(whole, chunked, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)


def test_light_that_changes_leaves_no_seams(monkeypatch):
    net = tiny.model()
    lips = tiny.grid(120)
    fading = np.linspace(1, 0.2, 120)[:, None, None]
    lips = dataclasses.replace(lips, mouths=(lips.mouths * fading).astype(np.uint8))
    whole = net.embed_lips(lips).vectors
    monkeypatch.setattr(model_module, "CHUNK", 40)
    np.testing.assert_allclose(net.embed_lips(lips).vectors, whole, atol=1e-5)


def test_sound_of_less_than_a_frame_has_no_vectors():
    net = tiny.model()
    assert net.embed_speech(mel(0)).vectors.shape == (0, 8)
    assert net.speech_posteriors(mel(0)).log_probs.shape == (0, len(UNITS))


@pytest.mark.parametrize("names", [[], ["avsync-1.safetensors", "avsync-2.safetensors"]])
def test_the_package_must_hold_one_file(monkeypatch, tmp_path, names):
    (tmp_path / "weights").mkdir()
    for name in [*names, "face-1.safetensors"]:
        (tmp_path / "weights" / name).touch()
    monkeypatch.setattr(weightfile.resources, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match="expected one weights file") as caught:
        load_model.__wrapped__()
    assert str(names) in str(caught.value)


def test_the_shipped_weights_are_read():
    folder = Path(str(resources.files("avsync"))) / "weights"
    (path,) = folder.glob("avsync-*.safetensors")
    shipped = load_model()
    assert load_model() is shipped
    assert not shipped.training
    for mine, theirs in zip(answers(read_ensemble(path)), answers(shipped), strict=True):
        np.testing.assert_array_equal(theirs, mine)
        assert np.isfinite(theirs).all()


@pytest.mark.parametrize("kind", ["face", "avsync", "phones"])
def test_a_shipped_file_is_named_by_its_content(kind):
    (path,) = (Path(str(resources.files("avsync"))) / "weights").glob(f"{kind}-*.safetensors")
    assert path.stem == f"{kind}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def test_shipping_replaces_the_weights_of_a_kind_and_names_them_by_their_content(tmp_path):
    model = tiny.model(bias_ms=12.5)
    for name in ("avsync-old.safetensors", "phones-old.safetensors"):
        (tmp_path / name).write_bytes(b"old")
    path = weightfile.ship(model, model.config, tmp_path, "avsync")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        f"avsync-{digest}.safetensors", "phones-old.safetensors",
    ]  # fmt: skip
    assert read_model(path).config == model.config


def pair() -> Ensemble:
    """Two small networks as one."""
    calibration = Calibration(bias_ms=-3.0, spread_ms=20.0, confidence=(1.0, 2.0))
    return together([tiny.model(0), tiny.model(1)], calibration)


def test_an_ensemble_scores_by_the_mean_of_its_networks_scores():
    ensemble = pair()
    lips, speech, seen, heard = answers(ensemble)
    apart = [answers(network) for network in ensemble.networks]
    products = [one[0] @ one[1].T for one in apart]
    assert np.abs(products[0] - products[1]).max() > 0.1
    np.testing.assert_allclose(lips @ speech.T, np.mean(products, axis=0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(speech, axis=1), 1.0, rtol=1e-5)
    for together_, place in ((seen, 2), (heard, 3)):
        np.testing.assert_allclose(np.exp(together_).sum(1), 1.0, rtol=1e-5)
        mean = np.mean([one[place] for one in apart], axis=0)
        np.testing.assert_allclose(np.diff(together_, axis=1), np.diff(mean, axis=1), atol=1e-4)


def test_an_ensemble_of_one_says_what_its_network_says():
    network = tiny.model(bias_ms=12.5)
    alone = together([network], network.config)
    assert alone.config.bias_ms == 12.5
    for mine, theirs in zip(answers(alone), answers(network), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_an_ensemble_survives_its_file(tmp_path):
    ensemble = pair()
    path = weightfile.ship(ensemble, ensemble.config, tmp_path, "avsync")
    back = read_ensemble(path)
    assert back.config == ensemble.config
    assert not back.training
    for mine, theirs in zip(answers(back), answers(ensemble), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ModelError, match="several networks; read_ensemble"):
        read_model(path)


def test_the_file_of_one_network_is_read_as_an_ensemble_of_one(saved):
    assert read_ensemble(saved).config.members == (read_model(saved).config,)


def test_an_ensemble_whose_file_lacks_a_network_is_refused(tmp_path):
    ensemble = pair()
    path = weightfile.ship(ensemble, ensemble.config, tmp_path, "avsync")
    config = header(path)["config"]
    rewritten(path, config={**config, "members": config["members"][:1]})
    with pytest.raises(ModelError, match="does not fit"):
        read_ensemble(path)


@pytest.fixture
def ear(monkeypatch, tmp_path):
    """A small phone network, shipped under a name, and a network that hears with it."""
    torch.manual_seed(1)
    config = phones.PhoneConfig(width=12, dilations=(1, 2))
    phones.save_phones(tiny.awake(phones.PhoneModel(config), 1), tmp_path / "phones-0.safetensors")
    monkeypatch.setattr(weightfile, "_folder", lambda: tmp_path)
    phones.ear.cache_clear()
    yield phones.ear("phones-0", torch.device("cpu"))
    phones.ear.cache_clear()


def hearing(name="phones-0", heard=12):
    """A small untrained network that hears with the phone network of that name."""
    sizes = tiny.model().config
    torch.manual_seed(2)
    return tiny.awake(
        AVSync(dataclasses.replace(sizes, ear=name, speech=dataclasses.replace(sizes.speech, heard=heard))),
        2,
    )


def test_what_the_phone_network_hears_counts(ear):
    model, sound = hearing(), mel(70)
    before = model.embed_speech(sound).vectors
    with torch.no_grad():
        ear.stem.weight[:] = ear.stem.weight.flip(0)
    assert np.abs(model.embed_speech(sound).vectors - before).max() > 0.01


def test_the_phone_network_stays_as_it_is_and_out_of_the_file(ear, tmp_path):
    model = hearing()
    assert not any(parameter.requires_grad for parameter in ear.parameters())
    model.encode_speech(torch.randn(1, 40, 80), torch.ones(1, 40, dtype=torch.bool)).sum().backward()
    assert all(parameter.grad is None for parameter in ear.parameters())
    assert all(parameter.grad is not None for parameter in model.speech.parameters())
    save_model(model, tmp_path / "hearing.safetensors")
    again = read_model(tmp_path / "hearing.safetensors")
    assert again.config.ear == "phones-0"
    assert not any(name.startswith("ear") for name in load_file(tmp_path / "hearing.safetensors"))
    difference = again.embed_speech(mel(70)).vectors - model.embed_speech(mel(70)).vectors
    assert np.abs(difference).max() < 0.01


def test_a_network_whose_phone_network_is_missing_says_which(ear):
    with pytest.raises(ModelError, match=r"phones-1\.safetensors: is missing.*trained with it"):
        hearing("phones-1").embed_speech(mel(70))


def test_padding_does_not_reach_what_is_heard(ear):
    padded = torch.randn(1, 60, 80)
    valid = torch.arange(60)[None] < 40
    alone = ear.last_layer(padded[:, :40], valid[:, :40])
    torch.testing.assert_close(ear.last_layer(padded, valid)[:, :40], alone)
    torch.testing.assert_close(alone.mean(-1), torch.zeros(1, 40), atol=1e-5, rtol=0)
    assert not ear.last_layer(padded, valid)[:, 40:].any()


def test_long_sounds_are_heard_with_the_phone_network_without_seams(ear, monkeypatch):
    model, sound = hearing(), mel(700)
    whole = model.embed_speech(sound).vectors
    monkeypatch.setattr(model_module, "CHUNK", 40)
    np.testing.assert_allclose(model.embed_speech(sound).vectors, whole, atol=2e-5)
