"""Is `confidence` the probability that the error is at most 40 ms? Half genuine clips, half failures.

Genuine: GRID clips at drawn shifts, whole or cut to 1.5 to 3 s, clean or with noise down to 0 dB. Failures:
all kinds of `abstention.py`; any answer to them is wrong. The calibration error depends on this mixture.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from abstention import WIDE
from corpus import Spoken, Wild
from delays import later_by_clock
from table import Row, markdown
from tqdm import tqdm
from trials import Trial, statistic_row, trial

from avsync import lips, media, metrics
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.offset import detect_offset

GENUINE = 36
"""Genuine trials a clip."""
SHORTEST_S = 1.5
NOISE_DB = (None, 20.0, 10.0, 5.0, 0.0)
"""Signal-to-noise ratios of the genuine trials; None is clean."""
LIMIT_MS = 900.0
"""Shifts of genuine trials lie within this."""
WILD_LIMIT_MS = 700.0
"""The same where the offset of the clip comes on top."""
WILD = ("wild, voices agree", "calibration")
BINS = 15


def measure(clips: Sequence[Spoken], failed: Sequence[Trial], split: str) -> tuple[list[Row], str]:
    """All rows of this part, and the reliability by bins as Markdown. `failed`: trials of `abstention`."""
    good: list[Trial] = []
    for spoken in tqdm(clips, desc="calibration"):
        clip = media.load(spoken.path)
        tracks = lips.track(clip)
        for kind, made, faces, truth_ms in genuine(spoken.name, clip, tracks):
            good.append(trial(spoken.name, detect_offset(made, tracks=faces), truth_ms, kind))
    where = (f"GRID {split}", "calibration")
    rows = _rows("genuine clips and injected failures, half and half", weighed(good, failed), where)
    rows += _rows("genuine clips alone", good, where, target=False)
    return rows, reliability([*good, *failed])


def measure_wild(
    wild: Sequence[Wild], truths: dict[str, float], failed: Sequence[Trial]
) -> tuple[list[Row], str]:
    """The same on clips from the wild whose offset the voices of `consensus` agree on (ms, by name)."""
    good = []
    for one in tqdm([one for one in wild if one.name in truths], desc="calibration, wild"):
        clip = media.load(one.path)
        tracks = lips.track(clip)
        for kind, made, faces, moved_ms in genuine(one.name, clip, tracks, WILD_LIMIT_MS):
            good.append(trial(one.name, detect_offset(made, tracks=faces), truths[one.name] + moved_ms, kind))
    if not good:
        return [], ""
    rows = _rows(
        "genuine clips and injected failures, half and half", weighed(good, failed), WILD, target=False
    )
    return rows, reliability([*good, *failed])


def weighed(good: Sequence[Trial], failed: Sequence[Trial]) -> list[Trial]:
    """Equally many trials of both, and of each kind of failure: repeated in turn up to the larger number.

    Without those of the widest search, for which there are no genuine ones.
    """
    failed = [one for one in failed if one.kind != WIDE]
    kinds = list(dict.fromkeys(one.kind for one in failed))
    each = max(len(good) // max(len(kinds), 1), 1)
    chosen: list[Trial] = []
    for kind in kinds:
        own = [one for one in failed if one.kind == kind]
        chosen += [own[i % len(own)] for i in range(each)]
    return [*good, *chosen]


def genuine(
    name: str, clip: Clip, tracks: tuple[LipTrack, ...], limit_ms: float = LIMIT_MS
) -> Iterator[tuple[str, Clip, tuple[LipTrack, ...], float]]:
    """Kind, clip, tracks and true offset in ms of each genuine trial of a clip."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    for number in range(GENUINE):
        decibels = NOISE_DB[number % len(NOISE_DB)]
        noisy = with_noise(clip, rng, decibels)
        later, done = later_by_clock(noisy, float(rng.uniform(-limit_ms, limit_ms)))
        faces, kind = tracks, "clean" if decibels is None else f"noise at {decibels:g} dB"
        if number >= GENUINE // 2:
            seconds = float(rng.uniform(SHORTEST_S, 3.0))
            length = float(clip.frame_times[-1] - clip.frame_times[0])
            start = float(clip.frame_times[0] + rng.uniform(0, max(length - seconds, 0)))
            later, faces = cut(later, tracks, start, start + seconds)
            kind += ", cut"
        yield kind, later, faces, -done


def with_noise(clip: Clip, rng: np.random.Generator, decibels: float | None) -> Clip:
    """White noise this far below the clip's sound; None leaves it."""
    if decibels is None:
        return clip
    level = float(np.sqrt(np.mean(np.square(clip.waveform)))) * 10 ** (-decibels / 20)
    noise = rng.normal(0, level, len(clip.waveform))
    return replace(clip, waveform=(clip.waveform + noise).astype(np.float32))


