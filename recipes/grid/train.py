"""Train both encoders on prepared GRID clips (and sound-only speech), checkpoint on validation speakers.

    python recipes/grid/train.py --grid CACHE/grid --speech CACHE/speech --out RUN

Writes RUN/last.ckpt (resume with --resume), RUN/step-N.safetensors after each validation, and RUN/log.csv.
"""

import argparse
import csv
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from cache import RENDERED, in_sync, read, zero_points
from split import part
from torch.optim.swa_utils import AveragedModel

from avsync import targets, weightfile
from avsync.batches import WindowConfig
from avsync.encoders import LipEncoderConfig, SpeechEncoderConfig
from avsync.lagscores import OffsetConfig, lag_grid, lag_scores, peak
from avsync.model import AVSync, ModelConfig, read_model, save_model
from avsync.phones import load_phones
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.training import SyncData, SyncModule, TrainingConfig
from avsync.utterances import Utterance

SHARE = {"s1": 0.45, "s4": 0.2}
"""Share of the windows for the speakers with many clips; the others share the rest equally."""
SHARE_RENDERED = {"s1": 0.35, "s4": 0.15, RENDERED: 0.25}
"""The same where rendered faces train as well."""
AVERAGE = 0.998
"""Decay of the running average of the weights, a step; the average is what is validated and kept."""
SHIFTS_MS = (0.0, -317.0, 211.0, 640.0)
"""Shifts of the sound at which validation clips are measured."""


def mel_of(utterance: Utterance, shift_ms: float = 0.0) -> Mel:
    """Mel of the sound, played `shift_ms` early.

    Samples are moved, the sound's own extent stays: zeros come in at one end.
    """
    samples = round(shift_ms / 1000 * SAMPLE_RATE)
    moved = np.roll(utterance.waveform, -samples)
    moved[len(moved) - max(samples, 0) :] = 0.0
    moved[: max(-samples, 0)] = 0.0
    log_mel = log_mel_tensor(torch.from_numpy(moved)[None])[0].numpy()
    return Mel(log_mel, utterance.audio_start + (np.arange(len(log_mel)) + 0.5) * HOP / SAMPLE_RATE)


def first_times(utterance: Utterance) -> Utterance:
    """The utterance with phone times: those of time_phones.py, or rough ones."""
    return targets.rough(utterance) if utterance.phones is None else utterance


def offset_errors(utterances: list[Utterance], model: AVSync) -> np.ndarray:
    """(clips, shifts) error in ms of the offset estimate, bias not removed."""
    config = OffsetConfig()
    lags = lag_grid(config)
    errors = np.zeros((len(utterances), len(SHIFTS_MS)))
    for row, utterance in enumerate(utterances):
        assert utterance.lips is not None
        seen = model.embed_lips(utterance.lips)
        for column, shift in enumerate(SHIFTS_MS):
            heard = model.embed_speech(mel_of(utterance, shift))
            errors[row, column] = peak(lag_scores(seen, heard, lags).mean(0), lags) - shift
    return errors


def word_errors(utterances: list[Utterance], model: AVSync) -> np.ndarray:
    """Error in ms of every word start, found without the known times."""
    errors = []
    for utterance in utterances:
        unknown = replace(utterance, word_times=np.full_like(utterance.word_times, np.nan))
        found = targets.realign(unknown, model, trusted_words=False)
        errors.append((found.word_times - utterance.word_times)[:, 0] * 1000)
    return np.concatenate(errors)


def summary(utterances: list[Utterance], model: AVSync) -> dict[str, float]:
    """What is logged at each validation."""
    offsets, words = offset_errors(utterances, model), word_errors(utterances, model)
    bias = float(np.median(offsets))
    centred = np.abs(offsets - bias)
    return {
        "bias_ms": bias,
        "within40": float((centred <= 40).mean()),
        "within80": float((centred <= 80).mean()),
        "median_ms": float(np.median(centred)),
        "word_median_ms": float(np.nanmedian(np.abs(words))),
        "word_bias_ms": float(np.nanmedian(words)),
        "word_within50": float((np.abs(words) <= 50).mean()),
    }


def kept(count: int) -> float:
    """Share of the running average that stays at a step: it soon forgets where it began."""
    return min(AVERAGE, (1 + count) / (10 + count))


