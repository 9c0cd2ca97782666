"""How long `avsync offset` takes on a 10 s clip of 640x480 at 25 fps, everything included, and on what."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image
from table import Row

from avsync import media
from avsync.sample import render_sample, sentences

WIDTH, HEIGHT, FPS, SECONDS = 640, 480, 25, 10
THREADS = 2
RUNS = 3
WITH_WEIGHTS = Path(__file__).with_name("with_weights.py")
IDLE = 0.5
"""Load of the last minute above which a time on the wall says little."""
DONE = (0, 3)
"""Exit codes of a measurement: an offset was stated, or the tool abstained."""


def measure(weights: Path | None) -> tuple[list[Row], list[str]]:
    """All rows of this part, and a note when the machine was busy."""
    busy = os.getloadavg()[0]
    notes = (
        [f"speed: the machine was busy (load {busy:.1f}): measure again when idle."] if busy > IDLE else []
    )
    where = f"rendered, {WIDTH}x{HEIGHT}, {SECONDS} s, h264 + aac; two cores"
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "talk.mp4"
        render(clip, Path(folder))
        program = ["-m", "avsync"] if weights is None else [str(WITH_WEIGHTS), str(weights.resolve())]
        runs = [_wall([*program, "offset", str(clip)]) for _ in range(RUNS)]
        stages = _stages(clip, weights)
    wall, cores = min(runs)
    rows = [
        Row(f"speed: `avsync offset`, best of {RUNS}", wall, "s", RUNS, where, "speed", at_most=10.0),
        Row("speed: processor time of all cores in that run", cores, "s", 1, where, "speed"),
        *(Row(f"speed: {name}", seconds, "s", 1, where, "speed") for name, seconds in stages.items()),
        Row("speed: sum of these stages", sum(stages.values()), "s", 1, where, "speed"),
    ]
    return rows, notes


def render(target: Path, folder: Path) -> None:
    """Write the clip: two of the bundled sentences, one after the other, on grey, cut to `SECONDS`."""
    parts = []
    for number, text in enumerate(sentences()[:2]):
        path = folder / f"sentence{number}.mkv"
        render_sample(path, text=text, fps=FPS)
        parts.append(media.load(path, sample_rate=48_000))
    sound = np.concatenate([part.waveform for part in parts])[: SECONDS * 48_000]
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("aac", rate=48_000, layout="mono")
        for index, picture in enumerate(islice(_pictures(parts), SECONDS * FPS)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
        for start in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(
                sound[None, start : start + 1024], format="fltp", layout="mono"
            )
            block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
            out.mux(audio.encode(block))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def _pictures(parts: list[media.Clip]) -> Iterator[np.ndarray]:
    """Frames of all parts, as high as the clip and in its middle."""
    for part in parts:
        for picture in part.frames:
            face = Image.fromarray(picture).resize((HEIGHT, HEIGHT), Image.Resampling.BICUBIC)
            ground = Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128))
            ground.paste(face, ((WIDTH - HEIGHT) // 2, 0))
            yield np.asarray(ground)


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **threads}
    )
    if done.returncode not in DONE:
        raise RuntimeError(
            f"{' '.join(arguments)} ended with exit code {done.returncode}: {done.stderr.strip()}"
        )
    return done


def _wall(arguments: list[str]) -> tuple[float, float]:
    """Seconds on the wall, and of all processor cores together."""
    began, used = time.perf_counter(), _used()
    _run(arguments)
    return time.perf_counter() - began, _used() - used


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _stages(clip: Path, weights: Path | None) -> dict[str, float]:
    """Seconds of each stage in a process of its own, in which everything is done for the first time."""
    began = time.perf_counter()
    done = _run([__file__, str(clip), *([str(weights)] if weights else [])])
    total = time.perf_counter() - began
    stages: dict[str, float] = json.loads(done.stdout)
    return {"start of Python and imports": total - sum(stages.values()), **stages}


def _staged(path: Path, weights: Path | None) -> dict[str, float]:
    """What `detect_offset` does, stage by stage, with the seconds of each."""
    from with_weights import using

    from avsync import features, lagscores, lips, model, offset, speech

    marks = [time.perf_counter()]

    def lap() -> float:
        marks.append(time.perf_counter())
        return marks[-1] - marks[-2]

    seconds = {}
    clip = media.load(path)
    seconds["decoding for times and sound"] = lap()
    tracks = lips.track(clip)
    seconds["faces and lips (decoding again included)"] = lap()
    with using(weights):
        network = model.load_model()
        seconds["loading the model"] = lap()
        for track in tracks:
            network.embed_lips(features.on_grid(track))
        seconds["lip encoder"] = lap()
        network.embed_speech(speech.log_mel(clip))
        seconds["mel and speech encoder"] = lap()
        offset.measure(clip, tracks, lagscores.OffsetConfig())
        # `measure` embeds once more, now warm: what remains is the search and its interval.
        encoders = seconds["lip encoder"] + seconds["mel and speech encoder"]
        seconds["search and interval (at least)"] = max(lap() - encoders, 0.0)
    return seconds


if __name__ == "__main__":
    print(json.dumps(_staged(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)))
