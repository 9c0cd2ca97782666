"""Augmentation of batches, as plain functions of tensors and a seeded generator.

Shapes: B batch, T lip steps, H W picture, P lip points, J speech steps, M mel bins, N samples.
Few speakers are filmed; shape, light, sharpness and voice are varied so that they look and sound like many.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from avsync.encoders import CROP
from avsync.features import LIP_POINTS, MARGIN, standardise

MIRROR = tuple(contour + (10 - i) % 20 for contour in range(0, len(LIP_POINTS), 20) for i in range(20))
"""Index of each lip point's mirror image: both contours run from one corner over the upper lip to the other
and back."""


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """Float32 numbers of a shape, uniform in [low, high)."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def mouths(
    mouth_BTHW: torch.Tensor,
    found_BT: torch.Tensor,
    flip_B: torch.Tensor,
    generator: torch.Generator,
    *,
    exchange: float = 0.0,
) -> torch.Tensor:
    """(B, T, 96, 96) uint8 crops -> standardised (B, T, 48, 48); one warp, bend, light and sharpness a clip.

    flip_B: bool, clips that are mirrored; the same as for `points`. exchange: share of the clips whose mouth
    moves on the face of another clip of the batch.
    """
    batch, steps = mouth_BTHW.shape[:2]
    picture = mouth_BTHW.float()
    if exchange:
        picture = other_face(picture, found_BT, exchange, generator)
    angle = uniform((batch,), -0.21, 0.21, generator)
    scale = torch.exp(uniform((batch,), math.log(0.8), math.log(1.25), generator)) * (1 - 2 * MARGIN / 96)
    aspect = torch.exp(uniform((batch,), -0.12, 0.12, generator))
    shear = uniform((batch,), -0.12, 0.12, generator)
    matrix = torch.zeros(batch, 2, 3)
    cos, sin = torch.cos(angle), torch.sin(angle)
    side = torch.where(flip_B, -1.0, 1.0)
    matrix[:, 0, 0] = scale * aspect * cos * side
    matrix[:, 0, 1] = scale * (shear * cos - sin / aspect)
    matrix[:, 1, 0] = scale * aspect * sin * side
    matrix[:, 1, 1] = scale * (shear * sin + cos / aspect)
    matrix[:, :, 2] = uniform((batch, 2), -0.12, 0.12, generator)
    # The tracker's crop trembles a little from frame to frame.
    tremble = torch.randn((batch, steps, 2), generator=generator) * uniform(
        (batch, 1, 1), 0, 0.012, generator
    )
    grid = (
        functional.affine_grid(matrix, [batch, 1, CROP, CROP], align_corners=False)[:, None]
        + _bend(batch, generator)[:, None]
        + tremble[:, :, None, None]
    )
    warped = functional.grid_sample(
        picture.flatten(0, 1)[:, None],
        grid.flatten(0, 1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    ).reshape(batch, steps, CROP, CROP)
    warped = _light(warped, generator)
    warped = _blur(warped, generator)
    noise = torch.randn(warped.shape, generator=generator) * uniform((batch, 1, 1, 1), 0, 6, generator)
    return standardise(warped + noise, found_BT)


def other_face(
    picture_BTHW: torch.Tensor, found_BT: torch.Tensor, share: float, generator: torch.Generator
) -> torch.Tensor:
    """(B, T, H, W) pictures; in a share of the clips the mean picture is exchanged, in part or wholly, for
    that of the clip before it. found_BT: bool, the pictures that count.

    What moves stays; skin, beard, lips at rest and light are another's.
    """
    batch = len(picture_BTHW)
    weight = (found_BT / found_BT.sum(1, keepdim=True).clamp(min=1))[..., None, None]
    mean = (picture_BTHW * weight).sum(1, keepdim=True)
    amount = uniform((batch, 1, 1, 1), 0.3, 1.0, generator) * (
        uniform((batch, 1, 1, 1), 0.0, 1.0, generator) < share
    )
    return (picture_BTHW + amount * (mean.roll(1, 0) - mean)).clamp(0, 255)


def _bend(batch: int, generator: torch.Generator) -> torch.Tensor:
    """(B, H, W, 2) smooth displacement of the pixels, one a clip: another shape of lips and chin."""
    coarse = torch.randn((batch, 2, 4, 4), generator=generator) * uniform(
        (batch, 1, 1, 1), 0, 0.07, generator
    )
    fine = functional.interpolate(coarse, size=(CROP, CROP), mode="bicubic", align_corners=True)
    return fine.permute(0, 2, 3, 1)


def _light(picture_BTHW: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Gamma, a linear light gradient, and fading of the light over time."""
    batch, steps, height, width = picture_BTHW.shape
    gamma = torch.exp(uniform((batch, 1, 1, 1), math.log(0.6), math.log(1.7), generator))
    lit = (picture_BTHW.clamp(0, 255) / 255) ** gamma
    slope = uniform((batch, 2), -0.5, 0.5, generator)
    y, x = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    ramp = 1 + slope[:, 0, None, None] * y[:, None] + slope[:, 1, None, None] * x
    fade = 1 + uniform((batch, 1), 0, 0.1, generator) * torch.sin(
        torch.arange(steps) * uniform((batch, 1), 0.02, 0.2, generator)
        + uniform((batch, 1), 0, 6.28, generator)
    )
    return lit * ramp[:, None] * fade[:, :, None, None] * 255


def _blur(picture_BTHW: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Some clips of the batch are shrunk to 14 to 40 pixels and enlarged again (small or soft faces)."""
    batch = picture_BTHW.shape[0]
    chosen = torch.rand(batch, generator=generator) < 0.35
    if not chosen.any():
        return picture_BTHW
    size = int(torch.randint(14, 41, (1,), generator=generator))
    small = functional.interpolate(picture_BTHW[chosen], size=(size, size), mode="area")
    softened = picture_BTHW.clone()
    softened[chosen] = functional.interpolate(
        small, size=picture_BTHW.shape[2:], mode="bilinear", align_corners=False
    )
    return softened


def points(points_BTP2: torch.Tensor, flip_B: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, T, P, 2) lip points, turned, scaled, sheared, each with a gain of its own, and shaken.

    Mirrored where `flip_B` (B,) bool.
    """
    batch, steps = points_BTP2.shape[:2]
    mirrored = points_BTP2[:, :, list(MIRROR)] * torch.tensor([-1.0, 1.0])
    moved = torch.where(flip_B[:, None, None, None], mirrored, points_BTP2)
    angle = uniform((batch,), -0.15, 0.15, generator)
    scale = torch.exp(uniform((batch, 2), math.log(0.7), math.log(1.4), generator))
    shear = uniform((batch,), -0.15, 0.15, generator)
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrix = (
        torch.stack((torch.stack((cos, -sin + shear), 1), torch.stack((sin, cos), 1)), 1) * scale[:, None]
    )
    moved = torch.einsum("btpi,bji->btpj", moved, matrix)
    # Lips differ in which of their points move much.
    gain = torch.exp(torch.randn((batch, 1, points_BTP2.shape[2], 2), generator=generator) * 0.1)
    moved = moved * gain
    shake = torch.randn(moved.shape, generator=generator) * uniform((batch, 1, 1, 1), 0.0, 0.1, generator)
    sway = torch.randn((batch, steps, 1, 2), generator=generator) * uniform(
        (batch, 1, 1, 1), 0.0, 0.08, generator
    )
    return moved + shake + sway


def waveform(waveform_BN: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, N) sound with noise (white to brown, or babble of the batch's other clips, at a signal-to-noise
    ratio up to 35 dB) on some of the clips and a short room on a third of them.
    """
    batch, samples = waveform_BN.shape
    level = waveform_BN.square().mean(1, keepdim=True).sqrt() + 1e-4
    noise = torch.randn((batch, samples), generator=generator)
    spectrum = torch.fft.rfft(noise)
    tilt = uniform((batch, 1), 0.0, 1.2, generator)
    frequency = torch.arange(1, spectrum.shape[1] + 1) / spectrum.shape[1]
    coloured = torch.fft.irfft(spectrum * (frequency + 0.002) ** -tilt, samples)
    others = waveform_BN.roll(1, 0) + waveform_BN.roll(2, 0).flip(1) + waveform_BN.roll(3, 0)
    babble = torch.rand((batch, 1), generator=generator) < 0.3
    mixed = torch.where(babble, others, coloured)
    mixed = mixed / (mixed.square().mean(1, keepdim=True).sqrt() + 1e-6)
    ratio = 10 ** (-uniform((batch, 1), 3.0, 35.0, generator) / 20)
    noisy = torch.rand((batch, 1), generator=generator) < 0.4
    return _room(waveform_BN, generator) + noisy * mixed * ratio * level


def _room(waveform_BN: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Direct sound and a decaying tail of noise (0.25 s; 60 dB in 0.1 to 0.5 s) on a third of the clips."""
    chosen = torch.rand(len(waveform_BN), generator=generator) < 0.33
    if not chosen.any():
        return waveform_BN
    dry = waveform_BN[chosen]
    length = 4000
    decay = uniform((len(dry), 1), 0.1, 0.5, generator)
    tail = torch.randn((len(dry), length), generator=generator) * torch.exp(
        -torch.arange(length) / 16000 * 6.9 / decay
    )
    tail = tail / tail.square().sum(1, keepdim=True).sqrt() * uniform((len(dry), 1), 0.1, 0.8, generator)
    tail[:, 0] = 1.0
    size = 1 << (dry.shape[1] + length).bit_length()
    wet = torch.fft.irfft(torch.fft.rfft(dry, size) * torch.fft.rfft(tail, size), size)[:, : dry.shape[1]]
    mixed = waveform_BN.clone()
    mixed[chosen] = wet
    return mixed


def mel(log_mel_BJM: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, J, M) log-mel with a vocal-tract warp (0.88 to 1.14), an equaliser curve (about +-6 dB), up to
    11 masked bands, and on a fifth of the clips no band above 1.8 to 7.6 kHz; one draw a clip.
    """
    batch, _, bins = log_mel_BJM.shape
    warp = torch.exp(uniform((batch, 1), math.log(0.88), math.log(1.14), generator))
    position = (torch.arange(bins) * warp).clamp(0, bins - 1)
    left = position.floor().long().clamp(max=bins - 2)
    share = (position - left)[:, None]
    index = left[:, None].expand(-1, log_mel_BJM.shape[1], -1)
    warped = (1 - share) * log_mel_BJM.gather(2, index) + share * log_mel_BJM.gather(2, index + 1)
    phase = uniform((batch, 3), 0, 6.28, generator)
    height = torch.randn((batch, 3), generator=generator) * 0.5
    bend = torch.tensor([0.5, 1.0, 2.0])[:, None] * torch.linspace(0, 6.28, bins)
    curve = (height[..., None] * torch.sin(bend + phase[..., None])).sum(1) + uniform(
        (batch, 1), -1.5, 1.5, generator
    ) * torch.linspace(-1, 1, bins)
    shaped = warped + curve[:, None]
    # A telephone, a codec at a low rate: nothing above some band.
    top = torch.randint(bins // 2, bins, (batch, 1), generator=generator)
    narrow = torch.rand((batch, 1), generator=generator) < 0.2
    floor = shaped.amin((1, 2), keepdim=True)
    shaped = torch.where((narrow & (torch.arange(bins) >= top))[:, None], floor, shaped)
    start = torch.randint(0, bins, (batch, 1), generator=generator)
    masked = (torch.arange(bins) >= start) & (
        torch.arange(bins) < start + torch.randint(0, 12, (batch, 1), generator=generator)
    )
    return torch.where(masked[:, None], shaped.mean(2, keepdim=True), shaped)
