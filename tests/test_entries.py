"""Lists of clips: what is read from folders and manifests, and what each mistake is answered."""

import json
from pathlib import Path

import pytest

from avsync.entries import Entry, from_folder, from_manifest
from avsync.errors import ConfigError, MediaError


@pytest.fixture
def folder(tmp_path):
    for name in ("b/two.mkv", "a one.MP4", "b/three.wav", "b/notes.md", "b/.hidden.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "b" / "two.txt").write_text("place blue\n", "utf-8")
    return tmp_path


def manifest(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_folder_gives_its_media_sorted_with_the_text_beside_them(folder):
    entries = from_folder(folder)
    assert [(entry.key, entry.text) for entry in entries] == [
        ("a one", ""),
        ("b/three", ""),
        ("b/two", "place blue"),
    ]
    assert entries[2].path == folder / "b" / "two.mkv"
    assert [entry.key for entry in from_folder(folder, "**/*.mkv")] == ["b/two"]


def test_a_folder_without_media_or_with_one_key_twice_is_refused(folder):
    with pytest.raises(MediaError, match=r"no media that match \*\.xyz"):
        from_folder(folder, "*.xyz")
    with pytest.raises(MediaError, match=r"nowhere is no folder"):
        from_folder(folder / "nowhere")
    (folder / "b" / "two.mp4").write_bytes(b"x")
    with pytest.raises(MediaError, match=r"two\.mkv and two\.mp4, which share the key b/two"):
        from_folder(folder)


ROWS = [
    {"path": "b/two.mkv", "start": 1.5, "end": 2.25, "text": 'a, "b"\nc', "speaker": "s1", "take": "7"},
    {"path": "a one.MP4", "audio": "b/three.wav"},
    {"path": "b/two.mkv", "key": "own"},
]
CSV = (
    "path,start,end,text,speaker,take,audio,key\n"
    'b/two.mkv,1.5,2.25,"a, ""b""\nc",s1,7,,\n'
    "a one.MP4,,,,,,b/three.wav,\n\nb/two.mkv,,,,,,,own\n"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", CSV),
        ("m.csv", "\ufeff" + CSV.replace("\n\n", "\r\n\r\n")),
        ("m.tsv", CSV.replace('"a, ""b""\nc"', '"a; ""b""\nc"').replace(",", "\t").replace(";", ",")),
        ("m.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
    ],
)  # fmt: skip
def test_manifests_of_every_kind_say_the_same(folder, name, text):
    first, second, third = from_manifest(manifest(folder, name, text))
    assert first == Entry(
        key="b/two-1500-2250", path=folder / "b" / "two.mkv", start=1.5, end=2.25, text='a, "b"\nc',
        speaker="s1", meta={"take": "7"},
    )  # fmt: skip
    assert (second.key, second.start, second.audio) == ("a one", None, folder / "b" / "three.wav")
    assert (third.key, third.path) == ("own", folder / "b" / "two.mkv")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "", "line 1: the columns are missing"),
        ("m.csv", "file,text\nx,y\n", "line 1: the columns are file, text. Give each .* `path`"),
        ("m.csv", "path,path\nx,y\n", "line 1: the columns are path, path"),
        ("m.csv", "path,text\nb/two.mkv,a,b\n", "line 2: 3 fields instead of 2"),
        ("m.csv", 'path,text\nb/two.mkv,"a\n', "line 2: unexpected end of data"),
        ("m.csv", "path,start\nb/two.mkv,\nb/two.mkv,soon\n", "line 3: start 'soon' is no time"),
        ("m.csv", "path,start\nb/two.mkv,nan\n", "line 2: start 'nan' is no time"),
        ("m.csv", "path,start,end\nb/two.mkv,2,1\n", "line 2: .* ends at 1.0 s and starts at 2.0 s"),
        ("m.csv", "path,text\n,a\n", "line 2: there is no path"),
        ("m.csv", "path\nnone.mp4\n", "line 2: .*none.mp4 does not exist"),
        ("m.csv", "path,audio\nb/two.mkv,no.wav\n", "line 2: .*no.wav does not exist"),
        ("m.csv", "path\nb/two.mkv\nb/two.mkv\n", "line 3: the key b/two was there in line 2"),
        ("m.csv", "path\n", "lists no clips"),
        ("m.jsonl", '{"path": "b/two.mkv"}\n{"path": \n', "line 2: no JSON"),
        ("m.jsonl", "[1]\n", "line 1: .* is no object"),
        ("m.jsonl", '{"path": 3}\n', "line 1: path is 3. Give it as text"),
        ("m.jsonl", '{"path": "b/two.mkv", "start": true}\n', "line 1: start True is no time"),
        ("m.txt", "b/two.mkv\n", "is no manifest that is understood"),
    ],
)
def test_mistakes_are_named_with_file_and_line(folder, name, text, message):
    path = manifest(folder, name, text)
    with pytest.raises(MediaError, match=message) as caught:
        from_manifest(path)
    assert str(caught.value).startswith(str(path))


def test_files_need_not_be_there_yet(folder):
    path = manifest(folder, "m.csv", "path\nlater.mp4\n")
    assert from_manifest(path, check_files=False)[0].path == folder / "later.mp4"


def test_a_manifest_that_is_no_text_is_refused(folder):
    (folder / "m.csv").write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(MediaError, match=r"m\.csv is not UTF-8 text .* at byte 5"):
        from_manifest(folder / "m.csv")
    with pytest.raises(MediaError, match=r"no\.csv cannot be read"):
        from_manifest(folder / "no.csv")


def test_an_entry_without_length_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="k ends at 1 s and starts at 1 s"):
        Entry(key="k", path=tmp_path, start=1, end=1)


def test_names_of_files_become_paths():
    entry = Entry(key="k", path="talk.mp4", audio="talk.wav")
    assert (entry.path, entry.audio) == (Path("talk.mp4"), Path("talk.wav"))
    assert Entry(key="k", path=Path("talk.mp4")).audio is None
