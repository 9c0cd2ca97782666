"""Data sets of synchronised clips for PyTorch: picture, sound and text on one clock, in batches with masks.

    clips  = data.ClipDataset(data.from_manifest("train.csv"), data.ClipConfig(seconds=2.0, height=224))
    order  = ClipSampler(len(clips), OrderConfig(batch_size=16), lengths=clips.lengths())
    loader = ClipLoader(clips, order, workers=2)
    for batch in loader:                 # ClipBatch; loader.state_dict() says where the training stands
        ...

Shapes: B batch, T pictures (of the longest clip), H W size, N samples (of the longest clip).
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from avsync.crop import ClipConfig, choose, take
from avsync.entries import Entry, from_folder, from_manifest, unique
from avsync.errors import ConfigError, MediaError
from avsync.handles import Handles
from avsync.media import probe
from avsync.order import generator
from avsync.sources import Source

__all__ = [
    "ClipBatch",
    "ClipConfig",
    "ClipDataset",
    "Entry",
    "Sample",
    "collate",
    "from_folder",
    "from_manifest",
]

OPEN_FILES = 4
"""Media files that a process keeps open between reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A clip, or a stretch of one, as tensors; a missing stream is empty."""

    key: str
    """Names the clip."""
    frames: torch.Tensor
    """(T, H, W, 3) RGB or (T, H, W) grey, uint8."""
    frame_times: torch.Tensor
    """(T,) float64 seconds on the clip's clock, rising."""
    waveform: torch.Tensor
    """(N,) float32 mono."""
    audio_start: float
    """Seconds of sample 0: sample n stands at `audio_start + n / sample_rate`."""
    sample_rate: int
    text: str
    """What is said in the whole clip."""
    meta: Mapping[str, Any]
    """What the list or shard says besides, `speaker` among it."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipBatch:
    """Clips padded to the longest at their end; what is padding, the masks say."""

    keys: tuple[str, ...]
    frames: torch.Tensor
    """(B, T, H, W, 3) or (B, T, H, W) uint8, 0 where there is none."""
    frame_times: torch.Tensor
    """(B, T) float64 seconds, NaN where there is none."""
    frame_mask: torch.Tensor
    """(B, T) bool."""
    waveform: torch.Tensor
    """(B, N) float32, 0 where there is none."""
    audio_mask: torch.Tensor
    """(B, N) bool."""
    audio_start: torch.Tensor
    """(B,) float64 seconds of sample 0."""
    sample_rate: int
    texts: tuple[str, ...]
    metas: tuple[Mapping[str, Any], ...]

    def pin_memory(self) -> ClipBatch:
        """A copy in page-locked memory; `DataLoader(pin_memory=True)` asks for it."""
        return self._each(torch.Tensor.pin_memory)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> ClipBatch:
        """A copy on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def _each(self, change: Any) -> ClipBatch:
        names = ("frames", "frame_times", "frame_mask", "waveform", "audio_mask", "audio_start")
        return replace(self, **{name: change(getattr(self, name)) for name in names})


def collate(samples: Sequence[Sample | None]) -> ClipBatch | None:
    """Stack clips of any lengths; clips that were skipped (None) are left out, and nothing but them is None.

    Raises `ConfigError` for pictures of different sizes, or different sample rates.
    """
    clips = [sample for sample in samples if sample is not None]
    if not clips:
        return None
    sizes = {tuple(clip.frames.shape[1:]): clip.key for clip in clips if len(clip.frames)}
    rates = {clip.sample_rate: clip.key for clip in clips}
    for name, values, cure in (
        ("picture sizes", sizes, "Scale them to one: ClipConfig(height=96, width=96)."),
        ("sample rates", rates, "Resample what is in shards to one."),
    ):
        if len(values) > 1:
            each = ", ".join(f"{value} of {key}" for value, key in values.items())
            raise ConfigError(f"clips of one batch have different {name}: {each}. {cure}")
    shape = next(iter(sizes), tuple(clips[0].frames.shape[1:]))
    longest = max(len(clip.frames) for clip in clips)
    frames = torch.zeros(len(clips), longest, *shape, dtype=torch.uint8)
    frame_times = torch.full((len(clips), longest), torch.nan, dtype=torch.float64)
    waveform = torch.zeros(len(clips), max(len(clip.waveform) for clip in clips))
    for row, clip in enumerate(clips):
        if len(clip.frames):
            frames[row, : len(clip.frames)] = clip.frames
            frame_times[row, : len(clip.frames)] = clip.frame_times
        waveform[row, : len(clip.waveform)] = clip.waveform
    return ClipBatch(
        tuple(clip.key for clip in clips),
        frames,
        frame_times,
        _mask([len(clip.frames) for clip in clips]),
        waveform,
        _mask([len(clip.waveform) for clip in clips]),
        torch.tensor([clip.audio_start for clip in clips], dtype=torch.float64),
        clips[0].sample_rate,
        tuple(clip.text for clip in clips),
        tuple(clip.meta for clip in clips),
    )


