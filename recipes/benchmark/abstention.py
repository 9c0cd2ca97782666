"""Clips that cannot be synchronised: does the tool abstain? And trials of them for the calibration."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import failures
import numpy as np
from corpus import Spoken, Wild
from table import Row
from tqdm import tqdm
from trials import Trial, share_row

from avsync import lips, media
from avsync.lagscores import CALIBRATED_MS
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.offset import detect_offset

SWAPS = 5
"""Foreign sounds a clip, of each kind."""
LARGEST_SHIFT_S = 0.9
"""Foreign sounds are moved by up to this: sentences of GRID begin and end alike."""
QUIET_DBFS = (None, -75.0, -55.0)
"""Silence: digital, and two empty rooms."""
WIDE, WIDE_MS = "other speaker, searched to 10 s", 10_000.0
"""Foreign sound once more with the widest search, which has ten times the lags to err at."""
MUST_ABSTAIN = ("other speaker", "other clip of the speaker", "silence", "music")
"""Kinds that the target is about: silence, no speech, swapped sound."""
NAN = float("nan")


def measure(failed: Sequence[Trial], failed_wild: Sequence[Trial], split: str) -> list[Row]:
    """All rows of this part, of what `trials` and `wild_trials` measured."""
    rows = _rows("unsynchronisable", failed, (f"GRID {split}", "abstention")) if failed else []
    return rows + (_rows("unsynchronisable", failed_wild, ("wild", "abstention")) if failed_wild else [])


def _rows(name: str, found: Sequence[Trial], where: tuple[str, str]) -> list[Row]:
    def row(what: str, chosen: Sequence[Trial], at_least: float | None = None) -> Row:
        abstains = np.isnan([one.error_ms for one in chosen])
        return share_row(f"{name}, {what}: abstains", abstains, [one.clip for one in chosen], where, at_least)

    kinds = list(dict.fromkeys(one.kind for one in found))
    of = {kind: [one for one in found if one.kind == kind] for kind in kinds}
    counted = [one for one in found if one.kind in MUST_ABSTAIN]
    return [
        row("silence, no speech, swapped sound", counted, 0.95),
        *(row(kind, of[kind]) for kind in kinds),
    ]


def trials(clips: Sequence[Spoken], voices: Sequence[Spoken]) -> list[Trial]:
    """Every failure on every clip; `error_ms` is NaN where the tool abstains, else what it stated."""
    found = []
    sounds = {one.name: media.load(one.path) for one in clips}
    for spoken in tqdm(clips, desc="failures"):
        clip = sounds[spoken.name]
        tracks = lips.track(clip)
        for kind, made, faces in cases(spoken, clip, tracks, clips, sounds, voices):
            found.append(_abstains(spoken.name, kind, made, faces))
            if kind == "other speaker":
                found.append(_abstains(spoken.name, WIDE, made, faces, WIDE_MS))
    return found


def _abstains(
    name: str, kind: str, clip: Clip, tracks: tuple[LipTrack, ...], reach_ms: float = CALIBRATED_MS
) -> Trial:
    found = detect_offset(clip, tracks=tracks, max_offset_ms=reach_ms)
    stated = NAN if found.ms is None else found.ms
    return Trial(name, stated, NAN, None, found.confidence, kind)


def cases(
    spoken: Spoken,
    clip: Clip,
    tracks: tuple[LipTrack, ...],
    clips: Sequence[Spoken],
    sounds: dict[str, Clip],
    voices: Sequence[Spoken],
) -> Iterator[tuple[str, Clip, tuple[LipTrack, ...]]]:
    """Kind, clip and tracks of each failure that can be made of a clip; drawn by its name alone."""
    rng = np.random.default_rng(zlib.crc32(spoken.name.encode()))
    speaker = _speaker(spoken)
    foreign = [sounds[one.name].waveform for one in clips if _speaker(one) != speaker]
    own = [sounds[one.name].waveform for one in clips if _speaker(one) == speaker and one is not spoken]

    def drawn(pool: list[np.ndarray]) -> Clip:
        return failures.with_sound(
            clip, pool[rng.integers(len(pool))], rng.uniform(-LARGEST_SHIFT_S, LARGEST_SHIFT_S)
        )

    for _ in range(SWAPS):
        if foreign:
            yield "other speaker", drawn(foreign), tracks
        if own:
            yield "other clip of the speaker", drawn(own), tracks
        yield "music", failures.with_sound(clip, failures.music(clip.duration, clip.sample_rate, rng)), tracks
    for level in QUIET_DBFS:
        yield "silence", failures.silence(clip, rng, level), tracks
    for fast in failures.WARPS:
        yield "dubbed (own voice, 8 to 20 % fast or slow)", failures.warped(clip, fast), tracks
    if voices:
        dubber = media.load(failures.most_alike(spoken, voices).path)
        yield (
            "dubbed (other voice, nearly the same words)",
            failures.with_sound(clip, dubber.waveform),
            tracks,
        )
    if not tracks:
        return
    face = tracks[0]
    for frame in rng.choice(np.flatnonzero(face.found), 3):
        yield "still photo", clip, (failures.still(face, int(frame), rng),)
    quiet = (float(face.times[0]), float(spoken.times[0, 0]) - 0.1)
    silent = failures.listener(face, quiet)
    if silent is not None:
        for pool in ([clip.waveform], foreign, foreign):
            if pool:
                yield "narrator over a face that listens", drawn(pool), (silent,)
    yield "back of the head", clip, failures.back_of_head(clip, face)


def wild_trials(wild: Sequence[Wild]) -> list[Trial]:
    """Swapped sounds, silence and music on clips from the wild, and those that have no speech themselves."""
    found = []
    sounds = {one.name: media.load(one.path).waveform for one in wild}
    for one in tqdm(wild, desc="failures, wild"):
        clip = media.load(one.path)
        tracks = lips.track(clip)
        if Path(one.name).stem in ("digital_silence", "non_speech_tennis"):
            found.append(_abstains(one.name, "edge case without speech", clip, tracks))
        if one.edge:
            continue
        rng = np.random.default_rng(zlib.crc32(one.name.encode()))
        others = [other.name for other in wild if other.person != one.person and not other.edge]
        for name in rng.choice(others, min(SWAPS, len(others)), replace=False) if others else ():
            later = rng.uniform(-LARGEST_SHIFT_S, LARGEST_SHIFT_S)
            made = failures.with_sound(clip, sounds[str(name)], later)
            found.append(_abstains(one.name, "other speaker", made, tracks))
            found.append(_abstains(one.name, WIDE, made, tracks, WIDE_MS))
        song = failures.music(clip.duration, clip.sample_rate, rng)
        found.append(_abstains(one.name, "music", failures.with_sound(clip, song), tracks))
        for level in QUIET_DBFS:
            found.append(_abstains(one.name, "silence", failures.silence(clip, rng, level), tracks))
        for frame in rng.choice(np.flatnonzero(tracks[0].found), 2) if tracks else ():
            photo = (failures.still(tracks[0], int(frame), rng),)
            found.append(_abstains(one.name, "still photo", clip, photo))
    return found


def _speaker(spoken: Spoken) -> str:
    return spoken.name.split("/")[0]
