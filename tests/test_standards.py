"""The limits of the standards: values of the documents, their verdicts, and what is sure of them."""

import pytest
import tiny

from avsync import detect_offset, offset, standards
from avsync.errors import AVSyncError


@pytest.mark.parametrize(
    ("name", "lead", "lag"),
    [
        ("bt1359", 45, -125),
        ("bt1359-acceptability", 90, -185),
        ("r37", 40, -60),
        ("r37-production", 5, -15),
        ("j100", 20, -40),
        ("is191", 15, -45),
    ],
)
def test_limits_belong_to_in_sync(name, lead, lag):
    limits = standards.find(name)
    assert [limits.verdict(ms) for ms in (lead + 0.01, lead, 0.0, lag, lag - 0.01)] == [
        "audio_leads", "in_sync", "in_sync", "in_sync", "audio_lags",
    ]  # fmt: skip


def test_each_name_stands_once_and_has_its_source():
    names = [one.name for one in standards.STANDARDS]
    assert len(set(names)) == len(names) == 6
    assert names[0] == standards.BT1359.name == "bt1359"
    assert all(any(word in one.source for word in ("(1998)", "2007", "(1990)", "(2003)"))
               for one in standards.STANDARDS)  # fmt: skip


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AVSyncError, match=r"'r38' is no standard.*bt1359, .*, is191"):
        standards.find("r38")


def test_limits_of_your_own():
    cinema = standards.Standard("cinema", "our cinema", 42.0, -83.0, "house rules")
    assert standards.find(cinema) is cinema
    assert offset.judged(offset.undetermined("no_face"), cinema).standard is cinema


@pytest.mark.parametrize(
    ("interval", "sure"),
    [
        ((-20.0, 44.0), True),
        ((40.0, 46.0), False),
        ((46.0, 60.0), True),
        ((-130.0, -120.0), False),
        ((-200.0, -126.0), True),
        ((-200.0, 200.0), False),
        ((-125.0, 45.0), True),
    ],
)
def test_a_verdict_is_sure_when_no_limit_lies_within_the_interval(interval, sure):
    assert standards.BT1359.same_for_all_of(interval) is sure


def test_the_same_offset_under_two_standards():
    found = offset.Offset(30.0, (20.0, 40.0), 0.9, "in_sync", None, None, *([] for _ in range(3)))
    strict = offset.judged(found, standards.find("is191"))
    assert (strict.verdict, strict.ms, strict.ci_ms) == ("audio_leads", 30.0, (20.0, 40.0))
    assert offset.judged(strict, standards.BT1359).verdict == found.verdict


def test_what_is_undetermined_stays_so():
    assert offset.judged(offset.undetermined("ambiguous"), standards.find("r37")).verdict == "undetermined"


def test_detect_offset_takes_a_name():
    found = detect_offset(tiny.clip(0.5), standard="r37")
    assert (found.verdict, found.reason, found.standard.name) == ("undetermined", "too_short", "r37")
    with pytest.raises(AVSyncError, match="no standard"):
        detect_offset(tiny.clip(0.5), standard="BT")
