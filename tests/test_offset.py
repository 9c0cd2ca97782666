"""Offsets of vectors and clips whose truth is built in, and every reason to abstain."""

import dataclasses
import re

import codes
import numpy as np
import pytest
import tiny
from codes import CODES, events

from avsync import offset
from avsync.errors import MediaError
from avsync.lagscores import MAX_OFFSET_MS, OffsetConfig
from avsync.model import ModelConfig, Vectors
from avsync.offset import detect_offset
from avsync.posteriors import Posteriors


class Oracle:
    """Stands for `AVSync`: a mouth of grey 100 speaks what is heard, another moves at random."""

    def __init__(self, offset_ms, **how):
        self.offset_ms = offset_ms
        # Confidence follows the agreement of the bootstrap's peaks; the interval is their scatter alone.
        self.config = ModelConfig(**{"spread_ms": 0.0, "confidence": (-8.0, 0.0, 10.0, 0.0, 0.0), **how})

    def embed_lips(self, grid):
        if grid.mouths.max() == 100:
            vectors = np.eye(CODES, dtype=np.float32)[np.rint(grid.times * 25).astype(int)]
        else:
            vectors = np.random.default_rng(0).normal(size=(len(grid.times), CODES)).astype(np.float32)
        return Vectors(vectors, grid.times, grid.found)

    def speech_posteriors(self, mel):
        """Speech all along: of two units the second is sure."""
        return Posteriors(np.tile(np.float32([-5, 0]), (len(mel.times), 1)), mel.times, 0.01)

    def embed_speech(self, mel):
        return Vectors(events(mel.times + self.offset_ms / 1000), mel.times, np.ones(len(mel.times), bool))


def track(clip, grey=100.0, face=0, seen=slice(None)):
    count = len(clip.frame_times)
    found = np.zeros(count, bool)
    found[seen] = True
    made = tiny.track(clip.frame_times, np.full(count, grey), np.tile(tiny.face(), (count, 1)), found)
    return dataclasses.replace(made, face=face)


def talk(seconds=4.0, **how):
    """A clip whose sound reaches further than its picture on both sides."""
    noise = 0.1 * np.random.default_rng(0).normal(size=round((seconds + 4) * 16_000))
    return tiny.clip(seconds, waveform=noise, audio_start=-2.0, **how)


@pytest.fixture
def world(monkeypatch):
    """Call it to put an oracle in the model's place and tracks in the tracker's."""

    def build(offset_ms=0.0, tracks=lambda clip: (track(clip),), speech_share=1.0, **how):
        monkeypatch.setattr(offset, "load_model", lambda: Oracle(offset_ms, **how))
        monkeypatch.setattr(offset.lips, "track", tracks)
        monkeypatch.setattr(offset.excerpts, "speech_share", lambda clip, model: speech_share)

    return build


# Clips


@pytest.mark.parametrize(
    ("ms", "verdict"),
    [(120.0, "audio_leads"), (-212.5, "audio_lags"), (3.7, "in_sync"), (655.0, "audio_leads")],
)
def test_a_clip_is_measured(world, ms, verdict):
    world(ms)
    found = detect_offset(talk())
    assert found.ms == pytest.approx(ms, abs=0.1)
    low, high = found.ci_ms
    assert low - 0.1 <= ms <= high + 0.1
    assert high - low < 5
    assert 0.5 <= found.confidence <= 1
    assert (found.verdict, found.reason, found.drift_ppm) == (verdict, None, None)
    np.testing.assert_array_equal(found.lags_ms, np.arange(-100, 101) * 10.0)
    assert abs(found.lags_ms[found.scores.argmax()] - ms) <= 5
    (segment,) = found.segments
    assert (segment.start, segment.offset_ms, segment.face) == (0.0, found.ms, 0)
    assert segment.end == pytest.approx(4.0)


@pytest.mark.parametrize("fps", [25.0, 30.0, 30000 / 1001, 50.0])
def test_the_frame_rate_does_not_matter(world, fps):
    world(-90.0)
    assert detect_offset(talk(fps=fps)).ms == pytest.approx(-90.0, abs=0.1)


