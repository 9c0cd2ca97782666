"""The sample's truth, measured on the written file: where the sound is, when the lips meet, when frames are
shown."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate, resample_poly

from avsync import lips, media, sample
from avsync.articulation import LIP_CLOSURES, REST, VOWELS, Pose, mouth_poses
from avsync.errors import AVSyncError, MediaError, TextError
from avsync.puppet import SIDE, Puppet
from avsync.sample import LEAD_IN_S, SAMPLE_RATE, load_recording, render_sample, sentences
from avsync.text import UNITS

RECORDINGS = (1, 2, 3)


@pytest.fixture
def rendered(talks: dict[float, tuple[Path, sample.SampleTruth]]) -> tuple[media.Clip, sample.SampleTruth]:
    """Recording 1 with the real picture, sound 120 ms early."""
    target, truth = talks[120.0]
    return media.load(target, sample_rate=SAMPLE_RATE), truth


@pytest.fixture
def blank_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames without a face, for tests that ask for the sound or the clock only."""

    class Blank:
        def draw(self, pose: Pose, **_: object) -> np.ndarray:
            return np.full((SIDE, SIDE, 3), 128, np.uint8)

    monkeypatch.setattr(sample, "Puppet", Blank)


def heard_at(clip: media.Clip, number: int) -> float:
    """Seconds at which the recording begins in the clip's sound."""
    voice = load_recording(number).sound
    return clip.audio_start + int(np.argmax(correlate(clip.waveform, voice, "valid"))) / clip.sample_rate


def first_loud(clip: media.Clip) -> float:
    """Seconds at which the sound first exceeds a level well over the room noise."""
    return clip.audio_start + int(np.argmax(np.abs(clip.waveform) > 0.02)) / clip.sample_rate


@pytest.mark.usefixtures("blank_picture")
@pytest.mark.parametrize(
    ("name", "number", "offset_ms"),
    [
        ("a.mp4", 1, 0.0),
        ("b.mp4", 2, 123.4),
        ("c.mkv", 3, -317.3),
        ("d.mov", 1, 1000.0),
        ("e.mkv", 2, -1000.0),
    ],
)
def test_sound_stands_where_the_offset_says(tmp_path: Path, name: str, number: int, offset_ms: float) -> None:
    truth = render_sample(tmp_path / name, text=str(number), offset_ms=offset_ms)
    clip = media.load(tmp_path / name, sample_rate=SAMPLE_RATE)
    assert heard_at(clip, number) == pytest.approx(LEAD_IN_S - offset_ms / 1000, abs=1e-4)
    assert truth.offset_ms == pytest.approx(offset_ms, abs=0.02)
    assert clip.frame_times[0] == 0.0
    assert clip.audio_start == pytest.approx(0.0, abs=1e-4)
    for span in (*truth.words, *truth.phones):
        assert span.start - span.heard_start == pytest.approx(truth.offset_ms / 1000, abs=1e-5)
        assert span.end - span.heard_end == pytest.approx(truth.offset_ms / 1000, abs=1e-5)
        assert 0.0 < span.heard_start < span.heard_end < truth.duration


@pytest.mark.usefixtures("blank_picture")
@pytest.mark.parametrize(
    ("fps", "gap"), [(23.976, Fraction(1001, 24000)), (30.0, Fraction(1, 30)), (29.97, Fraction(1001, 30000))]
)
def test_frames_stand_on_the_exact_grid(tmp_path: Path, fps: float, gap: Fraction) -> None:
    truth = render_sample(tmp_path / "talk.mp4", fps=fps)
    clip = media.load(tmp_path / "talk.mp4")
    grid = np.array([float(gap * index) for index in range(len(clip.frame_times))])
    np.testing.assert_allclose(clip.frame_times, grid, atol=1e-9)
    assert truth.fps == pytest.approx(float(1 / gap))
    assert len(grid) * float(gap) == pytest.approx(truth.duration)
    assert len(clip.waveform) / clip.sample_rate == pytest.approx(truth.duration, abs=0.022)  # a block of AAC


