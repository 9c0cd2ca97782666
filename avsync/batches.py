"""Batches of synchronised windows drawn from utterances, for training the encoders.

Shapes: B batch, T lip steps (40 ms), J speech steps (10 ms), K lags, H W picture, P lip points, N samples,
L phones. Everything random is drawn from one seeded generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from avsync.encoders import LIP_RATE, SPEECH_RATE
from avsync.errors import ConfigError
from avsync.speech import HOP, SAMPLE_RATE
from avsync.utterances import Utterance

UNKNOWN = -1
"""Frame target of a frame whose phone is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowConfig:
    """How windows are drawn from utterances."""

    clips: int = 20
    """Audio-visual windows in a batch."""
    speech_clips: int = 10
    """Sound-only utterances in a batch."""
    steps: tuple[int, ...] = (36, 50, 64)
    """Lengths of audio-visual windows in lip steps; one is drawn for a batch."""
    max_lag_s: float = 1.0
    """Half the range of lags that the loss tells apart, in seconds."""
    shift_s: float = 0.8
    """Sound is moved by up to this against the picture, so that the answer is not always the middle."""
    speed: tuple[float, float] = (0.85, 1.18)
    """Range of tempo changes (picture and sound together; the sound's pitch and formants move with it), for
    half of the audio-visual and 70 % of the sound-only windows."""
    other_shots: float = 0.3
    """Share of the windows whose lip steps lie on the frames as with another camera or conversion."""
    hidden: float = 0.25
    """Share of the windows in which the mouth is lost for up to 5 steps (a hand, a turned head)."""
    speech_seconds: float = 4.0
    """Longest sound-only window in seconds; longer utterances whose times are known are cut to it."""

    @property
    def lags(self) -> int:
        """Number of lags K at 10 ms."""
        return 2 * round(self.max_lag_s * SPEECH_RATE) + 1


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """Sound of a batch with its phones."""

    waveform: torch.Tensor
    """(B, N) float32 at 16 kHz, N = 160 J: frame j of its mel is speech step j."""
    valid: torch.Tensor
    """(B, J) bool, where there is sound: one run of steps in each clip."""
    frames: torch.Tensor
    """(B, J) int64 unit of each step, `UNKNOWN` where it is not known."""
    phones: torch.Tensor
    """(B, L) int64 units in order, for CTC, padded with 0."""
    phone_counts: torch.Tensor
    """(B,) int64, how many of `phones` count; 0 for silence."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Audio-visual windows with a known lag, and sound-only utterances."""

    mouths: torch.Tensor
    """(B, T, 96, 96) uint8 grey."""
    points: torch.Tensor
    """(B, T, P, 2) float32, as in `LipGrid`."""
    found: torch.Tensor
    """(B, T) bool."""
    speaking: torch.Tensor
    """(B, T) float32, 1 between the first and the last word (and 80 ms around) where the mouth is found,
    else 0."""
    frames: torch.Tensor
    """(B, 4 T) int64 unit of each 10 ms on the picture's clock, `UNKNOWN` where the mouth is not found."""
    phones: torch.Tensor
    """(B, L) int64 units within the picture, for CTC of the lips, padded with 0."""
    phone_counts: torch.Tensor
    """(B,) int64, how many of `phones` count; 0 for silence."""
    sound: SpeechWindow
    """The windows' sound, J = 4 (T - 1) + K: lip step t stands at speech step 4 t + lag."""
    lag: torch.Tensor
    """(B,) float32 true lag as a fractional index into the K lags."""
    speech: SpeechWindow
    """The sound-only utterances, a batch of its own."""


@dataclass
class WindowSampler(IterableDataset[Batch]):
    """Endless batches: audio-visual windows drawn by speaker weight, sound-only utterances drawn by set."""

    talking: Sequence[Utterance]
    """Utterances with lips; true offset 0."""
    sound_sets: Sequence[Sequence[Utterance]]
    """Sound-only sets, each drawn equally often."""
    speaker_share: dict[str, float]
    """Share of the audio-visual windows for some speakers; the rest is shared equally by the others."""
    config: WindowConfig = WindowConfig()
    """How windows are drawn."""
    seed: int = 0
    """Same seed and epoch, same batches."""
    batches: int = 100
    """Batches in an epoch."""
    epoch: int = field(default=0, init=False)
    """Epochs begun so far."""

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        rng = np.random.default_rng((self.seed, self.epoch, number) if number else (self.seed, self.epoch))
        self.epoch += 1
        probability = self._probabilities()
        for _ in range(number, self.batches, workers):
            drawn = rng.choice(len(self.talking), self.config.clips, p=probability)
            sounds = [
                self.sound_sets[int(rng.integers(len(self.sound_sets)))]
                for _ in range(self.config.speech_clips)
            ]
            speech = [group[int(rng.integers(len(group)))] for group in sounds]
            yield make_batch([self.talking[index] for index in drawn], speech, self.config, rng)

    def _probabilities(self) -> np.ndarray:
        """(len(talking),) how likely each utterance is drawn."""
        counts: dict[str, int] = {}
        for utterance in self.talking:
            counts[utterance.speaker] = counts.get(utterance.speaker, 0) + 1
        named = {speaker: share for speaker, share in self.speaker_share.items() if speaker in counts}
        others = len(counts) - len(named)
        rest = (1 - sum(named.values())) / max(others, 1)
        weights = np.array([named.get(u.speaker, rest) / counts[u.speaker] for u in self.talking])
        probabilities: np.ndarray = weights / weights.sum()
        return probabilities


