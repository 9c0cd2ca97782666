r"""Measure bias and confidence on the validation speakers and write the weights that ship.

    python recipes/grid/calibrate.py --weights RUN/step-02400.safetensors OTHER/step-02400.safetensors \
        --grid CACHE/grid --out avsync/weights

Several networks become one ensemble; files of ensembles are taken apart. `--ear` is for phone weights that
recipes/harden made of those that the networks were trained with.

The bias is the mean over the speakers of their median error on whole clips, whose zero is that of
`zero.csv`; the spread is what a new speaker's may differ by. The confidence is a logistic regression on
`lagscores.evidence`: parts of 1 to 3 seconds with moved sound, clean and noisy, and the same parts with what
cannot be synchronised (about a third: `FAILURES`), where every answer is wrong. Written as
avsync-<first 8 hex of its SHA-256>.safetensors.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from cache import in_sync, read, zero_points
from scipy.optimize import minimize
from scipy.stats import t
from split import VALIDATION

from avsync import lagscores, weightfile
from avsync.features import LipGrid
from avsync.model import Calibration, Ensemble, Vectors, read_ensemble, together
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.utterances import Utterance


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement: evidence (5,), error in ms (bias not removed), and whether a true offset exists."""

    evidence: np.ndarray
    error_ms: float
    genuine: bool


def cut(lips: LipGrid, first: int, steps: int) -> LipGrid:
    """Part of a lip track."""
    piece = slice(first, first + steps)
    return LipGrid(lips.mouths[piece], lips.points[piece], lips.found[piece], lips.times[piece])


def hear(waveform: np.ndarray, start: float, model: Ensemble) -> Vectors:
    """Speech vectors of a sound whose first sample stands at `start`."""
    log_mel = log_mel_tensor(torch.from_numpy(np.ascontiguousarray(waveform, np.float32))[None])[0].numpy()
    return model.embed_speech(Mel(log_mel, start + (np.arange(len(log_mel)) + 0.5) * HOP / SAMPLE_RATE))


def measure(lips: LipGrid, heard: Vectors, true_ms: float, model: Ensemble, genuine: bool) -> Trial:
    """Offset of a part against its truth."""
    config = lagscores.OffsetConfig()
    lags = lagscores.lag_grid(config)
    scores = lagscores.lag_scores(model.embed_lips(lips), heard, lags)
    curve = scores.mean(0)
    raw = lagscores.peak(curve, lags)
    peaks = lagscores.bootstrap(scores, lags, config)
    facts = lagscores.evidence(curve, peaks, raw, lags, len(scores))
    return Trial(facts, raw - true_ms, genuine)


FAILURES = {"other": 0.18, "same": 0.05, "noise": 0.03, "music": 0.03, "still": 0.03, "dubbed": 0.03}
"""Shares of the trials with the sound of another clip, of another clip of the same speaker, noise, music, a
still picture, or the own sound at another pace."""


