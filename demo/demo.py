"""Renders a talking head with a hidden offset, finds and repairs it, finds the words, shows the truth.

python demo/demo.py [--seed 7] [--text 1] [--out demo/out]
"""

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

import avsync
from avsync.threads import one_thread

HERE = Path(__file__).parent
HIDDEN_MS = (80.0, 450.0)
"""The hidden offset lies between these, early or late: clear to everyone who watches."""


def hidden_offset(seed: int) -> float:
    """An offset in milliseconds that the seed decides."""
    draw = random.Random(seed)
    return draw.choice((-1, 1)) * round(draw.uniform(*HIDDEN_MS), 1)


def step(text: str) -> None:
    """Announce a step, with the command line that does the same."""
    print(f"\n{text}", flush=True)


def compare_words(truth: avsync.SampleTruth, found: avsync.Alignment, moved: float) -> list[float]:
    """Print true and found word starts, return the errors in ms; the picture starts `moved` s later."""
    print(f"  {'word':<10}{'truth s':>10}{'found s':>10}{'error ms':>10}   frames     status")
    errors = []
    for true, word in zip(truth.words, found.words, strict=True):
        error = 1000.0 * (word.start - (true.start + moved))
        errors.append(error)
        frames = "-" if word.first_frame is None else f"{word.first_frame}-{word.last_frame}"
        start = true.start + moved
        print(
            f"  {true.text:<10}{start:>10.3f}{word.start:>10.3f}{error:>+10.0f}   {frames:<10} {word.status}"
        )
    return errors


def save_picture(video: Path, found: avsync.Alignment, target: Path) -> None:
    """Save the frame in the middle of the longest word."""
    clip = avsync.load(video)
    word = max(found.words, key=lambda word: word.end - word.start)
    index = int(np.argmin(np.abs(clip.frame_times - (word.start + word.end) / 2)))
    Image.fromarray(clip.frames[index]).save(target, quality=90)


def main() -> int:
    """Run the demo; 0 when the offset was found, 3 when it stays undetermined."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7, help="decides the hidden offset (default: 7)")
    parser.add_argument("--text", default="1", help="which bundled sentence: 1, 2 or 3 (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=HERE / "out", help="folder to write to (default: demo/out)"
    )
    parser.add_argument("--picture", type=Path, help="save a frame of the annotated video here as well")
    arguments = parser.parse_args()
    began = time.perf_counter()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    talk, fixed, annotated = (out / name for name in ("talk.mp4", "fixed.mp4", "annotated.mp4"))

    step(f"1  Rendering {talk}: a talking head whose sound is displaced (how far stays hidden until the end)")
    truth = avsync.render_sample(
        talk, text=arguments.text, offset_ms=hidden_offset(arguments.seed), overwrite=True
    )
    print(f'   it says: "{truth.transcript}"')

    step(f"2  Measuring:  avsync offset {talk}")
    before = avsync.detect_offset(talk)
    if before.ms is None or before.ci_ms is None:
        print(f"   undetermined ({before.reason}); the hidden offset was {truth.offset_ms:+.1f} ms")
        return 3
    low, high = before.ci_ms
    print(f"   {before.ms:+.1f} ms (95 %: {low:+.1f} to {high:+.1f}): {before.verdict}")
    print(f"   confidence that this is right to 40 ms: {before.confidence:.2f}")

    step(f"3  Correcting: avsync correct {talk} {fixed}")
    fix = avsync.correct(talk, fixed, overwrite=True)
    after = "undetermined" if fix.after_ms is None else f"{fix.after_ms:+.1f} ms"
    print(f"   time stamps moved, nothing encoded again; measured again: {after}")

    step(f'4  Finding the words: avsync align {fixed} --text "{truth.transcript}"')
    found = avsync.align(fixed, truth.transcript)
    print(f"   {sum(word.status == 'aligned' for word in found.words)} of {len(found.words)} words aligned")

    step(f'5  Drawing them: avsync annotate {fixed} -o {annotated} --text "{truth.transcript}"')
    avsync.annotate(fixed, annotated, alignment=found, overwrite=True)
    if arguments.picture:
        save_picture(annotated, found, arguments.picture)

    step("The truth, and what was found")
    left = truth.offset_ms - fix.before_ms
    print(f"  {'offset':<20}{'truth ms':>10}{'found ms':>10}{'error ms':>10}")
    rows = [("of talk.mp4", truth.offset_ms, before.ms), ("left in fixed.mp4", left, fix.after_ms)]
    for name, true_ms, found_ms in rows:
        shown = "" if found_ms is None else f"{found_ms:>+10.1f}{found_ms - true_ms:>+10.1f}"
        print(f"  {name:<20}{true_ms:>+10.1f}{shown}")
    print()
    moved = float(avsync.load(fixed).frame_times[0] - avsync.load(talk).frame_times[0])
    errors = compare_words(truth, found, moved)
    print(f"  median error of the starts: {statistics.median(map(abs, errors)):.0f} ms")
    step(f"Files, in {time.perf_counter() - began:.0f} s:")
    for path, what in (
        (talk, "displaced"),
        (fixed, "repaired"),
        (annotated, "words, mouth and offset drawn"),
    ):
        print(f"  {path}   {what}")
    return 0


if __name__ == "__main__":
    with one_thread():  # as the program does
        sys.exit(main())
