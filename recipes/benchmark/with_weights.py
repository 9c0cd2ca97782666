"""avsync with other weights than those it ships, such as a checkpoint of a training that is still running.

python recipes/benchmark/with_weights.py FILE.safetensors offset talk.mp4
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from avsync import model, offset


@contextmanager
def using(weights: Path | None) -> Iterator[None]:
    """Inside this context `load_model` returns the model of `weights`; None leaves the shipped one.

    `offset` holds its own name of `load_model`, everything else asks `model` for it.
    """
    if weights is None:
        yield
        return
    chosen = model.read_model(weights)
    with (
        mock.patch.object(model, "load_model", return_value=chosen),
        mock.patch.object(offset, "load_model", return_value=chosen),
    ):
        yield


def main() -> int:
    from avsync import cli

    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with using(Path(sys.argv[1])):
        return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
