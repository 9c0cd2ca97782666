"""The score of every lag as a picture (needs matplotlib, the extra `plot`)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from avsync.errors import MediaError
from avsync.media import atomic_path
from avsync.offset import Offset
from avsync.wording import badge


def require_matplotlib() -> None:
    """Raise `MediaError` with the cure where matplotlib is missing: asked before a long computation."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MediaError("--plot needs matplotlib, which is not installed. Run: pip install 'avsync[plot]'")


def plot_offset(offset: Offset, target: Path, *, title: str, overwrite: bool = False) -> None:
    """Write the score curve of `offset` as a PNG: the peak, its 95 % interval, its standard's limits."""
    require_matplotlib()
    # Not pyplot: it keeps global state and may look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
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
    with atomic_path(target, overwrite=overwrite) as temporary:
        # No software version in the file, so that it depends on the measurement alone.
        figure.savefig(temporary, format="png", metadata={"Software": None})
