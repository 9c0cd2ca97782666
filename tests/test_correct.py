"""`correct`: measured, written by the cheapest method that holds, and measured again.

The measurement by lips is replaced by one that reads flashes and beeps.
"""

import sys
import types
import warnings

import av
import lines
import numpy as np
import pytest
from flashbeep import render
from shifts import flashes_and_lags, lag_ms, packet_seconds, payload, rich_clip

from avsync import media, remux
from avsync.errors import ConfigError, MediaError, UndeterminedError


@pytest.fixture
def measured(monkeypatch):
    """Stand-in for `avsync.offset`: flash and beep instead of lips and speech. Returns the list of calls."""
    calls = []

    def detect_offset(source, *, whole, max_offset_ms=None):
        calls.append(str(source))
        if "silent" in str(source):
            return types.SimpleNamespace(ms=None, reason="no_speech", line=None)
        return types.SimpleNamespace(ms=-lag_ms(source)[0], reason=None, line=None)

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
    assert fix.measured_by == "lips"
    assert fix.moved_ms == pytest.approx(fix.before_ms, abs=0.1)
    assert fix.residual_ms == pytest.approx(0, abs=0.1)
    assert measured == [str(source), str(out)]


def test_correct_with_a_known_offset_measures_only_afterwards(tmp_path, measured):
    source, out = leading_clip(tmp_path / "talk.mp4"), tmp_path / "fixed.mp4"
    fix = remux.correct(source, out, offset_ms=100.0)
    assert (fix.before_ms, fix.after_ms) == (100.0, pytest.approx(20, abs=1))
    assert measured == [str(out)]


def test_a_failing_second_measurement_keeps_the_file(tmp_path, measured, monkeypatch):
    def fail(source, **_):
        raise MediaError("no weights")

    monkeypatch.setattr(sys.modules["avsync.offset"], "detect_offset", fail)
    source = leading_clip(tmp_path / "talk.mp4")
    with pytest.warns(UserWarning, match="cannot be measured: no weights"):
        fix = remux.correct(source, tmp_path / "fixed.mp4", offset_ms=120.0)
    assert (fix.after_ms, fix.measured_by) == (pytest.approx(0, abs=1), "decoding")
    assert lag_ms(tmp_path / "fixed.mp4")[0] == pytest.approx(0, abs=1)


def test_lips_that_tell_nothing_afterwards_leave_nothing_known(tmp_path, measured, monkeypatch):
    source = leading_clip(tmp_path / "talk.mp4")
    answers = iter([120.0, None, None, None])

    def detect_offset(source, **_):
        ms = next(answers)
        return types.SimpleNamespace(ms=ms, reason=None if ms else "at_limit", line=None)

    monkeypatch.setattr(sys.modules["avsync.offset"], "detect_offset", detect_offset)
    with pytest.warns(
        UserWarning, match=r"lips in it tell no offset \(at_limit\), though they told \+120 ms"
    ):
        fix = remux.correct(source, tmp_path / "fixed.mp4")
    assert (fix.after_ms, fix.measured_by) == (None, None)
    assert lag_ms(fix.output)[0] == pytest.approx(0, abs=1)
    with pytest.warns(UserWarning, match=r"tell no offset \(at_limit\): only the sound was found"):
        fix = remux.correct(source, tmp_path / "given.mp4", offset_ms=500.0)
    assert (fix.after_ms, fix.measured_by) == (pytest.approx(0, abs=0.1), "decoding")


def test_both_measurements_search_as_asked(tmp_path, monkeypatch):
    asked = []

    def detect_offset(source, **how):
        asked.append(how)
        return types.SimpleNamespace(ms=-lag_ms(source)[0], reason=None, line=None)

    monkeypatch.setattr("avsync.offset.detect_offset", detect_offset)
    remux.correct(leading_clip(tmp_path / "talk.mp4"), tmp_path / "out.mp4", max_offset_ms=3000.0, whole=True)
    assert asked == [{"max_offset_ms": 3000.0, "whole": True}] * 2
    with pytest.raises(ConfigError, match="max_offset_ms must be"):
        remux.correct(tmp_path / "talk.mp4", tmp_path / "far.mp4", offset_ms=40.0, max_offset_ms=1e6)
    assert not (tmp_path / "far.mp4").exists()


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


@pytest.mark.parametrize("name", ["out.webm", "out.xyz", "out.gif"])
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
    assert (fix.after_ms, fix.measured_by) == (pytest.approx(0, abs=0.1), "decoding")
    assert lag_ms(fix.output)[0] - lag_ms(source)[0] == pytest.approx(40, abs=0.1)


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


# --- the sound made anew ---


