"""Files for phoneticians and programs: Praat's TextGrid, NIST's CTM, ELAN's EAF, a table of the frames."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from xml.sax.saxutils import escape, quoteattr

from avsync.clocks import Clocked, whole_ms
from avsync.errors import MediaError
from avsync.timebase import Times, frames_between

Interval = tuple[float, float, str]


def to_textgrid(line: Clocked) -> str:
    """A TextGrid (long form) with the tiers `words` and `phones`; silence is an empty interval."""
    begin, end = _rounded(line.start), _rounded(line.end)
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
    for number, (name, intervals) in enumerate((("words", _words(line)), ("phones", _phones(line))), 1):
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


def to_ctm(line: Clocked, source: str) -> str:
    """CTM, a line a spoken word: recording, channel, start, duration (seconds), word, confidence.

    The recording is the source's name without folder and suffix; white space becomes `_`.
    """
    name = _one_field(PurePath(source).stem) or "-"
    lines = []
    for said in line.words:
        if said.spoken:
            start, stop = _rounded(said.start), _rounded(said.end)
            word = _one_field(said.text)
            lines.append(f"{name} 1 {start:.3f} {stop - start:.3f} {word} {said.word.confidence:.3f}\n")
    return "".join(lines)


def _one_field(text: str) -> str:
    return re.sub(r"\s", "_", text)


def to_eaf(line: Clocked, source: str) -> str:
    """ELAN's EAF 3.0 with the tier `words` and, inside its annotations, the tier `phones`; milliseconds.

    The medium is looked for beside the file. The date, which the format demands, is always the same, so that
    the same input gives the same bytes.
    """
    slots: list[int] = []
    tiers = []
    count = 0
    for name, intervals in (("words", _words(line)), ("phones", _phones(line))):
        rows = []
        for start, stop, text in intervals:
            begin = whole_ms(start)
            slots += [begin, max(whole_ms(stop), begin + 1)]
            count += 1
            rows.append(
                "        <ANNOTATION>\n"
                f'            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a{count}" '
                f'TIME_SLOT_REF1="ts{len(slots) - 1}" TIME_SLOT_REF2="ts{len(slots)}">\n'
                f"                <ANNOTATION_VALUE>{escape(_xml_text(text))}</ANNOTATION_VALUE>\n"
                "            </ALIGNABLE_ANNOTATION>\n"
                "        </ANNOTATION>\n"
            )
        parent = ' PARENT_REF="words"' if name == "phones" else ""
        head = f'    <TIER LINGUISTIC_TYPE_REF="{name}"{parent} TIER_ID="{name}"'
        tiers.append(f"{head}>\n{''.join(rows)}    </TIER>\n" if rows else f"{head}/>\n")
    order = "".join(
        f'        <TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{value}"/>\n'
        for number, value in sorted(enumerate(slots, 1), key=lambda slot: (slot[1], slot[0]))
    )
    file = _xml_text(PurePath(source).name)
    kind = MIME_TYPES.get(PurePath(source).suffix.lower(), "unknown")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ANNOTATION_DOCUMENT AUTHOR="avsync" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n'
        f'        <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(f"file:{file}")} MIME_TYPE="{kind}" '
        f"RELATIVE_MEDIA_URL={quoteattr(f'./{file}')}/>\n"
        "    </HEADER>\n"
        f"    <TIME_ORDER>\n{order}    </TIME_ORDER>\n"
        f"{''.join(tiers)}"
        '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="words" '
        'TIME_ALIGNABLE="true"/>\n'
        '    <LINGUISTIC_TYPE CONSTRAINTS="Included_In" GRAPHIC_REFERENCES="false" '
        'LINGUISTIC_TYPE_ID="phones" TIME_ALIGNABLE="true"/>\n'
        "    <CONSTRAINT DESCRIPTION=\"Time alignable annotations within the parent annotation's time "
        'interval, gaps are allowed" STEREOTYPE="Included_In"/>\n'
        "</ANNOTATION_DOCUMENT>\n"
    )


MIME_TYPES = {
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".wav": "audio/x-wav",
    ".webm": "video/webm",
}
"""Suffix -> the type that ELAN chooses its player by."""

COLUMNS = ("frame", "time", "word", "text", "phone", "confidence", "status")


def to_csv(line: Clocked, frame_times: Times, source: str) -> str:
    """A row for each decoded frame: its number and time (seconds), and the word (its place in the words of
    the JSON, and its text) and phone at that time.

    A word holds the frames with `start <= time < end`. Between words, `status` is that of the gap.
    Errors: MediaError without frames.
    """
    if not len(frame_times):
        raise MediaError(
            f"{source} has no pictures, so there are no frames for a .csv file. Use .json, .ctm or .TextGrid."
        )
    words, phones, status = ([""] * len(frame_times) for _ in range(3))
    for gap in line.gaps:
        _mark(status, frame_times, gap.start, gap.end, gap.status)
    for said in line.words:
        _mark(words, frame_times, said.start, said.end, str(said.number))
        _mark(status, frame_times, said.start, said.end, said.word.status)
        for phone in said.phones:
            _mark(phones, frame_times, phone.start, phone.end, phone.unit)
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    by_number = {str(said.number): said for said in line.words}
    for frame, (time, word) in enumerate(zip(frame_times, words, strict=True)):
        said_there = by_number.get(word)
        text = "" if said_there is None else said_there.text
        sure = "" if said_there is None else f"{said_there.word.confidence:.3f}"
        phone_there = phones[frame] if word else ""
        rows.writerow((frame, f"{time + 0.0:.6f}", word, text, phone_there, sure, status[frame]))
    return table.getvalue()


def _mark(row: list[str], frame_times: Times, start: float, end: float, value: str) -> None:
    found = frames_between(frame_times, start, end)
    if found is not None:
        first, last = found
        row[first : last + 1] = [value] * (last + 1 - first)


def _words(line: Clocked) -> list[Interval]:
    return [(said.start, said.end, said.text) for said in line.words]


def _phones(line: Clocked) -> list[Interval]:
    return [(phone.start, phone.end, phone.unit) for said in line.words for phone in said.phones]


def _tiles(intervals: Sequence[Interval], begin: float, end: float) -> Iterator[Interval]:
    """Intervals with empty ones between them, so that they cover `begin` to `end` without a hole."""
    reached = begin
    for start, stop, text in intervals:
        start, stop = max(_rounded(start), reached), _rounded(stop)
        if stop <= start:
            continue
        if start > reached:
            yield reached, start, ""
        yield start, stop, text
        reached = stop
    if end > reached:
        yield reached, end, ""


def _xml_text(text: str) -> str:
    """`text` without the control characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ud800-\udfff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _rounded(seconds: float) -> float:
    return round(float(seconds), 3) + 0.0  # + 0.0 turns -0.0 into 0.0
