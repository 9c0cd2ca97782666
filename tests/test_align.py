"""`align` from clip to frames, with models whose answers are known."""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import alignments
import lines
import numpy as np
import pytest
from speech_scores import spoken

from avsync import features, lips, media, model, offset, phones, speech, verdicts
from avsync.align import align
from avsync.alignconfig import AlignConfig
from avsync.errors import AVSyncError, FaceError, MediaError, TextError, UndeterminedError
from avsync.posteriors import Posteriors
from avsync.timebase import pts_to_seconds
from avsync.timeline import Jump, Timeline
from avsync.timeline import Piece as Stretch
from avsync.transcripts import Anchor, Transcript

align_module = importlib.import_module("avsync.align")

TEXT = "place blue at F two now"
PAUSES = {0: 0.5, 2: 0.25, 6: 0.4}

LISTEN, LOOK = "Use modality='audio'", "Use modality='video'"
SPEAK = "Give a clip in which somebody speaks"

Clip = Callable[..., SimpleNamespace]


class Face(SimpleNamespace):
    """A track of which only the number counts."""

    def over(self, times: np.ndarray) -> "Face":
        return self


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch) -> Clip:
    """Makes a clip in which `TEXT` is spoken: what is seen at t is heard at t - offset_ms / 1000."""
    heard, truth = spoken(TEXT, PAUSES, clearness=8.0)

    def make(
        *,
        rate: Fraction = Fraction(25),
        offset_ms: float | None = 0.0,
        has_audio: bool = True,
        has_video: bool = True,
        faces: int = 1,
        silent: bool = False,
        hum: float = 0.0,
        blur: float = 0.0,
        segments: tuple[offset.Segment, ...] = (),
        line: Timeline | None = None,
    ) -> SimpleNamespace:
        log_probs = heard.log_probs
        if silent:
            log_probs = np.full_like(log_probs, -9.0)
            log_probs[:, 0] = np.log1p(-39 * np.exp(-9.0))
        if hum:  # noise that says nothing: every phone alike
            log_probs = (1 - hum) * log_probs + hum * np.float32(np.log(1 / 40))
        seen_times = heard.times + (offset_ms or 0.0) / 1000
        seen_log_probs = heard.log_probs
        if line is not None:  # the lips on their own even clock
            seen_times = np.arange(heard.times[0], heard.times[-1] + 0.4, 0.01)
            said = seen_times - line.offset_at(seen_times) / 1000
            seen_log_probs = heard.log_probs[np.abs(said[:, None] - heard.times).argmin(1)]
        seen_log_probs = (1 - blur) * seen_log_probs + blur * np.float32(np.log(1 / 40))
        net = SimpleNamespace(
            speech_posteriors=lambda mel: Posteriors(log_probs, heard.times, 0.01),
            lip_posteriors=lambda grid: Posteriors(seen_log_probs, seen_times, 0.01),
        )
        reason = None if offset_ms is not None else "ambiguous"
        measured = replace(
            offset.undetermined(reason or ""), ms=offset_ms, reason=reason, segments=segments, line=line
        )
        monkeypatch.setattr(model, "load_model", lambda: net)
        monkeypatch.setattr(phones, "load_phones", lambda: net)
        monkeypatch.setattr(speech, "log_mel", lambda clip: None)
        monkeypatch.setattr(features, "on_grid", lambda track: None)
        monkeypatch.setattr(lips, "track", lambda clip: tuple(Face(face=n) for n in range(faces)))
        monkeypatch.setattr(offset, "unusable", lambda clip, config: None)
        monkeypatch.setattr(offset, "measure", lambda clip, tracks, config: measured)
        times = [pts_to_seconds(n, 1 / rate) for n in range(int(4 * rate))] if has_video else []
        return SimpleNamespace(
            source="talk.mp4",
            has_audio=has_audio,
            has_video=has_video,
            frame_times=np.array(times, dtype=np.float64),
            truth=truth,
        )

    return make


