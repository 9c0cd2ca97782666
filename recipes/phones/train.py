r"""Train the acoustic phones.

    python recipes/phones/train.py --grid CACHE/grid --speech CACHE/speech --more CACHE/phones --out RUN

Reads what recipes/grid/prepare.py, recipes/grid/prepare_speech.py and generate.py wrote. First phone times
of GRID (within the known words) and of speechocean762 come from the shipped sync weights, later ones from the
model's own exact paths; generated speech keeps the times of its synthesiser. RUN/log.csv holds the losses,
RUN/step-NNNNN.safetensors the averaged weights.
"""

import argparse
import csv
import math
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from split import DEVELOPMENT, held_out
from torch.nn import functional

from avsync import losses, model, targets
from avsync.phonebatches import Heard, PhoneBatch, PhoneWindows, hear, make_batch, vary
from avsync.phones import PhoneConfig, PhoneModel, read_phones, save_phones
from avsync.speech import normalise
from avsync.text import UNITS
from avsync.utterances import Utterance, load_utterance

SHARES = {"s1": 0.15, "s4": 0.05, "fl": 0.15, "fe": 0.10, "es": 0.10, "so": 0.45}
"""How often a window comes from each set: GRID's two speakers, flite, festival, eSpeak NG, speechocean762."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Optimisation and the weights of the losses."""

    steps: int = 2000
    """Optimiser steps in all; the learning rate rises for 3 % of them and then falls along a cosine."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    ctc: float = 0.02
    """Weight of the CTC loss with label priors."""
    prior: float = 0.3
    """Strength of the label prior in CTC, an exponent."""
    boundary: float = 0.2
    """Weight of the boundary head."""
    average: float = 0.995
    """Decay of the running average of the weights."""


def read(folder: Path, pattern: str) -> list[Utterance]:
    """Utterances of a cache without their pictures."""
    return [replace(load_utterance(path), lips=None) for path in sorted(folder.glob(f"{pattern}.npz"))]


def first_times(utterance: Utterance, judge: "model.AVSync | PhoneModel") -> Utterance | None:
    """The utterance with phone times of a model's path; None where there is none."""
    if utterance.words == ("generated",):
        return utterance
    found = targets.realign(utterance, judge, trusted_words=utterance.timed)
    return found if found.phones is not None else None


def renewed(heard: Heard, judge: PhoneModel, first: bool) -> Heard:
    """What was heard with new phone times of the model's own path.

    Words of GRID bind, speechocean762 and eSpeak NG are free. flite and festival keep their exact times but,
    the `first` time, for edges against pauses.
    """
    utterance = heard.utterance
    if utterance.words != ("generated",):
        utterance = targets.realign(utterance, judge, trusted_words=utterance.speaker in SHARES)
    elif utterance.name.startswith("espeak") or first:
        free = utterance.name.startswith("espeak")
        utterance = targets.settle(utterance, judge, pauses_only=not free)
    return Heard(utterance, heard.log_mel)


def loss_of(network: PhoneModel, batch: PhoneBatch, mel: torch.Tensor, prior: torch.Tensor, plan: Plan):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, edges = network(normalise(mel, batch.valid), batch.valid)
    scores = logits.float().log_softmax(-1)
    parts = {"frames": losses.frame_loss(scores, batch.frames)}
    entropy = functional.binary_cross_entropy_with_logits(edges.float(), batch.boundaries, reduction="none")
    parts["boundary"] = entropy[batch.valid].mean()
    total = parts["frames"] + plan.boundary * parts["boundary"]
    if plan.ctc:
        parts["ctc"] = losses.ctc_with_priors(
            scores, batch.valid.sum(1), batch.phones, batch.phone_counts, prior, strength=plan.prior
        )
        total = total + plan.ctc * parts["ctc"]
    current = scores.detach()[batch.valid].exp().mean(0)
    return total, parts, current


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--more", type=Path, help="cache of generate.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--realign", type=int, nargs="*", default=[500, 1100])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=PhoneConfig().width)
    parser.add_argument("--ctc", type=float, default=Plan().ctc)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--rate", type=float, default=Plan().learning_rate)
    parser.add_argument("--start", type=Path, help="weights to begin with")
    parser.add_argument("--times", type=Path, help="phone times of an earlier run")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    plan = Plan(steps=options.steps, ctc=options.ctc, learning_rate=options.rate)
    rng = np.random.default_rng(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    import pickle

    if options.times and options.times.exists():
        sets = pickle.loads(options.times.read_bytes())
    else:
        sets = prepare(options)
        if options.times:
            options.times.write_bytes(pickle.dumps(sets))
    network = PhoneModel(PhoneConfig(width=options.width))
    if options.start:
        network.load_state_dict(read_phones(options.start).state_dict())
    network.train()
    average = PhoneModel(network.config).eval()
    average.load_state_dict(network.state_dict())
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    windows = PhoneWindows()
    prior = torch.full((len(UNITS),), 1 / len(UNITS))
    names, shares = list(sets), np.array([SHARES[name] for name in sets])
    began, sums, count = time.time(), {}, 0
    for step in range(plan.steps):
        warm = 0.03 * plan.steps
        done = max(0.0, (step - warm) / (plan.steps - warm))
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * (
                min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * done)) + 0.003
            )
        if step in options.realign:
            t0 = time.time()
            for name in sets:
                sets[name] = [renewed(one, average, step == min(options.realign)) for one in sets[name]]
            print(f"step {step}: phone times renewed in {time.time() - t0:.0f} s", flush=True)
            began += time.time() - t0
        chosen = rng.choice(len(names), windows.windows, p=shares / shares.sum())
        drawn = [sets[names[i]][int(rng.integers(len(sets[names[i]])))] for i in chosen]
        batch = make_batch(drawn, windows, rng)
        mel = vary(batch.log_mel, batch.valid, windows, generator)
        total, parts, current = loss_of(network, batch, mel, prior.log().clamp(min=-8), plan)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        prior = 0.98 * prior + 0.02 * current
        keep = min(plan.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for mine, theirs in zip(
                average.state_dict().values(), network.state_dict().values(), strict=True
            ):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - keep)
                else:
                    mine.copy_(theirs)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        count += 1
        if (step + 1) % options.every == 0 or step + 1 == plan.steps:
            row = {"step": step + 1, "seconds": round(time.time() - began)} | {
                k: round(v / count, 4) for k, v in sums.items()
            }
            print(row, flush=True)
            new = not (options.out / "log.csv").exists()
            with (options.out / "log.csv").open("a", newline="") as file:
                writer = csv.DictWriter(file, row)
                if new:
                    writer.writeheader()
                writer.writerow(row)
            sums, count = {}, 0
            save_phones(average, options.out / f"step-{step + 1:05d}.safetensors")


def prepare(options) -> dict[str, list[Heard]]:
    judge = model.load_model()
    sets: dict[str, list[Utterance]] = {
        "s1": [u for u in read(options.grid, "s1-*") if not held_out(u.name)],
        "s4": read(options.grid, "s4-*"),
        "fl": read(options.speech, "fl-*"),
        "so": [u for u in read(options.speech, "so-*") if not held_out(u.speaker)],
    }
    if options.more:
        sets |= {name: read(options.more, f"{name}-*") for name in ("fe", "es")}
    result = {}
    for name, group in sets.items():
        timed = [u for u in (first_times(u, judge) for u in group) if u is not None]
        result[name] = [hear(u) for u in timed]
        print(
            name,
            len(group),
            len(timed),
            f"{sum(len(h.log_mel) for h in result[name]) / 360000:.2f} h",
            flush=True,
        )
    return result


if __name__ == "__main__":
    main()
