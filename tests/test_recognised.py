"""What recognisers of speech write, as transcripts with rough times."""

from pathlib import Path

import pytest

from avsync.transcripts import Anchor, read_transcript

WHISPER = """{"text": " So it is. And it was.", "language": "en", "segments": [
  {"id": 0, "seek": 0, "start": 0.5, "end": 2.0, "text": " So it is.", "tokens": [1], "no_speech_prob": 0.1},
  {"id": 1, "seek": 0, "start": 2.0, "end": 3.25, "text": " And it was.", "words": [{"word": " And"}]}]}"""
WHISPER_CPP = """{"model": {"type": "base"}, "transcription": [
  {"timestamps": {"from": "00:00:00,500"}, "offsets": {"from": 500, "to": 2000}, "text": " So it is."},
  {"offsets": {"from": 2000, "to": 3250}, "text": " And it was."}]}"""


@pytest.mark.parametrize("text", [WHISPER, WHISPER_CPP])
def test_what_recognisers_write(tmp_path: Path, text: str) -> None:
    (tmp_path / "talk.json").write_text(text)
    found = read_transcript(tmp_path / "talk.json")
    assert found.text == "So it is.\nAnd it was."
    assert found.anchors == (Anchor(0.5, 2.0, (0, 9)), Anchor(2.0, 3.25, (10, 21)))
