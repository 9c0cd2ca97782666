"""Everything that is promised about words, measured and printed as one Markdown table.

    python recipes/benchmark/words.py --data DIR [--only times noise ...] [--cache DIR]

DIR holds `grid/` (see recipes/grid) and, where they are at hand, `gold_words/` and `wild/`. README.md beside
this file says what each number is.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import corpus
import word_frames
import word_hour
import word_long
import word_music
import word_noise
import word_passages
import word_sync
import word_times
import word_transcripts
import word_wild
from options import parser, run
from table import Row, markdown

PARTS = ("times", "noise", "wild", "music", "transcripts", "long", "passages", "frames", "sync", "hour")
VOICES_STEP = 20
"""Every so many of the training clips are the other voices: about fifty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What words are looked for in."""

    data: Path
    """Folder with `grid/`, `gold_words/` and `wild/`."""
    split: str = "test"
    """Speakers of GRID."""
    limit: int | None = None
    """Only this many clips of each set, to try out."""
    weights: Path | None = None
    """Weights in the place of those of their kind that avsync ships."""


def measure(sources: Sources, parts: Sequence[str] = PARTS) -> tuple[list[Row], list[str]]:
    """Rows of the parts asked for, and notes. Run it inside `options.run`."""
    split = sources.split
    clips = corpus.grid(sources.data / "grid", split)[: sources.limit]
    voices = corpus.grid(sources.data / "grid", "train")[::VOICES_STEP]  # for babble, and strange words
    folder = sources.data / "gold_words"
    gold = corpus.gold_words(folder)[: sources.limit] if folder.is_dir() else []
    rows: list[Row] = []
    notes: list[str] = []
    others = voices or clips
    if "times" in parts:
        found, more = word_times.measure(clips, gold, split)
        rows += found
        notes += more
    if "noise" in parts and clips:
        rows += word_noise.measure(clips, others, split)
    if "wild" in parts:
        rows += word_wild.measure(corpus.wild(sources.data / "wild"), others)
    if "music" in parts:
        rows += word_music.measure(clips, corpus.wild(sources.data / "wild"), split)
    if "transcripts" in parts:
        found, more = word_transcripts.measure(clips, gold, others, split)
        rows += found
        notes += more
    if "long" in parts:
        rows += word_long.measure(clips, corpus.wild(sources.data / "wild"), split)
    if "passages" in parts and clips:
        rows += word_passages.measure(clips, others, split)
    if "frames" in parts:
        rows += word_frames.measure(clips, split)
    if "sync" in parts and clips:
        rows += word_sync.measure(clips, others, split)
    if "hour" in parts and clips:
        found, more = word_hour.measure(clips, split, sources.weights)
        rows += found
        notes += more
    return rows, notes


def words_table(rows: Sequence[Row]) -> str:
    """All numbers beside what was asked."""
    met = {None: "", True: "yes", False: "**no**"}
    lines = [
        [row.name, row.target, row.measured.replace(" (nan to nan)", ""), met[row.reached], str(row.n),
         row.split]
        for row in rows
    ]  # fmt: skip
    return markdown(["number", "asked", "measured (95 % interval)", "met", "n", "split"], lines)


if __name__ == "__main__":
    asked = parser(__doc__, PARTS, "grid/, gold_words/ and wild/").parse_args()
    of = Sources(data=asked.data, split=asked.split, limit=asked.limit, weights=asked.weights)

    def tables() -> str:
        rows, notes = measure(of, asked.only)
        return "\n".join([words_table(rows), *notes])

    sys.exit(run(asked, tables))
