"""How words are found in phone scores: prices, weights and limits, each with what it was chosen on."""

from dataclasses import dataclass

from avsync.errors import ConfigError


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
    evidence_scale: float = 0.2
    """Neighbouring frames repeat each other: each counts as this share of independent evidence, in
    `plus_minus_ms`."""
    interval: float = 0.9
    """Probability that a word's start lies within `plus_minus_ms`."""
    smallest_plus_minus_ms: float = 40.0
    """No start is claimed to be known better, milliseconds."""
    start_bias_s: float = 0.0
    """Mean error of word starts, seconds, positive where they come late; subtracted."""
    end_bias_s: float = 0.0
    """Mean error of word ends, seconds, positive where they come late; subtracted."""
    filler_penalty: float = 3.0
    """What each frame of sound that the transcript lacks costs beyond its best unit's score, nats. Less, and
    it takes frames from words: with 1, starts of 108 words of 13 GRID speakers are 32 ms off in the mean,
    with 3 it is 24."""
    rival_penalty: float = 1.0
    """The same, where it is asked whether a word was said or something else."""
    filler_cost: float = 10.0
    """What it costs to begin such a stretch, nats."""
    inner_filler_cost: float = 30.0
    """What it costs more inside the text where no punctuation is, nats. Of single sentences of
    speechocean762, searched in sounds of several with pauses of 2 to 7 s between them, 72 of about 1,600
    words are more than 150 ms off with 20, 54 with 40, 46 with 60. More than 30 costs in babble, where the
    sound is unlike the words: mean errors at 0 dB of both and of sound alone 34 and 58, 33 and 65, 40 and 54
    ms with 20, 30, 40."""
    distant_penalty: float = 0.6
    """`filler_penalty` in sound that is far from all words: a transcript may be that of a part only. With 3
    throughout, 178 and 31 words of those excerpts are off: they stretch into sound that is not theirs."""
    skip_cost: float = 5.0
    """What it costs to leave out a word of the transcript, nats. A word that is left out takes one frame
    right before what follows, so that it gains no place in a long silence."""
    hop_cost: float = 5.0
    """What each word of a passage costs that is left out as a whole, nats, beside the filler that takes its
    place. In 42 texts of speechocean762 with a passage, 96 % of 776 words that nobody says are told with 0,
    2 and 5, 97 % with 10 and 20; 0.3, 0.2 and, from 5 on, 0.15 to 0.2 % of the others are lost with them."""
    least_said: float = 0.02
    """A word that is less probably said than this is `not_spoken`, and no other makes room for it."""
    low_confidence: float = 0.5
    """Below this a word's status is `low`."""
    longest_word_s: float = 2.0
    """A longer word is never better than `low`, seconds."""
    unmatched_s: float = 0.1
    """Speech this long, seconds, in a gap longer than that is something that the transcript lacks."""
    lip_weight: float = 0.4
    """Weight of the lips' log-scores in `both` where speech is not clear but the text fits the sound ..."""
    noisy_lip_weight: float = 1.0
    """... and where it does not (`fusion.FITS`); beside clear speech it is 0."""
    vague_lip_weight: float = 0.2
    """Their weight, with `sound_weight`, where they do not fit the text themselves (`fusion.READS`), whatever
    the sound does: faces from the web in other light. Of six web clips, against their words without noise,
    mean errors in babble at 10 / 5 / 0 dB and white noise at 10 / 0 / -5 dB: sound alone 19 / 65 / 135 and 16
    / 25 / 63 ms; as lips of GRID are weighed 127 / 263 / 472 and 102 / 142 / 304; so 18 / 38 / 153 and 14 /
    29 / 69."""
    sound_weight: float = 0.8
    """Weight of the sound's log-scores where speech is not clear but the text fits the sound ..."""
    noisy_sound_weight: float = 0.2
    """... and where it does not; 1 beside clear speech. A voice among others is as sure of its phones as a
    voice alone, and wrong. Chosen on GRID's validation speakers (7 clips in six noises each), mean word
    errors in babble at 5 / 0 / -5 dB and white noise at 0 / -5 dB: sound alone 54 / 118 / 277 and 34 / 40 ms,
    lips alone 55; sound 1, lips up to 0.5 by clearness: 36 / 49 / 82 and 34 / 37; both by clearness: 36 / 39
    / 41 and 34 / 36; as here: 35 / 40 / 40 and 33 / 37, and much the same with twenty other rules."""
    speech_share: float = 0.05
    """Share of the sound's frames that must look like speech for `auto` to use the sound ..."""
    speech_s: float = 0.5
    """... or seconds in which somebody clearly speaks, in a long sound of which that is little. A minute of
    noise or of made music has none, nor has a tennis match."""

    def __post_init__(self) -> None:
        for name in ("minimum_phone_s", "minimum_silence_s", "longest_word_s", "evidence_scale"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"AlignConfig.{name} is {getattr(self, name)}: it must be above 0.")
        for name in (
            "silence_cost",
            "silence_penalty",
            "filler_penalty",
            "rival_penalty",
            "filler_cost",
            "inner_filler_cost",
            "distant_penalty",
            "skip_cost",
            "hop_cost",
            "duration_weight",
            "duration_reach_s",
            "lip_weight",
            "noisy_lip_weight",
            "vague_lip_weight",
            "sound_weight",
            "noisy_sound_weight",
            "unmatched_s",
            "speech_s",
            "smallest_plus_minus_ms",
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"AlignConfig.{name} is {getattr(self, name)}: it must not be negative.")
        if not 0 < self.interval < 1:
            raise ConfigError(f"AlignConfig.interval is {self.interval}: it must lie between 0 and 1.")
