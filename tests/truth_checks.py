"""What a flash-and-beep file must give: read with bare PyAV, and compared with what avsync delivers."""

import contextlib
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from flashbeep import Truth, find_beeps, read_number
from scipy.optimize import minimize_scalar

from avsync import media
from avsync.data import ClipDataset, Entry

SOUND_LIMIT = 1e-3
EXACT_LIMIT = 2e-4
"""Error of sound where the container's clocks do not round."""
SAMPLE_LIMIT = 0.05
"""Decoders of lossy sound that were entered in the middle settle to within this part of its level."""
COARSE_TICK = 2e-3
LONGEST_FRAME = 0.033
"""Decoders hand out the last frame of the sound as a whole, where only a part of it was filled."""


@dataclass(frozen=True)
class Written:
    """What a container holds, as FFmpeg reads it. Times in seconds."""

    picture_times: np.ndarray
    """In the order of presentation."""
    picture_tick: float
    sound_tick: float
    sound_times: np.ndarray
    """Of the packets."""
    sound_end: float
    sound_cut: bool
    """Whether the container says that packets before its zero are not heard."""
    turned: int
    """Degrees counter-clockwise that a player turns the pictures."""


def written(path: Path) -> Written:
    """Read a file with bare PyAV: the packets of the sound, the decoded pictures."""
    pictures: list[float] = []
    sound: list[float] = []
    end, cut, turned = -np.inf, False, 0
    with av.open(str(path)) as container:
        ticks = {s.type: float(s.time_base) for s in reversed(container.streams)}
        for packet in container.demux():
            if packet.stream.type == "video":
                for frame in packet.decode():
                    pictures.append(np.nan if frame.pts is None else float(frame.pts * frame.time_base))
                    turned = frame.rotation
            elif packet.stream.type == "audio" and packet.size and packet.pts is not None:
                sound.append(float(packet.pts * packet.time_base))
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                cut = cut or packet.is_discard
    tick = ticks.get("video", 0.0), ticks.get("audio", 0.0)
    return Written(np.sort(pictures), *tick, np.sort(sound), end, cut, turned)


def moved_pictures(truth: Truth, wrote: Written) -> float:
    """How much later the container holds the pictures."""
    return float(np.median(wrote.picture_times - truth.frame_times))


def moved_sound(truth: Truth, wrote: Written) -> float:
    """How much later the container holds the sound."""
    count = min(len(truth.sound_packets), len(wrote.sound_times))
    if max(len(truth.sound_packets), len(wrote.sound_times)) <= count + 1:  # FLAC ends with an empty one
        return float(np.median(wrote.sound_times[:count] - truth.sound_packets[:count]))
    return float(wrote.sound_times[0] - truth.sound_packets[0])  # packets are held in other portions


def problems(path: Path, truth: Truth, wrote: Written, moved: float, how: dict) -> list[str]:
    """All that is wrong with what avsync delivers; `moved`: how much later the file holds the sound."""
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = media.load(path)
        found += [f"load: {p}" for p in _pictures(clip, truth, wrote)]
        found += [f"load: {p}" for p in _sound(clip, truth, wrote, moved, how)]
        found += _windows(path, clip, wrote)
        found += _data(path, clip, wrote)
    # The file is sound: there is nothing to warn of.
    return found + sorted({f"warned: {w.message}" for w in caught})


