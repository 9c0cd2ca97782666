"""Clips by time, in batches and in any number of workers, against files whose every picture is numbered."""

import dataclasses
import warnings
from fractions import Fraction

import numpy as np
import pytest
import tiny
import torch
from flashbeep import even_times, find_beeps, read_number, variable_times

from avsync import features, media, speech
from avsync.data import ClipConfig, ClipDataset, Entry, Sample, collate
from avsync.errors import ConfigError, MediaError
from avsync.loader import ClipLoader
from avsync.order import ClipSampler, Draw, OrderConfig


def numbers(sample):
    return [read_number(frame)[0] for frame in sample.frames.numpy()]


def dataset(truth, entry=None, **config):
    return ClipDataset([Entry(key="talk", path=truth.path, **entry or {})], ClipConfig(**config))


def clock(truth):
    """What the container adds to the writer's times."""
    return media.load(truth.path).frame_times[0] - truth.frame_times[0]


KINDS = [
    ("mp4", {}),
    ("mkv", {"audio": "flac"}),
    ("ts", {"audio_start": 0.3}),
    ("mpg", {"video": "mpeg2video", "audio": "mp2"}),
]


@pytest.mark.parametrize(("suffix", "how"), KINDS)
def test_a_whole_clip_is_what_load_gives(flash_and_beep, suffix, how):
    truth = flash_and_beep(suffix, **how)
    clip, sample = (
        media.load(truth.path),
        dataset(truth, {"text": "a b", "speaker": "s", "meta": {"x": 1}})[0],
    )
    np.testing.assert_array_equal(sample.frames.numpy(), np.stack(list(clip.frames)))
    np.testing.assert_array_equal(sample.frame_times.numpy(), clip.frame_times)
    np.testing.assert_allclose(sample.waveform.numpy(), clip.waveform, atol=1e-6)
    assert sample.audio_start == pytest.approx(clip.audio_start, abs=1e-6)
    assert (sample.key, sample.text, sample.meta) == ("talk", "a b", {"speaker": "s", "x": 1})
    assert (sample.frames.dtype, sample.frame_times.dtype) == (torch.uint8, torch.float64)
    assert (sample.waveform.dtype, sample.sample_rate) == (torch.float32, 16_000)


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        *KINDS[:4],
    ],
)
def test_random_access_gives_the_pictures_and_the_sound_of_that_time(flash_and_beep, suffix, how):
    truth = flash_and_beep(suffix, **how)
    clips, shift = dataset(truth), clock(truth)
    for start, end in [(1.5, 2.21), (0.45, 0.81), (1.01, 1.39), (0.95, 1.25)]:
        sample = clips.at(0, start + shift, end + shift)
        shown = np.flatnonzero((truth.frame_times >= start - 1e-6) & (truth.frame_times < end - 1e-6))
        assert numbers(sample) == shown.tolist()
        np.testing.assert_allclose(sample.frame_times.numpy() - shift, truth.frame_times[shown], atol=1e-3)
        inside = truth.beeps[(truth.beeps > start + 0.03) & (truth.beeps < end - 0.03)]
        found = find_beeps(sample.waveform.numpy(), 16_000, sample.audio_start) - shift
        np.testing.assert_allclose(found[: len(inside)], inside, atol=1e-3)
        assert len(inside) == 1
        assert sample.audio_start == pytest.approx(start + shift, abs=1.1 / 16_000)
        assert len(sample.waveform) == pytest.approx((end - start) * 16_000, abs=1.5)


VARIABLE = {"frame_times": tuple(variable_times(2.4)), "rate": None}
SLIDES = {"frame_times": (Fraction(0), Fraction(1, 25), Fraction(3, 2), Fraction(39, 25)), "rate": None}


