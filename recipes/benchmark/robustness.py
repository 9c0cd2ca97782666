"""Does the offset of a clip stay when its picture or its sound is altered (`alterations`)?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from alterations import PICTURES, SOUNDS, Pictures, tiled
from calibration import cut
from corpus import Wild
from table import Row
from tqdm import tqdm
from trials import Trial, share_row, stated_ms, statistic_row, trial

from avsync import lips, media, metrics
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.offset import detect_offset

SECONDS = 6.0
"""Longer clips are cut to this."""
MOST = 12
"""Clips, one a person."""
MOVES_MS = 15.0


def measure(wild: Sequence[Wild]) -> list[Row]:
    """All rows of this part."""
    people = {one.person: one for one in reversed(wild) if not one.edge}
    chosen = sorted(people.values(), key=lambda one: one.name)[:MOST]
    clips = [_opening(one) for one in chosen]
    trials: dict[str, list[Trial]] = {}
    for number, one in enumerate(tqdm(chosen, desc="altered")):
        base = detect_offset(clips[number], tracks=_tracked(clips[number]))
        if base.ms is None:
            continue
        others = [list(clip.frames) for clip in clips[number + 1 :] + clips[:number]]
        for kind, made, tracks in altered(clips[number], others, np.random.default_rng(number)):
            found = detect_offset(made, tracks=tracks)
            trials.setdefault(kind, []).append(trial(one.name, found, stated_ms(base)))
    return [row for kind, found in trials.items() for row in _rows(kind, found)]


def altered(
    clip: Clip, others: Sequence[Pictures], rng: np.random.Generator
) -> Iterator[tuple[str, Clip, tuple[LipTrack, ...]]]:
    """Each alteration of a clip, and the faces in it; `others`: pictures of other people."""
    shown = list(clip.frames)
    for name, seen in PICTURES.items():
        made = replace(clip, frames=seen(shown))
        yield f"picture, {name}", made, _tracked(made)
    for side in (2, 3):
        made = replace(clip, frames=tiled(shown, others, side))
        yield f"picture, one of {side**2} who talk", made, _tracked(made)
    tracks = _tracked(clip)
    for name, heard in SOUNDS.items():
        sound = np.asarray(heard(clip.waveform, rng), np.float32)
        yield f"sound, {name}", replace(clip, waveform=sound), tracks


def _tracked(clip: Clip) -> tuple[LipTrack, ...]:
    """Its faces. A configuration of its own keeps those of the file, which are kept, out of it."""
    return lips.track(clip, lips.TrackConfig())


def _opening(one: Wild) -> Clip:
    whole = media.load(one.path)
    start = float(whole.frame_times[0])
    clip, _ = cut(whole, (), start, start + SECONDS)
    shown = [np.asarray(whole.frames[number]) for number in range(len(clip.frame_times))]
    return replace(clip, frames=shown)


def _rows(kind: str, trials: Sequence[Trial]) -> list[Row]:
    where = ("wild", "robustness")
    clips = [one.clip for one in trials]
    errors = np.array([one.error_ms for one in trials])
    stated = errors[~np.isnan(errors)]
    return [
        share_row(f"{kind}: moves by at most {MOVES_MS:g} ms", np.abs(errors) <= MOVES_MS, clips, where),
        share_row(f"{kind}: not answered", np.isnan(errors), clips, where),
        statistic_row(f"{kind}: largest move", lambda moves: float(np.max(np.abs(moves))), stated,
                      list(range(len(stated))), where),
        statistic_row(f"{kind}: median, signed", metrics.bias, stated, list(range(len(stated))), where,
                      "signed ms"),
    ]  # fmt: skip
