"""What subtitle files say, as their writers meant it."""

import re

import pytest

from avsync.captions import EXAMPLE, Caption, read


def texts(written: str, suffix: str = ".srt") -> list[str]:
    return [caption.text.strip() for caption in read(written, suffix)]


def srt(*parts: str, numbers: bool = True, blank: str = "\n") -> str:
    """A subtitle a second."""
    return blank.join(
        (f"{n + 1}\n" if numbers else "") + f"00:00:{n:02},000 --> 00:00:{n + 1:02},000\n{part}\n"
        for n, part in enumerate(parts)
    )


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("blank", ["\n", "\n\n", ""])
def test_numbers_that_are_said_stay(numbers: bool, blank: str) -> None:
    said = ["See you in\n2014", "In\n1984", "7", "so\n12"]
    assert texts(srt(*said, numbers=numbers, blank=blank)) == said


def test_times_in_all_the_usual_forms() -> None:
    written = "00:01.5 --> 00:02,25 X1:40 X2:600\none\n\n 1:00:00,007  -->  1:00:01.000\ntwo\n"
    assert read(written, ".srt") == [Caption(1.5, 2.25, "one\n"), Caption(3600.007, 3601.0, "two\n")]


def test_an_arrow_in_the_text_is_text() -> None:
    assert texts(srt("A --> B", "2 -> 3")) == ["A --> B", "2 -> 3"]


def test_an_empty_line_inside_belongs_to_a_subtitle_of_srt() -> None:
    assert texts(srt("Hello\n\nthere", "you")) == ["Hello\n\nthere", "you"]


VTT = """WEBVTT

NOTE one

STYLE
::cue { color: red }

cue two
00:00.000 --> 00:01.000
Hello
there

8c0b-a2a5/24-0
00:01.000 --> 00:02.000 align:start
WE TOOK
NOTE OF IT

3
00:02.000 --> 00:03.000
STYLE IS ALL.

00:03.000 --> 00:04.000
&lt;now&gt; 2014

NOTE last"""


def test_names_and_notes_of_webvtt_are_not_said() -> None:
    said = ["Hello\nthere", "WE TOOK\nNOTE OF IT", "STYLE IS ALL.", "<now> 2014"]
    assert texts(VTT, ".vtt") == said
    assert texts(VTT, ".srt") == said, "whatever the file is called"


def test_marks_of_html_are_read_as_players_do() -> None:
    said = texts(srt("it&#39;s&nbsp;me &amp; <i>you</i>", "Hello<br>you<br />there", "5 < 6 {so} R&D"))
    assert said == ["it's\u00a0me & you", "Hello\nyou\nthere", "5 < 6 {so} R&D"]


def test_lines_of_ass() -> None:
    head = "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    line = "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,- Hi {\\i1}there.\\N- Bye\\hyou.\n"
    assert texts(head + line, ".ass") == ["- Hi there.\n- Bye you."]


PLATFORM = """WEBVTT
Kind: captions
Language: en

00:00:00.080 --> 00:00:02.000 align:start position:0%
 
so<00:00:00.320><c> today</c><00:00:00.640><c> we</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
so today we
 

00:00:02.010 --> 00:00:04.000 align:start position:0%
so today we
go<00:00:02.320><c> home</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
go home
 

00:00:04.010 --> 00:00:06.000 align:start position:0%
go home
home<00:00:05.320><c> again</c>
"""  # noqa: W293 (a line of a blank is not the end of a subtitle)


def test_lines_that_roll_up_are_said_once() -> None:
    found = [caption for caption in read(PLATFORM, ".vtt") if caption.text.strip()]
    assert [caption.text.split() for caption in found] == [["so", "today", "we"], ["go", "home"],
                                                          ["home", "again"]]  # fmt: skip
    assert [caption.start for caption in found] == [0.08, 2.01, 4.01]
    live = srt("one two", "one two\nthree", "one two\nthree\nfour five", "three\nfour five\nsix")
    assert [text.split() for text in texts(live)] == [["one", "two"], ["three"], ["four", "five"], ["six"]]
    for count in (2, 4, 7):
        assert texts(srt(*["work work work"] * count)) == ["work work work"] * count
    growing = srt("so", "so we", "so we go", "so we go far", "home")
    assert texts(growing) == ["so", "we", "go", "far", "home"]


def test_what_is_said_twice_stays() -> None:
    said = ["No.", "No.", "No, I go home", "home is far", "and so it is"]
    assert texts(srt(*said[1:])) == said[1:]
    assert texts(srt("No.", "No.")) == ["No.", "No."]
    assert texts(srt("go on", "go on", "and then", "we went")) == ["go on", "go on", "and then", "we went"]


def test_a_refrain_and_words_far_apart_are_said_again() -> None:
    refrain = ["la la", "la la la", "la la home", "yes"]
    apart = [
        f"00:00:{10 * n:02},000 --> 00:00:{10 * n + 2:02},000\n{text}\n" for n, text in enumerate(refrain)
    ]
    assert texts("\n".join(apart)) == refrain
    assert (
        texts("\n".join(part.replace(text, "No.") for part, text in zip(apart, refrain, strict=True)))
        == ["No."] * 4
    )


@pytest.mark.parametrize(
    "line",
    [
        "00:00:03, 000 --> 00:00:04, 000",
        "-00:00:01,000 --> 00:00:02,000",
        "00:00:02:900 --> 00:00:03:0",
        "1:110 --> 2:100",
        "00:00:02,900 -->",
        "00:00:01,000 -> 00:00:02,000",
    ],
)
def test_lines_that_are_meant_as_times_and_are_none_are_told(line: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"line 5 should be times such as {EXAMPLE}, and is '{line}'")
    ):
        read(f"1\n00:00:00,0 --> 00:00:01,0\nso\n\n{line}\nit is\n", ".srt")


def test_times_in_the_text_are_text() -> None:
    said = ["10:30 -> 11:00 daily", "at 10:30 we go"]
    assert texts(srt(*said)) == said


@pytest.mark.parametrize("blank", ["\n", "\n\n\n"])
def test_lines_with_empty_ones_between_lose_no_text_and_gain_no_numbers(blank: str) -> None:
    doubled = srt("hi there", "we go in\n1984", "so").replace("\n", blank)
    assert [" ".join(text.split()) for text in texts(doubled)] == ["hi there", "we go in 1984", "so"]


def test_a_number_before_a_cue_without_a_name_stays() -> None:
    assert texts("WEBVTT\n\n1\n00:01.0 --> 00:02.0\nIn\n1984\n\n00:03.0 --> 00:04.0\nso\n", ".vtt") == [
        "In\n1984",
        "so",
    ]


def test_subtitles_come_in_the_order_of_their_times() -> None:
    assert texts("00:05.000 --> 00:06.000\nlater\n\n00:01.000 --> 00:02.000\nfirst\n") == ["first", "later"]
