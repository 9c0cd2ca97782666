"""Everything that is promised about words, measured and printed as one Markdown table.

    python recipes/benchmark/words.py --data DIR [--only times noise transcripts frames] [--cache DIR]

DIR holds `grid/` (see recipes/grid) and, where it is at hand, `gold_words/`. README.md beside this file says
what each number is.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import corpus
import torch
import tracks
import word_frames
import word_noise
import word_times
import word_transcripts
from corpus import Spoken
from table import Row, markdown
from with_weights import using

from avsync.errors import AVSyncError
from avsync.media import atomic_path

PARTS = ("times", "noise", "transcripts", "frames")


def measure(
    clips: Sequence[Spoken],
    gold: Sequence[Spoken],
    split: str,
    voices: Sequence[Spoken] = (),
    parts: Sequence[str] = PARTS,
) -> tuple[list[Row], list[str]]:
    """Rows of the parts asked for, and notes. `voices`: other clips, for babble and for strange words."""
    rows: list[Row] = []
    notes: list[str] = []
    others = voices or clips
    if "times" in parts:
        found, more = word_times.measure(clips, gold, split)
        rows += found
        notes += more
    if "noise" in parts and clips:
        rows += word_noise.measure(clips, others, split)
    if "transcripts" in parts:
        found, more = word_transcripts.measure(clips, gold, others, split)
        rows += found
        notes += more
    if "frames" in parts:
        rows += word_frames.measure(clips, split)
    return rows, notes


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with grid/ and gold_words/")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="speakers of GRID (default: test)"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps lip tracks from run to run")
    parser.add_argument("--weights", type=Path, help="weights to measure (default: those that avsync ships)")
    parser.add_argument("--markdown", type=Path, help="file to write the tables to as well (overwritten)")
    parser.add_argument("--limit", type=int, help="measure only this many clips of each set, to try out")
    parser.add_argument("--threads", type=int, default=2, help="threads of the models (default: 2)")
    return parser.parse_args()


def words_table(rows: Sequence[Row]) -> str:
    """All numbers beside what was asked."""
    met = {None: "", True: "yes", False: "**no**"}
    lines = [
        [row.name, row.target, row.measured.replace(" (nan to nan)", ""), met[row.reached], str(row.n),
         row.split]
        for row in rows
    ]  # fmt: skip
    return markdown(["number", "asked", "measured (95 % interval)", "met", "n", "split"], lines)


def main() -> int:
    options = arguments()
    if not (options.data / "grid").is_dir():
        print(f"{options.data} has no folder grid: give the folder that holds it.", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    clips = corpus.grid(options.data / "grid", options.split)[: options.limit]
    voices = corpus.grid(options.data / "grid", "train")[::VOICES_STEP]
    folder = options.data / "gold_words"
    gold = corpus.gold_words(folder)[: options.limit] if folder.is_dir() else []
    with ExitStack() as stack:
        cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(tracks.remembered(cache))
        stack.enter_context(using(options.weights))
        rows, notes = measure(clips, gold, options.split, voices, options.only)
    text = "\n".join([words_table(rows), *notes])
    print(text)
    if options.markdown:
        with atomic_path(options.markdown, overwrite=True) as temporary:
            temporary.write_text(text)
    return 0


VOICES_STEP = 20
"""Every so many of the training clips are the other voices: about fifty."""

if __name__ == "__main__":
    try:
        sys.exit(main())
    except AVSyncError as error:
        sys.exit(f"{error}")
