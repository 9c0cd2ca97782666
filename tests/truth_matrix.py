"""The truth suite: flash-and-beep files for the product of containers, codecs, rates and start offsets.

A cell is one combination. It is rendered, and what the muxer wrote is read with bare PyAV: a cell that the
muxer refuses, or whose picture times it cannot hold, is no cell and is listed as such. Every other cell is
measured through `load`, `windows`, `read` and `data`: number and time of every picture, flashes, and beeps.

    python tests/truth_matrix.py               the sample of the tests: all pairs of values
    python tests/truth_matrix.py --all         the whole product (an hour); --jobs N, --part 3/100, --only mkv

The product is that of containers and their variants, codecs, rates and start offsets. The shape of the
picture (odd sizes, pixels that are not square, rotation) is drawn for each cell.
"""

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from flashbeep import even_times, render, variable_times
from truth_checks import Written, moved_pictures, moved_sound, problems, written

SECONDS = 1.5
LATE = 0.2
PICTURE_LIMIT = 2e-4
"""Error of picture times that a container may add; MPEG program streams hold few of them and count on."""
FAR = 7200.0
WRAP = 2**33 / 90_000
"""MPEG clocks count to here."""

VARIANTS: dict[str, dict] = {
    "plain": {},
    "no edits": {"options": {"use_editlist": "0"}},
    "fragments": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "live": {"one_way": True},
    "far": {"clock": FAR},
    # The muxer adds 1.4 s: the clock wraps in the middle of the file.
    "wrap": {"clock": WRAP - 1.4 - 0.5 * SECONDS},
}
CONTAINERS = {
    "mp4": ("plain", "no edits", "fragments", "far"),
    "mov": ("plain", "no edits", "fragments"),
    "mkv": ("plain", "live", "far"),
    "webm": ("plain", "live"),
    "avi": ("plain",),
    "ts": ("plain", "live", "far", "wrap"),
    "mpg": ("plain", "far", "wrap"),
    "flv": ("plain", "live", "far"),
}
VIDEO: dict[str, dict] = {
    "h264": {"video": "libx264"},
    "h264 no B": {"video": "libx264", "b_frames": 0},
    "h264 10": {"video": "libx264", "pixel_format": "yuv420p10le"},
    "hevc": {"video": "libx265"},
    "hevc 10": {"video": "libx265", "pixel_format": "yuv420p10le"},
    "vp8": {"video": "libvpx"},
    "vp9": {"video": "libvpx-vp9"},
    "av1": {"video": "libsvtav1"},
    "mpeg1": {"video": "mpeg1video"},
    "mpeg2": {"video": "mpeg2video"},
    "mpeg4": {"video": "mpeg4"},
}
AUDIO: dict[str, dict] = {
    "aac": {"audio": "aac", "sample_rate": 44_100, "channels": 2},
    "opus": {"audio": "libopus"},
    "mp3": {"audio": "libmp3lame", "sample_rate": 44_100},
    "mp2": {"audio": "mp2"},
    "ac3": {"audio": "ac3", "channels": 6},
    "flac": {"audio": "flac", "sample_rate": 96_000},
    "pcm": {"audio": "pcm_s16le", "sample_rate": 22_050},
}
RATES = {
    "23.976": Fraction(24_000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30_000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "59.94": Fraction(60_000, 1001),
    "60": Fraction(60),
    "variable": None,
}
STARTS = {"-500": -0.5, "-123.4": -0.1234, "0": 0.0, "+17": 0.017, "+500": 0.5, "late": 0.0}
"""When the sound starts, in ms after the clock's zero; `late`: the picture starts `LATE` after it."""
SHAPES: dict[str, dict] = {
    "plain": {},
    "odd": {"size": (127, 63)},
    "aspect": {"pixel_aspect": Fraction(4, 3)},
    "turned": {"rotation": 90},
}

CARRIES = {
    "mp4": ("h264 hevc vp9 av1 mpeg1 mpeg2 mpeg4", "aac opus mp3 mp2 ac3 flac pcm"),
    "mov": ("h264 hevc mpeg1 mpeg2 mpeg4", "aac mp3 mp2 ac3 pcm"),
    "mkv": ("h264 hevc vp8 vp9 av1 mpeg1 mpeg2 mpeg4", "aac opus mp3 mp2 ac3 flac pcm"),
    "webm": ("vp8 vp9 av1", "opus"),
    "avi": ("h264 vp8 vp9 mpeg1 mpeg2 mpeg4", "aac mp3 mp2 ac3 pcm"),
    "ts": ("h264 hevc mpeg1 mpeg2 mpeg4", "aac opus mp3 mp2 ac3"),
    "mpg": ("mpeg1 mpeg2", "mp3 mp2 ac3"),
    "flv": ("h264 hevc vp9 av1", "aac opus mp3 ac3 flac pcm"),
}
"""What FFmpeg's muxers write so that its demuxers find it again; a test tries the rest."""


@dataclass(frozen=True, order=True)
class Cell:
    container: str
    variant: str
    video: str
    audio: str
    rate: str
    start: str
    shape: str

    def __str__(self) -> str:
        return " | ".join(astuple(self))


@dataclass(frozen=True)
class Outcome:
    """`verdict`: `right`, `wrong`, `refused` (by the muxer) or `not held` (other picture times)."""

    cell: Cell
    verdict: str
    words: str = ""
    moved_ms: float = 0.0
    """How much later the muxer wrote the sound than it was given, against the picture."""


def carried(container: str, video: str, audio: str) -> bool:
    videos, audios = (names.split() for names in CARRIES[container])
    return video.split()[0] in videos and audio in audios


def possible(cell: Cell) -> bool:
    """Whether the combination can be written at all; the reasons are those of encoders and muxers."""
    if not carried(cell.container, cell.video, cell.audio):
        return False
    if cell.shape == "odd" and cell.video.startswith(("h264", "hevc")):
        return False  # 4:2:0 takes even sizes only in these encoders
    if cell.rate == "variable" and (cell.video.startswith(("mpeg1", "mpeg2")) or cell.container == "avi"):
        return False  # the stream, the container, have one rate
    if cell.variant == "fragments" and cell.audio == "ac3":
        return False  # its description is known only after the header
    # AVI holds no start times.
    return cell.container != "avi" or (cell.start == "0" and not cell.video.endswith("10"))


def cells() -> Iterator[Cell]:
    """The whole product, every shape with every other value."""
    for container, variants in CONTAINERS.items():
        rest = (variants, VIDEO, AUDIO, RATES, STARTS, SHAPES)
        for values in itertools.product(*rest):
            cell = Cell(container, *values)
            if possible(cell):
                yield cell


def dealt() -> list[Cell]:
    """The product of all but the shapes, of which each cell has one, drawn."""
    draw = np.random.default_rng(0)
    grouped = itertools.groupby(cells(), lambda cell: astuple(cell)[:-1])
    choices = [list(group) for _, group in grouped]
    return [shapes[draw.integers(len(shapes))] for shapes in choices]


def pairs(cell: Cell) -> list[tuple[int, str, int, str]]:
    """All pairs of values; container and variant count as one value."""
    values = [f"{cell.container} {cell.variant}", *astuple(cell)[2:]]
    return [(i, values[i], j, values[j]) for i, j in itertools.combinations(range(len(values)), 2)]


def pairwise_sample(seed: int = 0) -> list[Cell]:
    """Cells that together hold every pair of values that the product holds, chosen greedily."""
    product = list(cells())
    np.random.default_rng(seed).shuffle(product)
    numbers: dict[tuple, int] = {}
    held = np.array([[numbers.setdefault(p, len(numbers)) for p in pairs(cell)] for cell in product])
    waiting = np.ones(len(numbers), bool)
    chosen: set[Cell] = set()
    while waiting.any():
        # Among all cells that hold one of the pairs still waiting, the first that holds most of them.
        pair = np.flatnonzero(waiting)[0]
        having = np.flatnonzero((held == pair).any(axis=1))
        best = having[waiting[held[having]].sum(axis=1).argmax()]
        chosen.add(product[best])
        waiting[held[best]] = False
    return sorted(chosen)


def settings(cell: Cell) -> dict:
    """The arguments of `render`."""
    rate = RATES[cell.rate]
    late = 0.0
    if cell.start == "late":
        late = Fraction(1, 5) if rate is None else round(LATE * rate) / rate
    times = variable_times(SECONDS) if rate is None else even_times(rate, SECONDS)
    start = STARTS[cell.start]
    how: dict = {
        "frame_times": [t + late for t in times],
        "rate": rate,
        "tick": Fraction(1, 120) if rate is None else None,
        "audio_start": start,
        "audio_seconds": SECONDS + float(late) - start,
    }
    for part in (VARIANTS[cell.variant], VIDEO[cell.video], AUDIO[cell.audio], SHAPES[cell.shape]):
        how |= part
    return how


def run(cell: Cell, folder: Path) -> Outcome:
    """Render and measure one cell."""
    how = settings(cell)
    path = folder / f"cell.{cell.container}"
    try:
        truth = render(path, **how)
        wrote = written(path)
    except (av.FFmpegError, ValueError) as error:
        return Outcome(cell, "refused", str(error))
    fault = _not_held(wrote, truth.frame_times)
    if fault:
        return Outcome(cell, "not held", fault)
    moved = moved_sound(truth, wrote) - moved_pictures(truth, wrote)
    found = problems(path, truth, wrote, moved, how)
    path.unlink()
    return Outcome(cell, "wrong" if found else "right", "; ".join(found), 1000 * moved)


def _not_held(wrote: Written, times: np.ndarray) -> str:
    if not len(wrote.picture_times) or not len(wrote.sound_times):
        return "a stream is missing"
    if len(wrote.picture_times) != len(times):
        return f"{len(wrote.picture_times)} pictures of {len(times)}"
    if np.isnan(wrote.picture_times).any():
        return "pictures without a time"
    # Without an edit list, MP4 holds a late picture by showing it from the clock's zero on.
    later = wrote.picture_times - times
    off = np.abs(later - np.median(later))[1:].max()
    limit = max(1.01 * wrote.picture_tick, PICTURE_LIMIT)
    return f"picture times off by {1000 * off:.1f} ms" if off > limit else ""


def run_all(chosen: list[Cell], jobs: int, say: Callable[[str], None] = lambda line: None) -> list[Outcome]:
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs) as pool:
        folders = [Path(folder, str(i)) for i in range(jobs * 8)]
        for each in folders:
            each.mkdir()
        slices = [chosen[i :: len(folders)] for i in range(len(folders))]
        for part in pool.map(_run_slice, slices, folders):
            outcomes += part
            for outcome in part:
                if outcome.verdict == "wrong":
                    say(f"{outcome.cell}: {outcome.words}")
    return sorted(outcomes, key=lambda o: o.cell)


