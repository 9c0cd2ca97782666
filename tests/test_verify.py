"""The check by decoding tells what is wrong with files that are wrong in known ways."""

from fractions import Fraction

import av
import numpy as np
import pytest
from flashbeep import render

from avsync import remux
from avsync.retime import Piece, Retiming
from avsync.runs import runs_on_clock
from avsync.soundmap import MAX_WINDOWS, map_sound
from avsync.verify import NotHeldError, compare, picture_lift

AS_IT_IS = Retiming((Piece(0.0, 0.0),))


def law(ms, drift=0.0):
    return Retiming((Piece(0.0, ms / 1000, drift),))


@pytest.mark.parametrize("off", [-40.0, -1.2, 0.0, 0.7, 130.0])
def test_a_file_that_is_off_is_seen_to_be(tmp_path, flash_and_beep, off):
    source, out = flash_and_beep("mp4").path, tmp_path / "out.mp4"
    remux.shift_audio(source, out, 60.0 + off)
    lift, _ = picture_lift(source, out, out)
    check = compare(map_sound(source), out, law(60.0), lift)
    assert check.windows == 3
    assert 1000 * check.median_deviation(0) == pytest.approx(off, abs=0.05)
    assert 1000 * np.median(check.moved[0]) == pytest.approx(60.0 + off, abs=0.05)
    assert check.even


def test_drift_that_was_not_undone_is_uneven(tmp_path):
    source = render(tmp_path / "x.mkv", audio="flac", seconds=12.0).path
    check = compare(map_sound(source), source, law(0.0, 2000e-6), 0.0)
    assert not check.even
    # What should have moved by 2 ms a second and did not.
    np.testing.assert_allclose(check.deviation[0], -2e-3 * (check.times[0] + check.moved[0]), atol=2e-3)
    assert check.residual == pytest.approx(0.023, abs=0.003)


def test_sound_that_is_not_there_is_lost(tmp_path):
    source = render(tmp_path / "x.mkv", audio="flac").path
    other = tmp_path / "other.mkv"
    with av.open(str(source)) as old, av.open(str(other), "w") as out:
        video = out.add_stream_from_template(old.streams.video[0])
        audio = out.add_stream("flac", rate=48_000, layout="mono")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
        rng = np.random.default_rng(0)
        for i in range(100):
            noise = (3000 * rng.standard_normal((1, 1152))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 1152 * i
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    with pytest.raises(NotHeldError, match="is not found within"):
        compare(map_sound(source), other, AS_IT_IS, 0.0)


def test_pictures_that_move_apart_are_not_held(tmp_path, flash_and_beep):
    source = flash_and_beep("mkv").path
    other = render(tmp_path / "x.mkv", rate=Fraction(24)).path
    with pytest.raises(NotHeldError, match="cannot hold the times of the pictures"):
        picture_lift(source, other, other)


def test_pictures_that_are_dropped_are_noticed(tmp_path, flash_and_beep):
    source = flash_and_beep("mkv", seconds=2.4).path
    other = render(tmp_path / "x.mkv", seconds=2.0).path
    with pytest.raises(NotHeldError, match="cannot hold the times of the pictures"):
        picture_lift(source, other, other)


# --- the map of a sound track ---


def test_rounded_time_stamps_make_one_run():
    positions = np.arange(0, 200 * 1024, 1024)
    times = np.round(positions / 44_100 + 0.25, 3)
    (run,) = runs_on_clock(positions, times, 200 * 1024, 44_100)
    assert (run.first, run.last, run.creep) == (0, 200 * 1024, 0.0)
    assert run.time == pytest.approx(0.25, abs=3e-4)


def test_a_jump_of_the_time_stamps_begins_a_run():
    positions = np.arange(0, 100 * 1024, 1024)
    times = positions / 48_000
    times[40:] += 0.3
    one, other = runs_on_clock(positions, times, 100 * 1024, 48_000)
    assert (one.last, other.first) == (40 * 1024, 40 * 1024)
    assert other.time - one.end == pytest.approx(0.3)


def test_a_slow_recorder_is_a_creep():
    positions = np.arange(0, 2000 * 1024, 1024)
    (run,) = runs_on_clock(positions, 1.0 + positions / 48_000 * (1 + 3e-4), 2000 * 1024, 48_000)
    assert run.creep == pytest.approx(3e-4, rel=1e-3)
    assert run.time_of(48_000) == pytest.approx(1.0 + 1.0003, abs=1e-6)
    assert run.sample_at(run.time_of(12_345)) == pytest.approx(12_345)


def test_missing_time_stamps_follow_their_neighbours():
    positions = np.arange(0, 50 * 1024, 1024)
    times = positions / 48_000 + 2.0
    times[7:9] = np.nan
    (run,) = runs_on_clock(positions, times, 50 * 1024, 48_000)
    assert run.time == pytest.approx(2.0)


def test_a_map_keeps_few_and_loud_stretches(tmp_path):
    source = tmp_path / "x.wav"
    loud = np.arange(180) % 3 == 1  # every third half second
    with av.open(str(source), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        rng = np.random.default_rng(0)
        for i, level in enumerate(np.where(loud, 8000, 80)):
            noise = (level * rng.standard_normal((1, 4000))).clip(-32_000, 32_000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 4000 * i
            out.mux(stream.encode(frame))
    (track,) = map_sound(source)
    assert MAX_WINDOWS <= len(track.windows) < 2 * MAX_WINDOWS
    assert (track.codec, track.rate, track.form) == ("pcm_s16le", 8000, "s16")
    assert track.bit_rate == pytest.approx(128_000, rel=0.01)
    assert len(track.levels) == 9000
    assert track.end - track.start == pytest.approx(90.0)
    kept = [w.first // 4000 for w in track.windows]
    assert kept == sorted(kept)
    assert set(np.flatnonzero(loud)) <= set(kept)


def test_a_map_gives_the_stretches_that_are_asked_for(tmp_path):
    source = render(tmp_path / "x.mkv", video=None, audio="pcm_s16le", seconds=20.0).path
    (track,) = map_sound(source, {0: [(2.0, 2.5), (2.2, 3.0), (19.5, 21.0)]})
    spans = [(w.first / 48_000, (w.first + len(w.samples)) / 48_000) for w in track.windows]
    np.testing.assert_allclose(spans, [(2.0, 2.5), (2.2, 3.0), (19.5, 20.0)], atol=1e-3)
