"""A tiny network on mouths that open with the loudness of their sound: what is trained gets better."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

lightning = pytest.importorskip("lightning", reason="training needs the extra `train`")

from avsync import batches, training  # noqa: E402 - needs lightning
from avsync.features import LipGrid  # noqa: E402
from avsync.text import UNITS  # noqa: E402
from avsync.training import SyncData, SyncModule, TrainingConfig  # noqa: E402
from avsync.utterances import PhoneTimes, Utterance  # noqa: E402

WINDOWS = batches.WindowConfig(
    clips=4, speech_clips=2, steps=(24,), max_lag_s=0.4, shift_s=0.2, speech_seconds=1.5
)


def utterance(seed, speaker="s"):
    """Three seconds of syllables; loud is open and unit 1, quiet is shut and silence."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.1, 0.3, 16))
    starts, ends = edges[0:14:2], edges[1:15:2]

    def loud(times):
        return ((times[:, None] >= starts) & (times[:, None] < ends)).any(1)

    samples = np.arange(48_000) / 16_000
    waveform = (rng.normal(0, 0.1, 48_000) * np.where(loud(samples), 1.0, 0.02)).astype(np.float32)
    frames = np.arange(75) / 25
    opened = loud(frames)
    points = np.zeros((75, 40, 2), np.float32)
    points[opened, 10:20, 1] = 3.0
    mouths = np.full((75, 96, 96), 150, np.uint8)
    mouths[opened, 40:60, 30:66] = 20
    phones = PhoneTimes(np.ones(len(starts), int), starts, ends)
    grid = LipGrid(mouths, points, np.ones(75, bool), frames)
    words = np.array([[starts[0], ends[-1]]])
    return Utterance(f"u{seed}", speaker, waveform, 0.0, ("ah",), words, grid, phones)


class History(lightning.Callback):
    """Every logged value of every step."""

    def __init__(self):
        self.steps = []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.steps.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    def mean(self, name, part):
        return np.mean([step[name] for step in self.steps[part] if name in step])


def train(steps, seed=0, **config):
    module = SyncModule(tiny.model().train(), TrainingConfig(steps=steps, **config), seed)
    people = [utterance(number) for number in range(4)]
    batches = SyncData(people, [people], windows=WINDOWS, speaker_share={}, batches=steps, seed=seed)
    history = History()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_steps=steps, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[history],
        )  # fmt: skip
        torch.manual_seed(seed)
        trainer.fit(module, batches)
    return module, history


def test_training_lowers_its_losses():
    module, history = train(40, learning_rate=1e-2)
    assert len(history.steps) == 40
    first, last = slice(0, 8), slice(32, 40)
    for name in ("loss", "sync5", "sync75", "frames", "lip_frames"):
        assert history.mean(name, last) < 0.97 * history.mean(name, first), name
    assert history.mean("frames", last) < 0.5 * math.log(len(UNITS))
    assert all(np.isfinite(value) for step in history.steps for value in step.values())
    # Contrast with other clips begins after a fifth.
    assert not any("cross" in step for step in history.steps[:9])
    assert all("cross" in step for step in history.steps[9:])
    # The running priors have left their even start towards silence and unit 1, and are probabilities.
    priors = module.log_priors[0].exp()
    assert priors[:2].sum() > 2 * 2 / len(UNITS)
    assert abs(float(priors.sum()) - 1) < 0.05


def test_the_same_seed_trains_the_same_weights():
    one, two = (train(2, seed=5)[0].state_dict() for _ in range(2))
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


def test_the_learning_rate_rises_and_falls():
    module = SyncModule(tiny.model(), TrainingConfig(steps=100, learning_rate=1.0))
    schedule = module.configure_optimizers()["lr_scheduler"]["scheduler"]
    factor = schedule.lr_lambdas[0]
    assert [factor(step) for step in range(3)] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert factor(3) == pytest.approx(1.01)
    assert factor(100) == factor(10_000) == pytest.approx(0.01)
    falling = [factor(step) for step in range(3, 101)]
    assert falling == sorted(falling, reverse=True)


def test_the_module_is_the_only_one_that_needs_lightning():
    package = Path(training.__file__).parent
    users = sorted(path.name for path in package.rglob("*.py") if "import lightning" in path.read_text())
    assert users == ["training.py"]
