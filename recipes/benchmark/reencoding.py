"""One clip written again: other codecs, half the size, other and variable frame rates. Does it read the same?

Every copy is a real file, written from decoded pictures and sound on their own times and read like any other.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from calibration import cut
from corpus import Spoken, Wild
from scipy.signal import resample_poly
from table import Row
from tqdm import tqdm
from trials import Trial, share_row, stated_ms, statistic_row, trial

from avsync import lips, media, metrics
from avsync.media import Clip
from avsync.offset import detect_offset

SOUND_RATE = 48_000
CLOCK = Fraction(1, 90_000)
SECONDS = 6.0
"""Longer clips are cut to this."""
LEFT_OUT = 0.3
"""Share of the pictures left out for a variable rate, never two in a row."""
NTSC, FILM = Fraction(30_000, 1001), Fraction(24_000, 1001)


@dataclass(frozen=True, slots=True)
class Copy:
    """How a copy differs from its clip."""

    name: str
    suffix: str = ".mkv"
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = (("crf", "20"), ("preset", "veryfast"))
    sound: str = "flac"
    half: bool = False
    rate: Fraction | None = None
    """Pictures a second that are shown; None keeps the pictures and their times."""
    gaps: bool = False
    """Leave pictures out, without moving the others."""
    slower: float = 1.0
    """All times are stretched by this, sound resampled: the offset grows with them."""


COPIES = (
    Copy("h264 crf 35 + aac, mp4", ".mp4", options=(("crf", "35"), ("preset", "veryfast")), sound="aac"),
    Copy("mpeg4 + mp3, mkv", ".mkv", "mpeg4", (("qscale", "6"), ("flags", "+qscale")), "libmp3lame"),
    Copy("vp9 + opus, webm", ".webm", "libvpx-vp9",
         (("crf", "36"), ("b", "0"), ("deadline", "realtime"), ("cpu-used", "8")), "libopus"),
    Copy("half the size", half=True),
    Copy("25 to 29.97 fps", rate=NTSC),
    Copy("25 to 23.976 fps", rate=FILM),
    Copy("variable rate, 30 % of the pictures left out", ".mp4", sound="aac", gaps=True),
    Copy("slowed down from 25 to 23.976 fps, sound as well", slower=25 / float(FILM)),
)  # fmt: skip


def measure(clips: Sequence[Spoken], wild: Sequence[Wild], split: str) -> list[Row]:
    """All rows of this part."""
    rows = []
    for where, files in (
        (f"GRID {split}", [(one.name, one.path) for one in clips]),
        ("wild", [(one.name, one.path) for one in wild if not one.edge]),
    ):
        trials: dict[str, list[Trial]] = {copy.name: [] for copy in COPIES}
        for name, path in tqdm(files, desc=f"re-encoded, {where}"):
            for copy, one in moves(name, path):
                trials[copy.name].append(one)
        every = [one for group in trials.values() for one in group]
        if every:
            rows += _rows("re-encoded, any way", every, (where, "reencoding"), 0.90)
            for name, group in trials.items():
                rows += _rows(f"re-encoded: {name}", group, (where, "reencoding"), None)
    return rows


def moves(name: str, path: Path) -> list[tuple[Copy, Trial]]:
    """Each copy of a clip with its offset against the clip's own; none of a clip that is not answered."""
    whole = media.load(path)
    start = float(whole.frame_times[0])
    clip, tracks = cut(whole, lips.track(whole), start, start + SECONDS)
    base = detect_offset(clip, tracks=tracks)
    if base.ms is None:
        return []
    pictures = [whole.frames[index] for index in range(len(clip.frame_times))]
    found = []
    for copy in COPIES:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"copy{copy.suffix}"
            write(target, clip, pictures, copy)
            found.append((copy, trial(name, detect_offset(target), stated_ms(base) * copy.slower)))
    return found


