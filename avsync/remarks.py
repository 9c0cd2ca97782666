"""What is out of the ordinary in a file, in plain sentences: `MediaInfo.warnings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from avsync.facts import PictureFacts, SoundFacts, Span

if TYPE_CHECKING:
    from avsync.streams import MediaInfo, StreamInfo

START_SECONDS = 0.040
"""Starts that differ by less are usual: the last part of a frame, or an encoder's delay."""

MISSING_SECONDS = 0.5
"""Lengths that differ by less are usual: headers err by a frame or two."""

TABLE_SECONDS = 0.15
"""Muxers leave the last packet, up to 0.13 s, out of the length in the header of an MP4 or MOV track."""

HIDDEN_SECONDS = 0.1
"""An edit list that hides no more sound than this cuts an encoder's delay."""

USUAL_DELAY = {"mp3": 1105, "aac": 1024}
"""Samples before the first one that the usual encoders of a codec add (LAME, FFmpeg)."""

DELAY_IN = {"avi": "AVI"}
"""Containers that can neither signal an encoder's delay nor start the sound before zero to make up for it."""

ESTIMATED = {"mpegts", "mpeg"}
"""Containers without a header: FFmpeg derives their length from the packets."""


def remarks(info: MediaInfo) -> tuple[str, ...]:
    """The sentences, the ones about the whole file first; none for a healthy file."""
    told = list(_about_lengths(info))
    told += _about_starts(info)
    for stream in info.streams:
        name = _name(stream, info)
        if stream.damaged_packets:
            told.append(f"{_count(stream.damaged_packets, 'packet')} of {name} {_are(stream.damaged_packets)}"
                        " marked as damaged")  # fmt: skip
        if stream.track is not None:
            told += _about_track(stream, name)
        if stream.pictures is not None:
            told += _about_pictures(stream, stream.pictures, name)
        elif stream.sound is not None:
            told += _about_sound(stream, stream.sound, name, info.container)
        elif stream.kind in ("video", "audio") and not stream.cover:
            told.append(f"{name} is declared but holds nothing that could be shown or heard")
    return tuple(told)


def _about_lengths(info: MediaInfo) -> Iterator[str]:
    if info.broken_off is not None:
        yield f"reading broke off before the end of the file ({info.broken_off})"
    found = info.found_duration
    if found is None:
        return
    if info.duration is None:
        yield f"no duration is declared; found {found:.1f} s"
        return
    shortened = list(_shortened(info))
    yield from shortened
    end = max(s.found_end for s in _heard_and_seen(info) if s.found_end is not None)
    # Matroska counts its length from zero, MPEG from the first packet: what is short by both is lost.
    declared = min(info.start_time or 0.0, 0.0) + info.duration
    if not shortened and declared > end + MISSING_SECONDS:
        yield (f"the header declares {declared:.2f} s, the packets end at {end:.2f} s: the file is truncated")
    most = max(info.start_time or 0.0, 0.0) + info.duration
    if info.container not in ESTIMATED and end > most + MISSING_SECONDS:
        yield f"the header declares {info.duration:.2f} s, the packets go on until {end:.2f} s"


def _shortened(info: MediaInfo) -> Iterator[str]:
    """Streams that end before their own header says so: MP4 and MOV; AVI by the number of pictures."""
    for stream in _heard_and_seen(info):
        if stream.found_end is None:
            continue
        if "mov" in info.container and stream.duration is not None:
            declared = (stream.start_time or 0.0) + stream.duration
            if declared > stream.found_end + MISSING_SECONDS:
                yield (
                    f"{_name(stream, info)} ends at {stream.found_end:.2f} s instead of the declared "
                    f"{declared:.2f} s: the file is truncated"
                )
        pictures = stream.pictures
        if info.container == "avi" and pictures is not None and pictures.fps:
            last = pictures.end * (stream.frame_rate or pictures.fps)  # AVI numbers pictures from zero
            if stream.declared_frames - last > MISSING_SECONDS * pictures.fps:
                yield (
                    f"{pictures.frames} of {stream.declared_frames} declared pictures are left: the file is "
                    "truncated"
                )


def _about_starts(info: MediaInfo) -> Iterator[str]:
    if info.video is None or info.audio is None:
        return
    picture, sound = info.streams[info.video], info.streams[info.audio]
    if picture.found_start is not None and sound.found_start is not None:
        late = picture.found_start - sound.found_start
        if abs(late) > START_SECONDS:
            order = "after" if late > 0 else "before"
            yield f"the picture starts {abs(late) * 1000:.0f} ms {order} the sound"
    if picture.found_end is not None and sound.found_end is not None:
        late = picture.found_end - sound.found_end
        if abs(late) > MISSING_SECONDS:
            yield f"the picture ends {abs(late):.1f} s {'after' if late > 0 else 'before'} the sound"


