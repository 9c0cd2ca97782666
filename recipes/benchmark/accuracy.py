"""How near the truth, and whether a shift that lies on no grid is followed: GRID, and clips from the wild.

GRID's own offset counts as 0; rows that say so take the zero measured for each speaker instead
(zero_point.py).
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from corpus import Spoken, Wild, zero_points
from delays import drawn_shifts, later_and_cut, later_by_samples, later_on_disk
from table import Row
from tqdm import tqdm
from trials import Trial, accuracy_rows, against, move_rows, raw_ms, share_row, stated_ms, trial

from avsync import lips, media
from avsync.media import Clip
from avsync.offset import Offset, detect_offset

SHIFTS = 12
"""Shifts drawn for each clip of GRID and each way of shifting."""
WILD_SHIFTS = 4
"""The same for clips from the wild."""
LIMIT_MS = 900.0
"""Shifts of GRID lie within this: the truth must lie inside the searched +-1000 ms, not at its edge."""
WILD_LIMIT_MS = 700.0
"""Shifts of clips from the wild, whose own offset comes on top."""
TARGETS = {"40": 0.96, "80": 0.99, "median": 12.0, "covered": 0.95}
WAYS = ("container files", "samples", "container, sound cut at both ends")


def measure(clips: Sequence[Spoken], wild: Sequence[Wild], split: str) -> list[Row]:
    """All rows of this part."""
    still: list[Trial] = []
    drawn: dict[str, list[Trial]] = {way: [] for way in WAYS}
    moved: dict[str, list[Trial]] = {way: [] for way in WAYS[:2]}
    speakers: dict[str, str] = {}
    for spoken in tqdm(clips, desc="accuracy"):
        clip = media.load(spoken.path)
        tracks = lips.track(clip)
        base = detect_offset(clip, tracks=tracks)
        speakers[spoken.name] = spoken.name.split("/")[0]
        still.append(trial(spoken.name, base, 0.0))
        for way, found, done in shifted(
            spoken.path, clip, tracks, drawn_shifts(spoken.name, SHIFTS, LIMIT_MS), WAYS
        ):
            drawn[way].append(trial(spoken.name, found, -done))
            if way in moved and base.ms is not None:
                moved[way].append(trial(spoken.name, found, stated_ms(base) - done))
    where = (f"GRID {split}", "accuracy")
    rows = []
    for way in WAYS:
        goal = TARGETS if way in moved else None
        rows += accuracy_rows(f"GRID 3 s, drawn shift ({way})", drawn[way], where, goal)
    rows += accuracy_rows("GRID 3 s, as it is", still, where)
    both = [one for way in moved for one in drawn[way]]
    zeros = zero_points()
    own = [against(one, zeros.get(speakers[one.clip], 0.0)) for one in both]
    rows += accuracy_rows(
        "GRID 3 s, drawn shift (both ways), truth: measured zero of the speaker", own, where
    )
    for speaker in sorted(set(speakers.values())):
        chosen = [one for one in both if speakers[one.clip] == speaker]
        near = np.abs([one.error_ms for one in chosen]) <= 40
        name = f"GRID 3 s, drawn shift (both ways), {speaker}: within 40 ms"
        rows.append(share_row(name, near, [one.clip for one in chosen], where))
    for way, trials in moved.items():
        rows += move_rows(f"drawn shift ({way})", trials, where)
    return rows + _wild_moves(wild)


def shifted(
    path: Path,
    clip: Clip,
    tracks: tuple[lips.LipTrack, ...],
    shifts_ms: Iterable[float],
    ways: Sequence[str],
) -> Iterable[tuple[str, Offset, float]]:
    """Way, offset and shift of each shifted copy of a clip."""
    in_memory: dict[str, Callable[[Clip, float], tuple[Clip, float]]] = {
        WAYS[1]: later_by_samples,
        WAYS[2]: later_and_cut,
    }
    for shift_ms in shifts_ms:
        for way in ways:
            if way == WAYS[0]:
                with tempfile.TemporaryDirectory() as folder:
                    yield way, detect_offset(later_on_disk(path, Path(folder), shift_ms)), float(shift_ms)
            else:
                later, done = in_memory[way](clip, float(shift_ms))
                yield way, detect_offset(later, tracks=tracks), done


def _wild_moves(wild: Sequence[Wild]) -> list[Row]:
    moved: dict[str, list[Trial]] = {way: [] for way in WAYS[:2]}
    peaks: dict[str, list[Trial]] = {way: [] for way in WAYS[:2]}
    for one in tqdm(wild, desc="wild, moved"):
        clip = media.load(one.path)
        tracks = lips.track(clip)
        base = detect_offset(clip, tracks=tracks)
        shifts = drawn_shifts(one.name, WILD_SHIFTS, WILD_LIMIT_MS)
        for way, found, done in shifted(one.path, clip, tracks, shifts, WAYS[:2]):
            peaks[way].append(trial(one.name, found, raw_ms(base) - done))
            if base.ms is not None:
                moved[way].append(trial(one.name, found, stated_ms(base) - done))
    where = ("wild", "accuracy")
    rows = []
    for way, trials in moved.items():
        if trials:
            rows += move_rows(f"wild, drawn shift ({way})", trials, where)
            near = np.abs([one.peak_error_ms for one in peaks[way]]) <= 20
            clips = [one.clip for one in peaks[way]]
            name = f"wild, drawn shift ({way}): highest peak follows within 20 ms, abstentions included"
            rows.append(share_row(name, near, clips, where))
    return rows
