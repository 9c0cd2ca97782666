"""The three face networks as plain PyTorch modules: two BlazeFace detectors and FaceMesh.

The weights are Google MediaPipe's (Apache-2.0), converted by `recipes/face_weights/convert.py`.
Papers: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs";
Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs".

Shapes: `B` batch, `C` channels, `H` `W` size, `N` anchors.
"""

from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from avsync.errors import ModelError

WEIGHTS_FILE = Path(__file__).parent.parent / "weights" / "face-12164858.safetensors"
"""fp16 weights of all three networks; the name holds the first 8 hex digits of the file's SHA-256."""

_Network = TypeVar("_Network", bound=nn.Module)


def pad_same(x_BCHW: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's SAME padding: the odd pixel goes to the right and the bottom, unlike PyTorch's."""
    height, width = x_BCHW.shape[-2:]
    rows = max((-(-height // stride) - 1) * stride + kernel - height, 0)
    columns = max((-(-width // stride) - 1) * stride + kernel - width, 0)
    return F.pad(x_BCHW, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class SameConv(nn.Conv2d):
    """Convolution with SAME padding; at stride 1 and odd kernels this is PyTorch's own padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            x_BCHW = pad_same(x_BCHW, self.kernel_size[0], self.stride[0])
        return super().forward(x_BCHW)


class Pointwise(nn.Conv2d):
    """1x1 convolution as a matrix product over channels-last pixels: on CPUs twice as fast as `nn.Conv2d`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, H, W)."""
        y_BHWC = F.linear(x_BCHW.permute(0, 2, 3, 1), self.weight[:, :, 0, 0], self.bias)
        return y_BHWC.permute(0, 3, 1, 2)


def add_shortcut(residual_BCHW: Tensor, x_BCHW: Tensor, stride: int) -> Tensor:
    """Adds the block's input in place, halved by maximum when the block strides.

    A block may widen: then only its first channels get the input.
    """
    if stride == 2:
        x_BCHW = F.max_pool2d(x_BCHW, 2)
    residual_BCHW[:, : x_BCHW.shape[1]] += x_BCHW
    return residual_BCHW


class BlazeBlock(nn.Module):
    """Depthwise 3x3 and pointwise convolution with a residual; ReLU, or PReLU in the mesh."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, prelu: bool = False) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = SameConv(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = Pointwise(inputs, outputs)
        self.activation = nn.PReLU(outputs) if prelu else nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, H / stride, W / stride)."""
        residual = self.pointwise(self.depthwise(x_BCHW))
        activated: Tensor = self.activation(add_shortcut(residual, x_BCHW, self.stride))
        return activated


class DoubleBlazeBlock(nn.Module):
    """Two depthwise and pointwise pairs with a narrow middle; the full-range detector's block."""

    def __init__(self, inputs: int, middle: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = SameConv(inputs, inputs, 3, stride, groups=inputs)
        self.squeeze = Pointwise(inputs, middle)
        self.depthwise2 = SameConv(middle, middle, 3, groups=middle)
        self.expand = Pointwise(middle, outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, H / stride, W / stride)."""
        residual = F.relu(self.squeeze(self.depthwise(x_BCHW)))
        residual = self.expand(self.depthwise2(residual))
        return F.relu(add_shortcut(residual, x_BCHW, self.stride))


class ShortRangeDetector(nn.Module):
    """BlazeFace for faces that fill much of the picture.

    Input (B, 3, 128, 128) in [-1, 1]. Output: boxes and keypoints (B, 896, 16) in network pixels relative to
    the anchors, and logits (B, 896); the first 512 anchors are a 16x16 grid times 2, the others 8x8 times 6.
    """

    size = 128
    grids = ((16, 2), (8, 6))

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 24, 5, 2)
        widths = [24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88]
        strided = {32, 48}
        self.fine = nn.Sequential(*(BlazeBlock(a, b, 2 if b in strided else 1) for a, b in pairwise(widths)))
        self.coarse = nn.Sequential(BlazeBlock(88, 96, 2), *(BlazeBlock(96, 96) for _ in range(4)))
        self.fine_logit = Pointwise(88, 2)
        self.coarse_logit = Pointwise(96, 6)
        self.fine_box = Pointwise(88, 32)
        self.coarse_box = Pointwise(96, 96)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Picture to boxes and logits; see the class."""
        fine = self.fine(F.relu(self.stem(image_BCHW)))
        coarse = self.coarse(fine)
        fine_boxes, coarse_boxes = (
            _by_anchor(self.fine_box(fine), 16),
            _by_anchor(self.coarse_box(coarse), 16),
        )
        fine_logits, coarse_logits = (
            _by_anchor(self.fine_logit(fine), 1),
            _by_anchor(self.coarse_logit(coarse), 1),
        )
        return torch.cat([fine_boxes, coarse_boxes], 1), torch.cat([fine_logits, coarse_logits], 1)[..., 0]


class FullRangeDetector(nn.Module):
    """BlazeFace for smaller faces, with a feature pyramid (the dense variant).

    Input (B, 3, 192, 192) in [-1, 1]. Output as `ShortRangeDetector`, with 2304 anchors: a 48x48 grid.
    """

    size = 192
    grids = ((48, 1),)

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        block = DoubleBlazeBlock
        self.down4 = nn.Sequential(
            block(32, 8, 32), block(32, 8, 32), block(32, 12, 48, 2), block(48, 12, 48), block(48, 16, 64)
        )
        self.down8 = nn.Sequential(block(64, 24, 96, 2), block(96, 32, 128), block(128, 32, 128))
        self.down16 = nn.Sequential(block(128, 36, 144, 2), block(144, 48, 192), block(192, 64, 256))
        self.down32 = nn.Sequential(block(256, 96, 384, 2), *(block(384, 96, 384) for _ in range(3)))
        self.top32, self.side16 = Pointwise(384, 96), Pointwise(256, 96)
        self.up16 = nn.Sequential(block(96, 48, 96), block(96, 48, 96))
        self.top16, self.side8 = Pointwise(96, 64), Pointwise(128, 64)
        self.up8 = nn.Sequential(block(64, 32, 64), block(64, 32, 64))
        self.top8, self.side4 = Pointwise(64, 48), Pointwise(64, 48)
        self.up4 = block(48, 24, 48)
        self.logit = Pointwise(48, 1)
        self.box = Pointwise(48, 16)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Picture to boxes and logits; see the class."""
        at4 = self.down4(F.relu(self.stem(image_BCHW)))
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        x = self.up16(F.relu(self.side16(at16)) + _double(F.relu(self.top32(at32))))
        x = self.up8(F.relu(self.side8(at8)) + _double(F.relu(self.top16(x))))
        x = self.up4(F.relu(self.side4(at4)) + _double(F.relu(self.top8(x))))
        return _by_anchor(self.box(x), 16), _by_anchor(self.logit(x), 1)[..., 0]


class FaceMesh(nn.Module):
    """FaceMesh: 468 surface points of one face.

    Input (B, 3, 192, 192) in [0, 1], the face upright in the middle. Output: points (B, 468, 3), x and y in
    pixels of the input and z of about the same scale, and the logit (B,) that a well aligned face is there.
    """

    size = 192

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 16, 3, 2)
        self.stem_activation = nn.PReLU(16)
        block = partial(BlazeBlock, prelu=True)
        self.trunk = nn.Sequential(
            *(block(16, 16), block(16, 16)),
            *(block(16, 32, 2), block(32, 32), block(32, 32)),
            *(block(32, 64, 2), block(64, 64), block(64, 64)),
            *(block(64, 128, 2), block(128, 128), block(128, 128)),
            *(block(128, 128, 2), block(128, 128), block(128, 128)),
        )
        self.point_blocks = nn.Sequential(block(128, 128, 2), block(128, 128), block(128, 128))
        self.point_squeeze = nn.Sequential(Pointwise(128, 32), nn.PReLU(32))
        self.point_last = block(32, 32)
        self.points = nn.Conv2d(32, 1404, 3)
        self.score_block = block(128, 128, 2)
        self.score_squeeze = nn.Sequential(Pointwise(128, 32), nn.PReLU(32))
        self.score_last = block(32, 32)
        self.score = nn.Conv2d(32, 1, 3)

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Picture to points and logits; see the class."""
        x = self.trunk(self.stem_activation(self.stem(image_BCHW)))
        points = self.points(self.point_last(self.point_squeeze(self.point_blocks(x))))
        score = self.score(self.score_last(self.score_squeeze(self.score_block(x))))
        return points.reshape(-1, 468, 3), score.reshape(-1)


def _by_anchor(x_BCHW: Tensor, values: int) -> Tensor:
    """(B, anchors * values, H, W) -> (B, H * W * anchors, values): anchors row by row."""
    batch = x_BCHW.shape[0]
    return x_BCHW.permute(0, 2, 3, 1).reshape(batch, -1, values)


def _double(x_BCHW: Tensor) -> Tensor:
    return F.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=False)


NETWORKS: dict[str, type[nn.Module]] = {
    "short_range": ShortRangeDetector,
    "full_range": FullRangeDetector,
    "mesh": FaceMesh,
}
"""The networks by their prefix in the weight file."""


@cache
def short_range(device: str = "cpu") -> ShortRangeDetector:
    """The detector for large faces with the bundled weights; raises `ModelError` when they are missing."""
    return _with_weights(ShortRangeDetector(), "short_range", device)


@cache
def full_range(device: str = "cpu") -> FullRangeDetector:
    """The detector for smaller faces with the bundled weights; raises `ModelError` when they are missing."""
    return _with_weights(FullRangeDetector(), "full_range", device)


@cache
def face_mesh(device: str = "cpu") -> FaceMesh:
    """The landmark network with the bundled weights; raises `ModelError` when they are missing."""
    return _with_weights(FaceMesh(), "mesh", device)


def _with_weights(network: _Network, name: str, device: str) -> _Network:
    """Fills a network with the bundled weights, as float32, ready for inference."""
    if not WEIGHTS_FILE.is_file():
        raise ModelError(f"{WEIGHTS_FILE} is missing: the installation is damaged. Install avsync again.")
    prefix = f"{name}."
    stored = load_file(WEIGHTS_FILE)
    state = {key.removeprefix(prefix): stored[key].float() for key in stored if key.startswith(prefix)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{WEIGHTS_FILE} does not fit {name}: {error}. Install avsync again.") from error
    network.requires_grad_(False)
    network.eval()
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