def make_batch(
    talking: Sequence[Utterance], speech: Sequence[Utterance], config: WindowConfig, rng: np.random.Generator
) -> Batch:
    """Draw one window from each utterance and stack them.

    `talking` need lips and phones; raises ValueError for an utterance of `speech` without phones.
    """
    steps = int(rng.choice(config.steps))
    reach = config.lags // 2
    lips, sounds, lags = [], [], []
    for utterance in talking:
        speed = float(rng.uniform(*config.speed)) if rng.random() < 0.5 else 1.0
        start = _window_start(utterance, steps, speed, rng)
        shift = float(rng.uniform(-config.shift_s, config.shift_s))
        lips.append(_lip_window(utterance, start, steps, speed, config, rng))
        # Speech step `reach` is centred `shift` before `start`: the sound of `start` stands that much later.
        first = start - (shift + reach / SPEECH_RATE) * speed
        sounds.append(
            _sound_window(utterance, first, 4 * (steps - 1) + config.lags, speed, _cuts(utterance, rng))
        )
        lags.append(reach + shift * SPEECH_RATE)
    mouths, points, found, speaking, frames, phones = (list(column) for column in zip(*lips, strict=True))
    padded, counts = _pad_phones(phones)
    return Batch(
        torch.from_numpy(np.stack(mouths)), torch.from_numpy(np.stack(points)),
        torch.from_numpy(np.stack(found)), torch.from_numpy(np.stack(speaking)),
        torch.from_numpy(np.stack(frames)), padded, counts,
        _stack_sounds(sounds), torch.tensor(lags, dtype=torch.float32),
        _stack_sounds([_speech_window(utterance, config, rng) for utterance in speech]),
    )  # fmt: skip


def _window_start(utterance: Utterance, steps: int, speed: float, rng: np.random.Generator) -> float:
    """A start on the picture's clock, off the frame grid, whose window overlaps the spoken part."""
    assert utterance.lips is not None
    times = utterance.lips.times
    slack = times[-1] - times[0] - (steps - 1) / LIP_RATE * speed
    if slack <= 0:
        return float(times[0])
    low, high = utterance.spoken
    length = (steps - 1) / LIP_RATE * speed
    # The window keeps at least 60 % of its length (or the whole sentence) inside the spoken part.
    keep = min(0.6 * length, high - low)
    earliest = np.clip(low - (length - keep), times[0], times[0] + slack)
    latest = np.clip(high - keep, earliest, times[0] + slack)
    return float(rng.uniform(earliest, latest))


