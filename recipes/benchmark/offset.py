"""Offsets of GRID clips: how near the truth, and whether a known shift of the sound is found again.

GRID's own offset counts as 0. Shifts are milliseconds by which the sound is made later: the offset falls by
them.
"""

import contextlib
import dataclasses
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm

from avsync import media, metrics, model, remux
from avsync.errors import MediaError
from avsync.lagscores import peak
from avsync.media import Clip
from avsync.offset import Offset, detect_offset

FIXED_SHIFTS_MS = (-317.0, -61.0, 37.0, 211.0)
"""Shifts of the consistency test, off the 40 ms grid of the frames and the 10 ms grid of the lags."""
DRAWN_SHIFTS = 3
"""Shifts drawn for each clip."""
DRAWN_LIMIT_MS = 900.0
"""Drawn shifts lie within this, so that the truth lies inside the searched range."""
LARGEST_CUT_S = 0.3
"""Seconds of sound that are cut off each end at most; no sentence of GRID begins or ends in them."""
NAN = float("nan")


@dataclass(slots=True)
class Errors:
    """Errors in ms of many measurements: of what was stated (NaN = undetermined), and of the highest peak."""

    stated: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)

    def add(self, found: Offset, truth_ms: float, truth_raw_ms: float | None = None) -> None:
        """Count a measurement; `truth_raw_ms` is the truth for the raw peak where it differs."""
        self.stated.append(stated_ms(found) - truth_ms)
        self.raw.append(raw_ms(found) - (truth_ms if truth_raw_ms is None else truth_raw_ms))
        if found.ci_ms is not None:
            self.covered.append(found.ci_ms[0] <= truth_ms <= found.ci_ms[1])


def stated_ms(found: Offset) -> float:
    """The offset that the tool states, NaN when it abstains."""
    return NAN if found.ms is None else found.ms


def raw_ms(found: Offset) -> float:
    """The highest peak, whatever its confidence; NaN when nothing was scored."""
    return peak(found.scores, found.lags_ms) - model.load_model().config.bias_ms if len(found.scores) else NAN


