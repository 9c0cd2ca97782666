"""Files, byte for byte, and read back by other people's readers."""

import errno
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pysubs2
import pytest
from praatio import textgrid

from avsync import export
from avsync.align import Alignment, Gap, Phone, Word
from avsync.errors import MediaError


def word(text: str, start: float, end: float, phones: str = "", status: str = "aligned") -> Word:
    """A word heard from `start` to `end` and seen 0.1 s later, with phones of equal length."""
    units = phones.split()
    length = (end - start) / max(len(units), 1)
    return Word(
        text=text, start=start + 0.1, end=end + 0.1, heard_start=start, heard_end=end,
        first_frame=int(start * 25), last_frame=None if status == "low" else int(end * 25) - 1,
        confidence=0.98123, plus_minus_ms=14.0, status=status,
        phones=tuple(Phone(u, start + n * length, start + (n + 1) * length) for n, u in enumerate(units)),
    )  # fmt: skip


def made(*words: Word, source: str = "talk.mp4", offset_ms: float | None = 100.0) -> Alignment:
    return Alignment(
        words=list(words),
        offset=None if offset_ms is None else SimpleNamespace(ms=offset_ms),  # type: ignore[arg-type]
        gaps=[Gap(0.1, words[0].start, "silence")],
        transcript=" ".join(one.text for one in words),
        source=source,
        span=(0.0, 3.0),
    )


TWO = made(word("Place", 0.52, 0.8, "p l ey s"), word('"now."', 0.8, 1.2, "n aw", status="low"))

JSON = """{
  "file": "talk.mp4",
  "transcript": "Place \\"now.\\"",
  "offset_ms": 100.0,
  "words": [
    {
      "text": "Place",
      "start": 0.62,
      "end": 0.9,
      "first_frame": 13,
      "last_frame": 19,
      "confidence": 0.981,
      "plus_minus_ms": 14.0,
      "status": "aligned",
      "heard_start": 0.52,
      "heard_end": 0.8
    },
    {
      "text": "\\"now.\\"",
      "start": 0.9,
      "end": 1.3,
      "first_frame": 20,
      "last_frame": null,
      "confidence": 0.981,
      "plus_minus_ms": 14.0,
      "status": "low",
      "heard_start": 0.8,
      "heard_end": 1.2
    }
  ],
  "gaps": [
    {
      "start": 0.1,
      "end": 0.62,
      "status": "silence"
    }
  ]
}
"""

SRT = """1
00:00:00,520 --> 00:00:01,200
Place "now."

"""

VTT = """WEBVTT

1
00:00:00.520 --> 00:00:01.200
Place "now."

"""

TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0_
xmax = 3.0_
tiers? <exists>_
size = 2_
item []:_
    item [1]:
        class = "IntervalTier"_
        name = "words"_
        xmin = 0.0_
        xmax = 3.0_
        intervals: size = 4_
        intervals [1]:
            xmin = 0.0_
            xmax = 0.52_
            text = ""_
        intervals [2]:
            xmin = 0.52_
            xmax = 0.8_
            text = "Place"_
        intervals [3]:
            xmin = 0.8_
            xmax = 1.2_
            text = "\""now.\"""_
        intervals [4]:
            xmin = 1.2_
            xmax = 3.0_
            text = ""_
    item [2]:
        class = "IntervalTier"_
        name = "phones"_
        xmin = 0.0_
        xmax = 3.0_
        intervals: size = 8_
        intervals [1]:
            xmin = 0.0_
            xmax = 0.52_
            text = ""_
        intervals [2]:
            xmin = 0.52_
            xmax = 0.59_
            text = "p"_
        intervals [3]:
            xmin = 0.59_
            xmax = 0.66_
            text = "l"_
        intervals [4]:
            xmin = 0.66_
            xmax = 0.73_
            text = "ey"_
        intervals [5]:
            xmin = 0.73_
            xmax = 0.8_
            text = "s"_
        intervals [6]:
            xmin = 0.8_
            xmax = 1.0_
            text = "n"_
        intervals [7]:
            xmin = 1.0_
            xmax = 1.2_
            text = "aw"_
        intervals [8]:
            xmin = 1.2_
            xmax = 3.0_
            text = ""_
""".replace("_\n", " \n")