@pytest.mark.parametrize("how", [{}, VARIABLE, {"rate": Fraction(30_000, 1001)}])
@pytest.mark.parametrize("fps", [25.0, 10.0, 60.0])
def test_a_grid_shows_the_picture_that_is_on_screen(flash_and_beep, how, fps):
    if how.get("rate"):
        how = {**how, "frame_times": tuple(even_times(how["rate"], 2.4))}
    truth = flash_and_beep("mp4", **how)
    clips = dataset(truth, fps=fps)
    for start, end in [(0.513, 1.2), (1.0, 2.0)]:
        sample = clips.at(0, start, end)
        ticks = start + np.arange(np.ceil((end - start) * fps - 1e-6)) / fps
        np.testing.assert_allclose(sample.frame_times.numpy(), ticks, atol=1e-9)
        shown = np.searchsorted(truth.frame_times, ticks + 1e-6, side="right") - 1
        assert numbers(sample) == shown.tolist()
        assert sample.audio_start == pytest.approx(start, abs=1.1 / 16_000)


def test_a_grid_looks_back_for_a_picture_that_stays_and_ends_with_the_last(flash_and_beep):
    truth = flash_and_beep("mp4", **SLIDES, seconds=2.4)
    clips = dataset(truth, fps=10.0)
    assert numbers(clips.at(0, 1.2, 1.4)) == [1, 1]
    assert numbers(clips.at(0, 0.0, 1.7)) == [0] + [1] * 14 + [2, 3]
    # The last picture is shown for the usual gap; the sound goes on.
    late = clips.at(0, 1.5, 2.3)
    assert late.frame_times.max() < 1.7
    assert len(late.waveform) == pytest.approx(0.8 * 16_000, abs=2)
    assert numbers(dataset(truth, fps=5.0).at(0, -0.4, 0.3)) == [0, 1]  # no picture before the first


def test_a_whole_clip_on_its_own_grid_is_itself(flash_and_beep):
    truth = flash_and_beep("mkv", audio="flac")
    sample = dataset(truth, fps=25.0)[0]
    assert numbers(sample) == list(range(60))
    np.testing.assert_allclose(sample.frame_times.numpy(), truth.frame_times, atol=1e-3)


def test_an_entry_is_a_stretch_of_its_file(flash_and_beep):
    truth = flash_and_beep("mp4")
    clips = dataset(truth, {"start": 0.5, "end": 1.5})
    assert numbers(clips[0]) == list(range(13, 38))
    assert numbers(clips.at(0, 1.3, 9.0)) == list(range(33, 38))
    assert numbers(dataset(truth, {"end": 0.5})[0]) == list(range(13))
    assert numbers(dataset(truth, {"start": 2.0})[0]) == list(range(50, 60))
    crop = dataset(truth, {"start": 0.5, "end": 1.5}, seconds=0.4, crop="centre")[0]
    assert numbers(crop) == list(range(20, 30))
    with pytest.raises(MediaError, match=r"neither picture nor sound between 5.000 and 6.000 s"):
        dataset(truth, {"start": 5.0, "end": 6.0})[0]
    with pytest.raises(ConfigError, match="no interval"):
        clips.at(0, 1.0, 1.0)


def test_times_outside_of_an_entry_are_refused(flash_and_beep):
    clips = ClipDataset([Entry(key="part", path=flash_and_beep("mp4").path, start=0.5, end=1.5)])
    for start, end in ((1.5, 2.0), (0.0, 0.5)):
        with pytest.raises(
            ConfigError, match=f"{start} to {end} s lies outside of part, which is 0.5 to 1.5"
        ):
            clips.at(0, start, end)
    part = clips.at(0, 0.0, 1.0)
    assert 0.5 <= part.frame_times[0] <= part.frame_times[-1] < 1.0


def test_pictures_of_all_shapes_make_one_batch_at_one_size(flash_and_beep):
    paths = [flash_and_beep("mp4").path, flash_and_beep("mp4", rotation=90).path]
    entries = [Entry(key=str(n), path=path) for n, path in enumerate(paths)]
    clips = ClipDataset(entries, ClipConfig(seconds=0.2, height=24, width=32))
    assert collate([clips[0], clips[1]]).frames.shape[2:] == (24, 32, 3)