def _run_slice(chosen: list[Cell], folder: Path) -> list[Outcome]:
    av.logging.set_level(None)
    return [run(cell, folder) for cell in chosen]


def table(outcomes: list[Outcome]) -> str:
    """One line a container and variant: how many cells of each verdict, and where the sound was moved."""
    lines = [f"{'':18}{'right':>8}{'wrong':>8}{'refused':>9}{'not held':>9}  sound moved by the muxer, ms"]
    for name, group in itertools.groupby(outcomes, lambda o: f"{o.cell.container} {o.cell.variant}"):
        group = list(group)
        count = Counter(o.verdict for o in group)
        moved = {(o.cell.audio, round(o.moved_ms)) for o in group if abs(o.moved_ms) > 1.1}
        moves = " ".join(f"{audio}{ms:+d}" for audio, ms in sorted(moved))
        lines.append(
            f"{name:18}{count['right']:8}{count['wrong']:8}{count['refused']:9}{count['not held']:9}  {moves}"
        )
    for verdict in ("refused", "not held"):
        for words, n in Counter(o.words for o in outcomes if o.verdict == verdict).most_common():
            example = next(o.cell for o in outcomes if o.words == words)
            lines.append(f"{verdict}, {n} times: {words} (first: {example})")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--all", action="store_true", help="the whole product")
    parser.add_argument("--part", default="1/1", help="I/N: every N-th cell, from the I-th on")
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    first, step = map(int, given.part.split("/"))
    chosen = dealt() if given.all else pairwise_sample()
    chosen = [cell for cell in chosen if given.only in str(cell)][first - 1 :: step]
    print(f"{len(chosen)} cells")
    outcomes = run_all(chosen, given.jobs, lambda line: print(line, flush=True))
    print(table(outcomes))
    return int(any(o.verdict == "wrong" for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