@pytest.mark.parametrize("audio", ["pcm_s16le", "libmp3lame", "ac3"])
def test_avi_gets_its_shift_sample_by_sample(tmp_path, measured, audio):
    source = render(tmp_path / "x.avi", video="mpeg4", audio=audio, b_frames=0).path
    for offset_ms in (118.4, -61.3):
        fix = remux.correct(source, tmp_path / "out.avi", offset_ms=offset_ms, overwrite=True)
        assert (fix.method, fix.reencoded) == ("samples", True)
        assert fix.residual_ms <= 0.05
        after, numbers = lag_ms(fix.output)
        before, same_numbers = lag_ms(source)
        assert after - before == pytest.approx(offset_ms, abs=0.05)
        assert numbers == same_numbers
        assert payload(fix.output) == payload(source)
        codecs = [media.probe(path).streams[1].codec for path in (source, fix.output)]
        assert codecs[0] == codecs[1]


def test_pcm_samples_are_the_same_ones(tmp_path, measured):
    source = render(tmp_path / "x.avi", video="mpeg4", audio="pcm_s16le", b_frames=0).path
    out = remux.correct(source, tmp_path / "out.avi", offset_ms=100.0).output

    def samples(path):
        with av.open(str(path)) as container:
            return np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])

    old, new = samples(source), samples(out)
    assert not new[:4800].any()
    np.testing.assert_array_equal(new[4800:], old)


def test_a_dry_run_says_what_would_be_done(tmp_path, measured):
    source = render(tmp_path / "x.avi", video="mpeg4", b_frames=0).path
    fix = remux.correct(source, tmp_path / "out.avi", offset_ms=80.0, dry_run=True)
    assert (fix.method, fix.reencoded, fix.after_ms, fix.dry_run) == ("samples", True, None, True)
    assert fix.residual_ms <= 0.1
    assert list(tmp_path.iterdir()) == [source]


def test_sound_that_avi_cannot_hold_is_told(tmp_path, measured):
    source = render(tmp_path / "x.avi", video="mpeg4", audio="pcm_s16le", b_frames=0).path
    with pytest.warns(UserWarning, match="700 ms of sound before the first picture are left out"):
        remux.correct(source, tmp_path / "out.avi", offset_ms=-700.0)


@pytest.mark.parametrize(
    ("suffix", "video", "audio", "ppm", "seconds"),
    [
        ("mp4", "libx264", "aac", 145.0, 60.0),
        ("mkv", "libx264", "flac", -500.0, 60.0),
        ("webm", "libvpx-vp9", "libopus", 1000.0, 60.0),
        ("avi", "mpeg4", "libmp3lame", -500.0, 15.0),
        ("ts", "libx264", "ac3", 1000.0, 15.0),
    ],
)
def test_drift_is_undone_everywhere(tmp_path, measured, suffix, video, audio, ppm, seconds):
    source = render(tmp_path / f"x.{suffix}", video=video, audio=audio, b_frames=0, seconds=seconds).path
    fix = remux.correct(source, tmp_path / f"out.{suffix}", offset_ms=30.0, drift_ppm=ppm)
    assert (fix.method, fix.reencoded, fix.drift_ppm) == ("resample", True, pytest.approx(ppm))
    assert fix.residual_ms < 0.2
    flashes, before, numbers = flashes_and_lags(source)
    _, after, same_numbers = flashes_and_lags(fix.output)
    # What is heard at picture time t in the written file moved there by the shift of that time.
    first = packet_seconds(source)[0]
    wanted = 30.0 + ppm * 1e-3 * (flashes + after / 1000 - first)
    assert len(before) == len(after) > 1.9 * seconds - 3
    np.testing.assert_allclose(after - before, wanted, atol=0.2)
    assert numbers == same_numbers
    assert payload(fix.output) == payload(source)
    moved = packet_seconds(fix.output) - packet_seconds(source)
    np.testing.assert_allclose(moved, np.median(moved), atol=1e-3)


def test_a_step_behind_the_last_picture_is_refused(tmp_path, measured):
    source = render(tmp_path / "x.mp4", seconds=1.2).path
    with pytest.raises(ConfigError, match=r"the step at 300 s lies behind the last picture of .*at 1\.\d+ s"):
        remux.correct(source, tmp_path / "out.mp4", steps=[(0.5, 80.0), (300.0, 160.0)])
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("steps", [[(0.0, 120.0)], [(-1.0, 300.0), (0.0, 120.0)]])
def test_a_step_at_the_first_picture_is_the_offset_there(tmp_path, measured, steps):
    source = render(tmp_path / "silent.mp4").path  # its lips tell nothing
    fix = remux.correct(source, tmp_path / "silent out.mp4", steps=steps)
    assert (fix.before_ms, fix.moved_ms) == (120.0, pytest.approx(120, abs=0.1))
    assert (fix.after_ms, fix.measured_by) == (pytest.approx(0, abs=0.1), "decoding")


