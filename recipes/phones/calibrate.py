r"""Measure how late edges come on speakers that were held out, and write the weights that ship.

    python recipes/phones/calibrate.py --weights RUN/hard/step-02000.safetensors --grid CACHE/grid \
        --out avsync/weights

Words are found in the sound of the development speakers of split.py, and of the clips of s1 that were held
out, as `align` finds them, and compared with `.align`. Starts behind a pause, starts behind a word, and ends
before a pause are each moved by the median of the development speakers' medians, where that is more than
`LEAST_MS` and lowers the mean error of both groups. Prints the errors of each kind of edge. The file is
called phones-<first 8 hex of its SHA-256>.safetensors.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from split import SMALL, VALIDATION, held_out

from avsync import weightfile
from avsync.alignment import Word
from avsync.phones import PhoneModel, read_phones
from avsync.speech import HOP, SAMPLE_RATE, Mel, log_mel_tensor
from avsync.utterances import Utterance, load_utterance
from avsync.words import align_posteriors

LEAST_MS = 5.0
"""Smaller medians are not told from chance with so few clips."""
KINDS = ("start behind a pause", "start behind a word", "end before a pause")
"""In the order of `PhoneConfig.late_ms`."""
TOUCH_S = 0.005
"""Words nearer to each other than this have an edge in common."""


def find(utterance: Utterance, listener: PhoneModel) -> list[Word]:
    """The words as `align` finds them in the sound."""
    waveform = torch.from_numpy(np.ascontiguousarray(utterance.waveform))[None]
    log_mel = log_mel_tensor(waveform)[0].numpy()
    times = utterance.audio_start + (np.arange(len(log_mel)) + 0.5) * HOP / SAMPLE_RATE
    return align_posteriors(listener.speech_posteriors(Mel(log_mel, times)), " ".join(utterance.words))


def errors(utterance: Utterance, words: list[Word]) -> Iterator[tuple[str, float]]:
    """Kind of edge, and error in ms (positive = late), for every edge of an utterance."""
    truth = utterance.word_times
    for n, (word, (start, end)) in enumerate(zip(words, truth, strict=True)):
        joint = n > 0 and start - truth[n - 1, 1] < TOUCH_S
        yield KINDS[int(joint)], 1000 * (word.heard_start - start)
        if n + 1 == len(words) or truth[n + 1, 0] - end >= TOUCH_S:
            yield KINDS[2], 1000 * (word.heard_end - end)


def measure(clips: list[Utterance], listener: PhoneModel) -> dict[str, dict[str, list[float]]]:
    """Errors by kind of edge and speaker."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        for kind, error in errors(clip, find(clip, listener)):
            found[kind][clip.speaker].append(error)
    return found


def late(development: dict[str, list[float]], others: dict[str, list[float]]) -> float:
    """What to take off: the median over speakers of their medians, 0 where it is small or does not help."""
    value = round(float(np.median([np.median(values) for values in development.values()])), 1)
    helps = [
        np.abs(errors - value).mean() < np.abs(errors).mean()
        for errors in (np.concatenate(list(group.values())) for group in (development, others))
    ]
    print(
        f"median of the speakers' medians {value:+.1f} ms; taking it off helps {[bool(one) for one in helps]}"
    )
    return value if abs(value) > LEAST_MS and all(helps) else 0.0


def report(title: str, found: dict[str, dict[str, list[float]]]) -> None:
    """One line a kind of edge."""
    for kind, by_speaker in sorted(found.items()):
        values = np.concatenate(list(by_speaker.values()))
        print(
            f"{title}, {kind}: n {len(values)}, {len(by_speaker)} speakers, "
            f"median {np.median(values):+.1f}, mean {values.mean():+.1f} ms, "
            f"within 50 ms {np.mean(np.abs(values) <= 50.001):.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint of train.py or harden.py")
    parser.add_argument("--grid", type=Path, required=True, help="cache of recipes/grid/prepare.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shipped file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = read_phones(options.weights)
    network.config = replace(network.config, late_ms=(0.0, 0.0, 0.0))

    def clips(names: tuple[str, ...]) -> list[Utterance]:
        paths = [path for name in names for path in sorted(options.grid.glob(f"{name}-*.npz"))]
        return [replace(load_utterance(path), lips=None) for path in paths]

    groups = {
        "development": clips(VALIDATION + SMALL),
        "s1 held out": [clip for clip in clips(("s1",)) if held_out(clip.name)],
    }
    found = {title: measure(group, network) for title, group in groups.items()}
    for title, kinds in found.items():
        report(title, kinds)
    first, following, end = (late(*(kinds[kind] for kinds in found.values())) for kind in KINDS)
    network.config = replace(network.config, late_ms=(first, following, end))
    if any(network.config.late_ms):
        for title, group in groups.items():
            report(f"{title}, {network.config.late_ms} ms taken off", measure(group, network))

    print(f"wrote {weightfile.ship(network, network.config, options.out, 'phones')}")


if __name__ == "__main__":
    main()
