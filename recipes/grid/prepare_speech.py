"""Prepare sound without pictures for the speech encoder's phones: speechocean762, and speech of flite.

    python recipes/grid/prepare_speech.py --speechocean DIR --flite 3000 --out CACHE/speech

speechocean762 (its README: free for commercial and non-commercial use) has transcripts, no times. flite
(BSD-like licence, `apt-get install flite`) prints the exact end of every phone it speaks; its sentences are
the transcripts of speechocean762 and random words of the bundled dictionary, in three voices, with varied
tempo and pitch. One .npz an utterance, deterministic for a seed.
"""

import argparse
import csv
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avsync import media
from avsync.pronounce import UNITS, dictionary
from avsync.utterances import PhoneTimes, Utterance, save_utterance

VOICES = ("slt", "rms", "awb")
"""Voices of flite whose printed durations equal their sound (kal's do not)."""
AS_ARPABET = {"ax": "ah", "axr": "er", "ix": "ih", "pau": "sil", "h#": "sil", "brth": "sil"}
"""flite's names for what `UNITS` calls otherwise."""


def speechocean(folder: Path, out: Path) -> list[str]:
    """Cache every utterance of both lists; returns the transcripts."""
    texts = []
    for split in ("train", "test"):
        with (folder / f"{split}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in tqdm(rows, desc=f"speechocean762 {split}"):
            clip = media.load(folder / row["path"])
            words = tuple(row["text"].lower().split())
            texts.append(" ".join(words))
            name = Path(row["path"]).stem
            unknown = np.full((len(words), 2), np.nan)
            utterance = Utterance(name, row["speaker"], clip.waveform, clip.audio_start, words, unknown)
            save_utterance(utterance, out / f"so-{name}.npz")
    return texts


def generate(texts: list[str], count: int, out: Path, seed: int) -> None:
    """Let flite speak `count` sentences and keep its phone times."""
    chance = random.Random(seed)
    vocabulary = sorted(word for word in dictionary() if word.isalpha() and 2 < len(word) < 11)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        for number in tqdm(range(count), desc="flite"):
            random_words = " ".join(chance.choices(vocabulary, k=chance.randint(3, 6)))
            text = chance.choice(texts) if texts and chance.random() < 0.6 else random_words
            voice = chance.choice(VOICES)
            settings = [f"duration_stretch={chance.uniform(0.75, 1.35):.3f}"]
            settings.append(f"int_f0_target_mean={chance.uniform(85, 220):.0f}")
            command = ["flite", "-voice", voice, "-t", text, "-psdur", "-o", str(sound)]
            for setting in settings:
                command += ["--setf", setting]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            clip = media.load(sound)
            phones = _phones(printed)
            if not len(phones.units) or abs(_last(printed) - len(clip.waveform) / clip.sample_rate) > 0.02:
                continue
            extent = np.array([[phones.starts[0], phones.ends[-1]]])
            utterance = Utterance(
                f"flite{number}", voice, clip.waveform, clip.audio_start, ("generated",), extent, None, phones
            )
            save_utterance(utterance, out / f"fl-{number:05d}.npz")


def _last(printed: str) -> float:
    return float(printed.split()[-1].partition(":")[2])


def _phones(printed: str) -> PhoneTimes:
    units, starts, ends, start = [], [], [], 0.0
    for item in printed.split():
        name, _, end = item.partition(":")
        unit = UNITS.index(AS_ARPABET.get(name, name))
        if unit:
            units.append(unit)
            starts.append(start)
            ends.append(float(end))
        start = float(end)
    return PhoneTimes(np.array(units), np.array(starts), np.array(ends))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speechocean", type=Path, help="folder with train.csv and test.csv")
    parser.add_argument("--flite", type=int, default=0, help="sentences to generate")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    texts = speechocean(options.speechocean, options.out) if options.speechocean else []
    generate(texts, options.flite, options.out, options.seed)


if __name__ == "__main__":
    main()
