"""How many threads the program computes with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch and numpy compute with one thread; FFmpeg decodes and encodes with its own as before.

    The networks run on so few pictures at a time that a second thread saves next to nothing, while its
    waiting doubles the processor time, and far more on a busy machine. Sums also come out alike on machines
    with other numbers of cores. What is set belongs to the whole process, so the library leaves it alone:
    only the program does this.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
