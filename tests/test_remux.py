"""Shifting the sound by time stamps: measured by loading what was written."""

import contextlib
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from flashbeep import find_beeps, read_number, render
from shifts import lag_ms, rich_clip

from avsync import media, remux
from avsync.errors import ConfigError, MediaError
from avsync.streams import probe

NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize("shift", [118.4, -200.3])
@pytest.mark.parametrize(
    ("suffix", "video", "audio", "targets"),
    [
        ("mp4", "libx264", "aac", "mp4 mov mkv"),
        ("mov", "libx264", "pcm_s16le", "mov mkv"),
        ("mkv", "libx264", "flac", "mkv mp4"),
        ("webm", "libvpx-vp9", "libopus", "webm mp4 mkv"),
        ("ts", "libx264", "aac", "ts mp4"),
        ("mpg", "mpeg1video", "mp2", "mpg mkv"),
        ("avi", "mpeg4", "libmp3lame", "mp4 mkv"),
        ("flv", "libx264", "aac", "flv mp4"),
    ],
    ids=lambda v: str(v).replace(" ", "-"),
)
def test_the_sound_moves_by_the_shift(tmp_path, flash_and_beep, suffix, video, audio, targets, shift):
    b_frames = 0 if suffix == "avi" else 2
    source = flash_and_beep(suffix, video=video, audio=audio, b_frames=b_frames, rate=NTSC).path
    before, pictures = lag_ms(source)
    for target in targets.split():
        out = tmp_path / f"out.{target}"
        remux.shift_audio(source, out, shift)
        after, same_pictures = lag_ms(out)
        assert after - before == pytest.approx(shift, abs=1.0), target
        assert same_pictures == pictures, target
        assert len(media.load(out).waveform) >= len(media.load(source).waveform) - 1, "sound was cut"


@pytest.mark.parametrize(("suffix", "audio"), [("mkv", "flac"), ("mp4", "aac")])
def test_pictures_without_start_codes_are_written_into_avi(tmp_path, flash_and_beep, suffix, audio):
    source = flash_and_beep(suffix, audio=audio, b_frames=0, rate=NTSC).path
    before, pictures = lag_ms(source)
    out = tmp_path / "out.avi"
    remux.shift_audio(source, out, -120.0)
    after, same_pictures = lag_ms(out)
    assert not [told for told in probe(out).warnings if "damaged" in told]
    assert after - before == pytest.approx(-120.0, abs=1.0)
    assert same_pictures == pictures


def test_every_packet_is_copied(tmp_path, flash_and_beep):
    source, out = flash_and_beep("mp4").path, tmp_path / "out.mp4"
    remux.shift_audio(source, out, -350.0)

    def packets(path, kind):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(**{kind: 0}) if p.size]

    for kind in ("video", "audio"):
        assert packets(out, kind) == packets(source, kind)


def test_reordered_pictures_of_avi_get_their_places(tmp_path):
    # AVI holds no PTS; H.264 with B-frames comes out of the demuxer with those of the storage order.
    source = render(tmp_path / "x.avi", video="libx264", audio="pcm_s16le").path
    before, pictures = lag_ms(source)
    assert pictures == list(range(60))
    for suffix in ("mp4", "mkv"):
        out = tmp_path / f"out.{suffix}"
        remux.shift_audio(source, out, 100.0)
        after, same_pictures = lag_ms(out)
        assert same_pictures == pictures
        assert after - before == pytest.approx(100, abs=1)
        clip = media.load(out)
        np.testing.assert_allclose(np.diff(clip.frame_times), 0.04, atol=1e-6)
        assert read_number(clip.frames[47])[0] == 47


def test_there_and_back_again(tmp_path, flash_and_beep):
    source = flash_and_beep("mp4", rate=NTSC).path
    remux.shift_audio(source, tmp_path / "there.mp4", -317.0)
    remux.shift_audio(tmp_path / "there.mp4", tmp_path / "back.mp4", 317.0)
    assert lag_ms(tmp_path / "back.mp4")[0] == pytest.approx(lag_ms(source)[0], abs=0.1)


