"""Shards: what is written is read again, by webdataset too, at any place, and damage is named."""

import dataclasses
import io
import json
import os
import re
import tarfile

import numpy as np
import pytest
import torch
from flashbeep import find_beeps, read_number

from avsync import shards
from avsync.data import ClipConfig, ClipDataset, Entry, Sample, collate
from avsync.errors import ConfigError, MediaError
from avsync.features import LIP_POINTS, LipGrid
from avsync.loader import ClipLoader
from avsync.order import ClipSampler, OrderConfig
from avsync.shards import Record, ShardDataset, to_utterance, write
from avsync.tarindex import expand
from avsync.utterances import Utterance

SAME = ("frames", "frame_times", "waveform")


def sample(number=0, key=None, pictures=None):
    rng = np.random.default_rng(number)
    count = 20 + number if pictures is None else pictures
    frames = torch.from_numpy(rng.integers(0, 256, (count, 6, 8), dtype=np.uint8))
    waveform = torch.from_numpy(rng.normal(0, 0.1, 640 * count).astype(np.float32))
    times = 1.4 + torch.arange(count, dtype=torch.float64) / 25
    meta = {"speaker": f"s{number % 3}", "n": number, "ü": [1, 2.5, None]}
    return Sample(
        key or f"dir/clip{number:03d}", frames, times, waveform, 1.41, 16_000, f"text {number} é", meta
    )


def same(one, other):
    assert (one.key, one.text, one.meta, one.sample_rate) == (
        other.key,
        other.text,
        other.meta,
        other.sample_rate,
    )
    assert one.audio_start == other.audio_start
    for name in SAME:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype
        assert torch.equal(mine, theirs)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return write((sample(n) for n in range(10)), folder, per_shard=4)


def test_samples_survive_their_shards_in_any_order(packed):
    assert [path.name for path in packed] == [f"shard-{n:06d}.tar" for n in range(3)]
    clips = ShardDataset(packed)
    assert (len(clips), clips.shards) == (10, [4, 4, 2])
    for n in (7, 0, 9, 3, 4):
        same(clips[n], sample(n))
    with pytest.raises(IndexError, match="clip 10 of 10"):
        clips[10]


def test_equal_items_give_equal_bytes_and_files_are_not_overwritten(packed, tmp_path):
    again = write((sample(n) for n in range(10)), tmp_path, per_shard=4)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packed]
    with pytest.raises(MediaError, match=r"shard-000000\.tar exists"):
        write([sample()], tmp_path)
    write([sample(5)], tmp_path, overwrite=True)
    same(ShardDataset(tmp_path / "shard-000000.tar")[0], sample(5))  # the index of the old file is not used


def test_a_part_is_read_by_time(packed):
    clips, whole = ShardDataset(packed), sample(7)
    part = clips.at(7, 1.58, 2.0)
    inside = (whole.frame_times >= 1.58) & (whole.frame_times < 2.0)
    assert torch.equal(part.frames, whole.frames[inside])
    first, last = (int(np.ceil((time - 1.41) * 16_000 - 1e-3)) for time in (1.58, 2.0))
    assert torch.equal(part.waveform, whole.waveform[first:last])
    assert part.audio_start == pytest.approx(1.41 + first / 16_000)
    crops = ShardDataset(packed, ClipConfig(seconds=0.4, crop="centre", fps=50.0))
    assert crops[7].frames.shape == (20, 6, 8)
    assert (
        len(
            {
                clip.audio_start
                for clip in (ShardDataset(packed, ClipConfig(seconds=0.4))[n] for n in range(10))
            }
        )
        > 8
    )


def test_lengths_are_bytes_and_grow_with_the_clips(packed):
    lengths = ShardDataset(packed).lengths()
    assert (np.diff(lengths) > 48).all()
    assert lengths[0] > sample(0).frames.numel() + 4 * sample(0).waveform.numel()


def test_webdataset_reads_what_is_written(packed):
    webdataset = pytest.importorskip("webdataset")
    read = list(webdataset.WebDataset([str(path) for path in packed], shardshuffle=False).decode())
    assert len(read) == 10
    for number, theirs in enumerate(read):
        mine = sample(number)
        assert theirs["__key__"] == mine.key
        assert theirs["txt"] == mine.text
        assert theirs["json"]["n"] == number
        np.testing.assert_array_equal(theirs["npz"]["frames"], mine.frames.numpy())
        np.testing.assert_array_equal(theirs["npz"]["frame_times"], mine.frame_times.numpy())


