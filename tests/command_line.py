"""What tests of the program share: a run whose output is read as JSON, and offsets for it to find."""

import dataclasses
import json

import numpy as np
import pytest

from avsync.cli import main
from avsync.offset import Offset, Segment

LAGS = np.arange(-1000.0, 1001.0, 10.0)
LEADING = Offset(
    118.42, (109.04, 127.46), 0.9712, "audio_leads", None, 3.14, LAGS, np.exp(-(((LAGS - 118) / 80) ** 2)),
    (Segment(0.0, 12.0004, 118.42, 0),),
)  # fmt: skip
IN_SYNC = dataclasses.replace(LEADING, ms=-0.04, ci_ms=(-9.0, 9.0), verdict="in_sync", drift_ppm=None)


def run_json(capsys, *words: str) -> tuple[int, list[dict]]:
    code = main(list(words))
    out = capsys.readouterr().out
    return code, [
        json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in out.splitlines()
    ]
