"""Short windows of 5 to 15 frames against 31 lags of a frame: the protocol of LRS2.

For each window the scores of its frames are averaged at k = -15..15 frames; the lag with the highest counts
as right when it is at most one frame off. Lags for which a frame of the window would need sound outside the
clip are ruled out. The share of right windows is averaged over clips.

`as used`: windows of the vectors that the tool compares. Each of these sees +-8 frames around its own, more
than the window. `alone`: the encoder is shown the frames of the window and no other, as in the protocol.

Shapes: T frames, K lags, S window, N windows.
"""

from collections.abc import Sequence

import numpy as np
import torch
from corpus import Spoken
from table import Row
from tqdm import tqdm
from trials import raw_ms, statistic_row

from avsync import features, lips, media, speech
from avsync.features import LipGrid
from avsync.lagscores import lag_scores
from avsync.model import Ensemble, Vectors, load_model, side_by_side
from avsync.offset import detect_offset

LAGS = np.arange(-15, 16)
"""Frames."""
FRAME_MS = 40.0
WINDOWS = (5, 7, 9, 11, 13, 15)
TARGETS = {5: 0.85, 15: 0.95}


def measure(clips: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part."""
    model = load_model()
    shares: dict[tuple[str, int], list[float]] = {}
    for spoken in tqdm(clips, desc="windows"):
        clip = media.load(spoken.path)
        tracks = lips.track(clip)
        if not tracks:
            continue
        grid = features.on_grid(tracks[0])
        heard = model.embed_speech(speech.log_mel(clip))
        own = raw_ms(detect_offset(clip, tracks=tracks))
        for size in WINDOWS:
            for name, zero_ms, alone, speaking in (
                ("as used", 0.0, False, False),
                ("as used, where somebody speaks", 0.0, False, True),
                ("as used, clip re-synced first", own, False, False),
                ("alone", 0.0, True, False),
                ("alone, clip re-synced first", own, True, False),
            ):
                if alone and size not in TARGETS:
                    continue
                lags_ms = LAGS * FRAME_MS + zero_ms + model.config.bias_ms
                scores, middles = window_scores(grid, heard, lags_ms, size, model, alone=alone)
                hits = right(scores)
                if speaking:
                    hits = hits[during(spoken.times, middles)]
                if len(hits):
                    shares.setdefault((name, size), []).append(float(hits.mean()))
    rows = []
    for (name, size), values in sorted(shares.items(), key=lambda item: item[0][1]):
        goal = TARGETS.get(size) if name == "as used" else None
        rows.append(window_row(f"{size}-frame windows, 31 lags, {name}", values, split, goal))
    return rows


def window_row(name: str, values: Sequence[float], split: str, at_least: float | None) -> Row:
    """The mean share over clips; n counts clips."""
    return statistic_row(
        f"{name}: within 1 frame",
        lambda shares: float(np.mean(shares)),
        values,
        range(len(values)),
        (f"GRID {split}", "windows31"),
        "share",
        at_least=at_least,
    )


def window_scores(
    grid: LipGrid, heard: Vectors, lags_ms: np.ndarray, size: int, model: Ensemble, *, alone: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(N, K) mean score of each window of `size` found frames in a row, -inf where sound is missing, and the
    seconds of its middle (N,).
    """
    starts = runs(grid.found, size)
    if not len(starts):
        return np.zeros((0, len(lags_ms)), np.float32), np.zeros(0)
    frames = starts[:, None] + np.arange(size)
    times = grid.times[frames]
    vectors = embed_alone(grid, frames, model) if alone else model.embed_lips(grid).vectors[frames]
    flat = Vectors(vectors.reshape(-1, vectors.shape[-1]), times.ravel(), np.ones(times.size, bool))
    scores = lag_scores(flat, heard, lags_ms).reshape(*times.shape, len(lags_ms)).mean(1)
    needed = times[:, :, None] - lags_ms / 1000
    inside = ((needed >= heard.times[0]) & (needed <= heard.times[-1])).all(1)
    return np.where(inside, scores, -np.inf), times.mean(1)


def runs(found: np.ndarray, size: int) -> np.ndarray:
    """(N,) first frames of all windows of `size` frames in a row that were found."""
    if len(found) < size:
        return np.zeros(0, int)
    return np.flatnonzero(np.lib.stride_tricks.sliding_window_view(found, size).all(1))


@torch.inference_mode()
def embed_alone(grid: LipGrid, frames_NS: np.ndarray, model: Ensemble) -> np.ndarray:
    """(N, S, D) vectors of windows whose encoder sees no other frame; brightness is evened over the clip."""
    found = torch.from_numpy(grid.found)[None]
    mouth = features.standardise(features.reduce_mouths(torch.from_numpy(grid.mouths)[None]), found)[0]
    points = torch.from_numpy(grid.points)
    index = torch.from_numpy(frames_NS)
    everywhere = torch.ones(index.shape, dtype=torch.bool)
    return side_by_side(
        [
            network.project_lips(network.lips(mouth[index], points[index], everywhere)).numpy()
            for network in model.networks
        ]
    )


def right(scores: np.ndarray) -> np.ndarray:
    """(N,) whether the best of (N, K) scores lies at most one lag from the middle one."""
    return np.asarray(np.abs(scores.argmax(1) - scores.shape[1] // 2) <= 1)


def during(word_times: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(N,) whether a word (W, 2) is being said at times (N,)."""
    inside = (times[:, None] >= word_times[:, 0]) & (times[:, None] < word_times[:, 1])
    return np.asarray(inside.any(1))