def test_random_crops_depend_on_seed_epoch_and_index_alone(flash_and_beep):
    path = flash_and_beep("mp4").path

    def starts(seed, epoch, order=range(6)):
        entries = [Entry(key=str(n), path=path) for n in range(6)]
        clips = ClipDataset(entries, ClipConfig(seconds=0.5, seed=seed, height=16))
        return {index: clips[Draw(index, epoch)].audio_start for index in order}

    first = starts(0, 0)
    assert first == starts(0, 0, [3, 0, 5, 1, 2, 4])
    assert len({round(start, 3) for start in first.values()}) == 6
    assert all(0 <= start <= 1.9 for start in first.values())
    assert not set(first.values()) & set(starts(0, 1).values())
    assert not set(first.values()) & set(starts(1, 0).values())


def test_pictures_come_grey_and_small_and_sound_at_another_rate(flash_and_beep):
    truth = flash_and_beep("mp4")
    sample = dataset(truth, pixel_format="gray", height=32, sample_rate=8000)[0]
    assert sample.frames.shape == (60, 32, 64)
    assert sample.sample_rate == 8000
    assert len(sample.waveform) == pytest.approx(2.4 * 8000, abs=200)
    flat = dataset(truth, pixel_format="gray").at(0, 0.0, 0.2).frames
    assert [read_number(frame[..., None].numpy())[0] for frame in flat] == list(range(5))


def test_sound_of_another_file_is_taken(flash_and_beep):
    seen = flash_and_beep("mp4", audio=None)
    heard = flash_and_beep("wav", video=None, audio="pcm_s16le")
    sample = dataset(seen, {"audio": heard.path})[0]
    assert numbers(sample) == list(range(60))
    found = find_beeps(sample.waveform.numpy(), 16_000, sample.audio_start)
    np.testing.assert_allclose(found, heard.beeps, atol=1e-3)


def test_sound_alone_and_picture_alone_are_empty_where_nothing_is(flash_and_beep):
    heard = dataset(flash_and_beep("wav", video=None, audio="pcm_s16le"))[0]
    seen = dataset(flash_and_beep("mp4", audio=None))[0]
    assert len(heard.frames) == len(heard.frame_times) == len(seen.waveform) == 0
    batch = collate([heard, seen])
    assert batch.frames.shape == (2, 60, 64, 128, 3)
    assert batch.frame_mask.sum(1).tolist() == [0, 60]
    assert batch.audio_mask.sum(1).tolist() == [len(heard.waveform), 0]


def test_lengths_are_the_seconds_taken(flash_and_beep):
    path = flash_and_beep("mp4").path
    entries = [
        Entry(key="whole", path=path),
        Entry(key="part", path=path, start=0.5, end=0.9),
        Entry(key="rest", path=path, start=2.0),
    ]
    np.testing.assert_allclose(ClipDataset(entries).lengths(), [2.4, 0.4, 0.4], atol=0.05)
    np.testing.assert_allclose(
        ClipDataset(entries, ClipConfig(seconds=1.0)).lengths(), [1, 0.4, 0.4], atol=0.05
    )


def made(steps, samples, *, key="k", seed=0, shape=(8, 8), **how):
    """A sample of noise that is nowhere zero."""
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randint(1, 256, (steps, *shape), generator=rng, dtype=torch.uint8)
    times = 0.01 + torch.arange(steps, dtype=torch.float64) / 25
    waveform = 0.1 + torch.rand(samples, generator=rng)
    sample = Sample(key, frames, times, waveform, 0.02, 16_000, f"text of {key}", {"n": seed})
    return dataclasses.replace(sample, **how)