@pytest.mark.parametrize("offset_ms", [0.0, 118.4, -233.0])
def test_words_are_heard_where_they_sound_and_seen_an_offset_later(clip: Clip, offset_ms: float) -> None:
    talk = clip(offset_ms=offset_ms)
    found = align(talk, TEXT)
    assert [word.text for word in found.words] == TEXT.split()
    assert (found.transcript, found.source, found.span) == (TEXT, "talk.mp4", pytest.approx((0.0, 2.63)))
    for word, (start, end) in zip(found.words, talk.truth, strict=True):
        assert (word.heard_start, word.heard_end) == (pytest.approx(start), pytest.approx(end))
        assert word.start == pytest.approx(start + offset_ms / 1000, abs=6e-4)
        assert word.end == pytest.approx(end + offset_ms / 1000, abs=6e-4)
        assert word.start == round(word.start, 3)


@pytest.mark.parametrize("modality", ["audio", "both", "video"])
def test_words_follow_an_offset_that_changes(clip: Clip, modality: str) -> None:
    step = 1.31
    line = replace(
        lines.changing(0.0),
        pieces=(Stretch(0.0, step, 30.0, 3.0, step), Stretch(step, 3.0, 190.0, 4.0, 1.6)),
        jumps=(Jump(step, step, step, 30.0, 190.0),),
    )
    talk = clip(offset_ms=30.0, line=line)
    found = align(talk, TEXT, modality=modality)
    for word, (start, end) in zip(found.words, talk.truth, strict=True):
        assert word.heard_start == pytest.approx(start, abs=0.021)
        assert word.heard_end == pytest.approx(end, abs=0.021)
        for seen, heard in ((word.start, word.heard_start), (word.end, word.heard_end)):
            # What is heard at h is seen at h + 30 ms, up to where what follows the step is heard.
            later = 0.03 if heard < step - 0.19 else 0.19
            assert seen == pytest.approx(heard + later, abs=6e-4)
    assert {round(word.start - word.heard_start, 2) for word in found.words} == {0.03, 0.19}


def test_words_whose_moment_is_cut_out_of_the_picture_stand_at_the_cut(clip: Clip) -> None:
    step = 1.4
    line = replace(
        lines.changing(0.0),
        pieces=(Stretch(0.0, step, 0.0, 3.0, step), Stretch(step, 3.0, -900.0, 4.0, 1.6)),
        jumps=(Jump(step, step, step, 0.0, -900.0),),
    )
    talk = clip(offset_ms=0.0)
    full = align(talk, TEXT)
    found = align(clip(offset_ms=0.0, line=line), TEXT, modality="audio")
    assert [word.heard_start for word in found.words] == [word.heard_start for word in full.words]
    inside = [word for word in found.words if step < word.heard_start and word.heard_end < step + 0.9]
    assert inside
    assert all(step <= word.start < word.end <= step + 0.01 for word in inside)
    assert all(here.end <= there.start for here, there in pairwise(found.words))
    after = [word for word in found.words if word.heard_start > step + 0.91]
    assert all(word.start == pytest.approx(word.heard_start - 0.9, abs=6e-4) for word in after)


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50)], ids=str
)
@pytest.mark.parametrize("offset_ms", [-200.0, 0.0, 200.0])
def test_frames_are_those_with_start_up_to_before_end(clip: Clip, rate: Fraction, offset_ms: float) -> None:
    talk = clip(rate=rate, offset_ms=offset_ms)
    words = align(talk, TEXT).words
    assert len(words) == len(TEXT.split())
    for word in words:
        inside = [n for n, time in enumerate(talk.frame_times) if word.start <= time < word.end]
        assert (word.first_frame, word.last_frame) == (inside[0], inside[-1])


def test_frames_of_a_variable_rate_clip_and_words_between_frames(clip: Clip) -> None:
    talk = clip()
    talk.frame_times = np.array([0.0, 0.4, talk.truth[0][0], 1.9, 2.2])
    found = align(talk, TEXT)
    assert (found.words[0].first_frame, found.words[0].last_frame) == (2, 2)
    assert (found.words[1].first_frame, found.words[1].last_frame) == (None, None)


