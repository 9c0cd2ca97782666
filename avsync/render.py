"""The annotated video: words, mouth box and offset meter on the pictures; sound and times of the source."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from avsync.align import align
from avsync.alignment import Alignment
from avsync.decode import open_container
from avsync.errors import MediaError, TextError
from avsync.lips import LipTrack, track
from avsync.media import Clip, atomic_path, load
from avsync.muxer import MUXER_OPTIONS
from avsync.offset import Offset, detect_offset
from avsync.outputs import check_output
from avsync.pictures import Image
from avsync.pronunciations import as_lexicon
from avsync.timebase import frame_at, pts_to_seconds, seconds_to_pts
from avsync.transcripts import Transcript, as_transcript

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
"""Suffixes that can be written, and FFmpeg's names. Matroska is not among them: it has no times before zero,
where the priming of AAC belongs, so its muxer would move every frame."""

MP4_OPTIONS = MUXER_OPTIONS | {
    # The start of a stream is written in ticks of the movie: the usual 1 ms would round frame times.
    "movie_timescale": "705600",
    "movflags": "+faststart",
    # No version of the writing program: the same input gives the same bytes.
    "fflags": "+bitexact",
}
X264_OPTIONS = {
    "preset": "veryfast",
    "crf": "20",
    # Without B-frames the time stamps of decoding and showing are the same, and none needs to be shifted.
    "bf": "0",
    # The bytes depend on the number of threads, so it must not depend on the machine.
    "threads": "4",
}

MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
"""FFmpeg's tags of a stream's colour matrix, and its names for the conversion. Pictures without a tag are
converted to RGB and back by the same default, which leaves their colours as they were."""

SoundPacket: TypeAlias = "av.Packet[av.AudioStream]"

Paint = Callable[[Image, float], None]
"""Draws on a picture, in place, what belongs to its time in seconds."""


def annotate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    transcript: str | Transcript | None = None,
    alignment: Alignment | None = None,
    lexicon: str | os.PathLike[str] | Mapping[str, str | Iterable[str]] | None = None,
    audio_stream: int | None = None,
    overwrite: bool = False,
) -> Alignment:
    """Write `source` with its words, the speaker's mouth box and the offset meter drawn on the pictures.

    The words follow the picture's clock: each is highlighted while it is seen. Frame times are kept exactly,
    the sound is copied where the target's container takes its codec. Give the `transcript`, or an `alignment`
    made before; the one that was drawn is returned. `audio_stream`: which sound is aligned and kept, by the
    index that `avsync info` prints. Raises `MediaError` for a file without pictures or a target that cannot
    be written, and what `align` raises.
    """
    source, target = Path(source), Path(target)
    _check(source, target, overwrite)
    if transcript is None and alignment is None:
        raise TextError(
            "nothing to write on the pictures: give a transcript, or an alignment made with avsync.align"
        )
    if alignment is None and transcript is not None:
        # A text that cannot be aligned is refused before the long work.
        as_transcript(transcript).tokens(as_lexicon(lexicon))
    clip = load(source, audio_stream=audio_stream)
    if not clip.has_video:
        raise MediaError(
            f"{source} has no picture to draw on (found: {clip.info.describe()}). Give a video file."
        )
    tracks = track(clip)
    speakers: Offset | None = None
    if alignment is None:
        assert transcript is not None
        alignment = align(clip, transcript, tracks=tracks, lexicon=lexicon)
    elif len(tracks) > 1 and clip.has_audio:
        # An alignment made before may count its faces otherwise: those of a long file are counted by stretch.
        speakers = detect_offset(clip, tracks=tracks)
    paint = painter(clip, alignment, tracks, speakers=speakers)
    with atomic_path(target, overwrite=overwrite) as temporary:
        try:
            write_video(clip, temporary, paint)
        except av.FFmpegError as error:
            raise MediaError(f"{target} cannot be written ({error.strerror}). Is the disk full?") from error
    return alignment


def painter(
    clip: Clip, alignment: Alignment, tracks: tuple[LipTrack, ...], *, speakers: Offset | None = None
) -> Paint:
    """What draws the annotations on a picture of `clip`. `speakers` says which of the `tracks` speaks when;
    where it is left out or names nobody, the offset of the alignment does.
    """
    from avsync.overlay import BOX, GOOD, Words, draw_box, draw_meter  # here, as Pillow is slow to import

    height, width = clip.frames[0].shape[:2]
    words = Words(alignment.words, height, width)
    meter = draw_meter(alignment.offset, height, width)
    by_face = {lips.face: lips for lips in tracks}
    said_by = speakers if speakers is not None and speakers.segments else alignment.offset

    def paint(picture: Image, time: float) -> None:
        lips = by_face.get(speaker(said_by, time))
        number = None if lips is None else frame_at(lips.times, time)
        if lips is not None and number is not None and time <= lips.times[-1]:
            draw_box(picture, lips.boxes[number], BOX if words.current(time) is None else GOOD)
        meter.lay_on(picture)
        line = words.at(time)
        if line is not None:
            line.lay_on(picture)

    return paint


def speaker(offset: Offset | None, time: float) -> int:
    """The face that speaks at a time: that of the nearest segment, or the first face where there is none."""
    segments = () if offset is None else offset.segments
    # A segment ends with the time of its last frame, which belongs to it; the later one has a shared frame.
    nearest = min(
        reversed(segments), key=lambda part: max(part.start - time, time - part.end, 0.0), default=None
    )
    return 0 if nearest is None else nearest.face


def write_video(clip: Clip, target: Path, paint: Paint) -> None:
    """Encode the pictures of `clip` with `paint` on them, at their own times, beside its sound."""
    format_name = CONTAINERS[target.suffix.lower()]
    with (
        open_container(Path(clip.source)) as container,
        av.open(f"file:{target}", "w", format=format_name, container_options=MP4_OPTIONS) as output,
    ):
        video = _add_video(output, clip, container)
        sound = _sound_packets(output, container, clip)
        convert = VideoReformatter()
        waiting = next(sound, None)
        for picture, time in zip(clip.frames, clip.frame_times, strict=True):
            while waiting is not None and _seconds(waiting) <= time:
                output.mux(waiting)
                waiting = next(sound, None)
            paint(picture, float(time))
            output.mux(video.encode(_to_frame(picture, float(time), video, convert)))
        output.mux(video.encode())
        while waiting is not None:
            output.mux(waiting)
            waiting = next(sound, None)


def _add_video(output: OutputContainer, clip: Clip, container: InputContainer) -> av.VideoStream:
    height, width = clip.frames[0].shape[:2]
    assert clip.info.video is not None
    source = container.streams[clip.info.video].codec_context
    assert isinstance(source, av.VideoCodecContext)
    rate = Fraction(clip.fps or 25.0).limit_denominator(1001)
    stream = output.add_stream("libx264", rate=rate, options=dict(X264_OPTIONS))
    stream.width, stream.height = width + width % 2, height + height % 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = clip.info.streams[clip.info.video].time_base
    stream.codec_context.sample_aspect_ratio = Fraction(1)  # the frames have square pixels already
    if source.colorspace in MATRICES:
        stream.codec_context.colorspace = source.colorspace
        stream.codec_context.color_primaries = source.color_primaries
        stream.codec_context.color_trc = source.color_trc
        stream.codec_context.color_range = ColorRange.MPEG
    return stream


def _to_frame(
    picture: Image, time: float, stream: av.VideoStream, convert: VideoReformatter
) -> av.VideoFrame:
    odd_height, odd_width = (side % 2 for side in picture.shape[:2])
    if odd_height or odd_width:  # yuv420p has even sides: the last row or column is doubled
        picture = np.pad(picture, ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
    matrix = MATRICES.get(stream.codec_context.colorspace, Colorspace.DEFAULT)
    colour = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame = convert.reformat(colour, format="yuv420p", dst_colorspace=matrix)
    frame.time_base = stream.codec_context.time_base
    frame.pts = seconds_to_pts(time, frame.time_base)
    return frame


def _sound_packets(output: OutputContainer, container: InputContainer, clip: Clip) -> Iterator[SoundPacket]:
    """The packets of the sound for `output`: copied, or encoded again where its container needs that."""
    if clip.info.audio is None:
        return iter(())
    source = container.streams[clip.info.audio]
    assert isinstance(source, av.AudioStream)
    if _takes(output.format.name, source):
        return _copied(container, source, output.add_stream_from_template(source))
    return _encoded(container, source, output)


def _takes(format_name: str, stream: av.AudioStream) -> bool:
    """Whether a container of that format can hold the stream: tried, as tables of codecs promise too much."""
    try:
        with av.open(io.BytesIO(), "w", format=format_name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _copied(
    container: InputContainer, source: av.AudioStream, stream: av.AudioStream
) -> Iterator[SoundPacket]:
    last: int | None = None
    for packet in _readable(container, source):
        if packet.dts is None or (last is not None and packet.dts <= last):
            continue  # muxers refuse times that do not rise, which damaged files have
        last = packet.dts
        packet.pts = packet.dts if packet.pts is None else packet.pts
        packet.stream = stream
        yield packet


def _encoded(
    container: InputContainer, source: av.AudioStream, output: OutputContainer
) -> Iterator[SoundPacket]:
    context, aac = source.codec_context, av.Codec("aac", "w")
    rate = context.sample_rate if context.sample_rate in (aac.audio_rates or ()) else 48_000
    # By the number of channels, as some decoders do not name their layout.
    stream = output.add_stream("aac", rate=rate, layout="mono" if context.channels == 1 else "stereo")
    resampler = av.AudioResampler("fltp", stream.codec_context.layout, rate, frame_size=1024)
    for packet in itertools.chain(_readable(container, source), (None,)):  # None: what the decoder holds back
        with contextlib.suppress(av.FFmpegError):  # a damaged packet costs its own sound only
            for frame in context.decode(packet):
                for piece in resampler.resample(frame):
                    yield from stream.encode(piece)
    for piece in resampler.resample(None):
        yield from stream.encode(piece)
    yield from stream.encode()


def _readable(container: InputContainer, stream: av.AudioStream) -> Iterator[SoundPacket]:
    """The packets of a stream up to its end, or to where the file is broken off."""
    packets = container.demux(stream)
    with contextlib.suppress(av.FFmpegError):
        yield from (packet for packet in packets if packet.size)


def _seconds(packet: SoundPacket) -> float:
    """When a packet is heard; one without a time goes first."""
    return float("-inf") if packet.pts is None else pts_to_seconds(packet.pts, packet.time_base)


def _check(source: Path, target: Path, overwrite: bool) -> None:
    if target.suffix.lower() not in CONTAINERS:
        raise MediaError(f"{target}: annotated video is H.264; end its name in {', '.join(CONTAINERS)}.")
    check_output(target, source, overwrite=overwrite)
