r"""Harden the acoustic phones against music and noise: to hear through them what was heard without.

    python recipes/harden/harden.py --phones OLD/phones-60fe6f65.safetensors --out RUN/hard --threads 2 \
        --sounds CACHE/grid/s[14]-*.npz CACHE/speech/so-*.npz CACHE/phones/ne-*.npz

The network is its own teacher: what it gives for a window without noise, its copy learns to give for the same
window with music, babble or noise. Neither times nor transcripts are asked for, what is heard in clean sound
stays what it was, and the last layer points where it did: the sync networks that are given it can listen with
the new one. log.csv of a run holds the losses, step-NNNNN.safetensors the weights.
"""

import argparse
import copy
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sounds import Batch, Sounds, Windows
from torch import nn
from torch.nn import functional

# Recipes are folders of scripts, not packages.
sys.path.append(str(Path(__file__).resolve().parents[1] / "phones"))

from train import blend, rate_at, write_log

from avsync.phones import PhoneModel, levelled, read_phones, save_phones
from avsync.speech import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Optimisation and the weights of the losses."""

    steps: int = 2000
    """Optimiser steps in all; the learning rate rises for 3 % of them and then falls along a cosine."""
    rate: float = 1e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    alike: float = 1.0
    """Weight of the distance between the last layers."""
    average: float = 0.995
    """Decay of the running average of the weights."""
    keep: float = 0.25
    """Share of the teacher's weights in those that are written: clean sound is heard as before with them, and
    noise nearly as well as without."""
    every: int = 250
    """Steps between checkpoints."""


def losses(student: PhoneModel, teacher: PhoneModel, batch: Batch) -> dict[str, torch.Tensor]:
    """What is heard in noise against what the teacher hears without.

    `scores`: divergence (Kullback-Leibler, nats) of the phone scores; `alike`: mean square by which the last
    layers differ.
    """
    with torch.no_grad():
        target, layer = heard(teacher, batch.clean, batch.valid)
    scores, own = heard(student, batch.noisy, batch.valid)
    divergence = functional.kl_div(scores, target, log_target=True, reduction="none").sum(-1)
    distance = (own - layer).square().mean(-1)
    return {"scores": divergence[batch.valid].mean(), "alike": distance[batch.valid].mean()}


def heard(
    network: PhoneModel, mel_BJM: torch.Tensor, valid_BJ: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, J, M) log-mel -> phone log-probabilities (B, J, V), levelled last layer (B, J, C)."""
    layer = network.encode(normalise(mel_BJM, valid_BJ), valid_BJ)
    return network.phones(layer).transpose(1, 2).float().log_softmax(-1), levelled(layer)


def between(network: PhoneModel, teacher: PhoneModel, keep: float) -> PhoneModel:
    """A copy of the network with a share of the teacher's weights."""
    mixed = copy.deepcopy(network)
    blend(mixed, teacher, 1 - keep)
    return mixed


def study(network: PhoneModel) -> None:
    """Training, but batch norms keep what they measured: noise is not what they shall be levelled to."""
    for module in network.modules():
        module.train(not isinstance(module, nn.BatchNorm1d))


def train(teacher: PhoneModel, sounds: Sounds, plan: Plan, out: Path) -> None:
    """All steps; writes the log and the weights every `plan.every` steps."""
    student, average = copy.deepcopy(teacher), copy.deepcopy(teacher)
    study(student)
    optimizer = torch.optim.AdamW(student.parameters(), lr=plan.rate, weight_decay=plan.weight_decay)
    began, sums = time.monotonic(), defaultdict[str, list[float]](list)
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, plan.steps, plan.rate)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            parts = losses(student, teacher, sounds.draw())
        optimizer.zero_grad()
        (parts["scores"] + plan.alike * parts["alike"]).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 2.0)
        optimizer.step()
        blend(average, student, min(plan.average, (step + 1) / (step + 10)))
        for name, value in parts.items():
            sums[name].append(value.item())
        if (step + 1) % plan.every == 0 or step + 1 == plan.steps:
            means = {name: round(float(np.mean(values)), 4) for name, values in sums.items()}
            write_log(out / "log.csv", {"step": step + 1, "seconds": round(time.monotonic() - began)} | means)
            save_phones(between(average, teacher, plan.keep), out / f"step-{step + 1:05d}.safetensors")
            sums.clear()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phones", type=Path, required=True, help="weights to harden")
    parser.add_argument("--sounds", type=Path, nargs="+", required=True, help="utterances to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--rate", type=float, default=Plan().rate, help="peak learning rate")
    parser.add_argument("--alike", type=float, default=Plan().alike, help="weight of that loss")
    parser.add_argument("--keep", type=float, default=Plan().keep, help="share of the weights that stays")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    sounds = Sounds(options.sounds, Windows(), options.seed)
    print({name: len(group) for name, group in sounds.speech.items()}, flush=True)
    plan = Plan(steps=options.steps, rate=options.rate, alike=options.alike, keep=options.keep)
    train(read_phones(options.phones), sounds, plan, options.out)


if __name__ == "__main__":
    main()
