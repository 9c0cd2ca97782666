"""Words of clips asked for, and the rows that sum up their errors.

Shapes: W words.
"""

import dataclasses
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from corpus import Spoken, Wild
from table import Row

from avsync import Alignment, align, metrics
from avsync.errors import UndeterminedError
from avsync.lips import LipTrack
from avsync.media import Clip

PART = "words"
"""Part of the benchmark to which all rows belong."""
LIMITS_MS = (10, 20, 50, 100)
"""Errors whose shares are counted."""


def ask(
    source: Path | Clip,
    words: Sequence[str],
    modality: str = "audio",
    tracks: tuple[LipTrack, ...] | None = None,
) -> Alignment | None:
    """What `avsync align` says; None where it refuses the transcript. `tracks`: its faces, if known."""
    with warnings.catch_warnings():
        # That the offset of some clip is undetermined has its own row in another part.
        warnings.filterwarnings("ignore", message=".*offset could not be determined")
        try:
            return align(source, " ".join(words), modality=modality, tracks=tracks)
        except UndeterminedError:
            return None


def texts_of(
    clips: Sequence[Spoken], wild: Sequence[Wild], split: str
) -> Iterator[tuple[str, list[tuple[Path, Sequence[str]]]]]:
    """Files with their words, of GRID and of the wild, each with what rows call them."""
    yield f"GRID {split}", [(one.path, one.words) for one in clips]
    yield "wild", [(one.path, one.transcript.split()) for one in wild if one.transcript and not one.edge]


def sound_of(clip: Clip, waveform: np.ndarray | None = None, start: float | None = None) -> Clip:
    """The clip without its pictures, which spares tracking them, and with another sound, which begins at
    another time, if they are given.
    """
    heard = clip.waveform if waveform is None else waveform
    begins = clip.audio_start if start is None else start
    return dataclasses.replace(clip, frame_times=np.zeros(0), frames=[], waveform=heard, audio_start=begins)


def late_ms(found: Alignment | None, spoken: Spoken) -> np.ndarray:
    """(W, 2) errors of starts and ends, ms, positive = late; NaN for a transcript that was refused."""
    if found is None:
        return np.full_like(spoken.times, np.nan)
    heard = np.array([(word.heard_start, word.heard_end) for word in found.words])
    return against(heard, spoken.times)


def against(heard: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(W, 2) errors in ms; NaN where words are missing. Both stand on grids of milliseconds: an error of 50
    ms must not become 50.00000001.
    """
    late = heard - truth if heard.shape == truth.shape else np.full_like(truth, np.nan)
    return np.asarray((1000 * late).round(6))


def drawn(name: str) -> np.random.Generator:
    """Chance that depends on the clip's name alone, so that it stays when clips are added."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def row(
    name: str,
    value: float,
    unit: str,
    n: int,
    split: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """A row of this part."""
    return Row(f"words, {name}", value, unit, n, split, PART, at_least, at_most)


def edge_rows(name: str, errors_ms: np.ndarray, split: str, targets: dict[str, float]) -> list[Row]:
    """Everything about the errors (W, 2) of starts and ends.

    `targets`: of "median" and "within 50 ms" of the starts, and of the "bias" of both edges.
    """
    rows, n = [], len(errors_ms)
    for edge, late in zip(("start", "end"), errors_ms.T, strict=True):
        goal = targets if edge == "start" else {}
        rows += [
            row(f"{name}: {edge}, median error", metrics.median_error(late), "ms", n, split,
                at_most=goal.get("median")),
            *(row(f"{name}: {edge} within {limit} ms", metrics.share_within(late, limit), "share", n, split,
                  at_least=goal.get(f"within {limit} ms")) for limit in LIMITS_MS),
            row(f"{name}: {edge}, mean error", metrics.mean_error(late), "ms", n, split),
            row(f"{name}: {edge}, 95th percentile", metrics.percentile_error(late), "ms", n, split),
            row(f"{name}: {edge}, largest error", metrics.percentile_error(late, 100), "ms", n, split),
            *_bias_rows(f"{name}: {edge}", late, split, targets.get("bias")),
        ]  # fmt: skip
    rows.append(
        row(f"{name}: word error (mean of both edges)", metrics.word_error(errors_ms), "ms", n, split)
    )
    rows.append(row(f"{name}: not found", metrics.abstained(errors_ms[:, 0]), "share", n, split))
    return rows


def _bias_rows(name: str, late: np.ndarray, split: str, most: float | None) -> list[Row]:
    signed, n = metrics.mean_bias(late), len(late)
    return [
        row(f"{name}, bias (mean, late is positive)", signed, "signed ms", n, split),
        row(f"{name}, bias (median, late is positive)", metrics.bias(late), "signed ms", n, split),
        row(f"{name}, size of the bias (mean)", abs(signed), "ms", n, split, at_most=most),
    ]