def test_a_clip_is_the_same_alone_and_among_longer_ones():
    clips = [made(5, 3000, key="a"), made(9, 700, key="b", seed=1), made(0, 0, key="c", seed=2)]
    batch = collate(clips)
    assert batch.frames.shape == (3, 9, 8, 8)
    assert batch.waveform.shape == (3, 3000)
    assert (batch.keys, batch.texts) == (("a", "b", "c"), ("text of a", "text of b", "text of c"))
    assert batch.metas == ({"n": 0}, {"n": 1}, {"n": 2})
    for row, clip in enumerate(clips):
        seen, heard = batch.frame_mask[row], batch.audio_mask[row]
        assert (int(seen.sum()), int(heard.sum())) == (len(clip.frames), len(clip.waveform))
        assert torch.equal(batch.frames[row][seen], clip.frames)
        assert torch.equal(batch.frame_times[row][seen], clip.frame_times)
        assert torch.equal(batch.waveform[row][heard], clip.waveform)
        assert not batch.frames[row][~seen].any()
        assert not batch.waveform[row][~heard].any()
        assert batch.frame_times[row][~seen].isnan().all()
        alone = collate([clip])
        assert torch.equal(alone.frames[0], clip.frames)
        assert alone.frame_mask.all()
        assert alone.audio_mask.all()
    assert batch.audio_start.tolist() == [0.02] * 3
    assert batch.to("cpu").keys == batch.keys


@torch.inference_mode()
def test_the_encoders_give_a_padded_clip_the_vectors_of_the_clip_alone():
    clips = [made(n, n * 640, seed=n, shape=(96, 96)) for n in (20, 31, 26)]
    lips, sound = tiny.lip_encoder(), tiny.speech_encoder()

    def vectors(batch):
        points = batch.frame_times.nan_to_num(9.0)[..., None, None].expand(-1, -1, 40, 2).float()
        mouths = features.standardise(features.reduce_mouths(batch.frames), batch.frame_mask)
        heard = batch.audio_mask[:, ::160]
        level = speech.normalise(speech.log_mel_tensor(batch.waveform), heard)
        return lips(mouths, points, batch.frame_mask), sound(level, heard)

    together = vectors(collate(clips))
    for row, clip in enumerate(clips):
        for padded, alone in zip(together, vectors(collate([clip])), strict=True):
            # The last steps of sound look at samples beyond the end: silence in both.
            torch.testing.assert_close(padded[row, : alone.shape[1]], alone[0], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"shape": (8, 9)}, r"picture sizes: \(8, 8\) of k, \(8, 9\) of z. Scale them to one: ClipConfig"),
        ({"sample_rate": 8000}, "sample rates: 16000 of k, 8000 of z"),
    ],
)
def test_clips_that_cannot_be_one_batch_are_refused(other, message):
    with pytest.raises(ConfigError, match=message):
        collate([made(2, 10), made(2, 10, key="z", **other)])


@pytest.fixture(scope="module")
def many(flash_and_beep, tmp_path_factory):
    """Eleven entries, the fifth of them broken."""
    paths = [flash_and_beep("mp4").path, flash_and_beep("mkv", audio="flac").path]
    broken = tmp_path_factory.mktemp("broken") / "broken.mp4"
    broken.write_bytes(b"this is no media file" * 10)
    return [Entry(key=f"k{n}", path=broken if n == 4 else paths[n % 2]) for n in range(11)]


def loader(entries, workers, *, on_error="skip", **how):
    clips = ClipDataset(entries, ClipConfig(seconds=0.4, height=16, on_error=on_error))
    return ClipLoader(
        clips, ClipSampler(len(clips), OrderConfig(batch_size=3, seed=5)), workers=workers, **how
    )


def contents(batches):
    return [
        (
            batch.keys,
            batch.frames.sum().item(),
            batch.audio_start.tolist(),
            batch.waveform.double().sum().item(),
        )
        for batch in batches
    ]


