"""The zero point of a recording: lips whose opening is known, and bursts whose place is known."""

from types import ModuleType

import numpy as np
import pytest
from recipe_files import recipe

from avsync.features import INNER_LIP, LIP_POINTS, LipGrid
from avsync.utterances import Utterance


@pytest.fixture(scope="module")
def zero_point() -> ModuleType:
    return recipe("benchmark", "zero_point")


def opening(times, at, speed=12.0):
    """Gap of lips that part at a time (s) and open fully within 80 ms."""
    return speed * np.clip(times - at, 0, 0.08)


def releases(zero_point, speaker, word, opens_at, count, seed=0, noise=0.0, speed=12.0):
    """Releases whose lips part `opens_at` seconds after the burst, seen every 40 ms at a drawn moment."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        times = np.arange(-5, 5) * 0.04 + rng.uniform(0, 0.04)
        gaps = opening(times, opens_at, speed) + rng.normal(0, noise, len(times))
        made.append(zero_point.Release(speaker, word, times, gaps))
    return made


@pytest.mark.parametrize("opens_at", [-0.0231, -0.008, 0.0])
def test_the_hinge_is_where_the_lips_part(zero_point, opens_at):
    found = releases(zero_point, "s1", "bin", opens_at, 300, noise=0.02)
    assert zero_point.hinge(*zero_point.together(found)) == pytest.approx(opens_at, abs=0.002)


def test_speakers_are_laid_on_the_curves_of_the_reference(zero_point):
    words = ("bin", "place")
    found = [r for w in words for r in releases(zero_point, "s1", w, -0.02, 400, noise=0.02)]
    found += [
        r for w in words for r in releases(zero_point, "s4", w, -0.05, 30, seed=1, noise=0.02, speed=7.0)
    ]
    measured, hinges = zero_point.zeros(found, "s1")
    assert set(hinges) == set(words)
    # A picture counts for the middle of the 40 ms for which it is shown.
    offsets = {zero.speaker: zero.ms for zero in measured}
    assert offsets["s1"] == pytest.approx(0.0, abs=3)
    assert offsets["s4"] == pytest.approx(-30.0, abs=5)
    errors = {zero.speaker: zero.error_ms for zero in measured}
    assert errors["s1"] < errors["s4"] < zero_point.ALONE_MS


def test_speakers_that_were_measured_badly_are_drawn_to_the_mean(zero_point):
    measured = [
        zero_point.Zero("a", 100, 10.0, 1.0),
        zero_point.Zero("b", 100, -10.0, 1.0),
        zero_point.Zero("c", 1, 60.0, 30.0),
    ]
    mean, between, best = zero_point.pooled(measured)
    assert 0 < mean < 8
    assert 10 < between < 20
    assert best["a"] == pytest.approx(10.0, abs=0.5)
    assert abs(best["c"] - mean) < 0.3 * 60
    same = [zero_point.Zero(name, 9, 4.0, 2.0) for name in "ab"]
    assert zero_point.pooled(same) == (
        pytest.approx(4.0),
        0.0,
        {"a": pytest.approx(4.0), "b": pytest.approx(4.0)},
    )


def spoken(burst_at):
    """A word from 0.9 s on: voicing that is low, then a burst of noise and a vowel."""
    rng = np.random.default_rng(0)
    seconds = np.arange(32_000) / 16_000
    wave = 0.05 * np.sin(2 * np.pi * 120 * seconds) * (seconds > 0.85) + rng.normal(0, 1e-4, 32_000)
    wave += rng.normal(0, 0.1, 32_000) * ((seconds >= burst_at) & (seconds < 1.3))
    frames = np.arange(50) / 25
    points = np.zeros((50, 40, 2), np.float32)
    lower = [len(LIP_POINTS) - len(INNER_LIP) + INNER_LIP.index(point) for point in (87, 14, 317)]
    points[:, lower, 1] = opening(frames, burst_at - 0.01)[:, None]
    lips = LipGrid(np.zeros((50, 96, 96), np.uint8), points, np.ones(50, bool), frames)
    times = np.array([[0.95, 1.4], [1.4, 1.9]])
    return Utterance("u", "s9", wave.astype(np.float32), 0.0, ("bin", "red"), times, lips)


def test_the_burst_is_found_and_an_m_or_silence_has_none(zero_point):
    utterance = spoken(0.9973)
    assert zero_point.burst(utterance, 0.95, 1.4) == pytest.approx(0.9973, abs=0.002)
    assert zero_point.burst(utterance, 1.5, 1.9) is None
    (release,) = zero_point.releases(utterance)
    assert (release.speaker, release.word) == ("s9", "bin")
    np.testing.assert_allclose(release.gaps, opening(release.times, -0.01), atol=0.02)