def _about_track(stream: StreamInfo, name: str) -> Iterator[str]:
    track = stream.track
    assert track is not None
    header, table = track.media_duration, track.table_duration
    if header is not None and table is not None and abs(header - table) > TABLE_SECONDS:
        yield (
            f"the header of {name} declares {header:.2f} s, its table of times adds up to {table:.2f} s: one "
            "of them is damaged"
        )
    pieces = [edit for edit in track.edits if edit.media_time is not None]
    if len(pieces) > 1:
        yield f"the edit list of {name} joins {len(pieces)} pieces"
    speeds = sorted({edit.rate for edit in pieces} - {1.0})
    if speeds:
        yield f"the edit list of {name} asks for {speeds[0]:g} times the speed, which players ignore"


def _about_pictures(stream: StreamInfo, facts: PictureFacts, name: str) -> Iterator[str]:
    if not facts.decodes:
        yield f"none of the first pictures of {name} can be decoded"
    if facts.undecodable:
        they = "it refers" if facts.undecodable == 1 else "they refer"
        first = _some(facts.undecodable, "picture") + ("" if name == "the picture" else f" of {name}")
        yield f"the first {first} cannot be decoded: what {they} to is missing"
    if facts.variable and not (facts.steady and facts.long_gaps):
        low, high = facts.min_gap * 1000, facts.max_gap * 1000
        digits = 0 if high - low >= 2 else 1
        yield f"the frame rate varies: {low:.{digits}f} to {high:.{digits}f} ms from frame to frame"
    if facts.long_gaps:
        usual = f"{facts.median_gap * 1000:.0f} ms"
        longest = max(facts.gaps, key=_length)
        places = "" if facts.long_gaps == 1 else f" ({facts.long_gaps} such places, this is the longest)"
        yield (
            f"{name} stands still for {longest[1] * 1000:.0f} ms at {longest[0]:.3f} s, where {usual} is "
            f"usual{places}"
        )
    if facts.duplicates:
        carry = "carries" if facts.duplicates == 1 else "carry"
        yield f"{_count(facts.duplicates, 'picture')} {carry} the time stamp of the one before"
    if facts.out_of_order:
        times = "once" if facts.out_of_order == 1 else f"{facts.out_of_order} times"
        yield f"the time stamps of {name} step back {times}"
    if facts.without_time:
        have = "has" if facts.without_time == 1 else "have"
        yield f"{_count(facts.without_time, 'picture')} of {name} {have} no time stamp"
    if facts.hidden_before:
        yield f"the edit list hides the first {_some(facts.hidden_before, 'picture')}"
    if facts.hidden_after:
        yield f"the edit list hides the last {_some(facts.hidden_after, 'picture')}"
    if facts.interlaced:
        yield "interlaced: each frame holds two moments in time"
    ratio = stream.sample_aspect_ratio
    if ratio != 1:
        yield (
            f"pixels are not square ({ratio.numerator}:{ratio.denominator}): pictures are shown "
            f"{float(ratio):.2f} times as {'high' if stream.rotation in (90, -90) else 'wide'}"
        )


def _about_sound(stream: StreamInfo, facts: SoundFacts, name: str, container: str) -> Iterator[str]:
    if not facts.decodes:
        yield f"the beginning of {name} cannot be decoded"
    if facts.gaps:
        yield f"{name} is missing for {_longest(facts.gaps, facts.missing)}"
    if facts.overlaps:
        yield f"{name} is doubled for {_longest(facts.overlaps, facts.overlapping)}"
    hidden = next((edit.media_time for edit in stream.edits if edit.media_time is not None), 0.0)
    if hidden > HIDDEN_SECONDS:
        yield f"the edit list hides the first {hidden:.2f} s of {name}"
    if facts.priming_signalled is False and container in DELAY_IN and stream.codec in USUAL_DELAY:
        samples = facts.priming_samples or USUAL_DELAY[stream.codec]
        usually = "" if facts.priming_samples else "usually "
        length = samples / max(stream.sample_rate, 1) * 1000
        yield (
            f"{stream.codec.upper()} in {DELAY_IN[container]}: the encoder's delay ({usually}{samples} "
            f"samples, {length:.0f} ms) is not signalled, so it is heard"
        )


def _longest(spans: tuple[Span, ...], total: float) -> str:
    begin, length = max(spans, key=_length)
    if len(spans) == 1:
        return f"{length * 1000:.0f} ms at {begin:.3f} s"
    most = f"{length * 1000:.0f} ms at {begin:.3f} s"
    return f"{total * 1000:.0f} ms at {len(spans)} places, the longest {most}"


def _length(span: Span) -> float:
    return span[1]


def _heard_and_seen(info: MediaInfo) -> Iterator[StreamInfo]:
    return (s for s in info.streams if s.kind in ("video", "audio") and not s.cover)


def _name(stream: StreamInfo, info: MediaInfo) -> str:
    if stream.index == info.video:
        return "the picture"
    return "the sound" if stream.index == info.audio else f"stream {stream.index} ({stream.kind})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _some(number: int, what: str) -> str:
    return what if number == 1 else f"{number} {what}s"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
