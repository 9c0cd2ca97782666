"""What a sample of a shard holds: from its bytes to a clip on one clock, and back.

| members | are |
|---|---|
| `.npz`, `NAME.npy` | arrays `frames`, `frame_times`, `waveform`, `audio_start`, `sample_rate` |
| `.npz` of `utterances` | a recorded sentence of the recipes |
| `.mp4`, `.mkv`, ... | a media file, read with its own times |
| `.wav`, `.flac`, ... | its sound, or that of the arrays |
| `.txt`, `.json` | the text; anything else that is known |
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from avsync.crop import ClipConfig
from avsync.data import Description, Sample
from avsync.entries import AUDIO, VIDEO, Entry
from avsync.errors import ConfigError, MediaError
from avsync.sources import Loaded, Source, Stretch
from avsync.speech import SAMPLE_RATE
from avsync.utterances import Utterance, load_utterance, save_utterance

OWN = "avsync"
"""What avsync itself writes into `.json` stands under this name, apart from what others write there."""

UTTERANCE = {"mouths": "frames", "times": "frame_times"}
"""Arrays of `utterances.save_utterance` by the name that they have in a clip."""


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one sample."""

    key: str
    source: str
    """Shard and first byte, for messages."""
    parts: Mapping[str, bytes]
    """Content of each member by its extension."""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.source}: sample {self.key}"


