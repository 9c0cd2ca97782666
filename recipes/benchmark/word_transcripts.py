"""Transcripts that do not fit: a word put in, replaced, left out, or gone; the text of another clip.

The confidence of words that were said is compared with that of words that were not, and so is the gap where
something was said that the text lacks. Whole transcripts of other clips must be refused.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import corruption
import numpy as np
from corpus import Spoken
from table import Row, markdown
from tqdm import tqdm
from word_trials import ask, drawn, row, sound_of

from avsync import Alignment, media, metrics
from avsync.media import SAMPLE_RATE, Clip

DRAWS = 6
"""Times that each kind is drawn for each clip."""
FOREIGN = 40
"""Transcripts of other clips tried on each."""
PART = "a part of it"
KINDS = ("put in", "replaced", "cut out of the sound", "silenced in the sound")
NEAR_MS = 150.0
"""`confidence` is the probability that a word was said and begins this near to where it stands."""
LONGEST_S = 2.0
"""No word is longer, seconds, unless its status says that it is doubtful."""
LONG_WORD_S = 0.2
"""Words of this length, seconds, are counted for themselves."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A word of a transcript, what was said of it, and the truth."""

    kind: str
    confidence: float
    status: str
    seconds: float
    said: bool
    error_ms: float
    """Of its start; NaN for a word that was not said."""
    half_ms: float

    @property
    def right(self) -> bool:
        """What `confidence` is the probability of."""
        return self.said and abs(self.error_ms) <= NEAR_MS


def measure(
    clips: Sequence[Spoken], gold: Sequence[Spoken], voices: Sequence[Spoken], split: str
) -> tuple[list[Row], list[str]]:
    """All rows of this part, and a table of the calibration; words are taken from the `voices`."""
    rows: list[Row] = []
    notes: list[str] = []
    for where, spoken, texts in (
        (f"GRID {split}", clips, [one.words for one in (*clips, *voices)]),
        ("gold words (by hand)", gold, [one.words for one in (*gold, *voices)]),
    ):
        asked: list[Asked] = []
        parts: list[Asked] = []
        left_out: list[tuple[bool, bool, float]] = []
        own: list[bool] = []
        foreign: list[tuple[int, bool]] = []
        for one in tqdm(spoken, desc="transcripts"):
            clip = sound_of(media.load(one.path))
            rng = drawn(one.name)
            asked += _asked(one, clip, texts, rng, own)
            parts += _parts(one, clip)
            left_out += _left_out(one, clip, rng)
            foreign += _foreign(one, clip, texts, rng)
        rows += _rows(asked, left_out, own, foreign, where) + _part_rows(parts, where)
        if asked:
            notes.append(f"Confidence of words, {where}, sound:\n\n{reliability(asked)}")
    return rows, notes


def _asked(
    spoken: Spoken,
    clip: Clip,
    texts: Sequence[tuple[str, ...]],
    rng: np.random.Generator,
    refused: list[bool],
) -> list[Asked]:
    """Words of transcripts that nearly fit, and of the one that does. `refused` gets one entry for each."""
    pool = sorted({word for text in texts for word in text})
    asked: list[Asked] = []
    whole = ask(clip, spoken.words)
    refused.append(whole is None)
    asked += _judge("as said", whole, corruption.intact(spoken.words), spoken.times)
    for _ in range(DRAWS):
        put_in = corruption.inserted(spoken.words, pool, rng)
        asked += _judge(KINDS[0], ask(clip, put_in.words), put_in, spoken.times)
        other = corruption.replaced(spoken.words, pool, rng)
        asked += _judge(KINDS[1], ask(clip, other.words), other, spoken.times)
        shorter, wave, times = corruption.without_a_word(
            spoken.words, clip.waveform, spoken.times - clip.audio_start, rng
        )
        found = ask(sound_of(clip, wave), shorter.words)
        asked += _judge(KINDS[2], found, shorter, times + clip.audio_start)
        at = int(rng.integers(len(spoken.words)))
        begin, end = (round(edge * SAMPLE_RATE) for edge in spoken.times[at] - clip.audio_start)
        quiet = corruption.silenced(clip.waveform, max(begin, 0), min(end, len(clip.waveform)), rng)
        numbers = tuple(None if n == at else n for n in range(len(spoken.words)))
        text = corruption.Text(spoken.words, numbers)
        asked += _judge(KINDS[3], ask(sound_of(clip, quiet), text.words), text, spoken.times)
    return asked


