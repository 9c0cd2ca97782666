"""Words of clips from the wild as noise grows: does `both` lose where lips tell little?

Nobody knows when their words are said; what counts is against their own times by the sound without noise.
"""

import dataclasses
from collections.abc import Sequence

import corruption
import numpy as np
from corpus import Spoken, Wild
from table import Row
from tqdm import tqdm
from word_trials import against, ask, drawn, row

from avsync import lips, media, metrics
from avsync.alignment import Alignment

DRAWS = 3
"""Times that each noise is drawn for each clip."""
SNR_DB = (20, 10, 5, 0, -5)
MODALITIES = ("audio", "both", "auto")
WHERE = "wild"


def measure(clips: Sequence[Wild], voices: Sequence[Spoken]) -> list[Row]:
    """All rows of this part; `voices` make the babble."""
    sounds = [media.load(voice.path).waveform for voice in voices]
    late: dict[tuple[str, int, str], list[np.ndarray]] = {}
    for one in tqdm([one for one in clips if one.transcript and not one.edge], desc="wild words in noise"):
        clip = media.load(one.path)
        tracks = lips.track(clip)
        rng = drawn(one.name)
        words = one.transcript.split()
        plain = ask(clip, words, tracks=tracks)
        if plain is None or not tracks:
            continue
        truth = _times(plain)
        sure = np.array([word.status == "aligned" for word in plain.words])
        for kind, snr in [(kind, snr) for _ in range(DRAWS) for kind in corruption.NOISES for snr in SNR_DB]:
            noise = corruption.drawn_noise(kind, sounds, len(clip.waveform), rng)
            noisy = dataclasses.replace(clip, waveform=corruption.noisy(clip.waveform, noise, snr))
            for modality in MODALITIES:
                found = ask(noisy, words, modality, tracks)
                times = np.zeros((0, 2)) if found is None else _times(found)
                late.setdefault((kind, snr, modality), []).append(against(times, truth)[sure])
    return _rows({key: np.concatenate(errors) for key, errors in late.items()})


def _times(found: Alignment) -> np.ndarray:
    return np.array([(word.heard_start, word.heard_end) for word in found.words])


def _rows(late: dict[tuple[str, int, str], np.ndarray]) -> list[Row]:
    rows = []
    for kind, snr in dict.fromkeys((kind, snr) for kind, snr, _ in late):
        errors = [late[kind, snr, modality] for modality in MODALITIES]
        kept = np.logical_and.reduce([np.isfinite(one[:, 0]) for one in errors])
        mean = [metrics.word_error(one[kept]) for one in errors]
        name, n = f"wild, {kind} {snr:+d} dB", int(kept.sum())
        rows += [
            row(f"{name}, {modality}: word error", value, "ms", n, WHERE)
            for modality, value in zip(MODALITIES, mean, strict=True)
        ]
        ratio = mean[1] / mean[0] if mean[0] else float("nan")
        rows.append(row(f"{name}: word error of both by that of audio", ratio, "share", n, WHERE))
    return rows
