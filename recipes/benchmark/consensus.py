"""Clips from the wild against what independent estimators agree on: nobody knows their true offset.

Voices: canonical correlation on mouth pictures, the same on lip points, and lip opening against loudness
without any training (`voices.py`). They share no weights with the answer, and no input features with each
other but the stabilised face; they do share the zero of GRID (the linear ones are fitted to it), the face
tracker and the sound. Checkpoints given as `--other-weights` join them. Where two voices lie within 40 ms of
each other, and their peaks are clear enough together, their mean is the consensus. How often that happens by
chance is measured on sounds of other persons, and how clear they must be was chosen there alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import failures
import numpy as np
import torch
from calibration import cut
from corpus import Spoken, Wild
from table import Row, markdown
from tqdm import tqdm
from trials import NAN, Trial, accuracy_rows, raw_ms, share_row, stated_ms, statistic_row, trial
from voices import Say, Voice, best_lag, opening_against_loudness

from avsync import features, lips, media, metrics, speech
from avsync.features import LipGrid
from avsync.model import Ensemble, Vectors, load_model, read_ensemble, side_by_side
from avsync.offset import Offset, detect_offset
from avsync.speech import Mel

AGREE_MS = 40.0
"""Voices this near to each other agree."""
CLEAR = 2.5
"""Least sum of `Say.clear` of voices that agree: lets 1 % of wrong sounds through."""
WRONG_SOUNDS = 5
"""Sounds of other persons that the voices hear with each clip."""
SHORTEST_S = 4.0
"""Shorter clips are not asked about."""
WHERE = ("wild, 4 s and more", "consensus")
TARGETS = {"40": 0.88, "80": 0.95, "covered": 0.85}


@dataclass(frozen=True, slots=True)
class Heard:
    """What is said about a clip, all in ms; NaN where nothing is."""

    name: str
    found: Offset
    """The answer that is judged."""
    says: dict[str, Say]
    """Each voice."""
    streams: tuple[float, float]
    """The network's picture stream alone, and its landmark stream alone."""
    halves: tuple[float, float]
    """Stated for the first and the second half, cut like files."""
    half_peaks: tuple[float, float]
    """Their highest peaks."""

    @property
    def consensus(self) -> float:
        """What the voices agree on, NaN where they do not."""
        return agreed(list(self.says.values()))

    @property
    def unanimous(self) -> bool:
        """Whether all voices lie within `AGREE_MS`."""
        return bool(np.ptp([say.ms for say in self.says.values()]) <= AGREE_MS)


def agreed(says: Sequence[Say]) -> float:
    """Mean (ms) of the largest group that agrees clearly, the closest of several; NaN without one."""
    ordered = sorted(says, key=lambda say: say.ms)
    groups = [
        ordered[first : last + 1]
        for first in range(len(ordered))
        for last in range(first + 1, len(ordered))
        if ordered[last].ms - ordered[first].ms <= AGREE_MS
    ]
    clear = [group for group in groups if sum(say.clear for say in group) >= CLEAR]
    if not clear:
        return NAN
    best = min(clear, key=lambda group: (-len(group), group[-1].ms - group[0].ms))
    return float(np.mean([say.ms for say in best]))


def hear(wild: Sequence[Wild], linear: Sequence[Voice], others: Sequence[Path]) -> list[Heard]:
    """What is said about each clip that is long enough and shows a face."""
    models = {path.stem: read_ensemble(path) for path in others}
    long = [one for one in wild if not one.edge and one.seconds >= SHORTEST_S]
    heard = [_hear(one, linear, models) for one in tqdm(long, desc="consensus")]
    return [one for one in heard if one.says]


def measure(
    heard: Sequence[Heard], wild: Sequence[Wild], spoken: Sequence[Spoken], split: str,
    linear: Sequence[Voice], others: Sequence[Path],
) -> tuple[list[Row], str]:  # fmt: skip
    """All rows of this part, and Markdown tables of the clips. `spoken`: GRID, to try the voices."""
    models = {path.stem: read_ensemble(path) for path in others}
    rows, table = voice_rows(spoken, linear, models, split)
    if not heard:
        return rows, table
    names = {one.name for one in heard}
    chance = by_chance([one for one in wild if one.name in names], linear, models)
    return [*rows, chance, *_rows(heard)], f"{table}\n{_clips_table(heard)}"


def by_chance(wild: Sequence[Wild], linear: Sequence[Voice], models: dict[str, Ensemble]) -> Row:
    """How often voices agree about a sound of another person."""
    rng = np.random.default_rng(0)
    clips = {one.name: media.load(one.path) for one in wild}
    agree, names = [], []
    for one in tqdm(wild, desc="wrong sounds"):
        clip = clips[one.name]
        grid = features.on_grid(lips.track(clip)[0])
        others = [clips[other.name] for other in wild if other.person != one.person]
        for _ in range(WRONG_SOUNDS if others else 0):
            sound = np.resize(others[rng.integers(len(others))].waveform, len(clip.waveform))
            mel = speech.log_mel(failures.with_sound(clip, np.roll(sound, rng.integers(len(sound)))))
            agree.append(not np.isnan(agreed(list(listen(grid, mel, linear, models).values()))))
            names.append(one.name)
    return share_row("voices agree about a sound of another person", agree, names, WHERE)


