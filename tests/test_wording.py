"""Words for people: how an offset changes."""

import dataclasses

import lines
import pytest

from avsync.timeline import Jump
from avsync.wording import change_text, offset_text


def test_drift_and_jumps_in_words():
    assert change_text(lines.changing()) == (
        "the offset drifts by +500 +-25 ppm (+30.0 ms a minute), jumps from +34.0 to +194.0 ms at 0:08.000"
    )
    only_jump = lines.changing(0.0)
    assert change_text(only_jump) == "the offset jumps from +30.0 to +190.0 ms at 0:08.000"
    twice = dataclasses.replace(only_jump, jumps=(*only_jump.jumps, Jump(75.5, 75.0, 76.0, 190.0, -20.0)))
    assert change_text(twice).endswith("at 0:08.000, jumps from +190.0 to -20.0 ms at 1:15.500")
    doubtless = dataclasses.replace(lines.changing(), jumps=(), slope_ppm=-100.0, drift_plus_minus_ppm=None)
    assert change_text(doubtless) == "the offset drifts by -100 ppm (-6.0 ms a minute)"


def test_nothing_changes_in_words():
    assert change_text(lines.constant()) == "the offset does not change"


@pytest.mark.parametrize("line", [None, lines.constant(), lines.changing()])
def test_an_offset_tells_its_change_only_where_it_changes(line):
    text = offset_text("talk.mp4", lines.measured(line))
    changes = line is not None and not line.constant
    assert [words in text for words in ("jumps from", "drifts by")] == [changes, changes]
