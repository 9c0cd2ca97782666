"""The same clip in other pictures and with other sound: darker, smaller, turned, among other faces; in rooms,
over the telephone, in noise.

Shapes: N samples, pictures of (H, W, 3).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from corruption import noisy
from failures import music
from PIL import Image, ImageDraw
from scipy import signal

from avsync import media

Pictures = list[np.ndarray]
PACE = 150.0
"""Pictures in which the camera comes nearer by three tenths."""
TILE = (320, 240)
"""Width and height of each of several people in one picture."""
ROOMS_S = (0.6, 1.5)
"""Seconds in which reverberation falls by 60 dB."""


def each(change: Callable[[Image.Image, int], Image.Image]) -> Callable[[Pictures], Pictures]:
    """A change of every picture, told its number."""
    return lambda shown: [
        np.asarray(change(Image.fromarray(np.ascontiguousarray(one)), number))
        for number, one in enumerate(shown)
    ]


def brightness(gamma: float, gain: float) -> Callable[[Pictures], Pictures]:
    """Darker (gamma above 1) or brighter."""
    table = np.clip(255 * gain * (np.arange(256) / 255) ** gamma, 0, 255).astype(np.uint8)
    return lambda shown: [table[one] for one in shown]


def turned(degrees: float) -> Callable[[Pictures], Pictures]:
    """The camera leans."""
    return each(lambda picture, _: picture.rotate(degrees, Image.Resampling.BILINEAR))


def shrunk(rows: int) -> Callable[[Pictures], Pictures]:
    """As many rows are left of the picture, which keeps its size."""

    def change(picture: Image.Image, _: int) -> Image.Image:
        small = picture.resize((max(round(picture.width * rows / picture.height), 2), rows))
        return small.resize(picture.size, Image.Resampling.BILINEAR)

    return each(change)


def inset(rows: int) -> Callable[[Pictures], Pictures]:
    """The picture as a small one in the corner of 1280x720."""

    def change(picture: Image.Image, _: int) -> Image.Image:
        ground = Image.new("RGB", (1280, 720), (30, 60, 90))
        width = round(picture.width * rows / picture.height)
        ground.paste(picture.resize((width, rows)), (1280 - width - 20, 700 - rows))
        return ground

    return each(change)


def shaken(share: float) -> Callable[[Pictures], Pictures]:
    """Every picture stands elsewhere, by a normal distribution of that share of its height."""

    def change(picture: Image.Image, number: int) -> Image.Image:
        x, y = np.random.default_rng(number).normal(0, share * picture.height, 2)
        moved = (1, 0, float(x), 0, 1, float(y))
        return picture.transform(picture.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)

    return each(change)


def _panned(picture: Image.Image, number: int) -> Image.Image:
    """Slowly nearer, and from side to side."""
    scale = 1 + 0.3 * number / PACE
    near = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    left = round((near.width - picture.width) * (0.5 + 0.4 * np.sin(number / 40)))
    top = (near.height - picture.height) // 2
    return near.crop((left, top, left + picture.width, top + picture.height))


def _subtitled(picture: Image.Image, number: int) -> Image.Image:
    """A black bar over the lowest rows, with words that change."""
    drawn = picture.copy()
    draw, (width, height) = ImageDraw.Draw(drawn), picture.size
    draw.rectangle((0, round(0.85 * height), width, height), fill=(0, 0, 0))
    draw.text((0.2 * width, 0.88 * height), f"SUBTITLE {number // 40}", fill=(255, 255, 255))
    return drawn


def _grainy(shown: Pictures) -> Pictures:
    rng = np.random.default_rng(0)
    return [np.clip(one + rng.normal(0, 18, one.shape), 0, 255).astype(np.uint8) for one in shown]


def _flickering(shown: Pictures) -> Pictures:
    light = 1 + 0.25 * np.sin(2.1 * np.arange(len(shown)))
    return [np.clip(one * now, 0, 255).astype(np.uint8) for one, now in zip(shown, light, strict=True)]


def tiled(shown: Pictures, others: Sequence[Pictures], side: int) -> Pictures:
    """`side` by `side` people, all of them talking: the first is the one that is heard."""
    people = [shown, *others[: side * side - 1]]
    found = []
    for number in range(len(shown)):
        tiles = [_tile(one[number % len(one)]) for one in people]
        tiles += [np.zeros_like(tiles[0])] * (side * side - len(tiles))
        found.append(np.concatenate([np.concatenate(tiles[row::side], 1) for row in range(side)], 0))
    return found


def _tile(picture: np.ndarray) -> np.ndarray:
    whole = Image.fromarray(np.ascontiguousarray(picture))
    whole.thumbnail(TILE)
    ground = Image.new("RGB", TILE)
    ground.paste(whole, ((TILE[0] - whole.width) // 2, (TILE[1] - whole.height) // 2))
    return np.asarray(ground)


Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def room(seconds: float) -> Change:
    """Reverberation that falls by 60 dB in so many seconds, 9 dB below the sound itself."""

    def change(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        count = round(seconds * media.SAMPLE_RATE)
        answer = rng.normal(0, 1, count) * 10 ** (-3 * np.arange(count) / count)
        answer *= 0.35 / np.sqrt(np.square(answer).sum())
        answer[0] = 1.0
        return np.asarray(signal.fftconvolve(sound, answer)[: len(sound)])

    return change


def band(low: float, high: float) -> Change:
    """Only tones between two frequencies, Hz."""
    sections = signal.butter(4, [low, high], "bandpass", fs=media.SAMPLE_RATE, output="sos")
    return lambda sound, _: np.asarray(signal.sosfilt(sections, sound))


def white(snr_db: float) -> Change:
    """White noise."""
    return lambda sound, rng: noisy(sound, rng.normal(0, 1, len(sound)), snr_db)


def with_music(snr_db: float) -> Change:
    """Made music."""

    def change(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        song = music(len(sound) / media.SAMPLE_RATE + 1, media.SAMPLE_RATE, rng)
        return noisy(sound, song[: len(sound)], snr_db)

    return change


def echo(later_ms: float, db: float) -> Change:
    """The sound once more, later."""
    later = round(later_ms / 1000 * media.SAMPLE_RATE)
    return lambda sound, _: sound + 10 ** (db / 20) * np.append(np.zeros(later), sound[: len(sound) - later])


def quieter(db: float) -> Change:
    """As loud as that below what it was, in 16 bits."""
    return lambda sound, _: np.round(sound * 10 ** (-db / 20) * 32768) / 32768


def _hum(sound: np.ndarray, _: np.random.Generator) -> np.ndarray:
    time = np.arange(len(sound)) / media.SAMPLE_RATE
    return noisy(sound, sum(np.sin(2 * np.pi * 50 * n * time) / n for n in range(1, 8)), 0.0)


def _clipped(sound: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.clip(8 * sound / max(float(np.abs(sound).max()), 1e-9), -1, 1)


def _lossy(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tenth of all stretches of 20 ms is gone."""
    size = media.SAMPLE_RATE // 50
    lost = np.repeat(rng.random(len(sound) // size + 1) < 0.1, size)[: len(sound)]
    return np.where(lost, 0.0, sound)


PICTURES: Mapping[str, Callable[[Pictures], Pictures]] = {
    "mirrored": each(lambda picture, _: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "grey": each(lambda picture, _: picture.convert("L").convert("RGB")),
    "dark": brightness(2.5, 0.6),
    "bright": brightness(0.5, 1.4),
    "flickering light": _flickering,
    "noise": _grainy,
    "96 rows of detail": shrunk(96),
    "inset of 240 rows in 720p": inset(240),
    "inset of 100 rows in 720p": inset(100),
    "leaning by 20 degrees": turned(-20),
    "leaning by 35 degrees": turned(35),
    "on its side": each(lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90)),
    "camera moves": each(_panned),
    "shaken by 0.7 % of its height": shaken(0.007),
    "shaken by 2 %": shaken(0.02),
    "subtitles": each(_subtitled),
    "stretched by 4/3": each(lambda picture, _: picture.resize((picture.width * 4 // 3, picture.height))),
}
SOUNDS: Mapping[str, Change] = {
    **{f"room of {seconds} s": room(seconds) for seconds in ROOMS_S},
    "telephone": band(300, 3400),
    "clipped": _clipped,
    "white noise at 0 dB": white(0),
    "music at 10 dB": with_music(10),
    "music at 0 dB": with_music(0),
    "hum at 0 dB": _hum,
    "echo of 250 ms at -6 dB": echo(250, -6),
    "a tenth lost": _lossy,
    "40 dB quieter": quieter(40),
    "60 dB quieter": quieter(60),
    "a constant of 0.3": lambda sound, _: 0.5 * sound + 0.3,
}
