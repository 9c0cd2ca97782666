"""Reading in windows beside bare decoding, and memory for three hours: `make benchmark` prints ratios and MB.

Measured side by side in one run, turn about, the best of each. torchcodec and OpenCV take part where they are
installed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from long_file import repeat

from avsync import media

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
FORMATS = {"rgb": "rgb24", "gray": "gray"}
ROUNDS = 3
FRAMES = 900
"""Half a minute: opening a file, once for the pictures and once for the sound, takes 35 ms each at 1080p."""


def film(path: Path, width: int, height: int, frames: int, threads: int) -> Path:
    """A picture that moves, with sound; encoded by one thread it has one slice a picture, as of cameras."""
    random = np.random.default_rng(0)
    small = random.integers(0, 255, (height // 8 + 16, width // 8 + 16, 3), dtype=np.uint8)
    base = small.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = threads
        sound = out.add_stream("aac", rate=48_000, layout="mono")
        for i in range(frames):
            x, y = int(60 + 59 * np.sin(i / 9)), int(60 + 59 * np.cos(i / 13))
            shown = np.ascontiguousarray(base[y : y + height, x : x + width])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(stream.encode(None))
        for i in range(frames * 1600 // 1024):
            block = (0.1 * np.sin(np.arange(1024) / 20)).astype(np.float32)[None]
            piece = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = 48_000, 1024 * i, Fraction(1, 48_000)
            out.mux(sound.encode(piece))
        out.mux(sound.encode(None))
    return path


def bare(path: Path, pixel_format: str) -> int:
    """PyAV's own loop: decode, convert, nothing else."""
    with av.open(str(path)) as container:
        return sum(
            1 for frame in container.decode(video=0) if len(frame.to_ndarray(format=FORMATS[pixel_format]))
        )


def windows(path: Path, pixel_format: str) -> int:
    """The same pictures from the reader, with their times and the sound."""
    with media.open(path, pixel_format=pixel_format) as reader:
        return sum(len(window.frames) for window in reader.windows(seconds=1.0, hop=1.0))


def opencv(path: Path, pixel_format: str) -> int:
    """OpenCV's loop."""
    import cv2

    code = cv2.COLOR_BGR2RGB if pixel_format == "rgb" else cv2.COLOR_BGR2GRAY
    capture, count = cv2.VideoCapture(str(path)), 0
    while True:
        there, picture = capture.read()
        if not there:
            return count
        count += len(cv2.cvtColor(picture, code)) > 0


def torchcodec(path: Path, pixel_format: str) -> int:
    """torchcodec's decoder, which gives colour only."""
    from torchcodec.decoders import VideoDecoder

    return sum(1 for _ in VideoDecoder(str(path)))


def usable() -> dict[str, Callable[[Path, str], int]]:
    """The other readers that are installed and work."""
    found = {}
    for name, read in (("OpenCV", opencv), ("torchcodec", torchcodec)):
        try:
            __import__({"OpenCV": "cv2", "torchcodec": "torchcodec.decoders"}[name])
        except (ImportError, OSError, RuntimeError):
            continue
        found[name] = read
    return found


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("threads", [1, 2], ids=["one slice", "slices"])
@pytest.mark.parametrize("size", SIZES)
def test_windows_beside_a_bare_loop(request, tmp_path, size, threads, pixel_format):
    whole = request.config.getoption("benchmark_enable")
    if not whole and size != "480p":
        pytest.skip("the larger pictures are for `make benchmark`")
    frames = FRAMES if whole else 20
    path = film(tmp_path / "film.mp4", *SIZES[size], frames, threads)
    readers = {"avsync": windows, "bare PyAV": bare} | (usable() if whole else {})
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(ROUNDS if whole else 1):
        for name, read in readers.items():
            started = time.perf_counter()
            assert read(path, pixel_format) == frames
            rates[name].append(frames / (time.perf_counter() - started))
    if whole:
        ours = max(rates["avsync"])
        told = "  ".join(f"{name} {max(r):.0f}/s (ratio {ours / max(r):.2f})" for name, r in rates.items())
        print(f"\n{size} {threads} thread(s) to encode, {pixel_format}: {told}")


READ = """
import resource, sys
from pathlib import Path
from avsync import media
with media.open(sys.argv[1]) as reader:
    count = samples = 0
    for window in reader.windows(seconds=2.0, hop=1.0):
        count += len(window.frames); samples += len(window.waveform)
status = Path("/proc/self/status")
if status.exists():  # of this program alone: ru_maxrss goes on from the process that started it
    kilobytes = next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM"))
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(count, samples, kilobytes // 1024)
"""


def read_apart(path: Path) -> tuple[int, int, int]:
    """Pictures and samples of all windows of a file, read in a new process, and its greatest size in MB."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], check=True, capture_output=True, text=True, env=os.environ
    )
    count, samples, megabytes = map(int, done.stdout.split())
    return count, samples, megabytes


def test_memory_for_hours(request, tmp_path):
    """Three hours against a minute; three minutes where it is only tried."""
    whole = request.config.getoption("benchmark_enable")
    minutes = 180 if whole else 3
    short, long = repeat(tmp_path / "short.mp4", 1), repeat(tmp_path / "long.mp4", minutes)
    (frames, samples, small), (more, many, large) = read_apart(short), read_apart(long)
    assert more == pytest.approx(minutes * frames, rel=0.03)
    assert many == pytest.approx(minutes * samples, rel=0.03)
    print(
        f"\n1 minute: {small} MB, {minutes} minutes: {large} MB, difference {large - small} MB (asked: 150)"
    )
    assert large - small < 150
