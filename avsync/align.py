"""Words on the clock: which part of the sound, and which frames, each word of a transcript is spoken in.

    alignment = align("talk.mp4", "place blue at f two now")

`avsync.words.align_posteriors` does the same with phone scores alone, on their clock.
"""

import dataclasses
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from os import PathLike
from pathlib import Path

import numpy as np

from avsync import features, lips, media, model, offset, phones, speech
from avsync.alignconfig import AlignConfig
from avsync.alignment import Alignment, Gap, Word
from avsync.anchors import find_words
from avsync.clip import check_stream
from avsync.clocks import between, doubts
from avsync.errors import ConfigError, FaceError, LongTextError, MediaError, TextError, UndeterminedError
from avsync.excerpts import SHORT_SECONDS
from avsync.fusion import READS, fuse, need_of_lips, on_sound, weigh
from avsync.lips import LipTrack
from avsync.media import Clip
from avsync.offset import Offset
from avsync.places import prepared
from avsync.posteriors import Posteriors
from avsync.pronunciations import as_lexicon
from avsync.retime import Retiming
from avsync.text import Token
from avsync.timebase import frames_between, on_ms
from avsync.transcripts import Transcript, as_transcript
from avsync.verdicts import LEAST_CLEAR, agreement_of, clearness
from avsync.words import align_posteriors, find_gaps, fits, is_speech, span, speech_seconds

MODALITIES = ("auto", "audio", "video", "both")
"""What `align` can be told to use; the first is its default."""

OTHER = "other_transcript"
"""Reason of the error where a transcript is that of something else."""


def align(
    source: "str | PathLike[str] | Clip",
    transcript: str | Transcript,
    *,
    modality: str = MODALITIES[0],
    config: AlignConfig | None = None,
    tracks: tuple[LipTrack, ...] | None = None,
    lexicon: "str | PathLike[str] | Mapping[str, str | Iterable[str]] | None" = None,
    audio_stream: int | None = None,
) -> Alignment:
    """Find the words of `transcript` in a clip.

    `modality`: `audio` listens, `video` reads the lips, `both` adds their scores where speech is not clear.
    `auto` does so where the lips fit the text, in clips of up to a minute; else it listens, and where there
    is no speech to hear it reads the lips. What is heard too poorly refuses no text that the lips agree to.
    An offset that cannot be determined counts as 0, with a warning.
    `tracks`: what `lips.track` found in the clip, where that was asked before. `transcript`: the words, or
    what `avsync.read_transcript` makes of a file, whose rough times then guide the search. `lexicon`: your
    own pronunciations, a file or a mapping (`avsync.pronunciations`). `audio_stream`: which sound of a file,
    by the index that `avsync info` prints.
    Every token of the transcript comes back, in order and as it was written.

    Errors: TextError when the text is empty, or has letters that are neither Latin nor in the lexicon;
    MediaError and FaceError when what the modality needs is not there; UndeterminedError when nobody can be
    heard or seen speaking, or the transcript is that of another sound or too long for this one; ConfigError
    for another modality, and for a clip that was loaded at another sample rate than 16 kHz or with another
    sound than `audio_stream`.
    """
    if modality not in MODALITIES:
        raise ConfigError(f"modality is {modality!r}: it must be one of {', '.join(MODALITIES)}.")
    settings = config or AlignConfig()
    text = as_transcript(transcript)
    tokens = text.tokens(as_lexicon(lexicon))
    clip = (
        media.load(Path(source), audio_stream=audio_stream) if isinstance(source, str | PathLike) else source
    )
    check_stream(clip, audio_stream)
    sound = _heard(clip) if clip.has_audio and modality != "video" else None
    by_ear = modality != "both" and _has_speech(sound, settings)
    measured, track = _look(source, clip, tracks, by_ear=by_ear, audio_stream=audio_stream)
    clocks = between(measured)
    try:
        scores, heard = _scores(clip, sound, track, modality, clocks, tokens, settings)
        words = find_words(scores, text, tokens, settings)
    except LongTextError as error:
        raise UndeterminedError(f"{clip.source}: {error}", OTHER) from error
    if heard and not fits(scores, words, settings):  # lips alone tell too little to refuse
        raise _refusal(clip.source, words)
    if scores.seen and clip.has_audio and modality == "auto":
        warnings.warn(
            f"{clip.source}: nobody is heard to speak: the words are read from the lips alone, which tell "
            "little of what is said.",
            stacklevel=2,
        )
    for doubt in [*doubts(measured), *_absent(words)]:
        warnings.warn(f"{clip.source}: {doubt}", stacklevel=2)
    gaps = find_gaps(scores, words, settings)
    return Alignment(
        words=_on_picture(words, clocks, clip.frame_times),
        offset=measured,
        gaps=[_gap_on_picture(gap, clocks) for gap in gaps],
        transcript=text.text,
        source=clip.source,
        span=span(scores),
        frame_times=clip.frame_times,
    )


