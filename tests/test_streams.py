"""Probing: packets show what decoding gives; what is out of the ordinary is said, and nothing else."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flashbeep import even_times, render, variable_times

from avsync import media
from avsync.boxes import Edit
from avsync.facts import steps_back

NTSC = Fraction(30_000, 1001)

HEALTHY = [
    ("mp4", {"audio": "aac"}),
    ("mp4", {"audio": "libmp3lame"}),
    ("mp4", {"audio": "aac", "options": {"movflags": "+frag_keyframe+delay_moov"}}),
    ("mov", {"audio": "pcm_s16le"}),
    ("mkv", {"audio": "flac"}),
    ("mkv", {"audio": "aac"}),
    ("mkv", {"video": "mpeg4", "audio": "pcm_s16le"}),
    ("webm", {"video": "libvpx-vp9", "audio": "libopus"}),
    ("ts", {"audio": "aac"}),
    ("ts", {"audio": "mp2"}),
    ("mpg", {"video": "mpeg1video", "audio": "mp2"}),
    ("mpg", {"video": "mpeg2video", "audio": "ac3"}),
    ("flv", {"audio": "aac"}),
    ("avi", {"video": "mpeg4", "b_frames": 0, "audio": "pcm_s16le"}),
    ("avi", {"video": "libx264", "audio": "pcm_s16le"}),
]


def named(value: object) -> str:
    return value if isinstance(value, str) else "-".join(str(v) for v in value.values() if v not in (0,))


def rewrite(
    source: Path, target: Path, change: Callable[[av.Packet], av.Packet | None], **options: str
) -> Path:
    """A copy whose packets were changed, or left out."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            changed = change(packet) if packet.size else None
            if changed is not None:
                changed.stream = streams[packet.stream_index]
                new.mux(changed)
    return target


def encode(path: Path, codec: str, **how: object) -> Path:
    """A second of noise."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, str(how.pop("pix_fmt", "yuv420p"))
        for name, value in how.items():
            setattr(stream.codec_context, name, value)
        for number in range(25):
            noise = rng.integers(0, 256, (96, 128), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, format="yuv420p").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


# --- what is declared ---


def test_probe(flash_and_beep):
    info = media.probe(flash_and_beep("mkv", audio="flac", rate=NTSC, audio_start=0.4).path)
    video, audio = info.streams
    assert "matroska" in info.container
    assert (info.video, info.audio) == (0, 1)
    assert (video.codec, video.width, video.height, video.time_base) == ("h264", 128, 64, Fraction(1, 1000))
    assert video.frame_rate == pytest.approx(float(NTSC), rel=1e-3)
    assert (audio.codec, audio.sample_rate, audio.channels) == ("flac", 48_000, 1)
    assert audio.start_time - video.start_time == pytest.approx(0.4, abs=1e-3)
    assert info.describe() == "video h264 128x64, audio flac 48000 Hz"


def test_loading_looks_at_no_packets(flash_and_beep):
    """`load` describes only: what is found costs a pass over the file."""
    info = media.load(flash_and_beep("mp4").path).info
    assert (info.found_duration, info.warnings) == (None, ())
    assert {(s.packets, s.pictures, s.sound, s.track, s.edits) for s in info.streams} == {
        (0, None, None, None, ())
    }


# --- what is found ---


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(60)])
@pytest.mark.parametrize(("suffix", "how"), HEALTHY, ids=named)
def test_packets_show_what_decoding_gives_and_nothing_is_said_of_a_healthy_file(
    flash_and_beep, suffix, how, rate
):
    if suffix == "mpg" and rate > 50:
        pytest.skip("the muxer gives two pictures one time stamp")
    path = flash_and_beep(suffix, rate=rate, **how).path
    info, clip = media.probe(path), media.load(path)
    picture, sound = info.streams[info.video], info.streams[info.audio]
    statistics = media.frame_statistics(clip.frame_times)
    assert picture.pictures.frames == len(clip.frame_times)
    assert (picture.pictures.first, picture.pictures.last) == (clip.frame_times[0], clip.frame_times[-1])
    assert picture.pictures.fps == pytest.approx(statistics.fps)
    assert (picture.pictures.variable, picture.pictures.steady) == (False, True)
    assert picture.pictures.max_gap == pytest.approx(statistics.max_gap)
    assert sound.sound.start == pytest.approx(clip.audio_start, abs=1.1e-3)
    # MP4 cuts the padding of the last packet, decoders do not.
    assert sound.sound.end == pytest.approx(
        clip.audio_start + len(clip.waveform) / clip.sample_rate, abs=0.025
    )
    assert info.warnings == ()


PRIMING = 1024 / 48_000


@pytest.mark.parametrize(
    ("suffix", "audio", "start", "late"),
    [
        ("mkv", "flac", -0.4, 0.4),
        ("mkv", "flac", 0.0123, -0.0123),
        ("mkv", "flac", 0.4, -0.4),
        ("ts", "aac", -0.4, 0.4 + PRIMING),
        ("ts", "aac", 0.4, PRIMING - 0.4),
        ("mp4", "aac", -0.4, 0.0),  # its edit list cuts what lies before zero
        ("mp4", "aac", 0.0123, 0.0),  # the rest of the priming is heard
        ("mp4", "aac", 0.4, PRIMING - 0.4),
    ],
)
def test_start_offsets_are_told(flash_and_beep, suffix, audio, start, late):
    info = media.probe(flash_and_beep(suffix, audio=audio, audio_start=start).path)
    found = info.streams[0].found_start - info.streams[1].found_start
    assert found == pytest.approx(late, abs=1.1e-3)
    order = f"{abs(found) * 1000:.0f} ms {'after' if late > 0 else 'before'} the sound"
    told = [f"the picture starts {order}"] if abs(late) > 0.04 else []
    assert [w for w in info.warnings if "starts" in w] == told


@pytest.mark.parametrize(("suffix", "audio"), [("mkv", "flac"), ("mp4", "aac"), ("ts", "mp2")])
def test_missing_sound(tmp_path, suffix, audio):
    path = render(tmp_path / f"x.{suffix}", audio=audio, audio_gap=(0.75, 0.95)).path
    info, clip = media.probe(path), media.load(path)
    ((start, length),) = info.streams[1].sound.gaps
    silent = clip.audio_start + np.flatnonzero(clip.waveform == 0) / clip.sample_rate
    assert length == pytest.approx(0.2, abs=0.03)
    assert start - info.streams[0].pictures.first == pytest.approx(0.75, abs=0.06)
    assert ((silent > start) & (silent < start + length)).sum() / clip.sample_rate > 0.15
    assert f"the sound is missing for {length * 1000:.0f} ms at {start:.3f} s" in info.warnings


def test_missing_sound_that_the_container_did_not_keep(tmp_path):
    """FFmpeg's MOV muxer joins PCM over a gap, and declares the length with the gap."""
    path = render(tmp_path / "x.mov", audio="pcm_s16le", audio_gap=(0.75, 0.95)).path
    assert media.probe(path).warnings == (
        "the header of the sound declares 2.40 s, its table of times adds up to 2.21 s: "
        "one of them is damaged",
    )