def later_by_clock(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The sound's start moved by `shift_ms`, and the shift: nothing is cut off."""
    return dataclasses.replace(clip, audio_start=clip.audio_start + shift_ms / 1000), shift_ms


def later_by_samples(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The samples moved inside the sound's extent, by whole samples; zeros come in, what leaves is lost."""
    by = round(shift_ms / 1000 * clip.sample_rate)
    moved = np.zeros_like(clip.waveform)
    if by >= 0:
        moved[by:] = clip.waveform[: len(moved) - by]
    else:
        moved[:by] = clip.waveform[-by:]
    return dataclasses.replace(clip, waveform=moved), 1000 * by / clip.sample_rate


def later_and_cut(clip: Clip, shift_ms: float) -> tuple[Clip, float]:
    """The sound later by the clock, with up to `LARGEST_CUT_S` cut off each end.

    GRID's picture and sound begin together, and a shift by time stamps moves the sound's ends with it: an
    estimator that matched the ends would pass that test, and fails here.
    """
    rng = np.random.default_rng(round(1e6 * abs(shift_ms)))
    head, tail = (int(cut * clip.sample_rate) for cut in rng.uniform(0, LARGEST_CUT_S, 2))
    later, done = later_by_clock(clip, shift_ms + 1000 * head / clip.sample_rate)
    sound = clip.waveform[head : len(clip.waveform) - tail]
    return dataclasses.replace(later, waveform=sound), done - 1000 * head / clip.sample_rate


def later_on_disk(source: Path, folder: Path, shift_ms: float) -> Path:
    """A copy of a file whose time stamps put the sound later."""
    target = folder / f"{source.stem}{shift_ms:+.0f}.mkv"
    if source.suffix.lower() == ".mp4":
        # Only MP4 can go on hiding what an edit list hides; some shifts it cannot hold, Matroska all.
        with contextlib.suppress(MediaError):
            remux.shift_audio(source, target.with_suffix(".mp4"), shift_ms, overwrite=True)
            return target.with_suffix(".mp4")
    remux.shift_audio(source, target, shift_ms, overwrite=True)
    return target


def drawn_shifts(name: str) -> np.ndarray:
    """Shifts in ms that depend on the clip's name alone, so that they stay when clips are added."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(rng.uniform(-DRAWN_LIMIT_MS, DRAWN_LIMIT_MS, DRAWN_SHIFTS))


def measure(clips: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part."""
    ways: dict[str, Callable[[Clip, float], tuple[Clip, float]]] = {
        "time stamps": later_by_clock,
        "samples": later_by_samples,
        "time stamps, sound cut at both ends": later_and_cut,
    }
    still, drawn = Errors(), {way: Errors() for way in ways}
    moved = {"container files": Errors(), "samples": Errors()}
    for spoken in tqdm(clips, desc="offset"):
        clip = media.load(spoken.path)
        base = detect_offset(clip)
        still.add(base, 0.0)
        for way, shift in ways.items():
            for wanted in drawn_shifts(spoken.name):
                shifted, done = shift(clip, float(wanted))
                drawn[way].add(detect_offset(shifted), -done)
        for shift_ms in FIXED_SHIFTS_MS:
            shifted, done = later_by_samples(clip, shift_ms)
            _add_move(moved["samples"], base, detect_offset(shifted), done)
            with tempfile.TemporaryDirectory() as folder:
                found = detect_offset(later_on_disk(spoken.path, Path(folder), shift_ms))
            _add_move(moved["container files"], base, found, shift_ms)
    where = f"GRID {split}"
    rows = _accuracy("as it is", still, where)
    for way, errors in drawn.items():
        rows += _accuracy(f"drawn shift ({way})", errors, where)
    for way, errors in moved.items():
        rows += _consistency(f"shift -317, -61, +37, +211 ms ({way})", errors, where)
    return rows


def _add_move(errors: Errors, base: Offset, found: Offset, shift_ms: float) -> None:
    errors.add(found, stated_ms(base) - shift_ms, raw_ms(base) - shift_ms)


def _accuracy(name: str, errors: Errors, split: str) -> list[Row]:
    def row(what: str, value: float, unit: str, n: int | None = None, at_least: float | None = None) -> Row:
        return Row(
            f"offset, {name}: {what}",
            value,
            unit,
            len(errors.stated) if n is None else n,
            split,
            "offset",
            at_least,
        )

    answers = sum(not np.isnan(error) for error in errors.stated)
    covered = float(np.mean(errors.covered)) if errors.covered else NAN
    return [
        row("within 40 ms", metrics.share_within(errors.stated, 40), "share", at_least=0.85),
        row("within 80 ms", metrics.share_within(errors.stated, 80), "share", at_least=0.95),
        row("median error", metrics.median_error(errors.stated), "ms", answers),
        row("bias (median, signed)", metrics.bias(errors.stated), "signed ms", answers),
        row("undetermined", metrics.abstained(errors.stated), "share"),
        row("95 % interval holds the truth", covered, "share", answers),
        row("highest peak within 40 ms", metrics.share_within(errors.raw, 40), "share"),
        row("highest peak within 80 ms", metrics.share_within(errors.raw, 80), "share"),
    ]


def _consistency(name: str, errors: Errors, split: str) -> list[Row]:
    n, answers = len(errors.stated), sum(not np.isnan(error) for error in errors.stated)
    return [
        Row(
            f"{name}: followed within 20 ms",
            metrics.share_within(errors.stated, 20),
            "share",
            n,
            split,
            "offset",
            0.90,
        ),
        Row(f"{name}: median error", metrics.median_error(errors.stated), "ms", answers, split, "offset"),
        Row(
            f"{name}: highest peak within 20 ms",
            metrics.share_within(errors.raw, 20),
            "share",
            n,
            split,
            "offset",
        ),
    ]
