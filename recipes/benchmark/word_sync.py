"""The offset by the text: words are found in the sound, and their phones looked for on the lips."""

from collections.abc import Sequence
from dataclasses import replace

import corruption
import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm
from trials import raw_ms
from word_trials import ask, drawn, row, sound_of

from avsync import features, lips, media, metrics
from avsync.lagscores import OffsetConfig, lag_grid, peak
from avsync.model import load_model
from avsync.offset import detect_offset
from avsync.textsync import text_scores

LAGS_MS = lag_grid(OffsetConfig())
NOISES = {"clean": None, "babble +0 dB": 0.0}


def measure(clips: Sequence[Spoken], voices: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part; `voices` make the babble. Truth: GRID's own 0."""
    model = load_model()
    sounds = [media.load(voice.path).waveform for voice in voices]
    late: dict[tuple[str, str], list[float]] = {}
    for spoken in tqdm(clips, desc="text against lips"):
        clip = media.load(spoken.path)
        tracks = lips.track(clip)
        shown = model.lip_posteriors(features.on_grid(tracks[0])) if tracks else None
        noise = corruption.babble(sounds, len(clip.waveform), drawn(spoken.name))
        for name, snr in NOISES.items():
            wave = clip.waveform if snr is None else corruption.noisy(clip.waveform, noise, snr)
            found = ask(sound_of(clip, wave), spoken.words)
            said = [] if found is None else [word for word in found.words if word.phones]
            by_text = peak(text_scores(said, shown, LAGS_MS), LAGS_MS) if said and shown else np.nan
            late.setdefault((name, "text"), []).append(by_text)
            measured = detect_offset(replace(clip, waveform=wave), tracks=tracks)
            late.setdefault((name, "network, highest peak"), []).append(raw_ms(measured))
    where = f"GRID {split}"
    return [
        one
        for (noise_name, by), errors in late.items()
        for one in (
            row(f"offset by the {by}, {noise_name}: within 40 ms", metrics.share_within(np.array(errors), 40),
                "share", len(errors), where),
            row(f"offset by the {by}, {noise_name}: median error", metrics.median_error(np.array(errors)),
                "ms", len(errors), where),
        )
    ]  # fmt: skip