@pytest.mark.usefixtures("blank_picture")
def test_mkv_keeps_the_sound_bit_for_bit(tmp_path: Path) -> None:
    render_sample(tmp_path / "now.mkv")
    render_sample(tmp_path / "early.mkv", offset_ms=250.0)
    files = (tmp_path / "now.mkv", tmp_path / "early.mkv")
    now, early = (media.load(file, sample_rate=SAMPLE_RATE).waveform for file in files)
    moved = int(0.25 * SAMPLE_RATE)
    speech = slice(int(LEAD_IN_S * SAMPLE_RATE), int((LEAD_IN_S + 2.9) * SAMPLE_RATE))
    difference = now[speech] - early[speech.start - moved : speech.stop - moved]
    assert np.abs(difference).max() < 0.01  # the two pieces of room noise
    assert np.abs(now[speech]).max() > 0.5


def test_speech_begins_with_the_first_word(rendered: tuple[media.Clip, sample.SampleTruth]) -> None:
    clip, truth = rendered
    assert first_loud(clip) == pytest.approx(truth.words[0].heard_start, abs=0.05)


def test_lips_move_with_the_phones(rendered: tuple[media.Clip, sample.SampleTruth]) -> None:
    clip, truth = rendered
    (face,) = lips.track(clip)
    assert face.found.all()
    eyes = np.linalg.norm(face.landmarks[:, 33] - face.landmarks[:, 263], axis=1)
    seen = np.linalg.norm(face.landmarks[:, 13] - face.landmarks[:, 14], axis=1) / eyes
    phones, lags = load_recording(1).phones, np.arange(-0.2, 0.2001, 0.01)
    exposed = clip.frame_times + 0.5 / truth.fps - LEAD_IN_S
    scores = []
    for lag in lags:
        driven = mouth_poses(phones, exposed + lag)[:, 0]
        scores.append(np.corrcoef(seen, driven)[0, 1])
    assert abs(lags[int(np.argmax(scores))]) <= 0.0101
    assert max(scores) > 0.8
    shut = [
        index
        for phone in phones
        if phone.unit in LIP_CLOSURES and phone.release is not None
        for index, time in enumerate(exposed)
        if phone.start <= time <= phone.release
    ]
    assert len(shut) > 10
    assert seen[shut].max() < 0.4 * seen.max()


@pytest.mark.parametrize("number", RECORDINGS)
def test_lips_are_closed_from_closure_to_release(number: int) -> None:
    phones = load_recording(number).phones
    closures = [phone for phone in phones if phone.unit in LIP_CLOSURES]
    assert len(closures) >= 7
    for phone in closures:
        assert phone.start < phone.release <= phone.end + 1e-9
        opening = mouth_poses(phones, np.linspace(phone.start + 0.004, phone.release - 0.001, 9))[:, 0]
        assert opening.max() < 0.01
    for phone in phones:
        if phone.unit in ("aa", "ae") and phone.end - phone.start > 0.1:
            assert mouth_poses(phones, np.array([(phone.start + phone.end) / 2]))[0, 0] > 0.45
    before_and_after = mouth_poses(phones, np.array([-1.0, phones[-1].end + 1.0]))
    np.testing.assert_allclose(before_and_after[:, :2], [[REST.opening, REST.width]] * 2)


@pytest.mark.parametrize("number", RECORDINGS)
def test_recordings_are_whole(number: int) -> None:
    recording = load_recording(number)
    assert 2.5 <= len(recording.sound) / SAMPLE_RATE <= 5.0
    assert 0.5 < np.abs(recording.sound).max() < 1.0
    assert {phone.unit for phone in recording.phones} <= set(UNITS[1:])
    edges = np.array([(phone.start, phone.end) for phone in recording.phones])
    assert (edges[:, 1] > edges[:, 0]).all()
    assert (edges[1:, 0] >= edges[:-1, 1] - 1e-9).all()
    assert [text for text, _, _ in recording.words] == recording.text.lower().strip(".").split()
    loud = resample_poly(np.abs(recording.sound), 1, 48)
    for unit, level in (("aa", 0.05), ("ae", 0.03)):
        for phone in recording.phones:
            if phone.unit == unit and phone.end - phone.start > 0.1:
                assert loud[int(phone.start * 1000) : int(phone.end * 1000)].mean() > level


