"""The place of a jump, from passages that were left out because they fit no lag."""

import numpy as np
import pytest
from test_speaking import LAGS, SILENT, face

from avsync.passages import FaceScores
from avsync.timeline import over_time

START, END = 28.5, 31.5
"""The passage that was left out."""


def divided(offset):
    """A face of a minute, without and with only the passage that was left out."""
    whole = face(offset, seconds=60.0)
    out = (whole.times_s >= START) & (whole.times_s < END)
    return whole.only(~out), whole.only(out)


def jump(kept: FaceScores, *foreign: FaceScores):
    (found,) = over_time(kept.times_s, kept.scores_TK, LAGS, foreign=foreign).jumps
    return found


@pytest.mark.parametrize("place", [29.0, 30.2, 31.2])
def test_a_passage_that_holds_the_jump_tells_its_place(place):
    kept, passage = divided(lambda t: -60.0 if t < place else 140.0)
    without, told = jump(kept), jump(kept, passage)
    assert without.time == pytest.approx((START + END) / 2, abs=0.1)
    assert told.time == pytest.approx(place, abs=0.15)
    assert told.start <= place <= told.end
    assert told.end - told.start < 1.0
    assert told.after_ms - told.before_ms == pytest.approx(200, abs=10)


@pytest.mark.parametrize("before", [True, False])
def test_a_passage_of_one_side_moves_the_place_to_the_other(before):
    place = END if before else START
    kept, passage = divided(lambda t: -60.0 if t < place else 140.0)
    assert jump(kept, passage).time == pytest.approx(place, abs=0.15)


def test_a_passage_of_neither_side_tells_nothing():
    kept, passage = divided(lambda t: SILENT if START <= t < END else -60.0 if t < 30 else 140.0)
    without, told = jump(kept), jump(kept, passage)
    assert told.time == pytest.approx(without.time, abs=0.3)
    assert (told.start, told.end) == (pytest.approx(START, abs=0.3), pytest.approx(END, abs=0.3))


def test_passages_elsewhere_tell_nothing():
    kept, _ = divided(lambda t: -60.0 if t < 30 else 140.0)
    far = face(140.0, 100.0, 3.0)
    early = face(140.0, 0.0, 3.0).only(np.arange(40))
    later = FaceScores(0, 0, early.times_s - 10, early.scores_TK)
    assert jump(kept, far, later).time == jump(kept).time
