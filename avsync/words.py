"""Phone scores and a transcript to words: best path, uncertainty, confidence, and the gaps between words.

Shapes: T frames of the phone scores (10 ms), V units.
"""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from avsync.alignconfig import AlignConfig
from avsync.alignment import Gap, Phone, Word
from avsync.places import Place, prepared
from avsync.posteriors import Posteriors
from avsync.pronounce import UNITS
from avsync.search import MANY_WORDS, search
from avsync.text import Token, normalise
from avsync.unspoken import refitted
from avsync.verdicts import HEARD, SEEN, belongs, clearness, plus_minus_ms, probability


def align_posteriors(
    posteriors: Posteriors,
    transcript: str | Sequence[Token],
    config: AlignConfig | None = None,
    *,
    whole: bool = True,
) -> list[Word]:
    """The words of a transcript on the clock of phone scores (`start` = `heard_start`, no frames).

    Tokens that are not spoken are left out, and those of passages that nobody says have no length
    (`avsync.unspoken` puts the first back, and gives both their times).
    `whole`: the words are all that is spoken, or all there is of a text: where few of them are said, they
    belong to another sound, and no passage of them is left out.
    Errors: TextError when the transcript takes longer to say than there are scores, or cannot be spoken.
    """
    settings = config or AlignConfig()
    written = normalise(transcript) if isinstance(transcript, str) else transcript
    tokens = [token for token in written if token.readings]
    step = posteriors.step
    # Lips are too often sure of something else to tell where the text is not.
    found = search(
        tokens,
        prepared(posteriors.log_probs, settings),
        step,
        settings,
        partial=not posteriors.seen,
        whole=whole,
    )
    fit = SEEN if posteriors.seen else HEARD
    said = 1 / (1 + np.exp(-found.odds))
    unsaid = np.isin(np.arange(len(tokens)), list(found.unsaid | found.absent))
    sure = probability(found.facts, fit)
    sure = np.where(unsaid, np.minimum(sure, said), sure)  # in silence the fit knows nothing
    first_edge = float(posteriors.times[0]) - step / 2
    words = []
    for number, (token, place) in enumerate(zip(tokens, found.places, strict=True)):
        start, end = first_edge + place.begin * step, first_edge + place.end * step
        status = "not_spoken" if unsaid[number] else "aligned"
        words.append(
            Word(token.text, start, end, start, end, None, None, float(sure[number]),
                 plus_minus_ms(float(found.half_ms[number]), posteriors.lip_share, settings), status,
                 _phones(place, first_edge, step), float(said[number]), number in found.absent)
        )  # fmt: skip
    start_bias, end_bias = settings.start_bias_s, settings.end_bias_s
    late = tuple(
        known + own for known, own in zip(posteriors.late_s, (start_bias, start_bias, end_bias), strict=True)
    )
    there = [number for number in range(len(words)) if number not in found.absent]
    for number, word in zip(
        there, _unbiased([words[n] for n in there], step, late, span(posteriors)), strict=True
    ):
        words[number] = _judged(word, settings)
    return words


def find_gaps(posteriors: Posteriors, words: Sequence[Word], config: AlignConfig | None = None) -> list[Gap]:
    """What lies before, between and behind words (`heard_start` and `heard_end`), on the clock of the
    scores.
    """
    settings = config or AlignConfig()
    begin, end = span(posteriors)
    spoken = [word for word in words if word.status != "interpolated" and not word.absent]
    edges = [begin, *(time for word in spoken for time in (word.heard_start, word.heard_end)), end]
    odds, window = _speech_odds(posteriors), max(1, round(settings.unmatched_s / posteriors.step))
    gaps = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < posteriors.step / 2:
            continue
        inside = odds[(posteriors.times > start) & (posteriors.times < stop)]
        unmatched = len(inside) >= window and float(_running_mean(inside, window).max()) >= SPEECH_ODDS
        status = "unmatched_speech" if unmatched else "silence"
        gaps.append(Gap(start, stop, status, heard_start=start, heard_end=stop))
    return gaps


def fits(posteriors: Posteriors, words: Sequence[Word], config: AlignConfig | None = None) -> bool:
    """Can the words be those of the sound, or does the transcript belong to another?

    A text of a few words fits where all are `aligned`: they tell too little against that. In one of many
    words, passages that nobody says do not count against the others.
    """
    spoken = [word for word in words if word.status != "interpolated"]
    there = [word for word in spoken if not word.absent]
    if len(there) >= MANY_WORDS:
        spoken = there
    if len(spoken) <= FEW_WORDS and all(word.status == "aligned" for word in spoken):
        return True
    clear = clearness(prepared(posteriors.log_probs, config or AlignConfig()))
    return belongs([word.said for word in spoken], clear)


