"""Windows and intervals are slices of the whole: the same pictures, times and samples."""

import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import av.logging
import numpy as np
import pytest
from flashbeep import find_beeps, read_number, render, two_of_each, variable_times
from long_file import repeat

from avsync import inputs, media
from avsync.errors import ConfigError, MediaError
from avsync.pictures import Converter

NTSC = Fraction(30_000, 1001)
FILES = [
    ("mp4", "libx264", "aac"),
    ("mov", "libx264", "pcm_s16le"),
    ("mkv", "libx264", "flac"),
    ("webm", "libvpx-vp9", "libopus"),
    ("ts", "libx264", "aac"),
    ("mpg", "mpeg2video", "mp2"),
    ("flv", "libx264", "libmp3lame"),
    ("avi", "mpeg4", "libmp3lame"),
    ("avi", "libx264", "pcm_s16le"),
]


def check_part(part: media.Clip, whole: media.Clip, tolerance: float = 1e-4) -> None:
    """A part holds the pictures and the sound of its interval, at the places that they have in the whole."""
    start, end = part.interval
    inside = np.flatnonzero((whole.frame_times >= start) & (whole.frame_times < end))
    np.testing.assert_array_equal(part.frame_times, whole.frame_times[inside])
    assert len(part.frames) == len(inside)
    for image, index in zip(part.frames, inside, strict=True):
        assert read_number(image)[0] == index % 256
    rate = part.sample_rate
    heard = whole.audio_start + np.arange(len(whole.waveform)) / rate
    count = int(((heard >= start) & (heard < end)).sum())
    assert abs(len(part.waveform) - count) <= 1
    if count > 1:
        assert start - 1e-9 <= part.audio_start < heard[heard >= start][0] + 1 / rate
        beeps = find_beeps(whole.waveform, rate, whole.audio_start)
        clear = beeps[(beeps > start + 0.05) & (beeps < min(end, heard[-1]) - 0.05)]
        if len(clear):
            found = find_beeps(part.waveform, rate, part.audio_start)
            nearest = found[np.abs(found[None] - clear[:, None]).argmin(axis=1)]
            np.testing.assert_allclose(nearest, clear, atol=tolerance)


@pytest.mark.parametrize(("suffix", "video", "audio"), FILES, ids=lambda c: c)
@pytest.mark.parametrize(("seconds", "hop"), [(1.0, 1.0), (2.0, 1.0), (0.5, 0.8)])
def test_windows_are_slices_of_the_whole(flash_and_beep, suffix, video, audio, seconds, hop):
    b_frames = 0 if (suffix, video) == ("avi", "mpeg4") else 2
    path = flash_and_beep(suffix, video=video, audio=audio, seconds=4.0, rate=NTSC, b_frames=b_frames).path
    whole = media.load(path)
    with media.open(path) as reader:
        windows = list(reader.windows(seconds=seconds, hop=hop))
        assert reader.start == min(whole.frame_times[0], whole.audio_start)
    for number, window in enumerate(windows):
        assert window.interval == pytest.approx(
            (reader.start + number * hop, reader.start + number * hop + seconds)
        )
        check_part(window, whole)
    end = max(whole.frame_times[-1], whole.audio_start + (len(whole.waveform) - 1) / whole.sample_rate)
    assert windows[-1].interval[1] - hop <= end < windows[-1].interval[1] + max(hop - seconds, 0)
    if seconds == hop:  # nothing is lost or doubled between windows
        np.testing.assert_array_equal(np.concatenate([w.frame_times for w in windows]), whole.frame_times)
        np.testing.assert_array_equal(np.concatenate([w.waveform for w in windows]), whole.waveform)


@pytest.mark.parametrize(("suffix", "video", "audio"), FILES, ids=lambda c: c)
def test_any_interval_is_a_slice_of_the_whole(flash_and_beep, suffix, video, audio):
    b_frames = 0 if (suffix, video) == ("avi", "mpeg4") else 2
    path = flash_and_beep(suffix, video=video, audio=audio, seconds=8.0, rate=NTSC, b_frames=b_frames).path
    whole = media.load(path)
    random = np.random.default_rng(0)
    with media.open(path) as reader:
        for start in [*random.uniform(reader.start - 0.3, reader.start + whole.duration, 8), reader.start]:
            check_part(reader.read(start, start + random.uniform(0.1, 2.5)), whole, 2e-4)
        late = list(reader.windows(seconds=1.0, hop=0.5, start=reader.start + 3.2, end=reader.start + 5.0))
    assert [w.interval[1] - reader.start for w in late] == pytest.approx([4.2, 4.7, 5.0])
    for window in late:
        check_part(window, whole, 2e-4)


