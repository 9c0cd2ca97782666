"""Texts and times of transcript files."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from alignments import TWO, made, word
from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier

from avsync import export
from avsync.errors import TextError
from avsync.transcripts import Anchor, Transcript, as_transcript, read_transcript

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello,</i> {\\an8}you
two {here}.

2
00:01:00,250 --> 00:01:01,000
- <font color="#fff">Yes</font>, 5 < 6

3
01:00:00,000 --> 01:00:01,000

"""

VTT = """WEBVTT - made by hand

STYLE
::cue { color: red }

NOTE 00:00.000 --> 00:01.000
is a comment

intro
00:01.000 --> 00:02.500 align:start
<v Anna>Hello, <00:00:01.400>you <00:00:02.100>two
{here}.

01:00:00.250 --> 01:00:01.000
<c.loud>Yes</c>, 5 &lt; 6 &amp; R&amp;D
"""

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Default,Arial,20,&H00FFFFFF

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not this
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,second
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\k20}Hello, {\\k30}you\\Ntwo \\{here\\}
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}
"""


def read(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Transcript:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_transcript(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_subrip(tmp_path: Path, encoding: str, ends: str) -> None:
    found = read(tmp_path, "talk.SRT", SRT.replace("\n", ends), encoding)
    assert found.text == "Hello, you\ntwo {here}.\n- Yes, 5 < 6"
    assert found.anchors == (Anchor(1.0, 2.5, (0, 22)), Anchor(60.25, 61.0, (23, 35)))
    assert found.source.endswith("talk.SRT")


def test_webvtt_with_the_times_of_words(tmp_path: Path) -> None:
    found = read(tmp_path, "talk.vtt", VTT)
    assert found.text == "Hello, you two\n{here}.\nYes, 5 < 6 & R&D"
    assert [(anchor.start, anchor.end) for anchor in found.anchors] == [(1.0, 2.5), (3600.25, 3601.0)]


def test_ass_in_the_order_of_time(tmp_path: Path) -> None:
    found = read(tmp_path, "talk.ass", ASS)
    assert found.text == "Hello, you\ntwo {here}\nsecond"
    assert [(anchor.start, anchor.end) for anchor in found.anchors] == [(1.0, 2.5), (5.0, 6.0)]


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrids_that_praatio_writes(tmp_path: Path, form: str, encoding: str) -> None:
    grid = textgrid.Textgrid()
    grid.addTier(IntervalTier("phones", [(0.1, 0.2, "p")], 0, 5))
    words = [(0.5, 1.0, 'say "a" [1] 2.5'), (1.0, 1.5, "sil"), (2.0, 2.5, "naïve")]
    grid.addTier(IntervalTier("Anna - words", words, 0, 5))
    path = tmp_path / "talk.TextGrid"
    grid.save(str(path), form, includeBlankSpaces=True)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    found = read_transcript(path)
    assert found.text == 'say "a" [1] 2.5\nnaïve'
    assert found.anchors == (Anchor(0.5, 1.0, (0, 15)), Anchor(2.0, 2.5, (16, 21)))


def test_without_a_tier_of_words_the_first_with_text_counts(tmp_path: Path) -> None:
    grid = textgrid.Textgrid()
    grid.addTier(IntervalTier("empty", [(0.1, 0.2, "")], 0, 5))
    grid.addTier(IntervalTier("ANNA", [(0.1, 2.0, "so it is")], 0, 5))
    grid.save(str(tmp_path / "talk.TextGrid"), "long_textgrid", includeBlankSpaces=True)
    assert read_transcript(tmp_path / "talk.TextGrid").text == "so it is"


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass", ".TextGrid", ".json"])
def test_what_avsync_writes_it_reads(tmp_path: Path, suffix: str) -> None:
    talk = made(*TWO.words, word("{a}", 1.5, 1.8), word("<so>", 1.8, 2.0), word("R&D\\N", 2.0, 2.4))
    export.write(talk, tmp_path / f"talk{suffix}")
    found = read_transcript(tmp_path / f"talk{suffix}")
    assert " ".join(found.text.split()) == " ".join(one.text for one in talk.words).replace(
        *(("\\N", "") if suffix in (".srt", ".vtt") else ("", ""))  # these two have no way to say it
    )
    assert found.anchors[0].start == pytest.approx(0.52)


def test_plain_text_is_taken_as_it_is(tmp_path: Path) -> None:
    found = read(tmp_path, "talk.txt", "Hello\n00:01 {x} <b>\n")
    assert (found.text, found.anchors) == ("Hello\n00:01 {x} <b>\n", ())
    assert as_transcript("so") == Transcript("so")
    assert as_transcript(found) is found


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "talk.srt",
            "no subtitles here",
            "cannot be read as .srt: it has no line of times such as 00:00:01,000",
        ),
        ("talk.srt", " \n", "has no text"),
        (
            "talk.srt",
            "1\n00:00:01,0 --> 00:00:02,0\nso\n\n2\n00:00:02:900 --> 00:00:03:0\nit\n",
            "cannot be read as .srt: line 6 should be times such as .*, and is '00:00:02:900 --> 00:00:03:0'",
        ),
        ("talk.vtt", "WEBVTT\n\n1:110 --> 2:100\nso\n", "line 3 should be times"),
        ("talk.vtt", "WEBVTT\n\n00:02,900 -->\nso\n", "line 3 should be times"),
        ("talk.eaf", "<xml/>", r"is no transcript that can be read. Give plain text, or \.srt, \.vtt"),
        (
            "talk.json",
            '{"words": []}',
            'cannot be read as .json: it has no "segments" with start, end and text',
        ),
        ("talk.json", "[1, 2]", 'cannot be read as .json: it has no "segments"'),
        ("talk.json", '{"segments": [', "cannot be read as .json: Expecting value"),
        ("talk.json", '{"segments": []}', "has no text"),
        ("talk.json", '{"segments": [{"start": 0, "text": "so"}]}', "segment 1 has no start, end and text"),
        ("talk.json", '{"segments": [{"start": 0, "end": 1e999, "text": "so"}]}', "inf is no time or count"),
        ("talk.json", '{"transcript": "so", "words": [{}]}', "its words have no heard_start and heard_end"),
        ("talk.json", "[" * 100_000, "cannot be read as .json"),
        ("talk.vtt", "WEBVTT\n", "has no text"),
        ("talk.txt", " \n", "has no text"),
        ("talk.TextGrid", "not a grid", "cannot be read as .TextGrid: it ends too early"),
        ("talk.TextGrid", '"ooTextFile" "Table" 0 1', "cannot be read as .TextGrid: it is a Table"),
        (
            "talk.TextGrid",
            'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n1\n<exists>\n2\n',
            "cannot be read as .TextGrid",
        ),
        (
            "talk.TextGrid",
            '"ooTextFile" "TextGrid" 0 1 <exists> 1e999',
            "cannot be read as .TextGrid: 1e999 is no time or count",
        ),
        (
            "talk.TextGrid",
            '"ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "words" 0 1e999 1 0 1e999 "so"',
            "cannot be read as .TextGrid: 1e999 is no time or count",
        ),
        ("talk.srt", f"1\n{'9' * 400}:00:01,0 --> 00:00:02,0\nso\n", "999 is no time or count"),
        ("talk.ass", "no ASS", "has no text"),
    ],
)
def test_files_without_words(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(TextError, match=re.escape(name) + ".*" + message):
        read(tmp_path, name, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"none\.srt cannot be read \(No such file"):
        read_transcript(tmp_path / "none.srt")
    (tmp_path / "talk.txt").write_bytes(b"caf\xe9")
    with pytest.raises(TextError, match=r"talk\.txt is no UTF-8 text \(byte 3\)"):
        read_transcript(tmp_path / "talk.txt")

    (tmp_path / "talk.txt").write_bytes("so".encode("utf-16-le"))  # no mark
    with pytest.raises(TextError, match=r"talk\.txt is no UTF-8 text \(byte 1 is 0\)\. Save it as UTF-8"):
        read_transcript(tmp_path / "talk.txt")
    (tmp_path / "talk.txt").write_bytes("so".encode("utf-16")[:-1])
    with pytest.raises(TextError, match=r"talk\.txt is no UTF-16 text"):
        read_transcript(tmp_path / "talk.txt")


def test_a_part_without_duration_keeps_its_place(tmp_path: Path) -> None:
    found = read(tmp_path, "talk.srt", "00:01,0 --> 00:01,0\nso\n\n00:03,0 --> 00:02,0\nit is\n")
    assert found.anchors == (Anchor(1.0, 1.0, (0, 2)), Anchor(3.0, 3.0, (3, 8)))


def test_subtitles_under_another_name(tmp_path: Path) -> None:
    assert read(tmp_path, "talk.txt", SRT) == replace(
        read(tmp_path, "talk.srt", SRT), source=str(tmp_path / "talk.txt")
    )


def test_each_speaker_of_a_subtitle_has_a_label(tmp_path: Path) -> None:
    found = read(tmp_path, "talk.srt", "00:01,0 --> 00:02,0\n- ANNA: Hi there.\n- BOB: Hello you.\n")
    assert [token.text for token in found.tokens() if not token.readings] == ["-", "ANNA:", "-", "BOB:"]


def test_messages_about_the_text_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"talk\.txt: Line 2 of the transcript has 'п'"):
        read(tmp_path, "talk.txt", "so\nпривет").tokens()
    with pytest.raises(TextError, match=r"^Line 1 of"):
        Transcript("привет").tokens()
