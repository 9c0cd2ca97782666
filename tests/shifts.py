"""Where the beeps of a flash-and-beep clip stand, and what a copy has to keep."""

import hashlib
from fractions import Fraction

import av
import numpy as np
from flashbeep import find_beeps, read_number, render

from avsync import media


def flashes_and_lags(path) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Seconds of the flashes, ms by which their beeps come after them, and the numbers of the pictures.

    Beeps are paired from the end: the first may have been cut.
    """
    clip = media.load(path)
    seen = [read_number(f) for f in clip.frames]
    flashes = np.array(
        [clip.frame_times[i] for i, (_, flash) in enumerate(seen) if flash and not seen[i - 1][1]]
    )
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    count = min(len(beeps), len(flashes))
    return flashes[-count:], 1000 * (beeps[-count:] - flashes[-count:]), [n for n, _ in seen]


def lag_ms(path) -> tuple[float, list[int]]:
    """By how much the beeps come after their flashes, and the numbers of the pictures."""
    clip = media.load(path)
    seen = [read_number(f) for f in clip.frames]
    flashes = [clip.frame_times[i] for i, (_, flash) in enumerate(seen) if flash and not seen[i - 1][1]]
    beeps = find_beeps(clip.waveform, clip.sample_rate, clip.audio_start)
    lags = [min((b - f for b in beeps), key=abs) for f in flashes]
    return 1000 * float(np.mean(lags)), [n for n, _ in seen]


def payload(path, kind="video") -> list[str]:
    """A digest of the bytes of each packet of the first stream of a kind."""
    with av.open(str(path)) as container:
        return [hashlib.md5(bytes(p)).hexdigest() for p in container.demux(**{kind: 0}) if p.size]


def packet_seconds(path, kind="video") -> np.ndarray:
    """PTS of the packets of the first stream of a kind, sorted."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(**{kind: 0}) if p.size]
        return np.sort([float((p.dts if p.pts is None else p.pts) * p.time_base) for p in packets])


def rich_clip(path, rotation=90, **how):
    """Two sound tracks, subtitles, chapters, tags and a rotation."""
    plain = render(path.with_suffix(".plain.mp4"), rotation=rotation, **how).path
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(s) for s in (*source.streams, source.streams.audio[0])]
        streams[2].metadata["language"] = "deu"
        text = out.add_mux_stream("mov_text" if path.suffix == ".mp4" else "subrip")
        text.metadata["language"] = "fra"
        out.metadata["title"] = "Truth"
        tick = Fraction(1, 1000)
        out.set_chapters(
            [
                {"id": 1, "start": 0, "end": 900, "time_base": tick, "metadata": {"title": "One"}},
                {"id": 2, "start": 900, "end": 2000, "time_base": tick, "metadata": {"title": "Two"}},
            ]
        )
        for packet in source.demux():
            if not packet.size:
                continue
            copies = [streams[packet.stream.index]] + ([streams[2]] if packet.stream.type == "audio" else [])
            for stream in copies:
                packet.stream = stream
                out.mux(packet)
        line = b"flash"
        caption = av.Packet(len(line).to_bytes(2, "big") + line if path.suffix == ".mp4" else line)
        caption.stream, caption.time_base = text, Fraction(1, 1000)
        caption.pts = caption.dts = 600
        caption.duration = 400
        out.mux(caption)
    return path
