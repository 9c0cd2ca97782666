"""Shifting the sound by time stamps: measured by loading what was written."""

import contextlib
import os
import sys
import types
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from flashbeep import find_beeps, read_number, render

from avsync import media, remux
from avsync.errors import MediaError, UndeterminedError

NTSC = Fraction(30_000, 1001)


def lag_ms(path) -> tuple[float, list[int]]:
    """By how much the beeps come after their flashes, and the numbers of the pictures."""
    clip = media.load(path)
    seen = [read_number(f) for f in clip.frames]
    flashes = [clip.frame_times[i] for i, (_, flash) in enumerate(seen) if flash and not seen[i - 1][1]]
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    lags = [min((b - f for b in beeps), key=abs) for f in flashes]
    return 1000 * float(np.mean(lags)), [n for n, _ in seen]


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


def rich_clip(path, rotation=90):
    """Two sound tracks, subtitles, chapters, tags and a rotation."""
    plain = render(path.with_suffix(".plain.mp4"), rotation=rotation).path
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(s) for s in (*source.streams, source.streams.audio[0])]
        streams[2].metadata["language"] = "deu"
        text = out.add_mux_stream("mov_text" if path.suffix == ".mp4" else "subrip")
        text.metadata["language"] = "fra"
        out.metadata["title"] = "Truth"
        tick = Fraction(1, 1000)
        out.set_chapters(
            [
                {"id": 1, "start": 0, "end": 900, "time_base": tick, "metadata": {"title": "One"}},
                {"id": 2, "start": 900, "end": 2000, "time_base": tick, "metadata": {"title": "Two"}},
            ]
        )
        for packet in source.demux():
            if not packet.size:
                continue
            copies = [streams[packet.stream.index]] + ([streams[2]] if packet.stream.type == "audio" else [])
            for stream in copies:
                packet.stream = stream
                out.mux(packet)
        line = b"flash"
        caption = av.Packet(len(line).to_bytes(2, "big") + line if path.suffix == ".mp4" else line)
        caption.stream, caption.time_base = text, Fraction(1, 1000)
        caption.pts = caption.dts = 600
        caption.duration = 400
        out.mux(caption)
    return path


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


@pytest.mark.parametrize("audio", ["pcm_s16le", "libmp3lame"])
def test_avi_cannot_hold_a_shift(tmp_path, flash_and_beep, audio):
    source = flash_and_beep("avi", video="mpeg4", audio=audio, b_frames=0).path
    with pytest.raises(MediaError, match=r"\.avi cannot hold the shift.*\.mkv or \.mp4"):
        remux.shift_audio(source, tmp_path / "out.avi", 118.4)
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(MediaError, match="at most a day"):
        remux.shift_audio(flash_and_beep("mp4").path, tmp_path / "out.mp4", shift)
    assert list(tmp_path.iterdir()) == []


# --- correct: the measurement is replaced by one that reads flashes and beeps ---


@pytest.fixture
def measured(monkeypatch):
    """Stand-in for `avsync.offset`: flash and beep instead of lips and speech. Returns the list of calls."""
    calls = []

    def detect_offset(source, *, max_offset_ms=1000.0):
        calls.append(str(source))
        if "silent" in str(source):
            return types.SimpleNamespace(ms=None, reason="no_speech")
        return types.SimpleNamespace(ms=-lag_ms(source)[0], reason=None)

    monkeypatch.setitem(sys.modules, "avsync.offset", types.SimpleNamespace(detect_offset=detect_offset))
    return calls


def leading_clip(path, lead_ms=120.0):
    remux.shift_audio(render(path.with_name("sync.mp4")).path, path, -lead_ms)
    return path


def test_correct_measures_repairs_and_measures_again(tmp_path, measured):
    source, out = leading_clip(tmp_path / "talk.mp4"), tmp_path / "fixed.mp4"
    fix = remux.correct(source, out)
    assert (fix.source, fix.output, fix.method, fix.reencoded) == (str(source), str(out), "container", False)
    assert fix.before_ms == pytest.approx(120, abs=1)
    assert fix.after_ms == pytest.approx(0, abs=1)
    assert measured == [str(source), str(out)]


def test_correct_with_a_known_offset_measures_only_afterwards(tmp_path, measured):
    source, out = leading_clip(tmp_path / "talk.mp4"), tmp_path / "fixed.mp4"
    fix = remux.correct(source, out, offset_ms=100.0)
    assert (fix.before_ms, fix.after_ms) == (100.0, pytest.approx(20, abs=1))
    assert measured == [str(out)]


def test_a_failing_second_measurement_keeps_the_file(tmp_path, measured, monkeypatch):
    def fail(source):
        raise MediaError("no weights")

    monkeypatch.setattr(sys.modules["avsync.offset"], "detect_offset", fail)
    source = leading_clip(tmp_path / "talk.mp4")
    with pytest.warns(UserWarning, match="cannot be measured: no weights"):
        fix = remux.correct(source, tmp_path / "fixed.mp4", offset_ms=120.0)
    assert fix.after_ms is None
    assert lag_ms(tmp_path / "fixed.mp4")[0] == pytest.approx(0, abs=1)


def test_dry_run_writes_nothing(tmp_path, measured):
    source = leading_clip(tmp_path / "talk.mp4")
    fix = remux.correct(source, tmp_path / "fixed.mp4", dry_run=True)
    assert (fix.dry_run, fix.after_ms) == (True, None)
    assert fix.before_ms == pytest.approx(120, abs=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sync.mp4", "talk.mp4"]
    (tmp_path / "fixed.mp4").write_text("mine")
    assert (
        remux.correct(source, tmp_path / "fixed.mp4", dry_run=True, overwrite=True).before_ms == fix.before_ms
    )
    assert (tmp_path / "fixed.mp4").read_text() == "mine"


@pytest.mark.parametrize("name", ["out.avi", "out.webm", "out.xyz"])
def test_a_dry_run_refuses_the_container_that_the_real_run_would(tmp_path, flash_and_beep, name):
    source = flash_and_beep("mp4").path
    said = []
    for dry_run in (True, False):
        with pytest.raises(MediaError) as caught:
            remux.correct(source, tmp_path / name, offset_ms=118.4, dry_run=dry_run)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert list(tmp_path.iterdir()) == []


def test_undetermined_changes_nothing(tmp_path, measured):
    source = render(tmp_path / "silent.mp4", seconds=1.2).path
    with pytest.raises(UndeterminedError, match="undetermined") as caught:
        remux.correct(source, tmp_path / "fixed.mp4")
    assert caught.value.reason == "no_speech"
    assert list(tmp_path.iterdir()) == [source]
    fix = remux.correct(source, tmp_path / "silent_fixed.mp4", offset_ms=40.0)
    assert fix.after_ms is None


def test_correct_refuses_before_it_measures(tmp_path, measured):
    source = render(tmp_path / "x.mp4", seconds=1.2).path
    (tmp_path / "there.mp4").touch()
    refused = {
        "x.mp4": "input itself",
        "there.mp4": "exists",
        "no/x.mp4": "does not exist",
        ".": "is a folder",
    }
    for name, reason in refused.items():
        for dry_run in (False, True):
            with pytest.raises(MediaError, match=reason):
                remux.correct(source, tmp_path / name, dry_run=dry_run)
    assert measured == []


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
