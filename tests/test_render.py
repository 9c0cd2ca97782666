"""Annotated video: what is drawn when, and that times, sound and colours of the source stay as they are."""

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flashbeep import find_beeps, two_of_each, variable_times

import avsync
from avsync import overlay, render
from avsync.alignment import Alignment, Word
from avsync.lips import LipTrack
from avsync.media import load
from avsync.offset import Offset, Segment, undetermined, verdict


def word(text: str, start: float, end: float, status: str = "aligned") -> Word:
    return Word(text, start, end, start, end, None, None, 0.9, 10.0, status)


def offset_of(ms: float, segments: tuple[Segment, ...] = ()) -> Offset:
    none = np.zeros(0)
    return Offset(ms, (ms - 9, ms + 9), 0.97, verdict(ms), None, None, none, none, segments)


def alignment_of(*words: Word, offset: Offset | None = None) -> Alignment:
    return Alignment(list(words), offset, [], " ".join(w.text for w in words), "clip")


def track_of(clip, box=(40.0, 20.0, 80.0, 40.0), face: int = 0) -> LipTrack:
    count = len(clip.frame_times)
    return LipTrack(
        clip.frame_times,
        np.zeros((count, 96, 96), np.uint8),
        np.zeros((count, 468, 2), np.float32),
        np.tile(np.array(box, np.float32), (count, 1)),
        np.ones(count, bool),
        face,
    )


def yellow(picture: np.ndarray) -> np.ndarray:
    """Where a picture has the colour of the current word, (H, W) bool; loose, for lossy video."""
    return (np.abs(picture.astype(int) - overlay.CURRENT[:3]) < 60).all(axis=-1)


SENTENCE = alignment_of(word("place", 0.3, 0.7), word("blue", 0.7, 1.1), word("now", 1.3, 1.7))


@pytest.fixture(autouse=True)
def no_faces(monkeypatch):
    monkeypatch.setattr(render, "track", lambda clip: ())


# Time and sound


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("mp4", {}),
        ("mp4", {"frame_times": variable_times(2.4), "rate": None}),
        ("mp4", {"rate": Fraction(30000, 1001), "audio_start": 0.3}),
        ("mkv", {"rate": Fraction(24000, 1001), "audio": "flac"}),
        ("webm", {"video": "libvpx-vp9", "audio": "libopus"}),
        ("avi", {"video": "mpeg4", "audio": "libmp3lame", "b_frames": 0}),
        ("ts", {}),
        ("mov", {"audio": "pcm_s16le", "sample_rate": 44_100, "channels": 2}),
    ],
)
def test_frame_times_and_sound_stay(flash_and_beep, tmp_path, suffix, how):
    source = flash_and_beep(suffix, **how).path
    target = tmp_path / "out.mp4"
    avsync.annotate(source, target, alignment=SENTENCE)
    before, after = load(source), load(target)
    np.testing.assert_allclose(after.frame_times, before.frame_times, rtol=0, atol=2e-6)
    heard = find_beeps(before.waveform, before.sample_rate, before.audio_start)
    again = find_beeps(after.waveform, after.sample_rate, after.audio_start)
    np.testing.assert_allclose(again, heard, rtol=0, atol=5e-4)
    codecs = [next(s.codec for s in clip.info.streams if s.kind == "audio") for clip in (before, after)]
    assert codecs[0] == codecs[1]


def test_sound_that_the_container_cannot_hold_is_encoded_again(flash_and_beep, tmp_path):
    source = flash_and_beep("avi", video="mpeg4", audio="adpcm_ms", sample_rate=44_100).path
    avsync.annotate(source, tmp_path / "out.mp4", alignment=SENTENCE)
    before, after = load(source), load(tmp_path / "out.mp4")
    assert [s.codec for s in after.info.streams if s.kind == "audio"] == ["aac"]
    heard, again = (find_beeps(c.waveform, c.sample_rate, c.audio_start) for c in (before, after))
    np.testing.assert_allclose(again, heard, rtol=0, atol=1e-3)