def test_poses_look_different() -> None:
    puppet = Puppet()
    closed, wide_open = puppet.draw(REST), puppet.draw(VOWELS["aa"][0])
    rounded = puppet.draw(VOWELS["uw"][0])
    assert closed.shape == (SIDE, SIDE, 3)
    assert closed.dtype == np.uint8
    change = np.abs(wide_open.astype(int) - closed).sum(2)
    left, top, right, bottom = puppet.box
    outside = np.ones((SIDE, SIDE), bool)
    outside[top - 1 : bottom + 1, left - 1 : right + 1] = False
    assert change[outside].max() == 0
    throat = (wide_open.astype(int).sum(2) < 200) & (closed.astype(int).sum(2) > 300)
    assert throat.sum() > 300
    column, row = puppet.origin.astype(int)
    hole, round_hole = (
        (frame[row - 20 : row + 45, column - 60 : column + 60] < 100).all(2) for frame in (wide_open, rounded)
    )
    assert 10 < round_hole.any(0).sum() < 0.8 * hole.any(0).sum()


def test_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        render_sample(tmp_path / name, text="3", offset_ms=-61.0, fps=6.0)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


@pytest.mark.usefixtures("blank_picture")
def test_same_bytes_twice_in_matroska(tmp_path: Path) -> None:
    for name in ("one.mkv", "two.mkv"):
        render_sample(tmp_path / name, fps=6.0)
    assert (tmp_path / "one.mkv").read_bytes() == (tmp_path / "two.mkv").read_bytes()


@pytest.mark.usefixtures("blank_picture")
def test_text_is_chosen_by_number_beginning_or_whole(tmp_path: Path) -> None:
    for text, number in ((None, 1), ("2", 2), ("papa MOVED", 2), ("Few", 3), (sentences()[2], 3)):
        truth = render_sample(tmp_path / "talk.mp4", text=text, fps=5.0, overwrite=True)
        assert truth.transcript == sentences()[number - 1]
        assert " ".join(word.text for word in truth.words) == truth.transcript.lower().strip(".")


@pytest.mark.parametrize("text", ["place blue at f two now", "", "4", "a"])
def test_unknown_text_lists_what_there_is(tmp_path: Path, text: str) -> None:
    with pytest.raises(TextError) as caught:
        render_sample(tmp_path / "talk.mp4", text=text)
    assert all(sentence in str(caught.value) for sentence in sentences())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("talk.mp4", {"offset_ms": 1000.5}, AVSyncError, "1000.5"),
        ("talk.mp4", {"offset_ms": float("nan")}, AVSyncError, "nan"),
        ("talk.mp4", {"fps": 0.0}, AVSyncError, "0.0"),
        ("talk.avi", {}, MediaError, "mkv"),
        ("missing/talk.mp4", {}, MediaError, "missing"),
    ],
)
def test_values_that_cannot_be(
    tmp_path: Path, name: str, options: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        render_sample(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("blank_picture")
def test_an_existing_file_stays_unless_allowed(tmp_path: Path) -> None:
    target = tmp_path / "talk.mp4"
    target.write_bytes(b"precious")
    with pytest.raises(MediaError, match=r"talk\.mp4 exists"):
        render_sample(target, fps=5.0)
    assert target.read_bytes() == b"precious"
    render_sample(target, fps=5.0, overwrite=True)
    assert media.load(target).has_video


@pytest.mark.usefixtures("blank_picture")
def test_truth_as_json(tmp_path: Path) -> None:
    truth = render_sample(tmp_path / "talk.mkv", offset_ms=37.0, fps=5.0)
    page = json.loads(json.dumps(truth.to_json_dict()))
    assert list(page) == ["transcript", "offset_ms", "fps", "duration", "words", "phones"]
    assert page["offset_ms"] == 37.0
    text, start, end = load_recording(1).words[1]
    times = {"start": start, "end": end, "heard_start": start - 0.037, "heard_end": end - 0.037}
    assert page["words"][1].pop("text") == text == "bob"
    assert page["words"][1] == pytest.approx(
        {name: LEAD_IN_S + time for name, time in times.items()}, abs=5e-5
    )
