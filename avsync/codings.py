"""How the sound of a track is encoded again: by its own codec where the container takes it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from avsync.soundmap import Track

ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis", "speex": "libspeex"}
"""FFmpeg's encoders that have another name than the codec."""
BIT_RATES = {
    "mp3": (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "mp2": (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    "ac3": (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
}
"""The kbit/s that a codec knows; an encoder may take the next lower one or refuse."""
MOST_BIT_RATE = {"opus": 256_000}
"""What an encoder takes for each channel at most."""
LAYOUTS = {
    "1 channels": "mono",
    "2 channels": "stereo",
    "4 channels": "4.0",
    "6 channels": "5.1",
    "8 channels": "7.1",
}
"""Names for what containers without layouts (PCM) hold."""
LEAST_BIT_RATE = 64_000
"""A channel's share that speech coded a second time needs at least."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How a track is encoded."""

    encoder: str
    rate: int
    form: str
    layout: str
    bit_rate: int | None


def codings(track: Track, default: str | None) -> list[Coding]:
    """Ways to encode a track, best first: its own codec, then the container's default, then usual ones."""
    found = []
    for codec in dict.fromkeys((track.codec, default, "aac", "opus", "pcm_s16le")):
        if codec is None:
            continue
        try:
            encoder = av.codec.Codec(ENCODERS.get(codec, codec), "w")
        except ValueError:
            continue
        if (
            not encoder.experimental
            and encoder.type == "audio"
            and _opens(wanted := _settings(track, encoder))
        ):
            found.append(wanted)
    return found


def _settings(track: Track, encoder: Any) -> Coding:
    rates = sorted(encoder.audio_rates or [track.rate])
    rate = next((r for r in rates if r >= track.rate), rates[-1])
    channels = av.AudioLayout(track.layout).nb_channels
    forms = [form.name for form in encoder.audio_formats or []] or [track.form]
    same = [f for f in forms if f.removesuffix("p") == track.form.removesuffix("p")]
    wide = [f for f in forms if f.removesuffix("p") in ("flt", "dbl", "s32")]
    layout = LAYOUTS.get(track.layout, track.layout)
    bit_rate = None
    if not encoder.canonical_name.startswith("pcm") and not encoder.lossless:
        bit_rate = max(track.bit_rate, LEAST_BIT_RATE * channels)
        bit_rate = min(bit_rate, MOST_BIT_RATE.get(encoder.canonical_name, bit_rate) * channels)
        known = BIT_RATES.get(encoder.canonical_name)
        if known:
            bit_rate = next((1000 * k for k in known if 1000 * k >= bit_rate), 1000 * known[-1])
    return Coding(encoder.name, rate, (same or wide or forms)[0], layout, bit_rate)


def _opens(wanted: Coding) -> bool:
    context = av.CodecContext.create(wanted.encoder, "w")
    _set(context, wanted)
    try:
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _set(context: Any, wanted: Coding) -> None:
    context.sample_rate, context.format, context.layout = wanted.rate, wanted.form, wanted.layout
    context.time_base = Fraction(1, wanted.rate)
    if wanted.bit_rate:
        context.bit_rate = wanted.bit_rate


def add_stream(out: Any, wanted: Coding) -> Any:
    """A stream of an open output that is encoded so."""
    stream = out.add_stream(wanted.encoder, rate=wanted.rate, layout=wanted.layout)
    _set(stream.codec_context, wanted)
    stream.time_base = Fraction(1, wanted.rate)
    return stream
