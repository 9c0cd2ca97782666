"""Renders a talking head whose offset, words and phones are known: for demos, tests and a first try.

Nothing is synthesised when it runs. Three recordings with the times of their phones are part of the
package, and the mouth of the bundled portrait (`puppet`) follows those times (`articulation`). At offset 0
lips and sound agree as in nature: the lips meet when the closure of p, b, m is heard and part at its burst.
A picture shows the middle of the time for which it stands, as a camera's exposure does.
An offset moves the sound by whole samples of 1/48000 s, never by frames; the picture does not depend on it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer

from avsync.articulation import Pose, TimedPhone, mouth_poses
from avsync.errors import ConfigError, MediaError, TextError
from avsync.media import atomic_path
from avsync.puppet import SIDE, Puppet
from avsync.timebase import ms_to_seconds, samples_to_seconds, seconds_to_samples

SAMPLE_RATE = 48_000
"""Hz, of the sound in the file."""
LEAD_IN_S = 1.1
"""Seconds before the recording, and as many after it, so that any offset allowed keeps all of the speech."""
OFFSET_LIMIT_MS = 1000.0
FPS_LIMITS = (5.0, 120.0)
NOISE_RMS = 8e-4
"""Room noise under the whole clip, full scale 1 (-62 dB)."""
CODECS: Mapping[str, str] = {".mp4": "aac", ".mov": "aac", ".m4v": "aac", ".mkv": "flac"}
"""Suffix of the file to codec of its sound; the picture is H.264. Only FLAC keeps the sound bit for bit."""
BLINKS_S = (0.55, 3.05, 4.9)
"""When the eyes shut, seconds."""


@dataclass(frozen=True, slots=True)
class SampleWord:
    """A word in seconds: `start`, `end` where it is seen, `heard_start`, `heard_end` where it is heard."""

    text: str
    start: float
    end: float
    heard_start: float
    heard_end: float


@dataclass(frozen=True, slots=True)
class SamplePhone:
    """A phone (ARPAbet, lower case, `avsync.text.UNITS`) with the times that a word has."""

    unit: str
    start: float
    end: float
    heard_start: float
    heard_end: float


@dataclass(frozen=True, slots=True)
class SampleTruth:
    """What is true of a rendered clip."""

    transcript: str
    offset_ms: float
    """As realised, in steps of a sample; > 0: the audio leads."""
    fps: float
    duration: float
    """Seconds of picture and of sound."""
    words: tuple[SampleWord, ...]
    phones: tuple[SamplePhone, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """The truth as JSON values, times to a tenth of a millisecond."""
        page: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_float=lambda t: round(float(t), 4))
        return page


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A bundled recording: sound (N,) float32 at `SAMPLE_RATE`, words and phones in seconds from its
    start.
    """

    text: str
    sound: np.ndarray
    words: tuple[tuple[str, float, float], ...]
    phones: tuple[TimedPhone, ...]


def sentences() -> tuple[str, ...]:
    """The texts of the bundled recordings."""
    return tuple(_page(number)["text"] for number in (1, 2, 3))


