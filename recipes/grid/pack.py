"""Pack prepared utterances into tar shards: few large files instead of thousands of small ones.

    python recipes/grid/pack.py CACHE/grid --out SHARDS/grid

train.py reads the shards as it reads the cache. They are in the layout of webdataset; `avsync.shards` reads
them in any order, by time, and in any number of workers.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from avsync import shards
from avsync.records import Record, to_record
from avsync.utterances import load_utterance


def records(folder: Path) -> Iterator[Record]:
    """The utterances of a cache, sorted, each under the name of its file."""
    for path in tqdm(sorted(folder.glob("*.npz")), desc=folder.name):
        yield replace(to_record(load_utterance(path)), key=path.stem)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path, help="folder that prepare.py or prepare_speech.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--per-shard", type=int, default=500, help="utterances in a shard")
    options = parser.parse_args()
    written = shards.write(
        records(options.cache), options.out, per_shard=options.per_shard, name=options.cache.name
    )
    if not written:
        parser.error(f"{options.cache} holds no .npz: give the folder that prepare.py wrote")
    print(f"wrote {len(written)} shards to {options.out}")


if __name__ == "__main__":
    main()
