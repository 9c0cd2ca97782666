"""Weights files: fp16 tensors of a network and, in their metadata, its configuration and phone set."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from avsync.errors import ModelError
from avsync.text import UNITS

HEADER = "avsync"
"""Name of the metadata entry of a weights file: JSON with `config` and `units`."""


def write(network: nn.Module, config: Any, path: Path) -> None:
    """Write a network and the dataclass of its configuration as one safetensors file."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    # One entry: safetensors writes several in random order, and the same model must give the same bytes.
    header = json.dumps({"config": asdict(config), "units": UNITS})
    save_file(tensors, path, metadata={HEADER: header})


def ship(network: nn.Module, config: Any, folder: Path, kind: str) -> Path:
    """Write KIND-<first 8 hex of its SHA-256>.safetensors, in place of the others of its kind in a folder."""
    fresh = folder / "fresh.safetensors"
    write(network, config, fresh)
    target = folder / f"{kind}-{hashlib.sha256(fresh.read_bytes()).hexdigest()[:8]}.safetensors"
    for old in folder.glob(f"{kind}-*.safetensors"):
        old.unlink()
    fresh.chmod(0o644)
    return fresh.rename(target)


def read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The configuration's fields, lists as tuples, and the tensors of a file that `write` wrote.

    Raises ModelError when it is missing, damaged or of another phone set.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ModelError(
            f"{path}: cannot read the weights ({error}). Install avsync again or pass another file."
        ) from error
    if not isinstance(metadata, dict) or metadata.get("units") != list(UNITS):
        raise ModelError(
            f"{path}: not weights of avsync, or of another phone set. Train again or install avsync again."
        )
    config = metadata.get("config")
    if not isinstance(config, dict):
        raise misfit(path, f"config is {config!r}")
    return _tuples(config), tensors


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def misfit(path: Path, why: object) -> ModelError:
    """The error for a file that holds another network."""
    return ModelError(
        f"{path}: does not fit this version of avsync ({why}). Train again or install avsync again."
    )


def fill(network: nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Give a network its tensors. Raises ModelError unless `path` holds exactly those that it needs."""
    try:
        result = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise misfit(path, error) from error
    absent = [name for name in result.missing_keys if not name.endswith("num_batches_tracked")]
    if absent or result.unexpected_keys:
        raise misfit(path, f"missing {absent}, unknown {result.unexpected_keys}")


def shipped(kind: str) -> Path:
    """The file KIND-*.safetensors of the package. Raises ModelError when there is not exactly one."""
    names = sorted(path.name for path in _folder().iterdir() if path.name.startswith(f"{kind}-"))
    if len(names) != 1:
        raise ModelError(
            f"expected one weights file {kind}-*.safetensors in the package, found {names}. "
            "Install avsync again."
        )
    return _folder() / names[0]


def named(name: str) -> Path:
    """The file NAME.safetensors of the package. Raises ModelError when there is none."""
    path = _folder() / f"{name}.safetensors"
    if not path.is_file():
        raise ModelError(
            f"{path}: is missing, and a network needs it that was trained with it and no other. "
            "Install avsync again, or train that network again with the phone weights that are there."
        )
    return path


def _folder() -> Path:
    return Path(str(resources.files("avsync") / "weights"))
