"""A photograph that speaks: warps the mouth, jaw, eyelids and head of the bundled portrait.

The lips are two layers that are bent by thin-plate splines, one for all above the mouth's opening and one
for all below. Where they part, the inside of the mouth is seen: the portrait's own teeth, which stay with
the skull, and the dark behind them.

Shapes: H W picture, N control points, 2 = x, y in pixels of the picture.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from avsync.articulation import Pose
from avsync.warp import Box, Spline, border_fade, enlarge, pixels, sample

SIDE = 480
"""Width and height of the picture in pixels."""
NECK = (0.49 * SIDE, 0.78 * SIDE)
"""Where the head turns, x, y in pixels."""
Sway = tuple[float, float, float]
"""The head's move to the right and down in pixels, and its turn in radians."""
TEETH_SHADE = 0.88
LASHES = 4.0
"""Pixels above the edge of the upper lid that are lashes."""
THROAT, TONGUE = np.array([38.0, 14.0, 14.0]), np.array([122.0, 54.0, 54.0])


@dataclass(frozen=True, slots=True)
class Portrait:
    """The still picture with the points that the warp needs, both at the size of the output."""

    picture: np.ndarray
    """(SIDE, SIDE, 3) float32, RGB 0..255."""
    skin: np.ndarray
    """(SIDE, SIDE, 3) float32: the picture with the teeth painted over in the colour of the nearest lip."""
    teeth: np.ndarray
    """(SIDE, SIDE, 3) float32: the picture in the light that falls into a mouth."""
    tooth: np.ndarray
    """(SIDE, SIDE) float32: 1 where `teeth` shows teeth, 0 elsewhere."""
    points: dict[str, np.ndarray]
    """Name to (N, 2) x, y in pixels."""


@cache
def load_portrait() -> Portrait:
    """Read the portrait of the package and enlarge it."""
    from scipy import ndimage  # here, because it is slow to import

    assets = resources.files("avsync") / "assets"
    page = json.loads((assets / "portrait.json").read_text(encoding="utf-8"))
    with (assets / page["picture"]).open("rb") as file, Image.open(file) as image:
        still = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    scale = SIDE / page["size"][0]
    points = {name: np.array(rows, float) * scale for name, rows in page["points"].items()}
    sharpened = still.filter(ImageFilter.UnsharpMask(radius=2, percent=60, threshold=2))
    outline = np.concatenate([points["upper_inner"], points["lower_inner"][-2:0:-1]])
    centre = outline.mean(0)
    mask = Image.new("L", (SIDE * 4, SIDE * 4))
    ImageDraw.Draw(mask).polygon([tuple(p) for p in (4 * (centre + 0.97 * (outline - centre)))], fill=255)
    mask = mask.resize((SIDE, SIDE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1.0))
    picture, tooth = np.asarray(sharpened, np.float32), np.asarray(mask, np.float32) / 255.0
    nearest = ndimage.distance_transform_edt(tooth > 0.02, return_distances=False, return_indices=True)
    filled = picture[nearest[0], nearest[1]]
    softened = ndimage.gaussian_filter(filled, (1.5, 1.5, 0))
    skin = np.where((tooth > 0.02)[..., None], softened, picture)
    return Portrait(picture, skin, picture * TEETH_SHADE, tooth, points)


