"""Generate speech of many synthetic throats with eSpeak NG, which tells the first sample of every phone.

    pip install --target SITE espeakng-loader
    python recipes/phones/generate_espeak.py --library SITE/espeakng_loader --speech CACHE/speech --count 3000 \
        --out CACHE/phones

Formant synthesis sounds like no person, but its accents (British, received pronunciation, Scottish, American)
and its variants differ in formants, pitch, breath and tempo. eSpeak NG is GPL software: it is a tool here
and no part of avsync; what it speaks is not under its licence. One .npz an utterance, deterministic for a
seed.
"""

import argparse
import ctypes
import random
from pathlib import Path

import numpy as np
from generate import sentence
from scipy.signal import resample_poly
from tqdm import tqdm

from avsync.media import SAMPLE_RATE
from avsync.pronounce import UNITS, dictionary
from avsync.utterances import PhoneTimes, Utterance, load_utterance, save_utterance

ACCENTS = ("en", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-us", "en-us")
ODD = {"AnxiousAndy", "Demonic", "UniRobot", "anikaRobot", "fast", "Mr serious", "Storm", "Tweaky"}
"""Variants that are hardly speech, besides whispers, croaks and robots."""
AS_ARPABET = {
    "p": "p", "b": "b", "t": "t", "t2": "t", "t#": "t", "?": "t", "*": "t", "d": "d", "d#": "d", "k": "k",
    "g": "g", "f": "f", "v": "v", "T": "th", "D": "dh", "s": "s", "z": "z", "z#": "z", "S": "sh", "Z": "zh",
    "h": "hh", "m": "m", "n": "n", "N": "ng", "l": "l", "l#": "l", "L": "l", "r": "r", "r-": "r", "R": "r",
    "w": "w", "w#": "w", "j": "y", "tS": "ch", "dZ": "jh", "a": "ae", "a2": "ae", "aa": "ae", "a#": "ah",
    "A:": "aa", "0": "aa", "0#": "ah", "O:": "ao", "O": "ao", "O2": "ao", "oU": "ow", "oU#": "ow",
    "OI": "oy", "E": "eh", "E2": "eh", "E#": "ih", "eI": "ey", "3:": "er", "3": "er", "@": "ah", "@2": "ah",
    "@5": "uh", "@-": "ah", "I": "ih", "I2": "ih", "I#": "ih", "i": "iy", "i:": "iy", "U": "uh", "u:": "uw",
    "u": "uw", "V": "ah", "aI": "ay", "aI2": "ay", "VR": "ah r", "aU": "aw", "i@": "ih r", "i@3": "ih r", "e@": "eh r", "U@": "uh r",
    "A@": "aa r", "O@": "ao r", "o@": "ao r", "aI@": "ay er", "aI3": "ay er", "aU@": "aw er", "@L": "ah l",
    "_": "sil", "_:": "sil", "_|": "sil", "_!": "sil", ";": "", "": "",
}  # fmt: skip
"""eSpeak's names; two phones share the time of a name 3 to 2, a name of none belongs to the phone before."""


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


PHONEME = 7
"""`espeakEVENT_PHONEME`."""
RATE, PITCH, RANGE = 1, 3, 4
"""Parameters of `espeak_SetParameter`."""


class Speaker:
    """eSpeak NG in this process."""

    def __init__(self, folder: Path) -> None:
        self.library = ctypes.CDLL(str(folder / "libespeak-ng.so"))
        # 2: hand the samples back; 1: tell phonemes; 0x8000: never end the process.
        self.rate = self.library.espeak_Initialize(2, 0, str(folder / "espeak-ng-data").encode(), 1 | 0x8000)
        self.sound: list[np.ndarray] = []
        self.events: list[tuple[int, str]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self.callback = kind(self._hear)  # kept, or it would be freed while it is used
        self.library.espeak_SetSynthCallback(self.callback)

    def _hear(self, samples, count, events) -> int:  # type: ignore[no-untyped-def]
        if samples and count > 0:
            self.sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type:
            if events[index].type == PHONEME:
                self.events.append((events[index].sample, events[index].name.decode("ascii", "replace")))
            index += 1
        return 0

    def say(
        self, text: str, voice: str, speed: int, pitch: int, spread: int
    ) -> tuple[np.ndarray, PhoneTimes | None]:
        """Sound at `SAMPLE_RATE` and its phones; None where one has no unit."""
        self.sound.clear()
        self.events.clear()
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice!r}")
        for parameter, value in ((RATE, speed), (PITCH, pitch), (RANGE, spread)):
            self.library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self.library.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
        waveform = np.concatenate(self.sound).astype(np.float32) / 32768
        end = len(waveform)
        resampled = resample_poly(waveform, SAMPLE_RATE // 50, self.rate // 50).astype(np.float32)
        return resampled, phone_times(self.events, end, self.rate)


def phone_times(events: list[tuple[int, str]], end: int, rate: int) -> PhoneTimes | None:
    """Phones of (first sample, eSpeak's name) events and the number of samples; None with an unknown one."""
    units, starts = [], []
    behind = [sample for sample, _ in events[1:]] + [end]
    for (sample, name), following in zip(events, behind, strict=True):
        plain = name.lstrip("',%=|").rstrip("|")
        if plain not in AS_ARPABET:
            return None
        for unit, share in zip(AS_ARPABET[plain].split(), (0.0, 0.6), strict=False):
            units.append(UNITS.index(unit))
            starts.append(sample + share * (following - sample))
    ends = [*starts[1:], float(end)]
    spoken = np.array(units) > 0
    if not spoken.any():
        return None
    return PhoneTimes(np.array(units)[spoken], np.array(starts)[spoken] / rate, np.array(ends)[spoken] / rate)


def variants(folder: Path) -> list[str]:
    """Names of the throats of eSpeak NG that sound like speech."""
    names = sorted(path.name for path in (folder / "espeak-ng-data" / "voices" / "!v").iterdir())
    return [
        name
        for name in names
        if name not in ODD and not any(part in name for part in ("whisper", "croak", "robo", "klatt", " "))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--library", type=Path, required=True, help="folder of the package espeakng_loader")
    parser.add_argument("--speech", type=Path, required=True, help="cache of prepare_speech.py: its texts")
    parser.add_argument("--count", type=int, default=3000, help="sentences to generate")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(options.seed)
    texts = [" ".join(load_utterance(path).words) for path in sorted(options.speech.glob("so-*.npz"))]
    vocabulary = sorted(word for word in dictionary() if word.isalpha() and 2 < len(word) < 11)
    throats = variants(options.library)
    speaker = Speaker(options.library)
    left_out = 0
    for number in tqdm(range(options.count), desc="eSpeak NG"):
        text = sentence(chance, texts, vocabulary)
        voice = f"{chance.choice(ACCENTS)}+{chance.choice(throats)}"
        waveform, phones = speaker.say(
            text, voice, chance.randint(120, 210), chance.randint(20, 80), chance.randint(20, 80)
        )
        if phones is None:
            left_out += 1
            continue
        level = 0.5 / (np.abs(waveform).max() + 1e-6)
        extent = np.array([[phones.starts[0], phones.ends[-1]]])
        utterance = Utterance(
            f"espeak{number}", voice, waveform * level, 0.0, ("generated",), extent, None, phones
        )
        save_utterance(utterance, options.out / f"es-{number:05d}.npz")
    print(f"{left_out} left out: a phone without a unit")


if __name__ == "__main__":
    main()
