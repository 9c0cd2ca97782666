"""What must not change a result: padding, a batch's other clips, the clock's start, one shift of both."""

import numpy as np
import pytest
import tiny
import torch
from torch.nn import functional

from avsync import features, lagscores, speech
from avsync.model import Vectors

EXACT = {"atol": 2e-6, "rtol": 1e-5}


@pytest.fixture(scope="module")
def lips():
    return tiny.lip_encoder()


@pytest.fixture(scope="module")
def sound():
    return tiny.speech_encoder()


def raw(steps, seed=0):
    """Crops as tracked, points, found."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.ones(1, steps, dtype=torch.bool)
    found[:, steps // 3] = False
    crops = torch.randint(0, 256, (1, steps, 96, 96), generator=generator, dtype=torch.uint8)
    return crops, torch.randn(1, steps, 40, 2, generator=generator), found


def lip_vectors(lips, crops, points, found):
    return lips(features.standardise(features.reduce_mouths(crops), found), points, found)


def padded(tensor, before, after, value):
    """Steps of `value` put before and after dimension 1."""
    spread = [0, 0] * (tensor.dim() - 2) + [before, after]
    return functional.pad(tensor, spread, value=value)


@pytest.mark.parametrize(("before", "after"), [(0, 9), (9, 0), (3, 5)])
@torch.inference_mode()
def test_padding_does_not_change_speech_vectors(sound, before, after):
    log_mel = -5 + torch.randn(1, 40, 80, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(1, 40, dtype=torch.bool)
    alone = sound(speech.normalise(log_mel, valid), valid)
    longer, where = padded(log_mel, before, after, 3.0), padded(valid, before, after, False)
    inside = sound(speech.normalise(longer, where), where)[:, before : before + 40]
    torch.testing.assert_close(inside, alone, **EXACT)


@pytest.mark.parametrize(("before", "after"), [(0, 9), (9, 0), (3, 5)])
@torch.inference_mode()
def test_padding_does_not_change_lip_vectors(lips, before, after):
    crops, points, found = raw(30)
    alone = lip_vectors(lips, crops, points, found)
    longer = [
        padded(part, before, after, value) for part, value in ((crops, 77), (points, 9.0), (found, False))
    ]
    inside = lip_vectors(lips, *longer)[:, before : before + 30]
    torch.testing.assert_close(inside, alone, **EXACT)


@torch.inference_mode()
def test_other_clips_of_a_batch_do_not_change_lip_vectors(lips):
    clips = [raw(20, seed) for seed in range(3)]
    together = lip_vectors(lips, *(torch.cat(part) for part in zip(*clips, strict=True)))
    for index, clip in enumerate(clips):
        torch.testing.assert_close(together[index : index + 1], lip_vectors(lips, *clip), **EXACT)


@torch.inference_mode()
def test_other_clips_of_a_batch_do_not_change_speech_vectors(sound):
    generator = torch.Generator().manual_seed(0)
    waveform = torch.randn(3, 4800, generator=generator) * torch.tensor([[0.1], [0.001], [0.5]])
    valid = torch.ones(3, 30, dtype=torch.bool)
    valid[1, 20:] = False
    together = sound(speech.normalise(speech.log_mel_tensor(waveform), valid), valid)
    for index in range(3):
        one = slice(index, index + 1)
        alone = sound(speech.normalise(speech.log_mel_tensor(waveform[one]), valid[one]), valid[one])
        torch.testing.assert_close(together[one], alone, **EXACT)


@torch.inference_mode()
def test_a_later_start_of_the_sound_moves_the_vectors_whole_steps(sound):
    waveform = 0.1 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(1, 100, dtype=torch.bool)
    whole = sound(speech.normalise(speech.log_mel_tensor(waveform), valid), valid)
    log_mel = speech.log_mel_tensor(waveform[:, 20 * 160 :])
    # The level is taken from the whole sound in both, for it moves with what is cut off.
    level = speech.normalise(torch.cat((speech.log_mel_tensor(waveform)[:, :20], log_mel), 1), valid)[:, 20:]
    later = sound(level, valid[:, 20:])
    torch.testing.assert_close(later[:, 15:], whole[:, 35:], **EXACT)


def coded(offset_ms, start=0.0, seconds=4.0, heard_start=-1.0):
    """Lip and speech vectors of events, one a lip step, each heard `offset_ms` before it is seen.

    A speech vector's product with a lip vector falls off as a parabola of the distance in time, so that the
    parabola through three scores has its top exactly at the offset.
    """
    seen_times = start + np.arange(round(seconds * 25)) / 25
    heard_times = start + heard_start + np.arange(round((seconds + 2) * 100)) / 100 + 0.005
    distance = heard_times[:, None] - (seen_times - offset_ms / 1000)
    speech_vectors = np.maximum(1 - (distance / 0.2) ** 2, 0).astype(np.float32)
    known = np.ones(len(seen_times), bool)
    return (
        Vectors(np.eye(len(seen_times), dtype=np.float32), seen_times, known),
        Vectors(speech_vectors, heard_times, np.ones(len(heard_times), bool)),
    )


def measured(seen, heard):
    lags = lagscores.lag_grid(lagscores.OffsetConfig())
    return lagscores.peak(lagscores.lag_scores(seen, heard, lags).mean(0), lags)


@pytest.mark.parametrize("ms", [120.0, -340.0, 0.0, 3.7, -91.3, 655.0])
def test_an_event_seen_at_t_is_heard_at_t_minus_the_offset(ms):
    assert measured(*coded(ms)) == pytest.approx(ms, abs=0.1)


@pytest.mark.parametrize("shift_ms", [40.0, -7.3, 13.0, 212.6])
def test_sound_moved_by_d_moves_the_offset_by_minus_d(shift_ms):
    seen, heard = coded(25.0)
    later = Vectors(
        heard.vectors, heard.times + shift_ms / 1000, heard.known
    )  # audio later: it leads by less
    assert measured(seen, later) == pytest.approx(25.0 - shift_ms, abs=0.1)


@pytest.mark.parametrize("start", [1.4, -0.08, 10_000.0])
def test_where_the_clock_starts_does_not_matter(start):
    assert measured(*coded(120.0, start=start)) == pytest.approx(120.0, abs=0.1)


def test_lost_mouths_do_not_move_the_offset():
    seen, heard = coded(-60.0)
    known = np.random.default_rng(0).random(len(seen.known)) < 0.5
    assert measured(Vectors(seen.vectors, seen.times, known), heard) == pytest.approx(-60.0, abs=0.1)
