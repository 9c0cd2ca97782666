"""Clips that cannot be synchronised, made from clips that can: sounds and mouths that do not belong together.

Shapes: N samples, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from corpus import Spoken

from avsync import lips
from avsync.lips import LipTrack
from avsync.media import Clip

CHORDS_HZ = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
"""C major, A minor, F major, G major."""
SCALE_HZ = (261.6, 293.7, 329.6, 392.0, 440.0, 523.3)
"""Notes of the melody: pentatonic on C."""
WARPS = (-0.20, -0.14, -0.08, 0.08, 0.14, 0.20)
"""By how much a dubbed voice runs fast (positive) or slow."""


def with_sound(clip: Clip, sound: np.ndarray, later_s: float = 0.0) -> Clip:
    """The clip with another sound (N,) in the place of its own, repeated or cut to the same length."""
    length = len(clip.waveform)
    fitted = np.resize(sound, length) if len(sound) else np.zeros(length, np.float32)
    return replace(clip, waveform=fitted.astype(np.float32), audio_start=clip.audio_start + later_s)


def silence(clip: Clip, rng: np.random.Generator, dbfs: float | None) -> Clip:
    """No sound at all (None), or the noise of an empty room at this level."""
    level = 0.0 if dbfs is None else 10 ** (dbfs / 20)
    return with_sound(clip, rng.normal(0, 1, len(clip.waveform)) * level)


def music(seconds: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """(N,) chords, a bass drum, a snare and a melody at a tempo of their own."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    beat = 60 / rng.uniform(80, 150)
    song = np.zeros(len(time))
    for start in np.arange(-rng.uniform(0, 4 * beat), seconds, 4 * beat):
        chord = CHORDS_HZ[rng.integers(len(CHORDS_HZ))]
        song += 0.1 * sum(_note(time - start, tone, 4 * beat, 0.4) for tone in chord)
        for quarter in range(4):
            at = time - start - quarter * beat
            song += 0.5 * _note(at, 55.0 + 40 * np.exp(-30 * np.clip(at, 0, 1)), beat, 0.08)
            if quarter % 2:
                hit = np.where(at >= 0, np.exp(-np.clip(at, 0, None) / 0.05), 0.0)
                song += 0.2 * rng.normal(0, 1, len(time)) * hit * (at < beat)
            for half in (0.0, 0.5):
                tone = SCALE_HZ[rng.integers(len(SCALE_HZ))] * 2
                if rng.random() < 0.7:
                    song += 0.15 * _note(at - half * beat, tone, beat / 2, 0.2)
    return (0.2 * song / max(float(song.std()), 1e-9)).clip(-1, 1).astype(np.float32)


def _note(at: np.ndarray, hz: float | np.ndarray, seconds: float, decay: float) -> np.ndarray:
    """A tone with two overtones that starts at 0 and dies away."""
    on = (at >= 0) & (at < seconds)
    wave = sum(np.sin(2 * np.pi * n * hz * at) / n for n in (1, 2, 3))
    return np.asarray(np.where(on, wave * np.exp(-np.clip(at, 0, None) / decay), 0.0))


def warped(clip: Clip, fast: float) -> Clip:
    """The clip's own voice, faster by `fast` (0.08: 8 %) around its middle: in sync at one instant only."""
    length = len(clip.waveform)
    middle = (length - 1) / 2
    count = int(length / (1 + fast))
    start = middle - (count - 1) / 2
    position = middle + (np.arange(count) - (count - 1) / 2) * (1 + fast)
    sound = np.interp(position, np.arange(length), clip.waveform).astype(np.float32)
    return replace(clip, waveform=sound, audio_start=clip.audio_start + start / clip.sample_rate)


def most_alike(spoken: Spoken, others: Sequence[Spoken]) -> Spoken:
    """The sentence with the most words in the same places: what a dubber would say."""
    return max(
        others, key=lambda o: (sum(a == b for a, b in zip(spoken.words, o.words, strict=False)), o.name)
    )


def still(track: LipTrack, frame: int, rng: np.random.Generator) -> LipTrack:
    """One frame shown for the whole clip, as a tracker sees a compressed photo: with a little noise."""
    count = len(track.times)
    mouths = track.mouths[frame] + rng.normal(0, 1, (count, *track.mouths.shape[1:]))
    points = track.landmarks[frame] + rng.normal(0, 0.05, (count, *track.landmarks.shape[1:]))
    return replace(
        track,
        mouths=mouths.round().clip(0, 255).astype(np.uint8),
        landmarks=points.astype(np.float32),
        boxes=np.repeat(track.boxes[frame : frame + 1], count, 0),
        found=np.ones(count, bool),
    )


def listener(track: LipTrack, quiet: tuple[float, float]) -> LipTrack | None:
    """A face that listens: frames between two times (s) in which it is silent, forwards and backwards, over
    and over; None when that is under 0.2 s.
    """
    frames = np.flatnonzero((track.times >= quiet[0]) & (track.times < quiet[1]) & track.found)
    if len(frames) < 5:
        return None
    loop = np.concatenate([frames, frames[-2:0:-1]])
    order = np.resize(loop, len(track.times))
    return replace(track, mouths=track.mouths[order], landmarks=track.landmarks[order],
                   boxes=track.boxes[order], found=track.found[order])  # fmt: skip


def back_of_head(clip: Clip, track: LipTrack) -> tuple[LipTrack, ...]:
    """What is tracked when the face is painted over with the colour of what is above it, plus noise."""
    rng = np.random.default_rng(0)
    pictures = []
    seen = dict(zip(track.times[track.found], track.landmarks[track.found], strict=True))
    for time, picture in zip(clip.frame_times, clip.frames, strict=True):
        painted = np.array(picture)
        if time in seen:
            x, y = seen[time].T
            height, width = painted.shape[:2]
            centre, radius = (x.mean(), y.mean()), (0.7 * np.ptp(x), 0.75 * np.ptp(y))
            grid_y, grid_x = np.mgrid[:height, :width]
            disc = ((grid_x - centre[0]) / radius[0]) ** 2 + ((grid_y - centre[1]) / radius[1]) ** 2 <= 1
            row = int(np.clip(y.min(), 0, height - 1))
            colour = painted[row, np.clip(x.astype(int), 0, width - 1)].mean(0)
            painted[disc] = (colour + rng.normal(0, 6, (int(disc.sum()), 3))).clip(0, 255)
        pictures.append(painted)
    # A configuration of its own keeps the tracks of the unpainted file out of it.
    return lips.track(replace(clip, frames=pictures), lips.TrackConfig())
