"""Subtitle files, byte for byte, and read back by pysubs2."""

import re
from itertools import pairwise

import pysubs2
import pytest
from alignments import TWO, made, unspoken, word

from avsync import export
from avsync.subtitles import ASS_HEAD

SRT = """1
00:00:00,520 --> 00:00:01,520
Place "now."

"""

VTT = """WEBVTT

1
00:00:00.520 --> 00:00:01.520
Place <00:00:00.800>"now."

"""

ASS = f"""{ASS_HEAD}
Dialogue: 0,0:00:00.52,0:00:01.52,Default,,0,0,0,,{{\\kf28}}Place {{\\kf40}}"now."
"""


def rendered(alignment: object, suffix: str, clock: str | None = None) -> str:
    return export.render(alignment, f"talk{suffix}", clock).decode()  # type: ignore[arg-type]


@pytest.mark.parametrize(("suffix", "text"), [(".srt", SRT), (".vtt", VTT), (".ass", ASS)])
def test_files_byte_for_byte(suffix: str, text: str) -> None:
    assert rendered(TWO, suffix) == text


def test_the_picture_clock_moves_subtitles_by_the_offset() -> None:
    assert "00:00:00,620 --> 00:00:01,620" in rendered(TWO, ".srt", "picture")
    assert "<00:00:00.900>" in rendered(TWO, ".vtt", "picture")
    assert "0:00:00.62,0:00:01.62" in rendered(TWO, ".ass", "picture")


TALK = made(
    unspoken("[music]", 0.0, 2.0),
    unspoken("ANNA:", 2.0, 2.1),
    word("Extraordinarily", 2.1, 2.9),
    word("long", 2.9, 3.2),
    word("sentences,", 3.2, 3.8),
    unspoken("–", 3.8, 3.9),
    word("she", 3.9, 4.0),
    word("said,", 4.0, 4.3),
    word("do", 4.335, 4.4999),
    word("not", 4.5, 4.7777),
    word("fit.", 4.9999, 5.4),
    word("5 < 6", 5.9, 6.5),
    word("& {more}", 6.5, 6.9),
    end=10.0,
)


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_pysubs2_reads_every_word_back(suffix: str) -> None:
    read = pysubs2.SSAFile.from_string(rendered(TALK, suffix))
    text = " ".join(re.sub(r"<[\d:.]+>", "", event.text) for event in read).replace("\\N", " ")
    text = re.sub(r"\{\\k[^}]*\}", "", text).replace("\\{", "{").replace("\\}", "}")
    text = text.replace("&lt;", "<").replace("&amp;", "&")
    assert text == " ".join(one.text for one in TALK.words)


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_pysubs2_reads_rising_times_that_do_not_overlap(suffix: str) -> None:
    events = list(pysubs2.SSAFile.from_string(rendered(TALK, suffix)))
    assert len(events) >= 3
    assert all(event.start < event.end for event in events)
    assert all(here.end <= there.start for here, there in pairwise(events))


def test_vtt_has_the_start_of_every_spoken_word() -> None:
    text = rendered(TALK, ".vtt")
    starts = re.findall(r"([\d:.]+) --> [\d:.]+\n", text)
    inline = re.findall(r"<([\d:.]+)>", text)
    spoken = [one for one in TALK.words if one.status != "interpolated"]
    expected = [f"00:00:{one.heard_start:06.3f}" for one in spoken]
    assert sorted({*starts[1:], *inline}) == sorted(expected)  # the first subtitle is [music]
    for cue in text.split("\n\n")[1:-1]:
        times = re.findall(r"\d\d:\d\d:\d\d\.\d{3}", cue)
        begin, end, *inside = times
        assert [begin, *inside] == sorted({begin, *inside})
        assert all(time < end for time in inside)


@pytest.mark.parametrize("count", range(1, 13))
def test_pysubs2_takes_no_line_of_vtt_for_a_head(count: int) -> None:
    """It does so where a line holds exactly two times."""
    alignment = made(*(word("word", n * 0.3, n * 0.3 + 0.3) for n in range(count)), end=9.0)
    events = pysubs2.SSAFile.from_string(rendered(alignment, ".vtt"))
    assert sum(event.text.count("word") for event in events) == count
    assert all(len(re.findall(r"<[\d:.]+>", line)) != 2 for line in rendered(alignment, ".vtt").split("\n"))


def test_karaoke_never_drifts_from_the_words() -> None:
    """Tags are hundredths: their sum from the start of the line is each word's time, to half of one."""
    spoken = [one for one in TALK.words if one.status != "interpolated"]
    found = []
    for event in pysubs2.SSAFile.from_string(rendered(TALK, ".ass")):
        reached = event.start / 1000
        for kind, length in re.findall(r"\\(kf?)(\d+)", event.text):
            if kind == "kf":
                found.append((reached, reached + int(length) / 100))
            reached += int(length) / 100
    assert len(found) == len(spoken)
    for (start, end), one in zip(found, spoken, strict=True):
        assert start == pytest.approx(one.heard_start, abs=0.0056)
        assert end == pytest.approx(one.heard_end, abs=0.0056)


def test_signs_that_mean_something_to_a_format_are_kept() -> None:
    alignment = made(word("{a}", 0.1, 0.3), word("<b>&", 0.3, 0.6), word('"c"\\N', 0.6, 0.9))
    assert '{a} <b>& "c"\\N' in rendered(alignment, ".srt")
    assert '{a} <00:00:00.300>&lt;b&gt;&amp;\n<00:00:00.600>"c"\\N' in rendered(alignment, ".vtt")
    assert '\\{a\\} {\\kf30}<b>& {\\kf30}"c"\\\u2060N' in rendered(alignment, ".ass")


def test_hours_are_counted() -> None:
    alignment = made(word("late", 36000.0, 36000.5), end=36001.0)
    assert "10:00:00,000 --> 10:00:01,000" in rendered(alignment, ".srt")
    assert "10:00:00.000 --> 10:00:01.000" in rendered(alignment, ".vtt")
    assert "10:00:00.00,10:00:01.00" in rendered(alignment, ".ass")


def test_words_before_zero_stand_at_zero() -> None:
    text = rendered(made(word("so", -0.3, -0.1), word("what.", 0.6, 0.9)), ".srt")
    assert "00:00:00,000 --> 00:00:00,520\nso" in text
