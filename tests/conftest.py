"""Fixtures for all tests: rendered clips whose truth is known, and the real clips where they are at hand."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flashbeep import Truth, render
from recipe_files import scripts

import avsync
from avsync import sample


@pytest.fixture(scope="session")
def flash_and_beep(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Truth]:
    """`flash_and_beep("mp4", audio="aac", ...)`: a rendered clip; equal calls share one file."""
    folder = tmp_path_factory.mktemp("clips")
    rendered: dict[str, Truth] = {}

    def clip(suffix: str = "mp4", **how: Any) -> Truth:
        key = f"{suffix} {sorted(how.items())}"
        if key not in rendered:
            rendered[key] = render(folder / f"clip{len(rendered)}.{suffix}", **how)
        return rendered[key]

    return clip


@pytest.fixture(scope="module")
def benchmark_script() -> Iterator[Callable[[str], ModuleType]]:
    """Loads a script of recipes/benchmark."""
    with scripts("benchmark") as load:
        yield load


@pytest.fixture
def clip(flash_and_beep, tmp_path, monkeypatch) -> str:
    """A file of its own in the working folder, for tests of the program: a flash and a beep."""
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(flash_and_beep().path.read_bytes())
    return "clip.mp4"


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory) -> dict[float, tuple[Path, avsync.SampleTruth]]:
    """The talking head, sentence 1, at the offsets 0, +120 and -333 ms: file and truth.

    Drawing is most of the work; the pictures do not depend on the offset and are drawn once.
    """
    folder = tmp_path_factory.mktemp("talks")
    draw = sample._pictures
    drawn = functools.cache(lambda *key: tuple(draw(*key)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "_pictures", lambda *key: iter(drawn(*key)))
        paths = {ms: folder / f"talk{ms:+.0f}.mp4" for ms in (0.0, 120.0, -333.0)}
        return {ms: (path, sample.render_sample(path, offset_ms=ms)) for ms, path in paths.items()}


@pytest.fixture(scope="session")
def real_media() -> Path:
    """The folder of real clips."""
    folder = os.environ.get("AVSYNC_DATA")
    if not folder:
        pytest.skip("AVSYNC_DATA is not set: no real clips")
    if not Path(folder, "grid").is_dir():
        pytest.skip(f"AVSYNC_DATA={folder} holds no real clips")
    return Path(folder)
