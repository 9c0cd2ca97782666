"""The program: output for programs and people, exit codes, and what goes to which stream."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import avsync
from avsync import cli, glance, lips, plot, render, report, wording
from avsync.align import Alignment, Gap, Word
from avsync.arguments import parse
from avsync.cli import main
from avsync.media import atomic_path
from avsync.offset import Offset, Segment, undetermined
from avsync.remux import Correction
from avsync.sample import SampleTruth, SampleWord
from avsync.transcripts import Anchor

LAGS = np.arange(-1000.0, 1001.0, 10.0)
LEADING = Offset(
    118.42, (109.04, 127.46), 0.9712, "audio_leads", None, 3.14, LAGS, np.exp(-(((LAGS - 118) / 80) ** 2)),
    (Segment(0.0, 12.0004, 118.42, 0),),
)  # fmt: skip
IN_SYNC = dataclasses.replace(LEADING, ms=-0.04, ci_ms=(-9.0, 9.0), verdict="in_sync", drift_ppm=None)
WORDS = [
    Word("place", 0.52, 0.81, 0.4, 0.69, 13, 20, 0.98, 14.0, "aligned"),
    Word("blue", 0.81, 0.83, 0.69, 0.71, None, None, 0.1, 60.0, "low"),
]
ALIGNED = Alignment(WORDS, LEADING, [Gap(0.0, 0.52, "silence", -0.12, 0.4)], "place blue", "clip.mp4")


@pytest.fixture
def clip(flash_and_beep, tmp_path, monkeypatch) -> str:
    """A file of its own in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(flash_and_beep().path.read_bytes())
    return "clip.mp4"


@pytest.fixture
def measured(monkeypatch):
    """`measured(offset)`: what every measurement shall find."""

    def find(offset: Offset) -> None:
        monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole: offset)

    return find


def run_json(capsys, *words: str) -> tuple[int, list[dict]]:
    code = main(list(words))
    out = capsys.readouterr().out
    return code, [
        json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in out.splitlines()
    ]


# offset


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
    monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole: next(found))
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
    monkeypatch.setattr(cli, "detect_offset", lambda clip, max_offset_ms, whole: next(given))
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
        cli, "detect_offset", lambda clip, max_offset_ms, whole: asked.append(max_offset_ms) or IN_SYNC
    )
    main(["offset", clip])
    main(["offset", clip, "--max-offset-ms", "400"])
    assert asked == [1000.0, 400.0]


def test_values_that_are_not_finite_become_null():
    line = report.to_line({"a": float("nan"), "b": [np.float32("inf"), -0.0], "c": np.int64(3)})
    assert json.loads(line) == {"a": None, "b": [None, 0.0], "c": 3}
    assert report.rounded(-0.01, 1) == 0.0
    assert str(report.rounded(-0.01, 1)) == "0.0"


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


# correct


def test_correct_as_json_and_in_words(clip, monkeypatch, capsys):
    done = Correction(
        "clip.mp4", "out.mp4", 118.42, 1.21, measured_by="lips", moved_ms=118.42, residual_ms=0.04
    )
    asked = {}
    monkeypatch.setattr(cli, "correct", lambda source, target, **how: asked.update(how) or done)
    code, (line,) = run_json(capsys, "correct", clip, "out.mp4", "--json", "--offset-ms", "-118.5")
    assert code == 0
    assert line == {
        "file": "clip.mp4",
        "output": "out.mp4",
        "before_ms": 118.4,
        "after_ms": 1.2,
        "method": "container",
        "reencoded": False,
        "measured_by": "lips",
        "moved_ms": 118.42,
        "residual_ms": 0.04,
    }
    assert asked == {
        "offset_ms": -118.5,
        "drift_ppm": None,
        "steps": [],
        "max_offset_ms": 1000.0,
        "whole": False,
        "dry_run": False,
        "overwrite": False,
    }
    main(["correct", clip, "out.mp4"])
    assert capsys.readouterr().out == (
        "clip.mp4: audio leads picture by 118 ms; wrote out.mp4 (nothing re-encoded)\n"
        "  checked by decoding: the sound moved by +118.4 ms, at most 0.0 ms from what was wanted\n"
        "  measured again: residual +1.2 ms\n"
    )


