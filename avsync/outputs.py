"""Files that are written: whether they may be, asked before the long computation that fills them, and whole
or not at all.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
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


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `target`, with its suffix, that is moved into place on success and removed on
    error.

    Raises `MediaError` when the folder is missing, or the target exists and may not be overwritten.
    """
    with trial_path(target, overwrite=overwrite) as temporary:
        yield temporary
        os.replace(temporary, target)


@contextlib.contextmanager
def trial_path(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """As `atomic_path`, with the same errors, and removed in any case: to see whether a file can be
    written.
    """
    check_output(target, overwrite=overwrite)
    target = Path(target)
    temporary = target.absolute().with_name(f".{target.stem[:40]}.{secrets.token_hex(8)}{target.suffix}")
    try:  # not by tempfile, whose files only their owner can read
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise MediaError(f"{target} cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def other_endings(target: Path) -> str:
    """Endings to advise where the container of `target` does not do."""
    return " or ".join([ending for ending in (".mkv", ".mp4", ".mov") if ending != target.suffix.lower()][:2])


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names, however they are spelled, stand for one file."""
    one, other = Path(one), Path(other)
    if one.resolve() == other.resolve():
        return True
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False