def test_a_part_that_begins_in_the_first_packets_stands_on_the_grid_of_the_whole(tmp_path):
    """Of 48 kHz every third sample is one of 16 kHz; packets of AAC begin anywhere between."""
    path = render(tmp_path / "x.mp4", seconds=3.0, sample_rate=48_000).path
    whole = media.load(path)
    with media.open(path) as reader:
        for start in reader.start + np.arange(1.0, 1.12, 0.004):
            part = reader.read(start, start + 0.9)
            first = round((part.audio_start - whole.audio_start) * 16_000)
            same = whole.waveform[first : first + len(part.waveform)]
            assert np.abs(part.waveform - same)[800:].max() < 5e-3


def test_frames_at_the_border_belong_to_the_later_window(flash_and_beep):
    with media.open(flash_and_beep("mov", audio="pcm_s16le").path) as reader:
        part = reader.read(0.4, 0.8)
        np.testing.assert_allclose(part.frame_times, np.arange(10, 20) / 25)
        assert (part.audio_start, len(part.waveform)) == (pytest.approx(0.4), 6400)
        assert len(reader.read(0.401, 0.439).frames) == 0


def test_a_part_without_anything_is_empty(flash_and_beep):
    with media.open(flash_and_beep("mp4").path) as reader:
        for start in (-5.0, 60.0):
            part = reader.read(start, start + 1)
            assert (len(part.frames), len(part.waveform), part.interval) == (0, 0, (start, start + 1))


def test_passes_do_not_disturb_each_other(flash_and_beep):
    path = flash_and_beep("mp4", seconds=4.0).path
    whole = media.load(path)
    with media.open(path) as reader:
        one, two = reader.windows(seconds=1.0), reader.windows(seconds=1.0, start=1.5)
        for a, b in zip(one, two, strict=False):
            check_part(a, whole)
            check_part(b, whole, 2e-4)
            check_part(reader.read(2.2, 2.9), whole, 2e-4)


def test_variable_rate_in_windows(flash_and_beep):
    path = flash_and_beep("mkv", rate=None, frame_times=tuple(variable_times(2.4)), audio="flac").path
    whole = media.load(path)
    with media.open(path) as reader:
        for window in reader.windows(seconds=0.7, hop=0.3):
            check_part(window, whole)


def test_a_jump_of_hours_is_stepped_over(tmp_path):
    times = [Fraction(i, 25) for i in range(50)] + [7200 + Fraction(i, 25) for i in range(50)]
    path = render(tmp_path / "x.mkv", frame_times=times, audio=None, b_frames=0, rate=None).path
    with (
        media.open(path) as reader,
        pytest.warns(UserWarning, match=r"no new picture for 7198\.\d s after 1\.96"),
    ):
        windows = list(reader.windows(seconds=2.0, hop=1.0))
    assert sum(len(w.frames) for w in windows) >= 100
    assert len(windows) < 8
    assert {int(t) for w in windows for t in w.frame_times} == {0, 1, 7200, 7201}


def test_a_file_that_holds_all_pictures_before_the_sound(tmp_path):
    plain = render(tmp_path / "x.mkv", seconds=6.0, audio="flac").path
    with (
        av.open(str(plain)) as source,
        av.open(str(tmp_path / "y.mkv"), "w", container_options={"max_interleave_delta": "1"}) as out,
    ):
        streams = [out.add_stream_from_template(s) for s in source.streams]
        packets = sorted((p for p in source.demux() if p.size), key=lambda p: p.stream.index)
        for packet in packets:
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    whole = media.load(tmp_path / "y.mkv")
    assert len(whole.frame_times) == 150
    with media.open(tmp_path / "y.mkv") as reader:
        for window in reader.windows(seconds=1.0):
            check_part(window, whole)
        check_part(reader.read(3.1, 4.6), whole, 2e-4)


# --- choices ---