def render_sample(
    target: str | os.PathLike[str],
    *,
    text: str | int | None = None,
    offset_ms: float = 0.0,
    fps: float = 25.0,
    overwrite: bool = False,
) -> SampleTruth:
    """Write a talking-head clip and return its truth; the same arguments give the same bytes.

    `target`: .mp4, .mov, .m4v (AAC) or .mkv (FLAC). `text`: one of `sentences()`, its number or its
    beginning; the first one unless given. `offset_ms`: within +-1000; > 0 puts the sound early. `fps`:
    23.976, 29.97 and 59.94 mean the rates over 1001. Every frame shows the face at its time stamp, without
    motion blur. Raises `TextError` for other texts, `MediaError` when the file cannot be written,
    `ConfigError` for other values.
    """
    target = Path(target)
    recording = load_recording(_choose(text))
    rate = _frame_rate(fps)
    if not abs(offset_ms) <= OFFSET_LIMIT_MS:
        raise ConfigError(f"an offset of {offset_ms} ms cannot be rendered. Give one from -1000 to 1000 ms.")
    if target.suffix.lower() not in CODECS:
        raise MediaError(f"{target}: a sample can be {', '.join(CODECS)}. Choose one of these suffixes.")
    early = seconds_to_samples(ms_to_seconds(offset_ms), SAMPLE_RATE)
    frames = int(np.ceil((2 * LEAD_IN_S + samples_to_seconds(len(recording.sound), SAMPLE_RATE)) * rate))
    sound = _soundtrack(recording.sound, early, seconds_to_samples(float(frames / rate), SAMPLE_RATE))
    with atomic_path(target, overwrite=overwrite) as temporary:
        _write(temporary, _pictures(recording.phones, frames, rate), rate, sound)
    return _truth(recording, samples_to_seconds(early, SAMPLE_RATE), frames, rate)


def load_recording(number: int) -> Recording:
    """Read bundled recording 1, 2 or 3."""
    from scipy.signal import resample_poly  # here, because it is slow to import

    page = _page(number)
    asset = resources.files("avsync") / "assets" / f"sample_{number}.flac"
    with asset.open("rb") as stream, av.open(stream, "r") as file:
        pieces = [frame.to_ndarray() for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    sound = np.concatenate(pieces, axis=1)[0].astype(np.float64) / 32768.0
    words = tuple((word["text"], word["start"], word["end"]) for word in page["words"])
    phones = tuple(
        TimedPhone(phone["unit"], phone["start"], phone["end"], phone.get("release"))
        for word in page["words"]
        for phone in word["phones"]
    )
    return Recording(page["text"], resample_poly(sound, SAMPLE_RATE, rate).astype(np.float32), words, phones)


def _page(number: int) -> dict[str, Any]:
    """The JSON page of a bundled recording."""
    file = resources.files("avsync") / "assets" / f"sample_{number}.json"
    page: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return page


def _choose(text: str | int | None) -> int:
    """The number of the recording that `text` means."""
    if text is None:
        return 1
    wanted = _plain(str(text))
    known = [_plain(sentence) for sentence in sentences()]
    if wanted in ("1", "2", "3"):
        return int(wanted)
    found = [number for number, sentence in enumerate(known, 1) if wanted and sentence.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f'{number} "{sentence}"' for number, sentence in enumerate(sentences(), 1))
    raise TextError(f'no bundled recording says "{text}". Give the number or the beginning of one: {listed}')


def _plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())


def _frame_rate(fps: float) -> Fraction:
    """The exact rate that is meant: thousandths, or the rate over 1001 next to it."""
    if not FPS_LIMITS[0] <= fps <= FPS_LIMITS[1]:
        raise ConfigError(f"{fps} frames a second cannot be rendered. Choose a rate from 5 to 120.")
    over_1001 = Fraction(round(fps * 1.001) * 1000, 1001)
    return over_1001 if abs(float(over_1001) - fps) < 0.004 else Fraction(fps).limit_denominator(1000)


def _soundtrack(voice: np.ndarray, early: int, length: int) -> np.ndarray:
    """(length,) float32: the recording, `early` samples before its time, and room noise."""
    noise = np.random.default_rng(20).standard_normal(length)
    smooth = np.convolve(noise, np.hanning(9), mode="same")
    track = smooth * (NOISE_RMS / smooth.std())
    first = seconds_to_samples(LEAD_IN_S, SAMPLE_RATE) - early
    track[first : first + len(voice)] += voice
    result: np.ndarray = track.astype(np.float32)
    return result


