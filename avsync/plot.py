"""A measurement as a picture, scores of lags and offset over time. Needs matplotlib, the extra `plot`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsync.errors import MediaError
from avsync.media import atomic_path
from avsync.offset import Offset
from avsync.timeline import Timeline
from avsync.wording import badge, change_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_POINTS = 3
"""Shorter clips have no curve over time worth a picture."""
MARGIN_MS = 60.0
"""Room above and below the line of the offset over time."""


def require_matplotlib() -> None:
    """Raise `MediaError` with the cure where matplotlib is missing: asked before a long computation."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MediaError("--plot needs matplotlib, which is not installed. Run: pip install 'avsync[plot]'")


def plot_offset(offset: Offset, target: Path, *, title: str, overwrite: bool = False) -> None:
    """Write `offset` as a PNG: the scores of the lags, and below them, for clips of some length, the offset
    over time with its drift and steps. Shaded: the limits of its standard and the 95 % interval.
    """
    require_matplotlib()
    # Not pyplot: it keeps global state and may look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    line = offset.line
    over_time = line is not None and len(line.curve.times) >= LEAST_POINTS
    figure = Figure(figsize=(8, 7 if over_time else 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    rows = 2 if over_time else 1
    _scores(figure.add_subplot(rows, 1, 1), offset, title)
    if line is not None and over_time:
        _over_time(figure.add_subplot(rows, 1, 2), offset, line)
    with atomic_path(target, overwrite=overwrite) as temporary:
        # No software version in the file, so that it depends on the measurement alone.
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _scores(axes: Axes, offset: Offset, title: str) -> None:
    limits = offset.standard
    label = f"in sync ({limits.title})"
    axes.axvspan(limits.lag_ms, limits.lead_ms, color="tab:green", alpha=0.12, label=label)
    if len(offset.lags_ms):
        axes.plot(offset.lags_ms, offset.scores, color="tab:blue", label="score")
    if offset.ms is not None:
        axes.axvline(offset.ms, color="tab:red", label=badge(offset))
    if offset.ci_ms is not None:
        axes.axvspan(*offset.ci_ms, color="tab:red", alpha=0.2, label="95 % interval")
    axes.set(xlabel="offset (ms): audio lags < 0 < audio leads", ylabel="score", title=title)
    axes.legend(loc="upper right", fontsize="small")


def _over_time(axes: Axes, offset: Offset, line: Timeline) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.ticker import FuncFormatter

    limits = offset.standard
    axes.axhspan(limits.lag_ms, limits.lead_ms, color="tab:green", alpha=0.12)
    for number, piece in enumerate(line.pieces):
        times = np.array([piece.start, piece.end - 1e-6])
        middle, half = line.offset_at(times), line.plus_minus_at(times)
        axes.fill_between(times, middle - half, middle + half, color="tab:red", alpha=0.2, lw=0)
        label = change_text(line) if number == 0 else None
        axes.plot(times, middle, color="tab:red", label=label)
    for jump in line.jumps:
        axes.axvline(jump.time, color="tab:gray", ls=":")
    ms = np.concatenate([line.offset_at(np.array([piece.start, piece.end - 1e-6])) for piece in line.pieces])
    low, high = float(ms.min()) - MARGIN_MS, float(ms.max()) + MARGIN_MS
    inside = (line.curve.ms >= low) & (line.curve.ms <= high)
    shown = line.curve.ms.clip(low, high)
    for marker, part, name in (("o", inside, "2 to 4 s by themselves"), ("x", ~inside, "far off")):
        if part.any():
            blue = np.tile(to_rgba("tab:blue"), (int(part.sum()), 1))
            blue[:, 3] = line.curve.sure[part].clip(0.1, 1)  # pale where unsure
            axes.scatter(line.curve.times[part], shown[part], s=14, c=blue, marker=marker, label=name)
    axes.set(xlabel="time (min:s)", ylabel="offset (ms)", ylim=(low - 10, high + 10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{int(x // 60)}:{int(x % 60):02d}"))
    axes.legend(loc="best", fontsize="small")