def test_shift_beyond_the_length(tmp_path, flash_and_beep):
    source = flash_and_beep("mp4").path
    remux.shift_audio(source, tmp_path / "late.mp4", 12_000.0)
    clip, original = media.load(tmp_path / "late.mp4"), media.load(source)
    assert clip.audio_start - original.audio_start == pytest.approx(12.0 - 1024 / 48_000, abs=1e-3)
    assert clip.frame_times[0] == original.frame_times[0]


def test_the_same_input_gives_the_same_bytes(tmp_path, flash_and_beep):
    for suffix in ("mp4", "mkv"):
        for name in ("one", "two"):
            remux.shift_audio(flash_and_beep("mp4").path, tmp_path / f"{name}.{suffix}", 40.0)
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def two_tracks(path, chosen_starts, other_starts):
    """A picture and two sound tracks that start at their own times; the first is the one that is measured."""
    picture = render(path.with_name("picture.mkv"), audio=None, b_frames=0).path
    sound = render(path.with_name("sound.mkv"), video=None, audio="flac").path
    with contextlib.ExitStack() as stack:
        inputs = [stack.enter_context(av.open(str(name))) for name in (picture, sound, sound)]
        out = stack.enter_context(av.open(str(path), "w"))
        copies = [out.add_stream_from_template(one.streams[0]) for one in inputs]
        copies[1].disposition, copies[2].disposition = Disposition.default, Disposition(0)
        for one, copy, start in zip(inputs, copies, (0, chosen_starts, other_starts), strict=True):
            for packet in one.demux():
                if packet.size:
                    packet.pts += round(start / packet.time_base)
                    packet.dts += round(start / packet.time_base)
                    packet.stream = copy
                    out.mux(packet)
    return path


def starts(path) -> list[float]:
    """Seconds at which each of three streams starts: its first picture, or its first audible sample."""
    found = []
    for index in range(3):
        with av.open(str(path)) as container:
            frame = next(container.decode(container.streams[index]))
            found.append(float(frame.pts * frame.time_base))
    return found


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("chosen", [Fraction(0), Fraction(1, 5), Fraction(2, 5)])
def test_the_earliest_sound_track_decides_how_far_all_move(tmp_path, suffix, chosen):
    source, out = two_tracks(tmp_path / "in.mkv", chosen, Fraction(1, 10)), tmp_path / f"out.{suffix}"
    assert media.probe(source).audio == 1
    remux.shift_audio(source, out, -300.0)
    lift = max(0.3 - float(chosen), 0.2)
    picture, *sounds = starts(source)
    assert starts(out) == pytest.approx([picture + lift, *(t - 0.3 + lift for t in sounds)], abs=2e-3)
    assert min(starts(out)[1:]) == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_everything_else_is_kept(tmp_path, suffix):
    source = rich_clip(tmp_path / f"rich.{suffix}")
    out = tmp_path / f"out.{suffix}"
    remux.shift_audio(source, out, -300.0)
    times = {}
    for path in (source, out):
        with av.open(str(path)) as container:
            assert [s.type for s in container.streams][:4] == ["video", "audio", "audio", "subtitle"]
            assert [s.language for s in container.streams][2:4] == ["deu", "fra"]
            assert container.metadata["title"] == "Truth"
            first, second = container.chapters()
            assert (first["metadata"]["title"], second["metadata"]["title"]) == ("One", "Two")
            captions = [p.pts * p.time_base for p in container.demux(subtitles=0) if p.size and p.size > 2]
            times[path] = (captions[0], second["start"] * second["time_base"])
    clip = media.load(out)
    moved = clip.frame_times[0] - media.load(source).frame_times[0]
    assert moved == pytest.approx(0.3, abs=0.03)
    assert float(times[out][0] - times[source][0]) == pytest.approx(moved, abs=2e-3)
    assert float(times[out][1] - times[source][1]) == pytest.approx(moved, abs=0.03)
    assert clip.frames[0].shape == (128, 64, 3)
    assert lag_ms_turned(out) - lag_ms_turned(source) == pytest.approx(-300, abs=1)