def to_utterance(record: Record) -> Utterance:
    """The utterance in a record; raises `MediaError` where there is none."""
    if "npz" not in record.parts:
        raise MediaError(f"{record.name} has no .npz (it has {_listed(record)}): it is no utterance.")
    try:
        _check_names(record, np.load(io.BytesIO(record.parts["npz"])).files)
        return load_utterance(io.BytesIO(record.parts["npz"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise MediaError(f"{record.name}: its .npz is damaged or no utterance ({error}).") from error


def to_source(record: Record, config: ClipConfig) -> tuple[Source, Description]:
    """The clip in a record, ready to be read, and what is known of it.

    Raises `MediaError` for damaged members, and for members that make no clip.
    """
    said = _json(record)
    own = said.pop(OWN, {})
    text = (
        record.parts["txt"].decode(errors="replace").strip()
        if "txt" in record.parts
        else said.get("text", "")
    )
    description = Description(
        key=own.get("key", record.key), start=own.get("start"), end=own.get("end"), text=str(text), meta=said
    )
    video = _member(record, VIDEO)
    sound = _member(record, AUDIO)
    arrays = _arrays(record)
    if not arrays and not video and not sound:
        raise MediaError(
            f"{record.name} holds no pictures and no sound that are understood ({_listed(record)})."
        )
    try:
        if not arrays:
            media = video or sound
            assert media is not None
            return config.open(media, sound if video else None, name=record.name), description
        whole = _stretch(record, arrays, config)
        if sound:
            heard = config.open(sound, name=record.name).read(-np.inf, np.inf)
            whole = Stretch(
                whole.frames, whole.frame_times, heard.waveform, heard.audio_start, heard.sample_rate
            )
    except MediaError as error:
        if record.name in str(error):
            raise
        raise MediaError(f"{record.name}: {error}") from error
    return Loaded(record.name, whole), description


def to_record(item: Sample | Utterance | Entry | Record) -> Record:
    """The bytes that hold an item; `to_source` (or `to_utterance`) gives it back.

    A dot in a key becomes %2E in the names of its members, for the key ends at the first dot there.
    """
    if isinstance(item, Record):
        return item
    if isinstance(item, Sample):
        return _record_of_sample(item)
    return _record_of_utterance(item) if isinstance(item, Utterance) else _record_of_entry(item)


def _record_of_sample(sample: Sample) -> Record:
    file = io.BytesIO()
    np.savez(
        file,
        frames=sample.frames.numpy(),
        frame_times=sample.frame_times.numpy(),
        waveform=sample.waveform.numpy(),
        audio_start=np.float64(sample.audio_start),
        sample_rate=np.int64(sample.sample_rate),
    )
    return _record(sample.key, {"npz": file.getvalue()}, sample.text, sample.meta, {})


def _record_of_utterance(utterance: Utterance) -> Record:
    file = io.BytesIO()
    save_utterance(utterance, file)
    key = f"{utterance.speaker}-{utterance.name}"
    meta = {"speaker": utterance.speaker}
    return _record(key, {"npz": file.getvalue()}, " ".join(utterance.words), meta, {})


def _record_of_entry(entry: Entry) -> Record:
    """The files of a clip as they are, its start and end beside them."""
    try:
        parts = {entry.path.suffix[1:].lower(): entry.path.read_bytes()}
        if entry.audio is not None:
            parts[f"audio{entry.audio.suffix.lower()}"] = entry.audio.read_bytes()
    except OSError as error:
        raise MediaError(f"{error.filename} cannot be read ({error.strerror}). Check the name.") from error
    times = {name: value for name, value in (("start", entry.start), ("end", entry.end)) if value is not None}
    return _record(entry.key, parts, entry.text, {"speaker": entry.speaker, **entry.meta}, times)


def _record(
    key: str, parts: dict[str, bytes], text: str, meta: Mapping[str, Any], times: dict[str, float]
) -> Record:
    own: dict[str, Any] = {"key": key, **times}
    if "npz" in parts:
        own["arrays"] = np.load(io.BytesIO(parts["npz"])).files
    try:
        said = json.dumps({**meta, OWN: own}, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"what is known of {key} cannot be written as JSON ({error}).") from error
    return Record(key.replace(".", "%2E"), key, {**parts, "txt": text.encode(), "json": said.encode()})


def _check_names(record: Record, names: list[str]) -> None:
    """Raise `MediaError` where arrays that were written are not there: their names have no checksum."""
    own = _json(record).get(OWN, {})
    missing = set(own.get("arrays", names)) - set(names)
    if missing:
        raise MediaError(f"{record.name}: its .npz is damaged ({', '.join(sorted(missing))} is missing).")


def _json(record: Record) -> dict[str, Any]:
    try:
        said = json.loads(record.parts.get("json", b"{}"))
    except ValueError as error:
        raise MediaError(f"{record.name}: its .json is damaged ({error}).") from error
    # A shard of others may hold any JSON, as a list of labels.
    return said if isinstance(said, dict) else {"json": said}


def _member(record: Record, suffixes: str) -> bytes | None:
    known = suffixes.split()
    found = [part for name, part in record.parts.items() if name.rsplit(".", 1)[-1] in known]
    if len(found) > 1:
        raise MediaError(f"{record.name} holds several files of one kind ({_listed(record)}). Keep one.")
    return found[0] if found else None


def _arrays(record: Record) -> dict[str, np.ndarray]:
    """All arrays of a record by the name that they have in a clip."""
    arrays: dict[str, np.ndarray] = {}
    for extension, content in record.parts.items():
        kind = extension.rsplit(".", 1)[-1]
        if kind not in ("npy", "npz"):
            continue
        try:
            loaded = np.load(io.BytesIO(content))
            if kind == "npy":
                arrays[extension.removesuffix("npy").rstrip(".") or "frames"] = loaded
            else:
                _check_names(record, loaded.files)
                arrays |= {name: loaded[name] for name in loaded.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise MediaError(f"{record.name}: its .{extension} is damaged ({error}).") from error
    if "word_times" in arrays:
        arrays = {UTTERANCE.get(name, name): array for name, array in arrays.items()}
        arrays["sample_rate"] = np.array(SAMPLE_RATE)
        arrays["waveform"] = arrays["waveform"].astype(np.float32) / 32767
    return arrays


def _stretch(record: Record, arrays: dict[str, np.ndarray], config: ClipConfig) -> Stretch:
    """Arrays as a clip, once they fit each other."""
    frames = arrays.get("frames", np.zeros((0, 0, 0), np.uint8))
    times = arrays.get("frame_times", np.zeros(0)).astype(np.float64)
    waveform = arrays.get("waveform", np.zeros(0, np.float32))
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or times.shape != frames.shape[:1]:
        raise MediaError(
            f"frames are {frames.dtype} {frames.shape} and frame_times {times.shape}. "
            "Write (T, H, W) or (T, H, W, 3) uint8 and (T,) seconds."
        )
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise MediaError("frame_times do not rise. Write the pictures in their order.")
    if waveform.ndim != 1 or waveform.dtype != np.float32:
        raise MediaError(f"the waveform is {waveform.dtype} {waveform.shape}. Write (N,) float32.")
    rate = int(arrays.get("sample_rate", config.sample_rate if not len(waveform) else 0))
    if rate != config.sample_rate:
        raise ConfigError(
            f"{record.name} has sound at {rate} Hz instead of {config.sample_rate} Hz. "
            "Give its rate in ClipConfig, or write the shard anew."
        )
    start = float(arrays.get("audio_start", times[0] if len(times) else 0.0))
    return Stretch(frames, times, waveform, start, rate)


def _listed(record: Record) -> str:
    return ", ".join(f".{name}" for name in record.parts)
