"""Files whose index leads astray, or tells what is lost: pictures and sound keep their own times."""

import warnings

import av
import numpy as np
import pytest
from flashbeep import find_beeps, read_number, render

from avsync import media, reader
from avsync.damage import Damage

OUTSIDE = b"\xff" * 4
"""A place that no small file has."""


def entries(path, kind):
    """Places of a stream's packets in the file, and their PTS in seconds, as they lie in it."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        packets = [p for p in container.demux(stream) if p.size]
        return [p.pos for p in packets], np.array([float(p.pts * p.time_base) for p in packets])


def misled(path, kind, first, last):
    """Lead a chunk that begins with one of these packets out of the file; the packet's number."""
    data = path.read_bytes()
    places, _ = entries(path, kind)
    tables = data.index(b"stco")
    for number in range(first, last):
        at = data.find(places[number].to_bytes(4, "big"), tables)
        if at >= 0:
            path.write_bytes(data[:at] + OUTSIDE + data[at + 4 :])
            return number
    raise AssertionError("no chunk begins here")


def read_with_words(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = media.load(path)
    return clip, "; ".join(str(w.message) for w in caught)


def windows_and_reads(path, step):
    """Times of the pictures by windows, and by single reads."""
    with warnings.catch_warnings(), media.open(path) as opened:
        warnings.simplefilter("ignore")
        windows = list(opened.windows(seconds=step, hop=step))
        reads = [opened.read(*w.interval) for w in windows]
    return [np.concatenate([part.frame_times for part in parts]) for parts in (windows, reads)]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_reading_goes_on_behind_a_picture_that_is_not_in_the_file(tmp_path, suffix):
    path = render(tmp_path / f"x.{suffix}").path
    _, times = entries(path, "video")
    lost = misled(path, "video", 14, 23)
    # What follows up to the next key frame refers to what is lost.
    want = np.sort(np.delete(times, np.arange(lost, 24)))
    clip, words = read_with_words(path)
    np.testing.assert_allclose(clip.frame_times, want, atol=1e-6)
    assert [read_number(f)[0] for f in clip.frames] == np.rint(want * 25).astype(int).tolist()
    last = times[lost - 1]
    assert f"reading was interrupted between {last:.3f} and 0.960 s: what lies there is lost" in words
    for times_read in windows_and_reads(path, 0.3):
        np.testing.assert_allclose(times_read, want, atol=1e-6)


def test_damage_of_the_sound_is_none_of_the_pictures(tmp_path):
    truth = render(tmp_path / "x.mp4", seconds=4.0)
    misled(truth.path, "audio", 60, 80)
    clip, words = read_with_words(truth.path)
    np.testing.assert_allclose(clip.frame_times, truth.frame_times, atol=1e-6)
    assert "reading was interrupted between 1." in words
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    nearest = np.abs(truth.beeps[:, None] - beeps[None]).min(axis=1)
    assert (nearest < 1e-3).sum() >= len(truth.beeps) - 1


def test_the_first_picture_is_not_in_the_file(tmp_path):
    path = render(tmp_path / "x.mp4").path
    misled(path, "video", 0, 1)
    clip, words = read_with_words(path)
    assert "reading was interrupted at 0.480 s: what lay before is lost" in words
    assert clip.frame_times[0] == pytest.approx(0.48)
    assert [read_number(f)[0] for f in clip.frames] == list(range(12, 60))


def test_a_truncated_table_ends_the_file(tmp_path):
    path = render(tmp_path / "x.mp4", options={"movflags": "+faststart"}).path
    places, times = entries(path, "video")
    path.write_bytes(path.read_bytes()[: places[30] + 1])
    clip, words = read_with_words(path)
    assert set(np.round(clip.frame_times, 3)) >= set(np.round(np.sort(times[:28]), 3))
    assert "the picture ends at 1.2" in words
    assert "interrupted" not in words


@pytest.mark.parametrize("lost", [[20], [20, 21], [31, 40], [59]])
@pytest.mark.parametrize("video", ["mpeg4", "mjpeg"])
def test_pictures_of_avi_behind_a_lost_one_keep_their_times(tmp_path, video, lost):
    form = "yuvj420p" if video == "mjpeg" else "yuv420p"
    path = render(tmp_path / "x.avi", video=video, audio="pcm_s16le", b_frames=0, pixel_format=form).path
    places, _ = entries(path, "video")
    data = bytearray(path.read_bytes())
    for number in lost:  # a chunk without its head is not found
        data[places[number] - 8 : places[number] - 4] = bytes(4)
    path.write_bytes(bytes(data))
    clip, words = read_with_words(path)
    want = np.delete(np.arange(60), lost)
    np.testing.assert_allclose(clip.frame_times, want / 25, atol=1e-9)
    if video == "mjpeg":
        assert [read_number(f)[0] for f in clip.frames] == want.tolist()
    ends = (
        f"between {lost[0] / 25:.3f} and {lost[-1] / 25:.3f} s" if len(lost) > 1 else f"{lost[0] / 25:.3f} s"
    )
    if lost == [59]:
        assert (
            "1 of 60 declared pictures are missing: the picture ends at 2.360 s instead of 2.400 s" in words
        )
    else:
        assert f"{len(lost)} pictures are missing" in words
        assert ends in words
    for times_read in windows_and_reads(path, 0.3):
        np.testing.assert_allclose(times_read, want / 25, atol=1e-9)


def test_a_lost_first_picture_of_avi_leaves_no_index(tmp_path):
    # The places of the index count from the first picture that FFmpeg finds.
    path = render(tmp_path / "x.avi", video="mjpeg", b_frames=0, pixel_format="yuvj420p", audio=None).path
    places, _ = entries(path, "video")
    data = bytearray(path.read_bytes())
    data[places[0] - 8 : places[0] - 4] = bytes(4)
    path.write_bytes(bytes(data))
    clip, words = read_with_words(path)
    assert [read_number(f)[0] for f in clip.frames] == list(range(1, 60))
    assert "1 of 60 declared pictures are missing: the picture ends at 2.360 s instead of 2.400 s" in words


def test_avi_without_its_index_says_where_it_ends(tmp_path):
    path = render(tmp_path / "x.avi", video="mpeg4", audio="pcm_s16le", b_frames=0).path
    places, _ = entries(path, "video")
    path.write_bytes(path.read_bytes()[: places[40] - 8])
    clip, words = read_with_words(path)
    np.testing.assert_allclose(clip.frame_times, np.arange(40) / 25, atol=1e-9)
    assert "20 of 60 declared pictures are missing: the picture ends at 1.600 s instead of 2.400 s" in words


def test_where_reading_broke_off_and_was_interrupted():
    damage = Damage()
    damage.interrupt(0.5, 0.75)
    damage.interrupt(1.0, 1.25)
    damage.break_off("Input/output error", 1.5)
    assert damage.words() == [
        "reading was interrupted 2 times between 0.500 and 1.250 s: what lies there is lost",
        "reading broke off after 1.500 s (Input/output error)",
    ]


def test_a_stream_without_decoder_is_told_with_its_time(tmp_path):
    path = render(tmp_path / "x.mp4").path
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    clip, words = read_with_words(path)
    assert len(clip.frame_times) == 0
    assert "stream 0 (video) has no decoder and is left out, from 0.000 s to its declared end at 2.4" in words


@pytest.mark.parametrize(
    ("suffix", "audio"),
    [("mp4", "aac"), ("mp4", "libmp3lame"), ("mp4", "ac3"), ("mp4", "libopus"), ("mp4", "flac"),
     ("mov", "pcm_s16le"), ("mov", "alac"), ("mov", "aac"), ("mkv", "aac"), ("mkv", "libmp3lame"),
     ("mkv", "ac3"), ("mkv", "flac"), ("webm", "libopus")],
)  # fmt: skip
def test_sound_opened_without_its_pictures_is_the_same(flash_and_beep, monkeypatch, suffix, audio):
    video = "libvpx-vp9" if suffix == "webm" else "libx264"
    truth = flash_and_beep(suffix, video=video, audio=audio, audio_start=0.3)
    quick = media.load(truth.path)
    monkeypatch.setattr(reader, "SOUND_ALONE", None)
    thorough = media.load(truth.path)
    assert quick.waveform.tobytes() == thorough.waveform.tobytes()
    assert quick.audio_start == thorough.audio_start
    for start, end in ((0.3, 0.9), (1.1, 2.0)):
        monkeypatch.undo()
        with media.open(truth.path) as opened:
            part = opened.read(start, end)
        monkeypatch.setattr(reader, "SOUND_ALONE", None)
        with media.open(truth.path) as opened:
            assert part.waveform.tobytes() == opened.read(start, end).waveform.tobytes()