def _judge(kind: str, found: Alignment | None, text: corruption.Text, times: np.ndarray) -> list[Asked]:
    """The words of an answer; those of a refused transcript were not found, and count as that."""
    asked = []
    for n, source in enumerate(text.source):
        word = None if found is None else found.words[n]
        error = math.nan if source is None else math.inf
        if word is not None and source is not None:
            error = 1000 * (word.heard_start - times[source, 0])
        asked.append(
            Asked(
                kind,
                0.0 if word is None else word.confidence,
                "refused" if word is None else word.status,
                0.0 if word is None else word.heard_end - word.heard_start,
                source is not None,
                error,
                0.0 if word is None else word.plus_minus_ms,
            )
        )
    return asked


def _parts(spoken: Spoken, clip: Clip) -> list[Asked]:
    """Words of transcripts of a part of what is said, some words on end."""
    rng = drawn(f"{spoken.name}, parts")
    asked: list[Asked] = []
    for _ in range(DRAWS):
        text = corruption.excerpt(spoken.words, rng)
        asked += _judge(PART, ask(clip, text.words), text, spoken.times)
    return asked


def _left_out(spoken: Spoken, clip: Clip, rng: np.random.Generator) -> list[tuple[bool, bool, float]]:
    """Of each gap of the answers: was a word left out there, is it told, and how long is that word (s)?

    Every word is left out once; a gap belongs to it when it lies inside the gap by more than half.
    """
    gaps = []
    for at, (start, end) in enumerate(spoken.times):
        words = [word for n, word in enumerate(spoken.words) if n != at]
        found = ask(clip, words)
        if found is None:
            continue
        told = hit = False
        for gap in found.gaps:
            inside = min(gap.end, end) - max(gap.start, start)
            if inside > (end - start) / 2:
                hit, told = True, gap.status == "unmatched_speech"
            else:
                gaps.append((False, gap.status == "unmatched_speech", 0.0))
        gaps.append((True, hit and told, float(end - start)))
    return gaps


def _foreign(
    spoken: Spoken, clip: Clip, texts: Sequence[tuple[str, ...]], rng: np.random.Generator
) -> list[tuple[int, bool]]:
    """Of transcripts of other clips, how many words they share with the own one at their places, and whether
    they are refused; those that are too long for the sound are not asked.
    """
    others = [text for text in texts if text != spoken.words and len(text) <= len(spoken.words)]
    drawn_texts = rng.choice(len(others), min(FOREIGN, len(others)), replace=False) if others else []
    return [
        (
            sum(own == other for own, other in zip(spoken.words, others[number], strict=False)),
            ask(clip, others[number]) is None,
        )
        for number in drawn_texts
    ]


def _rows(
    asked: Sequence[Asked],
    left_out: Sequence[tuple[bool, bool, float]],
    own: Sequence[bool],
    foreign: Sequence[tuple[int, bool]],
    where: str,
) -> list[Row]:
    promised = where.startswith("GRID")
    rows = _kind_rows("a word not said, all kinds", [one for one in asked if one.kind in KINDS], where)
    for kind in KINDS:
        rows += _kind_rows(f"a word {kind}", [one for one in asked if one.kind == kind], where)
    rows += _gap_rows(left_out, where)
    right = [one for one in asked if one.right]
    short = [one.seconds <= 0 and one.status != "refused" for one in asked]
    long = [one.seconds > LONGEST_S and one.status == "aligned" for one in asked]
    genuine = [one.status == "aligned" for one in asked if one.kind == "as said"]
    error = metrics.calibration_error([one.confidence for one in asked], [one.right for one in asked])
    covered = metrics.interval_coverage([one.error_ms for one in right], [one.half_ms for one in right])
    return [
        *rows,
        _share("transcript as said: words `aligned`", genuine, where),
        row(f"calibration error of `confidence`, right = said and start within {NEAR_MS:.0f} ms",
            error, "share", len(asked), where),
        row("start inside `plus_minus_ms`, words that were said, all texts", covered, "share", len(right),
            where, at_least=0.9),
        _share("words of zero length", short, where, at_most=0.0),
        _share(f"words longer than {LONGEST_S:.0f} s that are `aligned`", long, where, at_most=0.0),
        _share("transcript of another clip: refused", [gone for _, gone in foreign], where,
               at_least=0.98 if promised else None),
        *(_share(f"transcript of another clip, {count} words in common at their places: refused",
                 [gone for shared, gone in foreign if shared == count], where)
          for count in sorted({shared for shared, _ in foreign})),
        _share("own transcript: refused", own, where, at_most=0.02 if promised else None),
    ]  # fmt: skip