@pytest.mark.parametrize(("suffix", "video", "audio"), [("mp4", "libx264", "aac"), ("avi", "mpeg4", "mp2")])
@pytest.mark.parametrize("steps", [[(8.0, 160.0)], [(8.0, -160.0)], [(6.3, 120.0), (13.1, -90.0)]])
def test_steps_are_undone(tmp_path, measured, suffix, video, audio, steps):
    source = render(tmp_path / f"x.{suffix}", video=video, audio=audio, b_frames=0, seconds=20.0).path
    fix = remux.correct(source, tmp_path / f"out.{suffix}", steps=steps)
    assert (fix.method, fix.reencoded, fix.before_ms) == ("pieces", True, 0.0)
    assert fix.residual_ms < 0.1
    assert [ms for _, ms in fix.steps] == [pytest.approx(ms) for _, ms in steps]
    assert all(abs(made - asked) <= 0.31 for (made, _), (asked, _) in zip(fix.steps, steps, strict=True))
    flashes, before, _ = flashes_and_lags(source)
    _, after, _ = flashes_and_lags(fix.output)
    wanted = np.zeros(len(flashes))
    for (made, ms), (asked, _) in zip(fix.steps, steps, strict=True):
        wanted[flashes >= min(made, asked)] = ms
    assert len(before) == len(after)
    clear = np.all([np.abs(flashes - asked) > 0.35 for asked, _ in steps], axis=0)
    assert clear.sum() > 30
    np.testing.assert_allclose((after - before)[clear], wanted[clear], atol=0.1)


def test_a_measured_drift_and_jump_are_undone_as_measured(tmp_path, monkeypatch):
    source = render(tmp_path / "x.mkv", audio="flac", b_frames=0, seconds=20.0).path
    answers = iter([lines.measured(lines.changing(500.0)), lines.measured(lines.constant(0.0))])
    monkeypatch.setattr("avsync.offset.detect_offset", lambda source, **_: next(answers))
    asked = []
    rewrite = remux.rewrite
    monkeypatch.setattr(remux, "rewrite", lambda *how: asked.append(how[-1]) or rewrite(*how))
    fix = remux.correct(source, tmp_path / "out.mkv")
    (wanted,) = asked
    start = packet_seconds(source)[0]
    first, second = wanted.pieces
    assert (first.start, first.shift) == (start, pytest.approx((30 + 0.5 * start) / 1000))
    assert (second.start, second.shift) == (8.0, pytest.approx(0.194))
    assert first.drift == second.drift == pytest.approx(500e-6)
    assert fix.method == "pieces"
    assert (fix.before_ms, fix.after_ms) == (pytest.approx(30, abs=0.1), 0.0)
    assert fix.drift_ppm == pytest.approx(500)
    ((made, ms),) = fix.steps
    assert made == pytest.approx(8, abs=0.35)
    assert ms == pytest.approx(194 + 0.5 * (made - 8), abs=0.1)


@pytest.mark.parametrize(("line", "said"), [(None, 0), (lines.constant(), 0), (lines.changing(), 1)])
def test_a_file_whose_offset_still_changes_is_told(tmp_path, flash_and_beep, monkeypatch, line, said):
    monkeypatch.setattr("avsync.offset.detect_offset", lambda source, **_: lines.measured(line))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        remux.correct(flash_and_beep("mp4").path, tmp_path / "out.mp4", offset_ms=40.0)
    assert [str(one.message) for one in caught if "still changes over time" in str(one.message)] == [
        f"{tmp_path / 'out.mp4'} is written, and its offset still changes over time. Look at it with: "
        "avsync offset --plot PNG."
    ] * said


def test_a_constant_line_is_undone_by_time_stamps(tmp_path, flash_and_beep, monkeypatch):
    monkeypatch.setattr("avsync.offset.detect_offset", lambda source, **_: lines.measured(lines.constant()))
    fix = remux.correct(flash_and_beep("mp4").path, tmp_path / "out.mp4")
    assert (fix.method, fix.before_ms, fix.drift_ppm, fix.steps) == ("container", 30.0, 0.0, ())


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_everything_else_is_kept_when_the_sound_is_made_anew(tmp_path, measured, suffix):
    source = rich_clip(tmp_path / f"rich.{suffix}", rotation=180)
    fix = remux.correct(source, tmp_path / f"out.{suffix}", offset_ms=-300.0, drift_ppm=100.0)
    found = {}
    for path in (source, fix.output):
        with av.open(str(path)) as container:
            captions = [p.pts * p.time_base for p in container.demux(subtitles=0) if p.size and p.size > 2]
            second = container.chapters()[1]
            found[path] = (
                [(s.type, s.language) for s in container.streams][:4],
                container.metadata["title"],
                [c["metadata"]["title"] for c in container.chapters()],
                float(captions[0]),
                float(second["start"] * second["time_base"]),
            )
    old, new = found.values()
    assert old[:3] == new[:3]
    info = media.probe(fix.output)
    assert info.streams[info.video].rotation == 180
    lift = packet_seconds(fix.output)[0] - packet_seconds(source)[0]
    assert lift == pytest.approx(0.3, abs=0.03)
    assert new[3] - old[3] == pytest.approx(lift, abs=2e-3)
    assert new[4] - old[4] == pytest.approx(lift, abs=0.03)
    assert payload(fix.output) == payload(source)
    assert fix.residual_ms < (0.2 if suffix == "mp4" else 0.7)  # Matroska rounds to 1 ms