def test_correct_of_drift_and_steps(clip, monkeypatch, capsys):
    done = Correction(
        "clip.mp4",
        "out.avi",
        0.0,
        0.1,
        "pieces",
        True,
        measured_by="decoding",
        moved_ms=-80.0,
        residual_ms=0.1,
        drift_ppm=-500.0,
        steps=((12.4, -80.0),),
    )
    asked = {}
    monkeypatch.setattr(cli, "correct", lambda source, target, **how: asked.update(how) or done)
    words = ["correct", clip, "out.avi", "--drift-ppm", "-5e2", "--step", "12.5:-80", "--step=30:1e1"]
    code, (line,) = run_json(capsys, *words, "--json")
    assert code == 0
    assert (asked["drift_ppm"], asked["steps"]) == (-500.0, [(12.5, -80.0), (30.0, 10.0)])
    assert (line["method"], line["reencoded"], line["measured_by"]) == ("pieces", True, "decoding")
    assert (line["drift_ppm"], line["steps"]) == (-500.0, [{"start": 12.4, "offset_ms": -80.0}])
    main(words)
    assert capsys.readouterr().out == (
        "clip.mp4: audio and picture are together (0 ms) at the first picture, drifting by -30.0 ms a "
        "minute, -80.0 ms from 0:12.400 on; wrote out.avi (sound corrected piece by piece and "
        "re-encoded, picture copied)\n"
        "  checked by decoding: the sound moved by -80.0 ms, at most 0.1 ms from what was wanted\n"
        "  measured again: residual +0.1 ms (by decoding; no lips can be read)\n"
    )


def test_correct_of_an_undetermined_file_writes_nothing(clip, monkeypatch, capsys):
    def abstain(*_, **__):
        raise avsync.UndeterminedError("clip.mp4: undetermined", "ambiguous")

    monkeypatch.setattr(cli, "correct", abstain)
    code, (line,) = run_json(capsys, "correct", clip, "out.mp4", "--json")
    assert (code, line["output"], line["reason"]) == (3, None, "ambiguous")
    assert not Path("out.mp4").exists()


def test_dry_run(clip, monkeypatch, capsys):
    done = Correction("clip.mp4", "out.mp4", -200.0, None, dry_run=True)
    monkeypatch.setattr(cli, "correct", lambda *_, **__: done)
    assert main(["correct", clip, "out.mp4", "--dry-run"]) == 0
    assert "would advance the audio by 200 ms and write out.mp4" in capsys.readouterr().out
    _, (line,) = run_json(capsys, "correct", clip, "out.mp4", "--dry-run", "--json")
    assert (line["before_ms"], line["after_ms"], line["dry_run"]) == (-200.0, None, True)


@pytest.mark.parametrize("given", [["--offset-ms", "-1e2"], ["--offset-ms=-1e2"], ["--offset-ms", "-100"]])
def test_negative_numbers_in_any_notation(given):
    arguments = parse(["correct", "a.mp4", "b.mp4", *given])
    assert (arguments.offset_ms, arguments.file, arguments.out) == (-100.0, "a.mp4", "b.mp4")


def test_what_looks_like_an_option_may_be_a_file():
    assert parse(["offset", "--", "--offset-ms", "-1e2"]).file == ["--offset-ms", "-1e2"]


# align


def test_align_as_json(clip, monkeypatch, capsys):
    monkeypatch.setattr(cli, "align", lambda file, text, **how: ALIGNED)
    code, (line,) = run_json(capsys, "align", clip, "--text", "place blue", "--json")
    assert code == 0
    assert line["file"] == "clip.mp4"
    assert (line["transcript"], line["offset_ms"]) == ("place blue", pytest.approx(118.42, abs=0.05))
    assert line["words"][0] == {
        "text": "place", "start": 0.52, "end": 0.81, "first_frame": 13, "last_frame": 20, "confidence": 0.98,
        "plus_minus_ms": 14, "status": "aligned", "heard_start": 0.4, "heard_end": 0.69,
    }  # fmt: skip
    assert line["words"][1]["first_frame"] is None
    assert line["gaps"] == [{"start": 0.0, "end": 0.52, "status": "silence"}]


