"""Which device is chosen, and what half precision does to the answers."""

import numpy as np
import pytest
import tiny
import torch

from avsync import devices, model, phones
from avsync.errors import ConfigError
from avsync.lips import TrackConfig
from avsync.speech import Mel


def with_cuda(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("asked", "count", "device"),
    [
        (None, 2, "cpu"),
        ("", 2, "cpu"),
        ("cpu", 2, "cpu"),
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda"),
        ("cuda", 1, "cuda"),
        (" CUDA:1 ", 2, "cuda:1"),
    ],
)
def test_the_environment_chooses(monkeypatch, asked: str | None, count: int, device: str) -> None:
    with_cuda(monkeypatch, count)
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    if asked is not None:
        monkeypatch.setenv(devices.VARIABLE, asked)
    assert devices.chosen() == device
    assert TrackConfig().device == device


@pytest.mark.parametrize(
    ("asked", "count", "message"),
    [
        ("gpu", 1, "AVSYNC_DEVICE is 'gpu': it must be cpu, cuda, cuda:N or auto"),
        ("cuda:", 1, "AVSYNC_DEVICE is 'cuda:': it must be"),
        ("cuda:x", 1, "AVSYNC_DEVICE is 'cuda:x': it must be"),
        ("cuda", 0, "AVSYNC_DEVICE is 'cuda', but torch finds 0 CUDA devices. Set it to cpu"),
        ("cuda:2", 2, "AVSYNC_DEVICE is 'cuda:2', but torch finds 2 CUDA devices"),
    ],
)
def test_a_device_that_is_not_there(monkeypatch, asked: str, count: int, message: str) -> None:
    with_cuda(monkeypatch, count)
    monkeypatch.setenv(devices.VARIABLE, asked)
    with pytest.raises(ConfigError, match=message):
        devices.chosen()


@pytest.mark.parametrize(("device", "enabled"), [("cpu", False), ("cuda:1", True)])
def test_only_a_gpu_computes_in_half_precision(monkeypatch, device: str, enabled: bool) -> None:
    monkeypatch.setattr(torch, "autocast", lambda kind, **options: (kind, options))
    asked = devices.half_precision(torch.device(device))
    assert asked == (device.partition(":")[0], {"dtype": torch.float16, "enabled": enabled})


def test_half_precision_hardly_changes_the_answers(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    sound = Mel(rng.normal(-6, 2, (300, 80)).astype(np.float32), np.arange(300) / 100)
    lips = tiny.grid(60)
    avsync, listener = model.load_model(), phones.load_phones()

    def answers() -> list[np.ndarray]:
        return [
            avsync.embed_lips(lips).vectors,
            avsync.embed_speech(sound).vectors,
            np.exp(avsync.lip_posteriors(lips).log_probs),
            np.exp(avsync.speech_posteriors(sound).log_probs),
            np.exp(listener.speech_posteriors(sound).log_probs),
        ]

    full = answers()
    entered: list[torch.device] = []

    def bfloat16(device: torch.device) -> torch.autocast:
        entered.append(device)
        return torch.autocast("cpu", dtype=torch.bfloat16)

    for module in (model, phones):
        monkeypatch.setattr(module, "half_precision", bfloat16)
    half = answers()
    assert {device.type for device in entered} == {"cpu"}
    for one, other in zip(full, half, strict=True):
        assert other.dtype == np.float32
        assert not np.array_equal(one, other)
        assert np.abs(one - other).mean() < 0.01  # bfloat16 has 8 bits; float16, on a GPU, has 11