def test_every_sound_track_moves(tmp_path, measured):
    source = rich_clip(tmp_path / "rich.mkv", rotation=0)
    out = remux.correct(source, tmp_path / "out.mkv", offset_ms=50.0, drift_ppm=300.0).output
    tracks = {}
    for path in (source, out):
        with av.open(str(path)) as container:
            assert len(container.streams.audio) == 2
            tracks[path] = [
                np.concatenate([f.to_ndarray()[0] for f in av.open(str(path)).decode(audio=place)])
                for place in range(2)
            ]
    np.testing.assert_allclose(tracks[out][0], tracks[out][1], atol=1e-6)
    assert np.abs(tracks[out][0]).max() > 0.3


def test_a_steady_tone_and_silence_are_corrected_too(tmp_path, measured):
    for name, sound in {"tone": 0.2, "quiet": 0.0}.items():
        source = tmp_path / f"{name}.mkv"
        with av.open(str(source), "w") as out:
            video = out.add_stream("mpeg4", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            audio = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
            for i in range(50):
                image = av.VideoFrame.from_ndarray(np.full((72, 64), 4 * i, np.uint8), format="yuv420p")
                image.pts = i
                out.mux(video.encode(image))
                time = (np.arange(1920) + 1920 * i) / 48_000
                wave = (32_767 * sound * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts = 48_000, 1920 * i
                out.mux(audio.encode(frame))
            out.mux(video.encode(None))
            out.mux(audio.encode(None))
        before = packet_seconds(source, "audio") - packet_seconds(source)[0]
        fix = remux.correct(source, tmp_path / f"{name}_out.mkv", offset_ms=64.0, dry_run=True)
        assert (fix.method, fix.residual_ms) == ("container", pytest.approx(0, abs=0.5))
        remux.shift_audio(source, tmp_path / f"{name}_out.mkv", 64.0)
        out = tmp_path / f"{name}_out.mkv"
        after = packet_seconds(out, "audio") - packet_seconds(out)[0]
        np.testing.assert_allclose(after - before, 0.064, atol=1e-3)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"drift_ppm": 2e5}, "drift of 200000 ppm is out of range"),
        ({"drift_ppm": float("nan")}, "drift of nan ppm"),
        ({"steps": [(2.0, 10.0), (1.0, 20.0)]}, "do not rise"),
        ({"steps": [(1.0, 0.0), (1.05, 400.0)]}, "leaves no sound before the next one"),
        ({"steps": [(float("inf"), 10.0)]}, "is nowhere"),
        ({"steps": [(1.0, 1e12)]}, "at most a day"),
    ],
)
def test_nonsense_is_refused_and_leaves_nothing(tmp_path, measured, flash_and_beep, how, reason):
    for dry_run in (True, False):
        with pytest.raises(ConfigError, match=reason):
            remux.correct(flash_and_beep("mp4").path, tmp_path / "out.mp4", dry_run=dry_run, **how)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.media
@pytest.mark.parametrize("how", [{"offset_ms": 37.0}, {"offset_ms": -317.0}, {"drift_ppm": 500.0}])
@pytest.mark.parametrize(
    "name", ["edge/syncnet_example.avi", "edge/syncnetfcn_test_offset_5.avi", "P39_1.avi"]
)
@pytest.mark.filterwarnings("ignore:.*before the first picture are left out")
def test_real_avi_files(tmp_path, measured, monkeypatch, real_media, name, how):
    monkeypatch.setattr(
        sys.modules["avsync.offset"],
        "detect_offset",
        lambda *_, **__: types.SimpleNamespace(ms=None, reason="no_face", line=None),
    )
    source = real_media / "wild" / name
    fix = remux.correct(source, tmp_path / "out.avi", **how)
    assert fix.residual_ms < 0.1
    assert payload(fix.output) == payload(source)
    np.testing.assert_array_equal(packet_seconds(fix.output), packet_seconds(source))
