"""Constant shifts in every container and codec that FFmpeg writes here: the beeps move against the flashes by
the shift, the pictures' packets stay as they are.
"""

import numpy as np
import pytest
from shifts import flashes_and_lags, packet_seconds, payload

from avsync import remux

VIDEO = {"webm": "libvpx-vp9", "mpg": "mpeg1video", "avi": "mpeg4", "mxf": "mpeg2video"}
SHIFTS = (-317.0, -61.3, 37.0, 211.0)

CELLS = {
    "mp4": "aac libmp3lame mp2 ac3 flac libopus pcm_s16le",
    "mov": "aac libmp3lame mp2 ac3 pcm_s16le",
    "m4v": "aac ac3",
    "mkv": "aac libmp3lame mp2 ac3 flac libopus pcm_s16le",
    "webm": "libopus",
    "ts": "aac libmp3lame mp2 ac3 libopus",
    "mpg": "libmp3lame mp2 ac3",
    "flv": "aac libmp3lame ac3 flac libopus",
    "f4v": "aac",
    "avi": "aac libmp3lame mp2 ac3 flac pcm_s16le",
    "mxf": "pcm_s16le",
}
"""Those that the muxer takes, of aac, mp3, mp2, ac3, flac, opus and pcm."""


@pytest.mark.parametrize(
    ("suffix", "audio"), [(suffix, audio) for suffix, codecs in CELLS.items() for audio in codecs.split()]
)
@pytest.mark.filterwarnings("ignore:.*before the first picture are left out")
def test_beeps_move_by_the_shift(tmp_path, flash_and_beep, suffix, audio):
    reordered = 0 if suffix in ("avi", "mxf") else 2
    video = VIDEO.get(suffix, "libx264")
    source = flash_and_beep(suffix, video=video, audio=audio, b_frames=reordered).path
    _, before, numbers = flashes_and_lags(source)
    assert len(before) == 3
    for shift in SHIFTS:
        out = tmp_path / f"out{shift}.{suffix}"
        remux.shift_audio(source, out, shift)
        _, after, same_numbers = flashes_and_lags(out)
        np.testing.assert_allclose(after - before, shift, atol=1.0)
        assert same_numbers == numbers
        assert payload(out) == payload(source)
        moved = packet_seconds(out) - packet_seconds(source)
        np.testing.assert_allclose(moved, np.median(moved), atol=1e-3)
        same_sound = payload(out, "audio") == payload(source, "audio")
        assert same_sound == (suffix not in ("avi", "mxf"))
