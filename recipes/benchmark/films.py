"""Long films made of short clips, in which the true course of the offset is known.

The pictures are encoded once; the sound is laid under them as wanted, without loss, and longer films repeat
the packets. Shapes: N samples of mono sound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from avsync import media
from avsync.media import Clip

FPS = 25
SOUND_RATE = 16_000
GREY = (90, 90, 90)


@dataclass(frozen=True, slots=True)
class Take:
    """A clip that goes into a film."""

    path: Path
    offset_ms: float = 0.0
    """By how much its sound leads; the film's does not."""


def film(
    target: Path, takes: Sequence[Take], seconds: float, size: tuple[int, int], seed: int = 0
) -> np.ndarray:
    """Write the pictures of a film of at least `seconds`, `size` wide and high, 25 a second, without sound.

    The clips follow each other in ever new orders. MP4 keeps the times of decoding. Returns the sound that
    belongs to the pictures (N,).
    """
    rng = np.random.default_rng(seed)
    sounds: list[np.ndarray] = []
    count = 0
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "21"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        while count < seconds * FPS:
            for number in rng.permutation(len(takes)):
                if count >= seconds * FPS:
                    break
                clip = media.load(takes[number].path, height=size[1])
                shown = int((clip.frame_times[-1] - clip.frame_times[0]) * FPS)
                for picture in _pictures(clip, shown, size):
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame.pts, frame.time_base = count, Fraction(1, FPS)
                    out.mux(video.encode(frame))
                    count += 1
                sounds.append(_sound(clip, shown, takes[number].offset_ms))
        out.mux(video.encode(None))
    return np.concatenate(sounds)


def laid(sound_N: np.ndarray, offset_ms: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(N,) the sound moved so that what is seen at t leads by `offset_ms(t)`."""
    times = np.arange(len(sound_N)) / SOUND_RATE
    # What is seen at t is heard at t - offset / 1000; where the offset jumps up, some sound is never heard.
    heard = np.maximum.accumulate(times - offset_ms(times) / 1000)
    return np.interp(np.interp(times, heard, times) * SOUND_RATE, np.arange(len(sound_N)), sound_N)


def voiced(
    source: Path, target: Path, sound_N: np.ndarray, offset_ms: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Write a film with sound under its pictures, so that what is seen at t leads by `offset_ms(t)`."""
    moved = laid(sound_N, offset_ms)
    with av.open(str(source)) as pictures, av.open(str(target), "w") as out:
        video = out.add_stream_from_template(pictures.streams.video[0])
        audio = out.add_stream("flac", rate=SOUND_RATE, layout="mono")
        packets = [packet for packet in pictures.demux(pictures.streams.video[0]) if packet.size]
        for packet in packets:
            packet.stream = video
        for start in range(0, len(moved), 1024):
            block = np.ascontiguousarray(moved[None, start : start + 1024] * 32767, np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
            packets += audio.encode(frame)
        packets += audio.encode(None)
        for packet in sorted(packets, key=lambda one: float(one.dts * one.time_base)):
            out.mux(packet)


def repeated(source: Path, target: Path, seconds: float) -> None:
    """Write a film's packets again and again, to `seconds` at least."""
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in film.streams]
        packets = [packet for packet in film.demux() if packet.size]
        length = max(
            float((one.pts + one.duration) * one.time_base) for one in packets if one.stream.type == "video"
        )
        for turn in range(int(np.ceil(seconds / length))):
            for packet in packets:
                if float((packet.pts + packet.duration) * packet.time_base) > length + 1e-6:
                    continue  # a block of sound that reaches beyond the pictures
                again = av.Packet(bytes(packet))
                by = round(length * turn / packet.time_base)
                again.pts, again.dts, again.duration = packet.pts + by, packet.dts + by, packet.duration
                again.time_base, again.is_keyframe = packet.time_base, packet.is_keyframe
                again.stream = streams[packet.stream.index]
                out.mux(again)


def _pictures(clip: Clip, count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """`count` pictures of a clip, 25 a second, in the middle of grey ones of `size`."""
    wanted = clip.frame_times[0] + (np.arange(count) + 0.5) / FPS
    index = np.searchsorted(clip.frame_times, wanted, side="right") - 1
    pictures = []
    for one in index:
        ground = Image.new("RGB", size, GREY)
        picture = Image.fromarray(np.ascontiguousarray(clip.frames[int(one)]))
        ground.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
        pictures.append(np.asarray(ground))
    return pictures


def _sound(clip: Clip, count: int, offset_ms: float) -> np.ndarray:
    """The sound that belongs to `count` pictures of a clip."""
    seen = clip.frame_times[0] + np.arange(count * SOUND_RATE // FPS) / SOUND_RATE
    here = (seen - offset_ms / 1000 - clip.audio_start) * clip.sample_rate
    return np.interp(here, np.arange(len(clip.waveform)), clip.waveform, left=0.0, right=0.0)