def test_every_token_comes_back_as_it_was_written_with_times_and_frames(clip: Clip) -> None:
    written = "ANNA: «Place» – blue, at [door slams] F 2 … ¡now!"
    talk = clip(offset_ms=80.0)
    found = align(talk, written)
    assert [word.text for word in found.words] == [
        "ANNA:", "«Place»", "–", "blue,", "at", "[door slams]", "F", "2", "…", "¡now!",
    ]  # fmt: skip
    assert found.transcript == written
    statuses = ["interpolated" if word.text in ("ANNA:", "–", "[door slams]", "…") else "aligned"
                for word in found.words]  # fmt: skip
    assert [word.status for word in found.words] == statuses
    assert all(word.start < word.end and word.heard_start < word.heard_end for word in found.words)
    assert all(here.end <= there.start for here, there in pairwise(found.words))
    plain = align(talk, TEXT)
    assert found.gaps == plain.gaps
    spoken_words = [word for word in found.words if word.status != "interpolated"]
    for word, (start, _) in zip(spoken_words, talk.truth, strict=True):
        assert word.heard_start == pytest.approx(start)
    for word, same in zip(spoken_words, plain.words, strict=True):  # more may be said at punctuation
        assert word.confidence == pytest.approx(same.confidence, abs=0.005)
    np.testing.assert_array_equal(found.frame_times, talk.frame_times)


def test_own_pronunciations_and_transcripts_with_times(clip: Clip) -> None:
    talk = clip()
    text = Transcript("place blue at F\n二 now", (Anchor(0.4, 1.2, (0, 15)), Anchor(1.2, 2.4, (16, 21))))
    found = align(talk, text, lexicon={"二": "T UW"})
    assert [word.text for word in found.words] == ["place", "blue", "at", "F", "二", "now"]
    assert [word.heard_start for word in found.words] == [pytest.approx(start) for start, _ in talk.truth]
    with pytest.raises(TextError, match="Line 2 of the transcript has '二'"):
        align(talk, text)


def test_gaps_meet_the_words_on_the_picture_clock(clip: Clip) -> None:
    found = align(clip(offset_ms=118.4), TEXT)
    assert [gap.status for gap in found.gaps] == ["silence"] * 3
    assert found.gaps[0].start == pytest.approx(0.118)
    assert found.gaps[0].end == found.words[0].start
    assert (found.gaps[1].start, found.gaps[1].end) == (found.words[1].end, found.words[2].start)


def test_an_undetermined_offset_counts_as_none_and_warns(clip: Clip) -> None:
    with pytest.warns(UserWarning, match=r"talk\.mp4: the offset could not be determined \(ambiguous\)"):
        found = align(clip(offset_ms=None), TEXT)
    assert found.offset.ms is None
    assert found.words[0].start == found.words[0].heard_start


def test_a_passage_that_nobody_says_is_told(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "BELONGS", ((-1.0, 0.0), (0.0, 0.0)))  # a third of so short a text is much
    text = "place blue at F [door] my ears – cold two now"
    with pytest.warns(
        UserWarning, match=r"talk\.mp4: nobody says the 3 words from 'my' to 'cold' \(at \d\.\d s\)"
    ):
        found = align(clip(), text)
    assert [word.text for word in found.words] == text.split()
    assert [word.text for word in found.words if word.absent] == ["my", "ears", "cold"]
    there = [word.heard_start for word in found.words if word.status == "aligned"]
    plain = [word.heard_start for word in align(clip(), TEXT).words]
    assert there == pytest.approx(plain, abs=0.02)
    assert {gap.status for gap in found.gaps} == {"silence"}


def test_a_passage_of_one_word_is_told_as_a_word() -> None:
    gone = replace(alignments.word("far", 2.0, 3.0, status="not_spoken"), absent=True)
    assert align_module._absent([alignments.word("so", 0, 1), gone]) == [
        "nobody says 'far' (at 2.0 s); subtitles leave that out."
    ]


def test_a_little_speech_in_a_long_sound_is_speech() -> None:
    posteriors, _ = spoken(TEXT, {0: 60.0}, clearness=8.0)
    assert align_module.is_speech(posteriors).mean() < AlignConfig().speech_share
    assert align_module._has_speech(posteriors, AlignConfig())
    assert not align_module._has_speech(posteriors, AlignConfig(speech_s=10.0))


def test_sound_alone_and_picture_alone(clip: Clip) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        heard = align(clip(has_video=False), TEXT)
        seen = align(clip(has_audio=False), TEXT)
    assert heard.offset is None
    assert all(word.first_frame is None for word in heard.words)
    assert seen.offset is None
    assert [word.start for word in seen.words] == [word.start for word in heard.words]
    assert all(word.first_frame is not None for word in seen.words)


