"""The package's surface: its names, what importing it costs, and that the README's examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import avsync
from avsync.cli import COMMANDS, main

ROOT = Path(avsync.__file__).parents[1]
PUBLIC = {
    "load",
    "detect_offset",
    "correct",
    "align",
    "annotate",
    "Clip",
    "Offset",
    "Alignment",
    "Word",
    "AVSyncError",
}


def python(code: str) -> str:
    """Output of a fresh Python."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_is_sorted_and_true():
    assert avsync.__all__ == sorted(avsync.__all__)
    assert all(hasattr(avsync, name) for name in avsync.__all__)
    assert set(avsync.__all__) >= PUBLIC


def test_every_public_name_is_described():
    assert [name for name in avsync.__all__ if not (getattr(avsync, name).__doc__ or "").strip()] == []


def test_errors_are_a_family():
    children = [
        avsync.MediaError,
        avsync.FaceError,
        avsync.TextError,
        avsync.ModelError,
        avsync.ConfigError,
        avsync.UndeterminedError,
    ]
    assert all(issubclass(child, avsync.AVSyncError) for child in children)
    assert issubclass(avsync.ConfigError, ValueError)


def test_the_modules_do_not_hide_the_functions():
    """`avsync.align` is a function and a module: the function must win, however the module is imported."""
    code = "import avsync.align, avsync, avsync.cli; print(callable(avsync.align))"
    assert python(code) == "True\n"


def test_importing_is_cheap():
    heavy = ["lightning", "pytorch_lightning", "matplotlib", "numba", "sklearn", "scipy.signal", "torchaudio"]
    loaded = python(f"import sys, avsync; print([name for name in {heavy} if name in sys.modules])")
    assert loaded == "[]\n"


def test_importing_takes_under_a_second_beyond_torch():
    code = (
        "import time, torch; start = time.process_time(); import avsync; print(time.process_time() - start)"
    )
    assert min(float(python(code)) for _ in range(2)) < 1.0


def test_importing_does_nothing_else():
    code = (
        "import os, sys, threading, torch; before = (os.getcwd(), torch.get_num_threads(), dict(os.environ));"
        "import avsync; after = (os.getcwd(), torch.get_num_threads(), dict(os.environ));"
        "print(before == after, threading.active_count())"
    )
    assert python(code) == "True 1\n"


def test_the_package_is_typed_and_carries_its_files():
    assert (ROOT / "avsync" / "py.typed").exists()
    for kind in ("face", "avsync", "phones"):
        assert len(list((ROOT / "avsync" / "weights").glob(f"{kind}-*.safetensors"))) == 1


README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
SLACK = {0: 2.0, 1: 2.0, 2: 0.05}
"""By how much a number may differ that is shown with so many decimals: frames and ms, ms, confidence."""
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n+prints[^`]*?:?\n+```text\n(.*?)```)?", flags=re.DOTALL)
"""A Python block, and what the README says that it prints."""


def assert_alike(printed: str, shown: str) -> None:
    """The same text; numbers may differ as machines' rounding makes them."""
    assert NUMBER.sub("#", printed.strip()) == NUMBER.sub("#", shown.strip())
    for number, wanted in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        slack = SLACK[len(wanted.partition(".")[2])]
        assert float(number) == pytest.approx(float(wanted), abs=slack), printed


def test_the_readme_runs_as_printed(tmp_path, monkeypatch, capsys):
    """Its Python blocks, in order, in a folder of their own, print what it shows."""
    monkeypatch.chdir(tmp_path)
    examples = EXAMPLE.findall(README)
    assert sum(bool(shown) for _, shown in examples) == 2
    names: dict[str, object] = {}
    for block, shown in examples:
        exec(compile(block, "README.md", "exec"), names)
        printed = capsys.readouterr().out
        if shown:
            assert_alike(printed, shown)


def test_the_commands_of_the_readme_print_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["sample", "talk.mp4", "--offset-ms", "120"])
    capsys.readouterr()
    (session,) = re.findall(r"```text\n(\$ avsync .*?)```", README, flags=re.DOTALL)
    commands = re.findall(r"\$ avsync ([^\n]*)\n((?:[^$][^\n]*\n)+)", session)
    assert len(commands) == session.count("$ avsync ") > 1
    for command, shown in commands:
        assert main(command.split()) == 0
        assert_alike(capsys.readouterr().out, shown)


def test_the_readme_shows_every_command():
    assert [name for name in COMMANDS if f"avsync {name}" not in README] == []


def test_the_readme_lists_every_module():
    package = Path(avsync.__file__).parent
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    listed = README[README.index("## Files") : README.index("## Licence")]
    assert modules - set(re.findall(r"\w+", listed)) == set()
