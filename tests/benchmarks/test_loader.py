"""Mouth crops a second that training gets from shards, against a bare loop over the same tar files.

Two rates of one run are compared: the machine's own speed cancels out.
"""

import io
import tarfile
import time

import numpy as np
import pytest
import torch

from avsync import shards
from avsync.data import ClipConfig, Sample
from avsync.loader import ClipLoader
from avsync.order import ClipSampler, OrderConfig

pytest.importorskip("pytest_benchmark")

CLIPS, PER_SHARD, PICTURES = 128, 32, 75


@pytest.fixture(scope="module")
def mouths(tmp_path_factory):
    """Shards of 3 s clips: (75, 96, 96) grey mouths and the sound."""
    noise = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2 * PICTURES, 96, 96), dtype=np.uint8)
    )
    times = torch.arange(PICTURES, dtype=torch.float64) / 25

    def clip(number):
        frames = noise[number % PICTURES :][:PICTURES]
        return Sample(f"clip{number:04d}", frames, times, torch.zeros(48_000), 0.0, 16_000, "a b c", {})

    folder = tmp_path_factory.mktemp("mouths")
    return shards.write((clip(number) for number in range(CLIPS)), folder, per_shard=PER_SHARD)


def bare(paths):
    """Pictures that a loop over the tar files reads, and nothing else is done with them."""
    count = 0
    for path in paths:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".npz"):
                    arrays = np.load(io.BytesIO(tar.extractfile(member).read()))
                    count += len(arrays["frames"]) * bool(len(arrays["waveform"]))
    return count


def loader(paths, workers, seconds=None):
    clips = shards.ShardDataset(paths, ClipConfig(seconds=seconds))
    order = ClipSampler(len(clips), OrderConfig(batch_size=16), shards=clips.shards, lengths=clips.lengths())
    return ClipLoader(clips, order, workers=workers)


def epoch(batches):
    return sum(int(batch.frame_mask.sum()) for batch in batches)


def rate(read):
    """Pictures a second."""
    start = time.perf_counter()
    return read() / (time.perf_counter() - start)


@pytest.mark.parametrize("workers", [0, 2])
def test_mouths_from_shards(benchmark, mouths, workers):
    batches = loader(mouths, workers)
    assert epoch(batches) == CLIPS * PICTURES  # starts the workers, which stay
    assert benchmark.pedantic(epoch, (batches,), rounds=5) == CLIPS * PICTURES
    if benchmark.disabled:
        return
    loaded, plain = (
        np.median([rate(read) for _ in range(3)]) for read in (lambda: epoch(batches), lambda: bare(mouths))
    )
    print(
        f"\n{workers} workers: {loaded:.0f} pictures/s, {loaded / plain:.2f} of a bare loop ({plain:.0f}/s)"
    )
