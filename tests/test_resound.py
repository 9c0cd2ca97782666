"""Plans and their rendering on samples whose values say where they came from."""

import math

import numpy as np
import pytest

from avsync.codings import codings
from avsync.resound import FADE_SECONDS, Remake, Renderer, in_quiet_places, plan
from avsync.retime import retiming
from avsync.runs import Run
from avsync.soundmap import Track, Window

RATE = 48_000


def track(*runs, rate=RATE, codec="pcm_s16le", form="s16", layout="mono", bit_rate=0, levels=None):
    runs = runs or (Run(0, 10 * rate, 0.0, rate),)
    if levels is None:
        levels = np.ones(10 * rate // 480, np.float32)
    return Track(1, 0, codec, rate, layout, form, bit_rate, runs, levels, (Window(0, np.zeros(0)),))


def rendered(segments, samples, rate=RATE, lead=None, block=1024):
    renderer = Renderer(segments, rate, lead)
    parts = [p for i in range(0, samples.shape[1], block) for p in renderer.take(samples[:, i : i + block])]
    return np.concatenate(parts, axis=1)


def ramp(count, channels=1):
    return np.tile(np.arange(count, dtype=np.float64), (channels, 1))


@pytest.mark.parametrize("block", [1, 333, 1024, 10**6])
def test_a_shift_copies_samples(block):
    segments = plan(track(Run(0, 5000, 0.0, RATE)), retiming(-1.0, 0, (), 0.0), RATE, begin=0.0)
    assert [(s.out_first, s.first, s.count, s.step) for s in segments] == [(0, 48, 5000 - 48, 1.0)]
    np.testing.assert_array_equal(rendered(segments, ramp(5000), block=block)[0], np.arange(48, 5000))


def test_silence_leads_where_all_streams_begin_together():
    segments = plan(track(Run(0, 100, 0.0, RATE)), retiming(1.0, 0, (), 0.0), RATE, begin=0.0)
    made = rendered(segments, ramp(100) + 1, lead=0)[0]
    np.testing.assert_array_equal(made, [*np.zeros(48), *np.arange(1, 101)])


def test_gaps_stay_and_overlaps_go():
    runs = (Run(0, 480, 0.0, RATE), Run(480, 960, 0.02, RATE), Run(960, 1440, 0.025, RATE))
    segments = plan(track(*runs), retiming(0.0, 0, (), 0.0), RATE)
    made = rendered(segments, ramp(1440) + 1)[0]
    # The second run starts 480 samples late; the third 240 samples before the second ends.
    expected = [*range(1, 481), *np.zeros(480), *range(481, 961), *range(961 + 240, 1441)]
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("ppm", [145.0, -500.0, 1000.0])
@pytest.mark.parametrize("rates", [(48_000, 48_000), (44_100, 48_000)])
def test_drift_moves_every_part_of_a_tone(ppm, rates):
    rate, out_rate = rates
    law = retiming(25.0, ppm, (), 0.0)
    sound = track(Run(0, 10 * rate, 0.0, rate), rate=rate)
    source = np.sin(2 * np.pi * 440 * np.arange(10 * rate) / rate)[None]
    segments = plan(sound, law, out_rate)
    made = rendered(segments, source, out_rate)[0]
    times = (segments[0].out_first + np.arange(len(made))) / out_rate
    expected = np.sin(2 * np.pi * 440 * law.source_times(times))
    inner = slice(2000, -2000)
    # Half a sample of the source is the largest error of where it begins.
    allowed = 2 * np.pi * 440 * 0.5 / rate + 1e-4
    assert np.abs(made - expected)[inner].max() < allowed
    assert len(made) == pytest.approx(10 * out_rate / (1 - ppm * 1e-6), abs=2)


def test_steps_fade_and_nothing_else_does():
    law = retiming(0.0, 0, [(4.0, 100.0), (7.0, 0.0)], 0.0)
    made = rendered(plan(track(), law, RATE), np.ones((2, 10 * RATE)))[0]
    assert len(made) == 10 * RATE
    fade = round(FADE_SECONDS * RATE)
    assert not made[round(3.9 * RATE) : 4 * RATE].any()
    assert np.abs(np.diff(made)).max() < 2 / fade
    changed = made != 1
    assert changed.sum() == round(0.1 * RATE) + 4 * fade
    assert made[0] == made[-1] == 1


def test_a_step_goes_where_it_is_quiet():
    levels = np.ones(1000, np.float32)
    levels[417:421] = 1e-6  # 40 ms at 4.17 s
    moved = in_quiet_places(track(levels=levels), retiming(0.0, 0, [(4.0, 100.0)], 0.0))
    # The silence goes between what is heard at 4.19 s and what follows it, 100 ms later in the picture.
    assert moved.pieces[1].source(moved.pieces[1].start) == pytest.approx(4.19, abs=0.011)
    assert moved.pieces[1].shift == pytest.approx(0.1)
    far = np.ones(1000, np.float32)
    far[470:480] = 1e-6  # out of reach
    assert in_quiet_places(track(levels=far), retiming(0.0, 0, [(4.0, 100.0)], 0.0)).pieces[1].start == 4.0


def test_a_cut_spares_what_is_loud():
    levels = np.full(1000, 1e-8, np.float32)
    levels[405:412] = 1.0
    law = in_quiet_places(track(levels=levels), retiming(0.0, 0, [(4.0, -160.0)], 0.0))
    assert not any(math.isnan(law.output_time(t)) for t in np.arange(4.05, 4.12, 0.005))


def test_a_moved_step_keeps_the_line_of_its_drift():
    levels = np.ones(1000, np.float32)
    levels[377:383] = 1e-6
    law = retiming(0.0, 1000.0, [(4.0, 100.0)], 0.0)
    moved = in_quiet_places(track(levels=levels), law)
    assert moved.pieces[1].start != 4.0
    assert moved.source_times(6.0) == pytest.approx(law.source_times(6.0), abs=1e-9)


def test_a_nudge_moves_all_and_still_begins_with_the_file():
    remake = Remake(track(Run(0, 5000, 0.0, RATE)), retiming(0.0, 0, (), 0.0), begin=0.0, nudge=-0.01)
    (segment,) = remake.segments(RATE)
    assert (segment.out_first, segment.first, segment.count) == (0, 480, 5000 - 480)


@pytest.mark.parametrize(
    ("codec", "form", "bit_rate", "expected"),
    [
        ("mp3", "fltp", 127_000, ("libmp3lame", "fltp", 128_000)),
        ("aac", "fltp", 200_000, ("aac", "fltp", 200_000)),
        ("mp2", "s16p", 10_000, ("mp2", "s16", 64_000)),
        ("pcm_s24le", "s32", 0, ("pcm_s24le", "s32", None)),
        ("flac", "s16", 500_000, ("flac", "s16", None)),
        ("opus", "fltp", 500_000, ("libopus", "flt", 256_000)),
    ],
)
def test_the_same_codec_at_no_lower_rate(codec, form, bit_rate, expected):
    best = codings(track(codec=codec, form=form, bit_rate=bit_rate), "aac")[0]
    assert (best.encoder, best.form, best.bit_rate) == expected
    assert best.rate == RATE


def test_without_an_encoder_the_default_of_the_container_is_taken():
    found = [coding.encoder for coding in codings(track(codec="qdm2", form="s16"), "mp3")]
    assert found[0] == "libmp3lame"
