"""`avsync correct`: its output for programs and people, and what it asks of the correction."""

from pathlib import Path

import pytest
from command_line import run_json

import avsync
from avsync import cli
from avsync.cli import main
from avsync.remux import Correction


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
        "audio_stream": None,
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
    words = ["correct", clip, "out.avi", "--drift-ppm", "-5e2", "--step", "-1:-80", "--step=30:1e1"]
    code, (line,) = run_json(capsys, *words, "--json")
    assert code == 0
    assert (asked["drift_ppm"], asked["steps"]) == (-500.0, [(-1.0, -80.0), (30.0, 10.0)])
    assert (line["method"], line["reencoded"], line["measured_by"]) == ("pieces", True, "decoding")
    assert (line["drift_ppm"], line["steps"]) == (-500.0, [{"start": 12.4, "offset_ms": -80.0}])
    main(words)
    assert capsys.readouterr().out == (
        "clip.mp4: audio and picture are together (0 ms) at the first picture, drifting by -30.0 ms a "
        "minute, -80.0 ms from 0:12.400 on; wrote out.avi (sound corrected piece by piece and "
        "re-encoded, picture copied)\n"
        "  checked by decoding: the sound moved by -80.0 ms, at most 0.1 ms from what was wanted\n"
        "  measured again: residual +0.1 ms (by decoding; the lips tell nothing)\n"
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


@pytest.mark.parametrize("change", [{"drift_ppm": 500.0}, {"steps": ((3.0, 120.0),)}])
def test_a_dry_run_of_drift_and_steps_names_no_single_delay(clip, monkeypatch, capsys, change):
    done = Correction("clip.mp4", "out.mp4", 0.0, None, dry_run=True, **change)
    monkeypatch.setattr(cli, "correct", lambda *_, **__: done)
    assert main(["correct", clip, "out.mp4", "--dry-run"]) == 0
    assert "; would undo that and write out.mp4" in capsys.readouterr().out
