"""Words to frames: at several frame rates and with the sound moved, every word's first and last frame is
checked against the definition: those decoded frames with `start <= pts < end`.

The frames' times are read from the packets of the file, not by avsync.
"""

import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm
from word_trials import ask, drawn, row

from avsync import media, remux

RATES = {
    "23.976 fps": Fraction(24000, 1001),
    "29.97 fps": Fraction(30000, 1001),
    "50 fps": Fraction(50),
    "variable rate": Fraction(30),
}
LEFT_OUT = 0.3
"""Share of the pictures that a variable rate lacks."""
MOVED_MS = (-200.0, 0.0, 200.0)
"""Positive: the sound comes first."""
CLIPS = 2
"""Clips that are written again: each is written at every rate and every shift."""


def measure(clips: Sequence[Spoken], split: str) -> list[Row]:
    """All rows of this part."""
    wrong: dict[str, list[int]] = {name: [] for name in RATES}
    apart: list[float] = []
    for spoken in tqdm(clips[:CLIPS], desc="frames"):
        with tempfile.TemporaryDirectory() as folder:
            for name, path in written(spoken, Path(folder)):
                found = ask(path, spoken.words)
                times = picture_times(path)
                for word in found.words if found is not None else ():
                    inside = [n for n, time in enumerate(times) if word.start <= time < word.end]
                    told = [] if word.first_frame is None else [word.first_frame, word.last_frame]
                    wrong[name].append(int(told != [inside[0], inside[-1]] if inside else told != []))
                    offset = found.offset.ms if found is not None and found.offset is not None else None
                    apart.append(abs(1000 * (word.start - word.heard_start) - (offset or 0.0)))
    where = f"GRID {split}, written again"
    rows = [
        row(f"frames, {name}, sound moved by {', '.join(f'{ms:+.0f}' for ms in MOVED_MS)} ms: wrong",
            float(np.mean(errors)) if errors else float("nan"), "share", len(errors), where, at_most=0.0)
        for name, errors in wrong.items()
    ]  # fmt: skip
    largest = max(apart, default=float("nan"))
    rows.append(row("frames: seen less heard against the offset, largest", largest, "ms", len(apart), where))
    return rows


def written(spoken: Spoken, folder: Path) -> Iterator[tuple[str, Path]]:
    """The clip at every rate and every shift, by name of the rate."""
    clip = media.load(spoken.path)
    pictures = [np.asarray(clip.frames[n]) for n in range(len(clip.frame_times))]
    rng = drawn(spoken.name)
    for name, rate in RATES.items():
        ticks = np.arange(int((clip.frame_times[-1] + 0.04) * rate))
        if name == "variable rate":
            ticks = ticks[(rng.random(len(ticks)) >= LEFT_OUT) | (ticks == 0)]
        shown = (
            np.searchsorted(clip.frame_times, [float(tick / rate) for tick in ticks + 1e-9], side="right") - 1
        )
        path = folder / f"{spoken.path.stem}-{name.split()[0]}.mp4"
        write(path, [pictures[n] for n in shown.clip(0)], ticks, rate, clip.waveform, clip.sample_rate)
        for moved in MOVED_MS:
            if moved == 0:
                yield name, path
                continue
            target = path.with_name(f"{path.stem}{moved:+.0f}.mp4")
            remux.shift_audio(path, target, -moved)
            yield name, target


def write(
    path: Path,
    pictures: Sequence[np.ndarray],
    ticks: np.ndarray,
    rate: Fraction,
    sound: np.ndarray,
    hertz: int,
) -> None:
    """An MP4 whose pictures stand at `ticks` / `rate` seconds, with its sound from 0 on."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        video.height, video.width = pictures[0].shape[0] // 2 * 2, pictures[0].shape[1] // 2 * 2
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = 1 / rate
        audio = out.add_stream("aac", rate=hertz, layout="mono")
        for tick, picture in zip(ticks, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture[: video.height, : video.width]), format="rgb24"
            )
            frame.pts, frame.time_base = int(tick), 1 / rate
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        heard = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = hertz, 0, Fraction(1, hertz)
        out.mux(audio.encode(heard))
        out.mux(audio.encode(None))


def picture_times(path: Path) -> list[float]:
    """Time stamps of the pictures in a file, sorted, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = [frame.pts * frame.time_base for frame in container.decode(stream) if frame.pts is not None]
    return [float(stamp) for stamp in sorted(stamps)]
