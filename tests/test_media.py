"""Loading: flashes and beeps come back at their times from every container; damage is reported, not
hidden."""

import pickle
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest
from flashbeep import Truth, even_times, find_beeps, read_number, render, variable_times

from avsync import media
from avsync.errors import ConfigError, MediaError
from avsync.pictureclock import PictureTrack

NTSC = Fraction(30_000, 1001)


def flash_frames(clip: media.Clip) -> list[int]:
    flashes = [read_number(f)[1] for f in clip.frames]
    return [i for i, flash in enumerate(flashes) if flash and not flashes[i - 1]]


def check_truth(clip: media.Clip, truth: Truth, tolerance: float = 1e-3) -> None:
    """Every picture is there, in order and at its time; every beep lies at its flash."""
    assert [read_number(f)[0] for f in clip.frames] == [i % 256 for i in range(len(truth.frame_times))]
    assert flash_frames(clip) == list(truth.flashes)
    relative = truth.frame_times - truth.frame_times[0] + clip.frame_times[0]
    np.testing.assert_allclose(clip.frame_times, relative, atol=1e-3)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    np.testing.assert_allclose(beeps, clip.frame_times[list(truth.flashes)], atol=tolerance)


CONTAINERS = [
    ("mp4", "libx264", "aac"),
    ("mp4", "libx264", "libmp3lame"),
    ("mov", "libx264", "pcm_s16le"),
    ("mkv", "libx264", "flac"),
    ("mkv", "mpeg4", "pcm_s16le"),
    ("webm", "libvpx-vp9", "libopus"),
    ("ts", "libx264", "aac"),
    ("mpg", "mpeg1video", "mp2"),
    ("mpg", "mpeg2video", "ac3"),
    ("flv", "libx264", "aac"),
]


@pytest.mark.parametrize("start", [-0.4, 0.0, 0.0123, 0.4])
@pytest.mark.parametrize(("suffix", "video", "audio"), CONTAINERS, ids=lambda c: c)
def test_beeps_meet_flashes(flash_and_beep, suffix, video, audio, start):
    truth = flash_and_beep(suffix, video=video, audio=audio, audio_start=start, rate=NTSC)
    # A container with a 1 ms clock rounds the picture and the sound by half a tick each.
    rounded = suffix in ("mkv", "webm", "flv")
    check_truth(media.load(truth.path), truth, 1.3e-3 if rounded else 1e-3)