def _pictures(phones: tuple[TimedPhone, ...], count: int, rate: Fraction) -> Iterator[np.ndarray]:
    """`count` frames (SIDE, SIDE, 3) uint8 of the speaking head, each as it stands half-way to the next."""
    puppet = Puppet()
    times = np.array([(index + 0.5) / float(rate) for index in range(count)])
    for time, row in zip(times, mouth_poses(phones, times - LEAD_IN_S), strict=True):
        blink = max(1.0 - abs(time - shut) / 0.1 for shut in BLINKS_S)
        yield puppet.draw(Pose(*row), blink=max(min(1.4 * blink, 1.0), 0.0), sway=_sway(time))


def _sway(time: float) -> tuple[float, float, float]:
    """The small moves of a head that is held still: pixels to the right and down, and radians."""
    right = 2.2 * np.sin(2 * np.pi * 0.31 * time) + 0.8 * np.sin(2 * np.pi * 0.83 * time + 1.0)
    down = 1.4 * np.sin(2 * np.pi * 0.43 * time + 0.5) + 0.5 * np.sin(2 * np.pi * 1.07 * time)
    turn = 0.012 * np.sin(2 * np.pi * 0.27 * time + 0.8)
    return float(right), float(down), float(turn)


def _write(path: Path, pictures: Iterator[np.ndarray], rate: Fraction, sound: np.ndarray) -> None:
    """Encode pictures and sound; both start at 0."""
    codec = CODECS[path.suffix.lower()]
    # Without bitexact the Matroska muxer draws random identifiers.
    with av.open(path, "w", options={"fflags": "+bitexact"}) as output:
        video = output.add_stream("libx264", rate=rate)
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        video.time_base = 1 / rate
        # No B-frames: decoding order is display order. One thread: the same bytes on every machine.
        video.options = {"crf": "17", "preset": "fast", "bf": "0", "threads": "1"}
        form = "fltp" if codec == "aac" else "s16"
        audio = output.add_stream(codec, rate=SAMPLE_RATE, layout="mono", format=form)
        assert isinstance(audio, av.AudioStream)
        if codec == "aac":
            audio.bit_rate = 128_000
        blocks = _sound_frames(sound, codec)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            output.mux(video.encode(frame))
            _mux_sound(output, audio, blocks, until=float((index + 1) / rate))
        output.mux(video.encode(None))
        _mux_sound(output, audio, blocks, until=float("inf"))
        output.mux(audio.encode(None))


def _sound_frames(sound: np.ndarray, codec: str) -> Iterator[av.AudioFrame]:
    """Frames of 1024 samples, with their time stamps."""
    for first in range(0, len(sound), 1024):
        piece = sound[None, first : first + 1024]
        if codec == "aac":
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout="mono")
        else:
            whole = np.clip(np.rint(piece * 32768.0), -32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
        yield frame


def _mux_sound(
    output: OutputContainer, stream: av.AudioStream, frames: Iterator[av.AudioFrame], *, until: float
) -> None:
    """Encode sound up to a time in seconds, so that the muxer can interleave it with the pictures."""
    for frame in frames:
        output.mux(stream.encode(frame))
        if frame.pts is not None and samples_to_seconds(frame.pts + frame.samples, SAMPLE_RATE) >= until:
            return


def _truth(recording: Recording, early: float, frames: int, rate: Fraction) -> SampleTruth:
    """All times of the clip; `early`: seconds by which the sound is ahead."""

    def seen(start: float, end: float) -> tuple[float, float, float, float]:
        start, end = start + LEAD_IN_S, end + LEAD_IN_S
        return tuple(round(time, 6) for time in (start, end, start - early, end - early))  # type: ignore[return-value]

    return SampleTruth(
        transcript=recording.text,
        offset_ms=round(early * 1000.0, 6),
        fps=float(rate),
        duration=float(frames / rate),
        words=tuple(SampleWord(text, *seen(start, end)) for text, start, end in recording.words),
        phones=tuple(SamplePhone(phone.unit, *seen(phone.start, phone.end)) for phone in recording.phones),
    )
