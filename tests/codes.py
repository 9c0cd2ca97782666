"""Lips and sound of events that are told apart: every event has a vector of its own."""

import numpy as np

CODES = 250
SPOKEN = np.arange(CODES) / 25
"""Seconds: event n is seen here, has the lip vector e_n, and is heard `offset_ms` earlier."""
WIDTH = 0.2
"""Seconds from an event at which its sound has died away, along a parabola."""


def events(times):
    """(T, CODES) how near each time is to each event: 1 at its time, 0 from `WIDTH` on."""
    return np.maximum(1 - ((times[:, None] - SPOKEN) / WIDTH) ** 2, 0).astype(np.float32)