@pytest.mark.parametrize(
    "rate", [Fraction(24_000, 1001), Fraction(25), Fraction(30), Fraction(50), Fraction(60)]
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_frame_rates(flash_and_beep, suffix, rate):
    truth = flash_and_beep(suffix, rate=rate, audio="aac" if suffix == "mp4" else "flac")
    clip = media.load(truth.path)
    check_truth(clip, truth)
    assert clip.fps == pytest.approx(float(rate), rel=1e-3)
    assert not clip.variable_frame_rate


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_is_kept(flash_and_beep, suffix):
    truth = flash_and_beep(suffix, rate=None, frame_times=tuple(variable_times(2.4)))
    clip = media.load(truth.path)
    check_truth(clip, truth)
    assert clip.variable_frame_rate
    assert clip.fps == pytest.approx(1 / np.median(np.diff(truth.frame_times)), rel=0.03)


@pytest.mark.parametrize("audio", ["pcm_s16le", "libmp3lame"])
def test_avi(flash_and_beep, audio):
    # AVI cannot hold start times; its MP3 priming (1105 samples) is not signalled and so is heard.
    truth = flash_and_beep("avi", video="mpeg4", audio=audio, b_frames=0)
    clip = media.load(truth.path)
    assert flash_frames(clip) == list(truth.flashes)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    delay = 0 if audio == "pcm_s16le" else 1105 / 48_000
    np.testing.assert_allclose(beeps, truth.beeps + delay, atol=1e-3)


def test_avi_with_reordered_pictures(tmp_path):
    truth = render(tmp_path / "x.avi", video="libx264", audio="pcm_s16le")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip = media.load(truth.path)
    np.testing.assert_allclose(np.diff(clip.frame_times), 0.04, atol=1e-9)
    assert [read_number(f)[0] for f in clip.frames] == list(range(60))
    assert read_number(clip.frames[31])[0] == 31


def test_video_that_starts_late_keeps_its_start(flash_and_beep):
    truth = flash_and_beep("mp4", frame_times=tuple(even_times(25, 2.0, 0.2)), rate=Fraction(25))
    clip = media.load(truth.path)
    assert clip.frame_times[0] == pytest.approx(0.2, abs=1e-3)
    assert clip.audio_start == pytest.approx(0.0, abs=1e-3)
    check_truth(clip, truth)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_resampling_has_no_delay(tmp_path, rate, channels):
    truth = render(tmp_path / "a.mkv", video=None, audio="pcm_s16le", sample_rate=rate, channels=channels)
    clip = media.load(truth.path)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    np.testing.assert_allclose(beeps, truth.beeps, atol=0.5 / 16_000)
    assert clip.sample_rate == 16_000
    assert len(clip.waveform) / 16_000 == pytest.approx(2.4, abs=1e-3)
    # Equal channels stay at their level: neither louder (clipping) nor softer.
    assert np.abs(clip.waveform).max() == pytest.approx(0.5, abs=0.02)


def test_another_sample_rate(flash_and_beep):
    truth = flash_and_beep("mov", audio="pcm_s16le")
    clip = media.load(truth.path, sample_rate=44_100)
    np.testing.assert_allclose(find_beeps(clip.waveform, 44_100, clip.audio_start), truth.beeps, atol=1e-4)


@pytest.mark.parametrize(("suffix", "audio"), [("mkv", "flac"), ("mp4", "aac"), ("ts", "mp2")])
def test_a_gap_in_the_sound_is_silence_of_its_length(flash_and_beep, suffix, audio):
    truth = flash_and_beep(suffix, audio=audio, audio_gap=(0.75, 0.95))
    clip = media.load(truth.path)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    np.testing.assert_allclose(beeps, clip.frame_times[list(truth.flashes)], atol=1e-3)


# --- pictures ---


@pytest.mark.parametrize(("suffix", "video", "audio"), CONTAINERS, ids=lambda c: c)
def test_random_access_gives_the_picture_of_sequential_access(flash_and_beep, suffix, video, audio):
    frames = media.load(flash_and_beep(suffix, video=video, audio=audio, rate=NTSC).path).frames
    in_order = list(frames)
    for i in (40, 3, 4, 70, 12, 11, 0, 55, -1, -30):
        np.testing.assert_array_equal(frames[i], in_order[i])
    assert [len(b) for b in frames.batches(16)] == [16, 16, 16, 16, len(frames) - 64]
    np.testing.assert_array_equal(np.concatenate(list(frames.batches(16))), in_order)


def test_several_threads_read_one_clip(flash_and_beep):
    frames = media.load(flash_and_beep("mp4").path).frames
    asked = np.random.default_rng(0).integers(0, len(frames), 60).tolist()
    with ThreadPoolExecutor(3) as pool:
        numbers = list(pool.map(lambda index: read_number(frames[index])[0], asked))
    assert numbers == asked


def test_frames_are_a_sequence(flash_and_beep):
    frames = media.load(flash_and_beep("mp4").path).frames
    assert frames[0].shape == (frames.height, frames.width, 3)
    assert frames[0].dtype == np.uint8
    assert [read_number(f)[0] for f in frames[10:14:2]] == [10, 12]
    assert read_number(frames[np.int64(7)])[0] == 7
    frames[0][:] = 0  # a caller's change does not reach the next reader
    assert frames[0].any()
    with pytest.raises(IndexError):
        frames[len(frames)]
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[5], frames[5])


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_applied(flash_and_beep, rotation):
    upright = media.load(flash_and_beep("mp4").path).frames[20]
    clip = media.load(flash_and_beep("mp4", rotation=rotation).path)
    turned = np.rot90(upright, rotation // 90)
    assert clip.frames[20].shape == turned.shape == (clip.frames.height, clip.frames.width, 3)
    assert np.abs(clip.frames[20].astype(int) - turned).mean() < 2
    assert media.probe(clip.source).streams[0].rotation == rotation


def test_cover_art_is_no_video(tmp_path, flash_and_beep):
    path = tmp_path / "song.mp4"
    with av.open(str(flash_and_beep("mp4").path)) as source, av.open(str(path), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
        out.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
    clip = media.load(path)
    assert not clip.has_video
    assert clip.has_audio
    assert "cover picture mjpeg" in clip.info.describe()


@pytest.mark.parametrize("missing", ["video", "audio"])
def test_a_missing_stream_is_empty(tmp_path, missing):
    clip = media.load(render(tmp_path / "x.mp4", **{missing: None}).path)
    assert (clip.has_video, clip.has_audio) == (missing != "video", missing != "audio")
    assert len(clip.frames) == len(clip.frame_times) == (60 if clip.has_video else 0)
    assert len(clip.waveform) == (0 if missing == "audio" else pytest.approx(2.4 * 16_000, abs=400))
    assert clip.duration == pytest.approx(2.4, abs=0.03)
    assert list(clip.frames.batches(8)) == [] or clip.has_video


def test_loading_twice_gives_the_same_bytes(flash_and_beep):
    path = flash_and_beep("webm", video="libvpx-vp9", audio="libopus", rate=NTSC).path
    one, two = media.load(path), media.load(path)
    assert one.waveform.tobytes() == two.waveform.tobytes()
    assert one.frame_times.tobytes() == two.frame_times.tobytes()


def test_frame_times_without_order_are_repaired_and_reported(tmp_path):
    times = even_times(25, 2.4)
    path = render(tmp_path / "x.mkv", video="mpeg4", b_frames=0, frame_times=times, audio="flac").path
    clip = media.load(path)
    pts: list[int | None] = [round(t * 1000) for t in clip.frame_times]
    pts[10], pts[20], pts[30] = pts[9], pts[5], None
    pictures = PictureTrack(pts=pts)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clock, repaired = pictures.times(clip.info.streams[0].time_base)
        clock.warn(str(path))
    missing, backward = (str(c.message) for c in caught)
    assert missing.startswith(f"{path}: 1 of 60 frames have no time stamp")
    assert backward.startswith(f"{path}: 2 of 60 frames have a time stamp that is not later")
    assert (np.diff(repaired) > 0).all()
    untouched = np.setdiff1d(np.arange(60), [10, 20, 30])
    np.testing.assert_array_equal(repaired[untouched], clip.frame_times[untouched])


# --- statistics ---


# --- bad input ---


def bad_files(folder, good):
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is no film\n" * 40)
    (folder / "notes.txt").write_text("this is no film\n" * 40)
    (folder / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "header.mp4").write_bytes(good.read_bytes()[:300])
    (folder / "folder.mp4").mkdir()
    return {
        "missing.mp4": "does not exist",
        "empty.mp4": "is empty",
        "text.mp4": "cannot be read as media",
        "notes.txt": "text file|cannot be read as media",
        "noise.mkv": "cannot be read as media",
        "header.mp4": "cannot be read as media",
        "folder.mp4": "is a folder",
    }


def test_addresses_are_not_files():
    with pytest.raises(MediaError, match=r"http:/+example.com/x.mp4 is an address.*Download it first"):
        media.load("http://example.com/x.mp4")


def test_bad_files_are_media_errors_of_one_line(tmp_path, flash_and_beep):
    for name, reason in bad_files(tmp_path, flash_and_beep("mp4").path).items():
        for read in (media.load, media.probe):
            with pytest.raises(MediaError, match=reason) as caught:
                read(tmp_path / name)
            assert name in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mpg", "avi", "faststart.mp4"])
def test_a_truncated_file_gives_what_is_left(tmp_path, suffix):
    how = {
        "mpg": {"video": "mpeg1video", "audio": "mp2"},
        "avi": {"video": "mpeg4", "b_frames": 0, "audio": "mp2"},
    }
    options = {"movflags": "+faststart"} if "faststart" in suffix else {}
    truth = render(tmp_path / f"x.{suffix}", options=options, seconds=4.0, **how.get(suffix, {}))
    whole = truth.path.read_bytes()
    truth.path.write_bytes(whole[: int(len(whole) * 0.6)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = media.load(truth.path)
    assert 20 < len(clip.frame_times) < 100
    assert 0.5 < len(clip.waveform) / 16_000 < 3.5
    assert len(list(clip.frames)) == len(clip.frame_times)
    # The pictures that are left keep their times, also where the one before them is lost.
    numbers = [read_number(f)[0] for f in clip.frames][:-2]  # the last pictures may be incomplete
    np.testing.assert_allclose(
        (clip.frame_times - clip.frame_times[0])[:-2], truth.frame_times[numbers], atol=1e-3
    )
    if suffix not in (
        "ts",
        "mpg",
    ):  # streams without a header declare no length: nothing shows that they were longer
        assert any("damaged or truncated" in str(w.message) and suffix in str(w.message) for w in caught)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_slide_show_is_not_taken_for_truncated(tmp_path, suffix):
    times = [Fraction(0), Fraction(1), Fraction(3), Fraction(6), Fraction(10)]
    path = render(tmp_path / f"x.{suffix}", rate=None, frame_times=times, b_frames=0, seconds=12.0).path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip = media.load(path)
    np.testing.assert_allclose(clip.frame_times, [0, 1, 3, 6, 10], atol=0.03)


def test_mp4_cut_before_its_index_cannot_be_read(tmp_path, flash_and_beep):
    path = tmp_path / "cut.mp4"
    path.write_bytes(flash_and_beep("mp4").path.read_bytes()[:5000])
    with pytest.raises(MediaError, match="damaged, truncated"):
        media.load(path)


@pytest.mark.parametrize(
    "name", ["with space.mp4", "größe π.mp4", "-dash.mp4", "a:b.mp4", "100%.mp4", "file:x.mp4"]
)
def test_odd_names(tmp_path, monkeypatch, flash_and_beep, name):
    shutil.copy(flash_and_beep("mp4").path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    clip = media.load(name)
    assert clip.frames[3].shape == (64, 128, 3)


def test_a_sample_rate_out_of_range(flash_and_beep):
    with pytest.raises(ConfigError, match=r"10 Hz is too low\. Give 1000 Hz or more"):
        media.load(flash_and_beep().path, sample_rate=10)


# --- writing ---


def test_atomic_path(tmp_path):
    target = tmp_path / "out.mp4"
    with media.atomic_path(target, overwrite=False) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".mp4")
        temporary.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"
    with pytest.raises(MediaError, match="exists"), media.atomic_path(target, overwrite=False):
        pass
    with pytest.raises(ZeroDivisionError), media.atomic_path(target, overwrite=True) as temporary:
        temporary.write_text(f"two {1 / 0}")
    assert target.read_text() == "one"
    with media.atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("three")
    assert target.read_text() == "three"
    assert list(tmp_path.iterdir()) == [target]
    with (
        pytest.raises(MediaError, match="folder"),
        media.atomic_path(tmp_path / "no" / "x.mp4", overwrite=False),
    ):
        pass
    with pytest.raises(MediaError, match="folder"), media.atomic_path(tmp_path, overwrite=True):
        pass


# --- real clips ---


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "frames", "video_start", "audio_start", "variable"),
    [
        ("wild/edge/video_start_67ms_P60.mp4", 922, 0.0673, 0.0, False),
        ("wild/edge/vfr_P17.mp4", 135, 0.033, 0.0, True),
        ("wild/edge/webm_no_duration.webm", 78, 0.0, 0.006, True),
        ("wild/edge/syncnetfcn_test_offset_5.avi", 317, 0.0, 0.0, True),
        ("grid/originals/s1_bbaf2n.mpg", 75, 0.0, 0.0, False),
        ("grid/originals/s1_lrae3s.mpg", 74, 0.0, 0.0, False),
        ("grid/originals/s11_bwaf7a.webm", 75, 0.0, 0.0, False),
        ("grid/originals/s10_nocode1.mp4", 75, 0.0, 0.0, False),
        ("grid/s1/bbaf2n.mkv", 75, 0.0, 0.0, False),
    ],
)
def test_real_clips(real_media, name, frames, video_start, audio_start, variable):
    clip = media.load(real_media / name)
    assert len(clip.frame_times) == len(clip.frames) == frames
    assert clip.frame_times[0] == pytest.approx(video_start, abs=1e-4)
    assert clip.audio_start == pytest.approx(audio_start, abs=1e-3)
    assert clip.variable_frame_rate == variable


@pytest.mark.media
def test_damaged_real_clip(real_media):
    with pytest.warns(UserWarning, match=r"1 audio packets could not be decoded at \d"):
        clip = media.load(real_media / "grid/originals/s4_bbaf2a.mpg")
    assert len(clip.frames) == 71
    assert len(clip.waveform) / clip.sample_rate == pytest.approx(2.978, abs=1e-3)


@pytest.mark.media
@pytest.mark.parametrize(("name", "sound_ms", "net_ms"), [("5", 269.06, 189.06), ("12", 549.06, 469.06)])
def test_avi_time_stamps_are_honoured(real_media, name, sound_ms, net_ms):
    """The same pictures and sound as the example, delayed by known amounts (see the README of the clips)."""
    example = media.load(real_media / "wild/edge/syncnet_example.avi")
    delayed = media.load(real_media / f"wild/edge/syncnetfcn_test_offset_{name}.avi")
    a, b = example.waveform[:64_000], delayed.waveform[:80_000]
    lag = np.fft.irfft(np.conj(np.fft.rfft(a, 2**18)) * np.fft.rfft(b, 2**18)).argmax() / 16_000
    sound = lag + delayed.audio_start - example.audio_start
    picture = np.median(delayed.frame_times - example.frame_times)
    assert 1000 * sound == pytest.approx(sound_ms, abs=0.1)
    assert 1000 * (sound - picture) == pytest.approx(net_ms, abs=0.1)


@pytest.mark.media
@pytest.mark.parametrize("pair", ["s1_bbaf2n.mpg s1/bbaf2n.mkv", "s27_bgiy5a.webm s27/bgiy5a.mkv"])
def test_originals_and_re_encoded_clips_share_a_clock(real_media, pair):
    original, encoded = (media.load(real_media / "grid" / p) for p in f"originals/{pair}".split())
    np.testing.assert_allclose(original.frame_times, encoded.frame_times, atol=1e-3)
    a, b = original.waveform, encoded.waveform
    lag = (
        np.fft.fftshift(np.fft.irfft(np.conj(np.fft.rfft(a, 2**17)) * np.fft.rfft(b, 2**17))).argmax() - 2**16
    )
    assert lag / 16_000 + encoded.audio_start - original.audio_start == pytest.approx(0, abs=6e-4)
