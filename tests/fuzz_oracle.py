"""What a damaged file may give: the clip against the truth, what FFmpeg reports, and the verdict."""

import logging
import re
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from flashbeep import block_levels
from fuzz_files import Base

from avsync import media
from avsync.errors import MediaError

TICK = 1.6e-3
"""Times that differ by less are equal: two roundings to 1 ms, and a sample."""
BLOCK = 0.05
"""Seconds of sound that are compared at a time."""
CHECKS = {"err_detect": "crccheck+bitstream+buffer"}

SILENT = logging.NullHandler()


@dataclass(frozen=True)
class Truth:
    """What the undamaged file gives."""

    times: np.ndarray
    sound: np.ndarray
    sound_start: float
    rate: int


@dataclass
class Verdict:
    """`outcome`: one of FAILURES, or `error`, `right`, `warned`, `content`, `file says so`."""

    outcome: str
    words: list[str] = field(default_factory=list)


def number_of(image: np.ndarray) -> int | None:
    """The number on a picture; None where it cannot be read for sure."""
    levels = block_levels(image)[:8]
    if ((levels > 75) & (levels < 175)).any():
        return None
    return int(sum(1 << i for i, level in enumerate(levels) if level > 125))


def differences(clip: media.Clip, truth: Truth) -> tuple[list[str], list[str], list[str]]:
    """Holes, other faults of time, and faults of content of a clip."""
    holes, times, content = _picture_faults(clip, truth)
    for part, more in zip((holes, times, content), _sound_faults(clip, truth), strict=True):
        part += more
    return holes, times, content


def _picture_faults(clip: media.Clip, truth: Truth) -> tuple[list[str], list[str], list[str]]:
    holes, times, content = [], [], []
    numbers = [number_of(f) for f in clip.frames]
    shown = clip.frame_times
    if not (np.diff(shown) > 0).all() or not np.isfinite(shown).all():
        times.append("picture times do not rise")
    nearest = np.array([np.abs(truth.times - t).argmin() for t in shown], int)
    known = np.abs(truth.times[nearest] - shown) < TICK if len(shown) else np.zeros(0, bool)
    lost = sorted(set(range(len(truth.times))) - set(nearest[known].tolist()))
    left = set(nearest[known].tolist())
    inner = [k for k in lost if left and min(left) < k < max(left)]
    if inner:
        holes.append(f"{len(inner)} pictures are missing in the middle, the first {inner[0]}")
    if len(lost) > len(inner):
        times.append(f"{len(lost) - len(inner)} pictures are missing at the ends")
    if not known.all():
        times.append(f"{int((~known).sum())} pictures at times that are none, first {shown[~known][0]:.4f}")
    off = [n - int(k) if n is not None else None for n, k in zip(numbers, nearest, strict=True)]
    # Three in a row that are off by the same are no damaged pictures.
    moved = [a for a, b, c in zip(off, off[1:], off[2:], strict=False) if a and a == b == c]
    if moved and known.all():
        times.append(f"pictures carry the times of others ({Counter(moved).most_common(1)[0][0]:+d})")
    if wrong := sum(o != 0 for o in off):
        content.append(f"{wrong} pictures are damaged")
    return holes, times, content


