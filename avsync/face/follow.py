"""Follows every face of a video from picture to picture, shot by shot.

The detector runs only at the start of a shot, every `detect_every` pictures and after a loss. In between, the
landmarks of a chunk's last picture are found from the ROI before the chunk, the ROIs of the pictures between
are interpolated, and the mesh runs on all of them at once. When the face moves too much for that, the chunk
is halved, down to single pictures.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from avsync.face import mesh
from avsync.face.detect import Detection, detect, overlap
from avsync.face.shots import ShotFinder

SAME_FACE_IOU = 0.3
"""Landmark boxes of neighbouring pictures that overlap this much belong to the same face."""

SAME_PORTRAIT = 0.8
"""After a cut or a loss, a face in the same place whose portrait correlates this well is the same face."""

EYES = ((33, 133), (362, 263))
"""Landmarks at the corners of the two eyes, left in the picture first."""

STRAY_EYES = 0.15
"""Landmarks have strayed when their eyes are this share of its box off the detector's (0.1 in profile)."""

PORTRAIT_SIZE = 24
"""Side of the grey portrait that is compared across cuts, in pixels."""

MOVED = 0.15
"""A chunk is halved when a face shifts or grows in it by more than this share of its ROI's side.

Or when it turns by more than twice this in radians.
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in some pictures of one shot."""

    face: int
    """Number of the face, from 0 in order of appearance."""
    shot: int
    """Number of the shot, from 0."""
    indices: np.ndarray
    """(k,) int: index of each picture in the video, ascending."""
    points: np.ndarray
    """(k, 468, 3) float32 landmarks in picture pixels."""


@dataclass(slots=True)
class _Face:
    """A face that is being followed, or was."""

    number: int
    roi: np.ndarray
    box: np.ndarray
    portrait: np.ndarray
    fresh: bool = True  # the ROI belongs to the first picture of the coming chunk, not to the one before


