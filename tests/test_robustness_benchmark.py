"""Altered pictures and sounds of the benchmark: what each does to a clip, and that every one is measured."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avsync.media import Clip

RATE = 16_000


def test_altered_pictures_are_as_many_and_show_what_they_did(benchmark_script):
    made = benchmark_script("alterations")
    shown = [np.full((120, 160, 3), 100, np.uint8) for _ in range(30)]
    for one in shown:
        one[:60, :80] = (200, 50, 50)  # a corner to tell directions by
    for name, change in made.PICTURES.items():
        altered = change(shown)
        assert len(altered) == 30, name
        assert {one.dtype for one in altered} == {np.dtype(np.uint8)}, name
        assert len({one.shape for one in altered}) == 1, name
        assert not np.array_equal(altered[-1], shown[-1]), name
    corner = shown[0][10, 10]
    np.testing.assert_array_equal(made.PICTURES["mirrored"](shown)[0][10, -10], corner)
    np.testing.assert_array_equal(made.PICTURES["on its side"](shown)[0][-10, 10], corner)
    assert made.PICTURES["on its side"](shown)[0].shape == (160, 120, 3)
    assert made.PICTURES["stretched by 4/3"](shown)[0].shape == (120, 213, 3)
    small = made.PICTURES["inset of 100 rows in 720p"](shown)[0]
    assert small.shape == (720, 1280, 3)
    np.testing.assert_array_equal(small[610, 1280 - 20 - 130], corner)
    assert (
        made.PICTURES["dark"](shown)[0].mean()
        < 0.6 * shown[0].mean()
        < made.PICTURES["bright"](shown)[0].mean()
    )
    still = [shown[0]] * 30
    for name in ("noise", "shaken by 2 %", "camera moves", "flickering light"):
        altered = made.PICTURES[name](still)
        assert not np.array_equal(altered[0], altered[29]), name


def test_several_who_talk_stand_in_tiles(benchmark_script):
    made = benchmark_script("alterations")
    people = [[np.full((120, 160, 3), 20 * number, np.uint8)] * (2 + number) for number in range(1, 10)]
    first, *rest = made.tiled(people[0], people[1:], 3)
    assert len(rest) == 2
    assert first.shape == (3 * 240, 3 * 320, 3)
    seen = {int(first[240 * row + 120, 320 * column + 160, 0]) for row in range(3) for column in range(3)}
    assert seen == {20 * number for number in range(1, 10)}
    assert made.tiled(people[0], people[1:3], 2)[0].shape == (480, 640, 3)
    np.testing.assert_array_equal(rest[1], first)


def test_altered_sounds_are_as_long_and_differ_by_what_was_asked(benchmark_script):
    made = benchmark_script("alterations")
    sound = np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)
    for name, change in made.SOUNDS.items():
        altered = np.asarray(change(sound, np.random.default_rng(0)))
        assert altered.shape == sound.shape, name
        assert np.isfinite(altered).all(), name
        assert not np.array_equal(altered, sound), name
    noise = made.white(0)(sound, np.random.default_rng(0)) - sound
    assert noise.std() == pytest.approx(sound.std(), rel=0.01)
    later = made.echo(250, -6)(sound, None) - sound
    np.testing.assert_allclose(later[RATE // 4 :], 0.501 * sound[: -RATE // 4], atol=1e-3)
    assert not later[: RATE // 4].any()
    quiet = made.quieter(60)(sound, None)
    np.testing.assert_allclose(quiet, sound / 1000, atol=0.51 / 32768)
    assert np.corrcoef(made.room(0.6)(sound, np.random.default_rng(0)), sound)[0, 1] > 0.9


def test_a_clip_is_measured_in_every_alteration(benchmark_script, monkeypatch):
    robustness, made, corpus = (benchmark_script(name) for name in ("robustness", "alterations", "corpus"))
    picture = np.full((120, 160, 3), 90, np.uint8)
    sound = np.random.default_rng(0).normal(0, 0.1, 3 * RATE)
    clip = Clip("made", np.arange(75) / 25, [picture] * 75, sound.astype(np.float32), RATE, 0.0, None)
    asked = []

    def detect_offset(clip, tracks=None):
        asked.append(clip)
        return SimpleNamespace(
            ms=None if len(asked) == 3 else 5.0 * (len(asked) == 2), ci_ms=None, confidence=1.0, scores=[],
            lags_ms=[],
        )  # fmt: skip

    monkeypatch.setattr(robustness.media, "load", lambda path: clip)
    monkeypatch.setattr(robustness.lips, "track", lambda clip, config: ())
    monkeypatch.setattr(robustness, "detect_offset", detect_offset)
    wild = [
        corpus.Wild("a.mp4", Path("a.mp4"), "P1", 3.0, False),
        corpus.Wild("edge/b", Path("b"), "P2", 3.0, True),
    ]
    rows = robustness.measure(wild)
    kinds = len(made.PICTURES) + 2 + len(made.SOUNDS)
    assert len(asked) == 1 + kinds
    assert len(rows) == 4 * kinds
    first, second = (list(made.PICTURES)[n] for n in (0, 1))
    value = {row.name: row.value for row in rows}
    assert value[f"picture, {first}: largest move"] == 5.0
    assert value[f"picture, {first}: moves by at most 15 ms"] == 1.0
    assert value[f"picture, {second}: not answered"] == 1.0
    assert value[f"picture, {second}: moves by at most 15 ms"] == 0.0
