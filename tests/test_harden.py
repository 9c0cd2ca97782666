"""The recipe that hardens what hears: its music, its windows, and that training does what it says."""

import copy
import dataclasses

import numpy as np
import pytest
import tiny
import torch
from recipe_files import scripts

from avsync.phones import PhoneConfig, PhoneModel, read_phones
from avsync.utterances import Utterance, save_utterance

RATE = 16_000
PHONES = PhoneConfig(width=48, dilations=(1, 2), dropout=0.0)


@pytest.fixture(scope="module")
def recipe():
    with scripts("harden") as script:
        yield {name: script(name) for name in ("harden", "sounds", "music", "split")}


@pytest.fixture
def sounds(recipe, tmp_path):
    """Four sentences of three sets, one of them by a speaker who is held out, and two pieces of music."""
    held_out = recipe["split"].held_out
    stays_out = next(speaker for speaker in map(str, range(100)) if held_out(speaker))
    seconds = np.arange(2 * RATE) / RATE
    loud = 0.1 * (1 + np.sin(2 * np.pi * 3 * seconds))
    tone = sum(np.sin(2 * np.pi * n * 200 * seconds + 3 * np.sin(9 * n * seconds)) / n for n in range(1, 12))
    for name, speaker in (("so-a", "x"), ("ne-b", "y"), ("own-c", "z"), ("so-d", stays_out)):
        wave = (loud * tone).astype(np.float32)
        said = Utterance(name, speaker, wave, 0.0, ("a",), np.full((1, 2), np.nan))
        save_utterance(said, tmp_path / f"{name}.npz")
    windows = recipe["sounds"].Windows(windows=12, steps=64, songs=2, song_s=2.0)
    return recipe["sounds"].Sounds(sorted(tmp_path.glob("*.npz")), windows, seed=0)


def test_each_seed_makes_its_own_music(recipe):
    song = recipe["music"].song
    first, again, other = (song(2.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (len(first), first.dtype) == (2 * RATE, np.float32)
    for piece in (first, other):
        assert piece.std() == pytest.approx(0.1, rel=0.01)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.3


def test_music_has_no_overtone_that_folds_back(recipe):
    """A tone of 1 kHz has seven overtones below 7.5 kHz; an eighth would fold back from 8 kHz."""
    tone = recipe["music"].instrument(np.random.default_rng(3))(1000.0, 1.0)
    power = np.abs(np.fft.rfft(tone * np.hanning(len(tone)))) ** 2
    hertz = np.fft.rfftfreq(len(tone), 1 / RATE)
    assert power[hertz > 7700].sum() < 1e-3 * power.sum()


def test_who_is_held_out_is_not_heard(sounds):
    assert {name: len(group) for name, group in sounds.speech.items()} == {"so": 1, "ne": 1, "own": 1}


def test_noise_is_added_to_most_windows_and_takes_nothing_away(sounds):
    batches = [sounds.draw() for _ in range(4)]
    assert batches[0].clean.shape == batches[0].noisy.shape == (12, 64, 80)
    assert batches[0].valid.all()
    clean, noisy = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("clean", "noisy"))
    assert torch.isfinite(noisy).all()
    assert (noisy - clean).min() > -1e-3
    louder = ((noisy - clean) * (clean > clean.amax((1, 2), keepdim=True) - 5)).sum((1, 2))
    assert 2 < (louder < 0.1).sum() < 24


def test_the_level_of_the_noise_is_the_one_asked_for(sounds):
    config = sounds.config
    rows = [sounds.draw() for _ in range(4)]
    clean = torch.cat([batch.clean for batch in rows]).exp().mean((1, 2))
    noise = (torch.cat([batch.noisy for batch in rows]).exp().mean((1, 2)) - clean).clamp(min=0)
    ratio = 10 * torch.log10(clean / noise)[noise > 1e-3 * clean]
    low, high = config.ratio_db
    assert len(ratio) > 20
    assert ratio.min() > low - 0.1
    assert ratio.max() < high + 0.1
    assert ratio.max() - ratio.min() > 15


def phones(seed=0):
    """A small phone network that is sure of what it hears."""
    torch.manual_seed(seed)
    network = tiny.awake(PhoneModel(PHONES))
    network.phones.weight.data *= 30
    return network


def test_a_network_learns_to_hear_in_noise_what_its_teacher_hears_without(
    recipe, sounds, tmp_path, monkeypatch
):
    monkeypatch.setattr(recipe["sounds"], "KINDS", {"coloured": 1.0})
    sounds.config = dataclasses.replace(sounds.config, ratio_db=(0.0, 0.0))
    harden, teacher, batch = recipe["harden"], phones(), sounds.draw()
    weights = copy.deepcopy(teacher.state_dict())
    monkeypatch.setattr(sounds, "draw", lambda: batch)  # one batch over and over: what learns here is small
    harden.train(teacher, sounds, harden.Plan(steps=200, rate=2e-3, keep=0.0, every=200), tmp_path)
    learnt = read_phones(tmp_path / "step-00200.safetensors")
    with torch.no_grad():
        before, after = (harden.losses(network, teacher, batch) for network in (teacher, learnt))
    assert after["scores"] < 0.7 * before["scores"]
    assert after["alike"] < 0.7 * before["alike"]
    assert all(torch.equal(value, weights[name]) for name, value in teacher.state_dict().items())
    torch.testing.assert_close(learnt.norm.running_mean, teacher.norm.running_mean, atol=1e-3, rtol=0)


def test_what_is_written_lies_between_the_network_and_its_teacher(recipe):
    network, teacher = phones(0), phones(1)
    mixed = recipe["harden"].between(network, teacher, 0.25)
    torch.testing.assert_close(mixed.stem.weight, 0.75 * network.stem.weight + 0.25 * teacher.stem.weight)
    assert torch.equal(network.stem.weight, phones(0).stem.weight)
