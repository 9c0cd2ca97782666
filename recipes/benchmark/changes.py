"""Offsets that change: drift and steps in films of ten minutes, steep drifts in films of less than one, and
none where there is none.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from corpus import Spoken
from films import Take, film, laid, voiced
from table import Row
from tqdm import tqdm
from trials import NAN, share_row, statistic_row

from avsync import lips, media, metrics
from avsync.offset import Offset, detect_offset

SECONDS = 600.0
SIZE = (360, 288)
DRIFTS_PPM = (-1000, -300, -50, 50, 300, 1000)
CLEAN_MS = (0.0, 87.0, -233.0)
STEPS_MS = (80, -120, 200, -400, -80, 120, -200, 400)
"""Height of the step; each film has one, somewhere in its middle eight minutes."""
LIMIT_PPM, FALSE_PPM = 20.0, 10.0
STEEP_SECONDS = (20.0, 30.0, 45.0)
STEEP_PPM = (-42_000, -20_000, -5000, 5000, 20_000, 42_000)
"""Drifts of pictures that are stamped with another rate than they were taken at."""
STEEP_ORDERS = 3
"""Films of each length: the same clips in other orders."""
PLACE_S, SIZE_MS = 1.0, 40.0


def measure(clips: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part. The films repeat the clips, so speakers are as few as the split has."""
    return _slow(clips, split) + _steep(clips, split)


def _slow(clips: Sequence[Spoken], split: str) -> list[Row]:
    """Of clocks that run apart, and of edits."""
    where = (f"GRID {split}, {len(clips)} clips, {SECONDS / 60:g} min", "changes")
    rng = np.random.default_rng(0)
    drifts: dict[float, float] = {}
    false: list[float] = []
    steps: list[tuple[float, float]] = []
    extra = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = film(folder / "pictures.mp4", [Take(one.path) for one in clips], SECONDS, SIZE)

        def found(offset_ms: Callable[[np.ndarray], np.ndarray]) -> Offset:
            voiced(folder / "pictures.mp4", folder / "film.mp4", sound, offset_ms)
            return detect_offset(folder / "film.mp4")

        for ppm in tqdm(DRIFTS_PPM, desc="drift"):
            ms = rng.uniform(-100, 100)
            line = found(lambda t, ms=ms, ppm=ppm: ms + ppm * (t - SECONDS / 2) / 1000)
            drifts[ppm] = NAN if line.drift_ppm is None else line.drift_ppm - ppm
            extra += len(_jumps(line))
        for ms in tqdm(CLEAN_MS, desc="no change"):
            line = found(lambda t, ms=ms: np.full_like(t, ms))
            false.append(NAN if line.drift_ppm is None else line.drift_ppm)
            extra += len(_jumps(line))
        for height in tqdm(STEPS_MS, desc="steps"):
            place, ms = rng.uniform(60, SECONDS - 60), rng.uniform(-100, 100)
            jumps = _jumps(found(lambda t, m=ms, p=place, h=height: m + h * (t >= p)))
            nearest = min(jumps, key=lambda jump: abs(jump[0] - place), default=(NAN, NAN))
            steps.append((nearest[0] - place, nearest[1] - height))
            extra += max(len(jumps) - 1, 0)
    place, size = np.abs(np.array(steps)).T
    largest = lambda errors: float(np.max(np.abs(errors)))  # noqa: E731
    films = [str(number) for number in range(len(DRIFTS_PPM) + len(STEPS_MS))]
    stepped = films[: len(steps)]
    return [
        statistic_row(f"drift, {min(DRIFTS_PPM)} to {max(DRIFTS_PPM):+d} ppm: largest error", largest,
                      list(drifts.values()), films[: len(drifts)], where, "ppm", LIMIT_PPM),
        statistic_row("no drift: largest that is stated", largest, false, films[: len(false)], where, "ppm",
                      FALSE_PPM),
        share_row(f"steps: within {PLACE_S:g} s of their place", place <= PLACE_S, stepped, where, 1.0),
        statistic_row("steps: largest error of the place", largest, 1000 * place, stepped, where),
        share_row(f"steps: size within {SIZE_MS:g} ms", size <= SIZE_MS, stepped, where, 1.0),
        statistic_row("steps: largest error of the size", largest, size, stepped, where),
        Row("steps that are not there", float(extra), "", len(films) + len(false), *where, at_most=0.0),
    ]  # fmt: skip


def _steep(clips: Sequence[Spoken], split: str) -> list[Row]:
    """Of wrong rates. A film counts as found where its offset in the middle is stated within 40 ms."""
    takes = [Take(one.path) for one in clips]
    rows = []
    for seconds in STEEP_SECONDS:
        where = (f"GRID {split}, {len(clips)} clips, {seconds:g} s", "changes")
        middle: list[float] = []
        slopes: list[float] = []
        made_up = 0
        with tempfile.TemporaryDirectory() as name:
            for order in tqdm(range(STEEP_ORDERS), desc=f"steep drifts, {seconds:g} s"):
                path = Path(name) / f"{order}.mp4"
                sound = film(path, takes, seconds, SIZE, seed=1 + order)
                seen = media.load(path)
                tracks = lips.track(seen)
                for ppm in (0, *STEEP_PPM):
                    heard = laid(sound, lambda t, ppm=ppm, s=seconds: ppm * (t - s / 2) / 1000)
                    clip = replace(seen, waveform=heard.astype(np.float32))
                    found = detect_offset(clip, tracks=tracks)
                    if ppm == 0:
                        made_up += found.line is not None and found.line.slope_ppm != 0
                        continue
                    line = found.line if found.ms is not None else None
                    middle.append(NAN if line is None else float(line.offset_at(seconds / 2)))
                    slopes.append(NAN if line is None else line.slope_ppm - ppm)
        films = [str(number) for number in range(len(middle))]
        near = np.abs(middle) <= SIZE_MS
        seen = np.abs(slopes) < np.abs(np.tile(STEEP_PPM, STEEP_ORDERS))  # no line has all of it as its error
        rows += [
            share_row(f"steep drifts, {seconds:g} s: in the middle within 40 ms", near, films, where),
            share_row(f"steep drifts, {seconds:g} s: not answered", np.isnan(middle), films, where),
            share_row(f"steep drifts, {seconds:g} s: a drift is stated", seen, films, where),
            statistic_row(f"steep drifts, {seconds:g} s: median error of those stated", metrics.median_error,
                          np.array(slopes)[seen], np.array(films)[seen].tolist(), where, "ppm"),
            Row(f"films of {seconds:g} s without drift: given one", float(made_up), "", STEEP_ORDERS, *where,
                at_most=0.0),
        ]  # fmt: skip
    return rows


def _jumps(found: Offset) -> list[tuple[float, float]]:
    """Place (s) and height (ms) of each."""
    if found.line is None:
        return []
    return [(jump.time, jump.after_ms - jump.before_ms) for jump in found.line.jumps]