def test_doubled_sound(tmp_path):
    plain = render(tmp_path / "plain.flv", audio="libmp3lame", sample_rate=44_100).path
    path = tmp_path / "x.flv"
    path.write_bytes(restamped(plain.read_bytes(), 8, lambda n, t: t - 100 if t >= 1000 else t))
    sound = media.probe(path).streams[1].sound
    ((start, length),) = sound.overlaps
    assert (length, sound.overlapping) == (pytest.approx(0.1, abs=2e-3), pytest.approx(0.1, abs=2e-3))
    assert start == pytest.approx(1.0, abs=0.03)
    assert f"the sound is doubled for {length * 1000:.0f} ms at {start:.3f} s" in media.probe(path).warnings


def test_variable_rate_and_its_range(flash_and_beep):
    info = media.probe(flash_and_beep("mp4", rate=None, frame_times=tuple(variable_times(2.4))).path)
    assert info.warnings == ("the frame rate varies: 33 to 67 ms from frame to frame",)
    assert info.streams[0].pictures.long_gaps == 0


def test_holes_in_a_steady_rate(tmp_path):
    times = [t for i, t in enumerate(even_times(25, 2.4)) if i not in (20, 40, 41)]
    facts = media.probe(path := render(tmp_path / "x.mkv", frame_times=times, audio="flac").path).streams[0]
    assert facts.pictures.gaps == ((pytest.approx(0.76), pytest.approx(0.08)), (1.56, pytest.approx(0.12)))
    assert (facts.pictures.frames, facts.pictures.variable, facts.pictures.steady) == (57, True, True)
    assert media.probe(path).warnings == (
        "the picture stands still for 120 ms at 1.560 s, where 40 ms is usual "
        "(2 such places, this is the longest)",
    )