def test_what_webdataset_writes_is_read(tmp_path, flash_and_beep):
    webdataset = pytest.importorskip("webdataset")
    truth, one = flash_and_beep("mp4"), sample(3)
    long = "a-very-long-folder/" * 8 + "clip-é"
    arrays = {f"{name}.npy": getattr(one, name).numpy() for name in SAME}
    arrays |= {"sample_rate.npy": np.array(16_000), "audio_start.npy": np.array(1.41)}
    with webdataset.TarWriter(str(tmp_path / "theirs-0.tar")) as sink:
        sink.write({"__key__": "arrays", **arrays, "json": {"text": "said", "n": 1}})
        sink.write({"__key__": long, "mp4": truth.path.read_bytes(), "txt": "two"})
    arrays, video = ShardDataset(tmp_path / "theirs-{0..0}.tar")
    assert (arrays.key, arrays.text, arrays.meta) == ("arrays", "said", {"text": "said", "n": 1})
    for name in SAME:
        assert torch.equal(getattr(arrays, name), getattr(one, name))
    assert (video.key, video.text) == (long, "two")
    assert [read_number(frame)[0] for frame in video.frames.numpy()] == list(range(60))


def test_media_files_are_packed_as_they_are_with_their_interval(tmp_path, flash_and_beep):
    truth = flash_and_beep("mp4")
    heard = flash_and_beep("wav", video=None, audio="pcm_s16le")
    entries = [
        Entry(key="v1.0/talk.b", path=truth.path, start=0.5, end=1.5, text="a b", speaker="s", meta={"x": 1}),
        Entry(key="apart", path=flash_and_beep("mp4", audio=None).path, audio=heard.path),
        Entry(key="sound", path=heard.path),
    ]
    write(entries, tmp_path)
    for mine, theirs in zip(ShardDataset(tmp_path / "*.tar"), ClipDataset(entries), strict=True):
        same(mine, theirs)
    clips = ShardDataset(tmp_path / "*.tar", ClipConfig(pixel_format="gray", height=32))
    part = clips.at(0, 0.9, 1.3)
    assert part.frames.shape == (10, 32, 64)
    np.testing.assert_allclose(find_beeps(part.waveform.numpy(), 16_000, part.audio_start), [1.12], atol=1e-3)


def utterance(number=0):
    rng = np.random.default_rng(number)
    mouths = rng.integers(0, 256, (30, 96, 96), dtype=np.uint8)
    points = rng.normal(size=(30, len(LIP_POINTS), 2)).astype(np.float32)
    lips = LipGrid(mouths, points, np.ones(30, bool), 0.3 + np.arange(30) / 25)
    waveform = np.rint(rng.uniform(-9000, 9000, 19_200)).astype(np.float32) / 32767
    return Utterance(
        f"u{number}", "s7", waveform, 0.28, ("bin", "blue"), np.array([[0.3, 0.6], [0.6, 1.1]]), lips
    )


def test_utterances_are_read_as_they_are_and_as_clips(tmp_path):
    write((utterance(n) for n in range(3)), tmp_path)
    clips = ShardDataset(tmp_path / "*.tar")
    before, after = utterance(2), to_utterance(clips.record(2))
    assert (after.name, after.speaker, after.words) == ("u2", "s7", ("bin", "blue"))
    np.testing.assert_array_equal(after.waveform, before.waveform)
    for field in dataclasses.fields(before.lips):
        np.testing.assert_array_equal(getattr(after.lips, field.name), getattr(before.lips, field.name))
    clip = clips[2]
    assert (clip.key, clip.text, clip.meta["speaker"]) == ("s7-u2", "bin blue", "s7")
    np.testing.assert_array_equal(clip.frames.numpy(), before.lips.mouths)
    np.testing.assert_array_equal(clip.waveform.numpy(), before.waveform)
    assert collate([clips[0], clip]).frames.shape == (2, 30, 96, 96)
    write([sample()], tmp_path / "other")
    with pytest.raises(MediaError, match=r"sample dir/clip000: its \.npz is damaged or no utterance"):
        to_utterance(ShardDataset(tmp_path / "other" / "*.tar").record(0))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker:UserWarning")
