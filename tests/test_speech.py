"""Log-mel frames against librosa's filters, clicks of known place, and sounds of known level."""

import numpy as np
import pytest
import tiny
import torch

from avsync import speech


def test_mel_filters_are_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    low, high = speech.MEL_RANGE_HZ
    expected = librosa.filters.mel(
        sr=speech.SAMPLE_RATE, n_fft=speech.N_FFT, n_mels=speech.MEL_BINS, fmin=low, fmax=high
    )
    np.testing.assert_allclose(speech.mel_filters().numpy(), expected, rtol=1e-5, atol=1e-8)


def test_log_mel_is_that_of_librosa():
    librosa = pytest.importorskip("librosa")
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    ours = speech.log_mel_tensor(torch.from_numpy(waveform)[None])[0].numpy()
    low, high = speech.MEL_RANGE_HZ
    power = librosa.feature.melspectrogram(
        y=waveform[80:], sr=16_000, n_fft=512, hop_length=160, win_length=400, center=True, power=2.0,
        n_mels=80, fmin=low, fmax=high, pad_mode="constant",
    )  # fmt: skip
    # librosa centres frame 0 on its first sample, which is our sample 80; both ends differ in what they pad.
    np.testing.assert_allclose(ours[2:98], np.log(power.T[2:98] + speech.FLOOR), atol=1e-3)


@pytest.mark.parametrize("frame", [0, 1, 37, 99])
def test_a_click_stands_in_the_frame_of_its_time(frame):
    waveform = torch.zeros(1, 16_000)
    waveform[0, 160 * frame + 80] = 1.0
    log_mel = speech.log_mel_tensor(waveform)[0]
    assert log_mel.shape == (100, 80)
    assert int(log_mel.mean(1).argmax()) == frame
    # The window sees 12.5 ms to both sides: the neighbours hear the click, the frames behind them do not.
    silent = torch.full((80,), float(np.log(speech.FLOOR)))
    for other in {frame - 2, frame + 2} & set(range(100)):
        torch.testing.assert_close(log_mel[other], silent)


def test_a_click_between_two_frames_is_heard_alike_in_both():
    waveform = torch.zeros(1, 16_000)
    waveform[0, 160 * 50] = 1.0  # 80 samples after the centre of frame 49, 80 before that of frame 50
    log_mel = speech.log_mel_tensor(waveform)[0]
    torch.testing.assert_close(log_mel[49], log_mel[50], atol=1e-3, rtol=0)


def test_a_tone_stands_in_the_band_of_its_frequency():
    mel = speech.log_mel(tiny.clip(waveform=0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)))
    filters = speech.mel_filters()
    assert int(mel.log_mel[50].argmax()) == int(filters[:, 32].argmax())  # 32 x 31.25 Hz


def test_times_are_the_centres_of_frames_on_the_clips_clock():
    mel = speech.log_mel(tiny.clip(waveform=np.ones(16_000 + 159), audio_start=1.4))
    assert len(mel.log_mel) == len(mel.times) == 100  # a last part of less than 10 ms is dropped
    np.testing.assert_allclose(mel.times, 1.405 + 0.01 * np.arange(100), rtol=0, atol=1e-12)
    assert (mel.log_mel.dtype, mel.times.dtype) == (np.float32, np.float64)


def test_a_constant_in_the_samples_is_not_heard():
    plain, raised = tiny.clip(), tiny.clip()
    raised = tiny.clip(waveform=raised.waveform + 0.3)
    np.testing.assert_allclose(speech.log_mel(raised).log_mel, speech.log_mel(plain).log_mel, atol=1e-2)
    slightly = tiny.clip(waveform=np.append(plain.waveform + 1e-4, np.zeros(1600)))
    assert speech.log_mel(slightly).log_mel[-5:].max() == pytest.approx(np.log(speech.FLOOR), abs=0.01)
    assert len(speech.log_mel(tiny.clip(waveform=np.zeros(0))).log_mel) == 0


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (159, 0), (160, 1), (319, 1), (320, 2)])
def test_number_of_frames(samples, frames):
    assert speech.log_mel(tiny.clip(waveform=np.zeros(samples))).log_mel.shape == (frames, 80)


def test_another_sample_rate_is_refused():
    with pytest.raises(ValueError, match=r"made\.mp4: sample rate is 8000 Hz, the models need 16000 Hz"):
        speech.log_mel(tiny.clip(sample_rate=8000))


@pytest.mark.parametrize("gain_db", [-20.0, 6.0])
def test_normalise_takes_the_gain_out(gain_db):
    rng = np.random.default_rng(1)
    waveform = torch.from_numpy(0.1 * rng.normal(size=32_000) * (1.5 + np.sin(np.arange(32_000) / 2000)))[
        None
    ].float()
    valid = torch.ones(1, 200, dtype=torch.bool)
    plain = speech.normalise(speech.log_mel_tensor(waveform), valid)
    louder = speech.normalise(speech.log_mel_tensor(waveform * 10 ** (gain_db / 20)), valid)
    torch.testing.assert_close(louder, plain, atol=2e-3, rtol=0)


def test_normalise_puts_digital_silence_and_what_is_not_valid_at_zero():
    waveform = torch.zeros(1, 16_000)
    waveform[0, :8000] = 0.3 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(1, 100, dtype=torch.bool)
    scaled = speech.normalise(speech.log_mel_tensor(waveform), valid)
    assert scaled[0, 52:].abs().max() == 0
    assert 0.8 < scaled[0, :48].mean() < 1.2
    valid[0, 10:20] = False
    scaled = speech.normalise(speech.log_mel_tensor(waveform), valid)
    assert scaled[0, 10:20].abs().max() == 0


def test_normalise_takes_the_level_from_valid_frames_only():
    log_mel = torch.full((1, 30, 80), -5.0)
    log_mel[0, 20:] = 100.0
    valid = torch.arange(30)[None] < 20
    expected = torch.where(valid[..., None], 1.0, 0.0).expand(-1, -1, 80)  # at the level itself stands 1
    torch.testing.assert_close(speech.normalise(log_mel, valid), expected)


def test_the_level_is_that_of_speech_however_little_there_is():
    rng = np.random.default_rng(0)
    speaking = torch.from_numpy(rng.normal(-4, 1, (1, 150)).astype(np.float32))
    around = torch.full((1, 12_000), -18.0)
    click = torch.full((1, 5), 3.0)
    alone = speech.level(speaking, torch.ones_like(speaking, dtype=torch.bool))
    for before in (around, torch.cat((around, click, around), 1)):
        long = torch.cat((before, speaking), 1)
        found = speech.level(long, torch.ones_like(long, dtype=torch.bool))
        assert abs(float(found - alone)) < 1.2
    assert float(alone) == pytest.approx(float(torch.quantile(speaking, 0.95)))


def test_normalise_without_any_valid_frame_is_zero():
    log_mel = torch.full((1, 5, 80), -3.0)
    torch.testing.assert_close(
        speech.normalise(log_mel, torch.zeros(1, 5, dtype=torch.bool)), torch.zeros(1, 5, 80)
    )


def test_long_sounds_have_the_frames_of_their_parts(monkeypatch):
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 40_123)).astype(np.float32))
    whole = speech.log_mel_tensor(sound)
    monkeypatch.setattr(speech, "CHUNK", 77)
    parts = speech.log_mel_tensor(sound)
    assert parts.shape == whole.shape == (2, 250, 80)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-5)
