"""Writes the reference outputs that `tests/test_face.py` compares with.

    python recipes/face_weights/reference.py litert MEDIAPIPE.whl FACE_DETECTION.tgz
    python recipes/face_weights/reference.py mediapipe

The first needs tflite and ai-edge-litert, the second mediapipe==0.10.21, which wants numpy below 2.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).parents[2] / "tests" / "data"
PORTRAIT = DATA / "portrait_360x288.jpg"
EVERY = 16  # of the detectors' boxes only each 16th is stored


def test_picture(size: int) -> np.ndarray:
    """(size, size, 3) uint8: a pattern with many frequencies that any numpy makes alike."""
    y, x, channel = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    return ((x * x * 3 + y * y * 5 + x * y * (channel + 1)) // 7 % 256).astype(np.uint8)


def litert_outputs(data: bytes, low: float) -> list[np.ndarray]:
    """Outputs of one .tflite file for its test picture scaled to [low, 1]."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    picture = test_picture(entry["shape"][1])
    interpreter.set_tensor(entry["index"], (picture / 255 * (1 - low) + low).astype(np.float32)[None])
    interpreter.invoke()
    outputs = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
    return sorted(outputs, key=np.size, reverse=True)


def write_litert(wheel: Path, tgz: Path) -> None:
    """Raw outputs of the three networks."""
    from convert import read_models

    models = read_models(wheel, tgz)
    arrays = {}
    for name in ("short_range", "full_range"):
        boxes, logits = litert_outputs(models[name], -1.0)
        arrays |= {f"{name}_boxes": boxes[0, ::EVERY], f"{name}_logits": logits[0, :, 0]}
    points, score = litert_outputs(models["mesh"], 0.0)
    arrays |= {"mesh_points": points.reshape(468, 3), "mesh_logit": score.reshape(1)}
    np.savez_compressed(DATA / "face_networks.npz", **arrays)


def write_mediapipe() -> None:
    """Landmarks (468, 2) of the portrait in picture pixels, by MediaPipe's own pipeline, once settled."""
    import mediapipe

    picture = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    height, width = picture.shape[:2]
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1) as mesh:
        for _ in range(12):
            face = mesh.process(picture).multi_face_landmarks[0]
    points = np.array([[point.x * width, point.y * height] for point in face.landmark], np.float32)
    np.savez_compressed(DATA / "face_portrait.npz", landmarks=points)


def main() -> None:
    """Writes one of the two reference files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    litert = commands.add_parser("litert")
    litert.add_argument("wheel", type=Path, help="mediapipe 0.10.21 wheel")
    litert.add_argument("tgz", type=Path, help="npm archive of @mediapipe/face_detection 0.4.1657300184")
    commands.add_parser("mediapipe")
    arguments = parser.parse_args()
    if arguments.command == "litert":
        write_litert(arguments.wheel, arguments.tgz)
    else:
        write_mediapipe()


if __name__ == "__main__":
    main()