def _rows(name: str, trials: Sequence[Trial], where: tuple[str, str], target: float | None) -> list[Row]:
    near = np.abs([one.error_ms for one in trials]) <= 15
    stated = [one for one in trials if not np.isnan(one.error_ms)]
    return [
        share_row(f"{name}: moves by at most 15 ms", near, [one.clip for one in trials], where, target),
        statistic_row(f"{name}: median move", metrics.median_error, [one.error_ms for one in stated],
                      [one.clip for one in stated], where),
        statistic_row(f"{name}: bias (median, signed)", metrics.bias, [one.error_ms for one in stated],
                      [one.clip for one in stated], where, "signed ms"),
    ]  # fmt: skip


def shown(times: np.ndarray, copy: Copy, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures a copy shows, and when (s, before stretching)."""
    if copy.gaps:
        kept = np.ones(len(times), bool)
        for index in range(1, len(times) - 1):
            # Each picture after a kept one goes with probability p; p / (1 + p) of all go.
            kept[index] = not (kept[index - 1] and rng.random() < LEFT_OUT / (1 - LEFT_OUT))
        return np.flatnonzero(kept), times[kept]
    if copy.rate is None:
        return np.arange(len(times)), times
    gap = 1 / float(copy.rate)
    end = times[-1] + float(np.median(np.diff(times)))
    new = times[0] + np.arange(int(np.floor((end - times[0]) / gap + 1e-6))) * gap
    # The last picture that began before the middle of the new one, as FFmpeg's fps filter rounds.
    return np.searchsorted(times, new + gap / 2, side="right") - 1, new


def write(target: Path, clip: Clip, pictures: Sequence[np.ndarray], copy: Copy) -> None:
    """Write a copy: pictures and sound on the clip's clock, moved so that the earlier of both begins at 0."""
    index, times = shown(clip.frame_times, copy, np.random.default_rng(len(clip.frame_times)))
    zero = min(float(times[0]), clip.audio_start)
    sound = resample_poly(clip.waveform, SOUND_RATE // clip.sample_rate, 1)
    if copy.slower != 1.0:
        count = round(len(sound) * copy.slower)
        sound = np.interp(np.arange(count) / copy.slower, np.arange(len(sound)), sound)
    height, width = pictures[0].shape[:2]
    size = [side // (2 if copy.half else 1) // 2 * 2 for side in (width, height)]
    with av.open(str(target), "w") as out:
        video = out.add_stream(copy.codec, rate=copy.rate or Fraction(25), options=dict(copy.options))
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.thread_count = 1
        video.time_base = video.codec_context.time_base = CLOCK
        if copy.codec == "mpeg4":
            # Its clock has 16 bits; times of the sources are milliseconds.
            video.time_base = video.codec_context.time_base = Fraction(1, 60_000)
        audio = out.add_stream(copy.sound, rate=SOUND_RATE, layout="mono")
        packets = []
        base = video.codec_context.time_base
        for one, time in zip(index, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pictures[one]), format="rgb24")
            frame = frame.reformat(*size, format="yuv420p", interpolation="AREA")
            frame.pts, frame.time_base = round((time - zero) * copy.slower / base), base
            packets += video.encode(frame)
        packets += video.encode(None)
        packets += _sound_packets(audio, sound, (clip.audio_start - zero) * copy.slower)
        for packet in sorted(packets, key=lambda p: float((p.dts if p.dts is not None else 0) * p.time_base)):
            out.mux(packet)


def _sound_packets(stream: av.AudioStream, sound: np.ndarray, start: float) -> list[av.Packet]:
    resampler = av.AudioResampler(stream.codec_context.format, "mono", SOUND_RATE)
    size = stream.codec_context.frame_size or 1024
    packets, first = [], round(start * SOUND_RATE)
    for at in range(0, len(sound), size):
        block = np.ascontiguousarray(sound[None, at : at + size], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = SOUND_RATE, first + at, Fraction(1, SOUND_RATE)
        for ready in resampler.resample(frame):
            packets += stream.encode(ready)
    return packets + stream.encode(None)
