"""Word times against known ones: GRID's .align (made by a machine), and words marked by hand."""

from collections.abc import Callable, Sequence

import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm
from word_trials import against, ask, edge_rows, late_ms, row

from avsync import media, metrics

Times = Callable[[Spoken], np.ndarray]
"""Finds the word times (W, 2), in seconds on the sound's clock, of a recording whose words are known."""
GRID_TARGETS = {"median": 15.0, "within 50 ms": 0.92, "bias": 5.0}
GOLD_TARGETS = {"median": 15.0, "within 50 ms": 0.95}
BOUNDARY_MS = 20.0
"""Boundaries this near to each other are the same, one to one."""


def by_pocketsphinx() -> Times | None:
    """The aligner of pocketsphinx with the models of its wheel; None when it is not installed."""
    try:
        from pocketsphinx import Decoder
    except ImportError:
        return None
    decoder = Decoder(lm=None, samprate=media.SAMPLE_RATE, loglevel="FATAL")

    def times(spoken: Spoken) -> np.ndarray:
        clip = media.load(spoken.path)
        samples = np.rint(clip.waveform.clip(-1, 1) * 32767).astype(np.int16).tobytes()
        decoder.set_align_text(" ".join(spoken.words).lower())
        try:
            for second_pass in (False, True):  # the first finds words roughly, the second their states
                if second_pass:
                    decoder.set_alignment()
                decoder.start_utt()
                decoder.process_raw(samples, full_utt=True)
                decoder.end_utt()
        except RuntimeError:  # it gives up on some utterances: their words count as not found
            return np.zeros((0, 2))
        step = 1 / decoder.config["frate"]
        said = [word for word in decoder.get_alignment() if word.name.split("(")[0].isalpha()]
        found = np.array([(word.start, word.start + word.duration) for word in said], np.float64) * step
        return np.asarray(clip.audio_start + found)

    return times


def measure(clips: Sequence[Spoken], gold: Sequence[Spoken], split: str) -> tuple[list[Row], list[str]]:
    """All rows of this part, and notes on what was left out."""
    rows: list[Row] = []
    notes: list[str] = []
    sphinx = by_pocketsphinx()
    if sphinx is None:
        notes.append(
            "pocketsphinx is not installed: its rows are left out (`pip install pocketsphinx` adds them)."
        )
    sets = (
        (f"GRID {split}", clips, GRID_TARGETS, "audio"),
        (f"GRID {split}", [clip for clip in clips if clip.path.suffix != ".wav"], {}, "video"),
        ("gold words (by hand)", gold, GOLD_TARGETS, "audio"),
    )
    for where, spoken, targets, modality in sets:
        rows += _by_avsync(spoken, where, targets, modality)
        if sphinx is not None and modality == "audio":
            pairs = [(one.times, sphinx(one)) for one in tqdm(spoken, desc="words, pocketsphinx")]
            errors = [np.zeros((0, 2)), *(against(found, truth) for truth, found in pairs)]
            rows += edge_rows("pocketsphinx", np.concatenate(errors), where, {})
    return rows, notes


def _by_avsync(clips: Sequence[Spoken], split: str, targets: dict[str, float], modality: str) -> list[Row]:
    errors, half, confidence, spans, boundaries = [np.zeros((0, 2))], [], [], [np.zeros((0, 2))], []
    for spoken in tqdm(clips, desc=f"words, {modality}"):
        found = ask(spoken.path, spoken.words, modality)
        errors.append(late_ms(found, spoken))
        spans.append(spoken.times + errors[-1] / 1000)
        said = found.words if found is not None else []
        half += [word.plus_minus_ms for word in said] or [0.0] * len(spoken.words)
        confidence += [word.confidence for word in said] or [0.0] * len(spoken.words)
        if said:
            boundaries.append(
                metrics.boundary_scores(spoken.times.ravel(), spans[-1].ravel(), BOUNDARY_MS / 1000)
            )
    late = np.concatenate(errors)
    name, n = f"avsync, {modality}", len(late)
    truth = np.concatenate([np.zeros((0, 2)), *(spoken.times for spoken in clips)])
    starts = late[:, 0]
    rows = edge_rows(name, late, split, targets)
    r_value = float(np.mean([one[3] for one in boundaries])) if boundaries else float("nan")
    return [
        *rows,
        row(f"{name}: overlap of the spans (mean of intersection by union)",
            metrics.overlap(truth, np.concatenate(spans)), "share", n, split),
        row(f"{name}: R-value of boundaries within {BOUNDARY_MS:.0f} ms", r_value, "share", n, split),
        row(f"{name}: start inside `plus_minus_ms`", metrics.interval_coverage(starts, half), "share", n,
            split, at_least=0.9 if targets else None),
        row(f"{name}: `plus_minus_ms`, median", metrics.median_error(half), "ms", n, split),
        row(f"{name}: calibration error of `confidence`, right = start within 50 ms",
            metrics.calibration_error(confidence, np.abs(starts) <= 50), "share", n, split),
    ]  # fmt: skip