def _lip_window(
    utterance: Utterance,
    start: float,
    steps: int,
    speed: float,
    config: WindowConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mouths, points, found, speaking and frames of one window as in `Batch`, and its phones (L,)."""
    lips = utterance.lips
    assert lips is not None
    assert utterance.phones is not None
    position = (start - lips.times[0]) * LIP_RATE + np.arange(steps) * speed
    position = _as_shot(position, config, rng)
    left = np.floor(position).astype(int).clip(0, len(lips.times) - 1)
    right = (left + 1).clip(0, len(lips.times) - 1)
    share = (position - left).clip(0, 1).astype(np.float32)
    outside = position > len(lips.times) - 0.5
    found = lips.found[left] & lips.found[right] & ~outside & _kept(steps, config, rng)
    weight = share[:, None, None]
    mouths = ((1 - weight) * lips.mouths[left] + weight * lips.mouths[right]).astype(np.uint8)
    points = (1 - weight) * lips.points[left] + weight * lips.points[right]
    times = start + np.arange(steps) / LIP_RATE * speed
    low, high = utterance.spoken
    speaking = ((times > low - 0.08) & (times < high + 0.08) & found).astype(np.float32)
    fine = start + (np.arange(4 * steps) - 1.5) / SPEECH_RATE * speed
    frames = utterance.phones.at(fine)
    frames[np.repeat(~found, 4)] = UNKNOWN
    phones = utterance.phones.within(fine[0], fine[-1])
    return mouths, points.astype(np.float32), found, speaking, frames, phones


def _as_shot(position: np.ndarray, config: WindowConfig, rng: np.random.Generator) -> np.ndarray:
    """Places of the lip steps on the frames, for some windows as another camera or conversion has them.

    They are off by up to a quarter of a frame each (a variable rate), or on the nearest frame (repeats).
    """
    draw = rng.random() / max(config.other_shots, 1e-9)
    if draw < 0.6:
        return position + rng.uniform(-0.25, 0.25, len(position))
    nearest: np.ndarray = np.floor(position + 0.5)
    return nearest if draw < 1 else position


def _kept(steps: int, config: WindowConfig, rng: np.random.Generator) -> np.ndarray:
    """(T,) bool: False where the mouth of a window is lost."""
    kept = np.ones(steps, bool)
    if rng.random() < config.hidden:
        first, count = rng.integers(0, steps), rng.integers(1, 6)
        kept[first : first + count] = False
    return kept


def _cuts(utterance: Utterance, rng: np.random.Generator) -> tuple[float, float]:
    """Seconds where the sound begins and ends; cut unlike the picture, so that the edges tell nothing."""
    start = utterance.audio_start
    end = start + len(utterance.waveform) / SAMPLE_RATE
    if rng.random() < 0.6:
        start += float(rng.uniform(0, 0.9))
    if rng.random() < 0.6:
        end -= float(rng.uniform(0, 0.9))
    return start, end


_Sound = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Waveform (160 J,), valid (J,), frame targets (J,) and CTC targets (L,), as in `SpeechWindow`."""


def _sound_window(
    utterance: Utterance, centre: float, frames: int, speed: float, cuts: tuple[float, float]
) -> _Sound:
    """Sound whose mel frame 0 is centred at `centre` seconds; zero and not valid outside `cuts`."""
    assert utterance.phones is not None
    seconds = centre + (np.arange(frames * HOP) - HOP / 2) / SAMPLE_RATE * speed
    samples = (seconds - utterance.audio_start) * SAMPLE_RATE
    waveform = np.interp(samples, np.arange(len(utterance.waveform)), utterance.waveform, left=0.0, right=0.0)
    waveform[(seconds < cuts[0]) | (seconds >= cuts[1])] = 0.0
    times = centre + np.arange(frames) / SPEECH_RATE * speed
    valid = (times >= cuts[0]) & (times < cuts[1])
    targets = np.where(valid & utterance.timed, utterance.phones.at(times), UNKNOWN)
    edges = centre + np.array([-0.5, frames - 0.5]) / SPEECH_RATE * speed
    phones = utterance.phones.within(max(cuts[0], edges[0]), min(cuts[1], edges[1]))
    return waveform.astype(np.float32), valid, targets, phones


def _speech_window(utterance: Utterance, config: WindowConfig, rng: np.random.Generator) -> _Sound:
    """A part of a sound-only utterance at most `speech_seconds` long, or all of it when it has no times."""
    speed = float(rng.uniform(*config.speed)) if rng.random() < 0.7 else 1.0
    if utterance.phones is None:
        raise ConfigError(f"{utterance.name} has no phone times: give it first ones with `targets.rough`")
    total = len(utterance.waveform) / SAMPLE_RATE
    # Without times it is not known which phones a part holds, so such an utterance is taken whole.
    length = min(total, config.speech_seconds * speed) if utterance.timed else total
    start = (
        utterance.audio_start + float(rng.uniform(0, total - length))
        if total > length
        else utterance.audio_start
    )
    frames = int(length / speed * SPEECH_RATE)
    return _sound_window(utterance, start + 0.005 * speed, frames, speed, (start, start + length))


def _stack_sounds(windows: Sequence[_Sound]) -> SpeechWindow:
    """Windows padded to the longest with silence that is not valid."""
    longest = max(len(window[1]) for window in windows)
    stacked = []
    for waveform, valid, targets, _ in windows:
        extra = longest - len(valid)
        padded_targets = np.pad(targets, (0, extra), constant_values=UNKNOWN)
        stacked.append((np.pad(waveform, (0, extra * HOP)), np.pad(valid, (0, extra)), padded_targets))
    waveforms, valids, frames = (torch.from_numpy(np.stack(column)) for column in zip(*stacked, strict=True))
    phones, counts = _pad_phones([window[3] for window in windows])
    return SpeechWindow(waveforms, valids, frames, phones, counts)


def _pad_phones(phones: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Units (B, L) padded with 0, L at least 1, and how many count (B,)."""
    counts = torch.tensor([len(units) for units in phones])
    padded = torch.zeros(len(phones), max(int(counts.max()), 1), dtype=torch.long)
    for row, units in zip(padded, phones, strict=True):
        row[: len(units)] = torch.from_numpy(np.asarray(units, np.int64))
    return padded, counts
