import av
import numpy as np
import pytest
from command_line import run_json
from flashbeep import find_beeps

from avsync import media, phase, remux
from avsync.soundmap import map_sound

RATE = 48_000


def _frames(left, right, form="fltp", layout="stereo"):
    """Blocks of 1,024 samples of two channels (N,), -1 to 1, in a sample format."""
    found = []
    for at in range(0, len(left), 1024):
        both = np.stack([left[at : at + 1024], right[at : at + 1024]])
        values = {
            "fltp": lambda x: x.astype(np.float32),
            "s16": lambda x: np.round(x * 32767).astype(np.int16),
            "s32p": lambda x: np.round(x * 2147483647).astype(np.int32),
            "u8": lambda x: np.round(x * 127 + 128).astype(np.uint8),
        }[form](both)
        data = values if form.endswith("p") else values.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout=layout)
        frame.sample_rate, frame.pts = RATE, at
        found.append(frame)
    return found


def _noise(seconds, level=0.1, seed=0):
    return np.clip(np.random.default_rng(seed).normal(0, level, round(seconds * RATE)), -1, 1)


@pytest.mark.parametrize("form", ["fltp", "s16", "s32p", "u8"])
def test_opposite_channels_are_told_from_the_others_in_every_format(form):
    one, other = _noise(1.5), _noise(1.5, seed=1)
    quieter = one * 0.9
    assert phase.told(_frames(one, -one, form))[0]
    assert phase.told(_frames(one, -quieter, form))[0]
    assert phase.told(_frames(one + 0.01 * other, 0.01 * other - one, form))[0]
    for right in (one, quieter, other, 0 * one, 0.5 * one + other, -0.5 * one + other):
        assert not phase.told(_frames(one, right, form))[0]


def test_frames_come_back_as_they_were_and_no_more_are_taken_than_needed():
    taken = []

    def coming():
        for frame in _frames(_noise(5), -_noise(5)):
            taken.append(frame)
            yield frame

    opposed, frames = phase.told(coming())
    assert opposed
    assert sum(frame.samples for frame in taken) / RATE == pytest.approx(phase.LISTEN_SECONDS, abs=0.03)
    assert [frame.pts for frame in frames] == list(range(0, 5 * RATE, 1024))


def test_a_silent_beginning_is_waited_for_but_not_forever():
    quiet = np.zeros(3 * RATE)
    one = _noise(1.5)
    hiss = _noise(3, level=1e-4), _noise(3, level=1e-4, seed=1)
    for left, right in ((quiet, quiet), hiss):
        assert phase.told(_frames(np.append(left, one), np.append(right, -one)))[0]
    frames = _frames(np.zeros(40 * RATE), np.zeros(40 * RATE))
    coming = iter(frames)
    assert not phase.told(coming)[0]
    left_over = sum(frame.samples for frame in coming) / RATE
    assert left_over == pytest.approx(40 - phase.PATIENCE_SECONDS, abs=0.05)


def test_sound_without_two_channels_is_never_opposed():
    assert not phase.told([])[0]
    mono = [av.AudioFrame.from_ndarray(np.ones((1, 1024), np.float32), format="fltp", layout="mono")]
    mono[0].sample_rate = RATE
    assert not phase.told(mono)[0]


def test_damaged_floats_tell_nothing():
    broken = _noise(1.5)
    broken[100:110] = np.inf
    broken[200:210] = np.nan
    assert not phase.told(_frames(broken, -broken))[0]


@pytest.mark.parametrize("audio", ["flac", "aac", "libopus", "pcm_s16le"])
def test_opposite_channels_are_heard_where_they_are_by_load_windows_and_read(flash_and_beep, audio):
    truth = flash_and_beep("mkv", audio=audio, channels=2, opposed=True)
    alike = media.load(flash_and_beep("mkv", audio=audio, channels=2).path)
    clip = media.load(truth.path)
    assert clip.opposed
    assert not alike.opposed
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    np.testing.assert_allclose(beeps, truth.beeps, atol=1e-3)
    assert np.abs(clip.waveform).max() == pytest.approx(np.abs(alike.waveform).max(), rel=0.1)
    with media.open(truth.path) as reader:
        assert reader.opposed
        whole = reader.read(clip.audio_start, clip.audio_start + 2.0)
        assert whole.opposed
        np.testing.assert_allclose(whole.waveform, clip.waveform[: len(whole.waveform)], atol=1e-4)
    with media.open(truth.path) as reader:  # a part is read first, and not the beginning
        part = reader.read(1.5, 2.0)
        assert np.abs(part.waveform).max() > 0.1
    with media.open(truth.path) as reader:
        windows = list(reader.windows(seconds=0.5, hop=0.5))
    loudest = max(np.abs(window.waveform).max() for window in windows)
    assert loudest == pytest.approx(np.abs(clip.waveform).max(), rel=1e-3)


def test_info_says_that_channels_are_opposed(flash_and_beep, capsys):
    opposed = str(flash_and_beep("mp4", channels=2, opposed=True).path)
    alike = str(flash_and_beep("mp4", channels=2).path)
    _, lines = run_json(capsys, "info", opposed, "--json")
    assert lines[0]["sound"]["opposite_phase"]
    assert -40 < lines[0]["sound"]["level_db"] < -5
    (told,) = lines[0]["warnings"]
    assert told.startswith("left and right of the sound are of opposite phase")
    _, lines = run_json(capsys, "info", alike, "--json")
    assert not lines[0]["sound"]["opposite_phase"]
    assert lines[0]["warnings"] == []


def test_repair_of_opposed_sound_is_checked_by_what_is_heard(flash_and_beep, tmp_path):
    truth = flash_and_beep("mkv", audio="flac", channels=2, opposed=True)
    powers = [
        max(window.power for track in map_sound(path) for window in track.windows)
        for path in (truth.path, flash_and_beep("mkv", audio="flac", channels=2).path)
    ]
    assert powers[0] > 0.01 * powers[1]
    target = tmp_path / "later.mkv"
    remux.shift_audio(truth.path, target, 120.0)
    clip = media.load(target)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    np.testing.assert_allclose(beeps, truth.beeps[: len(beeps)] + 0.12, atol=1e-3)
