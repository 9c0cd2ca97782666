"""The benchmark of words on texts, sounds and answers whose truth is known."""

import math
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avsync import media, model, phones, weightfile

WORDS = ("place", "blue", "at", "f", "two", "now")
RATE = 16_000


def test_tampered_texts_know_what_was_said(benchmark_script):
    corruption = benchmark_script("corruption")
    for seed in range(40):
        rng = np.random.default_rng(seed)
        text = corruption.inserted(WORDS, ["blue", "red"], rng)
        assert [word for word, said in zip(text.words, text.said, strict=True) if said] == list(WORDS)
        at = text.said.index(False)
        assert text.words[at] not in text.words[max(at - 1, 0) : at] + text.words[at + 1 : at + 2]
        text = corruption.replaced(WORDS, ["blue", "red"], rng)
        at = text.said.index(False)
        assert text.words[at] != WORDS[at]
        assert (text.words[:at], text.words[at + 1 :]) == (WORDS[:at], WORDS[at + 1 :])
        text, at = corruption.left_out(WORDS, rng)
        assert [WORDS[number] for number in text.source] == list(text.words)
        assert text.words == WORDS[:at] + WORDS[at + 1 :]


def test_a_word_cut_out_moves_the_words_behind_it(benchmark_script):
    corruption = benchmark_script("corruption")
    times = np.array([[0.1, 0.2], [0.2, 0.4], [0.5, 0.6]])
    sound = np.repeat(np.arange(10, dtype=np.float32), RATE // 10)  # each tenth of a second has its number
    text, cut, moved = corruption.without_a_word(("a", "b", "c"), sound, times, np.random.default_rng(1))
    gone = text.said.index(False)
    length = times[gone, 1] - times[gone, 0]
    assert len(sound) - len(cut) == round(length * RATE)
    for n in set(range(3)) - {gone}:
        middle = round(moved[n].mean() * RATE)
        assert cut[middle] == sound[round(times[n].mean() * RATE)]


def test_noise_has_the_level_that_was_asked_for(benchmark_script):
    corruption = benchmark_script("corruption")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, RATE).astype(np.float32)
    voices = [rng.normal(0, level, 5000) for level in (0.01, 0.5, 3.0)]
    for snr in (20, 0, -5):
        noise = corruption.noisy(sound, corruption.babble(voices, RATE, rng), snr) - sound
        assert 10 * math.log10(np.mean(sound**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.01)


def test_a_silenced_word_leaves_the_rest(benchmark_script):
    corruption = benchmark_script("corruption")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, RATE).astype(np.float32)
    sound[:2000] = rng.normal(0, 0.001, 2000)
    quiet = corruption.silenced(sound, 8000, 9000, rng)
    assert np.array_equal(quiet[:8000], sound[:8000])
    assert np.array_equal(quiet[9000:], sound[9000:])
    assert quiet[8000:9000].std() == pytest.approx(0.001, rel=0.2)


def word(start, end, **more):
    given = {"confidence": 0.9, "status": "aligned", "plus_minus_ms": 20.0} | more
    return SimpleNamespace(heard_start=start, heard_end=end, **given)


def test_errors_are_late_where_words_are_late_and_missing_where_refused(benchmark_script):
    trials = benchmark_script("word_trials")
    spoken = benchmark_script("corpus").Spoken(
        "s1/x", Path("x"), ("a", "b"), np.array([[0.1, 0.2], [0.3, 0.5]])
    )
    found = SimpleNamespace(words=[word(0.11, 0.19), word(0.3, 0.55)])
    np.testing.assert_array_equal(trials.late_ms(found, spoken), [[10.0, -10.0], [0.0, 50.0]])
    assert np.isnan(trials.late_ms(None, spoken)).all()
    rows = {
        row.name: row for row in trials.edge_rows("x", trials.late_ms(found, spoken), "split", {"bias": 5.0})
    }
    assert rows["words, x: start within 10 ms"].value == 1.0
    assert rows["words, x: end within 20 ms"].value == 0.5
    assert rows["words, x: end, size of the bias (mean)"].value == 20.0
    assert rows["words, x: end, size of the bias (mean)"].reached is False
    assert rows["words, x: word error (mean of both edges)"].value == (10 + 25) / 2