def lag_ms_turned(path):
    """As `lag_ms` for a picture turned by 90 degrees: the flash half is now on the left."""
    clip = media.load(path)
    bright = np.array([np.rot90(f, -1)[4:28].mean() > 128 for f in clip.frames])
    first = clip.frame_times[np.flatnonzero(bright[1:] & ~bright[:-1]) + 1]
    return 1000 * float(np.mean(find_beeps(clip.waveform, 16_000, clip.audio_start) - first))


def test_a_stream_that_the_container_cannot_hold_is_reported(tmp_path):
    source = rich_clip(tmp_path / "rich.mp4")
    with pytest.warns(UserWarning, match=r"subtitle stream 3 \(mov_text\) is left out"):
        remux.shift_audio(source, tmp_path / "out.mkv", 100.0)
    with pytest.raises(MediaError, match=r"\.webm cannot hold the video stream \(h264\)"):
        remux.shift_audio(source, tmp_path / "out.webm", 100.0)
    assert not (tmp_path / "out.webm").exists()


# --- refusals: the message, and nothing left behind ---


def test_the_input_is_never_the_output(tmp_path, monkeypatch):
    source = render(tmp_path / "x.mp4", seconds=1.2).path
    before = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    monkeypatch.chdir(tmp_path)
    for name in ("x.mp4", "./x.mp4", str(source), f"../{tmp_path.name}/x.mp4", "link.mp4", "hard.mp4"):
        with pytest.raises(MediaError, match="is the input itself"):
            remux.shift_audio(source, name, 100.0, overwrite=True)
    assert source.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_bad_targets(tmp_path, flash_and_beep):
    source = flash_and_beep("mp4").path
    (tmp_path / "there.mp4").write_text("mine")
    for name, reason in {
        "there.mp4": "exists",
        "no/folder/x.mp4": "folder .* does not exist",
        "x.xyz": "no container is known",
        "x": "no container is known",
    }.items():
        with pytest.raises(MediaError, match=reason):
            remux.shift_audio(source, tmp_path / name, 100.0)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("there.mp4", "mine")]
    remux.shift_audio(source, tmp_path / "there.mp4", 100.0, overwrite=True)
    assert media.load(tmp_path / "there.mp4").has_audio


@pytest.mark.parametrize("missing", ["video", "audio"])
def test_both_streams_are_needed(tmp_path, missing):
    source = render(tmp_path / "x.mp4", seconds=1.2, **{missing: None}).path
    with pytest.raises(MediaError, match=f"has no {missing} stream"):
        remux.shift_audio(source, tmp_path / "out.mp4", 100.0)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("shift", [float("nan"), float("-inf"), 1e12])
def test_nonsense_shift(tmp_path, flash_and_beep, shift):
    with pytest.raises(ConfigError, match="at most a day"):
        remux.shift_audio(flash_and_beep("mp4").path, tmp_path / "out.mp4", shift)
    assert list(tmp_path.iterdir()) == []


# --- real clips ---


@pytest.mark.media
@pytest.mark.parametrize("shift", [211.0, -317.0])
@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("grid/s1/bbaf2n.mkv", "mkv"),
        ("grid/originals/s1_bbaf2n.mpg", "mp4"),
        ("grid/originals/s11_bwaf7a.webm", "webm"),
        ("wild/edge/vfr_P17.mp4", "mp4"),
        ("wild/edge/two_speakers.mp4", "mkv"),
        ("wild/edge/webm_no_duration.webm", "mkv"),
        ("wild/P39_1.avi", "mp4"),
    ],
)
def test_real_clips_move_by_the_shift(tmp_path, real_media, name, suffix, shift):
    out = tmp_path / f"out.{suffix}"
    remux.shift_audio(real_media / name, out, shift)
    a, b = media.load(real_media / name), media.load(out)
    assert len(a.frame_times) == len(b.frame_times)
    size = 2**19
    lag = np.fft.irfft(np.conj(np.fft.rfft(a.waveform, size)) * np.fft.rfft(b.waveform, size)).argmax()
    lag = lag - size if lag > size // 2 else lag
    sound = lag / 16_000 + b.audio_start - a.audio_start
    picture = np.median(b.frame_times - a.frame_times)
    assert 1000 * (sound - picture) == pytest.approx(shift, abs=1.0)
