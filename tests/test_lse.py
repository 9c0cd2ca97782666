"""LSE with avsync's own networks: on vectors that are constructed, and on the talking head."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import tiny

import avsync
from avsync import lse
from avsync.errors import ConfigError, FaceError, MediaError
from avsync.model import Vectors
from avsync.threads import one_thread


@pytest.fixture(autouse=True, scope="module")
def few_threads():
    """As the program computes: on a busy machine, threads that wait for each other cost tens of seconds."""
    with one_thread():
        yield


TIMES = np.arange(100) / 25


def vectors(times: np.ndarray, of: np.ndarray, known: np.ndarray | None = None) -> Vectors:
    """Unit vectors that turn with `of`, in a plane."""
    turned = np.stack([np.cos(of), np.sin(of)], axis=1).astype(np.float32)
    return Vectors(turned, times, np.ones(len(times), bool) if known is None else known)


class Turning:
    """A model whose lips turn with the picture's time and whose speech leads by 120 ms."""

    def __init__(self, known: np.ndarray | None = None) -> None:
        self.known = known

    def embed_lips(self, grid: object) -> Vectors:
        return vectors(TIMES, TIMES**2, self.known)

    def embed_speech(self, mel: object) -> Vectors:
        times = 0.005 + np.arange(400) / 100
        return vectors(times, (times + 0.12) ** 2)


@pytest.fixture
def turning(monkeypatch):
    def use(known: np.ndarray | None = None) -> None:
        monkeypatch.setattr(lse, "load_model", lambda: Turning(known))

    use()
    return use


def a_track():
    return tiny.track(TIMES, np.full(100, 100.0), np.tile(tiny.face(), (100, 1)))


def test_the_offset_has_avsyncs_sign(turning):
    found = lse.measure(tiny.clip(4.0), tracks=(a_track(),))
    assert found.offset_ms == 120.0
    assert found.lse_d == pytest.approx(0.0, abs=2e-3)
    assert found.lse_c > 0.5
    assert (found.offsets_ms[0], found.offsets_ms[-1], len(found.distances)) == (600.0, -600.0, 31)
    assert found.distances[found.offsets_ms == 120.0] == found.lse_d


def test_the_backbone_has_a_name_of_its_own(turning):
    name = lse.measure(tiny.clip(4.0), tracks=(a_track(),)).backbone
    weights = [path.stem for path in (Path(avsync.__file__).parent / "weights").glob("avsync-*.safetensors")]
    assert re.fullmatch(r"avsync-[0-9a-f]{8}", name)
    assert weights == [name]


def test_mouths_that_are_not_found_count_for_nothing(turning):
    known = np.ones(100, bool)
    known[:20] = known[90:] = False
    turning(known)
    found = lse.measure(tiny.clip(4.0), tracks=(a_track(),))
    assert (found.positions, found.offset_ms) == (70, 120.0)
    assert (found.start, found.end) == (pytest.approx(0.8), pytest.approx(3.6))
    turning(np.zeros(100, bool))
    found = lse.measure(tiny.clip(4.0), tracks=(a_track(),))
    assert (found.positions, found.start, found.end) == (0, 0.0, 0.0)
    assert all(math.isnan(value) for value in (found.lse_d, found.lse_c, found.offset_ms))


def test_zeros_are_an_option_and_said(turning):
    masked = lse.measure(tiny.clip(4.0), tracks=(a_track(),))
    zeros = lse.measure(tiny.clip(4.0), tracks=(a_track(),), outside="zeros")
    assert (masked.outside, zeros.outside) == ("masked", "zeros")
    # 15 of 100 entries of the largest shift are the distance of a unit vector to the origin
    assert zeros.distances[0] == pytest.approx(0.85 * masked.distances[0] + 0.15 * 1.0, abs=1e-6)


def test_what_cannot_be_compared():
    with pytest.raises(MediaError, match=r"made\.mp4: no sound in it"):
        lse.measure(tiny.clip(waveform=np.zeros(0)))
    with pytest.raises(MediaError, match=r"no picture in it"):
        lse.measure(tiny.clip(frame_times=np.zeros(0)))
    with pytest.raises(ConfigError, match="48000 Hz"):
        lse.measure(tiny.clip(sample_rate=48_000))
    with pytest.raises(FaceError, match=r"no face 0 was found \(faces: none\)"):
        lse.measure(tiny.clip(), tracks=())
    with pytest.raises(FaceError, match=r"no face 1 was found \(faces: 0\)"):
        lse.measure(tiny.clip(), tracks=(a_track(),), face=1)


def test_the_talking_head(talks):
    path, truth = talks[120.0]
    found = lse.measure(path)
    assert abs(found.offset_ms - truth.offset_ms) <= 40
    assert 0.0 < found.lse_c < found.lse_d < 2.0