@pytest.mark.parametrize(
    ("suffix", "text"), [(".json", JSON), (".srt", SRT), (".vtt", VTT), (".TextGrid", TEXTGRID)]
)
def test_files_byte_for_byte(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"talk{suffix}"
    export.write(TWO, path)
    assert path.read_bytes() == text.encode("utf-8")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_json_has_the_fields_of_the_interface_and_nothing_else() -> None:
    found = export.to_json_dict(TWO)
    assert list(found) == ["file", "transcript", "offset_ms", "words", "gaps"]
    assert set(found["words"][0]) == {
        "text", "start", "end", "first_frame", "last_frame", "confidence", "plus_minus_ms", "status",
        "heard_start", "heard_end",
    }  # fmt: skip
    assert json.loads(export.to_json(TWO)) == found
    assert export.to_json_dict(made(word("so", 0.5, 0.7), offset_ms=None))["offset_ms"] is None


def test_json_has_no_minus_zero_and_keeps_letters() -> None:
    text = export.to_json(made(word("naïve", -0.1, 0.2)))
    assert '"start": 0.0,' in text
    assert "naïve" in text


@pytest.mark.parametrize("suffix", [".json", ".srt", ".vtt", ".TextGrid"])
def test_names_and_words_that_are_no_utf8_are_written(tmp_path: Path, suffix: str) -> None:
    odd = b"caf\xe9".decode("utf-8", errors="surrogateescape")
    alignment = made(word(odd, 0.1, 0.4), word("naïve", 0.4, 0.8), source=f"{odd}.mp4")
    export.write(alignment, tmp_path / f"talk{suffix}")
    text = (tmp_path / f"talk{suffix}").read_bytes().decode()
    assert "caf\\udce9" in text
    assert "naïve" in text
    if suffix == ".json":
        assert json.loads(text) == export.to_json_dict(alignment)


def test_subtitles_break_at_pauses_sentences_and_length() -> None:
    words = [word("One", 0.0, 0.3), word("two.", 0.3, 0.6), word("Three", 0.7, 1.0), word("four", 1.6, 2.0)]
    long = [word("extraordinary", 3 + n * 0.2, 3.2 + n * 0.2) for n in range(12)]
    cues = pysubs2.SSAFile.from_string(export.to_srt(made(*words, *long)))
    assert [cue.plaintext for cue in cues][:3] == ["One two.", "Three", "four"]
    assert [(cue.start, cue.end) for cue in cues][:3] == [(0, 600), (700, 1000), (1600, 2000)]
    assert [cue.plaintext.count("extraordinary") for cue in cues][3:] == [6, 6]
    assert all(len(line) <= 42 for cue in cues for line in cue.plaintext.splitlines())
    assert all(here.end <= there.start for here, there in pairwise(cues))


def test_subtitles_stand_no_longer_than_six_seconds() -> None:
    cues = pysubs2.SSAFile.from_string(export.to_srt(made(*(word("so", n, n + 0.9) for n in range(14)))))
    assert max(cue.end - cue.start for cue in cues) <= 6000
    assert " ".join(cue.plaintext for cue in cues).split() == ["so"] * 14


def test_signs_that_mean_something_to_a_format_are_kept() -> None:
    alignment = made(word("{a}", 0.1, 0.3), word("<b>&", 0.3, 0.6), word('"c"', 0.6, 0.9))
    assert '(a) <b>& "c"' in export.to_srt(alignment)
    assert '(a) &lt;b&gt;&amp; "c"' in export.to_vtt(alignment)
    assert 'text = """c""" ' in export.to_textgrid(alignment)


def test_praatio_reads_the_textgrid_back(tmp_path: Path) -> None:
    path = tmp_path / "talk.TextGrid"
    export.write(TWO, path)
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    assert grid.tierNames == ("words", "phones")
    words = grid.getTier("words").entries
    assert [tuple(entry) for entry in words if entry.label] == [(0.52, 0.8, "Place"), (0.8, 1.2, '"now."')]
    for name in grid.tierNames:
        entries = grid.getTier(name).entries
        assert (entries[0].start, entries[-1].end) == (0.0, 3.0)
        assert all(a.end == b.start for a, b in pairwise(entries))


def test_textgrid_reaches_back_to_words_before_zero() -> None:
    assert "\nxmin = -0.05 \n" in export.to_textgrid(made(word("so", -0.05, 0.2)))


def test_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        MediaError, match=r"talk\.doc: no format has the suffix '\.doc'.*\.json, \.srt, \.vtt, \.TextGrid"
    ):
        export.write(TWO, tmp_path / "talk.doc")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_with_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MediaError, match=r"[/\\]talk\.srt cannot be written \(No space left on device\)"):
        export.write(TWO, tmp_path / "talk.srt")
    assert not list(tmp_path.iterdir())


def test_files_are_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_text("mine")
    with pytest.raises(MediaError, match=r"talk\.srt"):
        export.write(TWO, path)
    assert path.read_text() == "mine"
    export.write(TWO, path, overwrite=True)
    assert path.read_bytes() == SRT.encode()
