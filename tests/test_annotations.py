"""TextGrid, CTM, EAF and frame tables, byte for byte, and read back by other people's readers."""

import csv
import dataclasses
import io
import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from alignments import TWO, made, unspoken, word
from praatio import textgrid

from avsync import export
from avsync.errors import MediaError

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


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="avsync" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:a &amp; b.wav" MIME_TYPE="audio/x-wav" \
RELATIVE_MEDIA_URL="./a &amp; b.wav"/>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="600"/>
        <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="600"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="700"/>
        <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="700"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="words" TIER_ID="words">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>&lt;now&gt;</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="phones" PARENT_REF="words" TIER_ID="phones">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE>n</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts5" TIME_SLOT_REF2="ts6">
                <ANNOTATION_VALUE>aw</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="words" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Included_In" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="phones" \
TIME_ALIGNABLE="true"/>
    <CONSTRAINT DESCRIPTION="Time alignable annotations within the parent annotation's time interval, \
gaps are allowed" STEREOTYPE="Included_In"/>
</ANNOTATION_DOCUMENT>
"""


def rendered(alignment: object, suffix: str, clock: str | None = None) -> str:
    return export.render(alignment, f"talk{suffix}", clock).decode()  # type: ignore[arg-type]


# TextGrid


def test_textgrid_byte_for_byte() -> None:
    assert rendered(TWO, ".TextGrid") == TEXTGRID


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


def test_the_textgrid_of_the_picture_has_its_words_and_phones_where_they_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "talk.TextGrid"
    export.write(TWO, path, clock="picture")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert [(entry.start, entry.end) for entry in grid.getTier("words").entries] == [(0.62, 0.9), (0.9, 1.3)]
    phones = [(entry.start, entry.end, entry.label) for entry in grid.getTier("phones").entries]
    assert (phones[0], phones[-1]) == ((0.62, 0.69, "p"), (1.1, 1.3, "aw"))
    assert grid.maxTimestamp == pytest.approx(3.1)


def test_textgrid_reaches_back_to_words_before_zero() -> None:
    assert "\nxmin = -0.05 \n" in rendered(made(word("so", -0.05, 0.2)), ".TextGrid")


def test_quotes_are_doubled_in_a_textgrid() -> None:
    assert 'text = """c""" ' in rendered(made(word('"c"', 0.6, 0.9)), ".TextGrid")


# CTM


def test_ctm_byte_for_byte() -> None:
    alignment = made(
        unspoken("ANNA:", 0.1, 0.52),
        word("Place", 0.52, 0.8),
        word("New York", 0.8, 1.2345),
        source="some/my talk.mp4",
    )
    assert rendered(alignment, ".ctm") == (
        "my_talk 1 0.520 0.280 Place 0.981\nmy_talk 1 0.800 0.434 New_York 0.981\n"
    )
    assert rendered(alignment, ".ctm", "picture").startswith("my_talk 1 0.620 0.280 Place")


# EAF


def test_eaf_byte_for_byte() -> None:
    alignment = made(word("<now>", 0.5, 0.7, "n aw"), source="some/a & b.wav")
    assert rendered(alignment, ".eaf") == EAF


def test_pympi_reads_the_eaf_back(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi").Elan
    path = tmp_path / "talk.eaf"
    export.write(TWO, path)
    read = elan.Eaf(str(path))
    assert list(read.get_tier_names()) == ["words", "phones"]
    assert sorted(entry[:3] for entry in read.get_annotation_data_for_tier("words")) == [
        (520, 800, "Place"), (800, 1200, '"now."'),
    ]  # fmt: skip
    assert len(read.get_annotation_data_for_tier("phones")) == 6
    assert read.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./talk.mp4"


def test_an_eaf_is_xml_whatever_is_written_and_its_phones_lie_inside_words() -> None:
    alignment = made(
        word("<b>&\"'\x07\udce9", 0.1234, 0.3338, "b iy"),
        word("naïve", 0.3338, 0.9111, "n ay iy v"),
        word("so", -0.2, -0.1, "s ow"),
    )
    root = ElementTree.fromstring(rendered(alignment, ".eaf"))
    values = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")}
    assert list(values.values()) == sorted(values.values())
    spans: dict[str, list[tuple[int, int]]] = {}
    for tier in root.iter("TIER"):
        spans[tier.get("TIER_ID", "")] = [
            (values[one.get("TIME_SLOT_REF1")], values[one.get("TIME_SLOT_REF2")])
            for one in tier.iter("ALIGNABLE_ANNOTATION")
        ]
    assert all(start < end for tier in spans.values() for start, end in tier)
    for start, end in spans["phones"][:6]:
        assert any(a <= start and end <= b for a, b in spans["words"])
    texts = [value.text for value in root.iter("ANNOTATION_VALUE")]
    assert texts[:2] == ["<b>&\"'\ufffd\\udce9", "naïve"]


# Frames


def test_frames_byte_for_byte() -> None:
    times = [0.08 * n for n in range(17)]
    assert rendered(made(*TWO.words, frame_times=times), ".csv") == (
        "frame,time,word,text,phone,confidence,status\n"
        "0,0.000000,,,,,\n1,0.080000,,,,,\n"
        "2,0.160000,,,,,silence\n3,0.240000,,,,,silence\n4,0.320000,,,,,silence\n5,0.400000,,,,,silence\n"
        "6,0.480000,,,,,silence\n7,0.560000,,,,,silence\n"
        "8,0.640000,0,Place,p,0.981,aligned\n9,0.720000,0,Place,l,0.981,aligned\n"
        "10,0.800000,0,Place,ey,0.981,aligned\n11,0.880000,0,Place,s,0.981,aligned\n"
        '12,0.960000,1,"""now.""",n,0.981,low\n13,1.040000,1,"""now.""",n,0.981,low\n'
        '14,1.120000,1,"""now.""",aw,0.981,low\n15,1.200000,1,"""now.""",aw,0.981,low\n'
        '16,1.280000,1,"""now.""",aw,0.981,low\n'
    )


@pytest.mark.parametrize("clock", ["picture", "sound", None])
def test_the_frames_of_a_word_are_those_from_its_start_up_to_before_its_end(clock: str | None) -> None:
    times = [0.0, 0.4, 0.52, 0.62, 0.7999, 0.8, 0.9, 1.2, 1.3, 2.0]  # variable rate, edges hit exactly
    alignment = made(*TWO.words, frame_times=times)
    rows = list(csv.DictReader(io.StringIO(rendered(alignment, ".csv", clock))))
    assert [row["frame"] for row in rows] == [str(n) for n in range(len(times))]
    for index, one in enumerate(TWO.words):
        start, end = (one.heard_start, one.heard_end) if clock == "sound" else (one.start, one.end)
        inside = [n for n, time in enumerate(times) if start <= time < end]
        assert [n for n, row in enumerate(rows) if row["word"] == str(index)] == inside


def test_a_table_of_frames_needs_frames() -> None:
    with pytest.raises(MediaError, match=r"talk\.wav has no pictures.*Use \.json, \.ctm or \.TextGrid"):
        rendered(made(word("so", 0.1, 0.2), source="talk.wav"), ".csv")


def test_a_frame_names_its_word_by_its_place_in_the_json() -> None:
    words = [word("far", 0.0, 0.1, status="not_spoken"), *TWO.words]
    words[0] = dataclasses.replace(words[0], absent=True)
    alignment = made(*words, frame_times=[0.7, 1.0])
    rows = list(csv.DictReader(io.StringIO(rendered(alignment, ".csv"))))
    assert [row["word"] for row in rows] == ["1", "2"]
    listed = json.loads(rendered(alignment, ".json"))["words"]
    assert [listed[int(row["word"])]["text"] for row in rows] == [row["text"] for row in rows]