def restamped(flv: bytes, kind: int, stamp: Callable[[int, int], int]) -> bytes:
    """An FLV file with other time stamps (ms) in the tags of a kind (8 sound, 9 picture)."""
    out, at, number = bytearray(flv), 13, 0
    while at + 11 <= len(out):
        size = int.from_bytes(out[at + 1 : at + 4], "big")
        if out[at] == kind:
            time = int.from_bytes(out[at + 4 : at + 7], "big")
            out[at + 4 : at + 7] = stamp(number, time).to_bytes(3, "big")
            number += 1
        at += 11 + size + 4
    return bytes(out)


def test_doubled_stamps_and_steps_back(tmp_path):
    plain = render(tmp_path / "plain.flv", video="flv", b_frames=0, audio=None).path
    path = tmp_path / "x.flv"
    path.write_bytes(
        restamped(plain.read_bytes(), 9, lambda n, t: {10: t - 40, 20: t - 40, 30: t - 90}.get(n, t))
    )
    facts = media.probe(path).streams[0].pictures
    assert (facts.duplicates, facts.out_of_order) == (2, 1)
    assert "2 pictures carry the time stamp of the one before" in media.probe(path).warnings
    assert "the time stamps of the picture step back once" in media.probe(path).warnings
    whole = media.probe(plain).streams[0].pictures
    assert (whole.duplicates, whole.out_of_order) == (0, 0)


def test_steps_back_allow_for_reordering():
    stored = np.array([0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11])
    assert steps_back(np.tile(stored, 10) + np.repeat(12 * np.arange(10), 13), 2) == 0
    declared_too_low = np.arange(1200).reshape(-1, 6)[:, [4, 2, 0, 1, 3, 5]].reshape(-1)
    assert steps_back(declared_too_low, 0) == 0
    jump = np.arange(400)
    jump[200:] -= 90
    assert steps_back(jump, 0) == steps_back(jump, 2) == 1


def test_pictures_that_only_others_refer_to_do_not_count(tmp_path):
    def hide(packet: av.Packet) -> av.Packet:
        if packet.pts not in (400, 800):
            return packet
        changed = av.Packet(bytes([bytes(packet)[0] & ~0x10]) + bytes(packet)[1:])
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        return changed

    path = rewrite(encode(tmp_path / "plain.webm", "libvpx"), tmp_path / "x.webm", hide)
    assert media.probe(path).streams[0].pictures.frames == len(media.load(path).frame_times) == 23


@pytest.mark.parametrize(
    ("video", "b_frames", "lost"), [("mpeg2video", 0, 11), ("mpeg2video", 2, 11), ("libx264", 2, 11)]
)
def test_pictures_that_lack_what_they_refer_to(tmp_path, video, b_frames, lost):
    """A recording that begins in the middle; with B frames also behind the first key frame."""
    source = render(tmp_path / "plain.ts", video=video, audio="mp2", b_frames=b_frames).path
    start = media.probe(source).streams[0].pictures.first
    path = rewrite(
        source,
        tmp_path / "x.ts",
        lambda p: p if p.stream.type == "audio" or p.pts * p.time_base > start + 0.03 else None,
    )
    info = media.probe(path)
    assert info.streams[0].pictures.undecodable == lost
    assert info.streams[0].pictures.frames == len(media.load(path).frame_times) == 59 - lost
    told = f"the first {lost} pictures cannot be decoded: what they refer to is missing"
    assert told in info.warnings


# --- how pictures are to be shown ---


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_of_every_stream(flash_and_beep, rotation):
    info = media.probe(flash_and_beep("mp4", rotation=rotation).path)
    assert info.streams[0].rotation == rotation
    assert info.warnings == ()


def test_interlaced(tmp_path):
    field_dct, field_motion = 0x00040000, 0x20000000
    path = encode(tmp_path / "x.mpg", "mpeg2video", flags=field_dct | field_motion)
    info = media.probe(path)
    assert info.streams[0].pictures.interlaced
    assert info.warnings == ("interlaced: each frame holds two moments in time",)
    assert not media.probe(encode(tmp_path / "y.mpg", "mpeg2video")).streams[0].pictures.interlaced


def test_pixels_that_are_not_square(tmp_path):
    info = media.probe(encode(tmp_path / "x.mp4", "libx264", sample_aspect_ratio=Fraction(16, 11)))
    assert info.streams[0].sample_aspect_ratio == Fraction(16, 11)
    assert info.warnings == ("pixels are not square (16:11): pictures are shown 1.45 times as wide",)


def test_depth_of_the_pixels(tmp_path):
    facts = media.probe(encode(tmp_path / "x.mp4", "libx264", pix_fmt="yuv420p10le")).streams[0].pictures
    assert (facts.pixel_format, facts.bits) == ("yuv420p10le", 10)