def _mask(lengths: Sequence[int]) -> torch.Tensor:
    """(B, longest) bool."""
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is known of a clip before it is read."""

    key: str
    start: float | None = None
    """Seconds between which the clip lies in its file; None = where the file starts or ends."""
    end: float | None = None
    text: str = ""
    meta: Mapping[str, Any]


class TimedDataset(Dataset["Sample | None"], ABC):
    """Clips that can be read by time: what `ClipDataset` and `shards.ShardDataset` share.

    `dataset[i]` is the stretch that the configuration asks for. What it draws at random depends on the seed,
    on i, and on the epoch that i carries when it comes from `order.ClipSampler`, and on nothing else.
    """

    config: ClipConfig

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def open(self, index: int) -> tuple[Source, Description]:
        """The clip, ready to be read."""

    @abstractmethod
    def lengths(self) -> np.ndarray:
        """(n,) float64: how long each clip is, for batches of like length; the unit is the class's own."""

    def __getitem__(self, index: int) -> Sample | None:
        """A clip as configured; None where it cannot be read and `on_error` is `skip`."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {int(index)} of {len(self)}")
        try:
            source, description = self.open(index)
            return self._sample(source, description, *self._interval(source, description, index))
        except MediaError as error:
            if self.config.on_error == "raise":
                raise
            warnings.warn(f"clip {int(index)} is skipped: {error}", stacklevel=2)
            return None

    def _interval(self, source: Source, description: Description, index: int) -> tuple[float, float]:
        """Seconds that the configuration takes of a clip; infinite where the file shall start or end."""
        start, end = description.start, description.end
        if self.config.seconds is not None:
            first, last = source.span
            span = (first if start is None else start, last if end is None else end)
            chosen = choose(span, self.config, generator(self.config.seed, index))
            if chosen is not None:
                return chosen
        # The end that a file declares may be wrong: what is taken whole is read until nothing follows.
        return -np.inf if start is None else start, np.inf if end is None else end

    def at(self, index: int, start: float, end: float) -> Sample:
        """What is seen and heard of a clip in `[start, end)` seconds of its own clock.

        Of an entry with a start or end only what lies between them. Raises `MediaError` where nothing is,
        `ConfigError` for an end that is not after the start, or an interval outside of the entry.
        """
        if not start < end:
            raise ConfigError(f"{start} to {end} s is no interval. Give an end after the start.")
        source, description = self.open(index)
        first = -np.inf if description.start is None else description.start
        last = np.inf if description.end is None else description.end
        if not (start < last and end > first):
            raise ConfigError(
                f"{start} to {end} s lies outside of {description.key}, which is {first} to {last} s. "
                "Give an interval inside of it."
            )
        start, end = max(start, first), min(end, last)
        return self._sample(source, description, start, end)

    def _sample(self, source: Source, description: Description, start: float, end: float) -> Sample:
        taken = take(source, start, end, self.config.fps)
        return Sample(
            description.key,
            torch.from_numpy(np.ascontiguousarray(taken.frames)),
            torch.from_numpy(np.ascontiguousarray(taken.frame_times)),
            torch.from_numpy(np.ascontiguousarray(taken.waveform)),
            taken.audio_start,
            taken.sample_rate,
            description.text,
            description.meta,
        )


class ClipDataset(TimedDataset):
    """Clips of media files, decoded when asked for."""

    def __init__(self, entries: Iterable[Entry], config: ClipConfig | None = None) -> None:
        """`entries` have keys of their own; raises `ConfigError` where two share one."""
        self.entries = unique(entries)
        self.config = config or ClipConfig()
        self._open_files: Handles[tuple[Path, Path | None], Source] = Handles(
            partial(_open_file, self.config), OPEN_FILES
        )

    def __len__(self) -> int:
        return len(self.entries)

    def open(self, index: int) -> tuple[Source, Description]:
        """The file of a clip, kept open for the next read of it."""
        entry = self.entries[index]
        meta = {"speaker": entry.speaker, **entry.meta}
        description = Description(key=entry.key, start=entry.start, end=entry.end, text=entry.text, meta=meta)
        return self._open_files.get((entry.path, entry.audio)), description

    def lengths(self) -> np.ndarray:
        """(n,) seconds that will be taken of each clip, by its entry or else by what its file declares."""
        return np.array([self._length(entry) for entry in self.entries])

    def _length(self, entry: Entry) -> float:
        most = np.inf if self.config.seconds is None else self.config.seconds
        if entry.end is not None and entry.start is not None:
            return min(entry.end - entry.start, most)
        try:
            info = probe(entry.path)
        except MediaError:
            if self.config.on_error == "raise":
                raise
            return 0.0
        start = (info.start_time or 0.0) if entry.start is None else entry.start
        end = (info.start_time or 0.0) + (info.duration or 0.0) if entry.end is None else entry.end
        return min(max(end - start, 0.0), most)


def _open_file(config: ClipConfig, files: tuple[Path, Path | None]) -> Source:
    """Not a method: a data set that refers to itself would be collected late, perhaps in a forked worker."""
    return config.open(*files)