def _hear(one: Wild, linear: Sequence[Voice], models: dict[str, Ensemble]) -> Heard:
    clip = media.load(one.path)
    tracks = lips.track(clip)
    found = detect_offset(clip, tracks=tracks)
    if not tracks:
        return Heard(one.name, found, {}, (NAN, NAN), (NAN, NAN), (NAN, NAN))
    grid, mel = features.on_grid(tracks[0]), speech.log_mel(clip)
    start, end = float(clip.frame_times[0]), float(clip.frame_times[-1]) + 1e-3
    edges = (start, (start + end) / 2, end)
    parts = [cut(clip, tracks, edges[half], edges[half + 1]) for half in (0, 1)]
    first, second = (detect_offset(half, tracks=faces) for half, faces in parts)
    return Heard(
        one.name,
        found,
        listen(grid, mel, linear, models),
        streams(grid, mel),
        (stated_ms(first), stated_ms(second)),
        (raw_ms(first), raw_ms(second)),
    )


def _rows(heard: Sequence[Heard]) -> list[Row]:
    where = WHERE
    names = [one.name for one in heard]
    agree = [one for one in heard if not np.isnan(one.consensus)]
    sure = [one for one in agree if one.unanimous]
    apart = np.abs(np.subtract(*np.array([one.streams for one in heard]).T))
    rows = [share_row("wild: voices agree", [one in agree for one in heard], names, where)]
    for name, group, targets in (
        ("wild, against the consensus", agree, TARGETS),
        ("wild, where all voices agree", sure, None),
    ):
        trials = [trial(one.name, one.found, one.consensus) for one in group]
        rows += accuracy_rows(name, trials, where, targets)
    name = "wild: picture and landmark stream of the network within 40 ms"
    rows.append(share_row(name, apart <= 40, names, where))
    halves = np.subtract(*np.array([one.halves for one in heard]).T)
    peaks = np.abs(np.subtract(*np.array([one.half_peaks for one in heard]).T))
    both = ~np.isnan(halves)
    chosen = [one.name for one, known in zip(heard, both, strict=True) if known]
    name = "wild, answered halves of a clip"
    return [
        *rows,
        share_row("wild, halves of a clip: both are answered", both, names, where),
        share_row(f"{name}: within 40 ms of each other", np.abs(halves[both]) <= 40, chosen, where),
        share_row(f"{name}: within 80 ms of each other", np.abs(halves[both]) <= 80, chosen, where),
        statistic_row(f"{name}: median distance", metrics.median_error, halves[both], chosen, where),
        share_row("wild, halves of a clip: highest peaks within 40 ms", peaks <= 40, names, where),
    ]


def _clips_table(heard: Sequence[Heard]) -> str:
    header = ["clip", "stated", "highest peak", "consensus", *heard[0].says, "picture stream",
              "landmark stream", "first half", "second half", "peak, first", "peak, second"]  # fmt: skip
    lines = [
        [one.name, *(_ms(value) for value in (stated_ms(one.found), raw_ms(one.found), one.consensus,
         *(say.ms for say in one.says.values()), *one.streams, *one.halves, *one.half_peaks))]
        for one in heard
    ]  # fmt: skip
    return markdown(header, lines)


def voice_rows(
    spoken: Sequence[Spoken], linear: Sequence[Voice], models: dict[str, Ensemble], split: str
) -> tuple[list[Row], str]:
    """How good each voice is where the truth is known; and the answers for GRID against their consensus, for
    GRID's own 0 may be wrong in a clip. With a Markdown table of the clips.
    """
    lines: list[list[str]] = []
    says: dict[str, list[float]] = {}
    trials: list[Trial] = []
    for one in tqdm(spoken, desc="voices"):
        clip = media.load(one.path)
        tracks = lips.track(clip)
        if not tracks:
            continue
        told = listen(features.on_grid(tracks[0]), speech.log_mel(clip), linear, models)
        for name, say in told.items():
            says.setdefault(name, []).append(say.ms)
        common, found = agreed(list(told.values())), detect_offset(clip, tracks=tracks)
        if not np.isnan(common):
            trials.append(trial(one.name, found, common))
        said = (stated_ms(found), common, *(say.ms for say in told.values()))
        lines.append([one.name, *(_ms(value) for value in said)])
    where = (f"GRID {split}", "consensus")
    rows = [
        share_row(f"voice, {name}: within 40 ms", np.abs(errors) <= 40, range(len(errors)), where)
        for name, errors in says.items()
    ]
    rows += accuracy_rows("GRID 3 s, against the consensus", trials, where)
    return rows, markdown(["GRID, as it is, ms", "stated", "consensus", *says], lines)


def listen(grid: LipGrid, mel: Mel, linear: Sequence[Voice], models: dict[str, Ensemble]) -> dict[str, Say]:
    """What each voice says."""
    says = {f"linear on {voice.source}": voice(grid, mel) for voice in linear}
    says["opening against loudness"] = opening_against_loudness(grid, mel)
    for name, model in models.items():
        say = best_lag(model.embed_lips(grid), model.embed_speech(mel))
        says[name] = replace(say, ms=say.ms - model.config.bias_ms)
    return says


@torch.inference_mode()
def streams(grid: LipGrid, mel: Mel) -> tuple[float, float]:
    """What the network says from its picture stream alone, and from its landmark stream alone, in ms."""
    model = load_model()
    heard = model.embed_speech(mel)
    found = torch.from_numpy(grid.found)[None]
    mouth = features.standardise(features.reduce_mouths(torch.from_numpy(grid.mouths)[None]), found)
    points = torch.from_numpy(grid.points)[None]
    says = []
    for picture in (1.0, 0.0):
        vectors = []
        for network in model.networks:
            encoded = network.lips(
                mouth,
                points,
                found,
                keep_picture_B=torch.tensor([picture]),
                keep_points_B=torch.tensor([1.0 - picture]),
            )
            vectors.append(network.project_lips(encoded)[0].numpy())
        seen = Vectors(side_by_side(vectors), grid.times, grid.found)
        says.append(best_lag(seen, heard).ms - model.config.bias_ms)
    return says[0], says[1]


def _ms(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.0f}"
