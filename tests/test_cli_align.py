"""`avsync align` and `avsync annotate`: transcripts and lexicons as files, output, and files written."""

import sys
from pathlib import Path

import pytest
from command_line import LEADING, run_json

import avsync
from avsync import cli, export, lips, render
from avsync.alignment import Alignment, Gap, Word
from avsync.cli import main
from avsync.errors import MediaError
from avsync.transcripts import Anchor

WORDS = [
    Word("place", 0.52, 0.81, 0.4, 0.69, 13, 20, 0.98, 14.0, "aligned"),
    Word("blue", 0.81, 0.83, 0.69, 0.71, None, None, 0.1, 60.0, "low"),
]
ALIGNED = Alignment(WORDS, LEADING, [Gap(0.0, 0.52, "silence", -0.12, 0.4)], "place blue", "clip.mp4")


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


def test_nothing_is_written_where_one_of_the_files_cannot_be_written(clip, monkeypatch, capsys):
    monkeypatch.setattr(cli, "align", lambda file, text, **how: ALIGNED)
    fresh = export.trial_path

    def trial_path(target, **how):
        if str(target).endswith(".vtt"):
            raise MediaError(f"{target} cannot be written (Read-only file system)")
        return fresh(target, **how)

    monkeypatch.setattr(export, "trial_path", trial_path)
    assert main(["align", clip, "--text", "place blue", "-o", "a.json", "a.vtt", "a.ass"]) == 2
    assert "a.vtt cannot be written" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir() if path.name.startswith((".", "a"))] == []


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
        (
            avsync.Transcript("place blue\n", source="words.txt"),
            {"modality": "video", "lexicon": None, "audio_stream": None},
        )
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


# annotate


def test_annotate(clip, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(cli, "annotate", lambda source, target, **how: asked.update(how) or ALIGNED)
    assert (
        main(
            ["annotate", clip, "-o", "out.mp4", "--text", "place blue", "--overwrite", "--audio-stream", "2"]
        )
        == 0
    )
    how = {"lexicon": None, "audio_stream": 2, "overwrite": True}
    assert asked == {"transcript": avsync.Transcript("place blue"), **how}
    assert capsys.readouterr().out.endswith("wrote out.mp4\n")


def test_faces_are_tracked_once(clip, monkeypatch):
    asked = []
    monkeypatch.setattr(render, "track", lambda clip: asked.append("track") or ())
    monkeypatch.setattr(lips, "track", lambda clip: pytest.fail("tracked again"))
    monkeypatch.setattr(render, "align", lambda clip, text, tracks, **how: asked.append(tracks) or ALIGNED)
    assert main(["annotate", clip, "-o", "out.mp4", "--text", "place blue"]) == 0
    assert asked == ["track", ()]
    assert avsync.detect_offset(avsync.load(clip), tracks=()).reason == "no_face"
