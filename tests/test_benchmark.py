"""The benchmark on clips and errors whose truth is known: what it counts, and what it makes of a clip."""

from pathlib import Path

import numpy as np
import pytest
from flashbeep import find_beeps, read_number
from recipe_files import recipe

from avsync import features, lips, media, remux
from avsync.features import LIP_POINTS, LipGrid
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.model import Vectors
from avsync.speech import Mel

RATE = 16_000


def clip_of(sound, frames=75, start=0.0):
    times = np.arange(frames) / 25
    return Clip("made", times, [], np.asarray(sound, np.float32), RATE, start, None)


def track_of(frames=75, seed=0):
    rng = np.random.default_rng(seed)
    return LipTrack(
        np.arange(frames) / 25,
        rng.integers(0, 256, (frames, 96, 96)).astype(np.uint8),
        rng.normal(100, 20, (frames, 468, 2)).astype(np.float32),
        rng.uniform(0, 100, (frames, 4)).astype(np.float32),
        np.ones(frames, bool),
        0,
    )


def talking(seconds=3.0, sound_late=0.0, seed=0):
    """Lips whose gap follows a drawn curve, and a sound as loud as they are open, later by `sound_late`."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(0, 1, int(seconds * 6) + 2)
    times = np.arange(round(seconds * 25)) / 25
    points = np.zeros((len(times), len(LIP_POINTS), 2), np.float32)
    points[:, LIP_POINTS.index(14), 1] = np.interp(times, np.arange(len(knots)) / 6, knots)
    grid = LipGrid(np.zeros((len(times), 96, 96), np.uint8), points, np.ones(len(times), bool), times)
    heard = np.arange(round(seconds * 100)) / 100 + 0.005
    loud = np.interp(heard - sound_late, np.arange(len(knots)) / 6, knots)
    bands = np.repeat(6 * loud[:, None], 80, 1) + rng.normal(0, 0.05, (len(heard), 80))
    return grid, Mel(bands.astype(np.float32), heard)


@pytest.mark.parametrize("late", [-0.237, 0.0, 0.111])
def test_opening_against_loudness_finds_the_delay_of_a_sound_as_loud_as_the_lips_are_open(
    benchmark_script, late
):
    grid, mel = talking(sound_late=late)
    found = benchmark_script("voices").opening_against_loudness(grid, mel)
    assert found.ms == pytest.approx(-1000 * late, abs=12)
    assert found.clear > 1


def test_a_linear_voice_learns_what_goes_together_and_finds_its_delay(benchmark_script):
    voices = benchmark_script("voices")
    voice = voices.fit("points", [talking(seed=seed) for seed in range(8)])
    assert voice.strength[0] > 0.8
    for late in (-0.3, 0.083):
        assert voice(*talking(seed=99, sound_late=late)).ms == pytest.approx(-1000 * late, abs=15)


def test_consensus_is_the_mean_of_the_largest_and_closest_group(benchmark_script):
    say, agreed = benchmark_script("voices").Say, benchmark_script("consensus").agreed

    def of(*ms, clear=2.0):
        return agreed([say(one, clear) for one in ms])

    assert of(0.0, 30.0, 500.0) == 15.0
    assert of(0.0, 39.0, 60.0) == 49.5  # two pairs: the closer one
    assert of(-10.0, 0.0, 20.0, 300.0, 301.0) == pytest.approx(10 / 3)  # three beat two
    assert np.isnan(of(0.0, 41.0, 200.0))
    assert np.isnan(of(0.0, 0.0, clear=1.0))  # two vague voices agree by chance
    assert of(0.0, 0.0, 0.0, clear=1.0) == 0.0
    assert agreed([say(0.0, 2.4), say(10.0, 0.2)]) == 5.0


def test_windows_are_right_within_a_frame_and_lags_without_sound_are_ruled_out(benchmark_script, monkeypatch):
    windows31 = benchmark_script("windows31")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 1, (300, 16)).astype(np.float32)
    times = np.arange(75) / 25
    heard = Vectors(sound, np.arange(300) / 100 + 0.005, np.ones(300, bool))
    grid = LipGrid(
        np.zeros((75, 96, 96), np.uint8),
        np.zeros((75, 40, 2), np.float32),
        np.ones(75, bool),
        times,
    )

    class Fitting:
        """Embeds each lip step as the sound `delay` frames after it."""

        def __init__(self, delay):
            self.delay = delay

        def embed_lips(self, grid):
            at = np.clip(np.rint(grid.times * 100).astype(int) + 4 * self.delay, 0, 299)
            return Vectors(sound[at], grid.times, grid.found)

    lags = windows31.LAGS * windows31.FRAME_MS
    for delay, share in ((0, 1.0), (1, 1.0), (2, 0.0), (-5, 0.0)):
        scores, middles = windows31.window_scores(grid, heard, lags, 5, Fitting(delay), alone=False)
        assert scores.shape == (71, 31)
        inner = (middles > 0.7) & (middles < 2.3)
        assert windows31.right(scores)[inner].mean() == share
    # The first window needs the sound of its frames: a lag of +1 frame would need it before the clip.
    assert np.isneginf(scores[0, 16:]).all()
    assert np.isfinite(scores[1, 15])
    assert np.isneginf(scores[-1, :15]).all()


def test_windows_need_all_their_frames(benchmark_script):
    found = np.array([1, 1, 0, 1, 1, 1, 1], bool)
    assert benchmark_script("windows31").runs(found, 3).tolist() == [3, 4]
    assert benchmark_script("windows31").runs(found, 8).tolist() == []


def test_an_abstention_is_a_miss_and_trials_of_one_clip_count_as_one(benchmark_script):
    trials = benchmark_script("trials")
    nan = float("nan")
    made = [
        trials.Trial("a", 10.0, 10.0, (-5.0, 25.0), 0.9),
        trials.Trial("a", nan, 5.0, None, 0.3),
        trials.Trial("b", -100.0, -100.0, (-120.0, -80.0), 0.8),
        trials.Trial("b", 50.0, 50.0, (0.0, 100.0), 0.7),
    ]
    rows = {row.name.split(": ")[1]: row for row in trials.accuracy_rows("x", made, ("s", "p"), {"40": 0.96})}
    assert rows["within 40 ms"].value == 1 / 4
    assert rows["within 80 ms"].value == 2 / 4
    assert rows["median error"].value == 50.0
    assert rows["`ci_ms` holds the truth"].value == pytest.approx(2 / 3)
    assert rows["undetermined"].value == 1 / 4
    assert rows["highest peak within 40 ms"].value == 2 / 4
    assert rows["within 40 ms"].trials == "4 of 2 clips"
    assert rows["within 40 ms"].reached is False
    low, high = rows["within 40 ms"].low_high
    assert high - low > 0.6  # Wilson of two clips, not of four trials
    assert [one.right for one in made] == [True, True, False, False]
    later = trials.against(made[0], 30.0)  # the truth is 30 ms higher, the answer now 20 too low
    assert (later.error_ms, later.covered) == (-20.0, False)


def test_a_warped_voice_stands_in_its_middle_and_runs_by_what_was_asked(benchmark_script):
    failures = benchmark_script("failures")
    clicks = np.zeros(3 * RATE)
    clicks[[RATE // 2, 3 * RATE // 2, 5 * RATE // 2]] = 1.0
    blurred = np.convolve(clicks, np.hanning(9), "same")
    for fast in (-0.2, 0.08):
        made = failures.warped(clip_of(blurred, start=0.25), fast)
        loud = np.flatnonzero((made.waveform > 0.7) & (made.waveform >= np.roll(made.waveform, 1)))
        loud = loud[made.waveform[loud] >= np.roll(made.waveform, -1)[loud]]
        seconds = made.audio_start + loud / RATE
        expected = 1.75 + np.array([-1, 0, 1]) / (1 + fast)
        np.testing.assert_allclose(seconds, expected, atol=1e-3)


def test_a_listener_shows_quiet_frames_alone_and_no_jump(benchmark_script):
    failures, track = benchmark_script("failures"), track_of()
    quiet = failures.listener(track, (0.2, 0.6))
    shown = [int(np.flatnonzero((track.mouths == mouth).all((1, 2)))[0]) for mouth in quiet.mouths]
    assert set(shown) == set(range(5, 15))
    assert np.abs(np.diff(shown)).max() == 1
    assert failures.listener(track, (0.2, 0.3)) is None


def test_a_photo_is_one_frame_with_little_noise(benchmark_script):
    photo = benchmark_script("failures").still(track_of(), 7, np.random.default_rng(0))
    original = track_of()
    assert np.abs(photo.mouths.astype(int) - original.mouths[7]).max() <= 6
    assert np.abs(photo.landmarks - original.landmarks[7]).max() < 0.5
    assert photo.found.all()


def test_music_is_loud_and_different_each_time(benchmark_script):
    failures = benchmark_script("failures")
    one, two = (failures.music(3.0, RATE, np.random.default_rng(seed)) for seed in (0, 1))
    assert len(one) == 3 * RATE
    assert 0.1 < one.std() < 0.3
    assert np.abs(np.corrcoef(one, two)[0, 1]) < 0.2


def test_the_dubber_says_the_most_alike_sentence(benchmark_script):
    failures, corpus = benchmark_script("failures"), benchmark_script("corpus")

    def sentence(name, text):
        words = tuple(text.split())
        return corpus.Spoken(name, Path(name), words, np.zeros((len(words), 2)))

    spoken = sentence("s1/a", "bin blue at f two now")
    others = [sentence("s4/a", "set blue at f one now"), sentence("s4/b", "bin blue at f two soon")]
    assert failures.most_alike(spoken, others).name == "s4/b"


def test_a_cut_clip_keeps_its_clock(benchmark_script):
    sound = np.arange(3 * RATE) / (3 * RATE)
    made, (track,) = benchmark_script("calibration").cut(clip_of(sound, start=0.1), (track_of(),), 1.0, 2.0)
    assert made.frame_times[0] == 1.0
    assert len(made.frame_times) == len(track.times) == 25
    assert made.audio_start == pytest.approx(1.0)
    np.testing.assert_allclose(made.waveform[0], 0.9 / 3, atol=1e-4)
    assert len(made.waveform) == RATE


def test_failures_count_as_much_as_genuine_clips(benchmark_script):
    calibration, trials = benchmark_script("calibration"), benchmark_script("trials")
    good = [trials.Trial("a", 0.0, 0.0, (-1.0, 1.0), 1.0, "clean")] * 30
    bad = [trials.Trial("a", 0.0, float("nan"), None, 0.0, kind) for kind in ("x", "y", "y")]
    mixed = calibration.weighed(good, bad)
    kinds = [one.kind for one in mixed]
    assert (kinds.count("clean"), kinds.count("x"), kinds.count("y")) == (30, 15, 15)


def test_other_rates_show_the_nearest_picture(benchmark_script):
    reencoding = benchmark_script("reencoding")
    times = np.arange(100) / 25
    rng = np.random.default_rng(0)
    for rate in (reencoding.NTSC, reencoding.FILM):
        index, new = reencoding.shown(times, reencoding.Copy("x", rate=rate), rng)
        np.testing.assert_allclose(np.diff(new), 1 / float(rate))
        gap = 1 / float(rate)
        late = new - times[index]
        assert late.min() >= -gap / 2 - 1e-9
        # What is seen is as late on average as before: half a frame of each rate at most.
        assert abs(np.mean(late + gap / 2) - 0.02) < 0.001
    index, new = reencoding.shown(times, reencoding.Copy("x", gaps=True), rng)
    assert np.diff(index).max() == 2
    assert 0.2 < 1 - len(index) / 100 < 0.4
    np.testing.assert_array_equal(new, times[index])


@pytest.mark.parametrize("name", ["h264 crf 35 + aac, mp4", "mpeg4 + mp3, mkv", "vp9 + opus, webm",
                                  "variable rate, 30 % of the pictures left out",
                                  "slowed down from 25 to 23.976 fps, sound as well"])  # fmt: skip
def test_copies_keep_picture_and_sound_together(benchmark_script, tmp_path, name):
    reencoding = benchmark_script("reencoding")
    copy = next(one for one in reencoding.COPIES if one.name == name)
    bright = [20, 38, 57]
    pictures = [np.full((64, 64, 3), 255 if number in bright else 20, np.uint8) for number in range(75)]
    sound = np.zeros(3 * RATE)
    for number in bright:
        at = round((number / 25 - 0.1) * RATE)
        sound[at : at + 800] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(800) / RATE)
    clip = clip_of(sound, start=0.1)  # so that sound and flash fall together
    target = tmp_path / f"copy{copy.suffix}"
    reencoding.write(target, clip, pictures, copy)
    made = media.load(target)
    loud = np.flatnonzero(np.abs(made.waveform) > 0.2)
    starts = made.audio_start + loud[np.diff(loud, prepend=-1000) > 800] / RATE
    shades = np.array([picture.mean() for picture in made.frames])
    lit = made.frame_times[(shades > 120) & (np.roll(shades, 1) <= 120)]
    kept = [number for number in bright if np.abs(lit - number / 25 * copy.slower).min() < 0.01]
    assert kept or copy.gaps
    for time in lit:
        assert np.abs(starts - time).min() < 0.002
    assert starts[-1] - starts[0] == pytest.approx((57 - 20) / 25 * copy.slower, abs=0.002)


def test_vectors_come_from_memory_on_the_clock_of_the_copy(benchmark_script, monkeypatch):
    from avsync.model import AVSync

    asked = []

    def embed(self, mel):
        asked.append(len(mel.times))
        return Vectors(mel.log_mel[:, :4], mel.times, np.ones(len(mel.times), bool))

    monkeypatch.setattr(AVSync, "embed_speech", embed)
    model = AVSync.__new__(AVSync)
    log_mel = np.random.default_rng(0).normal(0, 1, (30, 80)).astype(np.float32)
    first, later = (Mel(log_mel, start + np.arange(30) / 100) for start in (0.0, 0.5))
    with benchmark_script("vectors").remembered():
        one, two = model.embed_speech(first), model.embed_speech(later)
        model.embed_speech(Mel(log_mel + 1, first.times))
    assert asked == [30, 30]
    np.testing.assert_array_equal(one.vectors, two.vectors)
    np.testing.assert_allclose(two.times - one.times, 0.5)


def test_lip_points_of_the_voices_are_the_middle_of_the_inner_lips(benchmark_script):
    voices = benchmark_script("voices")
    assert (features.LIP_POINTS[voices.UPPER], features.LIP_POINTS[voices.LOWER]) == (13, 14)


def flashes_and_beeps(film: Path) -> tuple[np.ndarray, np.ndarray]:
    made = media.load(film)
    lit = [time for time, one in zip(made.frame_times, made.frames, strict=True) if read_number(one)[1]]
    first = np.diff(lit, prepend=-1) > 0.06  # a flash lasts for two pictures
    return np.array(lit)[first], find_beeps(made.waveform, made.sample_rate, made.audio_start)


def test_a_film_made_of_clips_keeps_pictures_and_sound_of_each_together(
    benchmark_script, flash_and_beep, tmp_path
):
    films = benchmark_script("films")
    clips = [flash_and_beep("mp4", audio_start=start) for start in (0.0, 0.2)]
    takes = [films.Take(clips[0].path), films.Take(clips[1].path, 80.0)]
    sound = films.film(tmp_path / "pictures.mp4", takes, 5.0, (160, 64))
    films.voiced(tmp_path / "pictures.mp4", tmp_path / "film.mp4", sound, np.zeros_like)
    lit, beeps = flashes_and_beeps(tmp_path / "film.mp4")
    assert len(sound) == round((media.load(tmp_path / "film.mp4").frame_times[-1] + 0.04) * films.SOUND_RATE)
    apart = np.array([beeps[np.abs(beeps - time).argmin()] - time for time in lit])
    own = (clips[0].beeps[0] - clips[0].frame_times[clips[0].flashes[0]]) * 1000
    assert {round(1000 * one - own) for one in apart} <= {-1, 0, 1, 79, 80, 81}


@pytest.mark.parametrize(
    "offset_ms",
    [lambda t: np.full_like(t, 120.0), lambda t: 50 + 5.0 * t, lambda t: np.where(t < 1.7, 0.0, 150.0),
     lambda t: np.where(t < 1.7, 0.0, -150.0)],
    ids=["constant", "drift", "up", "down"],
)  # fmt: skip
def test_a_film_is_voiced_as_far_ahead_as_is_asked(benchmark_script, flash_and_beep, tmp_path, offset_ms):
    films = benchmark_script("films")
    clip = flash_and_beep("mp4")
    sound = films.film(tmp_path / "pictures.mp4", [films.Take(clip.path)], 3.0, (160, 64))
    films.voiced(tmp_path / "pictures.mp4", tmp_path / "level.mp4", sound, np.zeros_like)
    films.voiced(tmp_path / "pictures.mp4", tmp_path / "film.mp4", sound, offset_ms)
    _, level = flashes_and_beeps(tmp_path / "level.mp4")
    _, moved = flashes_and_beeps(tmp_path / "film.mp4")
    for seen in level:
        heard = moved[np.abs(moved - (seen - offset_ms(np.array([seen]))[0] / 1000)).argmin()]
        assert 1000 * (seen - heard) == pytest.approx(offset_ms(np.array([seen]))[0], abs=1)


def test_a_film_is_repeated_without_gaps_in_picture_or_sound(benchmark_script, flash_and_beep, tmp_path):
    films = benchmark_script("films")
    clip = flash_and_beep("mp4")
    sound = films.film(tmp_path / "pictures.mp4", [films.Take(clip.path)], 2.0, (160, 64))
    films.voiced(tmp_path / "pictures.mp4", tmp_path / "film.mp4", sound, np.zeros_like)
    films.repeated(tmp_path / "film.mp4", tmp_path / "long.mp4", 7.0)
    made = media.load(tmp_path / "long.mp4")
    assert made.frame_times[-1] >= 6.9
    np.testing.assert_allclose(np.diff(made.frame_times), 0.04, atol=1e-4)
    lit, beeps = flashes_and_beeps(tmp_path / "film.mp4")
    length = len(sound) / films.SOUND_RATE
    again, beeped = flashes_and_beeps(tmp_path / "long.mp4")
    turns = len(again) // len(lit)
    assert turns >= 3
    np.testing.assert_allclose(again, np.concatenate([lit + k * length for k in range(turns)]), atol=1e-3)
    np.testing.assert_allclose(beeped, np.concatenate([beeps + k * length for k in range(turns)]), atol=0.07)


def test_remembered_tracks_stand_at_the_times_of_the_copy(talks, tmp_path):
    """A copy with other times has the same pictures, whose tracks are not looked for again."""
    tracks = recipe("benchmark", "tracks")
    copy = tmp_path / "copy.mkv"
    remux.shift_audio(talks[0.0][0], copy, -300.0)
    with tracks.remembered(tmp_path / "cache"):
        for path in (talks[0.0][0], copy):
            clip = media.load(path)
            (track,) = lips.track(clip)
            np.testing.assert_array_equal(track.times, clip.frame_times)
    assert clip.frame_times[0] > 0.2
    assert len(list((tmp_path / "cache").iterdir())) == 1