def test_answers_are_judged_against_what_was_said(benchmark_script):
    transcripts, corruption = benchmark_script("word_transcripts"), benchmark_script("corruption")
    text = corruption.Text(("a", "x", "b"), (0, None, 1))
    times = np.array([[0.1, 0.2], [0.3, 0.5]])
    found = SimpleNamespace(
        words=[word(0.1, 0.2), word(0.2, 0.21, confidence=0.1, status="not_spoken"), word(0.6, 0.7)]
    )
    right, strange, far = transcripts._judge("put in", found, text, times)
    assert (right.said, right.right, right.error_ms) == (True, True, 0.0)
    assert (strange.said, strange.right, strange.status) == (False, False, "not_spoken")
    assert (far.said, far.right, far.error_ms) == (True, False, pytest.approx(300.0))
    refused = transcripts._judge("put in", None, text, times)
    assert [one.status for one in refused] == ["refused"] * 3
    assert not any(one.right for one in refused)


def test_frames_that_the_table_takes_for_the_truth_are_those_written(benchmark_script, tmp_path):
    frames = benchmark_script("word_frames")
    ticks = np.array([0, 1, 4, 5])
    pictures = [np.full((32, 32, 3), 60 * n, np.uint8) for n in range(4)]
    path = tmp_path / "made.mp4"
    frames.write(path, pictures, ticks, Fraction(30000, 1001), np.zeros(RATE // 4, np.float32), RATE)
    expected = [float(tick * Fraction(1001, 30000)) for tick in ticks.tolist()]
    assert frames.picture_times(path) == pytest.approx(expected, abs=1e-6)


def test_a_program_is_watched(benchmark_script):
    watched = benchmark_script("watched")
    done = watched.run(["-c", "print('first'); print('last')"])
    assert done.told == "last"
    assert 0 < done.cores_s <= 2 * done.wall_s
    assert 1 < done.memory_mb < 1000
    held = watched.run(["-c", "held = bytearray(200_000_000); print(len(held))"])
    assert held.memory_mb - done.memory_mb == pytest.approx(200e6 / 2**20, rel=0.1)
    with pytest.raises(RuntimeError, match="ended with exit code 7"):
        watched.run(["-c", "raise SystemExit(7)"])


def test_a_recording_of_clips_knows_where_its_words_begin(benchmark_script, tmp_path, monkeypatch):
    hour, corpus = benchmark_script("word_hour"), benchmark_script("corpus")
    rng = np.random.default_rng(0)
    sounds = {name: rng.normal(0, 0.1, length).clip(-1, 1) for name, length in (("a", 8000), ("b", 12_000))}
    clips = [
        corpus.Spoken(name, Path(name), (f"{name}1", f"{name}2"), 0.5 + np.array([[0.0, 0.1], [0.1, 0.3]]))
        for name in sounds
    ]
    loaded = {name: SimpleNamespace(waveform=sound, audio_start=0.5) for name, sound in sounds.items()}
    with monkeypatch.context() as patch:
        patch.setattr(hour.media, "load", lambda path: loaded[str(path)])
        words, starts = hour.recording(clips, 2.0, tmp_path / "speech.wav")
    heard = media.load(tmp_path / "speech.wav").waveform
    assert len(words) == len(starts)
    assert len(heard) >= 2 * RATE
    for word, start in zip(words[::2], starts[::2], strict=True):
        at, own = round(start * RATE), sounds[word[0]]
        np.testing.assert_allclose(heard[at : at + len(own)], own, atol=1e-4)
    np.testing.assert_allclose(starts[1::2] - starts[::2], 0.1)


def test_other_weights_stand_in_for_those_of_their_kind(benchmark_script):
    using = benchmark_script("with_weights").using
    shipped = phones.load_phones(), model.load_model()
    with using(weightfile.shipped("phones")):
        assert phones.load_phones() is not shipped[0]
        assert model.load_model() is shipped[1]
    with using(weightfile.shipped("avsync")):
        assert phones.load_phones() is shipped[0]
        assert model.load_model() is not shipped[1]
    assert (phones.load_phones(), model.load_model()) == shipped


def test_wild_words_are_held_against_those_without_noise(benchmark_script, monkeypatch):
    wild, corpus = benchmark_script("word_wild"), benchmark_script("corpus")
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    clip = media.Clip("made", np.zeros(0), [], sound, RATE, 0.0, None)

    def ask(clip, words, modality="audio", tracks=None):
        if clip.waveform is sound:
            late, status = 0.0, "aligned"
        elif modality == "audio":
            late, status = 0.04, "low"
        else:
            late, status = 0.01, "low"
        starts = [0.1, 0.3, 0.5]
        words = [
            SimpleNamespace(heard_start=start + late, heard_end=start + 0.1 + late, status=status)
            for start in starts
        ]
        words[-1].status = "low"  # where it stands without noise is not known
        return SimpleNamespace(words=words)

    monkeypatch.setattr(wild.media, "load", lambda path: clip)
    monkeypatch.setattr(wild.lips, "track", lambda clip: ("face",))
    monkeypatch.setattr(wild, "ask", ask)
    clips = [
        corpus.Wild("said.mp4", Path("said.mp4"), "P1", 3.0, False, "one two three"),
        corpus.Wild("unknown.mp4", Path("unknown.mp4"), "P2", 3.0, False),
        corpus.Wild("edge/odd.mp4", Path("odd.mp4"), "P3", 3.0, True, "one two three"),
    ]
    voices = [corpus.Spoken("v", Path("v"), ("x",), np.zeros((1, 2)))]
    rows = {row.name: row for row in wild.measure(clips, voices)}
    assert len(rows) == (len(wild.MODALITIES) + 1) * len(wild.SNR_DB) * len(wild.corruption.NOISES)
    named = "words, wild, white +0 dB"
    assert rows[f"{named}, audio: word error"].value == pytest.approx(40)
    assert rows[f"{named}, both: word error"].value == pytest.approx(10)
    assert rows[f"{named}: word error of both by that of audio"].value == pytest.approx(0.25)
    assert rows[f"{named}, audio: word error"].n == 2 * wild.DRAWS


def test_words_between_music_are_held_against_those_without(benchmark_script, monkeypatch):
    between, corpus = benchmark_script("word_music"), benchmark_script("corpus")
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    clip = media.Clip("made", np.zeros(0), [], sound, RATE, 0.5, None)
    heard = []

    def ask(clip, words):
        if clip.waveform is sound:
            gaps = [SimpleNamespace(heard_start=0.5, heard_end=0.7, status="unmatched_speech")]
            return SimpleNamespace(words=[SimpleNamespace(heard_start=0.7)], gaps=gaps)
        heard.append(clip)
        gaps = [
            SimpleNamespace(heard_start=-3.5, heard_end=0.7, status="silence"),
            SimpleNamespace(heard_start=0.9, heard_end=1.0, status="unmatched_speech"),  # within the clip
            SimpleNamespace(heard_start=1.4, heard_end=5.5, status="unmatched_speech"),
        ]
        return SimpleNamespace(words=[SimpleNamespace(heard_start=0.7 + 0.08 * (len(heard) % 2))], gaps=gaps)

    monkeypatch.setattr(between.media, "load", lambda path: clip)
    monkeypatch.setattr(between, "ask", ask)
    rows = between.measure([corpus.Spoken("a", Path("a"), ("one",), np.zeros((1, 2)))], [], "test")
    assert [(row.value, row.n) for row in rows] == [(0.5, 2), (0.0, 2), (0.5, 4)]
    for one in heard:
        assert one.audio_start == 0.5 - between.MUSIC_S
        start, end = round(between.MUSIC_S * RATE), round(between.MUSIC_S * RATE) + len(sound)
        np.testing.assert_array_equal(one.waveform[start:end], sound)
        for music in (one.waveform[:start], one.waveform[end:]):
            assert len(music) == start
            assert music.std() == pytest.approx(sound.std(), rel=0.01)


def test_passages_take_the_place_of_spoken_words(benchmark_script):
    passages = benchmark_script("word_passages")
    text = passages.passage(("a", "b", "c", "d"), ("x", "y"), 1, 2)
    assert text.words == ("a", "x", "y", "d")
    assert text.source == (0, None, None, 3)
    assert passages.passage(("a", "b"), (), 2, 0) == passages.Text(("a", "b"), (0, 1))
    assert passages.part(("a", "b"), ("x", "y", "z"), 1) == passages.Text(
        tuple("xabyz"), (None, 0, 1, None, None)
    )


def test_words_around_passages_are_held_against_the_truth(benchmark_script, monkeypatch):
    passages, corpus = benchmark_script("word_passages"), benchmark_script("corpus")
    spoken = [f"w{n}" for n in range(60)]
    starts = np.arange(60) / 2
    asked = []

    def ask(film, words):
        asked.append(words)
        if len(asked) == 2:
            return None
        return SimpleNamespace(words=[
            SimpleNamespace(
                heard_start=0.02 + starts[spoken.index(word)] if word in spoken else 0.0,
                status="not_spoken" if word in ("x0", "x3", "w0") else "aligned",
            )
            for word in words
        ])  # fmt: skip

    monkeypatch.setattr(passages.word_hour, "recording", lambda clips, seconds, path: (spoken, starts))
    monkeypatch.setattr(passages.media, "load", lambda path: None)
    monkeypatch.setattr(passages, "sound_of", lambda clip: clip)
    monkeypatch.setattr(passages, "ask", ask)
    monkeypatch.setattr(passages, "KINDS", ((6, 0), (6, 6)))
    monkeypatch.setattr(passages, "DRAWS", 2)
    monkeypatch.setattr(passages, "SCRIPT_WORDS", 18)
    clips = [corpus.Spoken("a", Path("a"), tuple(spoken[:6]), np.zeros((6, 2)))]
    others = [corpus.Spoken("b", Path("b"), tuple(f"x{n}" for n in range(6)), np.zeros((6, 2)))] * 3
    rows = passages.measure(clips, others, "test")
    assert [len(words) for words in asked] == [66, 66, 60, 60, 78, 78]
    assert [(row.value, row.n) for row in rows[:4]] == [(0.5, 120), (2 / 12, 12), (1 / 120, 120), (0.5, 2)]
    near, told, lost, refused = rows[4:8]
    assert (near.value, near.n) == (1.0, 108)
    assert (told.value, told.n) == (4 / 12, 12)
    assert lost.value <= 2 / 108
    assert refused.value == 0
    assert [(row.value, row.n) for row in rows[8:10]] == [(1.0, 120), (12 / 36, 36)]


def test_words_around_a_long_one_are_held_against_those_without(benchmark_script, monkeypatch):
    long, corpus = benchmark_script("word_long"), benchmark_script("corpus")

    def ask(_, words):
        if "c" in words:
            return None
        late = 0.1 if len(words) == 3 and words[1] == "12/31/2023" else 0.0
        return SimpleNamespace(words=[
            SimpleNamespace(
                heard_start=(word == "b") * 1.0 + late * (word == "b"),
                status="not_spoken" if len(word) > 1 or (late and word == "b") else "aligned",
            )
            for word in words
        ])  # fmt: skip

    monkeypatch.setattr(long.media, "load", lambda path: None)
    monkeypatch.setattr(long, "sound_of", lambda clip: clip)
    monkeypatch.setattr(long, "ask", ask)
    clips = [corpus.Spoken("a", Path("a"), ("a", "b"), np.zeros((2, 2)))]
    wild = [corpus.Wild("w", Path("w"), "P", 1.0, False, "b c")]
    near, lost, told, refused = long.measure(clips, [], "test")
    count = 2 * len(long.LONG)
    assert (near.value, near.n) == (pytest.approx(1 - 1 / count), count)
    assert (lost.value, told.value, refused.value) == (pytest.approx(1 / count), 1.0, 0.0)
    assert long.measure([], wild, "test") == []