@pytest.fixture(scope="module")
def two_epochs(many):
    batches = loader(many, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [contents(batches) for _ in range(2)]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_are_the_same_for_any_number_of_workers(many, two_epochs, workers):
    batches = loader(many, workers)
    assert [contents(batches) for _ in range(2)] == two_epochs
    assert two_epochs[0] != two_epochs[1]
    keys = [key for epoch in two_epochs for batch in epoch for key in batch[0]]
    assert sorted(keys) == sorted(2 * [f"k{n}" for n in range(11) if n != 4])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.slow
def test_batches_are_the_same_in_spawned_workers(many, two_epochs):
    batches = loader(many, 2, multiprocessing_context="spawn")
    assert [contents(batches) for _ in range(2)] == two_epochs


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("after", [0, 1, 3, 4, 6])
@pytest.mark.parametrize(("before", "then"), [(0, 2), (2, 0), (2, 1)])
def test_a_resumed_training_meets_exactly_the_rest(many, two_epochs, after, before, then):
    def endless(batches):
        while True:
            yield from batches

    broken, resumed = loader(many, before), loader(many, then)
    stream = endless(broken)
    begun = [next(stream) for _ in range(after)]
    resumed.load_state_dict(broken.state_dict())
    rest = endless(resumed)
    expected = [batch for epoch in two_epochs for batch in epoch]
    assert contents(begun) + contents(next(rest) for _ in range(len(expected) - after)) == expected


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_iteration_broken_off_with_workers_ahead_loses_nothing(many, two_epochs):
    batches = loader(many, 2)
    begun = contents([next(iter(batches))])
    assert begun + contents(batches) == two_epochs[0]


def test_what_cannot_be_read_is_named(many):
    clips = ClipDataset(many, ClipConfig(on_error="skip"))
    with pytest.warns(UserWarning, match=r"clip 4 is skipped: .*broken\.mp4 cannot be read as media"):
        assert clips[4] is None
    with pytest.raises(MediaError, match=r"broken\.mp4 cannot be read as media"):
        ClipDataset(many)[4]
    with pytest.raises(IndexError, match="clip 11 of 11"):
        clips[11]


def test_a_batch_of_skipped_clips_is_passed_over(many):
    clips = ClipDataset(many[4:6], ClipConfig(on_error="skip", height=16))
    batches = ClipLoader(clips, ClipSampler(2, OrderConfig(batch_size=1, shuffle=False)))
    with pytest.warns(UserWarning, match="skipped"):
        assert [batch.keys for batch in batches] == [("k5",)]
    assert batches.state_dict()["epoch"] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0.0}, {"seconds": float("inf")}, {"fps": -1.0}, {"height": 0}, {"width": 0},
     {"crop": "left"}, {"pixel_format": "yuv"}, {"on_error": "ignore"}, {"sample_rate": 10}, {"seed": -1}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    name = next(iter(wrong)).replace("_", "[_ ]")
    with pytest.raises(ConfigError, match=name):
        ClipConfig(**wrong)


def test_keys_are_given_once(flash_and_beep):
    path = flash_and_beep("mp4").path
    with pytest.raises(ConfigError, match="two clips have the key a"):
        ClipDataset([Entry(key="a", path=path), Entry(key="a", path=path, start=1.0)])


@pytest.mark.media
def test_real_clips_by_time_are_parts_of_the_whole(real_media):
    path = sorted((real_media / "grid" / "originals").rglob("*.mpg"))[0]
    clips, clip = ClipDataset([Entry(key="g", path=path)]), media.load(path)
    start = clip.frame_times[0] + 0.987
    sample = clips.at(0, start, start + 0.5)
    inside = np.flatnonzero((clip.frame_times >= start) & (clip.frame_times < start + 0.5))
    np.testing.assert_array_equal(sample.frame_times.numpy(), clip.frame_times[inside])
    np.testing.assert_array_equal(sample.frames.numpy(), np.stack([clip.frames[i] for i in inside]))
