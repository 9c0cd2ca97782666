"""Clips with a known truth: numbered pictures, flashes, and beeps at the flashes, in any container.

Each picture carries its number as eight black or white blocks and so survives lossy codecs and scaling;
flashes turn the upper half white. Each beep is a short sweep whose centre lies at a known time and is found
again by correlation.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 128, 64
BEEP_SECONDS = 0.040
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""Channel layouts by their count."""


@dataclass(frozen=True)
class Truth:
    """What was rendered: times in seconds on the writer's clock (a container may move all of them
    together)."""

    path: Path
    frame_times: np.ndarray
    flashes: tuple[int, ...]
    beeps: np.ndarray
    audio_start: float
    sound_packets: np.ndarray | None = None
    """When each encoded packet of sound starts; the first may hold priming."""


class OneWay(io.RawIOBase):
    """A file that can be written only forward, as a pipe or a live stream: no muxer can mend its header."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def sweep(times: np.ndarray) -> np.ndarray:
    """The beep, its centre at 0: 300 to 3500 Hz under a Hann window."""
    phase = 2 * np.pi * (1900 * times + 0.5 * 3200 / BEEP_SECONDS * times**2)
    window = np.where(np.abs(times) < BEEP_SECONDS / 2, np.cos(np.pi * times / BEEP_SECONDS) ** 2, 0)
    return 0.5 * window * np.cos(phase)


def picture(number: int, flash: bool, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W) grey."""
    image = np.full((height, width), 230 if flash else 20, np.uint8)
    for bit, block in enumerate(np.array_split(np.arange(width), 8)):
        image[height // 2 :, block] = 230 if number >> bit & 1 else 20
    return image


def block_levels(image: np.ndarray) -> np.ndarray:
    """(9,) mean brightness inside the eight blocks and the upper half of a picture (H, W[, C])."""
    grey = image[..., image.shape[2] // 2] if image.ndim == 3 else image
    height, width = grey.shape
    margin, rim = height // 8, width // 32
    lower = grey[height // 2 + margin : height - margin].mean(axis=0)
    blocks = [lower[part[rim] : part[-rim]].mean() for part in np.array_split(np.arange(width), 8)]
    return np.array([*blocks, grey[margin // 2 : height // 2 - margin // 2].mean()])


def read_number(image: np.ndarray) -> tuple[int, bool]:
    """Number (0 to 255) and flash of a decoded picture (H, W, 3) or (H, W)."""
    *bits, flash = block_levels(image) > 128
    return int(sum(1 << i for i, bit in enumerate(bits) if bit)), bool(flash)


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
    opposed: bool = False,
    audio_start: float = 0.0,
    seconds: float = 2.4,
    audio_seconds: float | None = None,
    audio_gap: tuple[float, float] | None = None,
    rotation: int = 0,
    b_frames: int = 2,
    gop: int = 12,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pixel_format: str = "yuv420p",
    pixel_aspect: Fraction | None = None,
    clock: float = 0.0,
    tick: Fraction | None = None,
    one_way: bool = False,
    sound: Callable[[np.ndarray], np.ndarray] | None = None,
    options: dict[str, str] | None = None,
) -> Truth:
    """Write a clip. Flash k and beep k share a time; sound before the clock's zero is left to the
    container.

    `clock` moves all time stamps; `tick` is that of the pictures (else one a frame); `one_way` writes without
    seeking; `opposed` turns the second channel over; `sound` gives the samples at (N,) seconds in place of
    the beeps.
    """
    if frame_times is None:
        frame_times = even_times(rate or Fraction(25), seconds)
    times = np.array([float(t) for t in frame_times])
    flashes = tuple(int(np.searchsorted(times, t)) for t in np.arange(0.6, times[-1] - 0.3, 0.5))
    beeps = times[list(flashes)]
    if sound is None:

        def sound(at: np.ndarray) -> np.ndarray:
            heard = np.zeros(len(at))
            for beep in beeps:
                near = slice(*np.searchsorted(at, [beep - BEEP_SECONDS / 2, beep + BEEP_SECONDS / 2]))
                heard[near] += sweep(at[near] - beep)
            return heard

    sink = OneWay(path) if one_way else str(path)
    # A muxer cannot tell by an object, as it can by a name, what it shall write.
    form = MUXERS.get(path.suffix[1:], path.suffix[1:]) if one_way else None
    with av.open(sink, "w", format=form, options=options or {}) as out:
        streams: list[list[av.Packet]] = []
        if video:
            tick = tick or (1 / rate if rate else Fraction(1, 90_000))
            stream = _video_stream(out, video, tick, rate, b_frames, gop, size, pixel_format)
            if pixel_aspect:
                stream.codec_context.sample_aspect_ratio = pixel_aspect
            if rotation:
                stream.set_display_rotation(rotation)
            streams.append(list(_pictures(stream, tick, frame_times, flashes)))
        if audio:
            sounding = seconds if audio_seconds is None else audio_seconds
            signs = [-1 if opposed and channel == 1 else 1 for channel in range(channels)]
            heard = _audio(out, audio, sample_rate, signs, audio_start, sounding, sound, audio_gap)
            streams.append(list(heard))
        sound_packets = np.array([float(p.pts * p.time_base) for p in streams[-1]]) if audio else None
        # Interleaved by time, as a muxer wants them.
        packets = sorted((p for s in streams for p in s), key=lambda p: (p.dts or 0) * p.time_base)
        for packet in packets:
            if clock:
                _move(packet, Fraction(clock))
            out.mux(packet)
    if one_way:
        sink.close()
    return Truth(path, times, flashes, beeps, audio_start, sound_packets)


def _move(packet: av.Packet, by: Fraction) -> None:
    for name in ("pts", "dts", "duration"):
        value = getattr(packet, name) * packet.time_base + (by if name != "duration" else 0)
        setattr(packet, name, round(value / FINE))
    packet.time_base = FINE


FINE = Fraction(1, 705_600_000)
"""A tick that divides those of all rates here."""

MUXERS = {"mkv": "matroska", "ts": "mpegts", "mpg": "mpeg"}
"""Suffixes that are no names of muxers."""


def _video_stream(out, codec, tick, rate, b_frames, gop, size, pixel_format):
    stream = out.add_stream(codec, rate=rate or 30)
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    context = stream.codec_context
    context.time_base, context.gop_size, context.thread_count = tick, gop, 1
    if codec == "libx264":
        stream.options = {"preset": "veryfast", "bf": str(b_frames), "crf": "20"}
    elif codec == "libx265":
        settings = f"log-level=none:pools=none:frame-threads=1:bframes={b_frames}:keyint={gop}"
        stream.options = {"preset": "ultrafast", "crf": "20", "x265-params": settings}
    elif codec in ("mpeg4", "mpeg1video", "mpeg2video"):
        stream.bit_rate = 2_000_000
        context.max_b_frames = b_frames
    elif codec in ("libvpx", "libvpx-vp9"):
        realtime = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "lag-in-frames": "0"}
        stream.options = realtime | {"b": "0" if codec == "libvpx-vp9" else "2000000"}
    elif codec == "libsvtav1":
        # Faster presets lose blocks of the numbers.
        stream.options = {"preset": "8", "crf": "10", "svtav1-params": "lp=1:enable-tf=0"}
    return stream


def _pictures(stream, tick, frame_times, flashes) -> Iterator[av.Packet]:
    width, height, form = stream.width, stream.height, stream.pix_fmt
    for i, time in enumerate(frame_times):
        grey = picture(i % 256, any(0 <= i - f < 2 for f in flashes), width, height)
        colour = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
        frame = av.VideoFrame(width, height, form)
        for plane, values in zip(frame.planes, (grey, colour, colour), strict=True):
            if "10" in form:
                values = values.astype("<u2") << 2
            rows = np.zeros((values.shape[0], plane.line_size), np.uint8)
            rows[:, : values.shape[1] * values.itemsize] = values.view(np.uint8)
            plane.update(rows)
        frame.pts, frame.time_base = round(time / tick), tick
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _audio(out, codec, rate, signs, start, seconds, sound, gap) -> Iterator[av.Packet]:
    channels = len(signs)
    layout = LAYOUTS[channels]
    stream = out.add_stream(codec, rate=rate, layout=layout)
    if codec in ("aac", "libmp3lame", "mp2", "ac3", "libopus"):
        stream.bit_rate = 96_000 * channels
    first, count = round(start * rate), round(seconds * rate)
    clock = (np.arange(count) + first) / rate
    heard = sound(clock)
    form = stream.codec_context.format.name
    block = stream.codec_context.frame_size or 1024
    for i in range(0, count, block):
        if gap and gap[0] <= clock[i] < gap[1]:
            continue
        piece = heard[i : i + block]
        if form.startswith("s16"):
            data = np.round(piece * 32767).astype(np.int16)
        elif form.startswith("s32"):
            data = np.round(piece * 2147483647).astype(np.int32)
        else:
            data = piece.astype(np.float32)
        data = np.stack([data * sign for sign in signs]).astype(data.dtype)
        if not form.endswith("p"):
            data = data.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, first + i, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def two_of_each(path: Path) -> Path:
    """Two pictures (the second half as wide) and two sounds, the second 100 ms later."""
    first = render(path.with_name("first.mkv"), audio="flac").path
    second = render(
        path.with_name("second.mkv"), audio="flac", audio_start=0.1, video="mpeg4", b_frames=0
    ).path
    with av.open(str(first)) as a, av.open(str(second)) as b, av.open(str(path), "w") as out:
        copies = {s: out.add_stream_from_template(s) for s in (*a.streams, *b.streams)}
        for container in (a, b):
            for packet in container.demux():
                if packet.size:
                    packet.stream = copies[packet.stream]
                    out.mux(packet)
    return path
