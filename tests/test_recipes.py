"""What the recipes read and how they split, without training anything."""

import sys
from pathlib import Path

import numpy as np
import pytest
from recipe_files import RECIPES, recipe

from avsync.utterances import PhoneTimes, Utterance, save_utterance

GRID = RECIPES / "grid"


def touch(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("video", "align"),
    [
        ("s1/bbaf2n.mpg", "s1/align/bbaf2n.align"),
        ("s1/video/mpg_6000/bbaf2n.mpg", "alignments/s1/bbaf2n.align"),
        ("video/s1/bbaf2n.mkv", "align/s1/bbaf2n.align"),
    ],
)
def test_the_official_layouts_of_grid_are_read(tmp_path, video, align):
    touch(tmp_path / video)
    touch(tmp_path / align)
    touch(tmp_path / "s2" / "bbaf2n.mpg")  # the same sentence of a speaker without word times
    (entry,) = recipe("grid", "prepare").entries(tmp_path)
    assert (entry.speaker, entry.name) == ("s1", "bbaf2n")
    assert (entry.video, entry.align) == (tmp_path / video, tmp_path / align)


def test_a_pack_with_a_manifest_is_read(tmp_path):
    touch(
        tmp_path / "manifest.csv",
        "speaker,utterance,path,align_path,transcript\n"
        "s3,sbia1a,s3/sbia1a.mkv,s3/sbia1a.align,set blue in a one again\n"
        "s10,nocode1,s10/nocode1.mkv,,\n",
    )
    (entry,) = recipe("grid", "prepare").entries(tmp_path)
    assert (entry.speaker, entry.name, entry.video) == ("s3", "sbia1a", tmp_path / "s3" / "sbia1a.mkv")


def test_word_times_are_read_in_seconds_without_silences(tmp_path):
    touch(tmp_path / "a.align", "0 23750 sil\n23750 29500 bin\n29500 30000 sp\n30000 74500 blue\n")
    words, times = recipe("grid", "prepare").read_align(tmp_path / "a.align")
    assert words == ("bin", "blue")
    np.testing.assert_allclose(times, [[0.95, 1.18], [1.2, 2.98]])


def test_no_speaker_is_in_two_parts_and_the_reserved_ones_are_in_none():
    split = recipe("grid", "split")
    parts = {speaker: split.part(speaker) for speaker in (f"s{n}" for n in range(1, 35))}
    assert {speaker for speaker, part in parts.items() if part == "reserved"} == {
        "s2",
        "s24",
        "s26",
        "s29",
        "s33",
    }
    assert not split.TEST & split.VALIDATION
    assert {speaker for speaker, part in parts.items() if part == "test"} == split.TEST
    assert parts["s1"] == parts["s4"] == "train"


def test_packed_utterances_are_those_of_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "grid"
    cache.mkdir()
    for name in ("s1-b", "s1-a", "s4-c"):
        sound = np.full(160, len(name) / 10, np.float32)
        spoken = Utterance(name, name[:2], sound, 0.0, ("a",), np.array([[0.0, 0.01]]))
        save_utterance(spoken, cache / f"{name}.npz")
    monkeypatch.setattr(
        sys, "argv", ["pack.py", str(cache), "--out", str(tmp_path / "tar"), "--per-shard", "2"]
    )
    recipe("grid", "pack").main()
    assert sorted(path.name for path in (tmp_path / "tar").iterdir()) == [
        "grid-000000.tar",
        "grid-000001.tar",
    ]
    read = recipe("grid", "cache").read
    for pattern, names in (("*", ["s1-a", "s1-b", "s4-c"]), ("s4-*", ["s4-c"])):
        for folder in (cache, tmp_path / "tar"):
            assert [utterance.name for utterance in read(folder, pattern)] == names


def test_labels_are_moved_to_the_zero_of_the_speaker():
    cache = recipe("grid", "cache")
    zeros = cache.zero_points()
    assert set(zeros) >= {"s1", "s4", "s30"}
    assert max(abs(ms) for ms in zeros.values()) < 25
    sound = np.zeros(160, np.float32)
    phones = PhoneTimes(np.array([1]), np.array([0.31]), np.array([0.39]))
    early = Utterance("a", "s1", sound, 0.25, ("a",), np.array([[0.3, 0.4]]), None, phones)
    # A sound that leads by 8 ms is brought into sync by playing it 8 ms later.
    moved = cache.in_sync(early, {"s1": 8.0})
    assert moved.audio_start == pytest.approx(0.258)
    np.testing.assert_allclose(moved.word_times, [[0.308, 0.408]])
    np.testing.assert_allclose([moved.phones.starts, moved.phones.ends], [[0.318], [0.398]])
    assert cache.in_sync(early, {"s4": 8.0}).audio_start == 0.25


def test_the_average_of_the_weights_forgets_its_beginning_and_then_moves_slowly(monkeypatch):
    pytest.importorskip("lightning", reason="training needs the extra `train`")
    monkeypatch.syspath_prepend(GRID)
    train = recipe("grid", "train")
    average = 100.0
    for count in range(200):
        share = train.kept(count)
        average = share * average + (1 - share) * 1.0
    assert average == pytest.approx(1.0, abs=0.01)
    assert train.kept(10**6) == train.AVERAGE
