"""Prepare rendered faces: the bundled portrait says recorded sentences, for more words than GRID has.

    python recipes/grid/prepare_rendered.py CACHE/speech --out CACHE/rendered

Takes the sound of speechocean762 with its phone times (time_phones.py before), spread over the speakers, and
draws the portrait to it with another way to articulate for each sentence. The lips part at the burst of b and
p. What comes out is tracked as GRID is; its speaker is `rendered`, its offset 0.
"""

import argparse
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
from cache import RENDERED, fill, read

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmark"))

from zero_point import burst

from avsync import lips
from avsync.articulation import REST, Pose, TimedPhone, mouth_poses
from avsync.features import on_grid
from avsync.pronounce import UNITS
from avsync.puppet import Puppet
from avsync.speech import SAMPLE_RATE
from avsync.threads import one_thread
from avsync.utterances import Utterance, save_utterance

FPS = 25
"""Pictures a second, as GRID has."""
OPENING, WIDTH, POUT = (0.55, 1.4), (0.6, 1.2), (0.4, 1.2)
"""By how much a sentence opens, spreads and pushes forward the lips, as a multiple of `mouth_poses`."""
SWAY, SWAY_SIZE, SWAY_HZ = np.array([2.5, 1.6, 0.012]), (0.2, 2.0), (0.2, 0.9)
"""Moves of the head to the right and down (pixels) and its turn (radians), by how much a sentence multiplies
all three, and how often a second each swings."""
CHUNK = 12
"""Pictures that are tracked at a time."""
SECONDS = (2.0, 7.0)
"""Sentences of this length are taken."""
REST_S = 0.4
"""Seconds of picture before and after the sound."""
BURST_SLACK_S = 0.02
"""A burst is looked for so far behind the end of its phone."""
VOICELESS_CLOSED = 0.6
"""Share of a p whose burst is not found in which the lips are closed; of b and m they are to the end."""


def spread(utterances: list[Utterance], count: int) -> list[Utterance]:
    """`count` sentences, one of each speaker in turn."""
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        seconds = len(utterance.waveform) / SAMPLE_RATE
        if utterance.timed and utterance.phones and SECONDS[0] <= seconds <= SECONDS[1]:
            by_speaker[utterance.speaker].append(utterance)
    rounds = zip_longest(*by_speaker.values())
    return [utterance for row in rounds for utterance in row if utterance][:count]


def timed_phones(utterance: Utterance) -> list[TimedPhone]:
    """The phones with the releases of the lips."""
    assert utterance.phones is not None
    result = []
    for unit, start, end in zip(
        utterance.phones.units, utterance.phones.starts, utterance.phones.ends, strict=True
    ):
        name, release = UNITS[unit], None
        if name in ("b", "p"):
            release = burst(utterance, start, end + BURST_SLACK_S)
            if release is None or not start < release <= end + BURST_SLACK_S:
                release = end if name == "b" else start + VOICELESS_CLOSED * (end - start)
        result.append(TimedPhone(name, float(start), float(end), release and float(release)))
    return result


def pictures(
    phones: list[TimedPhone], times: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of times (n,) and pictures (n, H, W, 3) of a head with its own way to move."""
    # A picture shows the middle of the time for which it stands, as in `avsync.sample`.
    poses = mouth_poses(phones, times + 0.5 / FPS)
    opening, pout, width = rng.uniform(*OPENING), rng.uniform(*POUT), rng.uniform(*WIDTH)
    poses[:, 0] *= opening
    poses[:, 1] = REST.width + width * (poses[:, 1] - REST.width)
    poses[:, 2] *= pout
    pace, phase, size = rng.uniform(*SWAY_HZ, 3), rng.uniform(0, 2 * np.pi, 3), rng.uniform(*SWAY_SIZE)
    sway = np.sin(2 * np.pi * times[:, None] * pace + phase) * size * SWAY
    puppet = Puppet()
    for at in range(0, len(times), CHUNK):
        part = slice(at, at + CHUNK)
        drawn = [
            puppet.draw(Pose(*pose), sway=(moved[0], moved[1], moved[2]))
            for pose, moved in zip(poses[part], sway[part], strict=True)
        ]
        yield times[part], np.stack(drawn)


def prepare(utterance: Utterance, out: Path) -> str | None:
    """Cache one sentence; returns what was wrong, if anything."""
    target = out / f"{RENDERED}-{utterance.name}.npz"
    if target.exists():
        return None
    rng = np.random.default_rng(zlib.crc32(utterance.name.encode()))
    low, high = utterance.audio_start, utterance.audio_start + len(utterance.waveform) / SAMPLE_RATE
    times = np.arange(low - REST_S - rng.uniform(0, 1 / FPS), high + REST_S, 1 / FPS)
    with one_thread():
        tracks = lips.follow(pictures(timed_phones(utterance), times, rng))
    if not tracks:
        return f"{utterance.name}: no face"
    save_utterance(replace(utterance, speaker=RENDERED, lips=on_grid(tracks[0])), target)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speech", type=Path, help="cache of prepare_speech.py, with phone times")
    parser.add_argument("--out", type=Path, required=True, help="cache folder")
    parser.add_argument("--count", type=int, default=502, help="sentences to render")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    todo = spread(read(options.speech, "so-*"), options.count)
    fill(options.out, prepare, todo, options.workers, "rendered")


if __name__ == "__main__":
    main()
