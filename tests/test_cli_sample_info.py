"""`avsync sample` and `avsync info`: what is said of the sample written, and of the streams of a file."""

from command_line import run_json

from avsync import cli, glance
from avsync.cli import main
from avsync.sample import SampleTruth, SampleWord

# sample


def test_sample(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    truth = SampleTruth("hello", 120.0, 25.0, 2.0, (SampleWord("hello", 1.1, 1.5, 0.98, 1.38),), ())
    asked = {}
    monkeypatch.setattr(cli, "render_sample", lambda target, **how: asked.update(how) or truth)
    assert main(["sample", "out.mp4", "--offset-ms", "120"]) == 0
    assert asked == {"offset_ms": 120.0, "overwrite": False}
    out = capsys.readouterr().out
    assert "wrote out.mp4: audio leads picture by 120 ms" in out
    assert "1.100     1.500  hello" in out


# info


def test_info(clip, capsys):
    code, (line,) = run_json(capsys, "info", clip, "--json")
    assert code == 0
    assert [(s["kind"], s["codec"], s["used"]) for s in line["streams"]] == [
        ("video", "h264", True),
        ("audio", "aac", True),
    ]
    assert line["frames"].items() >= {
        "count": 60, "first": 0.0, "last": 2.36, "gap_ms": {"min": 40.0, "median": 40.0, "max": 40.0},
        "duplicates": 0, "gaps": [], "interlaced": False, "bits": 8,
    }.items()  # fmt: skip
    assert line["frames"] == line["streams"][0]["frames"]
    assert (line["duration"], line["declared_duration"]) == (2.4, 2.4)
    assert line["timing"] == {
        "video_start": 0.0, "audio_start": 0.0, "fps": 25.0, "variable_frame_rate": False,
    }  # fmt: skip
    assert line["streams"][0]["edits"] == [{"duration": 2.4, "media_time": 0.08, "rate": 1.0}]
    assert line["streams"][0]["sample_aspect_ratio"] == "1/1"
    assert [s["packets"] for s in line["streams"]] == [60, 114]
    assert (
        line["sound"].items() >= {"priming_samples": 1024, "priming_signalled": True, "missing": 0.0}.items()
    )
    assert -40 < line["sound"]["level_db"] < -5
    assert line["warnings"] == []
    assert line["faces"] == []
    assert line["faces_searched"] == {"whole": True, "windows": [[0.0, 2.411]]}  # the last packet is longer
    assert main(["info", clip]) == 0
    out = capsys.readouterr().out
    assert "picture: starts at 0.0 s, 60 frames, 25.0 frames a second (constant)" in out
    assert "no face found" in out
    assert "edit list: from 0.08 s of what is stored for 2.4 s" in out
    assert "encoder's delay: 1024 samples (21.3 ms), cut" in out
    assert "note" not in out
    assert "windows" not in out


def test_info_says_what_is_out_of_the_ordinary(flash_and_beep, capsys):
    path = str(flash_and_beep("ts", audio="mp2", audio_gap=(0.75, 0.95)).path)
    _, (line,) = run_json(capsys, "info", path, "--json")
    assert line["sound"]["gaps"] == line["streams"][1]["sound"]["gaps"] != []
    (told,) = line["warnings"]
    assert told.startswith("the sound is missing for ")
    assert main(["info", path]) == 0
    out = capsys.readouterr().out
    assert f"  note: {told}\n" in out
    assert "encoder's delay: unknown, not signalled and so not cut" in out


def test_info_looks_for_faces_in_windows_of_a_long_video(clip, monkeypatch, capsys):
    monkeypatch.setattr(glance, "SHORT_SECONDS", 2.0)
    monkeypatch.setattr(glance, "WINDOWS", 3)
    monkeypatch.setattr(glance, "WINDOW_SECONDS", 0.4)
    seen = []
    monkeypatch.setattr(glance, "track", lambda part: seen.append(part.frame_times) or ())
    _, (line,) = run_json(capsys, "info", clip, "--json")
    starts = [0.333, 1.0, 1.667]
    for times, start in zip(seen, starts, strict=True):
        assert 0 <= times[0] - start < 0.04
        assert len(times) == 10
    assert line["faces_searched"]["whole"] is False
    assert line["faces_searched"]["windows"] == [[start, round(start + 0.4, 3)] for start in starts]
    assert line["frames"]["count"] == 60
    assert main(["info", clip]) == 0
    assert "faces were looked for in 3 windows of 0.4 s" in capsys.readouterr().out