def test_align_in_words_and_files(clip, monkeypatch, capsys):
    monkeypatch.setattr(cli, "align", lambda file, text, **how: ALIGNED)
    outputs = ["a.srt", "a.json", "a.vtt", "a.ass", "a.TextGrid", "a.ctm", "a.eaf"]
    assert main(["align", clip, "--text", "place blue", "-o", *outputs]) == 0
    out = capsys.readouterr().out
    assert "    0.520      0.810        13-20     14  0.98  aligned       place" in out
    assert out.endswith("".join(f"wrote {name}\n" for name in outputs))
    assert all(Path(name).stat().st_size for name in outputs)


def test_the_clock_of_files_can_be_chosen(clip, monkeypatch):
    monkeypatch.setattr(cli, "align", lambda file, text, **how: ALIGNED)
    for clock, start in ((["--clock", "picture"], "520"), (["--clock", "sound"], "400"), ([], "400")):
        assert main(["align", clip, "--text", "place blue", "-o", "a.srt", "--overwrite", *clock]) == 0
        assert f"00:00:00,{start} -->" in Path("a.srt").read_text()


def test_nothing_is_written_where_one_of_the_files_cannot_be_made(clip, monkeypatch, capsys):
    """The alignment has no frames, so there is no table of them."""
    monkeypatch.setattr(cli, "align", lambda file, text, **how: ALIGNED)
    assert main(["align", clip, "--text", "place blue", "-o", "a.srt", "a.csv"]) == 2
    assert "no frames for a .csv file" in capsys.readouterr().err
    assert not Path("a.srt").exists()


