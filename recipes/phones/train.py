r"""Train the acoustic phones.

    DATA="--grid CACHE/grid --speech CACHE/speech --more CACHE/phones"
    python recipes/phones/train.py $DATA --out RUN/first
    python recipes/phones/train.py $DATA --out RUN/second --steps 900 --rate 1.5e-3 \
        --start RUN/first/step-00800.safetensors
    python recipes/phones/train.py $DATA --out RUN/third --steps 500 --rate 1e-3 --seed 1 \
        --start RUN/second/step-00900.safetensors
    python recipes/phones/train.py $DATA --out RUN/fourth --steps 900 --rate 1e-3 --seed 2 \
        --start RUN/third/step-00500.safetensors

Reads what recipes/grid/prepare.py, recipes/grid/prepare_speech.py, generate.py and generate_neural.py wrote.
The first round takes the phone times of GRID and speechocean762 from the paths of the shipped sync weights, a
later one (`--start`) from the mean of their scores and its own; those of neural voices too, held to the rough
times of their words. flite and festival keep the times of the synthesiser, but that a later round lets
festival's phones settle against pauses. log.csv of a run holds the losses,
step-NNNNN.safetensors the averaged weights.
"""

import argparse
import csv
import math
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from split import TRAINED, held_out
from torch import nn
from torch.nn import functional

from avsync import losses, model, targets
from avsync.phonebatches import Heard, PhoneBatch, PhoneWindows, hear, make_batch, vary
from avsync.phones import PhoneConfig, PhoneModel, read_phones, save_phones
from avsync.speech import normalise
from avsync.text import UNITS
from avsync.utterances import Utterance, load_utterance

SHARES = {"s1": 0.15, "s4": 0.05, "fl": 0.10, "fe": 0.05, "so": 0.30, "ne": 0.35}
"""How often a window comes from each set, over their sum: GRID's two speakers, flite, festival,
speechocean762, neural voices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Optimisation and the weights of the losses."""

    steps: int = 800
    """Optimiser steps in all; the learning rate rises for 3 % of them and then falls along a cosine."""
    rate: float = 2e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    ctc: float = 0.02
    """Weight of the CTC loss with label priors."""
    prior: float = 0.3
    """Strength of the label prior in CTC, an exponent."""
    forward_sum: float = 0.0
    """Weight of the sum over all monotonic alignments with the phones and pauses of a window. The weights
    that ship were trained without."""
    boundary: float = 0.2
    """Weight of the boundary head, which teaches the trunk to see edges."""
    average: float = 0.995
    """Decay of the running average of the weights."""


def read(folder: Path, pattern: str) -> list[Utterance]:
    """Utterances of a cache, without their pictures."""
    return [replace(load_utterance(path), lips=None) for path in sorted(folder.glob(f"{pattern}.npz"))]


def timed(utterance: Utterance, judge: targets.Listener, *, later: bool) -> Utterance:
    """The utterance with the phone times that it is trained with."""
    if utterance.words == ("generated",):
        settles = later and utterance.name.startswith("festival")
        return targets.settle(utterance, judge, pauses_only=True) if settles else utterance
    if utterance.name.startswith("neural"):
        return targets.realign(utterance, judge, trusted_words=True, loosely=True)
    return targets.realign(utterance, judge, trusted_words=utterance.timed)


def prepare(options: argparse.Namespace) -> dict[str, list[Heard]]:
    """Every set as it is heard; what has no phone times is left out."""
    listeners: list[targets.Listener] = [model.load_model()]
    if options.start:
        listeners.append(read_phones(options.start))
    sets = {
        "s1": [u for u in read(options.grid, "s1-*") if not held_out(u.name)],
        "s4": read(options.grid, "s4-*"),
        "fl": read(options.speech, "fl-*"),
        "fe": read(options.more, "fe-*"),
        "so": [u for u in read(options.speech, "so-*") if not held_out(u.speaker)],
        "ne": read(options.more, "ne-*"),
    }
    assert {u.speaker for name in TRAINED for u in sets[name]} <= set(TRAINED)
    heard, judge = {}, targets.Ensemble(tuple(listeners))
    for name, group in sets.items():
        if not group:
            print(f"{name}: none, left out", flush=True)
            continue
        found = [timed(utterance, judge, later=bool(options.start)) for utterance in group]
        heard[name] = [hear(utterance) for utterance in found if utterance.phones is not None]
        hours = sum(len(one.log_mel) for one in heard[name]) / 360_000
        print(f"{name}: {len(heard[name])} of {len(group)} utterances, {hours:.2f} h", flush=True)
    return heard


