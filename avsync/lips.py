"""Mouth tracks: one stabilised grey mouth picture for every video frame and every face.

Coordinates are picture pixels with pixel i covering i to i + 1. Planar points are complex numbers here
(x + iy), so that a similarity transform is `a * p + b`: |a| the scale, its angle the rotation, b the shift.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from avsync import devices
from avsync.errors import ConfigError
from avsync.face.follow import Follower, Sighting
from avsync.face.mesh import window
from avsync.media import Clip, Frames

MOUTH_OUTLINE = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""Landmarks of the outer lip contour, clockwise from the left corner in the picture."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the grey picture (ITU-R BT.601)."""

# Eye corners, nose bridge, forehead and temples: points that speech does not move. Their places on a frontal
# face (x, y, z) in units of the distance between the outer eye corners (33, 263), origin between these:
# medians over 21 speakers of the GRID corpus, made symmetric. One side; `_template` adds the mirror image.
RIGID_MIDDLE = {
    168: (-0.037, -0.246),
    6: (0.051, -0.291),
    197: (0.134, -0.345),
    8: (-0.118, -0.259),
    9: (-0.218, -0.278),
    151: (-0.421, -0.249),
}
RIGID_PAIRS = {
    (33, 263): (0.499, 0.000, 0.000),
    (133, 362): (0.191, 0.021, -0.058),
    (127, 356): (0.777, 0.060, 0.557),
    (162, 389): (0.768, -0.117, 0.434),
    (21, 251): (0.732, -0.261, 0.279),
    (54, 284): (0.664, -0.394, 0.140),
}


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """How mouths are tracked and cut out."""

    crop_size: int = 96
    """Side of a mouth picture in pixels."""
    crop_span: float = 1.15
    """Side of a mouth picture on the face, as a multiple of the distance between the outer eye corners."""
    pose_sigma: float = 0.08
    """Smoothing of the face's position, scale and rotation: standard deviation of a Gaussian in seconds."""
    centre_sigma: float = 0.5
    """Smoothing of the mouth's place on the face in seconds: long, so that lips and jaw move in the crop."""
    centre_slack: float = 0.12
    """The mouth may leave its smoothed place by this share of the distance between the outer eye corners
    before the crop follows: more than lips and jaw do, less than a head that nods deeply."""
    longest_gap: float = 0.25
    """A face that is not seen for longer than this many seconds is smoothed anew."""
    shortest_track: float = 0.3
    """Faces that are seen for less than this many seconds altogether are dropped."""
    threshold: float = 0.5
    """Lowest score of the face detector and of the landmarks that counts as a face."""
    detect_every: int = 24
    """Frames between two runs of the face detector while faces are followed."""
    chunk: int = 12
    """Frames that are decoded and followed at a time."""
    max_faces: int = 8
    """At most this many faces are followed at a time, the largest first."""
    device: str = field(default_factory=devices.chosen)
    """Where the face networks run; by default where all do (`devices`)."""

    @property
    def horizon(self) -> float:
        """How many seconds before and after a frame take part in its smoothing."""
        return 3 * (self.centre_sigma + self.pose_sigma)

    def __post_init__(self) -> None:
        for name in ("crop_size", "detect_every", "chunk", "max_faces"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Give at least 1.")
        for name in ("crop_span", "pose_sigma", "centre_sigma"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}. Give more than 0.")


@dataclass(frozen=True, slots=True)
class LipTrack:
    """The mouth of one face over T frames of a clip: from the first that shows it to the last."""

    times: np.ndarray
    """(T,) float64 seconds: the clip's frame times, without those before and behind."""
    mouths: np.ndarray
    """(T, 96, 96) uint8 grey, stabilised; zeros where the face is not found."""
    landmarks: np.ndarray
    """(T, 468, 2) float32 picture pixels (x, y), not smoothed; NaN where not found."""
    boxes: np.ndarray
    """(T, 4) float32 mouth boxes x0, y0, x1, y1 in picture pixels; NaN where not found."""
    found: np.ndarray
    """(T,) bool."""
    face: int
    """0 for the face that is seen longest and largest."""

    def over(self, times: np.ndarray) -> "LipTrack":
        """The track over all pictures of its clip, at `times` (F,) seconds; those it lacks show no face.

        As it is where its own pictures are not among them.
        """
        known = np.searchsorted(times, self.times).clip(0, max(len(times) - 1, 0))
        if len(times) == len(self.times) or not np.array_equal(times[known], self.times):
            return self

        def spread(values: np.ndarray, fill: float) -> np.ndarray:
            wide = np.full((len(times), *values.shape[1:]), fill, values.dtype)
            wide[known] = values
            return wide

        return LipTrack(
            np.asarray(times, np.float64),
            spread(self.mouths, 0),
            spread(self.landmarks, np.nan),
            spread(self.boxes, np.nan),
            spread(self.found, False),
            self.face,
        )


def track(clip: Clip, config: TrackConfig | None = None) -> tuple[LipTrack, ...]:
    """Tracks every face of a clip; the one that is seen longest and largest comes first, no face gives ().

    Frames are read once and not kept. After a cut a face goes on as the same track when it looks the same in
    the same place; otherwise it gets a new one.
    """
    config = config or TrackConfig()
    chunks = _chunks(clip.frames, config.chunk)
    return follow(((clip.frame_times[at : at + len(part)], part) for at, part in chunks), config)


def follow(
    chunks: Iterable[tuple[np.ndarray, np.ndarray]],
    config: TrackConfig | None = None,
    *,
    patience: float = np.inf,
) -> tuple[LipTrack, ...]:
    """As `track`, of pictures that come in chunks: their times (n,) in seconds, and (n, H, W, 3) RGB or
    (n, H, W) grey.

    A chunk is not kept. Ends early, with no face, when none is seen in the first `patience` seconds.
    """
    config = config or TrackConfig()
    follower = Follower(config.detect_every, config.threshold, config.max_faces, config.device)
    cutters: dict[int, _Cutter] = {}
    times: list[float] = []
    for at, pictures in chunks:
        if pictures.ndim == 3:
            pictures = np.repeat(pictures[..., None], 3, axis=3)
        start = len(times)
        times.extend(float(time) for time in at)
        for sighting in follower.step(pictures, start):
            cutters.setdefault(sighting.face, _Cutter(times, config)).add(sighting, pictures, start)
        for cutter in cutters.values():
            cutter.cut_until(times[-1] - config.horizon)
        if not cutters and times[-1] - times[0] > patience:
            return ()
    for cutter in cutters.values():
        cutter.cut_until(np.inf)
    return _ranked([cutter for cutter in cutters.values() if cutter.seconds() >= config.shortest_track])


def _chunks(frames: Sequence[np.ndarray], size: int) -> Iterator[tuple[int, np.ndarray]]:
    """The frames in groups (n, H, W, 3), each with the index of its first."""
    if isinstance(frames, Frames):  # spares a copy of each frame
        yield from zip(range(0, len(frames), size), frames.batches(size), strict=True)
        return
    for start in range(0, len(frames), size):
        yield start, np.stack([frames[i] for i in range(start, min(start + size, len(frames)))])


def _ranked(cutters: "list[_Cutter]") -> tuple[LipTrack, ...]:
    """Tracks by frames seen times size of the face, the largest first."""
    order = sorted(cutters, key=lambda cutter: -cutter.prominence)
    return tuple(cutter.track(face) for face, cutter in enumerate(order))


def _template() -> tuple[np.ndarray, np.ndarray]:
    """Indices (R,) and places (R, 3) of the rigid points, their centroid moved to 0."""
    places = {index: (0.0, y, z) for index, (y, z) in RIGID_MIDDLE.items()}
    for (left, right), (x, y, z) in RIGID_PAIRS.items():
        places |= {left: (-x, y, z), right: (x, y, z)}
    points = np.array(list(places.values()))
    return np.array(list(places)), points - points.mean(axis=0)


RIGID, TEMPLATE = _template()


def fit_pose(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity from the frontal template to the picture, by least squares (Umeyama 1991), for n faces.

    points: (n, 468, 3). Returns complex `a` and `b`, both (n,). The scale comes from the points in space, so
    that a head that turns aside keeps its size.
    """
    rigid = points[:, RIGID].astype(np.float64)
    centred = rigid - rigid.mean(axis=1, keepdims=True)
    flat = centred[..., 0] + 1j * centred[..., 1]
    turn = flat @ np.conj(TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1])
    scale = np.sqrt((centred**2).sum(axis=(1, 2)) / (TEMPLATE**2).sum())
    place = rigid.mean(axis=1)
    return scale * turn / np.maximum(np.abs(turn), 1e-12), place[:, 0] + 1j * place[:, 1]


def smooth(times: np.ndarray, values: np.ndarray, sigma: float, at: np.ndarray, degree: int) -> np.ndarray:
    """Local polynomials with Gaussian weights through values (n, D) at `times` (n,), read at `at` (k,).

    Degree 1 does not drag a moving face back at the ends of a shot; degree 2 does not flatten a nod either
    (local regression: Cleveland 1979).
    """
    distance = (times[None, :] - at[:, None]) / sigma
    weights = np.exp(-0.5 * distance**2) * (np.abs(distance) <= 3)
    powers = distance[..., None] ** np.arange(degree + 1)
    weighted = powers * weights[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ powers
    # keeps the polynomial flat where there are too few frames for it
    normal += 1e-9 * np.diag(np.arange(degree + 1) > 0)
    constant = np.linalg.solve(normal, np.swapaxes(weighted, 1, 2))[:, 0]
    smoothed: np.ndarray = constant @ values
    return smoothed


@dataclass(slots=True)
class _Pending:
    """A frame whose mouth is not cut out yet, because frames after it take part in the smoothing."""

    index: int
    pose: tuple[complex, complex]
    mouth: complex  # the mouth's centre on the template
    patch: np.ndarray | None  # grey surroundings of the mouth, shrunk; None when cut already
    corner: tuple[int, int]
    shrink: int


@dataclass(slots=True)
class _Cutter:
    """Collects the frames of one face and cuts its mouths out as soon as the smoothing allows."""

    times: list[float]  # of all pictures so far; grows while they come
    config: TrackConfig
    prominence: float = 0.0
    _landmarks: dict[int, np.ndarray] = field(default_factory=dict)  # by the index of the picture
    _boxes: dict[int, np.ndarray] = field(default_factory=dict)
    _mouths: dict[int, np.ndarray] = field(default_factory=dict)
    _runs: list[list[_Pending]] = field(default_factory=list)
    _shot: int = -1

    def seconds(self) -> float:
        """How long the face is seen."""
        if len(self.times) < 2:
            return 0.0
        return float(len(self._boxes) * np.median(np.diff(self.times)))

    def track(self, face: int) -> LipTrack:
        """What was collected, from the first picture that shows the face to the last."""
        first, last = min(self._mouths), max(self._mouths)
        count, size = last + 1 - first, self.config.crop_size
        mouths = np.zeros((count, size, size), np.uint8)
        landmarks = np.full((count, 468, 2), np.nan, np.float32)
        boxes = np.full((count, 4), np.nan, np.float32)
        found = np.zeros(count, bool)
        for index in list(self._mouths):  # each is given up as it is copied
            at = index - first
            mouths[at], landmarks[at] = self._mouths.pop(index), self._landmarks.pop(index)
            boxes[at], found[at] = self._boxes.pop(index), True
        return LipTrack(np.array(self.times[first : last + 1]), mouths, landmarks, boxes, found, face)

    def add(self, sighting: Sighting, pictures: np.ndarray, start: int) -> None:
        """Takes the face's landmarks in some frames, and the surroundings of its mouth."""
        a, b = fit_pose(sighting.points)
        outline = sighting.points[:, MOUTH_OUTLINE, :2].astype(np.float64)
        centres = outline.mean(axis=1) @ np.array([1, 1j])
        on_template = (centres - b) / a
        boxes = np.concatenate([outline.min(axis=1), outline.max(axis=1)], axis=1)
        self.prominence += float(np.abs(a).sum())
        for k, index in enumerate(int(index) for index in sighting.indices):
            self._landmarks[index], self._boxes[index] = sighting.points[k, :, :2].copy(), boxes[k]
            last = self._runs[-1][-1] if self._runs else None
            if (
                last is None
                or sighting.shot != self._shot
                or self.times[index] - self.times[last.index] > self.config.longest_gap
            ):
                self._runs.append([])
            self._shot = sighting.shot
            patch, corner, shrink = self._surroundings(pictures[index - start], a[k], centres[k])
            self._runs[-1].append(_Pending(index, (a[k], b[k]), on_template[k], patch, corner, shrink))

    def _surroundings(
        self, picture: np.ndarray, a: complex, centre: complex
    ) -> tuple[np.ndarray, tuple[int, int], int]:
        """Grey square around the mouth with room for the smoothing to move the crop; shrunk when large."""
        side = self.config.crop_span * abs(a)
        turned = (abs(a.real) + abs(a.imag)) / abs(a)
        shrink = max(int(side / self.config.crop_size), 1)
        reach = int(np.ceil(side * (turned / 2 + 0.25) / shrink)) * shrink
        x, y = round(centre.real) - reach, round(centre.imag) - reach
        patch = window(picture, x, y, 2 * reach, shrink, repeat=True)
        grey = np.tensordot(np.array(LUMA, np.float32), patch.numpy(), axes=1)
        return np.rint(grey).astype(np.uint8), (x, y), shrink

    def cut_until(self, time: float) -> None:
        """Cuts out the mouths of all frames up to `time`, which later frames cannot change any more."""
        for run in self._runs:
            ready = [one for one in run if one.patch is not None and self.times[one.index] <= time]
            if ready:
                self._cut(run, ready)
        # Frames that are cut already are kept for as long as they take part in the smoothing.
        horizon = time - self.config.horizon
        runs = [[one for one in run if self.times[one.index] >= horizon] for run in self._runs]
        self._runs = [run for run in runs if run]

    def _cut(self, run: list[_Pending], ready: list[_Pending]) -> None:
        times = np.array([self.times[one.index] for one in run])
        at = np.array([self.times[one.index] for one in ready])
        a, b = np.array([one.pose for one in run]).T
        pose = np.stack([np.log(np.abs(a)), np.unwrap(np.angle(a)), b.real, b.imag], axis=1)
        size, angle, x, y = smooth(times, pose, self.config.pose_sigma, at, degree=2).T
        a, b = np.exp(size + 1j * angle), x + 1j * y
        u, v = self._mouth_places(times, np.array([one.mouth for one in run]), at).T
        centres = a * (u + 1j * v) + b
        for one, factor, centre in zip(ready, a, centres, strict=True):
            self._mouths[one.index] = self._sample(one, factor, centre)
            one.patch = None

    def _mouth_places(self, times: np.ndarray, mouths: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(k, 2) centres of the crops on the template: slow, but not far from the mouth of a nodding head."""
        places = np.stack([mouths.real, mouths.imag], axis=1)
        slow = smooth(times, places, self.config.centre_sigma, times, degree=1)
        apart = np.linalg.norm(places - slow, axis=1, keepdims=True)
        beyond = (places - slow) * np.maximum(1 - self.config.centre_slack / np.maximum(apart, 1e-9), 0.0)
        followed = smooth(times, beyond, self.config.pose_sigma, at, degree=1)
        centres: np.ndarray = slow[np.searchsorted(times, at)] + followed
        return centres

    def _sample(self, one: _Pending, a: complex, centre: complex) -> np.ndarray:
        """(crop_size, crop_size) uint8: the crop around `centre`, upright on the template, bilinear."""
        assert one.patch is not None
        side = one.patch.shape[0] * one.shrink
        turn = a * self.config.crop_span / side
        at = 2 * (centre - complex(*one.corner)) / side - (1 + 1j)
        affine = torch.tensor([[turn.real, -turn.imag, at.real], [turn.imag, turn.real, at.imag]]).float()
        size = self.config.crop_size
        with torch.inference_mode():
            grid = F.affine_grid(affine[None], [1, 1, size, size], align_corners=False)
            patch = torch.from_numpy(one.patch).float()[None, None]
            crop = F.grid_sample(patch, grid, padding_mode="border", align_corners=False)
        return crop[0, 0].round().to(torch.uint8).numpy()