def cut(
    clip: Clip, tracks: tuple[LipTrack, ...], start: float, end: float
) -> tuple[Clip, tuple[LipTrack, ...]]:
    """What a file cut at two times (s) holds: pictures and sound between them."""
    frames = np.flatnonzero((clip.frame_times >= start - 1e-6) & (clip.frame_times < end - 1e-6))
    rate = clip.sample_rate
    first, last = (round((edge - clip.audio_start) * rate) for edge in (start, end))
    first, last = max(first, 0), max(last, 0)
    part = slice(frames[0], frames[-1] + 1) if len(frames) else slice(0, 0)
    shorter = replace(
        clip,
        frame_times=clip.frame_times[part],
        frames=[],
        waveform=clip.waveform[first:last],
        audio_start=clip.audio_start + first / rate,
    )
    faces = tuple(_between(one, *clip.frame_times[frames[[0, -1]]]) for one in tracks if len(frames))
    return shorter, tuple(one for one in faces if one.found.any())


def _between(track: LipTrack, first: float, last: float) -> LipTrack:
    """The frames of a track from one time (s) to another."""
    part = (track.times >= first) & (track.times <= last)
    return LipTrack(
        track.times[part], track.mouths[part], track.landmarks[part], track.boxes[part], track.found[part],
        track.face,
    )  # fmt: skip


def _rows(name: str, trials: Sequence[Trial], where: tuple[str, str], *, target: bool = True) -> list[Row]:
    pairs = np.array([(one.confidence, one.right) for one in trials], float).reshape(-1, 2)
    clips = [one.clip for one in trials]

    def row(what: str, of: str, unit: str = "", at_most: float | None = None) -> Row:
        statistic = STATISTICS[of]
        return statistic_row(f"`confidence`, {name}: {what}", statistic, pairs, clips, where, unit, at_most)

    return [
        row(f"calibration error (ECE, {BINS} bins)", "ece", at_most=0.08 if target else None),
        row("Brier score", "brier"),
        row("AUROC of right against wrong", "auroc"),
        row("area under the risk-coverage curve", "aurc"),
        row("wrong among the surest half", "half", "share"),
        row("wrong among those that are answered (confidence of 0.5 and more)", "gate", "share"),
        row("share that is right", "right", "share"),
    ]


def _surest_half(pairs: np.ndarray) -> float:
    coverage, risk = metrics.risk_coverage(pairs[:, 0], pairs[:, 1])
    return float(risk[np.searchsorted(coverage, min(0.5, coverage[-1]))])


def _area(pairs: np.ndarray) -> float:
    coverage, risk = metrics.risk_coverage(pairs[:, 0], pairs[:, 1])
    return float(np.sum(np.diff(coverage, prepend=0.0) * risk))


def _wrong_above_gate(pairs: np.ndarray) -> float:
    answered = pairs[pairs[:, 0] >= 0.5]
    return float(1 - answered[:, 1].mean()) if len(answered) else float("nan")


STATISTICS = {
    "ece": lambda pairs: metrics.calibration_error(pairs[:, 0], pairs[:, 1], BINS),
    "brier": lambda pairs: metrics.brier(pairs[:, 0], pairs[:, 1]),
    "auroc": lambda pairs: metrics.auroc(pairs[:, 0], pairs[:, 1]),
    "aurc": _area,
    "half": _surest_half,
    "gate": _wrong_above_gate,
    "right": lambda pairs: float(pairs[:, 1].mean()),
}


def reliability(trials: Sequence[Trial]) -> str:
    """What was said and what came true, by bins of confidence and by kind of trial."""
    said = np.array([one.confidence for one in trials])
    true = np.array([one.right for one in trials], float)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    lines = [
        [f"{index / BINS:.2f} to {(index + 1) / BINS:.2f}", str(int(inside.sum())),
         f"{said[inside].mean():.2f}", f"{true[inside].mean():.2f}"]
        for index in range(BINS)
        if (inside := bins == index).any()
    ]  # fmt: skip
    kinds = np.array([one.kind for one in trials])
    by_kind = [
        [kind, str(int(inside.sum())), f"{said[inside].mean():.2f}", f"{true[inside].mean():.2f}"]
        for kind in dict.fromkeys(kinds.tolist())
        if (inside := kinds == kind).any()
    ]
    head = ["n", "confidence, mean", "right"]
    return markdown(["confidence", *head], lines) + "\n" + markdown(["kind", *head], by_kind)
