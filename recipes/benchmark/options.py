"""What every command of the benchmark can be told, how it is set up, and where its tables go."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
import tracks
from with_weights import using

from avsync.errors import AVSyncError
from avsync.media import atomic_path


def parser(description: str | None, parts: Sequence[str], data: str) -> argparse.ArgumentParser:
    """Options of all commands. `data`: the folders that DIR holds."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--data", type=Path, required=True, help=f"folder with {data}")
    made.add_argument(
        "--only", nargs="+", choices=parts, default=list(parts), help="parts to measure (default: all)"
    )
    made.add_argument(
        "--split", choices=("test", "validation"), default="test", help="speakers of GRID (default: test)"
    )
    made.add_argument("--cache", type=Path, help="folder that keeps lip tracks from run to run")
    made.add_argument("--weights", type=Path, help="weights to measure (default: those that avsync ships)")
    made.add_argument("--markdown", type=Path, help="file to write the tables to as well (overwritten)")
    made.add_argument("--limit", type=int, help="measure only this many clips of each set, to try out")
    made.add_argument("--threads", type=int, default=2, help="threads of the models (default: 2)")
    return made


def run(options: argparse.Namespace, tables: Callable[[], str]) -> int:
    """Print what `tables` measures, with the weights and the kept lip tracks of the command line."""
    if not (options.data / "grid").is_dir():
        print(f"{options.data} has no folder grid: give the folder that holds it.", file=sys.stderr)
        return 2
    if options.markdown and not options.markdown.parent.is_dir():
        print(f"{options.markdown.parent} is no folder: make it, or choose another file.", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    try:
        with ExitStack() as stack:
            cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.enter_context(tracks.remembered(cache))
            stack.enter_context(using(options.weights))
            text = tables()
    except AVSyncError as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    if options.markdown:
        with atomic_path(options.markdown, overwrite=True) as temporary:
            temporary.write_text(text)
    return 0