def test_video_reads_lips_on_the_picture_clock(clip: Clip) -> None:
    talk = clip(offset_ms=200.0, silent=True)
    for modality in ("video", "auto"):  # nothing to hear: auto reads lips too
        found = align(talk, TEXT, modality=modality)
        for word, (start, _) in zip(found.words, talk.truth, strict=True):
            assert word.start == pytest.approx(start + 0.2)
            assert word.heard_start == pytest.approx(start)


def test_both_listens_and_reads_lips(clip: Clip) -> None:
    talk = clip(offset_ms=-150.0, hum=0.95)
    heard = align(talk, TEXT, modality="audio").words
    both = align(talk, TEXT, modality="both").words
    for word, (start, _) in zip(both, talk.truth, strict=True):
        assert word.heard_start == pytest.approx(start, abs=0.011)
    assert min(word.confidence for word in both) > min(word.confidence for word in heard)


def test_auto_reads_lips_beside_unclear_speech_where_they_fit_the_text(clip: Clip) -> None:
    for made, like in (({}, "both"), ({"blur": 1.0}, "audio"), ({"faces": 0}, "audio")):
        talk = clip(hum=0.6, **made)
        assert align(talk, TEXT).words == align(talk, TEXT, modality=like).words
    differ = [align(clip(hum=0.6), TEXT, modality=modality).words for modality in ("audio", "both")]
    assert differ[0] != differ[1]


