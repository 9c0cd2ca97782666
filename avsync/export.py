"""Alignments as files: JSON, SubRip, WebVTT and Praat's TextGrid.

JSON holds both clocks; subtitles and TextGrids follow the sound (`heard_start`, `heard_end`), because players
and Praat time them against it. All files are UTF-8 with plain line feeds.
"""

import html
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pysubs2

from avsync.align import Alignment, Gap, Word
from avsync.errors import MediaError
from avsync.media import atomic_path
from avsync.timebase import seconds_to_ms

LINE_CHARACTERS = 42
"""Width of a subtitle line, as broadcasters' guidelines have it."""
CUE_LINES = 2
"""Lines that a subtitle has at most."""
CUE_SECONDS = 6.0
"""A subtitle stands no longer than this ..."""
CUE_PAUSE = 0.5
"""... and no pause as long as this, seconds, lies inside one."""
SENTENCE_ENDS = (".", "?", "!", "…")

Interval = tuple[float, float, str]


def to_json_dict(alignment: Alignment) -> dict[str, Any]:
    """The object that `avsync align --json` prints: seconds to the millisecond, milliseconds to a tenth."""
    offset_ms = alignment.offset.ms if alignment.offset is not None else None
    return {
        "file": alignment.source,
        "transcript": alignment.transcript,
        "offset_ms": None if offset_ms is None else _rounded(offset_ms, 1),
        "words": [_word(word) for word in alignment.words],
        "gaps": [_gap(gap) for gap in alignment.gaps],
    }


def to_json(alignment: Alignment) -> str:
    """The object of `to_json_dict`, indented."""
    return json.dumps(to_json_dict(alignment), ensure_ascii=False, indent=2) + "\n"


def to_srt(alignment: Alignment) -> str:
    """SubRip subtitles on the sound's clock."""
    return _subtitles(alignment, str).to_string("srt")


def to_vtt(alignment: Alignment) -> str:
    """WebVTT subtitles on the sound's clock."""
    return _subtitles(alignment, lambda text: html.escape(text, quote=False)).to_string("vtt")


def to_textgrid(alignment: Alignment) -> str:
    """A TextGrid (long form) on the sound's clock, with the tiers `words` and `phones`; silence is an empty
    interval.
    """
    words = [(word.heard_start, word.heard_end, word.text) for word in alignment.words]
    phones = [(phone.start, phone.end, phone.unit) for word in alignment.words for phone in word.phones]
    begin = _rounded(min(0.0, alignment.span[0], *(start for start, _, _ in words)))
    end = _rounded(max(alignment.span[1], *(stop for _, stop, _ in words)))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        f"xmin = {begin} ",
        f"xmax = {end} ",
        "tiers? <exists> ",
        "size = 2 ",
        "item []: ",
    ]
    for number, (name, intervals) in enumerate((("words", words), ("phones", phones)), 1):
        tiles = list(_tiles(intervals, begin, end))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier" ',
            f'        name = "{name}" ',
            f"        xmin = {begin} ",
            f"        xmax = {end} ",
            f"        intervals: size = {len(tiles)} ",
        ]
        for index, (start, stop, text) in enumerate(tiles, 1):
            quoted = text.replace('"', '""')
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {start} ",
                f"            xmax = {stop} ",
                f'            text = "{quoted}" ',
            ]
    return "\n".join(lines) + "\n"


WRITERS: dict[str, Callable[[Alignment], str]] = {
    ".json": to_json,
    ".srt": to_srt,
    ".vtt": to_vtt,
    ".textgrid": to_textgrid,
}
"""Suffix, in lower case -> the text of the file."""


def check_suffix(path: str | Path) -> str:
    """The suffix of an output, in lower case.

    Errors: MediaError when no format has it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise MediaError(
            f"{path}: no format has the suffix {suffix!r}. Use one of .json, .srt, .vtt, .TextGrid."
        )
    return suffix


def write(alignment: Alignment, path: str | Path, overwrite: bool = False) -> None:
    """Write an alignment in the format that the suffix of `path` names.

    Errors: MediaError when no format has the suffix, the file exists and `overwrite` is not given, the folder
    is missing, or the disk is full.
    """
    text = WRITERS[check_suffix(path)](alignment)
    # Bytes of a file name or a --text that are no UTF-8 are lone surrogates in Python: as \udce9, which is
    # JSON's escape too, they can be written.
    data = text.encode("utf-8", errors="backslashreplace")
    try:
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise MediaError(f"{path} cannot be written ({error.strerror}). Is the disk full?") from error


def _word(word: Word) -> dict[str, Any]:
    return {
        "text": word.text,
        "start": _rounded(word.start),
        "end": _rounded(word.end),
        "first_frame": word.first_frame,
        "last_frame": word.last_frame,
        "confidence": _rounded(word.confidence),
        "plus_minus_ms": _rounded(word.plus_minus_ms, 1),
        "status": word.status,
        "heard_start": _rounded(word.heard_start),
        "heard_end": _rounded(word.heard_end),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {"start": _rounded(gap.start), "end": _rounded(gap.end), "status": gap.status}


def _rounded(number: float, digits: int = 3) -> float:
    return round(float(number), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def _tiles(intervals: Sequence[Interval], begin: float, end: float) -> Iterator[Interval]:
    """Intervals with empty ones between them, so that they cover `begin` to `end` without a hole."""
    reached = begin
    for start, stop, text in intervals:
        start, stop = _rounded(start), _rounded(stop)
        if start > reached:
            yield reached, start, ""
        yield start, stop, text
        reached = stop
    if end > reached:
        yield reached, end, ""


def _cues(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words grouped into subtitles: by pauses, by length, and after the end of a sentence."""
    cue: list[Word] = []
    for word in words:
        if cue and (
            word.heard_start - cue[-1].heard_end >= CUE_PAUSE
            or word.heard_end - cue[0].heard_start > CUE_SECONDS
            or len(_lines([*cue, word])) > CUE_LINES
            or cue[-1].text.rstrip("\"'”’)").endswith(SENTENCE_ENDS)
        ):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def _lines(cue: Sequence[Word]) -> list[str]:
    text = " ".join(word.text for word in cue)
    return textwrap.wrap(text, LINE_CHARACTERS, break_long_words=False, break_on_hyphens=False)


def _subtitles(alignment: Alignment, escape: Callable[[str], str]) -> pysubs2.SSAFile:
    subtitles = pysubs2.SSAFile()
    for cue in _cues(alignment.words):
        # pysubs2 reads { } as style tags and would drop what is between them
        lines = [escape(line).replace("{", "(").replace("}", ")") for line in _lines(cue)]
        event = pysubs2.SSAEvent(
            start=max(0, round(seconds_to_ms(cue[0].heard_start))),
            end=max(1, round(seconds_to_ms(cue[-1].heard_end))),
        )
        event.plaintext = "\n".join(lines)
        subtitles.append(event)
    return subtitles
