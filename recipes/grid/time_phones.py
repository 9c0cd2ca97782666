"""Give the utterances of a cache the phone times that the acoustic phone network hears.

    python recipes/grid/time_phones.py CACHE/grid CACHE/speech

Held to the words of GRID, to the transcript alone where words have no times; generated speech keeps its own.
train.py begins with them, and needs no `--realign` of its own. Utterances that have phone times are passed.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from avsync import targets
from avsync.phones import load_phones
from avsync.utterances import load_utterance, save_utterance


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("caches", type=Path, nargs="+", help="folders of prepare.py or prepare_speech.py")
    options = parser.parse_args()
    listener = load_phones()
    paths = [path for folder in options.caches for path in sorted(folder.glob("*.npz"))]
    for path in tqdm(paths):
        utterance = load_utterance(path)
        if utterance.phones is None:
            known = utterance.timed
            save_utterance(targets.realign(targets.rough(utterance), listener, trusted_words=known), path)


if __name__ == "__main__":
    main()
