"""Windows of speech, and the same windows with music, babble or noise: what hardening trains with.

All of it is made on log-mel, as in `avsync.phonebatches`.

Shapes: B batch, J speech steps (10 ms), M mel bins.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from music import song

# Recipes are folders of scripts, not packages.
sys.path.append(str(Path(__file__).resolve().parents[1] / "phones"))

from split import held_out

from avsync import augment
from avsync.phonebatches import between_steps, coloured, span, stored_mel
from avsync.speech import MEL_BINS
from avsync.utterances import load_utterance

SHARES = {"s1": 0.15, "s4": 0.05, "so": 0.4, "ne": 0.4}
"""How often a window comes from each set, over the sum of those that are there: GRID's two speakers,
speechocean762, neural voices."""
OTHERS = 0.2
"""The same of any other set."""
KINDS = {"none": 0.2, "music": 0.4, "coloured": 0.15, "babble": 0.25}
"""What is added to a window, and how often."""
VOICES = 5
"""Most voices of babble."""
FLOOR = math.log(1e-8)
"""Log-mel where there is no sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How windows are drawn and what is added to them."""

    windows: int = 32
    """Windows in a batch."""
    steps: int = 256
    """Steps of a window."""
    speed: tuple[float, float] = (0.8, 1.25)
    """Range of tempo changes."""
    paced: float = 0.4
    """Share of the windows whose tempo changes."""
    ratio_db: tuple[float, float] = (-6.0, 25.0)
    """Signal-to-noise ratios, decibels, of mean mel powers."""
    songs: int = 200
    """Pieces of music."""
    song_s: float = 12.0
    """Seconds of each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The same windows twice."""

    clean: torch.Tensor
    """(B, J, M) log-mel float32."""
    noisy: torch.Tensor
    """(B, J, M) log-mel float32."""
    valid: torch.Tensor
    """(B, J) bool: where there is sound, from the first step on."""


class Sounds:
    """The speech of a cache by set, and made music; draws batches."""

    def __init__(self, paths: Sequence[Path], config: Windows, seed: int) -> None:
        """paths: utterances as prepare.py, prepare_speech.py and generate_neural.py write them, SET-NAME.npz;
        what `split.py` of recipes/phones holds out is left out.
        """
        self.config = config
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.speech: dict[str, list[np.ndarray]] = {}
        for path in paths:
            utterance = load_utterance(path)
            if not (held_out(utterance.name) or held_out(utterance.speaker)):
                self.speech.setdefault(path.name.split("-")[0], []).append(stored_mel(utterance.waveform))
        self.music = [stored_mel(song(config.song_s, self.rng)) for _ in range(config.songs)]

    def draw(self) -> Batch:
        """The next batch: clean windows in voices and on lines of `augment.mel`, and noise upon them."""
        clean, valid = self._windows()
        clean = augment.mel(clean, self.generator).where(valid[..., None], torch.tensor(FLOOR))
        return Batch(clean, self._noisy(clean, valid), valid)

    def _windows(self) -> tuple[torch.Tensor, torch.Tensor]:
        config, rng = self.config, self.rng
        names = list(self.speech)
        shares = np.array([SHARES.get(name, OTHERS) for name in names])
        mel_BJM = torch.full((config.windows, config.steps, MEL_BINS), FLOOR)
        valid_BJ = torch.zeros(config.windows, config.steps, dtype=torch.bool)
        for row, chosen in enumerate(rng.choice(len(names), config.windows, p=shares / shares.sum())):
            group = self.speech[names[chosen]]
            mel = group[int(rng.integers(len(group)))]
            speed = float(np.exp(rng.uniform(*np.log(config.speed)))) if rng.random() < config.paced else 1.0
            read = between_steps(mel, span(len(mel), config.steps, speed, rng))
            mel_BJM[row, : len(read)] = torch.from_numpy(read)
            valid_BJ[row, : len(read)] = True
        return mel_BJM, valid_BJ

    def _noisy(self, log_mel_BJM: torch.Tensor, valid_BJ: torch.Tensor) -> torch.Tensor:
        config, generator = self.config, self.generator
        power = log_mel_BJM.exp() * valid_BJ[..., None]
        kinds = self.rng.choice(list(KINDS), len(power), p=list(KINDS.values()))
        made = {"coloured": coloured(len(power), config.steps, generator), "babble": self._babble(power)}
        noise = torch.zeros_like(power)
        for row, kind in enumerate(kinds):
            if kind == "music":
                noise[row] = self._music().exp()
            elif kind != "none":
                noise[row] = made[kind][row]
        # Its own equaliser, lines and lost bands: what plays in the background came another way.
        noise = augment.mel((noise + 1e-8).log(), generator).exp() * valid_BJ[..., None]
        ratio = 10 ** (-augment.uniform((len(power), 1, 1), *config.ratio_db, generator) / 10)
        ratio = ratio * torch.from_numpy(kinds != "none")[:, None, None]
        level = power.mean((1, 2), keepdim=True) / noise.mean((1, 2), keepdim=True).clamp(min=1e-12)
        return (power + noise * ratio * level + 1e-8).log()

    def _music(self) -> torch.Tensor:
        piece = self.music[int(self.rng.integers(len(self.music)))]
        first = int(self.rng.integers(len(piece) - self.config.steps + 1))
        return torch.from_numpy(piece[first : first + self.config.steps].astype(np.float32))

    def _babble(self, power_BJM: torch.Tensor) -> torch.Tensor:
        """(B, J, M) powers of some other windows of the batch at once, every second one turned around."""
        voices = 1 + int(self.rng.integers(VOICES))
        rolled = [power_BJM.roll(n, 0) for n in range(1, voices + 1)]
        return torch.stack([one.flip(1) if n % 2 else one for n, one in enumerate(rolled)]).sum(0)
