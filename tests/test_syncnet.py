"""SyncNet without its weights: that theirs would load, and that what is made of embeddings is right."""

import dataclasses

import numpy as np
import pytest
import tiny
import torch
from test_facecrop import box_track

from avsync import metrics, syncnet
from avsync.errors import AVSyncError, FaceError, MediaError, ModelError
from avsync.media import Clip
from avsync.syncnet import SyncNet
from avsync.threads import one_thread


@pytest.fixture(autouse=True, scope="module")
def few_threads():
    """As the program computes: on a busy machine, threads that wait for each other cost tens of seconds."""
    with one_thread():
        yield


# The published state dict: module, place in its Sequential, shape of the weight. A convolution is followed
# by its batch norm.
CONVOLUTIONS = {
    "netcnnaud": [
        (0, (64, 1, 3, 3)), (4, (192, 64, 3, 3)), (8, (384, 192, 3, 3)), (11, (256, 384, 3, 3)),
        (14, (256, 256, 3, 3)), (18, (512, 256, 5, 4)),
    ],
    "netcnnlip": [
        (0, (96, 3, 5, 7, 7)), (4, (256, 96, 1, 5, 5)), (8, (256, 256, 1, 3, 3)), (11, (256, 256, 1, 3, 3)),
        (14, (256, 256, 1, 3, 3)), (18, (512, 256, 1, 6, 6)),
    ],
    "netfcaud": [(0, (512, 512))],
    "netfclip": [(0, (512, 512))],
}  # fmt: skip


def published(*, counts: bool = True, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict of the published names and shapes; files of old PyTorch lack the counts of batches."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for module, layers in CONVOLUTIONS.items():
        for place, shape in layers:
            fan = float(np.prod(shape[1:]))
            state[f"{module}.{place}.weight"] = torch.randn(shape, generator=generator) / fan**0.5
            state[f"{module}.{place}.bias"] = torch.zeros(shape[0])
            norm = f"{module}.{place + 1}"
            state |= {f"{norm}.{name}": torch.ones(shape[0]) for name in ("weight", "running_var")}
            state |= {f"{norm}.{name}": torch.zeros(shape[0]) for name in ("bias", "running_mean")}
            if counts:
                state[f"{norm}.num_batches_tracked"] = torch.tensor(1)
    for module in ("netfcaud", "netfclip"):
        state[f"{module}.3.weight"] = torch.randn((1024, 512), generator=generator) / 22.6
        state[f"{module}.3.bias"] = torch.zeros(1024)
    return state


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(published(), path)
    return path


def test_the_published_weights_load_strictly(weights):
    net = syncnet.read_weights(weights)
    assert sum(parameter.numel() for parameter in net.parameters()) == pytest.approx(13.6e6, rel=0.01)
    for name, value in published().items():
        torch.testing.assert_close(net.state_dict()[name], value)
    assert not net.training
    assert net.backbone.startswith("syncnet-")
    assert len(net.backbone) == len("syncnet-01234567")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_older_pytorch_load(tmp_path, zipped):
    path = tmp_path / "old.model"
    torch.save(published(counts=False), path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(syncnet.read_weights(path).netfclip[3].weight, published()["netfclip.3.weight"])


def test_other_weights_have_another_name(weights, tmp_path):
    torch.save(published(seed=1), tmp_path / "b.model")
    assert syncnet.read_weights(tmp_path / "b.model").backbone != syncnet.read_weights(weights).backbone


def test_missing_weights_are_explained(tmp_path):
    with pytest.raises(ModelError, match=r"none\.model: there are no such weights.*robots\.ox\.ac\.uk"):
        syncnet.read_weights(tmp_path / "none.model")
    with pytest.raises(AVSyncError, match="Chung & Zisserman"):
        syncnet.measure(tiny.clip(), tmp_path / "none.model")


class Harmful:
    """Executes code when it is unpickled without care."""

    def __reduce__(self):
        return (pytest.fail, ("the file was executed",))


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(3)},
        {"netfclip.3.weight": torch.zeros(1024, 512)},
        [1, 2, 3],
        torch.zeros(3),
        Harmful(),
    ],
    ids=["foreign", "partial", "list", "tensor", "code"],
)
def test_other_content_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.model")
    with pytest.raises(ModelError, match=r"x\.model: (not the weights of SyncNet|cannot be read as weights)"):
        syncnet.read_weights(tmp_path / "x.model")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut off"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "x.model").write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.model: cannot be read as weights"):
        syncnet.read_weights(tmp_path / "x.model")


# Embeddings


def test_pictures_embedded_as_a_stream_are_those_of_single_windows(weights, monkeypatch):
    net = syncnet.read_weights(weights)
    monkeypatch.setattr(syncnet, "BATCH", 3)
    pictures = np.random.default_rng(0).integers(0, 256, (9, 224, 224, 3), dtype=np.uint8)
    stream = net.embed_lips(iter(pictures))
    assert stream.shape == (5, 1024)
    with torch.inference_mode():
        for first in (0, 2, 3, 4):
            window = torch.from_numpy(pictures[first : first + 5]).permute(3, 0, 1, 2)[None].float()
            alone = net.netfclip(net.netcnnlip(window).flatten(1))[0].numpy()
            np.testing.assert_allclose(stream[first], alone, rtol=1e-3, atol=1e-3 * np.abs(alone).max())


def test_fewer_pictures_than_a_window(weights):
    assert syncnet.read_weights(weights).embed_lips(iter(np.zeros((4, 224, 224, 3), np.uint8))).shape == (
        0,
        1024,
    )


