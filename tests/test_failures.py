"""Bad input: the error's type and message, the exit code, and that no file is left behind."""

import contextlib
import json
import re
import tempfile
import wave
from pathlib import Path

import av
import pytest

import avsync
from avsync.cli import main

COMMANDS = {
    "offset": ["offset", "IN"],
    "correct": ["correct", "IN", "out.mp4"],
    "align": ["align", "IN", "--text", "maybe Bob", "-o", "out.srt"],
    "annotate": ["annotate", "IN", "-o", "out.mp4", "--text", "maybe Bob"],
    "info": ["info", "IN"],
}
UNREADABLE = {
    "missing": "does not exist",
    "empty": "is empty (0 bytes)",
    "text": "cannot be read as media",
    "cut_off": "cannot be read as media",
    "folder": "is a folder",
}


@pytest.fixture
def bad(flash_and_beep, tmp_path, monkeypatch):
    """`bad(kind)`: the name of a file with that defect, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(kind: str) -> str:
        path = Path(f"{kind}.mp4")
        if kind == "folder":
            path.mkdir()
        elif kind == "empty":
            path.touch()
        elif kind == "text":
            path.write_text("this is no video\n" * 100)
        elif kind == "cut_off":  # the table of contents stands at the end and is lost
            whole = flash_and_beep().path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
        elif kind != "missing":
            path.write_bytes(flash_and_beep(**UNMEASURABLE[kind][0]).path.read_bytes())
        return str(path)

    return make


UNMEASURABLE = {
    "no_audio": ({"audio": None}, "no audio stream"),
    "no_video": ({"suffix": "wav", "video": None, "audio": "pcm_s16le"}, "no video stream"),
    "no_face": ({}, "no face was found"),
    "too_short": ({"seconds": 0.8}, "lasts less than a second"),
}
"""Readable clips whose offset cannot be determined: how they are rendered, and the words for it."""


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", UNREADABLE)
def test_files_that_cannot_be_read(bad, kind, command, capsys):
    name = bad(kind)
    before = sorted(p.name for p in Path().iterdir())
    assert main([name if word == "IN" else word for word in COMMANDS[command]]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"avsync: error: {name} ")
    assert UNREADABLE[kind] in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in Path().iterdir()) == before


@pytest.mark.parametrize("kind", UNREADABLE)
def test_the_same_in_python(bad, kind):
    with pytest.raises(avsync.MediaError, match=UNREADABLE[kind].replace("(", r"\(").replace(")", r"\)")):
        avsync.load(bad(kind))


@pytest.mark.parametrize("kind", UNMEASURABLE)
def test_offsets_that_cannot_be_determined(bad, kind, capsys):
    name = bad(kind)
    assert main(["offset", name]) == 3
    assert UNMEASURABLE[kind][1] in capsys.readouterr().out
    found = avsync.detect_offset(name)
    assert (found.ms, found.ci_ms, found.verdict, found.reason) == (None, None, "undetermined", kind)


@pytest.mark.parametrize("kind", UNMEASURABLE)
def test_nothing_is_corrected_then(bad, kind, capsys):
    name = bad(kind)
    assert main(["correct", name, "out.mp4"]) == 3
    assert UNMEASURABLE[kind][1] in capsys.readouterr().out
    assert [p.name for p in Path().iterdir()] == [name]


ANSWERS = {
    #           offset, correct, align, annotate
    "no_audio": (3, 3, 3, 3),
    "no_video": (3, 3, 0, 2),  # words can be heard; there is nothing to draw on
    "no_face": (3, 3, 0, 0),
    "too_short": (3, 3, 3, 3),
    "silence": (3, 3, 0, 0),  # words are read from the lips
}
"""Exit codes for clips with speech and a face, except for what the name says."""


@pytest.fixture
def lacking(bad, talks):
    """`lacking(kind)`: the name of a clip of `ANSWERS`. The talking head is the source of speech and face."""
    talk = talks[0.0][0]

    def make(kind: str) -> str:
        if kind in ("no_audio", "too_short"):  # no face either; the short one ends before the first beep
            return bad(kind)
        target = Path(f"{kind}.mkv")
        with tempfile.TemporaryDirectory() as folder:
            silence = Path(folder, "silence.wav")
            with wave.open(str(silence), "wb") as sound:
                sound.setparams((1, 2, 16_000, 0, "NONE", ""))
                sound.writeframes(bytes(2 * 16_000 * 3))
            if kind == "no_video":
                join(target, (talk, "audio"))
            elif kind == "no_face":
                join(target, (Path(bad("no_face")), "video"), (talk, "audio"))
                Path("no_face.mp4").unlink()
            elif kind == "silence":
                join(target, (talk, "video"), (silence, "audio"))
        return str(target)

    return make


def join(target: Path, *parts: tuple[Path, str]) -> None:
    """A file of one stream each of some others, all copied."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(av.open(str(target), "w"))
        sources = [stack.enter_context(av.open(str(path))).streams.get({kind: 0})[0] for path, kind in parts]
        copies = [out.add_stream_from_template(source) for source in sources]
        for source, copy in zip(sources, copies, strict=True):
            for packet in source.container.demux(source):
                if packet.size:
                    packet.stream = copy
                    out.mux(packet)


