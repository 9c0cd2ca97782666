"""Generate speech whose phone times are exact, with the diphone voices of festival.

    python recipes/phones/generate.py --speech CACHE/speech --count 1200 --out CACHE/phones

festival and its voices kal and ked (BSD-like licences, `apt-get install festival festvox-kallpc16k
festvox-kdlpc16k`) join recorded diphones at the times that they print. The sentences are the transcripts of
speechocean762, commands in the manner of GRID, and random words of the bundled dictionary, with varied tempo
and pitch. One .npz an utterance, deterministic for a seed. flite's voices come from
recipes/grid/prepare_speech.py.
"""

import argparse
import random
import string
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avsync import media
from avsync.pronounce import UNITS, dictionary
from avsync.utterances import PhoneTimes, Utterance, load_utterance, save_utterance

VOICES = ("kal", "ked")
AS_ARPABET = {
    "ax": "ah", "axr": "er", "ix": "ih", "dx": "t", "hv": "hh", "nx": "n", "pau": "sil", "h#": "sil",
    "brth": "sil",
}  # fmt: skip
"""festival's names for what `UNITS` calls otherwise; utterances with other names are left out."""
BATCH = 50
"""Sentences a run of festival."""


def command(chance: random.Random) -> str:
    """A sentence of GRID's grammar, with the words in it drawn freely."""
    choices = (
        "bin lay place set", "blue green red white", "at by in with", " ".join(string.ascii_lowercase),
        "zero one two three four five six seven eight nine", "again now please soon",
    )  # fmt: skip
    return " ".join(chance.choice(group.split()) for group in choices)


def sentence(chance: random.Random, texts: list[str], vocabulary: list[str]) -> str:
    """Something to say: 45 % transcripts, 25 % commands, 30 % random words."""
    draw = chance.random()
    if draw < 0.45 and texts:
        return chance.choice(texts)
    return command(chance) if draw < 0.7 else " ".join(chance.choices(vocabulary, k=chance.randint(3, 6)))


def script(voice: str, texts: list[str], folder: Path, chance: random.Random) -> str:
    """What festival has to do to speak `texts` into `folder`."""
    lines = [f"(voice_{voice}_diphone)"]
    for number, text in enumerate(texts):
        pitch, spread = chance.uniform(85, 200), chance.uniform(8, 24)
        lines += [
            f"(Parameter.set 'Duration_Stretch {chance.uniform(0.75, 1.3):.3f})",
            f"(set! int_lr_params '((target_f0_mean {pitch:.0f}) (target_f0_std {spread:.0f})"
            " (model_f0_mean 170) (model_f0_std 34)))",
            f'(set! said (utt.synth (Utterance Text "{text}")))',
            f'(utt.save.wave said "{folder}/{number}.wav" \'riff)',
            f'(utt.save.segs said "{folder}/{number}.segs")',
        ]
    return "\n".join(lines)


def phone_times(segments: str) -> PhoneTimes | None:
    """The phones of a file of `utt.save.segs` (end, colour, name a line); None with one that has no unit."""
    units, starts, ends, start = [], [], [], 0.0
    for line in segments.partition("#\n")[2].splitlines():
        end, _, name = line.split()
        name = AS_ARPABET.get(name, name)
        if name not in UNITS:
            return None
        if name != "sil":
            units.append(UNITS.index(name))
            starts.append(start)
            ends.append(float(end))
        start = float(end)
    return PhoneTimes(np.array(units), np.array(starts), np.array(ends)) if units else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech", type=Path, required=True, help="cache of prepare_speech.py: its texts")
    parser.add_argument("--count", type=int, default=1200, help="sentences to generate")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(options.seed)
    texts = [" ".join(load_utterance(path).words) for path in sorted(options.speech.glob("so-*.npz"))]
    vocabulary = sorted(word for word in dictionary() if word.isalpha() and 2 < len(word) < 11)
    for first in tqdm(range(0, options.count, BATCH), desc="festival"):
        voice = VOICES[first // BATCH % len(VOICES)]
        spoken = [sentence(chance, texts, vocabulary) for _ in range(BATCH)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "all.scm").write_text(script(voice, spoken, folder, chance))
            subprocess.run(["festival", "-b", str(folder / "all.scm")], check=True, capture_output=True)
            for number in range(BATCH):
                phones = phone_times((folder / f"{number}.segs").read_text())
                if phones is None:
                    continue
                clip = media.load(folder / f"{number}.wav")
                extent = np.array([[phones.starts[0], phones.ends[-1]]])
                utterance = Utterance(
                    f"festival{first + number}", voice, clip.waveform, clip.audio_start, ("generated",),
                    extent, None, phones,
                )  # fmt: skip
                save_utterance(utterance, options.out / f"fe-{first + number:05d}.npz")


if __name__ == "__main__":
    main()