def _sound_faults(clip: media.Clip, truth: Truth) -> tuple[list[str], list[str], list[str]]:
    holes, times, content = [], [], []
    block = round(BLOCK * truth.rate)
    place = round((clip.audio_start - truth.sound_start) * truth.rate)
    silent, moved, garbled = [], Counter[int](), 0
    reach = 4 * block
    padded = np.pad(clip.waveform.astype(np.float64), 2 * reach)
    blocks = range(0, len(truth.sound) - block, block)
    for first in blocks:
        want = truth.sound[first : first + block].astype(np.float64)
        at = first - place + 2 * reach
        near = padded[max(at - reach, 0) : max(at + block + reach, 0)]
        if at - reach < 0 or len(near) < block + 2 * reach or not near[reach : reach + block].any():
            silent.append(first // block)
            continue
        likeness = _likeness(near, want)
        if likeness[reach] > 0.6:
            continue
        if likeness.max() > 0.8 and abs(int(likeness.argmax()) - reach) > TICK * truth.rate:
            moved[round(1000 * (int(likeness.argmax()) - reach) / truth.rate)] += 1
        else:
            garbled += 1
    inner = [b for b in silent if set(range(b)) - set(silent) and set(range(b, len(blocks))) - set(silent)]
    if len(inner) > 1:
        holes.append(f"{len(inner) * BLOCK:.2f} s of sound are silent in the middle, from block {inner[0]}")
    if len(silent) - len(inner) > 1:
        times.append(f"{(len(silent) - len(inner)) * BLOCK:.2f} s of sound are missing at the ends")
    if moved.total() > 1:
        times.append(f"{moved.total()} blocks of sound are moved, most by {moved.most_common(1)[0][0]:+d} ms")
    more = (len(clip.waveform) + place - len(truth.sound)) / truth.rate
    if more > 0.1:
        times.append(f"the sound is {more:.2f} s too long")
    if garbled > 0:
        content.append(f"{garbled} blocks of sound are damaged")
    return holes, times, content


def _likeness(near: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Normalised correlation at each place."""
    product = np.correlate(near, want, mode="valid")
    power = np.convolve(near**2, np.ones(len(want)), mode="valid")
    return product / np.sqrt(np.maximum(power, 1e-9) * max(float((want**2).sum()), 1e-9))


def signs(path: Path) -> tuple[list[str], list[float]]:
    """What FFmpeg reports of a file, with all its checks on, and the times of its pictures."""
    found: list[str] = []
    times: list[float] = []
    logging.getLogger("libav").addHandler(SILENT)
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    with (
        av.logging.Capture() as logged,
        suppress(av.FFmpegError, OSError, ValueError),
        av.open(f"file:{path}", options=CHECKS) as container,
    ):
        for packet in container.demux(*container.streams.video, *container.streams.audio):
            if packet.is_corrupt:
                found.append("a corrupt packet")
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                found.append(str(error))
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    found += ["a corrupt frame"] * frame.is_corrupt
                    times.append(np.nan if frame.pts is None else float(frame.pts * frame.time_base))
    for level, name, text in logged:
        if level <= av.logging.ERROR or "corrupt" in text:
            found.append(f"{name}: {text.strip()}")
    return found, times


def examine(path: Path, truth: Truth) -> Verdict:
    """Read a file in all ways."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            media.probe(path)
            clip = media.load(path)
            holes, times, content = differences(clip, truth)
        told = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
        uneven = _uneven(path, clip)
    except MediaError as error:
        one_line = "\n" not in str(error) or "\n" in path.name
        return Verdict("error" if one_line and path.name in str(error) else "message", [str(error)])
    if any(path.name not in t or ("\n" in t and "\n" not in path.name) for t in told):
        return Verdict("message", told)
    if uneven:
        return Verdict("inconsistent", [*uneven, *told])
    if not holes and not times:
        return Verdict("warned" if told else "content" if content else "right", content + told)
    if told:
        return Verdict("warned" if any(re.search(r"\d s\b", t) for t in told) else "warned, not where", told)
    reported, pictures = signs(path)
    if np.array_equal(np.array(pictures), clip.frame_times) and not reported:
        return Verdict("file says so", [*holes, *times])
    return Verdict("silent", [*holes, *times, *content, *(f"FFmpeg: {s}" for s in reported[:4])])


def _uneven(path: Path, clip: media.Clip) -> list[str]:
    """How windows and reads differ from the whole."""
    found = []
    with warnings.catch_warnings(), media.open(path) as reader:
        warnings.simplefilter("ignore")
        ends = [*clip.frame_times[-1:], clip.audio_start + len(clip.waveform) / clip.sample_rate]
        if max(ends) - reader.start > 60:
            return []  # a stray time stamp; the windows would be many
        parts = list(reader.windows(seconds=0.3, hop=0.3))
        draw = np.random.default_rng(1)
        for start in draw.uniform(reader.start, max(*ends, reader.start + 0.1), 3):
            parts.append(reader.read(start, start + draw.uniform(0.05, 0.5)))
    for part in parts:
        start, end = part.interval
        inside = clip.frame_times[(clip.frame_times >= start) & (clip.frame_times < end)]
        if not np.array_equal(inside, part.frame_times):
            got, want = (np.round(t, 4).tolist() for t in (part.frame_times, inside))
            found.append(f"[{start:.4f}, {end:.4f}): pictures at {got}, not {want}")
        at = clip.audio_start + np.arange(len(clip.waveform)) / clip.sample_rate
        heard = int(((at >= start) & (at < end)).sum())
        if abs(heard - len(part.waveform)) > 0.002 * clip.sample_rate:
            found.append(f"[{start:.4f}, {end:.4f}): {len(part.waveform)} samples, not {heard}")
    return found[:2]


def truth_of(base: Base, folder: Path) -> Truth:
    path = folder / f"truth{base.suffix}"
    path.write_bytes(base.data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip = media.load(path)
    numbers = [number_of(f) for f in clip.frames]
    assert numbers == list(range(30)), (base.name, numbers)
    return Truth(clip.frame_times, clip.waveform, clip.audio_start, clip.sample_rate)
