"""The order in which a training reads its clips: shuffled by seed and epoch, resumable, split over machines.

An epoch's order is a function of (seed, epoch) alone and is computed at once, so that it is the same for any
number of workers and any point of resumption. Each index carries its epoch (`Draw`): what a data set draws at
random inside a clip can then depend on (seed, epoch, index), also in workers that outlive an epoch.

Shapes: n clips, B a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from avsync.errors import ConfigError

Indices = NDArray[np.int64]


class Draw(int):
    """An index of a clip that knows its epoch; any data set takes it for the integer it is."""

    epoch: int

    def __new__(cls, index: int, epoch: int = 0) -> Draw:
        """Clip `index` in `epoch`, both from 0."""
        draw = super().__new__(cls, index)
        draw.epoch = epoch
        return draw

    def __reduce__(self) -> tuple[type[Draw], tuple[int, int]]:
        return Draw, (int(self), self.epoch)


def generator(seed: int, index: int) -> np.random.Generator:
    """The random numbers of one clip: a function of the seed, the epoch that `index` carries, and the index.

    A plain integer stands for epoch 0.
    """
    return np.random.default_rng((seed, getattr(index, "epoch", 0), int(index)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfig:
    """How an epoch is ordered and cut into batches."""

    batch_size: int
    """Clips in a batch (of each rank)."""
    seed: int = 0
    """Same seed and epoch, same order."""
    shuffle: bool = True
    """Off: the order of the data set in every epoch."""
    window: int = 4
    """Shards that are read at a time: clips are mixed among these only, so that a disk or network reads few
    files at once. Without shards all clips are mixed."""
    pool: int = 20
    """Batches among which clips of like length are brought together, where lengths are known: more wastes
    less on padding, fewer mix better."""
    drop_last: bool = False
    """Leave out the last batch where it is not full."""
    rank: int = 0
    """Which of `world_size` trainings this is, from 0."""
    world_size: int = 1
    """Trainings that share an epoch. Each gets as many batches, and batch k has as many clips in each."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "window", "pool", "world_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)} is too low. Give 1 or more.")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed} is negative. Give 0 or more.")
        if not 0 <= self.rank < self.world_size:
            raise ConfigError(f"rank {self.rank} of {self.world_size}: give 0 to {self.world_size - 1}.")


class ClipSampler(Sampler[list[Draw]]):
    """A batch sampler: lists of `Draw`, one a batch, for `DataLoader(..., batch_sampler=sampler)`.

    Each iteration goes through the rest of the present epoch, then the next begins: an iteration that was
    broken off is gone on with, and so is one that `load_state_dict` put back. In a `DataLoader` with workers
    the sampler runs ahead of what was delivered: save the state of `loader.ClipLoader`, which counts that.
    """

    def __init__(
        self,
        count: int,
        config: OrderConfig,
        *,
        shards: Sequence[int] | None = None,
        lengths: Sequence[float] | NDArray[np.float64] | None = None,
    ) -> None:
        """`count`: clips n. `shards`: how many clips each shard holds, in order. `lengths`: (n,), in any unit
        (seconds, bytes); given, clips of like length share a batch.

        Raises `ConfigError` where these do not fit each other, or an epoch would have no batch.
        """
        if shards is not None and sum(shards) != count:
            raise ConfigError(f"the shards hold {sum(shards)} clips instead of {count}.")
        if lengths is not None and len(lengths) != count:
            raise ConfigError(f"there are {len(lengths)} lengths for {count} clips.")
        self.config = config
        self.epoch = 0
        """The epoch that the next batch belongs to."""
        self.done = 0
        """Batches of it that were given out."""
        self._shards = [count] if shards is None else list(shards)
        self._count = count
        self._lengths = None if lengths is None else np.asarray(lengths, np.float64)
        if not len(self):
            raise ConfigError(f"{count} clips make no batch of {config.batch_size} x {config.world_size}.")

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        group = self.config.batch_size * self.config.world_size
        return self._count // group if self.config.drop_last else -(-self._count // group)

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch = self.epoch
        for batch in self.batches(epoch)[self.done :]:
            self.epoch, self.done = self._next(self.epoch, self.done)
            yield [Draw(int(index), epoch) for index in batch]

    def batches(self, epoch: int) -> list[Indices]:
        """All batches of an epoch, each (B,) indices, for this rank.

        Where the last clips do not divide over the ranks, up to `world_size - 1` of them are repeated, so
        that each rank has as many.
        """
        config = self.config
        rng = np.random.default_rng((config.seed, epoch))
        group = config.batch_size * config.world_size
        groups = [self._by_length(pool, rng) for pool in _cut(self._order(rng), group * config.pool)]
        joined = [part for pool in groups for part in pool][: len(self)]
        last = joined[-1]
        short = -len(last) % config.world_size
        if short:
            joined[-1] = np.concatenate((last, np.resize(last, short)))
        # Neighbours in length go to different ranks: batch k takes each of them about as long.
        return [part[config.rank :: config.world_size] for part in joined]

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch."""
        self.epoch, self.done = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the order stands, and what it depends on."""
        return {"epoch": self.epoch, "done": self.done, "order": self._fingerprint()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; raises `ConfigError` when this is another order."""
        mine, theirs = self._fingerprint(), state["order"]
        other = [
            f"{name} {theirs.get(name)} is now {mine.get(name)}"
            for name in sorted(mine | theirs)
            if mine.get(name) != theirs.get(name)
        ]
        if other:
            raise ConfigError(
                f"the saved order is another one ({', '.join(other)}). "
                "Resume with the same clips and settings."
            )
        self.epoch, self.done = int(state["epoch"]), int(state["done"])

    def after(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state one batch after another."""
        epoch, done = self._next(state["epoch"], state["done"])
        return {**state, "epoch": epoch, "done": done}

    def _next(self, epoch: int, done: int) -> tuple[int, int]:
        return (epoch, done + 1) if done + 1 < len(self) else (epoch + 1, 0)

    def _fingerprint(self) -> dict[str, Any]:
        lengths = 0.0 if self._lengths is None else float(self._lengths @ np.arange(1, self._count + 1))
        settings = asdict(self.config)
        del settings["rank"]  # every rank may resume from the state of the first
        return {**settings, "clips": self._count, "shards": list(self._shards), "lengths": lengths}

    def _order(self, rng: np.random.Generator) -> Indices:
        """(n,) all clips: shards shuffled, then clips within a few shards at a time."""
        firsts = np.concatenate(([0], np.cumsum(self._shards)))
        if not self.config.shuffle:
            return np.arange(self._count)
        order = rng.permutation(len(self._shards))
        windows = []
        for near in _cut(order, self.config.window):
            clips = np.concatenate([np.arange(firsts[shard], firsts[shard + 1]) for shard in near])
            windows.append(rng.permutation(clips))
        return np.concatenate(windows)

    def _by_length(self, pool: Indices, rng: np.random.Generator) -> list[Indices]:
        """A pool of clips cut into groups, one batch of every rank each; the last may be shorter."""
        group = self.config.batch_size * self.config.world_size
        if self._lengths is None:
            return _cut(pool, group)
        groups = _cut(pool[np.argsort(self._lengths[pool], kind="stable")], group)
        if self.config.shuffle:
            # A group that is not full stays last: it is the end of the epoch.
            full = len(groups) - (len(groups[-1]) < group)
            groups[:full] = [groups[place] for place in rng.permutation(full)]
        return groups


def _cut(indices: Indices, size: int) -> list[Indices]:
    """Parts of `size`, the last shorter."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]
