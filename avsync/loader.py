"""A data loader that knows how far its training has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from avsync.data import ClipBatch, TimedDataset, collate
from avsync.order import ClipSampler


class ClipLoader(DataLoader[ClipBatch]):
    """A `DataLoader` of `ClipBatch` in the order of a `ClipSampler`, resumable at any batch.

    Each iteration goes through the rest of the present epoch. `state_dict` counts the batches that were
    delivered, not those that workers have read ahead, so a training that goes on from it, with any number of
    workers, meets exactly the batches that it would have met. lightning saves and restores it by itself; give
    its trainer `use_distributed_sampler=False` and the order its `rank` and `world_size`.
    """

    def __init__(
        self, dataset: TimedDataset, order: ClipSampler, *, workers: int = 0, **settings: Any
    ) -> None:
        """`workers`: processes that read; `settings`: any other of `DataLoader` that is not about order."""
        settings = {"collate_fn": collate, "persistent_workers": workers > 0, **settings}
        super().__init__(dataset, batch_sampler=order, num_workers=workers, **settings)  # type: ignore[arg-type]
        self._order = order
        self._state = order.state_dict()

    def __iter__(self) -> Iterator[ClipBatch]:  # type: ignore[override]
        # The sampler ran ahead where an iteration was broken off: back to what was delivered.
        self._order.load_state_dict(self._state)
        for batch in super().__iter__():
            self._state = self._order.after(self._state)
            if batch is not None:  # every clip of it was skipped
                yield batch

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch, as the sampler's method of this name does for a plain `DataLoader`."""
        self._order.set_epoch(epoch)
        self._state = self._order.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Where the training stands."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; raises `ConfigError` when it was another order."""
        self._order.load_state_dict(state)
        self._state = self._order.state_dict()
