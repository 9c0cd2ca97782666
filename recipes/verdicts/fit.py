"""Fit the constants of `avsync.verdicts` to a model: from transcripts and sounds that were tampered with.

    python recipes/verdicts/fit.py --grid CACHE/grid --speech CACHE/speech [--weights FILE]

CACHE is what `recipes/grid/prepare.py` and `prepare_speech.py` write. Each clip is aligned with what was
said, with a part of it, with a word put in, with a word replaced, with a word cut out of its sound, and with
what was said in other clips; clean and in noise, and of GRID's clips by the lips alone. Training speakers
fit; validation speakers show what it is worth, and help to set the limits of whole transcripts, and they fit
what counts for lips; test speakers are left alone. Prints the lines to put into
`avsync/verdicts.py`.
"""

import argparse
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

# Recipes are folders of scripts, not packages.
sys.path.append(str(Path(__file__).resolve().parents[1] / "grid"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmark"))

import corruption
from corruption import Text
from split import part
from with_weights import using

from avsync import metrics, model, phones, speech, verdicts
from avsync.alignconfig import AlignConfig
from avsync.errors import TextError
from avsync.media import Clip
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.search import search
from avsync.speech import SAMPLE_RATE
from avsync.text import normalise
from avsync.utterances import Utterance, load_utterance
from avsync.words import align_posteriors

NEAR_MS = 150.0
"""A word that was said is right when it begins this near to the truth."""
CONDITIONS = (None, ("babble", 12.0), ("white", 6.0), ("babble", 3.0))
"""Noise, and its ratio in dB."""
FOREIGN = 3
"""Transcripts of other clips tried on each sound."""
SOUND_ONLY = "sound only"
LIPS = "lips of "
"""Before the group of clips whose lips were read."""
GROUPS = ("s1", "s4", "others", SOUND_ONLY, "validation")
"""The limits are set by all clips, the weights by those that are not for validation."""
OWN = {True: ("as said", "put in", "replaced", "cut out"), False: ("as said",)}
"""A clip's own transcripts: of GRID, and of `SOUND_ONLY`, where few words are sure to begin with."""
KNOT = 0.1
"""Degrees of clearness at which a limit is set, each by speech whose clearness is this near."""
WRONGLY_REFUSED, WRONGLY_KEPT = 0.01, 0.01
"""Shares of a clip's own transcripts that may be refused, and of others' that may not."""
INTERVAL = AlignConfig().interval
RIDGE, RIDGE_OF_LIPS = 1e-5, 1e-2
"""What the squares of the weights cost: those of lips are fitted to seven clips, each as clear throughout."""
FEWEST = 5
"""Fewer trials of a group say nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A word of a transcript: what is known of it, and what is true of it."""

    group: str
    condition: str
    kind: str
    facts: np.ndarray
    said: bool
    error_ms: float
    """Of its start, NaN where the truth is unknown."""
    half_ms: float
    """Half the interval of its start."""
    odds: float
    """Log-odds that it was said at all."""

    @property
    def right(self) -> bool:
        """Was it said, and not far from where it stands? An unknown time is taken for right."""
        return self.said and not abs(self.error_ms) > NEAR_MS


@dataclass(frozen=True, slots=True)
class Judged:
    """A transcript as a whole: `verdicts.agreement` of its words, clearness of the speech, and the truth."""

    group: str
    condition: str
    kind: str
    odds: float
    clear: float

    @property
    def own(self) -> bool:
        """Is it the clip's transcript, with one word wrong at most?"""
        return self.kind != "foreign"


def utterances(grid: Path, speech: Path | None, limit: int) -> list[tuple[str, Utterance]]:
    """Clips by group: `validation`, and for fitting `s1`, `s4`, `others`, `sound only`."""
    found: list[tuple[str, Utterance]] = []
    counts: dict[str, int] = {}
    for path in _shuffled(grid.glob("*.npz")):
        speaker = path.stem.partition("-")[0]
        group = speaker if speaker in ("s1", "s4") else "others"
        if part(speaker) == "validation":
            group = "validation"
        counts[group] = counts.get(group, 0) + (part(speaker) in ("train", "validation"))
        if part(speaker) in ("train", "validation") and counts[group] <= limit:
            found.append((group, load_utterance(path)))
    spoken = (load_utterance(path) for path in _shuffled(speech.glob("so-*.npz") if speech else ()))
    usable = (one for one in spoken if all(word.replace("'", "").isalpha() for word in one.words))
    return found + [(SOUND_ONLY, one) for one, _ in zip(usable, range(limit), strict=False)]


def _shuffled(paths: Iterable[Path]) -> list[Path]:
    files = sorted(paths)
    return [files[n] for n in np.random.default_rng(0).permutation(len(files))]


def scores(waveform: np.ndarray, start: float) -> Posteriors:
    """Phone scores, as `align` hears them, of a sound whose first sample stands at `start`."""
    sound = np.ascontiguousarray(waveform, np.float32)
    clip = Clip("fit", np.zeros(0), [], sound, SAMPLE_RATE, start, None)  # type: ignore[arg-type]
    return phones.load_phones().speech_posteriors(speech.log_mel(clip))


def listen(
    group: str,
    clip: Utterance,
    sounds: Sequence[np.ndarray],
    texts: Sequence[tuple[str, ...]],
    rng: np.random.Generator,
) -> Iterator[Heard | Judged]:
    """All trials of a clip. `sounds` make babble, `texts` are what is said in other clips of its kind."""
    pool = sorted({word for text in texts for word in text})
    truth = clip.word_times if clip.timed else _found(clip)
    if clip.lips is not None and group in ("validation", "others"):
        yield from _read(group, clip, texts, pool, rng)
    for condition in CONDITIONS:
        name = "clean" if condition is None else f"{condition[0]} {condition[1]:.0f} dB"
        wave = clip.waveform
        if condition is not None:
            length = len(wave)
            white = condition[0] == "white"
            noise = rng.normal(0, 1, length) if white else corruption.babble(sounds, length, rng)
            wave = corruption.noisy(wave, noise, condition[1])
        heard = scores(wave, clip.audio_start)
        cases = [
            ("as said", corruption.intact(clip.words), heard, clip.word_times),
            ("part", corruption.excerpt(clip.words, rng), heard, truth),
            ("put in", corruption.inserted(clip.words, pool, rng), heard, clip.word_times),
            ("replaced", corruption.replaced(clip.words, pool, rng), heard, clip.word_times),
        ]
        if clip.timed:
            text, wave, times = corruption.without_a_word(
                clip.words, wave, clip.word_times - clip.audio_start, rng
            )
            cut = scores(wave, clip.audio_start)
            cases.append(("cut out", text, cut, times + clip.audio_start))
        for kind, text, posteriors, times in cases:
            known = clip.timed or (kind == "part" and len(times) > 0)
            found = list(_words(group, name, kind, text, posteriors, times if known else None))
            yield from found
            if found:
                yield _whole(found)
        for number in rng.choice(len(texts), FOREIGN):
            if texts[number] != clip.words:
                found = list(_words(group, name, "foreign", corruption.intact(texts[number]), heard, None))
                if found:
                    yield _whole(found)


def _found(clip: Utterance) -> np.ndarray:
    """(W, 2) times of the words of a clip by its whole transcript, empty where a token is not one word: the
    truth for a part of it.
    """
    heard = scores(clip.waveform, clip.audio_start)
    words = align_posteriors(heard, " ".join(clip.words))
    times = np.array([(word.heard_start, word.heard_end) for word in words])
    return times if len(times) == len(clip.words) else np.zeros((0, 2))


def _read(
    group: str,
    clip: Utterance,
    texts: Sequence[tuple[str, ...]],
    pool: Sequence[str],
    rng: np.random.Generator,
) -> Iterator[Heard]:
    """Trials of a clip by its lips."""
    assert clip.lips is not None
    seen = model.load_model().lip_posteriors(clip.lips)
    others = [texts[number] for number in rng.choice(len(texts), FOREIGN) if texts[number] != clip.words]
    for kind, text in (
        ("as said", corruption.intact(clip.words)),
        ("part", corruption.excerpt(clip.words, rng)),
        ("put in", corruption.inserted(clip.words, pool, rng)),
        ("replaced", corruption.replaced(clip.words, pool, rng)),
        *(("foreign", corruption.Text(other, (None,) * len(other))) for other in others),
    ):
        yield from _words(LIPS + group, "clean", kind, text, seen, clip.word_times)


def _words(
    group: str, condition: str, kind: str, text: Text, heard: Posteriors, times: np.ndarray | None
) -> Iterator[Heard]:
    """The words of a transcript; none where it does not fit into the sound."""
    config = AlignConfig()
    tokens = normalise(" ".join(text.words))
    if [token.text for token in tokens] != list(text.words):
        return
    try:
        found = search(tokens, prepared(heard.log_probs, config), heard.step, config, partial=not heard.seen)
    except TextError:
        return
    first_edge = heard.times[0] - heard.step / 2
    for n, source in enumerate(text.source):
        start = first_edge + found.places[n].begin * heard.step - config.start_bias_s
        error = np.nan if source is None or times is None else 1000 * (start - times[source, 0])
        yield Heard(
            group, condition, kind, found.facts[n], source is not None, error, found.half_ms[n], found.odds[n]
        )


def _whole(found: Sequence[Heard]) -> Judged:
    one = found[0]
    odds = verdicts.agreement([word.odds for word in found])
    return Judged(one.group, one.condition, one.kind, odds, float(one.facts[4]))


def fit_weights(heard: Sequence[Heard], ridge: float) -> tuple[float, ...]:
    """Weights of a logistic regression in which each group of clips counts as much."""
    x, right = np.stack([one.facts for one in heard]), np.array([one.right for one in heard], float)
    groups = [one.group for one in heard]
    weight = np.array([1 / groups.count(group) for group in groups]) / len(set(groups))

    def loss(weights: np.ndarray) -> float:
        z = x @ weights
        return float((weight * (np.logaddexp(0, z) - right * z)).sum() + ridge * np.square(weights[1:]).sum())

    return tuple(round(float(value), 3) for value in minimize(loss, np.zeros(x.shape[1])).x)


def fit_limits(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """Least agreement by clearness, rising: halfway between a clip's own transcripts, some with a wrong
    word, and those of other clips, where they lie apart in speech about as clear; else where few of the
    own ones are refused, in any group of clips.
    """
    first, last = np.quantile([one.clear for one in judged if one.own], [0.05, 0.95])
    limits: list[tuple[float, float]] = []
    for middle in np.arange(first, last + KNOT, KNOT):
        near = [one for one in judged if abs(one.clear - middle) <= KNOT]
        own = [
            [one.odds for one in near if one.group == group and one.kind in OWN[group != SOUND_ONLY]]
            for group in GROUPS
        ]
        lowest = [float(np.quantile(odds, WRONGLY_REFUSED)) for odds in own if len(odds) >= FEWEST]
        if not lowest:
            continue
        low = min(lowest)
        foreign = [one.odds for one in near if not one.own]
        high = float(np.quantile(foreign, 1 - WRONGLY_KEPT)) if foreign else low
        limit = max([(low + high) / 2 if low > high else low, *(one for _, one in limits)])
        limits.append((round(float(middle), 2), round(limit, 2)))
    return limits


def fit_width(heard: Sequence[Heard], share: float) -> float:
    """Factor of the half-widths of the narrowest intervals that hold this share of the starts of words that
    were said.
    """
    known = [one for one in heard if one.right and not np.isnan(one.error_ms)]
    errors, halves = np.abs([one.error_ms for one in known]), np.array([one.half_ms for one in known])
    least = AlignConfig().smallest_plus_minus_ms
    factors = np.arange(0.4, 4.01, 0.1)
    held = (errors <= np.maximum(least, factors[:, None] * halves)).mean(1)
    return round(float(factors[np.argmax(held >= share)]), 1) if held.max() >= share else 4.0


def report(name: str, heard: Sequence[Heard], judged: Sequence[Judged]) -> None:
    """One line of what the constants of `avsync.verdicts` are worth."""
    fit = verdicts.SEEN if heard[0].group.startswith(LIPS) else verdicts.HEARD
    sure = verdicts.probability(np.stack([one.facts for one in heard]), fit)
    said = np.array([one.said for one in heard])
    right = np.array([one.right for one in heard])
    unsaid = np.array([one.odds < -3.89 for one in heard])
    known, least = zip(*verdicts.BELONGS, strict=True)
    refused = [one.odds < np.interp(one.clear, known, least) for one in judged]
    kinds = np.array([one.kind for one in judged])
    shares = ", ".join(
        f"{np.mean(np.array(refused)[kinds == kind]):.3f} of {(kinds == kind).sum()} {kind}"
        for kind in dict.fromkeys(kinds.tolist())
    )
    print(
        f"{name:26} {len(heard):6} words: said or not, AUROC {metrics.auroc(sure, said):.3f}, "
        f"calibration error {metrics.calibration_error(sure, right):.3f}; not_spoken: "
        f"{unsaid[~said].mean():.3f} of those not said, {unsaid[said].mean():.3f} of those said; "
        f"below 0.5: {(sure[said] < 0.5).mean():.3f} of those said; refused: {shares}"
    )


def trials(
    clips: Sequence[tuple[str, Utterance]], repeats: int, seed: int
) -> tuple[list[Heard], list[Judged]]:
    """All trials; clips of groups with few of them are used `repeats` times."""
    rng = np.random.default_rng(seed)
    sounds = [clip.waveform for group, clip in clips if group != "validation"]
    texts = {
        True: [clip.words for group, clip in clips if group == SOUND_ONLY],
        False: sorted({clip.words for group, clip in clips if group != SOUND_ONLY}),
    }
    heard: list[Heard] = []
    judged: list[Judged] = []
    for group, clip in tqdm(clips, desc="clips"):
        for _ in range(repeats if group in ("validation", "others") else 1):
            for one in listen(group, clip, sounds, texts[group == SOUND_ONLY], rng):
                heard.append(one) if isinstance(one, Heard) else judged.append(one)
    return heard, judged


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="cache of recipes/grid/prepare.py")
    parser.add_argument("--speech", type=Path, help="cache of recipes/grid/prepare_speech.py")
    parser.add_argument("--weights", type=Path, help="weights to fit to (default: those that avsync ships)")
    parser.add_argument("--limit", type=int, default=40, help="clips of each group (default: 40)")
    parser.add_argument("--repeats", type=int, default=4, help="draws of rare speakers' clips (default: 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=Path, help="file that keeps the trials; read when it exists")
    parser.add_argument("--keep", action="store_true", help="only show what the present constants are worth")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.trials and options.trials.exists():
        heard, judged = pickle.loads(options.trials.read_bytes())
    else:
        clips = utterances(options.grid, options.speech, options.limit)
        with using(options.weights):
            heard, judged = trials(clips, options.repeats, options.seed)
        if options.trials:
            options.trials.write_bytes(pickle.dumps((heard, judged)))
    sound = [one for one in heard if not one.group.startswith(LIPS)]
    fitting = [one for one in sound if one.group != "validation"]
    lips = [one for one in heard if one.group == LIPS + "validation"]  # the others' were trained on
    if not options.keep:
        unseen = [one for one in sound if one.group in ("others", "validation")]
        verdicts.HEARD = verdicts.Fit(fit_weights(fitting, RIDGE), fit_width(unseen, INTERVAL))
        verdicts.SEEN = verdicts.Fit(fit_weights(lips, RIDGE_OF_LIPS), fit_width(lips, INTERVAL))
        verdicts.BELONGS = tuple(fit_limits(judged))
        print(f"HEARD = {verdicts.HEARD}\nSEEN = {verdicts.SEEN}\nBELONGS = {verdicts.BELONGS}")
    for group in sorted({one.group for one in heard}):
        for condition in ("", *sorted({one.condition for one in heard if one.group == group})):
            report(
                f"{group} {condition}",
                [one for one in heard if one.group == group and condition in ("", one.condition)],
                [one for one in judged if one.group == group and condition in ("", one.condition)],
            )


if __name__ == "__main__":
    main()
