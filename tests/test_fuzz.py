"""Bad input: a fixed sample of the fuzz. `python tests/fuzz.py` runs thousands."""

import os
import signal
import time
from pathlib import Path

import fuzz
import numpy as np
import pytest
from corruptions import Case
from fuzz import FAILURES, prepare, run, table
from fuzz_oracle import Truth, differences

from avsync import media


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> tuple[Path, list[Case], dict[str, Truth]]:
    folder = tmp_path_factory.mktemp("fuzz")
    todo, truths = prepare(folder, 150)
    # Of the sounds of all rates and channels, and of the names, every fourth.
    whole = [c for c in todo if c.kind in ("sound rates and channels", "names")]
    return folder, [c for c in todo if c not in whole] + whole[::4], truths


def test_damaged_files_are_errors_or_warned_of(material):
    folder, todo, truths = material
    assert len(todo) > 150
    results = run(todo, truths, folder, jobs=2)
    failed = [
        f"{verdict.outcome}: {case.base}, {case.kind}, {case.detail}: {'; '.join(verdict.words)}"
        for case, verdict in results
        if verdict.outcome in FAILURES
    ]
    assert not failed, "\n".join([table(results), *failed])


# --- the oracle itself: a test that cannot fail would be none ---


@pytest.fixture(scope="module")
def good(material) -> tuple[Truth, media.Clip]:
    folder, _, truths = material
    path = folder / "h264.mkv"
    return truths["h264.mkv"], media.load(path)


def changed(clip: media.Clip, **what) -> media.Clip:
    values = {name: getattr(clip, name) for name in ("frame_times", "frames", "waveform", "audio_start")}
    values |= what
    return media.Clip(clip.source, sample_rate=clip.sample_rate, info=clip.info, **values)


def test_the_oracle_accepts_the_truth(good):
    truth, clip = good
    assert differences(clip, truth) == ([], [], [])


def test_the_oracle_sees_what_is_wrong(good):
    truth, clip = good
    pictures, times, sound = list(clip.frames), clip.frame_times, clip.waveform
    fewer = changed(clip, frames=pictures[:9] + pictures[11:], frame_times=np.delete(times, [9, 10]))
    holes, _, _ = differences(fewer, truth)
    assert holes == ["2 pictures are missing in the middle, the first 9"]
    _, wrong, _ = differences(changed(clip, frames=pictures[1:], frame_times=times[:-1]), truth)
    assert "pictures carry the times of others (+1)" in wrong
    _, wrong, _ = differences(changed(clip, frame_times=times + 0.02), truth)
    assert any("at times that are none" in w for w in wrong)
    _, wrong, _ = differences(changed(clip, audio_start=clip.audio_start + 0.005), truth)
    assert any("blocks of sound are moved, most by +5 ms" in w for w in wrong)
    silent = sound.copy()
    silent[5000:9000] = 0
    holes, _, _ = differences(changed(clip, waveform=silent), truth)
    assert any("of sound are silent in the middle" in h for h in holes)
    _, wrong, _ = differences(changed(clip, waveform=sound[:12_000]), truth)
    assert any("of sound are missing at the ends" in w for w in wrong)
    _, _, content = differences(changed(clip, frames=[np.full_like(f, 128) for f in pictures]), truth)
    assert content == ["30 pictures are damaged"]


@pytest.mark.parametrize("how", ["crash", "hang", "memory", "exception"])
def test_the_runner_survives_what_it_looks_for(material, monkeypatch, how):
    def examine(path, truth):
        if how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if how == "memory":
            held = np.ones(200_000_000, np.uint8)
            time.sleep(20 + held[0])
        if how == "hang":
            time.sleep(20)
        raise KeyError("x")

    folder, _, truths = material
    monkeypatch.setattr(fuzz, "examine", examine)
    if how == "hang":
        monkeypatch.setattr(fuzz, "SECONDS_LIMIT", 0.2)
    if how == "memory":
        monkeypatch.setattr(fuzz, "MEMORY_LIMIT", 150_000_000)
    [(_, verdict)] = run([Case("any", "h264.mkv", "", b"x")], truths, folder)
    assert verdict.outcome == how
