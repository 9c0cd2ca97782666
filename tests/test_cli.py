"""The program: what all commands share: arguments, help, exit codes, and what goes to which stream."""

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
from command_line import IN_SYNC, run_json

import avsync
from avsync import cli, report
from avsync.arguments import parse
from avsync.cli import main
from avsync.media import atomic_path
from avsync.offset import undetermined

# Arguments and values


@pytest.mark.parametrize("given", [["--offset-ms", "-1e2"], ["--offset-ms=-1e2"], ["--offset-ms", "-100"]])
def test_negative_numbers_in_any_notation(given):
    arguments = parse(["correct", "a.mp4", "b.mp4", *given])
    assert (arguments.offset_ms, arguments.file, arguments.out) == (-100.0, "a.mp4", "b.mp4")


def test_what_looks_like_an_option_may_be_a_file():
    assert parse(["offset", "--", "--offset-ms", "-1e2"]).file == ["--offset-ms", "-1e2"]


def test_values_that_are_not_finite_become_null():
    line = report.to_line({"a": float("nan"), "b": [np.float32("inf"), -0.0], "c": np.int64(3)})
    assert json.loads(line) == {"a": None, "b": [None, 0.0], "c": 3}
    assert report.rounded(-0.01, 1) == 0.0
    assert str(report.rounded(-0.01, 1)) == "0.0"


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
        ["offset", "a.mp4", "--foo\nbar"],
        ["align", "a.mp4", "--text", "a", "-o", "a\nb.json", "a\nb.json"],
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
        lambda clip, max_offset_ms, whole, audio_stream: threads.append(torch.get_num_threads()) or IN_SYNC,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert main(["offset", clip]) == 0
        assert (threads, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(before)


def test_warnings_are_lines_on_stderr(clip, monkeypatch, capsys):
    def warn(clip, max_offset_ms, whole, audio_stream):
        for _ in range(2):
            warnings.warn("clip.mp4 is\ntruncated", stacklevel=2)
        warnings.warn("of no interest", DeprecationWarning, stacklevel=2)
        return IN_SYNC

    monkeypatch.setattr(cli, "detect_offset", warn)
    assert main(["offset", clip]) == 0
    assert capsys.readouterr().err == "avsync: warning: clip.mp4 is truncated\n"


def test_an_error_drops_the_warnings_of_its_file_only(clip, monkeypatch, capsys):
    endings = iter([None, avsync.MediaError("clip.mp4 is broken. Repair it."), None])

    def warn(clip, max_offset_ms, whole, audio_stream):
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
    def fail(clip, max_offset_ms, whole, audio_stream):
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
    def interrupt(clip, max_offset_ms, whole, audio_stream):
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_results_that_cannot_be_written_are_an_error_of_one_line(clip):
    environment = {**os.environ, "PYTHONPATH": str(Path(avsync.__file__).parents[1])}
    command = [sys.executable, "-m", "avsync", "info", clip]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("avsync: error: the results cannot be written (No space left")
    assert done.stderr.count(b"\n") == 1


def test_a_closed_standard_output_is_an_error(monkeypatch, capsys, clip):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["info", clip]) == 2
    assert capsys.readouterr().err.startswith("avsync: error: the standard output is closed")


def test_a_closed_standard_error_leaves_the_output_to_results(monkeypatch, capsys, clip):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["info", "missing.mp4", "--json"]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert "missing.mp4" in json.loads(line)["error"]