# --- edit lists and priming ---


def test_edit_list_that_moves_a_stream(flash_and_beep):
    info = media.probe(flash_and_beep("mp4", frame_times=tuple(even_times(25, 2.0, 0.2))).path)
    assert info.streams[0].edits == (Edit(0.2, None), Edit(2.0, 0.08))
    assert info.warnings == ("the picture starts 200 ms after the sound",)


@pytest.mark.parametrize(("shift", "hidden"), [(0.12, 3), (1.0, 25)])
def test_pictures_that_the_edit_list_hides(tmp_path, shift, hidden):
    """Also those before the last key frame, which FFmpeg does not hand out at all."""

    def early(packet: av.Packet) -> av.Packet:
        ticks = round(shift / packet.time_base)
        packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        return packet

    source = render(tmp_path / "plain.mp4").path
    path = rewrite(source, tmp_path / "x.mp4", early, avoid_negative_ts="disabled", use_editlist="1")
    info = media.probe(path)
    assert (info.streams[0].pictures.hidden_before, info.streams[0].pictures.hidden_after) == (hidden, 0)
    assert info.streams[0].pictures.frames == len(media.load(path).frame_times) == 60 - hidden
    assert f"the edit list hides the first {hidden} pictures" in info.warnings
    assert f"the edit list hides the first {shift + 1024 / 48_000:.2f} s of the sound" in info.warnings


@pytest.mark.parametrize(
    ("suffix", "audio", "samples", "signalled"),
    [
        ("mp4", "aac", 1024, True),
        ("mp4", "libmp3lame", 1105, True),
        ("mkv", "aac", 1024, True),
        ("webm", "libopus", 312, True),
        ("ts", "aac", 0, False),
        ("ts", "libmp3lame", 1105, False),
        ("mpg", "mp2", 0, False),
        ("mkv", "flac", 0, None),
        ("mov", "pcm_s16le", 0, None),
    ],
)
def test_priming(flash_and_beep, suffix, audio, samples, signalled):
    video = {"webm": "libvpx-vp9", "mpg": "mpeg1video"}.get(suffix, "libx264")
    info = media.probe(flash_and_beep(suffix, video=video, audio=audio).path)
    sound = info.streams[1].sound
    assert (sound.priming_samples, sound.priming_signalled) == (samples, signalled)
    assert info.warnings == ()


def test_padding(flash_and_beep):
    sound = media.probe(flash_and_beep("webm", video="libvpx-vp9", audio="libopus").path).streams[1].sound
    assert sound.padding_samples == 121 * 960 - 312 - 2.4 * 48_000
    assert sound.end - sound.start == pytest.approx(2.4, abs=1.1e-3)


@pytest.mark.parametrize(
    ("audio", "rate", "told"),
    [
        ("libmp3lame", 48_000, "MP3 in AVI: the encoder's delay (1105 samples, 23 ms)"),
        ("libmp3lame", 16_000, "MP3 in AVI: the encoder's delay (1105 samples, 69 ms)"),
        ("aac", 48_000, "AAC in AVI: the encoder's delay (usually 1024 samples, 21 ms)"),
    ],
)
def test_priming_that_shifts_the_sound_in_avi(flash_and_beep, audio, rate, told):
    truth = flash_and_beep("avi", video="mpeg4", b_frames=0, audio=audio, sample_rate=rate)
    assert f"{told} is not signalled, so it is heard" in media.probe(truth.path).warnings


# --- lengths ---


def test_no_duration(tmp_path):
    how = {"video": "libvpx-vp9", "audio": "libopus", "options": {"live": "1"}}
    info = media.probe(render(tmp_path / "x.webm", **how).path)
    assert info.duration is None
    assert info.found_duration == pytest.approx(2.4, abs=0.01)
    assert info.warnings == ("no duration is declared; found 2.4 s",)


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mp4"])
def test_truncated_files(tmp_path, suffix):
    how = {"avi": {"video": "mpeg4", "b_frames": 0, "audio": "mp2"}, "mkv": {"audio": "flac"}}.get(suffix, {})
    options = {"movflags": "+faststart"} if suffix == "mp4" else {}
    path = render(tmp_path / f"x.{suffix}", options=options, seconds=4.0, **how).path
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    info = media.probe(path)
    end = max(s.found_end for s in info.streams)
    assert 1.0 < end < 3.4
    told = {
        "mkv": [f"the header declares 4.00 s, the packets end at {end:.2f} s: the file is truncated"],
        "avi": [
            f"{info.streams[0].pictures.frames} of 100 declared pictures are left: the file is truncated"
        ],
        "mp4": [
            f"the {name} ends at {info.streams[i].found_end:.2f} s instead of the declared 4.00 s: "
            "the file is truncated"
            for i, name in enumerate(("picture", "sound"))
        ],
    }[suffix]
    assert [w for w in info.warnings if "truncated" in w] == told


