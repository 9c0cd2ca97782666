"""The recipe of the acoustic phones, without training anything."""

import random

import numpy as np
import pytest
from recipe_files import recipe

from avsync.durations import BEFORE_PAUSE, USUAL
from avsync.pronounce import UNITS
from avsync.utterances import PhoneTimes


def test_nobody_who_is_measured_is_trained_on():
    split, grid = recipe("phones", "split"), recipe("grid", "split")
    development = {*split.VALIDATION, *split.SMALL}
    assert set(split.VALIDATION) == grid.VALIDATION
    assert not development & set(split.TRAINED)
    assert not (development | set(split.TRAINED)) & (grid.TEST | grid.RESERVED)


def test_a_fixed_part_of_the_clips_is_held_out():
    split = recipe("phones", "split")
    held = [name for name in (f"clip{n}" for n in range(5000)) if split.held_out(name)]
    assert 130 < len(held) < 270
    assert held == [name for name in (f"clip{n}" for n in range(5000)) if split.held_out(name)]


def test_segments_of_festival_are_read_with_their_pauses():
    text = "separator ;\nnfields 1\n#\n0.2 100 pau\n0.3 100 ax\n0.45 100 dx\n0.6 100 pau\n0.7 100 hv\n"
    phones = recipe("phones", "generate").phone_times(text)
    assert [UNITS[unit] for unit in phones.units] == ["ah", "t", "hh"]
    np.testing.assert_allclose(phones.starts, [0.2, 0.3, 0.6])
    np.testing.assert_allclose(phones.ends, [0.3, 0.45, 0.7])


@pytest.mark.parametrize("segments", ["#\n0.2 100 pau\n0.3 100 el\n", "#\n0.2 100 pau\n"])
def test_segments_without_units_are_left_out(segments):
    assert recipe("phones", "generate").phone_times(segments) is None


def test_planted_durations_are_measured():
    rng = np.random.default_rng(0)
    names = [unit for unit in UNITS if unit != "sil"]
    spoken = []
    for _ in range(400):
        units = rng.choice(np.arange(1, len(UNITS)), 20)
        length = np.array([USUAL[UNITS[unit]][0] for unit in units]) + rng.normal(0, 0.1, 20)
        length[-1] += BEFORE_PAUSE[0]
        length[-2] += BEFORE_PAUSE[1]
        ends = np.cumsum(0.09 * np.exp(length + rng.normal(0, 0.2)))  # each at a pace of its own
        spoken.append(PhoneTimes(units, np.append(0.0, ends[:-1]), ends))
    table, before_pause = recipe("phones", "durations").measure(spoken)
    shift = np.mean([USUAL[name][0] for name in names])
    for name in names:
        assert table[name][0] == pytest.approx(USUAL[name][0] - shift, abs=0.06)
        assert table[name][1] == pytest.approx(0.1, abs=0.04)
    assert before_pause == pytest.approx(BEFORE_PAUSE, abs=0.05)


def test_every_unit_has_a_symbol():
    symbols = recipe("phones", "symbols")
    assert {*symbols.VOWELS, *symbols.CONSONANTS} == set(UNITS) - {"sil"}


@pytest.mark.parametrize(
    ("phones", "marks", "american", "british"),
    [
        ("b ah t er", [(True, False), (False, False)], "bˈʌɾəɹ", "bˈʌtə"),
        ("ah b aw t", [(False, True), (True, False)], "əbˈWt", "əbˈWt"),
        ("k aa r", [(True, False)], "kˈɑɹ", "kˈɑː"),
        ("hh aa t", [(True, False)], "hˈɑt", "hˈɒt"),
        ("k eh r iy", [(True, False), (False, False)], "kˈɛɹi", "kˈɛɹiː"),
        ("ah t ae k", [(False, True), (True, False)], "ətˈæk", "ətˈak"),
        ("b er iy", [], "bˈɜɹi", "bˈɜːɹiː"),
    ],
)
def test_phones_are_written_as_the_voices_read_them(phones, marks, american, british):
    word_symbols = recipe("phones", "symbols").word_symbols
    assert word_symbols(tuple(phones.split()), marks, british=False) == american
    assert word_symbols(tuple(phones.split()), marks, british=True) == british


def test_a_script_says_where_its_words_are():
    write = recipe("phones", "symbols").write
    script = write("set blue by a two now", {}, british=True, chance=random.Random(3))
    said = [script.symbols[first:last] for first, last in script.spans]
    assert said == ["sˈɛt", "blˈuː", "bˈI", "ˈA", "tˈuː", "nˈW"]
    assert set(script.symbols) - set("".join(said)) <= set(" ,.?!")
    article = write("a zoo", {}, british=False, chance=random.Random(3))
    assert article.symbols.startswith("ˈʌ zˈu")