def test_speech_windows_begin_every_four_frames(weights):
    net = syncnet.read_weights(weights)
    cepstra = np.random.default_rng(0).normal(size=(4 * 25 + 19, 13)).astype(np.float32)
    found = net.embed_speech(cepstra, 25)
    assert found.shape == (25, 1024)
    moved = net.embed_speech(cepstra[4 * 22 :], 3)
    np.testing.assert_allclose(found[22:], moved, rtol=1e-3, atol=1e-4)


# From a clip to its numbers


class Levels(SyncNet):
    """Instead of networks: how light each of 5 pictures is, and how loud each of 5 times 40 ms."""

    backbone = "levels"

    def embed_lips(self, pictures):
        light = np.array([picture.mean() for picture in pictures])
        return np.lib.stride_tricks.sliding_window_view((light - 60) / 140, 5)

    def embed_speech(self, cepstra, windows):
        loud = (cepstra[: 4 * (windows + 4), 0].reshape(-1, 4).mean(1) - 11) / 7
        return np.lib.stride_tricks.sliding_window_view(loud, 5)


@pytest.fixture(scope="module")
def levels():
    return Levels()


def blinking(
    offset_ms: float, *, fps: float = 25.0, start: float = 0.0, audio_start: float = 0.0, seconds: float = 6.0
) -> Clip:
    """Pictures that are light when the sound is loud, up to an offset; the pattern is random."""
    on = np.random.default_rng(3).integers(0, 2, 1000)
    frame_times = start + np.arange(round(seconds * fps)) / fps
    seen = on[np.floor((frame_times + 1e-6) * 25).astype(int) + 100]
    times = audio_start + np.arange(round(seconds * 16_000)) / 16_000
    heard = on[np.floor((times + offset_ms / 1000 + 1e-6) * 25).astype(int) + 100]
    noise = np.random.default_rng(0).normal(size=len(times)).clip(-3, 3)
    made = tiny.clip(
        waveform=noise * np.where(heard, 0.3, 0.003), frame_times=frame_times, audio_start=audio_start
    )
    light = [np.full((40, 60, 3), value, np.uint8) for value in (60, 200)]
    return dataclasses.replace(made, frames=[light[value] for value in seen])


@pytest.mark.parametrize("offset_ms", [0.0, 40.0, 120.0, -80.0, -320.0])
@pytest.mark.parametrize("outside", ["masked", "zeros"])
def test_the_offset_has_the_sign_of_avsync_and_syncnet(levels, offset_ms, outside):
    found = syncnet.measure(blinking(offset_ms), levels, crop="none", outside=outside)
    assert found.offset_ms == offset_ms
    assert (found.backbone, found.positions, found.outside) == ("levels", 145, outside)


@pytest.mark.parametrize(
    "how",
    [
        {"fps": 50.0}, {"start": 1.4, "audio_start": 1.4}, {"start": 0.2}, {"audio_start": 0.2},
        {"start": 1.4, "audio_start": 0.6, "seconds": 8.0},
    ],
)  # fmt: skip
def test_both_streams_stand_on_the_container_clock(levels, how):
    assert syncnet.measure(blinking(80.0, **how), levels, crop="none").offset_ms == 80.0


def test_sound_that_starts_late_is_not_made_up(levels):
    found = syncnet.measure(blinking(0.0, audio_start=1.0), levels, crop="none")
    assert (found.start, found.positions) == (pytest.approx(1.0), 120)


def test_the_numbers_are_those_of_the_embeddings(levels):
    clip = blinking(40.0)
    found = syncnet.measure(clip, levels, crop="none")
    light = np.array([(frame.mean() - 60) / 140 for frame in clip.frames])
    seen = np.lib.stride_tricks.sliding_window_view(light, 5)[:145]
    heard = levels.embed_speech(syncnet.mfcc(clip.waveform), 145)
    curve = [
        np.mean([np.linalg.norm(seen[i] - heard[i + k]) for i in range(145) if 0 <= i + k < 145])
        for k in range(-15, 16)
    ]
    np.testing.assert_allclose(found.distances, curve)
    assert (found.lse_d, found.lse_c) == pytest.approx((min(curve), np.median(curve) - min(curve)))
    assert (found.lse_d, found.lse_c) == pytest.approx(metrics.lse([curve]))


def test_the_face_is_cut_out(levels):
    """The light is in the face alone."""
    clip = blinking(120.0)
    frames = []
    for frame in clip.frames:
        picture = np.full((240, 320, 3), 130, np.uint8)
        picture[60:200, 80:240] = frame[0, 0]
        frames.append(picture)
    clip = dataclasses.replace(clip, frames=frames)
    track = box_track(clip.frame_times, np.tile([130.0, 90.0, 170.0, 150.0], (150, 1)))
    found = syncnet.measure(clip, levels, tracks=(track,))
    assert found.offset_ms == 120.0
    assert found.distances == pytest.approx(syncnet.measure(blinking(120.0), levels, crop="none").distances)
    with pytest.raises(FaceError, match="no face 0"):
        syncnet.measure(clip, levels, tracks=())


def test_too_short(levels):
    message = r"made\.mp4: the face is seen with sound for 5 steps of 40 ms, SyncNet needs 6"
    with pytest.raises(MediaError, match=message):
        syncnet.measure(blinking(0.0, seconds=0.2), levels, crop="none")
    assert syncnet.measure(blinking(0.0, seconds=0.24), levels, crop="none").positions == 1
    with pytest.raises(MediaError, match="for 0 steps"):
        syncnet.measure(blinking(0.0, audio_start=30.0), levels, crop="none")


def test_through_the_networks(weights):
    found = syncnet.measure(blinking(0.0, seconds=0.6), weights, crop="none")
    assert (found.positions, len(found.distances), found.backbone[:8]) == (10, 31, "syncnet-")
    assert 0 < found.lse_d < np.inf
    assert np.isnan(found.distances[:5]).all()
