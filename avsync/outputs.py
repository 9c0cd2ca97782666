"""Files that are written: whether they may be, asked before the long computation that fills them, and whole
or not at all.
"""

import contextlib
import os
import tempfile
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


UMASK = _umask()
"""Rights that new files do not get. To ask is to set it, for all threads: so once, at the start."""


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `target`, with its suffix, that is moved into place on success and removed on
    error.

    Raises `MediaError` when the folder is missing, or the target exists and may not be overwritten.
    """
    with trial_path(target, overwrite=overwrite) as temporary:
        yield temporary
        temporary.chmod(0o666 & ~UMASK)  # mkstemp makes files that only their owner can read
        os.replace(temporary, target)


@contextlib.contextmanager
def trial_path(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """As `atomic_path`, with the same errors, and removed in any case: to see whether a file can be
    written.
    """
    check_output(target, overwrite=overwrite)
    target = Path(target)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}.", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise MediaError(f"{target} cannot be written ({error.strerror}). Choose another folder.") from error
    os.close(handle)
    temporary = Path(name)
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