def test_streams_can_be_chosen(tmp_path):
    path = two_of_each(tmp_path / "x.mkv")
    chosen = media.load(path, video_stream=2, audio_stream=3)
    assert (chosen.info.video, chosen.info.audio) == (2, 3)
    assert chosen.audio_start - media.load(path).audio_start == pytest.approx(0.1, abs=2e-3)
    assert chosen.info.streams[2].codec == "mpeg4"
    assert read_number(chosen.frames[7])[0] == 7
    with media.open(path, video_stream=2, audio_stream=3) as reader:
        check_part(reader.read(0.5, 1.5), chosen, 2e-4)
    for how, reason in [
        ({"audio_stream": 0}, r"stream 0 is no audio \(streams: 0 video h264, 1 audio flac"),
        ({"video_stream": 9}, r"stream 9 is no video .*Choose one of \[0, 2\]"),
    ]:
        with pytest.raises(MediaError, match=reason):
            media.open(path, **how)


def test_sound_from_another_file(tmp_path, flash_and_beep):
    video = flash_and_beep("mp4", audio_start=0.4).path
    sound = render(
        tmp_path / "sound.wav",
        video=None,
        audio="pcm_s16le",
        frame_times=[Fraction(i, 25) for i in range(60)],
    ).path
    clip = media.load(video, audio=sound)
    np.testing.assert_array_equal(clip.waveform, media.load(sound).waveform)
    np.testing.assert_array_equal(clip.frame_times, media.load(video).frame_times)
    assert clip.info.audio is None
    with media.open(video, audio=sound) as reader:
        assert reader.audio_info.source == str(sound)
        check_part(reader.read(0.3, 1.6), clip)
    with pytest.raises(MediaError, match=r"has no sound that can be decoded .*Give another sound file"):
        media.open(video, audio=flash_and_beep("mp4", audio=None).path)
    with pytest.raises(MediaError, match=r"nowhere\.wav does not exist"):
        media.open(video, audio=tmp_path / "nowhere.wav")


def test_a_file_in_memory(flash_and_beep):
    path = flash_and_beep("mp4").path
    whole, held = media.load(path), media.load(path.read_bytes())
    assert held.source == "a file in memory"
    np.testing.assert_array_equal(held.waveform, whole.waveform)
    np.testing.assert_array_equal(held.frames[31], whole.frames[31])
    with media.open(path.read_bytes()) as reader:
        check_part(reader.read(0.5, 1.2), whole, 2e-4)
    with pytest.raises(MediaError, match="a file in memory is empty"):
        media.open(b"")
    with pytest.raises(MediaError, match="a file in memory cannot be read as media"):
        media.load(b"no film" * 100)


def test_grey_and_scaled(flash_and_beep):
    path = flash_and_beep("mp4", rotation=90).path
    for clip in (
        media.load(path, pixel_format="gray", height=64),
        next(media.open(path, pixel_format="gray", height=64).windows()),
    ):
        assert clip.frames[3].shape == (64, 32)
    colour = media.load(path, height=64).frames
    assert (colour.height, colour.width) == (64, 32)
    assert colour[3].shape == (64, 32, 3)


def test_settings_out_of_range(flash_and_beep):
    path = flash_and_beep("mp4").path
    with pytest.raises(ConfigError, match="height is 0"):
        media.open(path, height=0)
    with pytest.raises(ConfigError, match=r"44100\.5 is no whole number"):
        media.load(path, sample_rate=44_100.5)
    with pytest.raises(ConfigError, match="too high"):
        media.load(path, sample_rate=10**6)
    with media.open(path) as reader:
        for seconds, hop in ((0, 1), (1, 0), (float("nan"), 1), (1, float("inf"))):
            with pytest.raises(ConfigError, match="Give more than 0"):
                reader.windows(seconds=seconds, hop=hop)
        for start, end in ((1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))):
            with pytest.raises(ConfigError, match="is empty"):
                reader.read(start, end)


# --- damage and ends ---


