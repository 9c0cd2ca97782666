"""Fixtures for all tests: rendered clips whose truth is known, and the real clips where they are at hand."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flashbeep import Truth, render


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


@pytest.fixture(scope="session")
def real_media() -> Path:
    """The folder of real clips."""
    folder = os.environ.get("AVSYNC_DATA")
    if not folder:
        pytest.skip("AVSYNC_DATA is not set: no real clips")
    if not Path(folder, "grid").is_dir():
        pytest.skip(f"AVSYNC_DATA={folder} holds no real clips")
    return Path(folder)