@pytest.mark.parametrize("kind", ANSWERS)
def test_clips_that_lack_something(lacking, kind, capsys):
    name = lacking(kind)
    codes = dict(zip(("offset", "correct", "align", "annotate"), ANSWERS[kind], strict=True))
    for command, code in codes.items():
        words = [name if word == "IN" else word for word in COMMANDS[command]]
        assert main(words) == code, command
        out, err = capsys.readouterr()
        lines = err.splitlines()
        if code == 2:
            assert (out, len(lines)) == ("", 1)
            assert err.startswith("avsync: error: ")
        else:
            assert all(line.startswith("avsync: warning: ") for line in lines)
        assert "Traceback" not in out + err
        assert "defect" not in out + err
        left = sorted(str(path) for path in Path().iterdir() if str(path) != name)
        assert left == ([words[words.index("-o") + 1]] if code == 0 else []), command
        for path in left:
            Path(path).unlink()


def test_silence(lacking, capsys):
    """A face that moves its lips, and no sound: the offset is not guessed."""
    name = lacking("silence")
    assert main(["offset", "--json", name]) == 3
    line = json.loads(capsys.readouterr().out)
    assert (line["offset_ms"], line["verdict"], line["reason"]) == (None, "undetermined", "no_speech")


@pytest.mark.parametrize("command", ["correct", "annotate"])
def test_the_input_is_never_the_output(bad, command, capsys):
    name = bad("no_face")
    content = Path(name).read_bytes()
    Path("link.mp4").symlink_to(name)
    for target in (name, f"./{name}", "link.mp4"):
        words = {
            "correct": ["correct", name, target],
            "annotate": ["annotate", name, "-o", target, "--text", "a"],
        }
        assert main([*words[command], "--overwrite"]) == 2
        assert "is the input itself" in capsys.readouterr().err
    assert Path(name).read_bytes() == content


def test_an_existing_output_is_kept(bad, capsys):
    name = bad("no_face")
    Path("out.mp4").write_text("precious")
    assert main(["correct", name, "out.mp4", "--offset-ms", "100"]) == 2
    assert "out.mp4 exists" in capsys.readouterr().err
    assert Path("out.mp4").read_text() == "precious"
    assert main(["correct", name, "out.mp4", "--offset-ms", "100", "--overwrite"]) == 0
    assert avsync.load("out.mp4").has_audio


@pytest.mark.parametrize("kind", ["missing", "text", "no_audio", "no_video"])
def test_a_dry_run_refuses_what_the_real_one_would(bad, kind, capsys):
    name = bad(kind)
    for words in ([], ["--dry-run"]):
        assert main(["correct", name, "out.mp4", "--offset-ms", "100", *words]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize("target", ["out.gif", "out.webm"])
def test_a_dry_run_refuses_a_container_that_the_real_one_would(bad, target, capsys):
    name = bad("no_face")
    said = []
    for words in ([], ["--dry-run"]):
        assert main(["correct", name, target, "--offset-ms", "100", *words]) == 2
        said.append(capsys.readouterr())
    assert said[0] == said[1]
    assert said[0].err.startswith("avsync: error: ")
    assert [p.name for p in Path().iterdir()] == [name]


def test_an_unknown_container_is_refused_before_the_measurement(bad, capsys):
    assert main(["correct", bad("no_face"), "out.xyz"]) == 2  # 3 when it was measured first
    assert "no container is known by the ending '.xyz'" in capsys.readouterr().err


def test_an_error_is_the_only_line(bad, capsys):
    """No warning about the offset where the words cannot be found anyway."""
    assert main(["align", bad("no_face"), "--text", "place", "--modality", "both"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("command", "code"), [("info", 0), ("offset", 3)])
def test_a_truncated_file_that_still_opens_is_read_with_a_warning(
    flash_and_beep, tmp_path, capsys, command, code
):
    whole = flash_and_beep("mkv", audio="flac").path.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    assert main([command, str(cut)]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        rf"avsync: warning: {re.escape(str(cut))} is damaged or truncated: "
        r".*the file ends at 1\.\d\d s instead of the declared 2\.40 s",
        line,
    )


@pytest.mark.parametrize("text", ["", "  \n", "..."])
def test_a_transcript_without_words(bad, text, capsys):
    name = bad("no_face")
    assert main(["align", name, "--text", text, "-o", "out.srt"]) == 2
    assert capsys.readouterr().err.startswith("avsync: error: ")
    with pytest.raises(avsync.TextError):
        avsync.align(name, text)
    assert not Path("out.srt").exists()


def test_a_sample_that_cannot_be_rendered(tmp_path, capsys):
    for words in (["x.gif"], ["x.mp4", "--offset-ms", "5000"], ["x.mp4", "--text", "never recorded"]):
        target = str(tmp_path / words[0])
        assert main(["sample", target, *words[1:]]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
