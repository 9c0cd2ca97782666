"""Reading a file in pieces: pictures and sound of the same interval, exact, in memory that does not grow.

Pictures and sound are read through two containers of their own. So nothing piles up when a file holds one
long before the other, each can stand where the next window needs it, and the sound may be another file.
"""

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np

from avsync import phase
from avsync.choice import check_interval, choose, declared, nothing_decodes
from avsync.clip import Clip
from avsync.decode import SOUND_ALONE, Decoded, Source
from avsync.errors import ConfigError, MediaError
from avsync.ffmpeg_log import heard
from avsync.frames import Frames
from avsync.inputs import Input
from avsync.passes import PassReport
from avsync.pictureclock import USUAL_GAP, PictureClock, PictureTrack
from avsync.pictures import Converter, Image, PictureFormat
from avsync.sound import SoundTrack
from avsync.spool import PictureSpool, SoundSpool, Stretch
from avsync.streams import describe, open_readable
from avsync.timebase import Times

DESCRIBED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose head describes all their streams."""


class Reader:
    """A file opened for reading; see `media.open`. A context manager, and `close` ends it.

    `video` and `audio` are the streams that are read (None where there is none), `info` and `audio_info` what
    their files declare.
    """

    def __init__(
        self,
        source: Source,
        audio: Source | None = None,
        *,
        video_stream: int | None = None,
        audio_stream: int | None = None,
        sample_rate: int,
        form: PictureFormat | None = None,
    ) -> None:
        """As `media.open`; `form` says how pictures are delivered."""
        if not isinstance(sample_rate, int | np.integer):
            raise ConfigError(f"a sample rate of {sample_rate!r} is no whole number. Give samples a second.")
        if not 1000 <= sample_rate <= 768_000:
            bound = "too low" if sample_rate < 1000 else "too high"
            raise ConfigError(
                f"a sample rate of {sample_rate} Hz is {bound}. Give 1000 Hz or more, up to 768000."
            )
        self.sample_rate = sample_rate
        self.form = form or PictureFormat()
        self._pictures: Input | None = None
        self._sound: Input | None = None
        with heard() as told:
            container = open_readable(source)
        try:
            self.info = describe(container, source)
            self.audio_info = self.info if audio is None else declared(audio)
            self.video = choose(self.info, "video", video_stream)
            self.audio = choose(self.audio_info, "audio", audio_stream)
            self._check_streams(apart=audio is not None)
            if self.video is not None:
                self._pictures = Input(source, self.video, container, told)
            if self.audio is not None:
                alone = self.video is None and audio is None
                self._sound = Input(
                    audio or source,
                    self.audio,
                    container if alone else None,
                    told if alone else (),
                    SOUND_ALONE if self.audio_info.container in DESCRIBED else None,
                )
        except BaseException:
            container.close()
            raise
        if self.video is None and audio is not None:
            container.close()
        if audio is not None:
            self.audio_info = replace(self.audio_info, video=None, audio=self.audio)
        self.info = replace(self.info, video=self.video, audio=None if audio is not None else self.audio)
        self._converter: Converter | None = None
        self._start: float | None = None
        self._first_sample: float | None = None
        self._opposed: bool | None = None

    def _check_streams(self, *, apart: bool) -> None:
        if apart and self.audio is None:
            raise MediaError(
                f"{self.audio_info.source} has no sound that can be decoded (found: "
                f"{self.audio_info.describe()}). Give another sound file."
            )
        if self.video is None and self.audio is None:
            raise MediaError(
                f"{self.source} has neither video nor sound that can be decoded (found: "
                f"{self.info.describe()}). Give a video file."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. It is opened again where it is read afterwards."""
        for one in (self._pictures, self._sound):
            if one is not None:
                one.close()

    @property
    def source(self) -> str:
        """The name of the file."""
        return self.info.source

    @property
    def _sound_start(self) -> float | None:
        """Seconds of the first sample of all, on whose grid those of each part stand."""
        if self._first_sample is None:
            with closing(self.sounds()) as sounds:
                first = next(sounds, None)
            self._first_sample = math.nan if first is None else first.time
        return None if math.isnan(self._first_sample) else self._first_sample

    @property
    def opposed(self) -> bool:
        """Whether left and right of stereo sound are of opposite phase: then the right one is turned over."""
        if self._opposed is None:
            with closing(self.sounds()) as sounds:
                next(sounds, None)
        return bool(self._opposed)

    @property
    def _rate(self) -> float | None:
        return None if self.video is None else self.info.streams[self.video].frame_rate

    @property
    def start(self) -> float:
        """Seconds of the first picture or sound, whichever is earlier."""
        if self._start is None:
            with closing(self.pictures()) as pictures, closing(self.sounds()) as sounds:
                picture, sound = next(pictures, None), next(sounds, None)
            firsts = ([picture[0]] if picture else []) + ([sound.time] if sound else [])
            if not firsts:
                raise nothing_decodes(self.info)
            self._start = min(firsts)
        return self._start

    def read(self, start: float, end: float) -> Clip:
        """The pictures with `start <= t < end` and the sound of that interval (seconds), found by seeking."""
        check_interval(start, end)
        begin, stop = Fraction(start), Fraction(end)
        windows = list(self._windows(start, begin, stop - begin, stop - begin, stop))
        return (
            windows[0] if windows else self._clip((start, end), [], Stretch(start, np.zeros(0, np.float32)))
        )

    def windows(
        self, *, seconds: float = 2.0, hop: float = 1.0, start: float | None = None, end: float | None = None
    ) -> Iterator[Clip]:
        """The file in windows of `seconds`, each `hop` after the one before, from `start` to `end`.

        A window holds the pictures with `t0 <= t < t1` and the sound of that interval, where (t0, t1) is its
        `interval`. Where one of them does not cover it, there is less of it: nothing is padded. The last
        window is the first that reaches the end; an interval in which there is neither is left out.
        """
        if not (seconds > 0 and hop > 0 and math.isfinite(seconds) and math.isfinite(hop)):
            raise ConfigError(f"windows of {seconds} s every {hop} s. Give more than 0 for both.")
        if end is not None:
            check_interval(self.start if start is None else start, end)
        begin = None if start is None else Fraction(start)
        stop = None if end is None else Fraction(end)
        return self._windows(start, begin, Fraction(seconds), Fraction(hop), stop)

    def pictures(
        self, start: float | None = None, report: PassReport | None = None
    ) -> Generator[tuple[float, Image]]:
        """Each picture with its time, from `start` seconds on."""
        convert = self._convert()
        for time, frame in self._decoded(start, report or PassReport()):
            yield time, convert(frame)

    def _decoded(self, start: float | None, report: PassReport) -> Generator[tuple[float, av.VideoFrame]]:
        """As `pictures`, not converted yet."""
        if self._pictures is None:
            return
        if start is not None and self._converter is None:
            # The first picture decides the size of all, wherever reading begins.
            with closing(self._decoded(None, PassReport())) as pictures:
                next(pictures, None)
        clock = PictureClock(self._pictures.time_base, 1 / self._rate if self._rate else USUAL_GAP)
        report.clock = clock
        with closing(self._pictures.frames(start, report.picture_damage)) as frames:
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                if self._converter is None:
                    self._converter = Converter(frame, self._pictures.pixel_aspect, self.form)
                time = clock.place(frame.pts, frame.duration)
                if start is None or time >= start:
                    yield time, frame

    def _convert(self) -> Callable[[av.VideoFrame], Image]:
        """A conversion for one pass, which no other shares."""
        own: list[Converter] = []

        def convert(frame: av.VideoFrame) -> Image:
            if not own:
                assert self._converter is not None
                own.append(self._converter.twin())
            return own[0](frame)

        return convert

    def sounds(self, start: float | None = None, report: PassReport | None = None) -> Generator[Stretch]:
        """The sound in stretches that follow each other without a gap, from some time before `start` on."""
        if self._sound is None:
            return
        report = report or PassReport()
        grid = None if start is None else self._sound_start
        with closing(self._sound.frames(start, report.sound_damage)) as decoded:
            frames: Iterator[av.AudioFrame] = map(_sounding, decoded)
            if self._opposed is None:
                self._opposed, frames = phase.told(frames)  # never in the middle: `grid` was asked before
            track = report.track = SoundTrack(self.sample_rate, self.audio_info.source, grid, self._opposed)
            track.placer.since = -math.inf if start is None else start
            given = 0
            for frame in frames:
                track.add(frame)
                for samples in track.take():
                    yield Stretch(track.time_of(given), samples)
                    given += len(samples)
        track.finish()
        for samples in track.take():
            yield Stretch(track.time_of(given), samples)
            given += len(samples)

    def frames(self, report: PassReport) -> tuple[Frames, Times]:
        """All pictures, to be decoded when they are asked for, and their times; decodes the file once."""
        if self._pictures is None:
            return Frames.empty(), np.zeros(0, np.float64)
        pictures = PictureTrack()
        with closing(self._pictures.decoded(None, report.picture_damage)) as frames:
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                if self._converter is None:
                    self._converter = Converter(frame, self._pictures.pixel_aspect, self.form)
                pictures.add(frame)
        if not pictures.pts:
            return Frames.empty(), np.zeros(0, np.float64)
        clock, times = pictures.times(
            self._pictures.time_base, self._rate, unordered=self._pictures.unordered
        )
        report.clock = clock
        return Frames(
            self._pictures.source, self._pictures.index, pictures.pts, pictures.keyframes, self._converter
        ), times

    def _windows(
        self,
        start: float | None,
        begin: Fraction | None,
        seconds: Fraction,
        hop: Fraction,
        stop: Fraction | None,
    ) -> Iterator[Clip]:
        report = PassReport()
        pictures = PictureSpool(self._decoded(start, report), self._convert())
        sounds = SoundSpool(self.sounds(start, report), self.sample_rate)
        try:
            with closing(pictures), closing(sounds):
                coming = math.inf
                if begin is None:
                    self._start = min(pictures.after(-math.inf), sounds.after(-math.inf))
                    if self._start == math.inf:
                        raise nothing_decodes(self.info)
                    begin = Fraction(self._start)
                t0 = begin
                while stop is None or t0 < stop:
                    t1 = t0 + seconds if stop is None else min(t0 + seconds, stop)
                    interval = float(t0), float(t1)
                    seen, heard = pictures.between(*interval), sounds.between(*interval)
                    if seen or len(heard.samples):
                        yield self._clip(interval, seen, heard)
                    coming = min(pictures.after(interval[1]), sounds.after(interval[1]))
                    if coming == math.inf or t1 == stop:
                        break
                    # What comes next may lie hours away where time stamps jump.
                    steps = (Fraction(coming) - seconds - t0) // hop + 1
                    t0 += max(steps, 1) * hop
                    pictures.drop(float(t0))
                    sounds.drop(float(t0))
        except GeneratorExit:  # the caller has seen enough
            report.warn(self.info, self.audio_info, to_the_end=False)
            raise
        ended = stop is None or coming == math.inf
        report.warn(self.info, self.audio_info, to_the_end=ended and start is None)

    def _clip(self, interval: tuple[float, float], seen: list[tuple[float, Image]], heard: Stretch) -> Clip:
        return Clip(
            source=self.source,
            frame_times=np.array([time for time, _ in seen], np.float64),
            frames=[image for _, image in seen],
            waveform=heard.samples,
            sample_rate=self.sample_rate,
            audio_start=heard.time,
            info=self.info,
            interval=interval,
            opposed=self.opposed,
        )


def _sounding(frame: Decoded) -> av.AudioFrame:
    assert isinstance(frame, av.AudioFrame)
    return frame
