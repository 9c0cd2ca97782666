"""Phone scores and a transcript to words: best path, uncertainty, confidence, and the gaps between words.

Shapes: T frames of the phone scores (10 ms), V units.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from avsync import durations
from avsync import lattice as lattices
from avsync.errors import TextError
from avsync.pronounce import UNITS
from avsync.text import Token, normalise
from avsync.timebase import seconds_to_ms

if TYPE_CHECKING:  # torch is imported only when a model runs
    from avsync.model import Posteriors


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """How words are found in phone scores."""

    minimum_phone_s: float = 0.03
    """A phone lasts at least this long, seconds."""
    minimum_silence_s: float = 0.03
    """A silence between words lasts at least this long, seconds."""
    silence_cost: float = 1.0
    """What it costs to enter a silence, nats: keeps short stops and weak sounds inside words."""
    silence_penalty: float = 2.0
    """What each frame of silence costs beyond its score, nats: silence is also the blank of CTC training,
    which likes to stand inside words."""
    duration_weight: float = 4.0
    """Weight of the usual durations of phones (`avsync.durations`) beside the score of one frame; 0 leaves
    the path as the scores have it."""
    duration_reach_s: float = 0.15
    """How far, seconds, durations move an edge at most."""
    floor: float = -10.0
    """Log-probability below which no phone falls: one bad frame cannot forbid a word."""
    evidence_scale: float = 0.3
    """Neighbouring frames repeat each other: each counts as this share of independent evidence, in
    `plus_minus_ms`."""
    interval: float = 0.9
    """Probability that a word's start lies within `plus_minus_ms`."""
    smallest_plus_minus_ms: float = 10.0
    """No start is claimed to be known better, milliseconds."""
    start_bias_s: float = 0.0
    """Mean error of word starts, seconds, positive where they come late; subtracted."""
    end_bias_s: float = 0.0
    """Mean error of word ends, seconds, positive where they come late; subtracted."""
    confidence_window_s: float = 0.2
    """A word is as sure as its least sure stretch of this length, seconds."""
    low_confidence: float = 0.15
    """Below this a word's status is `low`. Chosen, as `spoken_confidence`, on the sound of GRID's validation
    speakers and of the bundled samples: 6 % of 71 spoken words fall below, and 75 % of 400 words put in from
    other sentences. Lips alone are less sure than sound: `low` and `not_spoken` are commoner there."""
    spoken_confidence: float = 0.03
    """Below this a word's status is `not_spoken`: none of the spoken words above, 53 % of those put in."""
    unmatched_s: float = 0.3
    """Speech this long, seconds, in a gap longer than that is something that the transcript lacks."""
    lip_weight: float = 0.3
    """Weight of the lips' log-scores beside the sound's, in `both`."""
    speech_share: float = 0.05
    """Share of the sound's frames that must look like speech for `auto` to use the sound."""

    def __post_init__(self) -> None:
        for name in ("minimum_phone_s", "minimum_silence_s", "confidence_window_s", "evidence_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"AlignConfig.{name} is {getattr(self, name)}: it must be above 0.")
        for name in (
            "silence_cost",
            "silence_penalty",
            "duration_weight",
            "duration_reach_s",
            "lip_weight",
            "unmatched_s",
            "smallest_plus_minus_ms",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"AlignConfig.{name} is {getattr(self, name)}: it must not be negative.")
        if not 0 < self.interval < 1:
            raise ValueError(f"AlignConfig.interval is {self.interval}: it must lie between 0 and 1.")


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone: its unit (`avsync.text.UNITS`), and its times on the audio clock, seconds."""

    unit: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Word:
    """One token of the transcript, as it was written, and when it is spoken; times to the millisecond."""

    text: str
    start: float
    """Seconds on the picture's clock: where the word is seen."""
    end: float
    heard_start: float
    """Seconds on the sound's clock."""
    heard_end: float
    first_frame: int | None
    """First decoded frame with `start <= pts < end`, counted from 0; None when no frame lies there."""
    last_frame: int | None
    confidence: float
    """0 to 1; see `word_confidence`."""
    plus_minus_ms: float
    """Half the width of the interval that holds the start with the probability `AlignConfig.interval`."""
    status: str
    """`aligned`, `low` or `not_spoken`, by its confidence; the times of a word that is `not_spoken` are those
    where it would fit best. `interpolated` is what has no sound to find (dashes, `[music]`, the labels of
    speakers): it has the time between its neighbours, and the confidence 0."""
    phones: tuple[Phone, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch between words, seconds on the picture's clock."""

    start: float
    end: float
    status: str
    """`silence`, or `unmatched_speech`: somebody speaks and the transcript has nothing there."""


def align_posteriors(
    posteriors: "Posteriors", transcript: str | Sequence[Token], config: AlignConfig | None = None
) -> list[Word]:
    """The words of a transcript on the clock of phone scores (`start` = `heard_start`, no frames).

    Tokens that are not spoken are left out (`avsync.unspoken` puts them back).
    Errors: TextError when the transcript takes longer to say than there are scores, or cannot be spoken.
    """
    settings = config or AlignConfig()
    written = normalise(transcript) if isinstance(transcript, str) else transcript
    tokens = [token for token in written if token.readings]
    scored = posteriors.log_probs - np.float32(settings.silence_penalty) * (np.arange(len(UNITS)) == 0)
    log_probs = np.maximum(scored, np.float32(settings.floor)).astype(np.float32)
    graph = _lattice(tokens, posteriors.step, settings)
    if len(log_probs) < graph.shortest:
        raise TextError(
            f"The transcript has {len(tokens)} words, which take {graph.shortest * posteriors.step:.2f} s "
            f"at least, but the clip has {len(log_probs) * posteriors.step:.2f} s. "
            "Give the words that are spoken in it."
        )
    path, _ = lattices.best_path(graph, log_probs)
    path = _usual(graph, path, log_probs, posteriors.step, settings)
    spans = _token_frames(graph, path, len(tokens))
    spread = _start_spread(tokens, spans, log_probs, posteriors.step, settings)
    first_edge = float(posteriors.times[0]) - posteriors.step / 2
    words = [
        _word(token, _phones(graph, path, begin, end, first_edge, posteriors.step), log_probs[begin:end],
              graph.unit[path[begin:end]], plus_minus, posteriors.step, settings)
        for token, (begin, end), plus_minus in zip(tokens, spans, spread, strict=True)
    ]  # fmt: skip
    start_bias, end_bias = settings.start_bias_s, settings.end_bias_s
    late = tuple(
        known + own for known, own in zip(posteriors.late_s, (start_bias, start_bias, end_bias), strict=True)
    )
    return _unbiased(words, posteriors.step, late, span(posteriors)[1])


def find_gaps(
    posteriors: "Posteriors", words: Sequence[Word], config: AlignConfig | None = None
) -> list[Gap]:
    """What lies before, between and behind words (`heard_start` and `heard_end`), on the clock of the
    scores.
    """
    settings = config or AlignConfig()
    begin, end = span(posteriors)
    spoken = [word for word in words if word.status != "interpolated"]
    edges = [begin, *(time for word in spoken for time in (word.heard_start, word.heard_end)), end]
    speech, window = is_speech(posteriors), max(1, round(settings.unmatched_s / posteriors.step))
    gaps = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < posteriors.step / 2:
            continue
        inside = speech[(posteriors.times > start) & (posteriors.times < stop)]
        unmatched = len(inside) > window and float(_running_mean(inside, window).max()) >= SPEECH_IN_WINDOW
        gaps.append(Gap(start, stop, "unmatched_speech" if unmatched else "silence"))
    return gaps


def word_confidence(log_probs: "np.ndarray", units: "np.ndarray", window: int) -> float:
    """How well the frames of a word fit its phones, 0 to 1.

    A frame's fit is p / (p + q): p its phone's probability, q that of the best other unit. The word's
    confidence is the lowest mean fit of `window` frames on end (all of them in a shorter word), so that one
    wrong half spoils a word. `log_probs` (T, V); `units` (T,) the phone of each frame.
    """
    frames = np.arange(len(units))
    own = log_probs[frames, units].astype(np.float64)
    others = log_probs.astype(np.float64).copy()
    others[frames, units] = -np.inf
    fit = 1.0 / (1.0 + np.exp(others.max(axis=1) - own))
    return float(_running_mean(fit, min(window, len(fit))).min())


def _running_mean(values: "np.ndarray", width: int) -> "np.ndarray":
    """Mean of each `width` neighbours."""
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((summed[width:] - summed[:-width]) / width)


def is_speech(posteriors: "Posteriors") -> np.ndarray:
    """(T,) whether some phone is likelier than silence."""
    log_probs = posteriors.log_probs
    return np.asarray(log_probs[:, 1:].max(axis=1, initial=-np.inf) > log_probs[:, 0])


def span(posteriors: "Posteriors") -> tuple[float, float]:
    """Start of the first and end of the last frame, seconds."""
    half = posteriors.step / 2
    return float(posteriors.times[0]) - half, float(posteriors.times[-1]) + half


def _lattice(tokens: Sequence[Token], step: float, config: AlignConfig) -> lattices.Lattice:
    return lattices.build(
        tokens,
        minimum=max(1, round(config.minimum_phone_s / step)),
        silence_minimum=max(1, round(config.minimum_silence_s / step)),
        silence_cost=config.silence_cost,
    )


def _usual(
    graph: lattices.Lattice, path: lattices.Ints, log_probs: lattices.Floats, step: float, config: AlignConfig
) -> lattices.Ints:
    """The path with its edges where the usual durations of phones want them too: one state a phone."""
    if config.duration_weight == 0.0:
        return path
    edges = durations.segments(graph.slot[path])
    states = path[edges[:-1]]
    edges = durations.refine(
        graph.unit[states], edges, log_probs, weight=config.duration_weight,
        reach=round(config.duration_reach_s / step),
        minimum=max(1, round(min(config.minimum_phone_s, config.minimum_silence_s) / step)),
    )  # fmt: skip
    return np.repeat(states, np.diff(edges))


def _token_frames(graph: lattices.Lattice, path: lattices.Ints, count: int) -> list[tuple[int, int]]:
    """First frame and the frame behind the last of each token; silence inside a token belongs to it."""
    said = graph.token[path]
    spoken = np.flatnonzero(said >= 0)
    first = spoken[np.searchsorted(said[spoken], np.arange(count), side="left")]
    last = spoken[np.searchsorted(said[spoken], np.arange(count), side="right") - 1]
    return [(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]


def _phones(
    graph: lattices.Lattice, path: lattices.Ints, begin: int, end: int, first_edge: float, step: float
) -> tuple[Phone, ...]:
    """The phones of frames `begin` to `end`, with a silence inside a token as `sil`."""
    slots = graph.slot[path[begin:end]]
    starts = [begin, *(begin + 1 + np.flatnonzero(np.diff(slots))), end]
    return tuple(
        Phone(UNITS[graph.unit[path[a]]], first_edge + float(a) * step, first_edge + float(b) * step)
        for a, b in pairwise(starts)
    )


SPEECH_IN_WINDOW = 0.8
"""Share of frames that must look like speech where somebody speaks."""

BLOCK_CELLS = 6_000_000
"""T x S up to which the uncertainty of all word starts is found in one piece."""
BLOCK_WORDS = 40
"""Words a piece, beyond that ..."""
MARGIN_WORDS = 3
"""... with so many on either side, whose other ends are held where the best path has them."""


def _start_spread(
    tokens: Sequence[Token],
    spans: list[tuple[int, int]],
    log_probs: lattices.Floats,
    step: float,
    config: AlignConfig,
) -> list[float]:
    """`plus_minus_ms` of each word's start: half the central interval of its posterior, in whole frames."""
    evidence = (log_probs * np.float32(config.evidence_scale)).astype(np.float32)
    graph = _lattice(tokens, step, config)
    if len(log_probs) * len(graph) <= BLOCK_CELLS:
        pieces = [(0, len(tokens), 0, len(tokens))]
    else:
        cuts = [*range(0, len(tokens), BLOCK_WORDS), len(tokens)]
        pieces = [
            (a, b, max(0, a - MARGIN_WORDS), min(len(tokens), b + MARGIN_WORDS)) for a, b in pairwise(cuts)
        ]
    spread: list[float] = []
    for first, last, outer_first, outer_last in pieces:
        begin = spans[outer_first - 1][1] if outer_first else 0
        end = spans[outer_last][0] if outer_last < len(tokens) else len(log_probs)
        part = _lattice(tokens[outer_first:outer_last], step, config)
        shares = lattices.start_posteriors(part, evidence[begin:end], outer_last - outer_first)
        spread += [_half_width(row, step, config) for row in shares[first - outer_first : last - outer_first]]
    return spread


def _half_width(shares: "np.ndarray", step: float, config: AlignConfig) -> float:
    """Half the width, ms, of the central interval of a distribution over frames, linear inside a frame."""
    edges = np.concatenate([[0.0], np.cumsum(shares)])
    tail = (1.0 - config.interval) / 2 * edges[-1]
    low, high = np.interp([tail, edges[-1] - tail], edges, np.arange(len(edges)))
    return max(config.smallest_plus_minus_ms, seconds_to_ms(float(high - low) / 2 * step))


def _word(
    token: Token,
    phones: tuple[Phone, ...],
    log_probs: lattices.Floats,
    units: lattices.Ints,
    plus_minus_ms: float,
    step: float,
    config: AlignConfig,
) -> Word:
    confidence = word_confidence(log_probs, units, max(1, round(config.confidence_window_s / step)))
    status = "aligned" if confidence >= config.low_confidence else "low"
    if confidence < config.spoken_confidence:
        status = "not_spoken"
    start, end = phones[0].start, phones[-1].end
    return Word(token.text, start, end, start, end, None, None, confidence, plus_minus_ms, status, phones)


def _unbiased(words: list[Word], step: float, late: tuple[float, ...], limit: float) -> list[Word]:
    """The words with the mean errors of their edges (seconds, in the order of `Posteriors.late_s`) taken off;
    no word shorter than a frame, none overlapping, none pushed beyond `limit`.

    Where two words touch, they still do: the boundary moves as a start.
    """
    if not any(late):
        return words
    first_late, next_late, end_late = late
    touching = [there.heard_start - here.heard_end < step / 2 for here, there in pairwise(words)]
    starts = [
        word.heard_start - (next_late if touches else first_late)
        for word, touches in zip(words, [False, *touching], strict=True)
    ]
    moved: list[Word] = []
    reached = -math.inf
    for word, begin, following, touches in zip(
        words, starts, [*starts[1:], math.inf], [*touching, False], strict=True
    ):
        start = max(begin, reached)
        end = following if touches else word.heard_end - end_late
        end = max(min(end, following, max(limit, word.heard_end)), start + step)
        phones = _fitted(word.phones, start, end)
        moved.append(
            dataclasses.replace(word, start=start, end=end, heard_start=start, heard_end=end, phones=phones)
        )
        reached = end
    return moved


def _fitted(phones: tuple[Phone, ...], start: float, end: float) -> tuple[Phone, ...]:
    """Phones stretched evenly to a word's new edges."""
    old_start, old_length = phones[0].start, phones[-1].end - phones[0].start
    scale = (end - start) / old_length
    edges = [start + (phone.start - old_start) * scale for phone in phones] + [end]
    return tuple(
        dataclasses.replace(phone, start=a, end=b)
        for phone, a, b in zip(phones, edges, edges[1:], strict=False)
    )
