"""Where the networks run, and how exactly they compute there.

The environment variable `AVSYNC_DEVICE` chooses; without it everything runs on the processor. On a GPU the
lip, speech and phone encoders compute in half precision. The face networks do not: their landmarks are
pixels of a large picture, of which float16 keeps an eighth at best.
"""

from __future__ import annotations

import os

import torch

from avsync.errors import ConfigError

VARIABLE = "AVSYNC_DEVICE"
KNOWN = "cpu, cuda, cuda:N or auto (a GPU where there is one)"


def chosen() -> str:
    """The device that the environment asks for, by torch's name. Raises ConfigError where it is not there."""
    name = os.environ.get(VARIABLE, "").strip().lower() or "cpu"
    if name == "cpu":
        return name
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    kind, _, number = name.partition(":")
    if kind != "cuda" or (number and not number.isdecimal()) or name.endswith(":"):
        raise ConfigError(f"{VARIABLE} is {name!r}: it must be {KNOWN}.")
    if int(number or 0) >= count:
        raise ConfigError(
            f"{VARIABLE} is {name!r}, but torch finds {count} CUDA devices. Set it to cpu, or install a "
            "torch built for your GPU."
        )
    return name


def half_precision(device: torch.device) -> torch.autocast:
    """A context in which convolutions and matrix products run in float16 on a GPU, and as ever on others."""
    return torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda")