def test_a_lexicon_and_a_transcript_with_times(clip, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(cli, "align", lambda file, text, **how: said.append((text, how)) or ALIGNED)
    Path("talk.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nplace blue\n")
    assert main(["align", clip, "--transcript", "talk.srt", "--lexicon", "own.txt"]) == 0
    ((text, how),) = said
    assert (text.text, text.anchors) == ("place blue", (Anchor(1.0, 2.0, (0, 10)),))
    assert how["lexicon"] == "own.txt"
    Path("own.txt").write_text("KYIV  K IY IH V")
    assert main(["align", clip, "--text", "a", "--lexicon", "own.txt", "-o", "own.txt", "--overwrite"]) == 2


def test_other_scripts_and_lexicons_that_cannot_be_read_are_one_line(clip, capsys):
    Path("words.txt").write_text("hello\nsay привет", encoding="utf-8")
    assert main(["align", clip, "--transcript", "words.txt"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "avsync: error: words.txt: Line 2 of the transcript has 'п' (U+043F CYRILLIC SMALL"
    )
    assert "--lexicon FILE" in line
    Path("own.txt").write_text("привет  P R IX V", encoding="utf-8")
    assert main(["align", clip, "--transcript", "words.txt", "--lexicon", "own.txt"]) == 2
    assert "own.txt line 1: 'IX' in 'привет' is no phone" in capsys.readouterr().err
    assert main(["align", clip, "--transcript", "words.txt", "--lexicon", "none.txt"]) == 2
    assert "none.txt cannot be read" in capsys.readouterr().err


def test_transcript_files(clip, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(cli, "align", lambda file, text, **how: said.append((text, how)) or ALIGNED)
    Path("words.txt").write_bytes(b"\xef\xbb\xbfplace blue\n")
    assert main(["align", clip, "--transcript", "words.txt", "--modality", "video"]) == 0
    assert said == [
        (avsync.Transcript("place blue\n", source="words.txt"), {"modality": "video", "lexicon": None})
    ]
    Path("words.txt").write_bytes(b"caf\xe9")
    assert main(["align", clip, "--transcript", "words.txt"]) == 2
    assert "no UTF-8 text (byte 3)" in capsys.readouterr().err
    assert main(["align", clip, "--transcript", "none.txt"]) == 2


def test_outputs_are_checked_before_the_work(clip, monkeypatch, capsys):
    monkeypatch.setattr(cli, "align", lambda *_, **__: pytest.fail("worked before the check"))
    Path("words.txt").write_text("place")
    Path("taken.srt").write_text("precious")
    for target, message in [
        (clip, "is the input itself"),
        ("words.txt", "is the input itself"),
        ("taken.srt", "exists"),
        ("no/a.srt", "folder no does not exist"),
        ("a.doc", "suffix '.doc'"),
        (".", "is a folder"),
    ]:
        assert main(["align", clip, "--transcript", "words.txt", "-o", target]) == 2
        assert message in capsys.readouterr().err
    assert Path("taken.srt").read_text() == "precious"
    assert main(["align", clip, "--transcript", "words.txt", "-o", "a.srt", "b.vtt", "./a.srt"]) == 2
    assert capsys.readouterr().err == ("avsync: error: ./a.srt is named twice as an output; name each once\n")


@pytest.mark.parametrize("command", ["align", "annotate"])
def test_neither_speech_nor_face_is_undetermined(flash_and_beep, tmp_path, monkeypatch, capsys, command):
    """A flash and a beep: no face, and what the model hears in it is set to be silence."""
    module = sys.modules["avsync.align"]  # `avsync.align` is the function
    monkeypatch.setattr(module, "_has_speech", lambda sound, config: False)
    output = tmp_path / ("out.mp4" if command == "annotate" else "out.srt")
    assert main([command, str(flash_and_beep().path), "-o", str(output), "--text", "place blue"]) == 3
    out, err = capsys.readouterr()
    assert "no speech to be heard and no face to be seen. Give a clip in which somebody speaks." in out
    assert err == ""
    assert not output.exists()


# annotate, sample, info


def test_annotate(clip, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(cli, "annotate", lambda source, target, **how: asked.update(how) or ALIGNED)
    assert main(["annotate", clip, "-o", "out.mp4", "--text", "place blue", "--overwrite"]) == 0
    assert asked == {"transcript": avsync.Transcript("place blue"), "lexicon": None, "overwrite": True}
    assert capsys.readouterr().out.endswith("wrote out.mp4\n")


def test_faces_are_tracked_once(clip, monkeypatch):
    asked = []
    monkeypatch.setattr(render, "track", lambda clip: asked.append("track") or ())
    monkeypatch.setattr(lips, "track", lambda clip: pytest.fail("tracked again"))
    monkeypatch.setattr(render, "align", lambda clip, text, tracks, **how: asked.append(tracks) or ALIGNED)
    assert main(["annotate", clip, "-o", "out.mp4", "--text", "place blue"]) == 0
    assert asked == ["track", ()]
    assert avsync.detect_offset(avsync.load(clip), tracks=()).reason == "no_face"


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
    monkeypatch.setattr(glance, "WHOLE_SECONDS", 2.0)
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


# The shell around it


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["scan"],
        ["offset"],
        ["offset", "a.mp4", "--nonsense"],
        ["offset", "a.mp4", "--max-offset-ms", "5"],
        ["offset", "a.mp4", "--max-offset-ms", "nan"],
        ["offset", "a.mp4", "b.mp4", "--plot", "p.png"],
        ["offset", "a.mp4", "--plot", "p.jpg"],
        ["offset", "a.mp4", "--standard", "nab"],
        ["offset", "a.mp4", "--fail-on", "drift"],
        ["correct", "a.mp4"],
        ["correct", "a.mp4", "b.mp4", "--offset-ms", "inf"],
        ["correct", "a.mp4", "b.mp4", "--offset-ms", "much"],
        ["correct", "a.mp4", "b.mp4", "--offset-ms", "-inf"],
        ["correct", "a.mp4", "b.mp4", "--offset-ms", "--json"],
        ["correct", "a.mp4", "b.mp4", "--drift-ppm", "nan"],
        ["correct", "a.mp4", "b.mp4", "--step", "12"],
        ["correct", "a.mp4", "b.mp4", "--step", "12:"],
        ["correct", "a.mp4", "b.mp4", "--step", "12:inf"],
        ["align", "a.mp4"],
        ["align", "a.mp4", "--text", "a", "--transcript", "b"],
        ["align", "a.mp4", "--text", "a", "--modality", "smell"],
        ["annotate", "a.mp4", "--text", "a"],
        ["sample", "a.mp4", "--fps", "0"],
        ["info", "a.mp4", "b.mp4"],
    ],
)
def test_usage_errors_are_one_line(words, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("avsync: error: ")
    assert err.count("\n") == 1


def test_computes_with_one_thread(clip, monkeypatch):
    threads = []
    monkeypatch.setattr(
        cli,
        "detect_offset",
        lambda clip, max_offset_ms, whole: threads.append(torch.get_num_threads()) or IN_SYNC,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert main(["offset", clip]) == 0
        assert (threads, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(before)


def test_warnings_are_lines_on_stderr(clip, monkeypatch, capsys):
    def warn(clip, max_offset_ms, whole):
        for _ in range(2):
            warnings.warn("clip.mp4 is\ntruncated", stacklevel=2)
        warnings.warn("of no interest", DeprecationWarning, stacklevel=2)
        return IN_SYNC

    monkeypatch.setattr(cli, "detect_offset", warn)
    assert main(["offset", clip]) == 0
    assert capsys.readouterr().err == "avsync: warning: clip.mp4 is truncated\n"


def test_an_error_drops_the_warnings_of_its_file_only(clip, monkeypatch, capsys):
    endings = iter([None, avsync.MediaError("clip.mp4 is broken. Repair it."), None])

    def warn(clip, max_offset_ms, whole):
        warnings.warn("clip.mp4 is truncated", stacklevel=2)
        error = next(endings)
        if error is not None:
            raise error
        return undetermined("no_face")

    monkeypatch.setattr(cli, "detect_offset", warn)
    assert main(["offset", clip, clip, clip]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "avsync: warning: clip.mp4 is truncated",
        "avsync: error: clip.mp4 is broken. Repair it.",
        "avsync: warning: clip.mp4 is truncated",
    ]


def test_a_defect_is_one_line_too(clip, monkeypatch, capsys):
    def fail(clip, max_offset_ms, whole):
        raise TypeError("unexpected\nthing")

    monkeypatch.setattr(cli, "detect_offset", fail)
    code, (line,) = run_json(capsys, "offset", clip, "--json")
    assert code == 2
    assert (
        line["error"]
        == "clip.mp4: TypeError: unexpected thing (a defect of avsync; AVSYNC_DEBUG=1 shows where)"
    )


@pytest.mark.parametrize("named", [True, False])
def test_an_output_that_fails_is_named_as_it_was_asked_for(clip, monkeypatch, capsys, named):
    def annotate(source, target, **how):
        with atomic_path(target, overwrite=False) as temporary:
            names = (str(temporary), None, target) if named else ()
            raise OSError(errno.ENOSPC, "No space left on device", *names)

    monkeypatch.setattr(cli, "annotate", annotate)
    Path("[new] folder").mkdir()
    target = "[new] folder/a [1].mp4"
    assert main(["annotate", clip, "-o", target, "--text", "a"]) == 2
    assert capsys.readouterr().err == f"avsync: error: {target}: No space left on device\n"


def test_other_files_are_named_as_they_are(clip, monkeypatch, capsys):
    def annotate(source, target, **how):
        raise PermissionError(errno.EACCES, "Permission denied", "font.ttf")

    monkeypatch.setattr(cli, "annotate", annotate)
    assert main(["annotate", clip, "-o", "out.mp4", "--text", "a"]) == 2
    assert capsys.readouterr().err == "avsync: error: font.ttf: Permission denied\n"


def test_interruption(clip, monkeypatch, capsys):
    def interrupt(clip, max_offset_ms, whole):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "detect_offset", interrupt)
    assert main(["offset", clip]) == 130
    assert capsys.readouterr().err == "avsync: error: interrupted\n"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in cli.COMMANDS)


def test_run_as_a_module_into_a_closed_pipe(clip):
    """A reader that goes away, as `head` does, is no error worth a traceback."""
    environment = {**os.environ, "PYTHONPATH": str(Path(avsync.__file__).parents[1])}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "avsync", "info", clip]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