def _absent(words: list[Word]) -> list[str]:
    """What to tell of passages that nobody says, one sentence each."""
    spoken = [word for word in words if word.status != "interpolated"]
    passages = [list(group) for absent, group in groupby(spoken, lambda word: word.absent) if absent]
    return [
        f"nobody says {_named(passage)} (at {passage[0].heard_start:.1f} s); subtitles leave that out."
        for passage in passages
    ]


def _named(passage: list[Word]) -> str:
    first, last = passage[0].text, passage[-1].text
    return f"the {len(passage)} words from {first!r} to {last!r}" if len(passage) > 1 else repr(first)


def _refusal(source: str, words: list[Word]) -> UndeterminedError:
    """What to raise where the transcript is that of something else."""
    spoken = [word for word in words if word.status != "interpolated"]
    found = sum(word.status == "aligned" for word in spoken)
    return UndeterminedError(
        f"{source}: the transcript does not fit: {found} of its {len(spoken)} words are found in the clip. "
        "Give the words that are spoken in it.",
        OTHER,
    )


def _speaker(tracks: tuple[LipTrack, ...], measured: Offset | None) -> LipTrack | None:
    """The face that speaks: the one that most of the offset was measured on, else the first; None without
    faces.
    """
    first = tracks[0] if tracks else None
    if measured is None or not measured.segments:
        return first
    seconds: dict[int, float] = {}
    for part in measured.segments:
        seconds[part.face] = seconds.get(part.face, 0.0) + part.end - part.start
    most = max(seconds, key=lambda face: seconds[face])
    return next((track for track in tracks if track.face == most), first)


def _look(
    source: object,
    clip: Clip,
    tracks: tuple[LipTrack, ...] | None,
    *,
    by_ear: bool,
    audio_stream: int | None,
) -> "tuple[Offset | None, LipTrack | None]":
    """The offset, and the face that speaks; each None where there is none. Where words are found by ear, the
    faces of a long file are not tracked throughout: stretches tell its offset.
    """
    if not clip.has_video:
        return None, None
    from_file = isinstance(source, str | PathLike) and tracks is None
    if from_file and by_ear and float(np.ptp(clip.frame_times)) > SHORT_SECONDS:
        return offset.detect_offset(clip.source, audio_stream=audio_stream), None
    if tracks is None:
        tracks = lips.track(clip)
    measured = offset.detect_offset(clip, tracks=tracks) if clip.has_audio else None
    return measured, _speaker(tracks, measured)


def _scores(
    clip: Clip,
    sound: Posteriors | None,
    track: LipTrack | None,
    modality: str,
    clocks: Retiming,
    tokens: "Sequence[Token]",
    config: AlignConfig,
) -> "tuple[Posteriors, bool]":
    """Phone scores of what the modality asks for, on the audio clock, and whether they are the sound's alone.
    `tokens` tell how far the sound is to be trusted beside the lips.
    """
    speech = _has_speech(sound, config)
    _check_modality(clip, sound, track, modality, config, speech=speech)
    if sound is not None and (track is None or modality == "audio"):
        return sound, True
    assert track is not None
    if sound is None or modality == "video" or (modality == "auto" and not speech):
        return on_sound(_seen(clip, track), clocks), False
    fused = _fused(clip, sound, track, modality, clocks, tokens, config)
    return (sound, True) if fused is None else (fused, False)


def _check_modality(
    clip: Clip,
    sound: Posteriors | None,
    track: LipTrack | None,
    modality: str,
    config: AlignConfig,
    *,
    speech: bool,
) -> None:
    """Raise what is to be said where the clip lacks what the modality asks for."""
    if sound is None and modality in ("audio", "both"):
        raise MediaError(
            f"{clip.source} has no audio stream, which modality={modality!r} needs. {_advice(lips=track)}"
        )
    if track is None and modality in ("video", "both"):
        raise _no_lips(clip, sound, config)
    if track is None and not speech and modality == "auto":
        raise UndeterminedError(
            f"{clip.source} has no speech to be heard and no face to be seen. {_advice()}", "no_speech"
        )
    if not speech and modality == "audio":
        raise UndeterminedError(
            f"{clip.source} has no speech to be heard. {_advice(lips=track)}", "no_speech"
        )


