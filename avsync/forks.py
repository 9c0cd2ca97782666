"""Open files across a fork (a data loader's workers): the child must neither use nor free what it inherits.

Their decoding threads exist in the parent only, so that freeing a decoder in the child waits for threads that
are not there, or crashes; and both processes would move one file position.
"""

import gc
import os
from typing import Protocol
from weakref import WeakSet

from av.container import InputContainer


class Owner(Protocol):
    """What keeps files or scalers open."""

    def abandon(self) -> list[object]:
        """Forget them, to open them anew when needed; returns them and what uses them."""


_owners: WeakSet[Owner] = WeakSet()
_inherited: list[object] = []


def watch(owner: Owner) -> None:
    """From now on a child process makes `owner` abandon its files; they are never freed there."""
    _owners.add(owner)


def inherited(container: InputContainer) -> bool:
    """Whether a container was opened before this process was forked."""
    return any(container is one for one in _inherited)


def _abandon_all() -> None:
    for owner in list(_owners):
        _inherited.extend(owner.abandon())
    # Containers that died in the parent and were not collected yet are not to be collected here either.
    gc.freeze()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_abandon_all)