@dataclass(slots=True)
class Follower:
    """Finds and follows faces chunk by chunk; call `step` with consecutive chunks of one video."""

    detect_every: int = 24
    """Pictures between two runs of the detector while faces are followed."""
    threshold: float = 0.5
    """Lowest score of the detector and of the mesh that counts as a face."""
    max_faces: int = 8
    """At most this many faces are followed at a time, the largest first."""
    device: str = "cpu"
    """Where the networks run."""
    _active: list[_Face] = field(default_factory=list)
    _lost: list[_Face] = field(default_factory=list)
    _faces: int = 0
    _shot: int = -1
    _next_detection: int = 0
    _next_tiles: int = 0
    _shots: ShotFinder = field(default_factory=ShotFinder)

    def step(self, pictures: np.ndarray, start: int) -> list[Sighting]:
        """Faces in the next chunk (n, H, W, 3) uint8 RGB; its first picture is number `start` in all."""
        sightings: list[Sighting] = []
        cuts = self._shots.cuts(pictures)
        bounds = sorted({0, *cuts, len(pictures)})
        for first, last in pairwise(bounds):
            if first in cuts:
                self._begin_shot()
            part = pictures[first:last]
            self._look_for_faces(part, start + first, new_shot=first in cuts)
            for face in list(self._active):
                found, points = self._follow(face, part, start + first)
                if found.any():
                    indices = start + first + np.flatnonzero(found)
                    sightings.append(Sighting(face.number, self._shot, indices, points[found]))
            self._drop_doubles()
        return sightings

    def _begin_shot(self) -> None:
        self._shot += 1
        self._lost = self._active + [face for face in self._lost if face.number not in self._numbers()]
        self._active = []

    def _numbers(self) -> set[int]:
        return {face.number for face in self._active}

    def _look_for_faces(self, pictures: np.ndarray, index: int, *, new_shot: bool) -> None:
        """Runs the detector on the first picture when it is time to, and begins to follow what is new."""
        if self._active and not new_shot and index < self._next_detection:
            return
        self._next_detection = index + self.detect_every
        # Tiles cost much, so a scene without faces is not searched so thoroughly all the time.
        tiles = not self._active and (new_shot or index >= self._next_tiles)
        if tiles:
            self._next_tiles = index + 2 * self.detect_every
        found = detect(pictures[:1], threshold=self.threshold, tiles=tiles, device=self.device)[0]
        for face in self._active:
            self._set_right(face, pictures, found)
        for detection in sorted(found, key=_side, reverse=True):
            if len(self._active) >= self.max_faces:
                break
            result = self._anchor(pictures, mesh.roi_from_detection(detection))
            if result.scores[0] < self.threshold or _eye_error(result, detection) > STRAY_EYES:
                continue
            roi, box = result.rois[0], _boxes(result.points)[0]
            if self._active and overlap(box, np.stack([f.box for f in self._active])).max() >= SAME_FACE_IOU:
                continue
            portrait = self._portrait(pictures, 0, roi)
            number = self._recognise(box, portrait)
            self._active.append(_Face(number, roi, box, portrait))

    def _set_right(self, face: _Face, pictures: np.ndarray, found: list[Detection]) -> None:
        """Takes the ROI from the detector when the landmarks have strayed from the face that it sees."""
        near = _nearest(face.box, found)
        if near is None or _eye_error(self._anchor(pictures, face.roi), near) <= STRAY_EYES:
            return
        result = self._anchor(pictures, mesh.roi_from_detection(near))
        if result.scores[0] >= self.threshold and _eye_error(result, near) <= STRAY_EYES:
            face.roi, face.box, face.fresh = result.rois[0], _boxes(result.points)[0], True

    def _recognise(self, box: np.ndarray, portrait: np.ndarray) -> int:
        """Number of the lost face that this is, or a new number."""
        for face in self._lost:
            same_place = overlap(box, face.box[None])[0] >= SAME_FACE_IOU
            if same_place and float(portrait @ face.portrait) >= SAME_PORTRAIT:
                self._lost.remove(face)
                return face.number
        self._faces += 1
        return self._faces - 1

    def _portrait(self, pictures: np.ndarray, position: int, roi: np.ndarray) -> np.ndarray:
        """(PORTRAIT_SIZE ** 2,) grey face with mean 0 and length 1, so that a product correlates."""
        tight = roi * np.array([1, 1, 1 / mesh.ROI_MARGIN, 1])
        image = mesh.sample_squares(pictures, np.array([position]), tight[None], PORTRAIT_SIZE)[0]
        grey = image.mean(0).numpy().ravel().astype(np.float64)
        grey -= grey.mean()
        return grey / max(float(np.linalg.norm(grey)), 1e-9)

    def _follow(self, face: _Face, pictures: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Found (n,) and landmarks (n, 468, 3) of one face in part of one shot; updates or drops the face."""
        found, points = self._follow_through(face, pictures)
        if found.any():
            last = int(np.flatnonzero(found)[-1])
            face.portrait = self._portrait(pictures, last, face.roi)
        if not found[-1]:
            self._active.remove(face)
            self._lost.insert(0, face)
            self._next_detection = index + len(pictures)
        return found, points

    def _follow_through(self, face: _Face, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `_follow`; halves the pictures while the face moves too much between the first and the last."""
        count = len(pictures)
        end = self._find(face, pictures[-1:])
        if count > 1 and (end is None or not mesh.alike(face.roi[None], end.rois, MOVED)[0]):
            found, points = self._follow_through(face, pictures[: count // 2])
            if not found[-1]:  # what comes back later, the detector finds
                rest = count - count // 2
                return np.append(found, [False] * rest), np.concatenate([points, _nowhere(rest)])
            found_after, points_after = self._follow_through(face, pictures[count // 2 :])
            return np.append(found, found_after), np.concatenate([points, points_after])
        if end is None:
            return np.array([False]), _nowhere(1)
        rois = _rois_between(face.roi, end.rois[0], count, fresh=face.fresh)
        between = mesh.landmarks(pictures, np.arange(count - 1), rois, passes=2, device=self.device)
        # The ROI that the landmarks came from, not the one that they ask for: it wavers less.
        face.roi, face.box, face.fresh = end.rois[0], _boxes(end.points)[0], False
        return np.append(between.scores >= self.threshold, True), np.concatenate([between.points, end.points])

    def _find(self, face: _Face, pictures: np.ndarray) -> mesh.Mesh | None:
        """The face in a single picture, not long after it was seen.

        The mesh alone is trusted only when it stays about where the face was: on a ROI that is off by a fifth
        of its side it sees a face in a chin or a collar, with full score, and walks off slowly.
        """
        result = self._anchor(pictures, face.roi)
        lost = result.scores[0] < self.threshold
        if not lost and mesh.alike(face.roi[None], result.rois, MOVED / 2)[0]:
            return result
        near = _nearest(face.box, detect(pictures, threshold=self.threshold, device=self.device)[0])
        if near is not None:
            again = self._anchor(pictures, mesh.roi_from_detection(near))
            if again.scores[0] >= self.threshold:
                return again
        return None if lost else result

    def _anchor(self, pictures: np.ndarray, roi: np.ndarray) -> mesh.Mesh:
        """Landmarks in the first picture with a ROI that fits them closely."""
        return mesh.landmarks(
            pictures, np.array([0]), roi[None], passes=4, tolerance=0.02, device=self.device
        )

    def _drop_doubles(self) -> None:
        """Of two followers that ended up on one face, the later one gives up."""
        kept: list[_Face] = []
        for face in self._active:
            if kept and overlap(face.box, np.stack([one.box for one in kept])).max() >= 0.5:
                continue
            kept.append(face)
        self._active = kept


def _side(face: Detection) -> float:
    return float(face.box[2] - face.box[0])


def _nearest(box: np.ndarray, found: list[Detection]) -> Detection | None:
    """The detection that covers the landmark box best, if any does."""
    if not found:
        return None
    shares = overlap(box, np.stack([one.box for one in found]))
    # Boxes of the detector and of the landmarks differ even on a still face.
    return found[int(shares.argmax())] if shares.max() >= SAME_FACE_IOU / 2 else None


def _eye_error(result: mesh.Mesh, detection: Detection) -> float:
    """Mean distance of the first face's eyes from those that the detector sees, over its box's width."""
    eyes = result.points[0, EYES, :2].mean(axis=1)
    return float(np.linalg.norm(eyes - detection.keypoints[:2], axis=1).mean() / _side(detection))


def _boxes(points: np.ndarray) -> np.ndarray:
    """(n, 4) bounding boxes of landmarks (n, 468, 3)."""
    flat = points[..., :2].astype(np.float64)
    return np.concatenate([flat.min(axis=1), flat.max(axis=1)], axis=1)


def _nowhere(count: int) -> np.ndarray:
    """Landmarks (count, 468, 3) of a face that is not found."""
    return np.full((count, 468, 3), np.nan, np.float32)


def _rois_between(start: np.ndarray, end: np.ndarray, count: int, *, fresh: bool) -> np.ndarray:
    """ROIs (count - 1, 4) of all pictures of a chunk but the last, which has `end`.

    `start` belongs to the chunk's first picture when fresh, otherwise to the picture before it.
    """
    steps = np.arange(count - 1) / max(count - 1, 1) if fresh else np.arange(1, count) / count
    change = end - start
    change[3] = (change[3] + np.pi) % (2 * np.pi) - np.pi
    rois: np.ndarray = start + steps[:, None] * change
    return rois