def test_the_models_own_bias_is_taken_off(world):
    world(100.0, bias_ms=12.5)
    found = detect_offset(talk())
    assert found.ms == pytest.approx(87.5, abs=0.1)
    assert found.ci_ms[0] - 0.1 <= 87.5 <= found.ci_ms[1] + 0.1
    assert found.segments[0].offset_ms == found.ms


def test_the_interval_holds_what_speakers_differ_by(world):
    world(100.0, spread_ms=20.0, bias_ms=12.5)
    found = detect_offset(talk())
    assert found.ci_ms == pytest.approx((found.ms - 20, found.ms + 20), abs=0.5)


def test_faces_that_were_tracked_before_are_not_looked_for(world):
    clip = talk()
    world(60.0, tracks=lambda clip: pytest.fail("tracked again"))
    assert detect_offset(clip, tracks=(track(clip),)).ms == pytest.approx(60.0, abs=0.1)
    assert detect_offset(clip, tracks=()).reason == "no_face"


def test_the_face_that_speaks_is_measured(world):
    world(60.0, tracks=lambda clip: (track(clip, grey=30, face=0), track(clip, face=1, seen=slice(10, 90))))
    found = detect_offset(talk())
    assert found.ms == pytest.approx(60.0, abs=0.1)
    (segment,) = found.segments
    assert (segment.start, segment.end, segment.offset_ms) == (0.4, pytest.approx(3.6), found.ms)
    assert segment.face == 1


def test_the_same_clip_gives_the_same_result(world):
    for grey in (100, 30):
        world(33.0, lambda clip, grey=grey: (track(clip, grey=grey),))
        one, two = detect_offset(talk()), detect_offset(talk())
        np.testing.assert_equal(dataclasses.asdict(one), dataclasses.asdict(two))


def test_a_smaller_range_is_searched_on_demand(world):
    world(120.0)
    found = detect_offset(talk(), max_offset_ms=300)
    assert found.ms == pytest.approx(120.0, abs=0.1)
    assert (found.lags_ms[0], found.lags_ms[-1]) == (-300.0, 300.0)


class Changing(Oracle):
    """An oracle whose offset is `offset_ms(t)` at the picture's time t; the events come again every 10 s."""

    def embed_lips(self, grid):
        codes = np.rint(grid.times * 25).astype(int) % CODES
        return Vectors(np.eye(CODES, dtype=np.float32)[codes], grid.times, grid.found)

    def embed_speech(self, mel):
        seen = np.arange(-50, round(25 * mel.times[-1]) + 50) / 25
        heard = seen - np.array([self.offset_ms(time) for time in seen]) / 1000
        vectors = np.zeros((len(mel.times), CODES), np.float32)
        for number, time in enumerate(heard, start=-50):
            near = slice(*np.searchsorted(mel.times, [time - codes.WIDTH, time + codes.WIDTH]))
            vectors[near, number % CODES] += 1 - ((mel.times[near] - time) / codes.WIDTH) ** 2
        return Vectors(vectors, mel.times, np.ones(len(mel.times), bool))


@pytest.fixture
def changing(world, monkeypatch):
    """Measures a clip whose offset is a function of time."""
    monkeypatch.setattr(codes, "WIDTH", 0.1)  # peaks as narrow as those of speech

    def found(offset_ms, seconds):
        world()
        monkeypatch.setattr(offset, "load_model", lambda: Changing(offset_ms))
        return detect_offset(talk(seconds))

    return found


def test_a_jump_cuts_a_clip_into_segments_that_touch(changing):
    found = changing(lambda t: 40.0 if t < 12 else -160.0, 20.0)
    (jump,) = found.line.jumps
    assert jump.time == pytest.approx(12, abs=0.3)
    first, second = found.segments
    assert (first.start, first.end, second.end) == (0.0, jump.time, pytest.approx(20))
    assert second.start == first.end
    assert (first.offset_ms, second.offset_ms) == (pytest.approx(40, abs=5), pytest.approx(-160, abs=5))
    assert found.ms == pytest.approx(40, abs=5)  # of the longer piece
    assert found.verdict == "in_sync"


