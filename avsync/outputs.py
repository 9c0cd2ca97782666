"""Whether a file may be written, asked before the long computation that fills it."""

import contextlib
import os
from pathlib import Path

from avsync.errors import MediaError


def check_output(
    target: str | os.PathLike[str], *inputs: str | os.PathLike[str] | None, overwrite: bool
) -> None:
    """Raise `MediaError` when `target` is one of `inputs`, a folder, in none, or exists and shall be kept."""
    path = Path(target)
    for kept in inputs:
        if kept is not None and same_file(path, kept):
            raise MediaError(f"{path} is the input itself. Choose another name for the output.")
    if path.is_dir():
        raise MediaError(f"{path} is a folder. Give the name of a file.")
    if not path.parent.is_dir():
        raise MediaError(f"the folder {path.parent} does not exist. Make it, or write {path.name} elsewhere.")
    if path.exists() and not overwrite:
        raise MediaError(
            f"{path} exists. Remove it, choose another name, or allow overwriting (--overwrite)."
        )


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names, however they are spelled, stand for one file."""
    one, other = Path(one), Path(other)
    if one.resolve() == other.resolve():
        return True
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False
