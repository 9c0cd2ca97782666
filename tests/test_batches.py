"""Batches drawn from utterances whose mouths, sound and phones all carry the time at which they stand."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from avsync import batches, speech
from avsync.batches import UNKNOWN, WindowConfig, make_batch
from avsync.features import LIP_POINTS, LipGrid
from avsync.utterances import PhoneTimes, Utterance, load_utterance, save_utterance

SECONDS = 3.0
AUDIO_START = 0.02
PICTURE_START = 0.01
SMALL = WindowConfig(clips=6, speech_clips=3, steps=(30, 40), speech_seconds=1.5, other_shots=0.0, hidden=0.0)


def talking(name="a", speaker="s1", *, waveform=None, timed=True) -> Utterance:
    """Points hold their time t in seconds, greys 10 + 80 t, samples 0.1 + t / 5; phones of 0.1 s from 0.5."""
    frames = PICTURE_START + np.arange(75) / 25
    mouths = np.repeat(np.rint(10 + 80 * frames).astype(np.uint8), 96 * 96).reshape(75, 96, 96)
    points = np.broadcast_to(frames[:, None, None], (75, len(LIP_POINTS), 2)).astype(np.float32)
    lips = LipGrid(mouths, np.ascontiguousarray(points), np.ones(75, bool), frames)
    if waveform is None:
        waveform = (0.1 + (AUDIO_START + np.arange(int(SECONDS * 16_000)) / 16_000) / 5).astype(np.float32)
    starts = 0.5 + np.arange(20) / 10
    phones = PhoneTimes(np.arange(1, 21), starts, starts + 0.1)
    words = np.array([[0.5, 1.5], [1.5, 2.5]]) if timed else np.full((2, 2), np.nan)
    return Utterance(name, speaker, waveform, AUDIO_START, ("one", "two"), words, lips, phones)


def unit_at(time):
    """Unit of `talking` at a time, -2 within half a millisecond of a change."""
    if abs(time * 10 - round(time * 10)) < 0.005:
        return -2
    return 1 + int((time - 0.5) * 10 // 1) if 0.5 < time < 2.5 else 0


def batch_of(config=SMALL, seed=0, utterance=None):
    utterance = utterance or talking()
    return make_batch(
        [utterance] * config.clips, [utterance] * config.speech_clips, config, np.random.default_rng(seed)
    )


def heard_times(window):
    """(B, J) the time that each speech step hears in the middle of its 10 ms; NaN where it is silent."""
    samples = window.waveform.unflatten(1, (-1, speech.HOP))[:, :, speech.HOP // 2].double().numpy()
    return np.where(samples == 0, np.nan, (samples - 0.1) * 5)


@pytest.mark.parametrize("seed", range(4))
def test_the_declared_lag_is_the_true_one(seed):
    batch = batch_of(seed=seed)
    heard = heard_times(batch.sound)
    speeds = []
    for clip in range(SMALL.clips):
        seen = batch.points[clip, :, 0, 0].double().numpy()
        speeds.append((seen[-1] - seen[0]) * 25 / (len(seen) - 1))
        position = 4 * np.arange(len(seen)) + float(batch.lag[clip])
        expected = np.interp(position, np.arange(heard.shape[1]), heard[clip], left=np.nan, right=np.nan)
        known = np.isfinite(expected)
        assert known.sum() > 10
        np.testing.assert_allclose(expected[known], seen[known], atol=2e-4)
    assert SMALL.speed[0] - 1e-6 < min(speeds) < max(speeds) < SMALL.speed[1] + 1e-6
    assert max(abs(speed - 1) for speed in speeds) > 0.01  # tempo changes were among them


def test_mouths_show_the_time_of_their_points():
    batch = batch_of()
    seen = batch.points[:, :, 0, 0].double()
    grey = batch.mouths[:, :, 48, 48].double()
    torch.testing.assert_close(grey[batch.found], 10 + 80 * seen[batch.found], atol=1.6, rtol=0)


def test_a_click_is_in_the_mel_frame_that_lag_promises():
    waveform = np.zeros(int(SECONDS * 16_000), np.float32)
    clicked = 1.3
    waveform[round((clicked - AUDIO_START) * 16_000)] = 1.0
    batch = batch_of(seed=5, utterance=talking(waveform=waveform))
    log_mel = speech.log_mel_tensor(batch.sound.waveform).mean(2)
    checked = 0
    for clip in range(SMALL.clips):
        seen = batch.points[clip, :, 0, 0].double().numpy()
        if not seen[0] < clicked < seen[-1] or log_mel[clip].max() < -18:
            continue
        lip_step = np.interp(clicked, seen, np.arange(len(seen)))
        assert abs(int(log_mel[clip].argmax()) - (4 * lip_step + float(batch.lag[clip]))) <= 0.5 + 1e-3
        checked += 1
    assert checked >= 2


def test_lags_are_spread_over_the_range_and_inside_it():
    config = dataclasses.replace(SMALL, clips=200, speech_clips=1, steps=(10,))
    lag = batch_of(config).lag
    assert config.lags == 201
    assert 20 <= lag.min() < 30
    assert 170 < lag.max() <= 180
    assert (lag != lag.round()).float().mean() > 0.95  # off the grid


def test_frame_targets_of_the_lips_stand_on_10_ms_around_each_step():
    batch = batch_of(seed=2)
    for clip in range(SMALL.clips):
        seen = batch.points[clip, :, 0, 0].double().numpy()
        speed = (seen[-1] - seen[0]) * 25 / (len(seen) - 1)
        fine = (seen[:, None] + np.array([-0.015, -0.005, 0.005, 0.015]) * speed).ravel()
        expected = np.array([unit_at(time) for time in fine])
        sure = expected != -2
        np.testing.assert_array_equal(batch.frames[clip].numpy()[sure], expected[sure])


@pytest.mark.parametrize("stream", ["sound", "speech"])
def test_frame_targets_of_the_sound_are_the_phones_heard(stream):
    window = getattr(batch_of(seed=3), stream)
    heard = heard_times(window)
    valid = window.valid.numpy()
    assert valid.mean() > 0.3
    assert (window.frames.numpy()[~valid] == batches.UNKNOWN).all()
    # Where a step is valid its middle is heard, but for the last at the very end of a recording.
    assert (np.isnan(heard) & valid).sum() <= len(valid)
    assert (~np.isnan(heard) & ~valid).sum() <= len(valid)
    expected = np.vectorize(unit_at)(np.nan_to_num(heard))
    sure = valid & np.isfinite(heard) & (expected != -2)
    np.testing.assert_array_equal(window.frames.numpy()[sure], expected[sure])


@pytest.mark.parametrize("stream", ["sound", "speech"])
@pytest.mark.parametrize("seed", range(3))
def test_ctc_targets_are_the_phones_heard(stream, seed):
    window = getattr(batch_of(seed=seed), stream)
    for clip in range(len(window.valid)):
        heard = heard_times(window)[clip]
        first, last = np.nanmin(heard), np.nanmax(heard)
        middles = 0.55 + np.arange(20) / 10
        surely = {n + 1 for n in range(20) if first + 0.011 < middles[n] < last - 0.011}
        perhaps = {n + 1 for n in range(20) if first - 0.011 < middles[n] < last + 0.011}
        listed = window.phones[clip, : window.phone_counts[clip]].tolist()
        assert listed == sorted(listed)
        assert surely <= set(listed) <= perhaps
        assert window.phones[clip, window.phone_counts[clip] :].eq(0).all()


def test_ctc_targets_of_the_lips_are_the_phones_of_the_window():
    batch = batch_of(seed=4)
    for clip in range(SMALL.clips):
        seen = batch.points[clip, :, 0, 0].double().numpy()
        middles = 0.55 + np.arange(20) / 10
        surely = {n + 1 for n in range(20) if seen[0] < middles[n] < seen[-1]}
        perhaps = {n + 1 for n in range(20) if seen[0] - 0.02 < middles[n] < seen[-1] + 0.02}
        listed = batch.phones[clip, : batch.phone_counts[clip]].tolist()
        assert surely <= set(listed) <= perhaps


def test_the_sound_is_cut_apart_from_the_picture():
    config = dataclasses.replace(SMALL, clips=100, speech_clips=1, steps=(10,), speed=(1.0, 1.0))
    window = batch_of(config).sound
    heard = heard_times(window)
    first, last = np.nanmin(heard, 1), np.nanmax(heard, 1)
    # Where the window begins before the recording, its first sound is the start or a cut.
    reaches = np.array([np.isnan(row[0]) for row in heard])
    assert 0.2 < np.mean(first[reaches] > AUDIO_START + 0.02) < 0.95
    assert first[reaches].max() <= AUDIO_START + 0.92
    assert AUDIO_START + SECONDS - 0.92 - 0.02 <= last.max() <= AUDIO_START + SECONDS


def test_speaking_is_the_spoken_part():
    batch = batch_of(dataclasses.replace(SMALL, steps=(70,), speed=(1.0, 1.0)))
    seen = batch.points[:, :, 0, 0].double()
    inside = (seen > 0.5 - 0.08) & (seen < 2.5 + 0.08)
    assert batch.speaking.dtype == torch.float32
    assert 0.5 < inside.double().mean() < 1
    torch.testing.assert_close(batch.speaking, inside.float())


def test_other_cameras_move_the_pictures_by_at_most_half_a_frame_and_on_average_by_nothing():
    steady = dataclasses.replace(SMALL, steps=(70,), speed=(1.0, 1.0), clips=60)
    shaken = batch_of(dataclasses.replace(steady, other_shots=1.0)).points[:, :, 0, 0].double()
    times = np.arange(70) / 25
    off, kinds = [], set()
    for seen in shaken.numpy():
        inside = (seen > 0.1) & (seen < 2.8)  # away from the ends of the recording
        apart = (seen - times - np.median(seen - times))[inside]
        off.append(apart.mean())
        # On the nearest frame each step is a time stamp; otherwise it lies between them.
        stamps = (seen[inside] - PICTURE_START) * 25
        kinds.add(bool(np.abs(stamps - np.rint(stamps)).max() < 1e-3))
        assert np.abs(apart).max() <= 0.51 / 25
    assert kinds == {True, False}
    assert abs(np.mean(off)) < 0.003


def test_mouths_are_hidden_for_some_steps_and_nothing_is_asked_of_them():
    batch = batch_of(dataclasses.replace(SMALL, steps=(36,), speed=(1.0, 1.0), clips=40, hidden=1.0))
    lost = (~batch.found).sum(1)
    assert {1, 2, 3, 4, 5} <= set(lost.tolist())
    assert (batch.speaking[~batch.found] == 0).all()
    assert (batch.frames[(~batch.found).repeat_interleave(4, 1)] == UNKNOWN).all()


def test_lost_mouths_are_unknown():
    utterance = talking()
    found = utterance.lips.found.copy()
    found[30:40] = False
    utterance = dataclasses.replace(utterance, lips=dataclasses.replace(utterance.lips, found=found))
    batch = batch_of(seed=1, utterance=utterance)
    seen = batch.points[:, :, 0, 0]
    lost = (seen > PICTURE_START + 30 / 25 + 1e-3) & (seen < PICTURE_START + 39 / 25 - 1e-3)
    assert lost.sum() > 20
    assert not batch.found[lost].any()
    assert batch.speaking[lost].max() == 0
    frames = batch.frames.unflatten(1, (-1, 4))
    assert (frames[~batch.found] == batches.UNKNOWN).all()
    assert (frames[batch.found] != batches.UNKNOWN).all()


def test_sound_without_word_times_is_taken_whole_and_has_no_frame_targets():
    batch = batch_of(seed=0, utterance=talking(timed=False))
    assert (batch.speech.frames == batches.UNKNOWN).all()
    heard = heard_times(batch.speech)
    np.testing.assert_allclose(np.nanmin(heard, 1), AUDIO_START, atol=0.011)
    np.testing.assert_allclose(np.nanmax(heard, 1), AUDIO_START + SECONDS, atol=0.02)
    assert batch.speech.phone_counts.tolist() == [20, 20, 20]


def test_sound_without_phones_is_refused():
    utterance = dataclasses.replace(talking("k9"), phones=None)
    with pytest.raises(ValueError, match="k9 has no phone times"):
        make_batch([talking()], [utterance], SMALL, np.random.default_rng(0))


def tensors(batch):
    for field in dataclasses.fields(batch):
        value = getattr(batch, field.name)
        yield from tensors(value) if dataclasses.is_dataclass(value) else [value]


def sampler(seed=0, **how):
    people = [talking(f"u{n}", speaker) for n, speaker in enumerate(["s1", "s1", "s2", "s3", "s3", "s3"])]
    return batches.WindowSampler(
        people,
        [people[:2], people[2:]],
        **{"speaker_share": {}, "config": SMALL, "batches": 2, **how},
        seed=seed,
    )


def test_the_same_seed_gives_the_same_batches_and_another_seed_others():
    one, two, other = (list(sampler(seed)) for seed in (7, 7, 8))
    assert len(one) == len(sampler()) == 2
    for left, right in zip(one, two, strict=True):
        for a, b in zip(tensors(left), tensors(right), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(one[0].lag, other[0].lag)
    assert not torch.equal(one[0].lag, one[1].lag)


def test_workers_share_an_epoch_and_draw_other_batches():
    loader = DataLoader(sampler(batches=5), batch_size=None, num_workers=2)
    drawn = [batch.lag.tolist() for batch in loader]
    assert len(drawn) == 5
    assert len({tuple(lags) for lags in drawn}) == 5


def test_epochs_differ_and_are_repeated_by_a_new_sampler():
    first, again = sampler(1), sampler(1)
    epochs = [[batch.lag for batch in first] for _ in range(2)]
    assert not torch.equal(epochs[0][0], epochs[1][0])
    for epoch in epochs:
        for mine, batch in zip(epoch, again, strict=True):
            assert torch.equal(mine, batch.lag)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ({}, {"s1": 1 / 3, "s2": 1 / 3, "s3": 1 / 3}),
        ({"s2": 0.6}, {"s1": 0.2, "s2": 0.6, "s3": 0.2}),
        ({"s1": 0.5, "s3": 0.25, "nobody": 0.1}, {"s1": 0.5, "s2": 0.25, "s3": 0.25}),
    ],
)
def test_speakers_get_their_share(monkeypatch, share, expected):
    drawn = []
    monkeypatch.setattr(batches, "make_batch", lambda talking, speech, config, rng: drawn.extend(talking))
    list(
        sampler(speaker_share=share, config=dataclasses.replace(SMALL, clips=4000, speech_clips=0), batches=1)
    )
    for speaker, part in expected.items():
        assert abs(np.mean([utterance.speaker == speaker for utterance in drawn]) - part) < 0.03
    # Within a speaker every utterance is drawn equally often.
    third = np.mean([utterance.name == "u4" for utterance in drawn])
    assert abs(third - expected["s3"] / 3) < 0.02


def test_an_utterance_survives_its_file(tmp_path):
    rng = np.random.default_rng(0)
    waveform = np.rint(rng.uniform(-32767, 32767, 1600)).astype(np.int16).astype(np.float32) / 32767
    before = dataclasses.replace(talking("grüße", "s 5"), waveform=waveform)
    path = tmp_path / "u.npz"
    save_utterance(before, path)
    after = load_utterance(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["u.npz"]
    assert (after.name, after.speaker, after.words, after.audio_start) == (
        "grüße",
        "s 5",
        ("one", "two"),
        AUDIO_START,
    )
    assert after.waveform.dtype == np.float32
    np.testing.assert_array_equal(after.waveform, waveform)
    np.testing.assert_array_equal(after.word_times, before.word_times)
    for part in ("lips", "phones"):
        for field in dataclasses.fields(getattr(before, part)):
            mine, theirs = (getattr(getattr(one, part), field.name) for one in (before, after))
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)


def test_an_utterance_without_picture_and_phones_survives_its_file(tmp_path):
    before = Utterance("n", "s", np.float32([2.0, -2.0, 0.5]), 0.0, ("a",), np.full((1, 2), np.nan))
    save_utterance(before, tmp_path / "u.npz")
    after = load_utterance(tmp_path / "u.npz")
    assert (after.lips, after.phones, after.timed) == (None, None, False)
    np.testing.assert_allclose(after.waveform, [1, -1, 0.5], atol=2e-5)  # clipped to full scale
    np.testing.assert_allclose(after.spoken, (0.0, 3 / 16_000))


def test_phone_times_answer_for_a_time_and_for_a_stretch():
    phones = PhoneTimes(np.array([5, 6, 7]), np.array([0.1, 0.2, 0.5]), np.array([0.2, 0.3, 0.6]))
    times = np.array([0.0, 0.1, 0.15, 0.2, 0.29, 0.3, 0.4, 0.5, 0.6, 9.0])
    np.testing.assert_array_equal(phones.at(times), [0, 5, 5, 6, 6, 0, 0, 7, 0, 0])
    np.testing.assert_array_equal(phones.within(0.16, 0.55), [6])
    np.testing.assert_array_equal(phones.within(0.15, 0.551), [5, 6, 7])
    empty = PhoneTimes(np.zeros(0, int), np.zeros(0), np.zeros(0))
    np.testing.assert_array_equal(empty.at(times), np.zeros(10))
