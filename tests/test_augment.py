"""Augmentation: repeatable, mirrors what belongs together, delays nothing."""

import pytest
import torch

from avsync import augment
from avsync.features import LIP_POINTS

MIRRORED = (
    (61, 291), (185, 409), (40, 270), (39, 269), (37, 267), (146, 375), (91, 321), (181, 405), (84, 314),
    (78, 308), (191, 415), (80, 310), (81, 311), (82, 312), (95, 324), (88, 318), (178, 402), (87, 317),
)  # fmt: skip
"""Landmarks of the lips, left and right."""
MIDDLE = (0, 13, 14, 17)
FLIPS = torch.tensor([True, False] * 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(name):
    """Arguments of an augmentation, without its generator."""
    random = generator(99)
    if name == "mouths":
        crops = torch.randint(0, 256, (4, 3, 96, 96), generator=random, dtype=torch.uint8)
        return crops, torch.ones(4, 3, dtype=torch.bool), torch.tensor([True, False, True, False])
    if name == "points":
        return torch.randn(4, 3, 40, 2, generator=random), torch.tensor([True, False, True, False])
    if name == "waveform":
        return (0.1 * torch.randn(4, 8000, generator=random),)
    return (torch.randn(4, 50, 80, generator=random),)


@pytest.mark.parametrize("name", ["mouths", "points", "waveform", "mel"])
def test_a_seed_gives_one_result_and_another_seed_another(name):
    kept = [part.clone() for part in batch(name)]
    given = batch(name)
    one, two, other = (getattr(augment, name)(*given, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)
    for before, after in zip(kept, given, strict=True):
        assert torch.equal(before, after)  # what was given is left alone
    expected = (4, 3, 48, 48) if name == "mouths" else given[0].shape
    assert one.shape == expected
    assert one.isfinite().all()


def test_mirror_swaps_left_and_right():
    assert sorted(augment.MIRROR) == list(range(40))
    assert [augment.MIRROR[index] for index in augment.MIRROR] == list(range(40))
    mirror = {LIP_POINTS[index]: LIP_POINTS[image] for index, image in enumerate(augment.MIRROR)}
    for left, right in MIRRORED:
        assert (mirror[left], mirror[right]) == (right, left)
    for middle in MIDDLE:
        assert mirror[middle] == middle


def test_flips_mirror_pictures():
    crops = torch.zeros(16, 2, 96, 96, dtype=torch.uint8)
    crops[..., :48] = 255
    seen = augment.mouths(crops, torch.ones(16, 2, dtype=torch.bool), FLIPS, generator())
    left, right = seen[..., 4:20].mean((1, 2, 3)), seen[..., 28:44].mean((1, 2, 3))
    assert torch.equal(right > left, FLIPS)


def test_flips_mirror_points():
    points = torch.zeros(16, 2, 40, 2)
    points[:, :, LIP_POINTS.index(61), 0] = -5.0  # the left corner is drawn out to the left
    moved = augment.points(points, FLIPS, generator())
    left, right = moved[:, :, LIP_POINTS.index(61), 0], moved[:, :, LIP_POINTS.index(291), 0]
    assert (left[~FLIPS] < -2).all()
    assert (right[~FLIPS].abs() < 1.5).all()
    assert (right[FLIPS] > 2).all()
    assert (left[FLIPS].abs() < 1.5).all()


def test_flips_keep_up_and_down():
    points = torch.zeros(16, 2, 40, 2)
    points[:, :, LIP_POINTS.index(17), 1] = 5.0  # the lower lip is lowered
    moved = augment.points(points, FLIPS, generator())
    assert (moved[:, :, LIP_POINTS.index(17), 1] > 2).all()
    crops = torch.zeros(16, 2, 96, 96, dtype=torch.uint8)
    crops[:, :, :48] = 255
    seen = augment.mouths(crops, torch.ones(16, 2, dtype=torch.bool), FLIPS, generator())
    assert (seen[:, :, 4:20].mean((1, 2, 3)) > seen[:, :, 28:44].mean((1, 2, 3))).all()


def test_mouths_that_are_not_found_are_zero():
    crops, found, flip = batch("mouths")
    found[:, 1] = False
    seen = augment.mouths(crops, found, flip, generator())
    assert seen[:, 1].abs().max() == 0
    assert seen[:, 0].std() > 0.3


def test_one_warp_a_clip():
    crops = torch.zeros(8, 10, 96, 96, dtype=torch.uint8)
    crops[:, :, 40:56, 40:56] = 255
    seen = augment.mouths(
        crops, torch.ones(8, 10, dtype=torch.bool), torch.zeros(8, dtype=torch.bool), generator()
    )
    bright = (seen - seen.amin((2, 3), keepdim=True)) ** 2
    axis = torch.arange(48.0)
    column = (bright.sum(2) * axis).sum(2) / bright.sum((2, 3))
    assert column.std(1).max() < 2  # pixels: it trembles, it does not jump
    assert column.mean(1).std() > 0.5  # while clips differ


@pytest.mark.parametrize("place", [0, 1234, 7990])
def test_a_room_does_not_delay_the_direct_sound(place):
    click = torch.zeros(12, 8000)
    click[:, place] = 1.0
    wet = augment._room(click, generator(1))
    assert wet.shape == click.shape
    assert wet[:, :place].abs().sum() < 1e-3
    torch.testing.assert_close(wet[:, place], torch.ones(12), atol=1e-4, rtol=0)
    rooms = ((wet - click).abs().amax(1) > 1e-4).float().mean()
    assert 0 < rooms < 1
    # The tail has less energy than the direct sound, and does not come back around at the front.
    assert ((wet**2).sum(1) < 1 + 0.8**2 + 1e-3).all()


def test_the_sound_keeps_its_place_and_half_of_its_energy():
    sound = 0.1 * torch.randn(8, 16_000, generator=generator(5))
    heard = augment.waveform(sound, generator(6))
    product = torch.fft.irfft(torch.fft.rfft(heard, 32_000) * torch.fft.rfft(sound, 32_000).conj(), 32_000)
    assert product.argmax(1).tolist() == [0] * 8  # the best match is at no delay
    share = (product[:, 0] / (heard.norm(dim=1) * sound.norm(dim=1))).tolist()
    assert min(share) > 0.5  # noise is at most as loud as the voice


def test_silence_stays_almost_silent():
    heard = augment.waveform(torch.zeros(6, 8000), generator())
    assert heard.abs().max() < 1e-3


def test_mel_bends_a_spectrum_the_same_way_at_all_times():
    log_mel = torch.randn(6, 1, 80, generator=generator(1)).expand(6, 40, 80)
    shaped = augment.mel(log_mel, generator(2))
    torch.testing.assert_close(shaped, shaped[:, :1].expand_as(shaped))
    peak = torch.zeros(6, 4, 80)
    peak[:, :, 40] = 30.0
    found = augment.mel(peak, generator(3))[:, 0].argmax(1)
    assert ((found >= 40 / 1.14 - 1) & (found <= 40 / 0.88 + 1)).float().mean() > 0.8  # the rest is masked


def test_a_fifth_of_the_sounds_end_at_some_band():
    log_mel = torch.rand(400, 6, 80, generator=generator(1)) + 5.0
    shaped = augment.mel(log_mel, generator(2))
    flat = shaped[:, :, -1].std(1) < 1e-6  # the highest band is at the floor of the clip, which does not move
    assert 0.13 < flat.double().mean() < 0.3  # with those whose highest bands were masked or warped away
    narrow = shaped[(shaped[:, :, -1] == shaped.amin((1, 2))[:, None]).all(1)]
    assert len(narrow) > 50
    count = (narrow == narrow.amin((1, 2), keepdim=True)).all(1).sum(1)
    assert count.min() >= 1
    assert count.max() <= 40


def test_a_bend_is_smooth_small_and_another_for_each_clip():
    bent = augment._bend(200, generator())
    assert bent.shape == (200, 48, 48, 2)
    assert bent.abs().mean() < 0.1  # a twentieth of the picture
    pixel = 2 / 47
    for way in (1, 2):  # no pixel overtakes its neighbour
        assert bent.diff(dim=way).abs().amax() < pixel
    assert not torch.allclose(bent[0], bent[1])


def test_points_move_by_gains_of_their_own_that_do_not_change_within_a_clip():
    still = torch.ones(64, 5, 40, 2)
    moved = augment.points(still, torch.zeros(64, dtype=torch.bool), generator())
    spread = moved.mean(1).std(1)  # over the points of a clip
    assert 0.05 < spread.mean() < 0.4


def test_a_mouth_moves_on_the_face_of_another_clip():
    rest = torch.tensor([60.0, 180.0, 110.0])[:, None, None, None].expand(3, 20, 96, 96)
    moving = 5 * torch.randn(3, 20, 96, 96, generator=generator(1))
    moving = moving - moving.mean(1, keepdim=True)
    found = torch.ones(3, 20, dtype=torch.bool)
    exchanged = augment.other_face(rest + moving, found, 1.0, generator(0))
    # The mean goes 30 to 100 % of the way to that of the clip before it; what moves stays.
    share = (exchanged.mean((1, 2, 3)) - rest[:, 0, 0, 0]) / (rest.roll(1, 0) - rest)[:, 0, 0, 0]
    assert (share > 0.29).all()
    assert (share < 1.01).all()
    torch.testing.assert_close(exchanged - exchanged.mean(1, keepdim=True), moving, atol=1e-3, rtol=0)
    kept = augment.other_face(rest + moving, found, 0.0, generator(0))
    torch.testing.assert_close(kept, rest + moving, atol=1e-4, rtol=0)
