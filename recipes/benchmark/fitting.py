"""The linear voices of the consensus, fitted to training speakers of GRID at their measured zero."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import corpus
import numpy as np
import torch
from corpus import in_sync, part, zero_points
from tqdm import tqdm
from voices import Voice, fit

from avsync import features, lips, media, speech
from avsync.features import LipGrid
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.utterances import load_utterance

CLIPS_A_SPEAKER = 60
"""At most this many clips of a speaker."""


def linear_voices(data: Path, prepared: Path | None) -> list[Voice]:
    """Both linear voices, fitted to training speakers of GRID: prepared by its recipe, or tracked here."""
    examples = _prepared(prepared) if prepared else _tracked(data)
    return [fit(source, examples) for source in ("pictures", "points")]


def _prepared(folder: Path) -> list[tuple[LipGrid, Mel]]:
    zeros, counts, examples = zero_points(), Counter[str](), []
    for path in sorted(folder.glob("*.npz")):
        speaker = path.name.split("-")[0]
        if part(speaker) == "train" and counts[speaker] < CLIPS_A_SPEAKER:
            counts[speaker] += 1
            utterance = in_sync(load_utterance(path), zeros)
            if utterance.lips is not None:
                examples.append((utterance.lips, _mel(utterance.waveform, utterance.audio_start)))
    return examples


def _tracked(data: Path) -> list[tuple[LipGrid, Mel]]:
    zeros, counts, examples = zero_points(), Counter[str](), []
    for one in tqdm(corpus.grid(data / "grid", "train"), desc="training clips"):
        speaker = one.name.split("/")[0]
        counts[speaker] += 1
        if counts[speaker] <= CLIPS_A_SPEAKER:
            clip = media.load(one.path)
            tracks = lips.track(clip)
            later = zeros.get(speaker, 0.0) / 1000
            if tracks:
                moved = replace(clip, audio_start=clip.audio_start + later)
                examples.append((features.on_grid(tracks[0]), speech.log_mel(moved)))
    return examples


def _mel(waveform: np.ndarray, start: float) -> Mel:
    frames = log_mel_tensor(torch.from_numpy(np.ascontiguousarray(waveform))[None])[0].numpy()
    return Mel(frames, start + (np.arange(len(frames)) + 0.5) * (HOP / SAMPLE_RATE))
