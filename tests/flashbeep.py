"""Clips with a known truth: numbered pictures, flashes, and beeps at the flashes, in any container.

Each picture carries its number as eight black or white blocks and so survives lossy codecs; flashes turn the
upper half white. Each beep is a short sweep whose centre lies at a known time and is found again by
correlation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BLOCK = 128, 64, 16
BEEP_SECONDS = 0.040


@dataclass(frozen=True)
class Truth:
    """What was rendered: times in seconds on the writer's clock (a container may move all of them
    together)."""

    path: Path
    frame_times: np.ndarray
    flashes: tuple[int, ...]
    beeps: np.ndarray
    audio_start: float


def sweep(times: np.ndarray) -> np.ndarray:
    """The beep, its centre at 0: 300 to 3500 Hz under a Hann window."""
    phase = 2 * np.pi * (1900 * times + 0.5 * 3200 / BEEP_SECONDS * times**2)
    window = np.where(np.abs(times) < BEEP_SECONDS / 2, np.cos(np.pi * times / BEEP_SECONDS) ** 2, 0)
    return 0.5 * window * np.cos(phase)


def picture(number: int, flash: bool) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH), 64, np.uint8)
    image[: HEIGHT // 2] = 230 if flash else 20
    for bit in range(8):
        image[HEIGHT // 2 :, bit * BLOCK : (bit + 1) * BLOCK] = 230 if number >> bit & 1 else 20
    return image


def read_number(image: np.ndarray) -> tuple[int, bool]:
    """Number (0 to 255) and flash of a decoded picture (H, W, 3)."""
    grey = image.mean(axis=2)
    bits = grey[HEIGHT // 2 + 8 : HEIGHT - 8].reshape(-1, 8, BLOCK)[:, :, 4:-4].mean(axis=(0, 2)) > 128
    return int(sum(1 << i for i, bit in enumerate(bits) if bit)), bool(grey[4 : HEIGHT // 2 - 4].mean() > 128)


def find_beeps(waveform: np.ndarray, sample_rate: int, start: float) -> np.ndarray:
    """Centres of the beeps in seconds on the clip's clock, finer than a sample."""
    half = int(BEEP_SECONDS / 2 * sample_rate)
    template = sweep(np.arange(-half, half + 1) / sample_rate)
    score = np.correlate(waveform.astype(np.float64), template, mode="same")
    found = []
    floor = 0.5 * score.max()
    while score.max() > floor:
        i = int(score.argmax())
        a, b, c = score[i - 1 : i + 2]
        found.append(i + 0.5 * (a - c) / (a - 2 * b + c))
        score[max(0, i - 4 * half) : i + 4 * half] = 0
    return start + np.sort(found) / sample_rate


def even_times(rate: Fraction | float, seconds: float, start: float = 0.0) -> list[Fraction]:
    return [Fraction(start) + i / Fraction(rate) for i in range(int(seconds * float(rate)))]


def variable_times(seconds: float) -> list[Fraction]:
    """A mix of 1/15, 1/24 and 1/30 s."""
    times, now = [], Fraction(0)
    for gap in cycle([Fraction(1, 15), Fraction(1, 30), Fraction(1, 24), Fraction(1, 30)]):
        if now >= seconds:
            return times
        times.append(now)
        now += gap
    return times


def render(
    path: Path,
    *,
    frame_times: Sequence[Fraction] | None = None,
    rate: Fraction | None = Fraction(25),
    video: str | None = "libx264",
    audio: str | None = "aac",
    sample_rate: int = 48_000,
    channels: int = 1,
    audio_start: float = 0.0,
    seconds: float = 2.4,
    audio_gap: tuple[float, float] | None = None,
    rotation: int = 0,
    b_frames: int = 2,
    gop: int = 12,
    options: dict[str, str] | None = None,
) -> Truth:
    """Write a clip. Flash k and beep k share a time; sound before the clock's zero is left to the
    container."""
    if frame_times is None:
        frame_times = even_times(rate or Fraction(25), seconds)
    times = np.array([float(t) for t in frame_times])
    flashes = tuple(int(np.searchsorted(times, t)) for t in np.arange(0.6, times[-1] - 0.3, 0.5))
    beeps = times[list(flashes)]
    with av.open(str(path), "w", options=options or {}) as out:
        streams = []
        if video:
            tick = 1 / rate if rate else Fraction(1, 90_000)
            streams.append(_video(out, video, tick, rate, frame_times, flashes, b_frames, gop, rotation))
        if audio:
            streams.append(_audio(out, audio, sample_rate, channels, audio_start, seconds, beeps, audio_gap))
        # Interleaved by time, as a muxer wants them.
        packets = sorted((p for s in streams for p in s), key=lambda p: (p.dts or 0) * p.time_base)
        for packet in packets:
            out.mux(packet)
    return Truth(path, times, flashes, beeps, audio_start)


def _video(out, codec, tick, rate, frame_times, flashes, b_frames, gop, rotation) -> Iterator[av.Packet]:
    stream = out.add_stream(codec, rate=rate or 30)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context = stream.codec_context
    context.time_base, context.gop_size, context.thread_count = tick, gop, 1
    if codec == "libx264":
        stream.options = {"preset": "veryfast", "bf": str(b_frames), "crf": "20"}
    elif codec in ("mpeg4", "mpeg1video", "mpeg2video"):
        stream.bit_rate = 2_000_000
        context.max_b_frames = b_frames
    elif codec == "libvpx-vp9":
        stream.options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "crf": "20",
            "b": "0",
            "lag-in-frames": "0",
        }
    if rotation:
        stream.set_display_rotation(rotation)
    for i, time in enumerate(frame_times):
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = picture(i % 256, any(0 <= i - f < 2 for f in flashes))
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = round(time / tick), tick
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _audio(out, codec, rate, channels, start, seconds, beeps, gap) -> Iterator[av.Packet]:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    stream = out.add_stream(codec, rate=rate, layout=layout)
    if codec in ("aac", "libmp3lame", "mp2", "ac3", "libopus"):
        stream.bit_rate = 96_000 * channels
    first, count = round(start * rate), round(seconds * rate)
    clock = (np.arange(count) + first) / rate
    sound = np.zeros(count)
    for beep in beeps:
        near = slice(*np.searchsorted(clock, [beep - BEEP_SECONDS / 2, beep + BEEP_SECONDS / 2]))
        sound[near] += sweep(clock[near] - beep)
    form = stream.codec_context.format.name
    block = stream.codec_context.frame_size or 1024
    for i in range(0, count, block):
        if gap and gap[0] <= clock[i] < gap[1]:
            continue
        piece = sound[i : i + block]
        if form.startswith("s16"):
            data = np.round(piece * 32767).astype(np.int16)
        elif form.startswith("s32"):
            data = np.round(piece * 2147483647).astype(np.int32)
        else:
            data = piece.astype(np.float32)
        data = np.tile(data, (channels, 1))
        if not form.endswith("p"):
            data = data.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, first + i, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)