def test_lips_that_do_not_fit_the_text_count_little(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    find = align_module.find_words
    monkeypatch.setattr(align_module, "find_words", lambda *a: shares.append(a[0].lip_share) or find(*a))
    for blur in (0.0, 1.0):
        align(clip(hum=0.9, blur=blur), TEXT, modality="both")
    vague, sound = AlignConfig().vague_lip_weight, AlignConfig().sound_weight
    assert shares[1] == pytest.approx(vague / (vague + sound))
    assert shares[0] > shares[1] + 0.1


def test_a_face_that_is_seen_too_shortly_to_say_the_text_is_no_help(clip: Clip, monkeypatch) -> None:
    talk = clip(hum=0.6)
    net = model.load_model()
    seen = net.lip_posteriors(None)
    part = Posteriors(seen.log_probs[:20], seen.times[:20], 0.01)
    monkeypatch.setattr(net, "lip_posteriors", lambda grid: part)
    assert align(talk, TEXT).words == align(talk, TEXT, modality="audio").words
    assert len(align(talk, TEXT, modality="both").words) == 6


@pytest.mark.parametrize(("segments", "read"), [((1,), 1), ((2, 0), 2), ((), 0), ((7,), 0)])
@pytest.mark.parametrize("modality", ["video", "both"])
def test_the_lips_of_the_face_that_speaks_are_read(
    clip: Clip, monkeypatch: pytest.MonkeyPatch, segments: tuple[int, ...], read: int, modality: str
) -> None:
    shown = tuple(offset.Segment(0.0, 4.0, 0.0, face) for face in segments)
    talk = clip(faces=3, segments=shown, hum=0.45)
    seen: list[int] = []
    monkeypatch.setattr(features, "on_grid", lambda track: seen.append(track.face))
    align(talk, TEXT, modality=modality)
    assert seen == [read]
    seen.clear()
    align(clip(faces=3, segments=shown), TEXT, modality="both")
    assert not seen  # beside clear speech


@pytest.mark.parametrize(
    ("made", "modality", "error", "message"),
    [
        ({"has_audio": False}, "audio", MediaError, f"no audio stream.*{LOOK}"),
        ({"has_audio": False, "faces": 0}, "audio", MediaError, f"no audio stream.*{SPEAK}"),
        ({"has_audio": False}, "both", MediaError, f"no audio stream.*{LOOK}"),
        ({"has_video": False}, "video", MediaError, f"no video stream.*{LISTEN}"),
        ({"has_video": False, "silent": True}, "video", MediaError, f"no video stream.*{SPEAK}"),
        ({"faces": 0}, "video", FaceError, f"shows no face.*{LISTEN}"),
        ({"faces": 0}, "both", FaceError, f"shows no face.*{LISTEN}"),
        ({"faces": 0, "silent": True}, "video", FaceError, f"shows no face.*{SPEAK}"),
        ({"faces": 0, "has_audio": False}, "video", FaceError, f"shows no face.*{SPEAK}"),
        ({"silent": True, "has_video": False}, "auto", UndeterminedError, f"no speech.*{SPEAK}"),
        ({"silent": True, "faces": 0}, "auto", UndeterminedError, f"no speech.*no face.*{SPEAK}"),
        ({"has_audio": False, "faces": 0}, "auto", UndeterminedError, f"no speech.*no face.*{SPEAK}"),
        ({"silent": True}, "audio", UndeterminedError, f"no speech.*{LOOK}"),
        ({"silent": True, "faces": 0}, "audio", UndeterminedError, f"no speech.*{SPEAK}"),
        ({}, "sound", AVSyncError, "modality is 'sound': it must be one of auto, audio, video, both"),
    ],
)
def test_what_is_missing_is_said(
    clip: Clip, made: dict[str, object], modality: str, error: type[AVSyncError], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        align(clip(**made), TEXT, modality=modality)
    if isinstance(raised.value, UndeterminedError):
        assert raised.value.reason == "no_speech"


def test_the_text_is_checked_before_the_clip_is_read() -> None:
    with pytest.raises(TextError, match="transcript is empty"):
        align("missing.mp4", " ")


def test_the_transcript_of_another_clip_is_refused_as_a_whole(clip: Clip) -> None:
    talk = clip()
    for modality in ("audio", "both", "auto"):
        with pytest.raises(
            UndeterminedError, match=r"talk\.mp4: the transcript does not fit: \d of its 7"
        ) as told:
            align(talk, "my ears are very cold this winter", modality=modality)
        assert told.value.reason == "other_transcript"
    assert len(align(talk, "my ears are very cold this winter", modality="video").words) == 7


def test_a_text_that_takes_longer_than_the_clip_is_refused_as_foreign(clip: Clip) -> None:
    with pytest.raises(
        UndeterminedError, match=r"talk\.mp4: The transcript has 60 words, which take"
    ) as caught:
        align(clip(), " ".join([TEXT] * 10))
    assert caught.value.reason == "other_transcript"


def test_beside_lips_only_speech_that_is_nearly_clear_refuses_a_text(clip: Clip) -> None:
    foreign = "my ears are very cold this winter"
    with pytest.raises(UndeterminedError, match="the transcript does not fit"):
        align(clip(hum=0.16), foreign, modality="both")
    assert len(align(clip(hum=0.8), foreign, modality="both").words) == 7


def test_auto_believes_lips_where_unclear_speech_would_refuse_the_text(clip: Clip, monkeypatch) -> None:
    monkeypatch.setattr(align_module, "fits", lambda *anything: False)
    talk = clip(hum=0.8)
    assert align(talk, TEXT).words == align(talk, TEXT, modality="both").words
    for made in ({"hum": 0.8, "blur": 1.0}, {"hum": 0.8, "faces": 0}, {"hum": 0.16}):
        with pytest.raises(UndeterminedError, match="the transcript does not fit"):
            align(clip(**made), TEXT)
    with pytest.raises(UndeterminedError, match="the transcript does not fit"):
        align(clip(hum=0.8), "my ears are very cold this winter")


def test_a_transcript_with_a_wrong_word_is_not_refused_and_says_which(clip: Clip) -> None:
    found = align(clip(), "place blue at zebra F two now")
    assert [word.status for word in found.words] == ["aligned"] * 3 + ["not_spoken"] + ["aligned"] * 3
    assert all(here.end <= there.start for here, there in pairwise(found.words))


def test_the_faces_of_a_long_file_are_tracked_only_to_read_lips(clip: Clip, monkeypatch) -> None:
    talk = clip(offset_ms=120.0)
    talk.frame_times = np.arange(0, 70, 0.04)
    found = align(talk, TEXT).offset
    asked: list[str] = []
    monkeypatch.setattr(media, "load", lambda path, audio_stream: talk)
    monkeypatch.setattr(offset, "detect_offset", lambda source, **_: asked.append(source) or found)
    tracked: list[object] = []
    track = lips.track
    monkeypatch.setattr(lips, "track", lambda one: tracked.append(one) or track(one))
    by_ear = [align("talk.mp4", TEXT, modality=modality) for modality in ("auto", "audio")]
    assert asked == ["talk.mp4"] * 2
    assert not tracked
    assert [word.start for word in by_ear[0].words] == [word.start for word in align(talk, TEXT).words]
    tracked.clear()
    align("talk.mp4", TEXT, modality="both")
    assert tracked == [talk]
