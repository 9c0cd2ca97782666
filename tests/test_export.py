"""Alignments as files: the formats by their suffixes, and JSON byte for byte."""

import errno
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alignments import TWO, made, word

from avsync import export
from avsync.errors import AVSyncError, MediaError
from avsync.outputs import other_endings

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


SUFFIXES = [".json", ".srt", ".vtt", ".ass", ".TextGrid", ".ctm", ".eaf", ".csv"]


def test_json_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    export.write(TWO, path)
    assert path.read_bytes() == JSON.encode()
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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_and_words_that_are_no_utf8_are_written(tmp_path: Path, suffix: str) -> None:
    odd = b"caf\xe9".decode("utf-8", errors="surrogateescape")
    alignment = made(
        word(odd, 0.1, 0.4), word("naïve", 0.4, 0.8), source=f"{odd}.mp4", frame_times=[0.2, 0.3, 0.6]
    )
    export.write(alignment, tmp_path / f"talk{suffix}")
    text = (tmp_path / f"talk{suffix}").read_bytes().decode()
    assert "caf\\udce9" in text
    assert "naïve" in text
    if suffix == ".json":
        assert json.loads(text) == export.to_json_dict(alignment)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_have_plain_line_feeds_and_are_the_same_every_time(suffix: str) -> None:
    alignment = made(*TWO.words, frame_times=[0.2, 0.3, 0.6])
    data = export.render(alignment, f"talk{suffix}")
    assert data == export.render(alignment, f"TALK{suffix.upper()}")
    assert data.endswith(b"\n")
    assert b"\r" not in data


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(AVSyncError, match="clock is 'wall': it must be one of sound, picture"):
        export.render(TWO, "talk.srt", "wall")


def test_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        MediaError,
        match=r"talk\.doc: no format has the suffix '\.doc'.*\.json, \.srt.*\.csv",
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
    assert path.read_bytes() == export.render(TWO, path)


def test_subtitles_of_a_file_whose_clock_begins_late_are_told() -> None:
    late = replace(TWO, span=(10.0, 12.0), frame_times=np.array([10.04, 10.08]))
    with pytest.warns(
        UserWarning, match=r"talk\.mp4 begins at 10\.0 s on its clock, which talk\.srt follows"
    ):
        export.render(late, "talk.srt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export.render(late, "talk.TextGrid")
        export.render(TWO, "talk.srt")


@pytest.mark.parametrize(
    ("name", "endings"), [("a.avi", ".mkv or .mp4"), ("a.MKV", ".mp4 or .mov"), ("a.mp4", ".mkv or .mov")]
)
def test_another_ending_is_advised(name: str, endings: str) -> None:
    assert other_endings(Path(name)) == endings