@pytest.mark.parametrize("ppm", [400.0, -400.0])
def test_the_drift_of_a_clip_is_measured(changing, ppm):
    found = changing(lambda t: 30 + ppm * (t - 50) / 1000, 100.0)
    assert found.line.jumps == ()
    assert found.drift_ppm == found.line.slope_ppm == pytest.approx(ppm, abs=30)
    assert found.ms == pytest.approx(30, abs=5)  # in the middle
    (segment,) = found.segments
    assert segment.offset_ms == pytest.approx(30, abs=5)


# Reasons to abstain


def abstains(found, reason, scored):
    assert (found.ms, found.ci_ms, found.verdict, found.reason) == (None, None, "undetermined", reason)
    assert found.segments == ()
    assert 0 <= found.confidence <= 1
    assert len(found.lags_ms) == len(found.scores) == (201 if scored else 0)


NONE = np.zeros(0)
RNG = np.random.default_rng(0)
QUIET = 10 ** (-95 / 20) * RNG.normal(size=48_000)


@pytest.mark.parametrize(
    ("reason", "made"),
    [
        ("no_audio", {"waveform": NONE}),
        ("no_audio", {"waveform": NONE, "frame_times": NONE}),
        ("no_video", {"frame_times": NONE}),
        ("too_short", {"frame_times": np.arange(24) / 25}),
        ("too_short", {"waveform": 0.1 * RNG.normal(size=15_900)}),
        ("too_short", {"seconds": 0.5}),
        ("no_speech", {"waveform": np.zeros(48_000)}),
        ("no_speech", {"waveform": QUIET}),
        ("no_face", {}),
        ("no_face", {"seconds": 1.0}),
        ("no_face", {"waveform": QUIET + 0.1 * (np.arange(48_000) // 4800 == 5) * RNG.normal(size=48_000)}),
    ],
)
def test_what_cannot_be_measured_is_undetermined_with_its_reason(world, reason, made):
    world(tracks=lambda clip: ())
    abstains(detect_offset(tiny.clip(**made)), reason, scored=False)


def test_a_single_picture_is_too_short(world):
    world(tracks=lambda clip: (track(clip),))
    abstains(detect_offset(tiny.clip(frame_times=np.zeros(1))), "too_short", scored=False)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("frames", "reason"), [(15, "no_face"), (25, None)])
def test_a_face_must_be_seen_long_enough(world, frames, reason, whole):
    seen = slice(20, 20 + frames)

    def tracks(clip):
        if whole:  # over all pictures of the clip
            return (track(clip, seen=seen),)
        return (track(dataclasses.replace(clip, frame_times=clip.frame_times[seen])),)

    world(0.0, tracks=tracks)
    assert detect_offset(talk()).reason == reason


@pytest.mark.parametrize("ms", [1000.0, -1000.0, 1060.0, -1060.0])
def test_a_peak_at_the_end_of_the_range_is_no_answer(world, ms):
    world(ms)
    found = detect_offset(talk())
    abstains(found, "at_limit", scored=True)
    assert detect_offset(talk(), max_offset_ms=1200).ms == pytest.approx(ms, abs=0.1)


@pytest.mark.parametrize("reach", [150, 200, 300])
@pytest.mark.parametrize("ms", [320.0, -420.0, 620.0])
def test_a_truth_outside_the_range_asked_for_is_no_answer(world, reach, ms):
    world(ms)
    found = detect_offset(talk(), max_offset_ms=reach)
    assert (found.ms, found.verdict, found.reason) == (None, "undetermined", "at_limit")
    assert np.abs(found.lags_ms).max() == reach
    assert len(found.scores) == len(found.lags_ms)


def test_foreign_sound_is_not_at_the_limit_of_a_narrow_search(world):
    world(0.0, tracks=lambda clip: (track(clip, grey=30),))
    assert {detect_offset(talk(seconds), max_offset_ms=60).reason for seconds in (3.0, 4.0, 6.0)} == {
        "ambiguous"
    }


def test_a_narrow_search_is_as_sure_as_a_wide_one(world):
    world(120.0)
    narrow, wide = detect_offset(talk(), max_offset_ms=200), detect_offset(talk())
    assert (narrow.ms, narrow.confidence) == (wide.ms, wide.confidence)


def test_a_mouth_that_says_nothing_of_the_sound_is_ambiguous(world):
    world(0.0, tracks=lambda clip: (track(clip, grey=30),))
    reasons = {detect_offset(talk(seconds)).reason for seconds in (3.0, 4.0, 6.0)}
    assert reasons <= {"ambiguous", "at_limit"}
    assert "ambiguous" in reasons
    abstains(detect_offset(talk(4.0)), "ambiguous", scored=True)


@pytest.mark.parametrize("faces", [1, 3])
def test_a_foreign_passage_and_listening_faces_do_not_change_the_answer(world, monkeypatch, faces):
    monkeypatch.setattr(codes, "WIDTH", 0.1)  # peaks as narrow as those of speech

    def tracks(clip):
        half = len(clip.frame_times) // 2
        listening = tuple(track(clip, grey=30, face=n) for n in range(1, faces))
        return (
            track(clip, seen=slice(half)),
            track(clip, grey=30, face=8, seen=slice(half, None)),
            *listening,
        )

    world(100.0, tracks=tracks)
    found = detect_offset(talk(9.0))
    assert found.ms == pytest.approx(100.0, abs=2)
    assert found.segments[0].face == 0
    assert found.segments[0].end <= 4.6


def test_noise_without_an_answer_is_no_speech(world):
    world(0.0, tracks=lambda clip: (track(clip, grey=30),), speech_share=0.05)
    assert detect_offset(talk()).reason == "no_speech"


@pytest.mark.parametrize(
    ("seconds", "share", "answered"), [(4.0, 0.09, False), (4.0, 0.11, True), (8.0, 0.09, True)]
)
def test_an_offset_of_noise_is_not_believed_but_that_of_few_words_is(world, seconds, share, answered):
    world(80.0, speech_share=share)
    found = detect_offset(talk(seconds))  # of sound there are 4 s more
    if answered:
        assert found.ms == pytest.approx(80.0, abs=1)
    else:
        abstains(found, "no_speech", scored=True)


@pytest.mark.parametrize("reason", ["no_audio", "no_video"])
def test_a_long_file_that_lacks_a_stream_is_undetermined(flash_and_beep, monkeypatch, reason):
    monkeypatch.setattr(offset.excerpts, "SHORT_SECONDS", 0.5)
    path = flash_and_beep("mkv", **{reason[3:]: None}).path
    assert detect_offset(path).reason == reason


# Limits and settings


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0.0, "in_sync"), (45.0, "in_sync"), (45.01, "audio_leads"), (900.0, "audio_leads"),
        (-125.0, "in_sync"), (-125.01, "audio_lags"), (-900.0, "audio_lags"),
    ],
)  # fmt: skip
def test_verdicts_follow_bt_1359(ms, expected):
    assert offset.verdict(ms) == expected


@pytest.mark.parametrize("reach", [19.9, 0.0, -1000.0, float("nan"), MAX_OFFSET_MS + 1, float("inf")])
def test_a_range_without_three_lags_or_without_end_is_refused(reach):
    message = re.escape(f"max_offset_ms must be from 20 to 10000, got {reach:g}")
    with pytest.raises(ValueError, match=message):
        OffsetConfig(max_offset_ms=reach)
    with pytest.raises(ValueError, match="max_offset_ms"):
        detect_offset(tiny.clip(waveform=NONE), max_offset_ms=reach)


def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(MediaError, match=r"none\.mp4"):
        detect_offset(str(tmp_path / "none.mp4"))
