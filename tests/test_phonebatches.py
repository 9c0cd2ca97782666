"""Windows for the acoustic phones: each mel frame carries the time at which it stands."""

import itertools
import math

import numpy as np
import pytest
import torch

from avsync.phonebatches import UNKNOWN, Heard, PhoneWindows, _noise, _room, hear, make_batch, vary
from avsync.utterances import PhoneTimes, Utterance

START = 0.25
PLAIN = PhoneWindows(windows=4, steps=80, speed=(1.0, 1.0))


def heard(steps=300, start=START):
    """Mel frames that hold their own number, and phones of 95 ms from 0.5 s on."""
    starts = 0.5 + 0.1 * np.arange(20)
    phones = PhoneTimes(np.arange(1, 21), starts, starts + 0.095)
    utterance = Utterance("u", "s", np.zeros(0, np.float32), start, ("one",), np.zeros((0, 2)), None, phones)
    return Heard(utterance, np.repeat(np.arange(steps)[:, None], 80, 1).astype(np.float16))


@pytest.mark.parametrize("speed", [(1.0, 1.0), (0.8, 1.25)])
def test_targets_are_those_of_the_time_that_is_heard(speed):
    config = PhoneWindows(windows=30, steps=80, speed=speed)
    batch = make_batch([heard()] * 30, config, np.random.default_rng(0))
    rates = []
    for mel, frames, edges in zip(batch.log_mel[:, :, 0], batch.frames, batch.boundaries, strict=True):
        times = START + (mel.double().numpy() + 0.5) / 100
        rate = float(np.median(np.diff(times))) * 100
        rates.append(rate)
        number = np.floor((times - 0.5) / 0.1 + 1e-6).astype(int)
        inside = (times >= 0.5) & (times < 2.5) & ((times - 0.5) % 0.1 < 0.094)
        clear = np.abs((times - 0.5) % 0.1 - 0.0975) > 0.006
        np.testing.assert_array_equal(frames.numpy()[clear], np.where(inside, number + 1, 0)[clear])
        known = np.concatenate((0.5 + 0.1 * np.arange(20), 0.595 + 0.1 * np.arange(20)))
        distance = np.abs((times - 0.005 * rate)[:, None] - known).min(1) / (0.01 * rate)
        np.testing.assert_allclose(edges.numpy(), np.exp(-0.5 * distance**2), atol=0.02)
    assert min(rates) >= speed[0] - 0.01
    assert max(rates) <= speed[1] + 0.01
    assert (max(rates) > 1.02) == (speed[1] > 1)


def test_short_sounds_are_padded_and_their_phones_are_listed_in_order():
    batch = make_batch(
        [heard(60), heard(300)], PhoneWindows(steps=256, speed=(1, 1)), np.random.default_rng(1)
    )
    assert batch.valid.sum(1).tolist() == [59, 256]
    assert (batch.frames[0, 59:] == UNKNOWN).all()
    assert batch.log_mel[0, 59:].max() == pytest.approx(math.log(1e-8))
    for frames, phones, count in zip(batch.frames, batch.phones, batch.phone_counts, strict=True):
        said = [unit for unit in dict.fromkeys(frames.tolist()) if unit > 0]
        listed = phones[:count].tolist()
        assert listed == sorted(listed)
        assert set(listed) <= set(said)
        assert len(said) - len(listed) <= 2  # those cut by the window's edges


def test_the_sequence_of_a_window_is_its_phones_and_the_pauses_around_them():
    batch = make_batch(
        [heard(60), heard(300)], PhoneWindows(steps=256, speed=(1, 1)), np.random.default_rng(1)
    )
    sequence, counts = batch.sequence()
    assert sequence.shape == (2, max(counts))
    for row, count, frames in zip(sequence, counts, batch.frames, strict=True):
        runs = [unit for unit, _ in itertools.groupby(frames[frames != UNKNOWN].tolist())]
        assert row.tolist() == runs + [0] * (len(row) - count)
        assert count == len(runs)
    assert sequence[0, :8].tolist() == [0, 1, 0, 2, 0, 3, 0, 4]  # 0.25 to 0.84 s, a phone each 0.1 s


def test_the_same_seed_gives_the_same_batch():
    first, second = (make_batch([heard()] * 4, PLAIN, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(first.log_mel, second.log_mel)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    sound, valid = speech_like()
    once, again = (vary(sound, valid, PhoneWindows(), g) for g in generators)
    assert once.isfinite().all()
    assert torch.equal(once, again)


def speech_like(batch=8, steps=120):
    """Log-mel with a loud stretch between two quiet ones."""
    sound = torch.full((batch, steps, 80), -12.0)
    sound[:, 40:60] = 0.0
    return sound, torch.ones(batch, steps, dtype=torch.bool)


def test_a_room_rings_behind_a_sound_and_never_before_it():
    sound, _ = speech_like()
    config = PhoneWindows(noisy=0.0, rooms=1.0)
    wet = _room(sound.exp(), config, torch.Generator().manual_seed(0)).log()
    torch.testing.assert_close(wet[:, :40], sound[:, :40], atol=1.7, rtol=0)
    assert (wet[:, 62] > sound[:, 62] + 1.0).all()
    decay = wet[:, 62:100].mean(2)
    assert (decay[:, :-1] >= decay[:, 1:] - 1e-3).all()


def test_noise_has_the_ratio_that_is_asked_for():
    sound, valid = speech_like(64)
    config = PhoneWindows(noisy=1.0, ratio_db=(10.0, 10.0))
    power = sound.exp()
    added = _noise(power, valid, config, torch.Generator().manual_seed(0)) - power
    ratio = 10 * torch.log10(power.mean((1, 2)) / added.mean((1, 2)))
    torch.testing.assert_close(ratio, torch.full((64,), 10.0), atol=0.1, rtol=0)


def test_hearing_keeps_the_clock():
    waveform = np.zeros(16_000, np.float32)
    waveform[8_000:] = 0.1 * np.random.default_rng(0).normal(size=8_000)
    utterance = Utterance("u", "s", waveform, 0.0, ("one",), np.zeros((0, 2)))
    loud = hear(utterance).log_mel.astype(np.float32).mean(1)
    assert len(loud) == 100
    assert (np.diff(loud).argmax() + 1) in (49, 50)