class Puppet:
    """Draws the portrait with any pose of the mouth, the lids and the head."""

    def __init__(self) -> None:
        self.portrait = load_portrait()
        points = self.portrait.points
        left, right = points["upper_outer"][0], points["upper_outer"][-1]
        self.half_width = float(np.linalg.norm(right - left) / 2)
        self.origin = (left + right) / 2
        along = (right - left) / np.linalg.norm(right - left)
        self.axes = np.stack([along, [-along[1], along[0]]])  # rows: along the mouth, down the face
        self.inner = {name: self._to_mouth(points[name]) for name in points if "inner" in name}
        self.outer = {name: self._to_mouth(points[name]) for name in points if "outer" in name}
        self.seam_y = float(self.inner["upper_inner"][5, 1] * 0.5 + self.inner["lower_inner"][5, 1] * 0.5)
        x, y = self.origin
        self.box = (int(x) - 124, int(y) - 80, int(x) + 124, int(y) + 128)
        self.spline = Spline(self.box)
        self.head = _head_weight()
        self.still = torch.from_numpy(self.portrait.picture).permute(2, 0, 1)[None]
        self.skin = torch.from_numpy(self.portrait.skin).permute(2, 0, 1)[None]
        self.lids = _Lids(points)

    def _to_mouth(self, xy: np.ndarray) -> np.ndarray:
        uv: np.ndarray = (xy - self.origin) @ self.axes.T
        return uv

    def _to_picture(self, uv: np.ndarray) -> np.ndarray:
        xy: np.ndarray = uv @ self.axes + self.origin
        return xy

    def draw(self, pose: Pose, *, blink: float = 0.0, sway: Sway = (0.0, 0.0, 0.0)) -> np.ndarray:
        """One frame, (SIDE, SIDE, 3) uint8 RGB; `blink`: 0 eyes open, 1 shut."""
        frame = self.still.clone()
        left, top, right, bottom = self.box
        frame[0, :, top:bottom, left:right] = self._mouth_region(pose)
        if blink > 0.0:
            self.lids.close(frame, blink)
        moved = sample(frame, self._sway_origins(*sway))
        return moved[0].permute(1, 2, 0).add(0.5).clamp(0, 255).to(torch.uint8).numpy()

    # --- mouth -----------------------------------------------------------------------------------

    def lip_lines(self, pose: Pose, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the upper and the lower inner lip run.

        In pixels below the line through the portrait's corners, at `s` (-1 left corner, 1 right corner).
        """
        smile = np.exp(-max(1.0 - pose.width, 0.0) / 0.2)
        corner = 11.0 * (1.0 - smile) + 5.0 * pose.opening
        middle = self.seam_y - 1.5 * pose.pout
        seam = corner + (middle - corner) * (1.0 - np.abs(s) ** 2.2)
        lens = np.clip(1.0 - (np.abs(s) / 0.97) ** 2, 0.0, None) ** (0.8 - 0.25 * pose.pout)
        gap = pose.opening * self.half_width * lens
        lift = 2.0 * pose.tuck * (1.0 - s**2)
        share = (
            0.22 + 0.2 * pose.pout
        )  # of the gap, by which the upper lip rises; the rest the lower lip falls
        return seam - share * gap - lift, seam + (1.0 - share) * gap - lift

    def _controls(self, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Control points (N, 2) in pixels: of the upper layer now and before, of the lower layer now and
        before.
        """
        points, scale = self.portrait.points, self.half_width
        moved: dict[str, np.ndarray] = {}
        for row, name in enumerate(("upper", "lower")):
            inner, outer = self.inner[f"{name}_inner"], self.outer[f"{name}_outer"]
            line = self.lip_lines(pose, inner[:, 0] / scale)[row]
            moved[f"{name}_inner"] = np.stack([inner[:, 0] * pose.width, line], 1)
            thick = outer[:, 1] - np.interp(outer[:, 0], inner[:, 0], inner[:, 1])
            red = 1.2 + 0.35 * pose.pout - 0.35 * pose.press - (0.75 * pose.tuck if row else 0.1 * pose.tuck)
            base = self.lip_lines(pose, outer[:, 0] / scale)[row]
            moved[f"{name}_outer"] = np.stack([outer[:, 0] * pose.width, base + thick * red], 1)
        now = {name: self._to_picture(uv) for name, uv in moved.items()}
        untucked = Pose(pose.opening, pose.width, pose.pout)
        lower_lip = self.lip_lines(untucked, np.zeros(1))[1][0] - self.inner["lower_inner"][5, 1]
        drop = 0.72 * lower_lip * self.axes[1]
        share = np.array([0.05, 0.2, 0.45, 0.7, 0.85, 0.95, 1.0, 1.0, 1.0, 0.95, 0.85, 0.7, 0.45, 0.2, 0.05])
        now["jaw"] = points["jaw"] + share[:, None] * drop
        now["chin"] = points["chin"] + drop
        lift = now["upper_outer"][5] - points["upper_outer"][5]
        now["philtrum"] = points["philtrum"] + 0.45 * lift
        beside, beside_now = [], []
        for end, side in ((0, -1.0), (-1, 1.0)):
            pull = now["upper_outer"][end] - points["upper_outer"][end]
            for distance, part in ((14.0, 0.6), (32.0, 0.25)):
                here = points["upper_outer"][end] + side * distance * self.axes[0]
                beside.append(here)
                beside_now.append(here + part * pull)
        fixed = np.concatenate([points[name] for name in ("nose", "cheeks", "temples")] + [_collar()])
        shared_now = np.concatenate([np.array(beside_now), now["jaw"], now["chin"], fixed])
        shared = np.concatenate([np.array(beside), points["jaw"], points["chin"], fixed])
        layers = []
        for name, extra in (("upper", ("philtrum",)), ("lower", ())):
            names = (f"{name}_inner", f"{name}_outer", *extra)
            layers.append(np.concatenate([*(now[n] for n in names), shared_now]))
            layers.append(np.concatenate([*(points[n] for n in names), shared]))
        return layers[0], layers[1], layers[2], layers[3]

    def _mouth_region(self, pose: Pose) -> torch.Tensor:
        """(3, h, w) float32: the box around the lower face with the mouth in this pose."""
        left, top, right, bottom = self.box
        upper_now, upper_before, lower_now, lower_before = self._controls(pose)
        upper = enlarge(self.spline(upper_now, upper_before), bottom - top, right - left)
        lower = enlarge(self.spline(lower_now, lower_before), bottom - top, right - left)
        here = pixels(self.box)
        uv = self._to_mouth(here.reshape(-1, 2)).reshape(here.shape)
        s = uv[..., 0] / (self.half_width * pose.width)
        line_upper, line_lower = self.lip_lines(pose, np.clip(s, -1.0, 1.0))
        below = np.clip(uv[..., 1] - (line_upper + line_lower) / 2 + 0.5, 0.0, 1.0)
        # Beside the mouth the two layers are one skin: far from the corners both are the mean of the two.
        inside = np.clip((1.06 - np.abs(s)) / 0.14, 0.0, 1.0)
        below = inside * below + (1.0 - inside) * 0.5
        origins = here + upper * (1.0 - below[..., None]) + lower * below[..., None]
        skin = sample(self.skin, origins)[0].permute(1, 2, 0).numpy()
        edge = np.clip((0.98 - np.abs(s)) * self.half_width * pose.width / 2.0, 0.0, 1.0)
        under_upper = np.clip(uv[..., 1] - line_upper + 0.6, 0.0, 1.0)
        over_lower = np.clip(line_lower - uv[..., 1] + 0.6, 0.0, 1.0)
        hole = under_upper * over_lower * edge
        inner = self._inside(pose, uv, s, line_upper, line_lower)
        fade = border_fade(self.box)[..., None]
        mixed = skin * (1.0 - hole[..., None]) + inner * hole[..., None]
        still = self.portrait.picture[top:bottom, left:right]
        return torch.from_numpy((mixed * fade + still * (1.0 - fade)).astype(np.float32)).permute(2, 0, 1)

    def _inside(
        self, pose: Pose, uv: np.ndarray, s: np.ndarray, line_upper: np.ndarray, line_lower: np.ndarray
    ) -> np.ndarray:
        """(h, w, 3): what is seen between the lips."""
        left, top, right, bottom = self.box
        depth = np.clip((uv[..., 1] - line_upper) / np.maximum(line_lower - line_upper, 1e-3), 0.0, 1.0)
        sides = 1.0 - np.minimum(s**2, 1.0)
        tongue = (
            np.clip((depth - 0.45) / 0.5, 0.0, 1.0) ** 1.5
            * min(pose.opening / 0.4, 1.0)
            * (0.2 + 0.8 * sides)
        )
        back = THROAT + (TONGUE - THROAT) * tongue[..., None]
        # Lips pushed forward hide the teeth.
        tooth = self.portrait.tooth[top:bottom, left:right, None] * (1.0 - 0.85 * pose.pout)
        # The upper lip throws a shadow on the teeth, and the corners of a narrow mouth are dark.
        light = np.clip(0.62 + (uv[..., 1] - line_upper) / 9.0, 0.0, 1.0) * np.minimum(
            0.5 + 0.75 * sides, 1.0
        )
        teeth = self.portrait.teeth[top:bottom, left:right] * light[..., None]
        mixed: np.ndarray = back * (1.0 - tooth) + teeth * tooth
        return mixed

    # --- head ------------------------------------------------------------------------------------

    def _sway_origins(self, right: float, down: float, turn: float) -> np.ndarray:
        here = pixels((0, 0, SIDE, SIDE))
        x, y = here[..., 0], here[..., 1]
        move_x = np.float32(right) - np.float32(turn) * (y - NECK[1])
        move_y = np.float32(down) + np.float32(turn) * (x - NECK[0])
        return np.stack([x - move_x * self.head, y - move_y * self.head], -1)


class _Lids:
    """Upper lids that slide down over the eyes."""

    def __init__(self, points: dict[str, np.ndarray]) -> None:
        self.parts: list[tuple[Box, np.ndarray, np.ndarray, np.ndarray]] = []
        for side in ("left", "right"):
            upper, lower, brow = (points[f"{side}_{name}"] for name in ("eye_upper", "eye_lower", "brow"))
            x0, x1 = int(upper[:, 0].min()) - 8, int(upper[:, 0].max()) + 8
            y0, y1 = int(brow[:, 1].min()), int(lower[:, 1].max()) + 10
            columns = np.arange(x0, x1, dtype=float)
            top = np.interp(columns, *_sorted(brow)) + 3.0
            lids = [np.interp(columns, *_sorted(line)) for line in (upper, lower)]
            self.parts.append(((x0, y0, x1, y1), top, lids[0], lids[1]))

    def close(self, frame: torch.Tensor, amount: float) -> None:
        """Shut the eyes of `frame` (1, 3, H, W) in place by `amount`, 0..1."""
        for box, top, upper, lower in self.parts:
            here = pixels(box)
            y = here[..., 1]
            edge = upper + amount * (np.maximum(lower - upper, 0.0) + 3.0)
            # Only the skin of the lid stretches; the lashes at its edge move as they are.
            lash, lash_now = upper - LASHES, edge - LASHES
            stretched = top + (y - top) * np.maximum(lash - top, 1.0) / np.maximum(lash_now - top, 1.0)
            origin_y = np.where(y < lash_now, stretched, y - edge + upper)
            past = np.clip((y - edge - 1.0) / 2.0, 0.0, 1.0)
            origin_y = np.where(y < top, y, origin_y * (1.0 - past) + y * past)
            origins = np.stack([here[..., 0], origin_y], -1)
            x0, y0, x1, y1 = box
            frame[0, :, y0:y1, x0:x1] = sample(frame, origins)[0]


def _sorted(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(points[:, 0])
    return points[order, 0], points[order, 1]


def _collar() -> np.ndarray:
    """Points of the suit and the background that never move."""
    return np.array([[120.0, 300.0], [150.0, 395.0], [240.0, 412.0], [320.0, 395.0], [345.0, 300.0]])


@cache
def _head_weight() -> np.ndarray:
    """(SIDE, SIDE): 1 on the head, 0 on the background far from it and on the suit."""
    here = pixels((0, 0, SIDE, SIDE)) / SIDE
    radius = np.hypot((here[..., 0] - 0.49) / 0.40, (here[..., 1] - 0.40) / 0.52)
    fade = np.clip((1.35 - radius) / 0.5, 0.0, 1.0)
    weight: np.ndarray = (fade * fade * (3.0 - 2.0 * fade)).astype(np.float32)
    return weight
