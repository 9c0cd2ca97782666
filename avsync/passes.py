"""What passes over a file found out beside its pictures and sound: what is lost, moved or missing."""

import warnings
from dataclasses import dataclass, field

from avsync.damage import Damage
from avsync.pictureclock import PictureClock
from avsync.sound import SoundTrack
from avsync.streams import MediaInfo, StreamInfo

MISSING_SECONDS = 0.5
"""What is missing at the end of a file is reported from here on; headers err by a frame or two."""


@dataclass(slots=True)
class PassReport:
    """Filled while pictures and sound are read; `warn` says what the reader of a file should know."""

    picture_damage: Damage = field(default_factory=Damage)
    sound_damage: Damage = field(default_factory=Damage)
    clock: PictureClock | None = None
    """Of the pictures that were read."""
    track: SoundTrack | None = None
    """The sound that was read."""

    def warn(self, info: MediaInfo, audio_info: MediaInfo, *, to_the_end: bool) -> None:
        """Say what was lost, and `to_the_end` also what is not there though the files declare it."""
        if self.clock is not None:
            self.clock.warn(info.source)
        if self.track is not None:
            self.track.placer.warn()
        apart = audio_info.source != info.source
        losses = self.picture_damage.words()
        heard = self._sound_words()
        if not apart:
            losses += [word for word in heard if word not in losses]  # both may break off at one place
        if to_the_end:
            absent = self.picture_damage.absent()
            losses += ([absent] if absent else []) + self._missing(info)
            heard += self._missing(audio_info) if apart else []
        losses += [
            f"stream {one.index} ({one.kind}) has no decoder and is left out{_extent(one, info)}"
            for one in info.streams
            if one.codec == "unknown" and getattr(info, one.kind, 0) is None and not apart
        ]
        for source, told in ((info.source, losses), (audio_info.source, heard if apart else [])):
            if told:
                warnings.warn(f"{source} is damaged or truncated: {'; '.join(told)}", stacklevel=3)

    def _sound_words(self) -> list[str]:
        words = self.sound_damage.words()
        refused = None if self.track is None else self.track.refused
        if refused is not None and refused.count:
            words.append(f"{refused.count} sound frames have an impossible format{refused.place()}")
        return words

    def _missing(self, info: MediaInfo) -> list[str]:
        """What ends long before the file says it does."""
        ends: dict[int, float] = {}
        if info.video is not None and self.clock is not None and self.clock.frames:
            # Not the time of the last picture: that of a slide show may be shown for long.
            ends[info.video] = self.clock.end
        if info.audio is not None and self.track is not None and self.track.end is not None:
            ends[info.audio] = self.track.end
        missing = []
        for index in (info.video, info.audio) if "mov" in info.container else ():
            # Only MP4 and MOV declare the length of each stream; elsewhere FFmpeg fills in that of the file.
            if index is None:
                continue
            stream = info.streams[index]
            name = "picture" if stream.kind == "video" else "sound"
            until = (stream.start_time or 0.0) + (stream.duration or 0.0)
            end = ends.get(index)
            if end is None:
                missing.append(f"no {name} can be decoded (declared: {until:.2f} s)")
            elif until > end + MISSING_SECONDS:
                missing.append(f"the {name} ends at {end:.2f} s instead of the declared {until:.2f} s")
        if ends and not missing and info.duration is not None:
            # Matroska counts its length from zero, MPEG from the first packet: what is short by both is lost.
            until = min(info.start_time or 0.0, 0.0) + info.duration
            end = max(ends.values())
            if until > end + MISSING_SECONDS:
                missing.append(f"the file ends at {end:.2f} s instead of the declared {until:.2f} s")
        if info.video is not None and info.container == "avi" and not missing and self.clock is not None:
            # FFmpeg shortens the declared length of an AVI file to its size; the count of pictures stays.
            # They have no times of their own: where some are lost and so is the index, all that follow come
            # too early.
            stream, clock = info.streams[info.video], self.clock
            rate = stream.frame_rate or 25.0
            places = round(clock.last * rate) + 1 if clock.frames else 0
            if places < stream.declared_frames:
                lost = stream.declared_frames - places
                missing.append(
                    f"{lost} of {stream.declared_frames} declared pictures are missing: the picture ends at "
                    f"{places / rate:.3f} s instead of {stream.declared_frames / rate:.3f} s, and behind any "
                    "that are lost before its end it comes too early"
                )
        return missing


def _extent(stream: StreamInfo, info: MediaInfo) -> str:
    """From when to when a stream would be presented, as far as that is declared."""
    start = stream.start_time if stream.start_time is not None else info.start_time or 0.0
    length = stream.duration if stream.duration is not None else info.duration
    end = "on" if length is None else f"to its declared end at {start + length:.3f} s"
    return f", from {start:.3f} s {end}"
