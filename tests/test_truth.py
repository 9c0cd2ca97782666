"""The truth suite: numbered pictures and beeps come back at their times from every cell of a pairwise sample.

`python tests/truth_matrix.py --all` measures the whole product.
"""

from pathlib import Path

import av
import numpy as np
import pytest
from flashbeep import render
from truth_checks import real_problems, written
from truth_matrix import AUDIO, CARRIES, CONTAINERS, VIDEO, Cell, cells, pairs, pairwise_sample, run

GROUPS = [(container, variant) for container, variants in CONTAINERS.items() for variant in variants]


@pytest.fixture(scope="module")
def sample() -> list[Cell]:
    return pairwise_sample()


def test_the_sample_covers_every_pair_of_values_of_the_product(sample):
    assert {p for cell in sample for p in pairs(cell)} == {p for cell in cells() for p in pairs(cell)}
    assert 150 < len(sample) < 260


@pytest.mark.parametrize(("container", "variant"), GROUPS, ids=lambda name: name.replace(" ", "_"))
def test_cells(tmp_path, sample, container, variant):
    outcomes = [run(c, tmp_path) for c in sample if (c.container, c.variant) == (container, variant)]
    wrong = [f"{o.cell}: {o.words}" for o in outcomes if o.verdict in ("wrong", "refused")]
    assert not wrong, "\n".join(wrong)
    # FFmpeg's muxer of program streams gives small pictures wrong times at some rates.
    assert sum(o.verdict == "right" for o in outcomes) >= (0.6 if container == "mpg" else 0.95) * len(
        outcomes
    )


@pytest.mark.parametrize("container", CARRIES)
def test_what_is_no_cell_cannot_be_written(tmp_path, container):
    videos, audios = (names.split() for names in CARRIES[container])
    tries = [(v, audios[0]) for v in VIDEO if v.split()[0] not in videos and "10" not in v]
    tries += [(videos[0], a) for a in AUDIO if a not in audios]
    if container == "mpg":
        tries.remove(("mpeg4", audios[0]))  # written, but most of its pictures get no time or a wrong one
    held = []
    for video, audio in tries:
        path = tmp_path / f"x.{container}"
        try:
            truth = render(path, **(VIDEO[video] | AUDIO[audio]))
            wrote = written(path)
        except (av.FFmpegError, ValueError, StopIteration):
            continue
        same = len(wrote.picture_times) == len(truth.frame_times) and len(wrote.sound_times)
        if same and np.ptp(wrote.picture_times - truth.frame_times) < 2e-3:
            held.append((video, audio))
    assert not held


def test_avi_holds_no_start_times(tmp_path):
    at = [
        written(render(tmp_path / "x.avi", video="mpeg4", audio="mp2", audio_start=s).path) for s in (0, 0.5)
    ]
    assert at[0].sound_times[0] == at[1].sound_times[0]


@pytest.mark.media
@pytest.mark.parametrize("folder", ["grid/originals", "wild", "wild/edge"])
def test_real_clips_keep_the_times_that_pyav_gives(real_media, folder):
    files = sorted(
        p for p in Path(real_media, folder).iterdir() if p.suffix in (".mpg", ".mp4", ".webm", ".avi")
    )
    assert len(files) >= 10
    found = {path.name: problems for path in files if (problems := real_problems(path))}
    assert not found
