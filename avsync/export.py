"""Alignments as files; the suffix chooses the format.

| suffix | format | clock |
|---|---|---|
| .json | all there is, both clocks | |
| .srt .vtt .ass | subtitles: SubRip, WebVTT with the time of each word, ASS karaoke | sound |
| .TextGrid .ctm .eaf | Praat, NIST CTM, ELAN | sound |
| .csv | a row a frame | picture |

Subtitles and annotations follow the sound, because players and Praat time them against it; frames follow the
picture. `clock` says otherwise. All files are UTF-8 with plain line feeds.
"""

import json
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsync import annotations, subtitles
from avsync.alignment import Alignment, Gap, Word
from avsync.clocks import Clocked, on_clock
from avsync.errors import MediaError
from avsync.outputs import trial_path


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


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file."""

    suffix: str
    """As it is usually written."""
    clock: str
    """What its times follow unless told otherwise: `sound` or `picture`."""
    write: Callable[[Clocked, Alignment], str]
    """The text of the file, from the words on the chosen clock."""


FORMATS: dict[str, Format] = {
    form.suffix.lower(): form
    for form in (
        Format(".json", "picture", lambda line, found: to_json(found)),
        Format(".srt", "sound", lambda line, found: subtitles.to_srt(line)),
        Format(".vtt", "sound", lambda line, found: subtitles.to_vtt(line)),
        Format(".ass", "sound", lambda line, found: subtitles.to_ass(line)),
        Format(".TextGrid", "sound", lambda line, found: annotations.to_textgrid(line)),
        Format(".ctm", "sound", lambda line, found: annotations.to_ctm(line, found.source)),
        Format(".eaf", "sound", lambda line, found: annotations.to_eaf(line, found.source)),
        Format(
            ".csv",
            "picture",
            lambda line, found: annotations.to_csv(line, found.frame_times, found.source),
        ),
    )
}
"""Suffix, in lower case -> format."""

TIMED_BY_PLAYERS = (".srt", ".vtt", ".ass")
LATE_S = 0.5
"""Files whose clock begins later than this, seconds, are told when subtitles are written."""
SUFFIXES = ", ".join(form.suffix for form in FORMATS.values())


def check_suffix(path: str | Path) -> str:
    """The suffix of an output, in lower case.

    Errors: MediaError when no format has it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise MediaError(f"{path}: no format has the suffix {suffix!r}. Use one of {SUFFIXES}.")
    return suffix


def render(alignment: Alignment, path: str | Path, clock: str | None = None) -> bytes:
    """The bytes of the file that `write` would write.

    `clock`: `sound` or `picture`; None for the format's own. JSON holds both in any case.
    Errors: MediaError when no format has the suffix, or frames are asked for and there are none; ConfigError
    for another clock.
    """
    form = FORMATS[check_suffix(path)]
    if form.suffix in TIMED_BY_PLAYERS:
        begin = min([alignment.span[0], *alignment.frame_times[:1]])
        if begin >= LATE_S:
            warnings.warn(
                f"{alignment.source} begins at {begin:.1f} s on its clock, which {path} follows: players "
                f"that count from the first picture show it {begin:.1f} s late. Shift it there by as much.",
                stacklevel=2,
            )
    text = form.write(on_clock(alignment, clock or form.clock), alignment)
    # Bytes of a file name or a --text that are no UTF-8 are lone surrogates in Python: as \udce9, which is
    # JSON's escape too, they can be written.
    return text.encode("utf-8", errors="backslashreplace")


def write(
    alignment: Alignment, path: str | Path, overwrite: bool = False, *, clock: str | None = None
) -> None:
    """Write an alignment in the format that the suffix of `path` names; `clock` as in `render`.

    Errors: those of `render`, and MediaError when the file exists and `overwrite` is not given, the folder
    is missing, or the disk is full.
    """
    store({path: render(alignment, path, clock)}, overwrite=overwrite)


def store(files: Mapping[str | Path, bytes], *, overwrite: bool = False) -> None:
    """Put the bytes of `render` into their files: none is in place before all are written. Errors as in
    `write`.
    """
    path: str | Path = ""
    written: list[tuple[Path, str | Path]] = []
    try:
        with ExitStack() as temporaries:
            for path, data in files.items():
                temporary = temporaries.enter_context(trial_path(path, overwrite=overwrite))
                temporary.write_bytes(data)
                written.append((temporary, path))
            for temporary, path in written:
                os.replace(temporary, path)
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