FEW_WORDS = 3
"""A text of so many words is short."""


def _running_mean(values: "np.ndarray", width: int) -> "np.ndarray":
    """Mean of each `width` neighbours."""
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((summed[width:] - summed[:-width]) / width)


SPEECH_ODDS = 2.3
"""In the mean over `AlignConfig.unmatched_s` a phone is ten times as likely as silence where somebody speaks.

Of 46 words of the web and 162 of speechocean762 that were left out of the text once 89 and 95 % are told, and
2 and 7 % of the other gaps; where four of five frames with some phone likelier than silence were enough it
was 91 and 97, 8 and 10 %. Of 23 gaps of 4 s with nothing but songs 4 are told and were 12, of 24 with made
music none and were 16."""
MOST_ODDS = 5.0
"""No frame is surer than this, to either side."""


def _speech_odds(posteriors: Posteriors) -> np.ndarray:
    """(T,) log-odds of the likeliest phone against silence."""
    log_probs = posteriors.log_probs
    odds = log_probs[:, 1:].max(axis=1, initial=-np.inf) - log_probs[:, 0]
    return np.asarray(odds.clip(-MOST_ODDS, MOST_ODDS))


def is_speech(posteriors: Posteriors) -> np.ndarray:
    """(T,) whether some phone is likelier than silence."""
    log_probs = posteriors.log_probs
    return np.asarray(log_probs[:, 1:].max(axis=1, initial=-np.inf) > log_probs[:, 0])


def speech_seconds(posteriors: Posteriors, config: AlignConfig | None = None) -> float:
    """How long somebody clearly speaks: where a phone is `SPEECH_ODDS` more likely than silence, in the mean
    over `AlignConfig.unmatched_s`.
    """
    window = max(1, round((config or AlignConfig()).unmatched_s / posteriors.step))
    odds = _speech_odds(posteriors)
    if len(odds) < window:
        return 0.0
    return float((_running_mean(odds, window) >= SPEECH_ODDS).sum()) * posteriors.step


def span(posteriors: Posteriors) -> tuple[float, float]:
    """Start of the first and end of the last frame, seconds."""
    half = posteriors.step / 2
    return float(posteriors.times[0]) - half, float(posteriors.times[-1]) + half


def _phones(place: Place, first_edge: float, step: float) -> tuple[Phone, ...]:
    """The phones of a word, with a silence inside a token as `sil`."""
    if not len(place.units):
        return ()
    starts = [0, *(1 + np.flatnonzero(np.diff(place.slots))), len(place.units)]
    return tuple(
        Phone(UNITS[place.units[a]], first_edge + float(place.begin + a) * step,
              first_edge + float(place.begin + b) * step)
        for a, b in pairwise(starts)
    )  # fmt: skip


def unheard(word: Word, config: AlignConfig) -> Word:
    """The word as one of a passage that nobody says."""
    least = config.least_said
    return dataclasses.replace(
        word, confidence=min(word.confidence, least), said=min(word.said, least), status="not_spoken",
        phones=(), absent=True,
    )  # fmt: skip


def _judged(word: Word, config: AlignConfig) -> Word:
    """The word with its status."""
    if word.status == "not_spoken":
        return word
    doubtful = word.confidence < config.low_confidence or word.end - word.start > config.longest_word_s
    return dataclasses.replace(word, status="low" if doubtful else "aligned")


def _unbiased(
    words: list[Word], step: float, late: tuple[float, ...], bounds: tuple[float, float]
) -> list[Word]:
    """The words with the mean errors of their edges (seconds, in the order of `Posteriors.late_s`) taken off;
    no word shorter than a frame, none overlapping, none pushed out of `bounds`.

    Where two words touch, they still do: the boundary moves as a start.
    """
    if not words or not any(late):
        return words
    first_late, next_late, end_late = late
    touching = [there.heard_start - here.heard_end < step / 2 for here, there in pairwise(words)]
    starts = [
        word.heard_start - (next_late if touches else first_late)
        for word, touches in zip(words, [False, *touching], strict=True)
    ]
    moved: list[Word] = []
    reached, limit = bounds
    for word, begin, following, touches in zip(
        words, starts, [*starts[1:], math.inf], [*touching, False], strict=True
    ):
        start = max(begin, reached)
        end = following if touches else word.heard_end - end_late
        end = max(min(end, following, max(limit, word.heard_end)), start + step)
        phones = refitted(word.phones, start, end)
        moved.append(
            dataclasses.replace(word, start=start, end=end, heard_start=start, heard_end=end, phones=phones)
        )
        reached = end
    return moved