def test_batches_from_shards_are_the_same_for_any_number_of_workers(packed):
    def batches(workers, state=None):
        clips = ShardDataset(packed, ClipConfig(seconds=0.3))
        order = ClipSampler(
            10, OrderConfig(batch_size=3, window=2, seed=2), shards=clips.shards, lengths=clips.lengths()
        )
        loader = ClipLoader(clips, order, workers=workers)
        if state:
            loader.load_state_dict(state)
        read = [(batch.keys, batch.audio_start.tolist(), batch.frames.sum().item()) for batch in loader]
        return read, loader

    expected, loader = batches(0)
    for workers in (1, 2, 3):
        assert batches(workers)[0] == expected
    assert batches(2, {**loader.state_dict(), "epoch": 0, "done": 2})[0] == expected[2:]


# What is wrong with a shard.


def tar(path, members):
    with tarfile.open(path, "w") as out:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def shard(tmp_path):
    (path,) = write((sample(n, key=f"k{n}", pictures=2) for n in range(3)), tmp_path / "whole")
    with tarfile.open(path) as file:
        members = file.getmembers()
    return path, members


def test_a_shard_cut_anywhere_is_refused_with_its_byte(shard, tmp_path):
    path, members = shard
    content = path.read_bytes()
    broken = tmp_path / "cut.tar"
    ends = [member.offset_data + member.size for member in members]
    inside = {members[4].offset, members[4].offset + 100, members[4].offset_data, members[4].offset_data + 3}
    cuts = {0, 1, 511, 513, *inside, *ends, len(content) - 10_240, members[-1].offset_data + 512}
    for cut in sorted(cut for cut in cuts if cut < ends[-1]):
        broken.write_bytes(content[:cut])
        with pytest.raises(
            MediaError, match=r"cut\.tar (is damaged or truncated|is truncated|is no uncompressed)"
        ):
            ShardDataset(broken)
        assert not list(tmp_path.glob("*.index.json"))
    broken.write_bytes(content[: members[4].offset_data + 3])
    with pytest.raises(MediaError, match=rf"after byte {ends[4]} of {members[4].offset_data + 3}|breaks off"):
        ShardDataset(broken)


def test_a_damaged_header_is_not_taken_for_the_end(shard, tmp_path):
    path, members = shard
    content = bytearray(path.read_bytes())
    content[members[4].offset + 20] ^= 0xFF
    (tmp_path / "flip.tar").write_bytes(content)
    with pytest.raises(MediaError, match=rf"flip\.tar is damaged.* at byte {members[4].offset} of"):
        ShardDataset(tmp_path / "flip.tar")
    (tmp_path / "two.tar").write_bytes(path.read_bytes() * 2)
    with pytest.raises(MediaError, match=r"two\.tar is damaged, or several tar files in one"):
        ShardDataset(tmp_path / "two.tar")


def test_a_damaged_member_costs_its_clip_alone_and_is_never_taken_for_right(shard, tmp_path):
    path, members = shard
    content = bytearray(path.read_bytes())
    npz = next(member for member in members if member.name == "k1.npz")
    flipped, refused = tmp_path / "flip.tar", 0
    where = rf"flip\.tar at byte {npz.offset_data}: sample k1: "
    for place in range(npz.offset_data, npz.offset_data + npz.size, 29):
        content[place] ^= 0xFF
        flipped.write_bytes(content)
        content[place] ^= 0xFF
        clips = ShardDataset(flipped)
        try:
            read = clips[1]
        except MediaError as error:
            said = str(error)
            refused += 1
        else:
            said = where
            same(read, sample(1, key="k1", pictures=2))  # a byte that nothing depends on
        assert re.search(where, said) or said == where
        same(clips[2], sample(2, key="k2", pictures=2))
    assert refused > 0.8 * npz.size / 29
    skipping = ShardDataset(flipped, ClipConfig(on_error="skip"))
    content[npz.offset_data] ^= 0xFF
    flipped.write_bytes(content)
    with pytest.warns(UserWarning, match=f"clip 1 is skipped: .*{where}"):
        assert skipping[1] is None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.txt", b"1"), ("b.txt", b"2"), ("a.json", b"{}")], "sample a do not follow each other"),
        ([("a.txt", b"1"), ("a.TXT", b"2")], r"a\.TXT is there twice"),
        ([("README", b"1")], "holds no samples"),
    ],
)  # fmt: skip
def test_shards_that_are_not_in_order_are_refused(tmp_path, members, message):
    with pytest.raises(MediaError, match=message):
        ShardDataset(tar(tmp_path / "x.tar", members))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"txt": b"words"}, r"no pictures and no sound that are understood \(\.txt\)"),
        ({"npy": np.zeros((2, 4, 4), np.uint8)}, r"frames are uint8 \(2, 4, 4\) and frame_times \(0,\)"),
        (
            {"npy": np.zeros((2, 4), np.uint8), "frame_times.npy": np.arange(2.0)},
            r"frames are uint8 \(2, 4\)",
        ),
        ({"npy": np.zeros((2, 4, 4), np.uint8), "frame_times.npy": np.zeros(2)}, "frame_times do not rise"),
        ({"waveform.npy": np.zeros(9, np.int16)}, r"waveform is int16 \(9,\)"),
        ({"mp4": b"nothing"}, "cannot be read as media"),
        ({"mp4": b"a", "mkv": b"b"}, "several files of one kind"),
        ({"json": b"{", "mp4": b"a"}, "its .json is damaged"),
    ],
)
def test_samples_that_make_no_clip_are_named(tmp_path, parts, message):
    members = []
    for extension, content in parts.items():
        if isinstance(content, np.ndarray):
            file = io.BytesIO()
            np.save(file, content)
            content = file.getvalue()
        members.append((f"k.{extension}", content))
    clips = ShardDataset(tar(tmp_path / "x.tar", members))
    with pytest.raises(MediaError, match=rf"x\.tar at byte 512: sample k.*{message}"):
        clips[0]


