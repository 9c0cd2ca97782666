"""The measurement as a picture: its size, and that it shows what was measured and nothing else."""

import dataclasses

import lines
import numpy as np
import pytest
from PIL import Image

from avsync import plot
from avsync.errors import MediaError
from avsync.offset import undetermined

pytest.importorskip("matplotlib")


def drawn(path, offset):
    plot.plot_offset(offset, path, title="talk.mp4")
    with Image.open(path) as image:
        return image.size, path.read_bytes()


def test_one_panel_without_a_line_and_two_with_one(tmp_path):
    short = lines.Curve(*(array[:2] for array in dataclasses.astuple(lines.CURVE)))
    for name, offset, size in [
        ("none", undetermined("no_face"), (960, 480)),
        ("plain", lines.measured(None), (960, 480)),
        ("short", lines.measured(lines.constant(curve=short)), (960, 480)),
        ("constant", lines.measured(lines.constant()), (960, 840)),
        ("changing", lines.measured(lines.changing()), (960, 840)),
    ]:
        assert drawn(tmp_path / f"{name}.png", offset)[0] == size, name


def test_the_same_measurement_gives_the_same_bytes(tmp_path):
    for line in (None, lines.changing()):
        name = "plain" if line is None else "line"
        one, two = (drawn(tmp_path / f"{name}{n}.png", lines.measured(line))[1] for n in range(2))
        assert one == two


def test_jumps_and_unsure_points_are_seen(tmp_path):
    line = lines.changing()
    sure = dataclasses.replace(line, curve=dataclasses.replace(lines.CURVE, sure=np.ones(3)))
    jumpless = dataclasses.replace(line, jumps=(), pieces=line.pieces[:1])
    pictures = [
        drawn(tmp_path / f"{n}.png", dataclasses.replace(lines.measured(line), line=shown))[1]
        for n, shown in enumerate((line, sure, jumpless))
    ]
    assert len(set(pictures)) == 3


def test_a_picture_that_is_there_is_kept(tmp_path):
    path = tmp_path / "there.png"
    path.write_text("mine")
    with pytest.raises(MediaError, match="exists"):
        plot.plot_offset(lines.measured(None), path, title="x")
    assert path.read_text() == "mine"