def music(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Plucked notes of a melody at a steady beat."""
    seconds = np.arange(samples) / SAMPLE_RATE
    beat = float(rng.choice([0.15, 0.2, 0.3, 0.4]))
    sound = np.zeros(samples)
    for start in np.arange(0, seconds[-1], beat):
        since = seconds - start
        pitch, fade = 220 * 2 ** (rng.integers(0, 24) / 12), rng.uniform(2, 8)
        decay = np.where(since >= 0, np.exp(-fade * np.maximum(since, 0)), 0)
        sound += sum(decay * np.sin(2 * np.pi * pitch * h * since) / h for h in range(1, 6))
    return 0.1 * sound


def failed(
    kind: str, piece: LipGrid, utterance: Utterance, others: list[Utterance], rng: np.random.Generator
) -> tuple[LipGrid, np.ndarray]:
    """Lips and sound of a kind of `FAILURES`."""
    wave = utterance.waveform
    if kind == "other":
        return piece, others[rng.integers(len(others))].waveform
    if kind == "same":
        theirs = [o for o in others if o.speaker == utterance.speaker] or others
        return piece, theirs[rng.integers(len(theirs))].waveform
    if kind == "noise":
        return piece, rng.normal(0, 0.01, len(wave))
    if kind == "music":
        return piece, music(len(wave), rng)
    if kind == "dubbed":
        pace = float(rng.choice([0.85, 0.9, 1.1, 1.15]))
        return piece, np.interp(np.arange(0, len(wave) - 1, pace), np.arange(len(wave)), wave)
    held = np.full(len(piece.times), rng.integers(len(piece.times)))
    shaken = piece.points[held] + rng.normal(0, 0.03, piece.points.shape).astype(np.float32)
    return LipGrid(piece.mouths[held], shaken, np.ones(len(held), bool), piece.times), wave


def trials(
    utterance: Utterance, others: list[Utterance], model: Ensemble, rng: np.random.Generator, count: int
) -> list[Trial]:
    """`count` random parts of a clip, some of them of the kinds of `FAILURES`."""
    results = []
    assert utterance.lips is not None
    kinds, shares = ["", *FAILURES], [1 - sum(FAILURES.values()), *FAILURES.values()]
    for _ in range(count):
        steps = int(rng.integers(25, len(utterance.lips.times) + 1))
        first = int(rng.integers(0, len(utterance.lips.times) - steps + 1))
        piece, wave = cut(utterance.lips, first, steps), utterance.waveform
        shift_ms = float(rng.uniform(-800, 800))
        kind = str(rng.choice(kinds, p=shares))
        if kind:
            piece, wave = failed(kind, piece, utterance, others, rng)
        level = float(np.sqrt(np.mean(np.square(wave)))) * 10 ** (-float(rng.uniform(0, 40)) / 20)
        noisy = wave + rng.normal(0, max(level, 1e-5), len(wave))
        # The sound has about the extent of the part, as in a file that was cut.
        heard = hear(noisy, utterance.audio_start - shift_ms / 1000, model)
        slack = rng.uniform(-0.1, 0.3, 2)
        inside = (heard.times > piece.times[0] - slack[0]) & (heard.times < piece.times[-1] + slack[1])
        heard = Vectors(heard.vectors[inside], heard.times[inside], heard.known[inside])
        if len(heard.times) > 50:
            results.append(measure(piece, heard, shift_ms, model, not kind))
    return results


def whole(utterance: Utterance, model: Ensemble, rng: np.random.Generator) -> list[Trial]:
    """The whole clip at eight offsets."""
    assert utterance.lips is not None
    shifts = rng.uniform(-300, 300, 8)
    heard = [hear(utterance.waveform, utterance.audio_start - shift / 1000, model) for shift in shifts]
    return [measure(utterance.lips, h, float(s), model, True) for h, s in zip(heard, shifts, strict=True)]


def fit(examples: list[Trial], bias_ms: float) -> tuple[float, ...]:
    """Weights of the logistic regression, lightly held to 0."""
    x = np.stack([trial.evidence for trial in examples])
    right = np.array([trial.genuine and abs(trial.error_ms - bias_ms) <= 40 for trial in examples], float)

    def loss(weights: np.ndarray) -> float:
        z = x @ weights
        return float(np.mean(np.logaddexp(0, z) - right * z) + 1e-3 * np.square(weights[1:]).sum())

    return tuple(round(float(value), 4) for value in minimize(loss, np.zeros(x.shape[1])).x)


def speaker_spread(medians: list[float]) -> float:
    """Half-width (ms) of the 95 % prediction interval of a new speaker's median error, by Student's t."""
    count = len(medians)
    return round(float(t.ppf(0.975, count - 1) * np.std(medians, ddof=1) * np.sqrt(1 + 1 / count)), 1)


def report(examples: list[Trial], config: Calibration) -> None:
    """Reliability by tenths, expected calibration error, and what the gate does."""
    given = np.array([lagscores.probability(config.confidence, trial.evidence) for trial in examples])
    right = np.array([trial.genuine and abs(trial.error_ms - config.bias_ms) <= 40 for trial in examples])
    genuine = np.array([trial.genuine for trial in examples])
    error = 0.0
    for low in np.arange(0, 1, 0.1):
        inside = (given >= low) & (given < low + 0.1 + 1e-9 * (low > 0.85))
        if inside.any():
            error += inside.mean() * abs(given[inside].mean() - right[inside].mean())
            said, true = given[inside].mean(), right[inside].mean()
            print(f"{low:.1f}  n {inside.sum():4d}  said {said:.2f}  right {true:.2f}")
    gate = lagscores.OffsetConfig().min_confidence
    wrong, lost = (given[~genuine] < gate).mean(), (given[right] < gate).mean()
    print(
        f"calibration error {error:.3f} on {len(examples)} trials; gate {gate}: "
        f"abstains on {wrong:.2f} of wrong sounds and {lost:.2f} of right answers"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="checkpoints of train.py")
    parser.add_argument("--grid", type=Path, required=True, help="cache of prepare.py, or its shards")
    parser.add_argument("--ear", type=Path, help="phone weights of the package to listen with from now on")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shipped file")
    parser.add_argument("--trials", type=int, default=120, help="parts a validation clip")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    networks = [network for path in options.weights for network in read_ensemble(path).networks]
    for network in networks:
        if options.ear and network.config.ear:
            network.config = replace(network.config, ear=options.ear.stem)
    model = together(networks, Calibration())
    zeros = zero_points()
    clips = [
        in_sync(clip, zeros) for speaker in sorted(VALIDATION) for clip in read(options.grid, f"{speaker}-*")
    ]
    strangers = read(options.grid, "s4-*")[:20]

    by_speaker: dict[str, list[Trial]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).extend(whole(clip, model, rng))
    entire = [trial for group in by_speaker.values() for trial in group]
    medians = [float(np.median([trial.error_ms for trial in group])) for group in by_speaker.values()]
    print("median error by speaker, ms:", dict(zip(by_speaker, np.round(medians, 1).tolist(), strict=True)))
    bias_ms = round(float(np.mean(medians)), 1)
    others = [[o for o in clips if o is not clip] + strangers for clip in clips]
    examples = [
        trial
        for clip, rest in zip(clips, others, strict=True)
        for trial in trials(clip, rest, model, rng, options.trials)
    ]
    config = replace(
        model.config,
        bias_ms=bias_ms,
        spread_ms=speaker_spread(medians),
        confidence=fit(examples, bias_ms),
    )
    model.config = config
    distance = np.abs([trial.error_ms - bias_ms for trial in entire])
    print(
        f"{len(clips)} clips, bias {bias_ms} ms, "
        f"within 40 ms {(distance <= 40).mean():.3f}, median {np.median(distance):.1f} ms"
    )
    print(f"spread {config.spread_ms} ms, confidence weights {config.confidence}")
    report(examples, config)

    options.out.mkdir(parents=True, exist_ok=True)
    print(f"wrote {weightfile.ship(model, model.config, options.out, 'avsync')}")


if __name__ == "__main__":
    main()
