"""Open files that a process keeps for the next read, and that no other process inherits."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar


class Closable(Protocol):
    """Anything that is closed when it is no longer needed."""

    def close(self) -> object:
        """Let go of it."""


Key = TypeVar("Key", bound=Hashable)
Handle = TypeVar("Handle", bound=Closable)


class Handles(Generic[Key, Handle]):
    """The last few things that were opened, by key; the one that was not used for longest is closed first.

    A copy that was pickled, or forked with its process, starts empty: the position in an open file, and the
    threads of a decoder, are not things that two processes can share.
    """

    def __init__(self, opener: Callable[[Key], Handle], limit: int) -> None:
        """`opener`: makes the handle of a key. `limit`: how many stay open."""
        self._opener, self._limit = opener, limit
        self._open: OrderedDict[Key, Handle] = OrderedDict()
        self._inherited: list[OrderedDict[Key, Handle]] = []
        self._process = os.getpid()

    def get(self, key: Key) -> Handle:
        """The handle of a key, opened if it is not."""
        if self._process != os.getpid():
            # Kept, and not closed: a decoder would wait for threads that exist in the parent alone.
            self._inherited.append(self._open)
            self._open, self._process = OrderedDict(), os.getpid()
        if key not in self._open:
            handle = self._opener(key)
            while len(self._open) >= self._limit:
                self._open.popitem(last=False)[1].close()
            self._open[key] = handle
        self._open.move_to_end(key)
        return self._open[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"_opener": self._opener, "_limit": self._limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_opener"], state["_limit"])  # type: ignore[misc]