def upright(image: np.ndarray, turned: int) -> np.ndarray:
    return np.rot90(image, -turned // 90)


def numbers(frames, turned: int) -> list[tuple[int, bool]]:
    return [read_number(upright(f, turned)) for f in frames]


def _pictures(clip: media.Clip, truth: Truth, wrote: Written) -> list[str]:
    count = len(truth.frame_times)
    if len(clip.frame_times) != count:
        return [f"{len(clip.frame_times)} pictures of {count}"]
    found = []
    if not np.array_equal(clip.frame_times, wrote.picture_times):
        off = 1000 * np.abs(clip.frame_times - wrote.picture_times).max()
        found.append(f"picture times are not those of the container, by up to {off:.3f} ms")
    read = numbers(clip.frames, wrote.turned)
    if [n for n, _ in read] != [i % 256 for i in range(count)]:
        found.append(f"pictures out of order: {[n for n, _ in read]}")
    flashes = [i for i, (_, flash) in enumerate(read) if flash and not read[i - 1][1]]
    if flashes != list(truth.flashes):
        found.append(f"flashes at {flashes}, not {list(truth.flashes)}")
    return found


def _sound(clip: media.Clip, truth: Truth, wrote: Written, moved: float, how: dict) -> list[str]:
    # What is less than the rounding of both clocks is rounding; AVI's coarse ticks are pictures and packets.
    rounding = _rounding(wrote.picture_tick) + _rounding(wrote.sound_tick)
    if abs(moved) <= rounding + 1e-6:
        moved = 0.0
    by = moved_pictures(truth, wrote) + moved
    limit = min(EXACT_LIMIT + rounding, SOUND_LIMIT)
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    found = []
    if len(beeps) != len(truth.beeps):
        found.append(f"{len(beeps)} beeps of {len(truth.beeps)}")
    elif (off := np.abs(beeps - truth.beeps - by).max()) > limit:
        found.append(f"beeps off by up to {1000 * off:.3f} ms (limit {1000 * limit:.2f})")
    # Priming that is heard, and what fills the last packet, lie outside of the truth and inside the packets.
    start, end = clip.audio_start, clip.audio_start + len(clip.waveform) / clip.sample_rate
    first, last = truth.audio_start + by, truth.audio_start + by + how["audio_seconds"]
    if wrote.sound_cut:
        first = max(first, 0.0)
    if not wrote.sound_times[0] - limit <= start <= first + limit:
        found.append(f"the sound starts at {start:.4f}, not {first:.4f} s")
    filled = 0.0 if how["audio"] in ("flac", "pcm_s16le") else LONGEST_FRAME
    if not min(last, wrote.sound_end) - limit <= end <= max(last, wrote.sound_end) + filled + limit:
        found.append(f"the sound ends at {end:.4f}, not {last:.4f} s")
    return found


def _windows(path: Path, clip: media.Clip, wrote: Written) -> list[str]:
    def look(image: np.ndarray) -> tuple[int, bool]:
        return read_number(upright(image, wrote.turned))

    return slice_problems(path, clip, look, rounding=_rounding(wrote.sound_tick))


def _data(path: Path, clip: media.Clip, wrote: Written) -> list[str]:
    """How a data set's clip differs: the whole, and a stretch that begins off the grid."""
    clips = ClipDataset([Entry(key="clip", path=path)])
    whole = clips[0]
    if whole is None:
        return ["data: the clip was skipped"]
    found = []
    if not np.array_equal(whole.frame_times.numpy(), clip.frame_times):
        found.append("data: other picture times")
    if [n for n, _ in numbers(whole.frames.numpy(), wrote.turned)] != [
        i % 256 for i in range(len(clip.frames))
    ]:
        found.append("data: other pictures")
    if (
        not np.array_equal(whole.waveform.numpy(), clip.waveform)
        or abs(whole.audio_start - clip.audio_start) > 1e-6
    ):
        found.append("data: other sound")
    start = float(clip.frame_times[len(clip.frame_times) // 3]) + 0.0123
    part = clips.at(0, start, start + 0.5)
    inside = np.flatnonzero((clip.frame_times >= start) & (clip.frame_times < start + 0.5))
    if not np.array_equal(part.frame_times.numpy(), clip.frame_times[inside]):
        found.append(f"data: other picture times from {start:.4f} s on")
    if [n for n, _ in numbers(part.frames.numpy(), wrote.turned)] != [int(i) % 256 for i in inside]:
        found.append(f"data: other pictures from {start:.4f} s on")
    return found


def _rounding(tick: float) -> float:
    return tick / 2 if tick < COARSE_TICK else 0.0


def slice_problems(
    path: Path,
    clip: media.Clip,
    look: Callable[[np.ndarray], Any],
    *,
    rounding: float,
    seconds: float = 0.5,
    reads: int = 4,
) -> list[str]:
    """How windows and random reads differ from slices of the whole; `look`: what of a picture must agree;
    `rounding`: seconds by which the time stamps of the sound are rounded.
    """
    found = []
    whole = [look(f) for f in clip.frames]
    with media.open(path) as reader:
        for window in reader.windows(seconds=seconds, hop=0.8 * seconds):
            found += [f"window {p}" for p in _part_problems(clip, whole, window, look, rounding)]
        ends = [clip.audio_start + len(clip.waveform) / clip.sample_rate, *clip.frame_times[-1:]]
        draw = np.random.default_rng(0)
        for _ in range(reads):
            start = draw.uniform(reader.start - 0.1, max(ends))
            part = reader.read(start, start + draw.uniform(0.05, 0.6))
            found += [f"read {p}" for p in _part_problems(clip, whole, part, look, rounding)]
    return found[:4]


def _part_problems(
    clip: media.Clip, whole: list, part: media.Clip, look: Callable, rounding: float
) -> list[str]:
    start, end = part.interval
    name = f"[{start:.4f}, {end:.4f})"
    inside = np.flatnonzero((clip.frame_times >= start) & (clip.frame_times < end))
    if not np.array_equal(part.frame_times, clip.frame_times[inside]):
        got, want = (np.round(t, 4).tolist() for t in (part.frame_times, clip.frame_times[inside]))
        return [f"{name}: pictures at {got}, not {want}"]
    found = []
    if (seen := [look(f) for f in part.frames]) != [whole[i] for i in inside]:
        found.append(f"{name}: pictures {seen}, not {[whole[i] for i in inside]}")
    at = clip.audio_start + np.arange(len(clip.waveform)) / clip.sample_rate
    # A sample on the border may fall to either side by float rounding.
    first, last = np.searchsorted(at, [start - 1e-9, end - 1e-9])
    if abs(len(part.waveform) - (last - first)) > 1:
        return [*found, f"{name}: {len(part.waveform)} samples, not {last - first}"]
    if last == first or not len(part.waveform):
        return found
    place = (part.audio_start - clip.audio_start) * clip.sample_rate
    if abs(place - first) > 1.01:
        return [*found, f"{name}: sound starts at sample {place:.3f}, not {first}"]
    late, off = _lateness(clip, part, place, rounding)
    if abs(late) > 1.05 * rounding or off > SAMPLE_LIMIT:
        found.append(f"{name}: sound {1000 * late:+.3f} ms late, samples differ by {off:.4f} of its level")
    return found


def _lateness(clip: media.Clip, part: media.Clip, place: float, rounding: float) -> tuple[float, float]:
    """Seconds by which a part's sound lies after that of the whole, and what then still differs (RMS).

    A reader that entered in the middle may have its samples between those of the whole, and averages fewer
    of the container's rounded time stamps.
    """
    heard = part.waveform.astype(np.float64)
    level = max(float(np.sqrt(np.mean(heard**2))), 1e-3)

    def off(late: float) -> float:
        if len(heard) <= 32:
            return 0.0
        spectrum = np.fft.rfft(
            (heard - _between(clip.waveform, place - late * clip.sample_rate, len(heard)))[8:-8]
        )
        # Near half the sample rate, resampling from another phase folds other frequencies in.
        kept = spectrum[: round(0.8 * len(spectrum))]
        return float(np.sqrt(2 * np.sum(np.abs(kept) ** 2)) / (len(heard) - 16)) / level

    if off(0.0) < SAMPLE_LIMIT or rounding < 1e-4:
        return 0.0, off(0.0)
    near = min(np.linspace(-rounding, rounding, 41), key=off)
    found = minimize_scalar(off, bounds=(near - rounding / 20, near + rounding / 20), method="bounded")
    return float(found.x), float(found.fun)


def _between(samples: np.ndarray, place: float, count: int) -> np.ndarray:
    """(count,) samples from a place between samples on; silence outside."""
    margin = 512
    first = int(np.floor(place))
    padded = np.pad(samples.astype(np.float64), count + 2 * margin)
    start = min(max(first + count + margin, 0), len(padded))
    piece = padded[start : start + count + 2 * margin]
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(len(piece)) * (place - first))
    return np.fft.irfft(np.fft.rfft(piece) * turn, len(piece))[margin : margin + count]


def real_problems(path: Path) -> list[str]:
    """What avsync delivers of a file with unknown content, against the PTS of bare PyAV's decoded frames."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        clip = media.load(path)
    pictures: list[Fraction] = []
    sound: list[tuple[Fraction, Fraction]] = []
    tick = 0.0
    with av.open(str(path)) as container:
        chosen = [container.streams[i] for i in (clip.info.video, clip.info.audio) if i is not None]
        for packet in container.demux(chosen):
            with contextlib.suppress(av.FFmpegError):
                for frame in packet.decode():
                    at = frame.pts * frame.time_base
                    if isinstance(frame, av.VideoFrame):
                        pictures.append(at)
                    else:
                        tick = float(packet.time_base)
                        sound.append((at, at + Fraction(frame.samples, frame.sample_rate)))
    found = []
    if not np.array_equal(clip.frame_times, [float(t) for t in sorted(pictures)]):
        found.append(f"picture times are not those of PyAV ({len(clip.frame_times)} and {len(pictures)})")
    if sound:
        start, end = float(sound[0][0]), float(max(end for _, end in sound))
        heard = clip.audio_start + len(clip.waveform) / clip.sample_rate
        limit = SOUND_LIMIT + _rounding(tick)  # the first time stamp is itself rounded
        if abs(clip.audio_start - start) > limit or abs(heard - end) > limit:
            found.append(f"sound from {clip.audio_start:.4f} to {heard:.4f}, not {start:.4f} to {end:.4f} s")
    if not told:  # a damaged file decodes otherwise from a key frame inside
        found += slice_problems(
            path, clip, lambda image: zlib.crc32(image.tobytes()), rounding=_rounding(tick), seconds=2.0
        )
    return found