def test_a_slide_show_is_not_truncated(tmp_path):
    times = [Fraction(0), Fraction(1), Fraction(3), Fraction(6), Fraction(10)]
    path = render(tmp_path / "x.mp4", rate=None, frame_times=times, b_frames=0, seconds=12.0).path
    assert [w for w in media.probe(path).warnings if "truncated" in w] == []


def test_a_damaged_header_is_told_by_its_table(tmp_path):
    path = render(tmp_path / "x.mp4", options={"movflags": "+faststart"}).path
    content = bytearray(path.read_bytes())
    at = content.index(b"mdhd") + 20
    assert struct.unpack_from(">I", content, at) == (30_720,)
    struct.pack_into(">I", content, at, 30_720 * 5)
    path.write_bytes(content)
    assert (
        "the header of the picture declares 12.00 s, its table of times adds up to 2.40 s: "
        "one of them is damaged" in media.probe(path).warnings
    )


def test_sound_that_ends_early(tmp_path):
    times = tuple(even_times(25, 4.0))
    info = media.probe(render(tmp_path / "x.mkv", frame_times=times, audio="flac").path)
    assert info.warnings == ("the picture ends 1.6 s after the sound",)


# --- other streams ---


def test_all_streams_are_looked_at(tmp_path):
    with av.open(str(tmp_path / "x.mkv"), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        for number, stream in enumerate(streams):
            for block in range(20):
                if (number, block) != (1, 10):
                    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "mono")
                    frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
                    frame.pts = 1600 * block
                    out.mux(stream.encode(frame))
    info = media.probe(tmp_path / "x.mkv")
    assert [s.sound.gaps for s in info.streams] == [(), ((pytest.approx(1.0), pytest.approx(0.1)),)]
    assert [s.packets for s in info.streams] == [20, 19]
    assert info.warnings == ("stream 1 (audio) is missing for 100 ms at 1.000 s",)


# --- real clips ---

REAL = {
    "wild/edge/video_start_67ms_P60.mp4": ["the picture starts 67 ms after the sound"],
    "wild/edge/vfr_P17.mp4": ["the frame rate varies: 33 to 67 ms from frame to frame"],
    "wild/edge/webm_no_duration.webm": [
        "no duration is declared; found 2.7 s",
        "the frame rate varies: 29 to 73 ms from frame to frame",
    ],
    "wild/edge/syncnetfcn_test_offset_5.avi": [
        "the picture stands still for 120 ms at 0.000 s, where 40 ms is usual",
        "MP3 in AVI: the encoder's delay (1105 samples, 69 ms) is not signalled, so it is heard",
    ],
    "wild/edge/syncnet_example.avi": [],
    "wild/edge/two_speakers.mp4": [],
    "wild/edge/digital_silence.mp4": [],
    "wild/P15_2.webm": [],
    "wild/P49_2.mp4": [
        "the edit list hides the first 48 pictures",
        "the edit list hides the first 2.04 s of the sound",
    ],
    "grid/originals/s1_bbaf2n.mpg": [],
    "grid/originals/s10_nocode1.mp4": [],
    "grid/originals/s11_bwaf7a.webm": [],
    "grid/originals/s4_bbaf2a.mpg": [
        "the picture stands still for 160 ms at 2.640 s, where 40 ms is usual "
        "(2 such places, this is the longest)",
        "the sound is missing for 78 ms at 2 places, the longest 52 ms at 2.769 s",
    ],
}


@pytest.mark.media
@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_clips(real_media, name):
    info, clip = media.probe(real_media / name), media.load(real_media / name)
    assert list(info.warnings) == REAL[name]
    facts = info.streams[info.video].pictures
    assert facts.frames == len(clip.frame_times)
    assert (facts.first, facts.last) == (clip.frame_times[0], clip.frame_times[-1])
    assert facts.variable == clip.variable_frame_rate
    assert info.streams[info.audio].sound.start == pytest.approx(clip.audio_start, abs=1.5e-3)


def test_a_file_in_memory(flash_and_beep):
    path = flash_and_beep("mp4").path
    named, held = media.probe(path), media.probe(path.read_bytes())
    assert held.source == "a file in memory"
    assert held.streams == named.streams
