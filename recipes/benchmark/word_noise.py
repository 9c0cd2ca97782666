"""Words in noise: the sound alone, the lips alone, and both, as the noise grows.

The level of noise is against that of the whole sound. Babble is six other clips at once, music is made.
"""

from collections.abc import Sequence
from dataclasses import replace

import corruption
import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm
from word_trials import ask, drawn, late_ms, row, sound_of

from avsync import media, metrics

SNR_DB = (20, 10, 5, 0, -5)
MODALITIES = ("audio", "both", "auto")
ASKED = {
    ("babble", 0): 0.7,
    ("babble", -5): 0.7,
    ("babble", 20): 1.0,
    ("white", 0): 0.7,
    ("white", -5): 0.7,
    ("white", 20): 1.0,
}
"""The largest share of the error of `audio` that `both` may have."""


def measure(clips: Sequence[Spoken], voices: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part; `voices` make the babble."""
    where = f"GRID {split}"
    sounds = [media.load(voice.path).waveform for voice in voices]
    errors: dict[tuple[str, int, str], list[np.ndarray]] = {}
    lips: list[np.ndarray] = []
    for spoken in tqdm(clips, desc="words in noise"):
        clip = media.load(spoken.path)
        rng = drawn(spoken.name)
        lips.append(late_ms(ask(clip, spoken.words, "video"), spoken))
        for kind in corruption.NOISES:
            noise = corruption.drawn_noise(kind, sounds, len(clip.waveform), rng)
            for snr in SNR_DB:
                wave = corruption.noisy(clip.waveform, noise, snr)
                for modality in MODALITIES:
                    heard = sound_of(clip, wave) if modality == "audio" else replace(clip, waveform=wave)
                    late = late_ms(ask(heard, spoken.words, modality), spoken)
                    errors.setdefault((kind, snr, modality), []).append(late)
    return _rows(errors, np.concatenate([np.zeros((0, 2)), *lips]), where)


def _rows(errors: dict[tuple[str, int, str], list[np.ndarray]], lips: np.ndarray, where: str) -> list[Row]:
    rows = [row("video: word error", metrics.word_error(lips), "ms", len(lips), where)]
    seen = metrics.word_error(lips)
    for kind in corruption.NOISES:
        for snr in SNR_DB:
            late = {
                modality: np.concatenate(errors[kind, snr, modality])
                for modality in MODALITIES
                if (kind, snr, modality) in errors
            }
            if len(late) < len(MODALITIES):
                continue
            # Words of refused transcripts are left out of all, and counted in a row of their own.
            kept = np.logical_and.reduce([np.isfinite(one[:, 0]) for one in late.values()])
            mean = {modality: metrics.word_error(one[kept]) for modality, one in late.items()}
            name, n = f"{kind} {snr:+d} dB", int(kept.sum())
            for modality, one in late.items():
                rows.append(row(f"{name}, {modality}: word error", mean[modality], "ms", n, where))
                rows.append(
                    row(
                        f"{name}, {modality}: start within 50 ms",
                        metrics.share_within(one[:, 0], 50),
                        "share",
                        len(one),
                        where,
                    )
                )
                rows.append(row(f"{name}, {modality}: not found", metrics.abstained(one[:, 0]), "share",
                                len(one), where))  # fmt: skip
            ratio = mean["both"] / mean["audio"] if mean["audio"] else float("nan")
            rows.append(
                row(f"{name}: word error of both by that of audio", ratio, "share", n, where,
                    at_most=ASKED.get((kind, snr)))
            )  # fmt: skip
            if snr <= 0:
                rows.append(
                    row(f"{name}: word error of both by that of video", mean["both"] / seen, "share", n,
                        where, at_most=1.0 if (kind, snr) in ASKED else None)
                )  # fmt: skip
    return rows
