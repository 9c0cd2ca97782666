"""Detector, landmarks and networks against stored outputs of LiteRT and MediaPipe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avsync.errors import ModelError
from avsync.face import mesh, networks
from avsync.face.detect import detect, overlap

DATA = Path(__file__).parent / "data"
EYES = (33, 133), (362, 263)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(1, 288, 360, 3) uint8 with one face about 105 pixels wide."""
    return np.array(Image.open(DATA / "portrait_360x288.jpg").convert("RGB"))[None]


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """(468, 2) landmarks of the portrait by MediaPipe's own pipeline."""
    points: np.ndarray = np.load(DATA / "face_portrait.npz")["landmarks"]
    return points


def pattern(size: int, low: float) -> torch.Tensor:
    """The input of `face_networks.npz`, see recipes/face_weights/reference.py."""
    y, x, channel = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    picture = ((x * x * 3 + y * y * 5 + x * y * (channel + 1)) // 7 % 256).astype(np.uint8)
    scaled = (picture / 255 * (1 - low) + low).astype(np.float32)
    return torch.from_numpy(scaled).permute(2, 0, 1)[None]


@pytest.mark.parametrize("name", ["short_range", "full_range"])
def test_detectors_equal_litert(name: str) -> None:
    expected = np.load(DATA / "face_networks.npz")
    network = getattr(networks, name)()
    with torch.inference_mode():
        boxes, logits = network(pattern(network.size, -1.0))
    np.testing.assert_allclose(boxes[0, ::16].numpy(), expected[f"{name}_boxes"], atol=5e-4)
    np.testing.assert_allclose(logits[0].numpy(), expected[f"{name}_logits"], atol=5e-4)


def test_mesh_equals_litert() -> None:
    expected = np.load(DATA / "face_networks.npz")
    with torch.inference_mode():
        points, logits = networks.face_mesh()(pattern(192, 0.0))
    np.testing.assert_allclose(points[0].numpy(), expected["mesh_points"], atol=5e-4)
    np.testing.assert_allclose(logits.numpy(), expected["mesh_logit"], atol=5e-4)


def test_networks_do_not_depend_on_the_batch() -> None:
    pictures = torch.cat([pattern(192, 0.0).roll(shift, dims=3) for shift in range(5)])
    with torch.inference_mode():
        together, _ = networks.face_mesh()(pictures)
        alone = torch.cat([networks.face_mesh()(one[None])[0] for one in pictures])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)


def test_detector_finds_the_face_and_its_eyes(portrait: np.ndarray, reference: np.ndarray) -> None:
    (face,) = detect(portrait)[0]
    assert face.score > 0.8
    box = np.concatenate([reference.min(axis=0), reference.max(axis=0)])
    assert overlap(box, face.box[None])[0] > 0.6
    for keypoint, corners in zip(face.keypoints[:2], EYES, strict=True):
        assert np.linalg.norm(keypoint - reference[list(corners)].mean(axis=0)) < 5


def test_landmarks_equal_mediapipe(portrait: np.ndarray, reference: np.ndarray) -> None:
    roi = mesh.roi_from_detection(detect(portrait)[0][0])
    result = mesh.landmarks(portrait, np.array([0]), roi[None], passes=3)
    assert result.scores[0] > 0.95
    assert np.linalg.norm(result.points[0, :, :2] - reference, axis=1).mean() <= 0.5


def test_landmarks_equal_mediapipe_more_closely_with_its_own_roi(
    portrait: np.ndarray, reference: np.ndarray
) -> None:
    result = mesh.landmarks(portrait, np.array([0]), mesh.rois_from_points(reference[None]))
    assert np.linalg.norm(result.points[0, :, :2] - reference, axis=1).mean() <= 0.2


@pytest.mark.parametrize(("degrees", "scale"), [(25.0, 1.0), (-40.0, 1.0), (10.0, 3.0)])
def test_landmarks_turn_and_grow_with_the_picture(
    portrait: np.ndarray, reference: np.ndarray, degrees: float, scale: float
) -> None:
    turn = np.exp(1j * np.radians(degrees)) * scale
    centre = complex(*reference.mean(axis=0))
    target = 300 * scale / 2 * (1 + 1j)
    back = 1 / turn
    # PIL wants the map from the new picture to the old one.
    shift = centre - back * target
    matrix = (back.real, -back.imag, shift.real, back.imag, back.real, shift.imag)
    size = (round(300 * scale), round(300 * scale))
    picture = Image.fromarray(portrait[0]).transform(
        size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    pictures = np.array(picture)[None]
    roi = mesh.roi_from_detection(detect(pictures)[0][0])
    found = mesh.landmarks(pictures, np.array([0]), roi[None], passes=3).points[0]
    expected = turn * (reference @ np.array([1, 1j]) - centre) + target
    assert np.abs(found[:, 0] + 1j * found[:, 1] - expected).mean() < 1.2 * scale


def test_mesh_result_does_not_depend_on_the_company(portrait: np.ndarray) -> None:
    roi = mesh.roi_from_detection(detect(portrait)[0][0])
    rois = roi * np.array([[1, 1, factor, 1] for factor in (0.9, 1.0, 1.1, 1.3, 2.1, 1.0, 0.8, 1.2)])
    together = mesh.landmarks(portrait, np.zeros(8, int), rois).points
    alone = np.concatenate([mesh.landmarks(portrait, np.zeros(1, int), one[None]).points for one in rois])
    np.testing.assert_allclose(together, alone, atol=0.01)


def test_tiles_find_a_small_face(portrait: np.ndarray) -> None:
    scene = np.full((1, 720, 1280, 3), 90, np.uint8)
    small = np.array(Image.fromarray(portrait[0]).resize((120, 96), Image.Resampling.LANCZOS))
    scene[0, 300:396, 800:920] = small  # the face is 35 pixels wide
    assert detect(scene)[0] == []
    (face,) = detect(scene, tiles=True)[0]
    x, y = (face.box[:2] + face.box[2:]) / 2
    assert abs(x - 855) < 6
    assert abs(y - 343) < 6


def test_two_faces_are_two_detections(portrait: np.ndarray) -> None:
    pair = np.concatenate([portrait, portrait[:, :, ::-1]], axis=2)
    boxes = np.array([face.box for face in detect(pair)[0]])
    assert len(boxes) == 2
    assert sorted((boxes[:, 0] + boxes[:, 2] > 720).tolist()) == [False, True]


def test_noise_has_no_face() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (2, 240, 320, 3), np.uint8)
    assert detect(noise, tiles=True) == [[], []]


def test_overlap() -> None:
    boxes = np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1.0, 1 / 3, 0.0])


def test_window_at_the_border() -> None:
    picture = np.arange(1, 13, dtype=np.uint8).reshape(3, 4, 1).repeat(3, axis=2)
    black = mesh.window(picture, -1, 1, 4)[0].numpy()
    assert black.tolist() == [[0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0], [0, 0, 0, 0]]
    repeated = mesh.window(picture, -1, 1, 4, repeat=True)[0].numpy()
    assert repeated.tolist() == [[5, 5, 6, 7], [9, 9, 10, 11], [9, 9, 10, 11], [9, 9, 10, 11]]
    assert not mesh.window(picture, 40, -70, 4).any()


def test_missing_weights_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(networks, "WEIGHTS_FILE", tmp_path / "face-0.safetensors")
    networks.short_range.cache_clear()
    with pytest.raises(ModelError, match=r"face-0\.safetensors is missing.*Install avsync again"):
        networks.short_range()
