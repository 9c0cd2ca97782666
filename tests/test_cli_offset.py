"""`avsync offset`: its output for programs and people, verdicts, exit codes of several files, and plots."""

import dataclasses
import json
from pathlib import Path

import pytest
from command_line import IN_SYNC, LEADING, run_json

from avsync import cli, plot, wording
from avsync.cli import main
from avsync.offset import Offset, Segment, undetermined


@pytest.fixture
def measured(monkeypatch):
    """`measured(offset)`: what every measurement shall find."""

    def find(offset: Offset) -> None:
        monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole, audio_stream: offset)

    return find


def test_offset_as_json(clip, measured, capsys):
    measured(LEADING)
    code, (line,) = run_json(capsys, "offset", "--json", clip)
    assert code == 0
    streams = line.pop("streams")
    assert line == {
        "file": "clip.mp4",
        "offset_ms": 118.4,
        "ci_ms": [109.0, 127.5],
        "confidence": 0.971,
        "verdict": "audio_leads",
        "reason": None,
        "standard": "bt1359",
        "limits_ms": [-125.0, 45.0],
        "verdict_sure": True,
        "drift_ppm": 3.1,
        "segments": [{"start": 0.0, "end": 12.0, "offset_ms": 118.4, "face": 0}],
    }
    assert streams == {"video_start": 0.0, "audio_start": 0.0, "fps": 25.0, "variable_frame_rate": False}


def test_offset_in_words(clip, measured, capsys):
    measured(LEADING)
    assert main(["offset", clip]) == 0
    assert capsys.readouterr().out == (
        "clip.mp4: audio leads picture by 118 ms (95 % interval +109 to +127 ms), confidence 0.97\n"
        "  audio_leads: over the limit of ITU-R BT.1359, +45 ms\n"
        "  cure: delay the audio by 118 ms, e.g. with: avsync correct IN OUT\n"
    )


def test_an_undetermined_offset_says_why(clip, measured, capsys):
    measured(undetermined("no_face"))
    assert main(["offset", clip]) == 3
    assert capsys.readouterr().out == "clip.mp4: undetermined: no face was found in the picture\n"
    code, (line,) = run_json(capsys, "offset", clip, "--json")
    assert (code, line["offset_ms"], line["verdict"], line["reason"]) == (3, None, "undetermined", "no_face")


def test_every_reason_has_words():
    reasons = {"no_face", "no_speech", "too_short", "ambiguous", "at_limit", "no_audio", "no_video"}
    assert set(wording.REASONS) == reasons


def test_a_bad_file_does_not_cost_the_others(clip, measured, capsys):
    measured(undetermined("ambiguous"))
    code = main(["offset", "missing.mp4", clip, "--json"])
    out, err = capsys.readouterr()
    bad, good = map(json.loads, out.splitlines())
    assert code == 2
    assert set(bad) == {"file", "error"}
    assert "missing.mp4" in bad["error"]
    assert good["reason"] == "ambiguous"
    assert err == f"avsync: error: {bad['error']}\n"


def test_the_exit_code_of_several_files(clip, monkeypatch):
    found = iter([LEADING, undetermined("no_face"), IN_SYNC])
    monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole, audio_stream: next(found))
    assert main(["offset", clip, clip, clip]) == 3


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("bt1359", "audio_leads", "over the limit of ITU-R BT.1359, +45 ms"),
        ("bt1359-acceptability", "audio_leads", "over the limit of ITU-R BT.1359 (acceptability), +90 ms"),
        ("is191", "audio_leads", "over the limit of ATSC IS-191, +15 ms"),
    ],
)
def test_the_verdict_of_a_standard(clip, measured, capsys, name, verdict, words):
    measured(LEADING)
    assert main(["offset", clip, "--standard", name]) == 0
    assert f"  {verdict}: {words}\n" in capsys.readouterr().out
    code, (line,) = run_json(capsys, "offset", clip, "--standard", name, "--json")
    assert (code, line["standard"], line["verdict"], line["verdict_sure"]) == (0, name, verdict, True)


def test_a_limit_within_the_interval_is_said(clip, measured, capsys):
    measured(dataclasses.replace(LEADING, ms=50.0, ci_ms=(38.0, 62.0)))
    assert main(["offset", clip, "--standard", "r37"]) == 0
    unsure = "not sure, as a limit lies within the 95 % interval"
    assert f"audio_leads: over the limit of EBU R37, +40 ms; {unsure}\n" in capsys.readouterr().out
    _, (line,) = run_json(capsys, "offset", clip, "--standard", "r37", "--json")
    assert (line["verdict"], line["verdict_sure"]) == ("audio_leads", False)