def _fused(
    clip: Clip,
    sound: Posteriors,
    track: LipTrack,
    modality: str,
    clocks: Retiming,
    tokens: "Sequence[Token]",
    config: AlignConfig,
) -> Posteriors | None:
    """The scores of sound and lips together; None where the sound does better alone."""
    need = need_of_lips(sound, config)
    if need == 0.0:
        return None
    by_ear = align_posteriors(sound, tokens, config)
    known = fits(sound, by_ear, config)
    if not known and need < 1.0:  # less clear speech tells too little to refuse
        if modality == "auto":
            return None
        raise _refusal(clip.source, by_ear)
    seen = _seen(clip, track)
    read = _legible(on_sound(seen, clocks), tokens, config)
    # Lips that fit in part help a text that is heard; to overrule what is heard they have to fit wholly.
    vague, legible = READS
    if modality == "auto" and read <= (vague if known else legible):
        return None
    heard = agreement_of([word.said for word in by_ear])
    return fuse(sound, seen, clocks, weigh(need, heard, read, config))


def _legible(lips: Posteriors, tokens: "Sequence[Token]", config: AlignConfig) -> float:
    """The agreement of a text with the lips alone; 0 where they are seen too shortly to say it, and where
    they say nothing: then they agree with any text.
    """
    if clearness(prepared(lips.log_probs, config)) <= LEAST_CLEAR:
        return 0.0
    try:
        words = align_posteriors(lips, tokens, config)
    except TextError:
        return 0.0
    return agreement_of([word.said for word in words])


def _no_lips(clip: Clip, sound: Posteriors | None, config: AlignConfig) -> MediaError | FaceError:
    """What to raise where lips are asked for and there are none."""
    if sound is None and clip.has_audio:
        sound = _heard(clip)
    advice = _advice(speech=_has_speech(sound, config))
    if not clip.has_video:
        return MediaError(f"{clip.source} has no video stream to read lips from. {advice}")
    return FaceError(f"{clip.source} shows no face to read lips from. {advice}")


def _advice(*, speech: bool = False, lips: LipTrack | None = None) -> str:
    """The modality that would work, if one would."""
    if speech:
        return "Use modality='audio'."
    return "Give a clip in which somebody speaks." if lips is None else "Use modality='video'."


def _heard(clip: Clip) -> Posteriors:
    return phones.load_phones().speech_posteriors(speech.log_mel(clip))


def _seen(clip: Clip, track: LipTrack) -> Posteriors:
    """Phone scores over all pictures: words may be said where the face is not seen."""
    return model.load_model().lip_posteriors(features.on_grid(track.over(clip.frame_times)))


def _has_speech(sound: Posteriors | None, config: AlignConfig) -> bool:
    """Whether somebody is heard to speak: in some of the sound, or for some time in a long one."""
    return (
        sound is not None
        and len(sound.log_probs) > 0
        and (
            float(is_speech(sound).mean()) >= config.speech_share
            or speech_seconds(sound, config) >= config.speech_s
        )
    )


def _on_picture(words: list[Word], clocks: Retiming, frame_times: "np.ndarray") -> list[Word]:
    """The words with their times on the picture's clock, and their frames.

    One whose moment was cut out of the picture has a millisecond at the cut.
    """
    moved, reached = [], -math.inf
    for word in words:
        heard_start, heard_end = on_ms(word.heard_start), on_ms(word.heard_end)
        start, end = (on_ms(float(time)) for time in clocks.seen_at([heard_start, heard_end]))
        start = max(start, reached)
        end = max(end, on_ms(start + 0.001))
        reached = start if word.absent else end  # these may share their time
        first, last = frames_between(frame_times, start, end) or (None, None)
        moved.append(
            dataclasses.replace(
                word,
                start=start,
                end=end,
                heard_start=heard_start,
                heard_end=heard_end,
                first_frame=first,
                last_frame=last,
            )
        )
    return moved


def _gap_on_picture(gap: Gap, clocks: Retiming) -> Gap:
    heard_start, heard_end = on_ms(gap.heard_start), on_ms(gap.heard_end)
    start, end = (on_ms(float(time)) for time in clocks.seen_at([heard_start, heard_end]))
    return Gap(start, end, gap.status, heard_start, heard_end)