class Validate(lightning.Callback):
    """Validation, phone times and weights every `every` steps, all by the running average of the weights."""

    resumed: dict[str, Any] | None = None

    def __init__(
        self, validation: list[Utterance], data: SyncData, out: Path, every: int, realign: list[int]
    ) -> None:
        self.validation, self.data, self.out = validation, data, out
        self.every, self.realign = every, realign
        self.average: AveragedModel | None = None
        self.started = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """The running average of the weights, for `--resume`."""
        return {} if self.average is None else self.average.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Kept until the model is there to take it."""
        self.resumed = state_dict

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Begin the average."""
        assert isinstance(module, SyncModule)

        def running(average: torch.Tensor, current: torch.Tensor, _: object) -> torch.Tensor:
            share = kept(trainer.global_step - 1)
            return share * average + (1 - share) * current

        self.average = AveragedModel(module.model, avg_fn=running, use_buffers=True)
        if self.resumed:
            self.average.load_state_dict(self.resumed)
        elif 0 in self.realign:
            started = self.average.module
            assert isinstance(started, AVSync)
            self._realign(started.eval())

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object
    ) -> None:
        assert isinstance(module, SyncModule)
        assert self.average is not None
        self.average.update_parameters(module.model)
        step = trainer.global_step
        if step % 25 == 0:
            values = " ".join(
                f"{name}={float(value):.3f}" for name, value in sorted(trainer.logged_metrics.items())
            )
            print(f"step {step} {time.monotonic() - self.started:.0f}s {values}", flush=True)
        if step % self.every and step != trainer.max_steps:
            return
        model = self.average.module
        assert isinstance(model, AVSync)
        model.eval()
        save_model(model, self.out / f"step-{step:05d}.safetensors")
        trainer.save_checkpoint(self.out / "last.ckpt")
        numbers = {
            "step": step,
            "seconds": round(time.monotonic() - self.started),
            **summary(self.validation, model),
        }
        print("validation", {name: round(value, 3) for name, value in numbers.items()}, flush=True)
        path = self.out / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(numbers))
            if fresh:
                writer.writeheader()
            writer.writerow(numbers)
        if step in self.realign:
            self._realign(model)

    def _realign(self, model: AVSync) -> None:
        began = time.monotonic()
        sampler = self.data.sampler
        sampler.talking = [targets.realign(u, model, trusted_words=True) for u in sampler.talking]
        refreshed = []
        for group in sampler.sound_sets:
            first = group[0]
            if first.words == ("generated",):
                refreshed.append(list(group))
            else:
                refreshed.append([targets.realign(u, model, trusted_words=u.lips is not None) for u in group])
        sampler.sound_sets = refreshed
        print(f"phone times refreshed in {time.monotonic() - began:.0f}s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="cache of prepare.py, or its shards")
    parser.add_argument("--speech", type=Path, help="cache of prepare_speech.py, or its shards")
    parser.add_argument("--rendered", type=Path, help="cache of prepare_rendered.py, or its shards")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--steps", type=int, default=TrainingConfig().steps)
    parser.add_argument("--every", type=int, default=200, help="steps between validations")
    parser.add_argument(
        "--realign",
        type=int,
        nargs="*",
        default=[400, 1000, 1600],
        help="validations at which phone times are refreshed; 0: before training, with --start",
    )
    parser.add_argument("--learning-rate", type=float, default=TrainingConfig().learning_rate)
    parser.add_argument(
        "--cross-lag", type=float, default=TrainingConfig().cross_lag, help="weight of that contrast"
    )
    parser.add_argument(
        "--exchange",
        type=float,
        default=TrainingConfig().exchange,
        help="share of clips that get another's face",
    )
    parser.add_argument(
        "--channels",
        type=int,
        nargs=5,
        default=LipEncoderConfig().channels,
        help="of the convolutions over a picture",
    )
    parser.add_argument(
        "--width", type=int, default=LipEncoderConfig().width, help="of both encoders over time"
    )
    parser.add_argument(
        "--ear",
        action="store_true",
        help="give the speech encoder the last layer of the shipped phone network besides",
    )
    parser.add_argument(
        "--clips",
        type=int,
        default=WindowConfig().clips,
        help="clips with picture in a batch; half as many of sound alone",
    )
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--accelerator", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that draw batches; then nothing is refreshed"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.workers and options.realign:
        parser.error(
            "--workers draw from copies, which --realign does not reach: "
            "run time_phones.py first and give --realign without numbers"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    lightning.seed_everything(options.seed)

    zeros = zero_points()
    every = [in_sync(utterance, zeros) for utterance in read(options.grid)]
    blind = [u.name for u in every if u.lips is None]
    if blind:
        parser.error(
            f"{options.grid}: {blind[0]} has no picture: --grid takes the folder that prepare.py wrote"
        )
    validation = [u for u in every if part(u.speaker) == "validation"]
    training = [first_times(u) for u in every if part(u.speaker) == "train"]
    if options.rendered:
        rendered = read(options.rendered)
        if not rendered:
            parser.error(f"{options.rendered}: no utterances; prepare_rendered.py makes them")
        training += rendered
    sound_sets: list[list[Utterance]] = []
    if options.speech:
        spoken = read(options.speech, "so-*")
        sound_sets.append([first_times(u) for u in spoken if len(u.waveform) < 8 * SAMPLE_RATE])
        sound_sets.append(read(options.speech, "fl-*"))
    sound_sets = [group for group in sound_sets if group] or [training]
    counts = [len(group) for group in sound_sets]
    print(f"train {len(training)} clips, validation {len(validation)}, sound sets {counts}")

    ear = weightfile.shipped("phones").stem if options.ear else ""
    heard = load_phones().config.width if options.ear else 0
    sizes = ModelConfig(
        lips=LipEncoderConfig(channels=tuple(options.channels), width=options.width),
        speech=SpeechEncoderConfig(heard=heard, width=options.width),
        ear=ear,
    )
    model = read_model(options.start).train() if options.start else AVSync(sizes)
    config = TrainingConfig(
        steps=options.steps,
        learning_rate=options.learning_rate,
        cross_lag=options.cross_lag,
        exchange=options.exchange,
    )
    module = SyncModule(model, config, options.seed)
    data = SyncData(
        training,
        sound_sets,
        windows=WindowConfig(clips=options.clips, speech_clips=options.clips // 2),
        speaker_share=SHARE_RENDERED if options.rendered else SHARE,
        batches=options.steps,
        seed=options.seed,
        workers=options.workers,
    )
    trainer = lightning.Trainer(
        max_steps=options.steps, accelerator=options.accelerator, devices=1,
        gradient_clip_val=1.0, default_root_dir=options.out,
        logger=False, enable_checkpointing=False, enable_progress_bar=False, log_every_n_steps=1,
        callbacks=[Validate(validation, data, options.out, options.every, options.realign)],
    )  # fmt: skip
    trainer.fit(module, data, ckpt_path=options.resume)


if __name__ == "__main__":
    main()