@pytest.mark.parametrize(
    ("ms", "ci_ms", "options", "code"),
    [
        (50.0, (46.0, 54.0), [], 0),
        (50.0, (46.0, 54.0), ["--fail-on", "out-of-sync"], 1),
        (50.0, (40.0, 60.0), ["--fail-on", "out-of-sync"], 1),
        (44.0, (40.0, 60.0), ["--fail-on", "out-of-sync"], 0),
        (44.0, (40.0, 60.0), ["--fail-on", "possibly-out-of-sync"], 1),
        (20.0, (10.0, 30.0), ["--fail-on", "possibly-out-of-sync"], 0),
        (20.0, (16.0, 24.0), ["--fail-on", "out-of-sync", "--standard", "is191"], 1),
        (120.0, (110.0, 130.0), ["--fail-on", "out-of-sync", "--standard", "bt1359-acceptability"], 1),
    ],
)
def test_failing_out_of_sync(clip, measured, ms, ci_ms, options, code):
    measured(dataclasses.replace(LEADING, ms=ms, ci_ms=ci_ms, segments=()))
    assert main(["offset", clip, *options]) == code


def test_a_part_out_of_sync_fails_the_file(clip, measured):
    parts = (Segment(0.0, 6.0, 0.0, 0), Segment(6.0, 12.0, 300.0, 0))
    measured(dataclasses.replace(IN_SYNC, segments=parts))
    assert main(["offset", clip, "--fail-on", "out-of-sync"]) == 1


@pytest.mark.parametrize(
    ("found", "files", "code"),
    [
        ([LEADING, IN_SYNC], [], 1),
        ([IN_SYNC, IN_SYNC], [], 0),
        ([LEADING, undetermined("no_face")], [], 3),
        ([undetermined("no_face"), LEADING], [], 3),
        ([LEADING, undetermined("no_face")], ["missing.mp4"], 2),
    ],
)
def test_the_exit_code_of_several_files_that_may_fail(clip, monkeypatch, found, files, code):
    given = iter([dataclasses.replace(one, segments=()) for one in found])
    monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole, audio_stream: next(given))
    assert main(["offset", *files, *[clip] * len(found), "--fail-on", "out-of-sync"]) == code


def test_files_on_both_sides_of_the_options(clip, measured, capsys):
    measured(IN_SYNC)
    odd = "-ü x.mp4"
    Path(odd).write_bytes(Path(clip).read_bytes())
    code, lines = run_json(capsys, "offset", clip, "--json", clip, "--", odd)
    assert (code, [line["file"] for line in lines]) == (0, [clip, clip, odd])


def test_the_search_range_is_passed_on(clip, monkeypatch):
    asked = []
    monkeypatch.setattr(
        cli,
        "detect_offset",
        lambda clip, max_offset_ms, whole, audio_stream: asked.append(max_offset_ms) or IN_SYNC,
    )
    main(["offset", clip])
    main(["offset", clip, "--max-offset-ms", "400"])
    assert asked == [1000.0, 400.0]


def test_plot(clip, measured, capsys):
    pytest.importorskip("matplotlib")
    measured(LEADING)
    assert main(["offset", clip, "--plot", "score.png"]) == 0
    first = Path("score.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert main(["offset", clip, "--plot", "score.png"]) == 2
    assert "score.png exists" in capsys.readouterr().err
    measured(undetermined("no_face"))
    assert main(["offset", clip, "--plot", "score.png", "--overwrite"]) == 3
    assert Path("score.png").read_bytes() != first


def test_the_plot_shows_the_limits_of_the_standard(clip, measured):
    pytest.importorskip("matplotlib")
    measured(LEADING)
    for name in ("bt1359", "r37"):
        assert main(["offset", clip, "--plot", f"{name}.png", "--standard", name]) == 0
    assert Path("bt1359.png").read_bytes() != Path("r37.png").read_bytes()


def test_plot_without_matplotlib(clip, measured, capsys, monkeypatch):
    monkeypatch.setattr(plot.importlib.util, "find_spec", lambda name: None)
    assert main(["offset", clip, "--plot", "score.png"]) == 2
    assert "pip install 'avsync[plot]'" in capsys.readouterr().err
    assert not Path("score.png").exists()
