"""Retiming as a pure function of time, against values worked out by hand."""

import math

import numpy as np
import pytest

from avsync.errors import ConfigError
from avsync.retime import Piece, Retiming, retiming


def test_a_constant_shift():
    law = retiming(120.0, 0.0, (), 5.0)
    assert (law.constant, law.method) == (pytest.approx(0.12), "samples")
    np.testing.assert_allclose(law.source_times([-1.0, 0.0, 7.0]), [-1.12, -0.12, 6.88])
    assert law.output_time(6.88) == pytest.approx(7.0)


def test_drift_counts_from_the_first_picture():
    law = retiming(100.0, 500.0, (), 2.0)
    assert (law.constant, law.method) == (None, "resample")
    # An event seen at t is heard at t - offset(t); a minute after the first picture 30 ms have been added.
    np.testing.assert_allclose(law.source_times([2.0, 62.0]), [2.0 - 0.1, 62.0 - 0.13])


@pytest.mark.parametrize("drift", [-0.05, -1e-4, 0.0, 3e-4, 0.09])
def test_source_and_output_undo_each_other(drift):
    piece = Piece(3.0, -0.4, drift)
    for time in (-10.0, 3.0, 9000.0):
        assert piece.output(piece.source(time)) == pytest.approx(time, abs=1e-9)


def test_a_step_up_is_silence_before_it():
    law = retiming(0.0, 0.0, [(10.0, 200.0)], 0.0)
    heard = law.source_times([9.79, 9.81, 9.99, 10.0])
    np.testing.assert_allclose(heard, [9.79, math.nan, math.nan, 9.8])
    assert law.method == "pieces"
    assert law.output_time(9.7999) == pytest.approx(9.7999)
    assert law.output_time(9.8001) == pytest.approx(10.0001)


def test_a_step_down_takes_sound_away():
    law = retiming(0.0, 0.0, [(10.0, -200.0)], 0.0)
    np.testing.assert_allclose(law.source_times([9.99, 10.0]), [9.99, 10.2])
    assert math.isnan(law.output_time(10.1))


def test_nothing_is_heard_twice():
    law = retiming(30.0, 400.0, [(4.0, -90.0), (9.0, 250.0), (12.0, 0.0)], 0.5)
    heard = law.source_times(np.arange(0, 20, 1e-3))
    known = heard[~np.isnan(heard)]
    assert np.all(np.diff(known) > 0)
    # 340 ms of silence less what drift adds, at the only step up.
    assert np.isnan(heard).sum() == pytest.approx(340 - 400e-3 * 5, abs=2)


def test_every_moment_of_the_sound_is_seen_somewhere():
    up, down = retiming(0.0, 0.0, [(10.0, 200.0)], 0.0), retiming(0.0, 0.0, [(10.0, -200.0)], 0.0)
    np.testing.assert_allclose(up.seen_at([-3.0, 9.79, 9.81, 20.0]), [-3.0, 9.79, 10.01, 20.2])
    np.testing.assert_allclose(down.seen_at([9.9, 10.1, 10.3]), [9.9, 10.0, 10.1])
    np.testing.assert_allclose(up.heard_at([9.7, 9.9, 10.1]), [9.7, 9.8, 9.9])  # silence: what comes next


def test_in_every_silence_what_comes_next_is_heard():
    law = retiming(0.0, 0.0, [(10.0, 200.0), (20.0, 400.0), (30.0, 100.0), (40.0, 300.0)], 0.0)
    np.testing.assert_allclose(law.heard_at([9.9, 19.9, 35.0, 39.9]), [9.8, 19.6, 34.9, 39.7])


def test_seen_and_heard_undo_each_other_and_rise():
    law = retiming(30.0, 400.0, [(4.0, -90.0), (9.0, 250.0), (12.0, 0.0)], 0.5)
    heard = np.arange(-5, 20, 1e-3)
    seen = law.seen_at(heard)
    assert np.all(np.diff(seen) >= 0)
    cut = np.isclose(np.diff(seen, append=seen[-1] + 1), 0)
    np.testing.assert_allclose(law.heard_at(seen)[~cut], heard[~cut], atol=1e-6)
    # 120 ms are cut at the first step, 250 at the last; what drift adds until then is cut with them.
    assert cut.sum() == pytest.approx(120 + 250 + 400e-3 * (3.5 + 3), abs=3)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (Piece(0.0, math.nan),),
        (Piece(0.0, 1e9),),
        (Piece(0.0, 0.0, 0.2),),
        (Piece(math.nan, 0.0),),
        (Piece(1.0, 0.0), Piece(1.0, 0.1)),
        (Piece(0.0, 0.0), Piece(1.0, 0.0), Piece(1.2, 0.5)),
    ],
)
def test_what_makes_no_sense_is_refused(pieces):
    with pytest.raises(ConfigError):
        Retiming(pieces)
