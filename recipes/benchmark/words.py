"""Word times against known ones: GRID's .align (made by a machine), and words marked by hand."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from corpus import Spoken
from table import Row
from tqdm import tqdm

from avsync import align, media, metrics

Times = Callable[[Spoken], np.ndarray]
"""Finds the word times (W, 2), in seconds on the sound's clock, of a recording whose words are known."""


def by_avsync(spoken: Spoken) -> np.ndarray:
    """What `avsync align FILE --text T --modality audio` says."""
    with warnings.catch_warnings():
        # Only the sound is asked for; that the offset of some clip is undetermined has its own row.
        warnings.filterwarnings("ignore", message=".*offset could not be determined")
        found = align(spoken.path, " ".join(spoken.words), modality="audio")
    return np.array([(word.heard_start, word.heard_end) for word in found.words])


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
    rows, notes = [], []
    systems: dict[str, Times] = {"avsync": by_avsync}
    if (sphinx := by_pocketsphinx()) is not None:
        systems["pocketsphinx"] = sphinx
    else:
        notes.append(
            "pocketsphinx is not installed: its rows are left out (`pip install pocketsphinx` adds them)."
        )
    for system, find in systems.items():
        for where, spoken in ((f"GRID {split}", clips), ("gold words (by hand)", gold)):
            rows += _rows(system, where, _errors(spoken, find, f"words, {system}"))
    return rows, notes


def _errors(clips: Sequence[Spoken], find: Times, label: str) -> np.ndarray:
    """(W, 2) errors of starts and ends in ms, positive = late; NaN where words were not found."""
    errors = [np.zeros((0, 2))]
    for spoken in tqdm(clips, desc=label):
        found = find(spoken)
        missing = np.full_like(spoken.times, np.nan)
        late = found - spoken.times if found.shape == spoken.times.shape else missing
        # Both stand on grids of milliseconds: an error of 50 ms must not become 50.00000001.
        errors.append((1000 * late).round(6))
    return np.concatenate(errors)


def _rows(system: str, split: str, errors: np.ndarray) -> list[Row]:
    promised = system == "avsync" and split.startswith("GRID")
    starts, ends = errors.T
    n = len(errors)

    def row(
        what: str, value: float, unit: str, at_least: float | None = None, at_most: float | None = None
    ) -> Row:
        name = f"words, {system}: {what}"
        return Row(
            name,
            value,
            unit,
            n,
            split,
            "words",
            at_least if promised else None,
            at_most if promised else None,
        )

    return [
        row("start, median error", metrics.median_error(starts), "ms", at_most=30.0),
        row("start within 50 ms", metrics.share_within(starts, 50), "share", at_least=0.80),
        row("start within 20 ms", metrics.share_within(starts, 20), "share"),
        row("start, 95th percentile", metrics.percentile_error(starts), "ms"),
        row("start, bias (median, late is positive)", metrics.bias(starts), "signed ms"),
        row("end, median error", metrics.median_error(ends), "ms"),
        row("end within 50 ms", metrics.share_within(ends, 50), "share"),
        row("end, 95th percentile", metrics.percentile_error(ends), "ms"),
        row("end, bias (median, late is positive)", metrics.bias(ends), "signed ms"),
    ]