def _part_rows(asked: Sequence[Asked], where: str) -> list[Row]:
    aligned = [one for one in asked if one.status == "aligned"]
    name = "transcript of a part of what is said"
    return [
        _share(f"{name}: refused (words)", [one.status == "refused" for one in asked], where),
        _share(f"{name}: words `aligned`", [one.status == "aligned" for one in asked], where),
        _share(
            f"{name}: `aligned` more than {NEAR_MS:.0f} ms off", [not one.right for one in aligned], where
        ),
    ]


def _kind_rows(name: str, asked: Sequence[Asked], where: str) -> list[Row]:
    own, strange = ([one for one in asked if one.said is said] for said in (True, False))
    near = [one.error_ms for one in own if math.isfinite(one.error_ms)]
    area = metrics.auroc([one.confidence for one in asked], [one.said for one in asked])
    return [
        row(f"{name}: AUROC of `confidence`", area, "share", len(asked), where,
            at_least=0.9 if where.startswith("GRID") else None),
        _share(f"{name}: it is `not_spoken`", [one.status == "not_spoken" for one in strange], where),
        _share(f"{name}: it is not `aligned`", [one.status != "aligned" for one in strange], where),
        _share(f"{name}: the others are `aligned`", [one.status == "aligned" for one in own], where),
        _share(f"{name}: the whole is refused (words)", [one.status == "refused" for one in asked], where),
        row(f"{name}: the others, start, mean error", metrics.mean_error(near), "ms", len(near), where),
    ]  # fmt: skip


def _gap_rows(left_out: Sequence[tuple[bool, bool, float]], where: str) -> list[Row]:
    here = [(told, seconds) for hit, told, seconds in left_out if hit]
    told = "`unmatched_speech`"
    return [
        _share(f"a word left out of the text: the gap is {told}", [one for one, _ in here], where),
        _share(f"a word of {LONG_WORD_S} s and more left out of the text: the gap is {told}",
               [one for one, seconds in here if seconds >= LONG_WORD_S], where),
        _share(f"other gaps are {told}", [one for hit, one, _ in left_out if not hit], where),
    ]  # fmt: skip


def _share(
    name: str, hits: Sequence[bool], where: str, at_least: float | None = None, at_most: float | None = None
) -> Row:
    share = float(np.mean(hits)) if len(hits) else math.nan
    return row(name, share, "share", len(hits), where, at_least=at_least, at_most=at_most)


def reliability(asked: Sequence[Asked]) -> str:
    """Confidence by tenths against what came true, as Markdown."""
    sure = np.array([one.confidence for one in asked])
    right = np.array([one.right for one in asked])
    tenth = np.minimum((sure * BINS).astype(int), BINS - 1)
    lines = [
        [f"{b / BINS:.1f} to {(b + 1) / BINS:.1f}", str(int((tenth == b).sum())),
         f"{sure[tenth == b].mean():.2f}", f"{right[tenth == b].mean():.2f}"]
        for b in range(BINS) if (tenth == b).any()
    ]  # fmt: skip
    return markdown(["confidence", "n", "mean", "right"], lines)