def test_another_sample_rate_is_refused(packed):
    with pytest.raises(ConfigError, match=r"sound at 16000 Hz instead of 8000 Hz"):
        ShardDataset(packed, ClipConfig(sample_rate=8000))[0]


def test_keys_that_cannot_be_written_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ConfigError, match="'a' is there twice"):
        write([sample(key="a"), sample(key="a")], tmp_path)
    with pytest.raises(ConfigError, match=r"'a\.b' cannot name a member"):
        write([Record("a.b", "here", {"txt": b""})], tmp_path)
    with pytest.raises(ConfigError, match="what is known of a cannot be written as JSON"):
        write([dataclasses.replace(sample(key="a"), meta={"x": float("nan")})], tmp_path)
    with pytest.raises(ConfigError, match="per_shard 0"):
        write([], tmp_path, per_shard=0)
    assert list(tmp_path.iterdir()) == []


def test_the_index_is_kept_and_only_used_for_its_own_file(shard, monkeypatch):
    path, _ = shard
    beside = path.with_name(path.name + ".index.json")
    ShardDataset(path)
    assert json.loads(beside.read_text())["bytes"] == path.stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", None)  # not walked again
        same(ShardDataset(path)[2], sample(2, key="k2", pictures=2))
    beside.write_text("{")
    assert len(ShardDataset(path)) == 3
    os.utime(path, (1, 1))
    stale = beside.read_text()
    assert len(ShardDataset(path)) == 3
    assert beside.read_text() != stale


def test_shards_are_read_from_a_folder_that_cannot_be_written(shard, monkeypatch):
    path, _ = shard
    monkeypatch.setattr(
        "avsync.tarindex.atomic_path", lambda *_, **__: (_ for _ in ()).throw(MediaError("no"))
    )
    same(ShardDataset(path)[1], sample(1, key="k1", pictures=2))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_shard_that_changes_while_it_is_read_is_noticed(shard):
    path, members = shard
    clips = ShardDataset(path)
    assert clips[0].key == "k0"
    os.truncate(path, members[-1].offset_data)
    with pytest.raises(MediaError, match="breaks off: was it changed"):
        clips[2]


def test_patterns(tmp_path):
    for name in ("a-08.tar", "a-09.tar", "a-10.tar", "b-1.tar"):
        (tmp_path / name).touch()

    def names(pattern):
        return [path.name for path in expand(tmp_path / pattern)]

    assert names("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert names("{b-1,a-09}.tar") == ["b-1.tar", "a-09.tar"]
    assert names("{b,a}-*.tar") == ["b-1.tar", "a-08.tar", "a-09.tar", "a-10.tar"]
    assert names("a-{8..9}.tar") == ["a-8.tar", "a-9.tar"]
    with pytest.raises(MediaError, match=r"no file matches .*z\*\.tar"):
        names("z*.tar")
    with pytest.raises(MediaError, match=r"a-11\.tar cannot be read"):
        ShardDataset(tmp_path / "a-11.tar")


def test_every_public_name_is_there():
    assert all(hasattr(shards, name) for name in shards.__all__)