def test_the_sound_that_is_asked_for_is_aligned_and_kept(tmp_path, monkeypatch):
    source, target, heard = two_of_each(tmp_path / "x.mkv"), tmp_path / "out.mp4", []
    monkeypatch.setattr(render, "align", lambda clip, *_, **__: heard.append(clip) or SENTENCE)
    avsync.annotate(source, target, transcript="place blue now", audio_stream=3)
    assert heard[0].info.audio == 3
    second, kept = load(source, audio_stream=3), load(target)
    assert len([s for s in kept.info.streams if s.kind == "audio"]) == 1
    beeps, again = (find_beeps(c.waveform, c.sample_rate, c.audio_start) for c in (second, kept))
    np.testing.assert_allclose(again, beeps, rtol=0, atol=1e-3)
    assert kept.audio_start == pytest.approx(second.audio_start, abs=2e-3)
    assert kept.audio_start - load(source).audio_start == pytest.approx(0.1, abs=4e-3)


def test_a_clip_without_sound_is_annotated(flash_and_beep, tmp_path):
    source = flash_and_beep("mp4", audio=None).path
    avsync.annotate(source, tmp_path / "out.mp4", alignment=SENTENCE)
    assert not load(tmp_path / "out.mp4").has_audio


def test_same_input_same_bytes(flash_and_beep, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        avsync.annotate(flash_and_beep().path, tmp_path / name, alignment=SENTENCE)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# The picture


def coloured_clip(path: Path, width: int, height: int, **tags: object) -> Path:
    """Ten frames of one skin-like colour at 25 fps."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        matrix = render.MATRICES.get(tags.get("colorspace"), av.video.reformatter.Colorspace.DEFAULT)
        for index in range(10):
            picture = np.full((height, width, 3), (230, 140, 90), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format="yuv444p", dst_colorspace=matrix)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def test_odd_sizes_get_an_even_picture(tmp_path):
    source = coloured_clip(tmp_path / "odd.mkv", 97, 65)
    avsync.annotate(source, tmp_path / "out.mp4", alignment=SENTENCE)
    assert load(tmp_path / "out.mp4").frames[3].shape == (66, 98, 3)


@pytest.mark.parametrize("matrix", [1, 6])
def test_colours_and_their_tags_stay(tmp_path, matrix):
    tags = {"colorspace": matrix, "color_primaries": matrix, "color_trc": matrix, "color_range": 1}
    source = coloured_clip(tmp_path / "in.mp4", 320, 240, **tags)
    avsync.annotate(source, tmp_path / "out.mp4", alignment=alignment_of(word("a", 0, 1)))
    with av.open(str(tmp_path / "out.mp4")) as written:
        frame = next(written.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (matrix,) * 3 + (
        1,
    )
    corner = load(tmp_path / "out.mp4").frames[5][100:140, 200:]
    np.testing.assert_allclose(corner.reshape(-1, 3).mean(axis=0), (230, 140, 90), atol=4)


def test_the_shape_of_the_picture_stays(tmp_path):
    source = coloured_clip(tmp_path / "in.mp4", 320, 240, sample_aspect_ratio=Fraction(16, 15))
    avsync.annotate(source, tmp_path / "out.mp4", alignment=SENTENCE)
    with av.open(str(tmp_path / "out.mp4")) as written:
        stream = written.streams.video[0]
        assert stream.sample_aspect_ratio in (None, 1)
        # 320 x 240 pixels of 16:15, as squares, made even.
        assert (stream.width, stream.height) == (342, 240)


def test_a_word_is_highlighted_in_the_frames_that_show_it(flash_and_beep, tmp_path):
    clip = load(flash_and_beep("mp4", frame_times=variable_times(2.4), rate=None).path)
    paint = render.painter(clip, SENTENCE, ())
    lit = []
    for time in clip.frame_times:
        picture = np.zeros((360, 640, 3), np.uint8)
        words = overlay.Words(SENTENCE.words, 360, 640)
        line = words.at(time)
        if line is not None:
            line.lay_on(picture)
        lit.append(bool(yellow(picture).any()))
        paint(np.zeros((clip.frames.height, clip.frames.width, 3), np.uint8), float(time))
    spoken = [any(w.start <= time < w.end for w in SENTENCE.words) for time in clip.frame_times]
    assert lit == spoken


def test_the_highlight_moves_to_the_right():
    words = overlay.Words(SENTENCE.words, 360, 640)
    centres = []
    for time in (0.5, 0.9, 1.5):
        picture = np.zeros((360, 640, 3), np.uint8)
        words.at(time).lay_on(picture)
        centres.append(float(np.flatnonzero(yellow(picture).any(axis=0)).mean()))
    assert centres == sorted(centres)
    assert min(np.diff(centres)) > 20


def test_a_line_is_drawn_once_for_each_state(monkeypatch):
    words = overlay.Words(SENTENCE.words, 360, 640)
    drawn = []
    draw = words._draw
    monkeypatch.setattr(words, "_draw", lambda *state: drawn.append(state) or draw(*state))
    for time in np.arange(0.0, 2.3, 0.01):
        words.at(float(time))
    assert len(drawn) == 6  # before, three words, the pause between two of them, after


def test_unsure_words_have_another_colour():
    picture = np.zeros((360, 640, 3), np.uint8)
    overlay.Words([word("um", 0.0, 1.0, "low")], 360, 640).at(0.5).lay_on(picture)
    assert not yellow(picture).any()
    assert (np.abs(picture.astype(int) - overlay.UNSURE[:3]).sum(axis=-1) < 30).any()


def test_lines_break_at_pauses_and_where_the_picture_ends():
    paused = [word("one", 0, 1), word("two", 1.2, 2), word("three", 3, 4)]
    lines = overlay.break_lines(paused, lambda text: True)
    assert [[w.text for w in line.words] for line in lines] == [["one", "two"], ["three"]]
    many = [word(f"word{i}", 0.2 * i, 0.2 * i + 0.2) for i in range(20)]
    short = overlay.break_lines(many, lambda text: len(text) <= 20)
    assert [w for line in short for w in line.words] == many
    assert all(len(" ".join(w.text for w in line.words)) <= 20 for line in short)
    assert all(before.end <= after.start for before, after in itertools.pairwise(short))


def test_a_word_is_shown_as_long_as_it_is_seen_though_the_next_line_is_due() -> None:
    many = [word(letter * 9, n * 0.4, (n + 1) * 0.4) for n, letter in enumerate("abcdefgh")]
    lines = overlay.break_lines(many, lambda text: len(text) <= 20)
    assert all(line.start <= line.words[0].start and line.end >= line.words[-1].end for line in lines)
    assert all(here.end <= there.start for here, there in itertools.pairwise(lines))
    words = overlay.Words(many, 120, 160)
    for one in many:
        assert words.current((one.start + one.end) / 2) is one


def test_letters_that_the_font_lacks():
    assert overlay.drawable("Don’t naïve Straße Łódź, 5 € — 中") == "Don’t naive Strasse Lodz, 5 ? - ?"


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 128), (240, 320), (1080, 1920), (1920, 1080)])
def test_words_fit_any_picture(height, width):
    long = [word("Donaudampfschifffahrtsgesellschaftskapitän", 0, 1), word("is", 1, 2)]
    line = overlay.Words(long, height, width).at(0.5)
    assert line.left >= 0
    assert line.left + line.light.shape[1] <= width
    assert line.top + line.light.shape[0] <= height


def test_blending_is_exact_and_cut_at_the_edges():
    picture = np.full((4, 4, 3), 100, np.uint8)
    image = overlay.Image.new("RGBA", (3, 3), (200, 0, 255, 128))
    overlay.Overlay.of(image, 2, -1).lay_on(picture)
    mixed = [round((100 * 127 + value * 128) / 255) for value in (200, 0, 255)]
    assert (picture[:2, 2:] == mixed).all()
    assert (picture[2:] == 100).all()
    assert (picture[:, :2] == 100).all()


def test_the_speaker_of_the_segment_gets_the_box(flash_and_beep):
    clip = load(flash_and_beep().path)
    offset = offset_of(0.0, (Segment(0.0, 1.0, 0.0, 0), Segment(1.0, 2.0, 0.0, 1)))
    tracks = (track_of(clip, (10, 20, 30, 60)), track_of(clip, (90, 20, 110, 60), face=1))
    paint = render.painter(clip, alignment_of(word("a", 9.0, 9.5), offset=offset), tracks)
    for time, left, empty in ((0.5, 10, 90), (1.5, 90, 10)):
        picture = np.zeros((clip.frames.height, clip.frames.width, 3), np.uint8)
        paint(picture, time)
        assert (picture[45:55, left] == overlay.BOX[:3]).all()
        assert (picture[45:55, empty] == 0).all()


def test_there_is_no_box_before_a_face_comes_and_behind_it(flash_and_beep):
    clip = load(flash_and_beep().path)
    track = track_of(clip, (10, 20, 30, 60))
    seen = slice(20, 40)
    track = replace(
        track,
        **{name: getattr(track, name)[seen] for name in ("times", "mouths", "landmarks", "boxes", "found")},
    )
    paint = render.painter(clip, alignment_of(word("a", 9.0, 9.5), offset=offset_of(0.0)), (track,))
    boxed = []
    for time in clip.frame_times:
        picture = np.zeros((clip.frames.height, clip.frames.width, 3), np.uint8)
        paint(picture, float(time))
        boxed.append(bool(picture[45:55, 10].any()))
    assert np.flatnonzero(boxed).tolist() == list(range(20, 40))


def test_an_alignment_made_before_boxes_the_speaker_among_the_faces_of_now(
    flash_and_beep, tmp_path, monkeypatch
):
    source = flash_and_beep().path
    clip = load(source)
    faces = (track_of(clip, (10, 20, 30, 60)), track_of(clip, (90, 20, 110, 60), face=1))
    earlier = alignment_of(word("a", 9.0, 9.5), offset=offset_of(120.0, (Segment(0.0, 2.0, 120.0, 0),)))
    now = offset_of(-40.0, (Segment(0.0, 2.0, -40.0, 1),))
    monkeypatch.setattr(render, "track", lambda clip: faces)
    monkeypatch.setattr(render, "detect_offset", lambda clip, *, tracks: now if tracks is faces else None)
    painted = []
    monkeypatch.setattr(
        render, "write_video", lambda clip, target, paint: painted.append(paint) or target.touch()
    )
    assert avsync.annotate(source, tmp_path / "out.mp4", alignment=earlier) is earlier
    picture = np.zeros((clip.frames.height, clip.frames.width, 3), np.uint8)
    painted[0](picture, 0.5)
    assert (picture[45:55, 90] == overlay.BOX[:3]).all()
    assert (picture[45:55, 10] == 0).all()


def test_where_nobody_is_found_to_speak_the_alignment_says_who_does(flash_and_beep):
    clip = load(flash_and_beep().path)
    tracks = (track_of(clip, (10, 20, 30, 60)), track_of(clip, (90, 20, 110, 60), face=1))
    words = alignment_of(word("a", 9.0, 9.5), offset=offset_of(0.0, (Segment(0.0, 2.0, 0.0, 1),)))
    picture = np.zeros((clip.frames.height, clip.frames.width, 3), np.uint8)
    render.painter(clip, words, tracks, speakers=undetermined("ambiguous"))(picture, 0.5)
    assert (picture[45:55, 90] == overlay.BOX[:3]).all()


@pytest.mark.parametrize(
    ("time", "face"),
    [(-1.0, 2), (0.5, 2), (1.0, 2), (1.4, 2), (1.6, 1), (2.5, 1), (3.0, 0), (3.5, 0), (9.0, 0)],
)
def test_between_segments_the_nearest_speaks(time, face):
    parts = (Segment(0.5, 1.0, 0.0, 2), Segment(2.0, 3.0, 0.0, 1), Segment(3.0, 4.0, 0.0, 0))
    assert render.speaker(offset_of(0.0, parts), time) == face


def test_without_segments_the_first_face_speaks():
    assert render.speaker(None, 1.0) == render.speaker(undetermined("ambiguous"), 1.0) == 0


def test_no_box_where_no_mouth_was_found():
    picture = np.zeros((40, 40, 3), np.uint8)
    overlay.draw_box(picture, np.full(4, np.nan, np.float32), overlay.BOX)
    assert not picture.any()
    overlay.draw_box(
        picture, np.array([-20, -20, 100, 100], np.float32), overlay.BOX
    )  # outside: nothing to see
    assert not picture.any()


@pytest.mark.parametrize(
    "offset", [None, undetermined("no_face"), offset_of(0.0), offset_of(-300.0), offset_of(990.0)]
)
def test_the_meter_stands_in_the_corner(offset):
    meter = overlay.draw_meter(offset, 360, 640)
    height, width = meter.light.shape[:2]
    assert meter.left + width < 320
    assert meter.top + height < 120


def test_the_mark_of_the_meter_stands_at_the_offset():
    def mark(ms: float) -> float:
        picture = np.zeros((720, 1280, 3), np.uint8)
        meter = overlay.draw_meter(offset_of(ms), 720, 1280)
        meter.lay_on(picture)
        below = picture[meter.top + round(0.72 * meter.light.shape[0]) :]  # without the text
        return float(np.flatnonzero(yellow(below).any(axis=0)).mean())

    assert mark(-200) < mark(-100) < mark(100) < mark(200)
    assert mark(100) - mark(0) == pytest.approx(mark(0) - mark(-100), abs=2)


# What is refused


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("in.mp4", "is the input itself"),
        ("taken.mp4", "exists"),
        ("out.avi", "end its name in .mp4"),
        ("no/out.mp4", "folder"),
    ],
)
def test_targets_that_cannot_be_written(flash_and_beep, tmp_path, target, message):
    source = tmp_path / "in.mp4"
    source.write_bytes(flash_and_beep().path.read_bytes())
    (tmp_path / "taken.mp4").write_bytes(b"precious")
    with pytest.raises(avsync.MediaError, match=message):
        avsync.annotate(source, tmp_path / target, alignment=SENTENCE)
    assert (tmp_path / "taken.mp4").read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "taken.mp4"]


def test_overwriting_with_permission(flash_and_beep, tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"old")
    avsync.annotate(flash_and_beep().path, tmp_path / "out.mp4", alignment=SENTENCE, overwrite=True)
    assert load(tmp_path / "out.mp4").has_video


def test_words_are_needed(flash_and_beep, tmp_path):
    with pytest.raises(avsync.TextError, match="give a transcript"):
        avsync.annotate(flash_and_beep().path, tmp_path / "out.mp4")


def test_a_picture_is_needed(flash_and_beep, tmp_path):
    source = flash_and_beep("wav", video=None, audio="pcm_s16le").path
    with pytest.raises(avsync.MediaError, match=r"no picture to draw on \(found: audio pcm_s16le"):
        avsync.annotate(source, tmp_path / "out.mp4", alignment=SENTENCE)


def test_nothing_is_left_behind_when_drawing_fails(flash_and_beep, tmp_path, monkeypatch):
    def fail(*_):
        raise avsync.FaceError("drawing failed")

    monkeypatch.setattr(render, "painter", lambda *_, **__: fail)
    with pytest.raises(avsync.FaceError, match="drawing failed"):
        avsync.annotate(flash_and_beep().path, tmp_path / "out.mp4", alignment=SENTENCE)
    assert list(tmp_path.iterdir()) == []