def scratched(path):
    """A film with noise over some of its pictures."""
    path = render(path, seconds=4.0, video="mpeg2video", audio="mp2").path
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for place in random.integers(len(data) // 3, 2 * len(data) // 3, 40):
        data[place : place + 8] = random.bytes(8)
    path.write_bytes(bytes(data))
    return path


def test_every_way_to_read_warns_of_damage(tmp_path):
    path = scratched(tmp_path / "x.mkv")
    with media.open(path) as reader:
        for read in (
            lambda: media.load(path),
            lambda: list(reader.windows(seconds=1.0)),
            lambda: reader.read(1.0, 3.5),
            lambda: reader.read(-1.0, 3.5),
        ):
            with pytest.warns(UserWarning, match=r"x\.mkv is damaged or truncated: .* \d\.\d+"):
                read()
        windows = reader.windows(seconds=3.0)
        next(windows)
        with pytest.warns(UserWarning, match="is damaged or truncated"):
            windows.close()


def test_ffmpegs_log_is_left_as_it_was(tmp_path):
    path = scratched(tmp_path / "x.mkv")
    for level in (None, av.logging.ERROR):
        av.logging.set_level(level)
        av.logging.set_skip_repeated(True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                media.load(path)
                media.probe(path)
            assert (av.logging.get_level(), av.logging.get_skip_repeated()) == (level, True)
        finally:
            av.logging.set_level(None)


@pytest.mark.timeout(60)
def test_one_reader_in_several_threads(flash_and_beep):
    path = flash_and_beep("mp4", seconds=8.0).path
    whole = media.load(path)
    with media.open(path) as reader, ThreadPoolExecutor(4) as pool:
        for part in pool.map(lambda k: reader.read(0.37 * k, 0.37 * k + 0.9), range(20)):
            check_part(part, whole, 2e-4)


def test_pictures_between_windows_are_not_kept(flash_and_beep, monkeypatch):
    path = flash_and_beep("mp4", seconds=8.0).path
    made = []
    convert = Converter.__call__
    monkeypatch.setattr(Converter, "__call__", lambda self, frame: made.append(1) or convert(self, frame))
    with media.open(path) as reader:
        windows = list(reader.windows(seconds=0.2, hop=3.0))
    assert [len(w.frames) for w in windows] == [5, 5, 5]
    assert len(made) <= 15 + 3  # one ahead of each window


def test_the_first_picture_decides_the_size_wherever_reading_begins(tmp_path):
    large = render(tmp_path / "a.ts", audio=None, size=(256, 128)).path
    small = render(tmp_path / "b.ts", audio=None, clock=3).path
    path = tmp_path / "both.ts"
    path.write_bytes(large.read_bytes() + small.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the counters of the two parts do not fit
        late_first, early = media.open(path), media.open(path)
        start = early.start
        sizes = [
            part.frames[0].shape
            for part in (
                late_first.read(start + 3.2, start + 3.6),
                late_first.read(start, start + 0.5),
                early.read(start, start + 0.5),
            )
        ]
    assert sizes == [(128, 256, 3)] * 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match=r"pipe\.mp4 is a pipe or device"):
        media.load(tmp_path / "pipe.mp4")


def test_what_is_lost_is_said_with_its_place(tmp_path):
    path = render(tmp_path / "x.mkv", seconds=4.0, audio="flac", video="mpeg4", b_frames=0).path
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    for read in (media.load, lambda name: list(media.open(name).windows(seconds=1.0))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read(path)
        assert [str(w.message) for w in caught if "the file ends at" in str(w.message)]


def test_a_closed_reader_leaves_no_thread_and_opens_again(flash_and_beep):
    import threading

    path = flash_and_beep("mp4", seconds=4.0).path
    with media.open(path) as reader:
        next(iter(reader.windows(seconds=0.5)))
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith("avsync-decode")]
    assert len(reader.read(0.5, 1.0).frames) == 12  # 0.52 to 0.96 in steps of 0.04


def test_seeking_does_not_read_from_the_start(tmp_path, monkeypatch):
    """The end of a long file is reached by its index, in every container that has one."""
    for suffix in ("mp4", "mkv", "ts"):
        path = repeat(tmp_path / f"long.{suffix}", 5)
        decoded = []
        decode = inputs.decode

        def counted(*args, decode=decode, decoded=decoded):
            for frame in decode(*args):
                decoded.append(frame)
                yield frame

        monkeypatch.setattr(inputs, "decode", counted)
        with media.open(path) as reader:
            part = reader.read(reader.start + 290.0, reader.start + 290.5)
        monkeypatch.undo()
        assert len(part.frames) in (12, 13)
        assert read_number(part.frames[0])[0] in range((50 * 25) % 256 - 2, (50 * 25) % 256 + 3)
        assert len(decoded) < 900, suffix


def test_streams_without_time_stamps_are_counted_from_their_start(tmp_path):
    """A bare MP3 has no times: after a seek FFmpeg would guess them from the bit rate."""
    path = render(
        tmp_path / "x.mp3",
        video=None,
        audio="libmp3lame",
        seconds=20.0,
        frame_times=[Fraction(i, 25) for i in range(500)],
    ).path
    whole = media.load(path)
    with media.open(path) as reader:
        check_part(reader.read(15.0, 17.0), whole)