def losses_of(
    network: PhoneModel, batch: PhoneBatch, mel: torch.Tensor, prior: torch.Tensor, plan: Plan
) -> tuple[torch.Tensor, dict[str, float], torch.Tensor]:
    """The weighted sum, its parts, and the mean posterior (V,) of the batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, edges = network(normalise(mel, batch.valid), batch.valid)
    scores = logits.float().log_softmax(-1)
    frames = losses.frame_loss(scores, batch.frames)
    entropy = functional.binary_cross_entropy_with_logits(edges.float(), batch.boundaries, reduction="none")
    boundary = entropy[batch.valid].mean()
    ctc = losses.ctc_with_priors(
        scores, batch.valid.sum(1), batch.phones, batch.phone_counts, prior.log().clamp(min=-8),
        strength=plan.prior,
    )  # fmt: skip
    parts = {"frames": frames.item(), "boundary": boundary.item(), "ctc": ctc.item()}
    total = frames + plan.boundary * boundary + plan.ctc * ctc
    if plan.forward_sum:
        aligned = losses.forward_sum_loss(scores, batch.valid.sum(1), *batch.sequence())
        parts["forward_sum"] = aligned.item()
        total = total + plan.forward_sum * aligned
    return total, parts, scores.detach()[batch.valid].exp().mean(0)


def blend(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Moves the running average of the weights; what counts batches is copied."""
    with torch.no_grad():
        pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
        for mean, value in pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)


def rate_at(step: int, steps: int, peak: float) -> float:
    """Learning rate of a step: it rises for 3 % of them and then falls along a cosine."""
    warm = 0.03 * steps
    done = max(0.0, (step - warm) / (steps - warm))
    return peak * (min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * done)) + 0.003)


def train(sets: dict[str, list[Heard]], plan: Plan, options: argparse.Namespace) -> None:
    """All steps; writes the log and the averaged weights every `options.every` steps."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    network = read_phones(options.start).train() if options.start else PhoneModel(PhoneConfig())
    average = PhoneModel(network.config).eval()
    average.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.weight_decay)
    windows = PhoneWindows()
    prior = torch.full((len(UNITS),), 1 / len(UNITS))
    names = list(sets)
    shares = np.array([SHARES[name] for name in names])
    began, sums = time.monotonic(), defaultdict[str, list[float]](list)
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan.steps, plan.rate)
        chosen = rng.choice(len(names), windows.windows, p=shares / shares.sum())
        drawn = [sets[names[n]][int(rng.integers(len(sets[names[n]])))] for n in chosen]
        batch = make_batch(drawn, windows, rng)
        mel = vary(batch.log_mel, batch.valid, windows, generator)
        total, parts, current = losses_of(network, batch, mel, prior, plan)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        prior = 0.98 * prior + 0.02 * current
        blend(average, network, min(plan.average, (step + 1) / (step + 10)))
        for name, value in parts.items():
            sums[name].append(value)
        if (step + 1) % options.every == 0 or step + 1 == plan.steps:
            means = {name: round(float(np.mean(values)), 4) for name, values in sums.items()}
            write_log(
                options.out / "log.csv",
                {"step": step + 1, "seconds": round(time.monotonic() - began)} | means,
            )
            save_phones(average, options.out / f"step-{step + 1:05d}.safetensors")
            sums.clear()


def write_log(path: Path, row: dict[str, float]) -> None:
    """Adds a row, with a header in a new file, and prints it."""
    print(row, flush=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="cache of recipes/grid/prepare.py")
    parser.add_argument("--speech", type=Path, required=True, help="cache of recipes/grid/prepare_speech.py")
    parser.add_argument("--more", type=Path, required=True, help="cache of generate.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--start", type=Path, help="weights of the first round")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--rate", type=float, default=Plan().rate, help="peak learning rate")
    parser.add_argument("--forward-sum", type=float, default=Plan().forward_sum, help="weight of that loss")
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    plan = Plan(steps=options.steps, rate=options.rate, forward_sum=options.forward_sum)
    train(prepare(options), plan, options)


if __name__ == "__main__":
    main()
