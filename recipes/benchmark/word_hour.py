"""An hour of speech with its transcript and no other times: `avsync align` as a program of its own."""

import json
import os
import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import Spoken
from table import Row
from watched import Cost, run
from word_trials import LIMITS_MS, PART, row

from avsync import align, media, metrics

HOUR = 3600.0
SHORTER = (60.0, 600.0)
"""Seconds of shorter recordings, at least: they end with a round of all clips."""
RUNS = 3
SEED = 0
WITH_WEIGHTS = Path(__file__).with_name("with_weights.py")


def measure(clips: Sequence[Spoken], split: str, weights: Path | None = None) -> tuple[list[Row], list[str]]:
    """All rows of this part, and a note when the machine was busy."""
    where = f"GRID {split}, one after the other"
    busy = os.getloadavg()[0]
    notes = (
        [f"hour: the machine was busy (load {busy:.1f}): times on the wall say little."] if busy > 0.5 else []
    )
    empty = run(["-c", "import avsync, torch; print(avsync.__version__, torch.__version__)"])
    with tempfile.TemporaryDirectory() as name:
        speeds = [_speed(clips, seconds, Path(name)) for seconds in SHORTER]
        late, long = _align(clips, HOUR, Path(name), weights)
    n = len(late)
    return [
        row("an hour of speech: start, median error", metrics.median_error(late), "ms", n, where, at_most=15),
        *(
            row(f"an hour of speech: start within {limit} ms", metrics.share_within(late, limit), "share", n,
                where, at_least=0.92 if limit == 50 else None)
            for limit in LIMITS_MS
        ),
        row("an hour of speech: start, largest error", metrics.percentile_error(late, 100), "ms", n, where),
        Row("words, an hour of speech: on the wall", long.wall_s, "s", 1, where, PART, at_most=180.0),
        Row("words, an hour of speech: processor time", long.cores_s, "s", 1, where, PART),
        Row("words, an hour of speech: memory of the program", long.memory_mb, "MB", 1, where, PART),
        Row("words, an hour of speech: memory beyond Python with torch and avsync",
            long.memory_mb - empty.memory_mb, "MB", 1, where, PART, at_most=1000.0),
        *(
            row(f"{seconds:.0f} s of speech, weights loaded: a second of it takes", ms, "ms", RUNS, where,
                at_most=30)
            for seconds, ms in speeds
        ),
    ], notes  # fmt: skip


def _align(
    clips: Sequence[Spoken], seconds: float, folder: Path, weights: Path | None
) -> tuple[np.ndarray, Cost]:
    """Errors of all starts in ms (positive = late), NaN where the program refused; and what it took."""
    words, starts = recording(clips, seconds, folder / "speech.wav")
    (folder / "words.txt").write_text(" ".join(words))
    asked = ["align", "--json", str(folder / "speech.wav"), "--transcript", str(folder / "words.txt")]
    program = ["-m", "avsync"] if weights is None else [str(WITH_WEIGHTS), str(weights.resolve())]
    cost = run([*program, *asked])
    found = [word["heard_start"] for word in json.loads(cost.told).get("words", [])]
    late = 1000 * (np.array(found) - starts) if len(found) == len(starts) else np.full(len(starts), np.nan)
    return late.round(6), cost


def _speed(clips: Sequence[Spoken], at_least: float, folder: Path) -> tuple[float, float]:
    """Seconds of a recording, and the milliseconds that each takes in this process: the best of some runs."""
    words, _ = recording(clips, at_least, folder / "shorter.wav")
    clip = media.load(folder / "shorter.wav")
    seconds = len(clip.waveform) / clip.sample_rate
    took = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        align(clip, " ".join(words), modality="audio")
        took.append(time.perf_counter() - begin)
    return seconds, 1000 * min(took) / seconds


def recording(clips: Sequence[Spoken], seconds: float, path: Path) -> tuple[list[str], np.ndarray]:
    """Write at least `seconds` of clips in ever new orders; returns the words and their starts (W,)."""
    rng = np.random.default_rng(SEED)
    sounds = [media.load(clip.path) for clip in clips]
    words: list[str] = []
    starts: list[float] = []
    samples = 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(media.SAMPLE_RATE)
        while samples < seconds * media.SAMPLE_RATE:
            for number in rng.permutation(len(clips)):
                sound, clip = sounds[number], clips[number]
                words += clip.words
                starts += (clip.times[:, 0] - sound.audio_start + samples / media.SAMPLE_RATE).tolist()
                samples += len(sound.waveform)
                file.writeframes(np.rint(sound.waveform.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return words, np.array(starts)
