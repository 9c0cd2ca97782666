"""avsync with other weights than those it ships, such as a checkpoint of a training that is still running.

python recipes/benchmark/with_weights.py FILE.safetensors offset talk.mp4
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from avsync import model, offset, phones, weightfile


@contextmanager
def using(weights: Path | None) -> Iterator[None]:
    """Inside this context the network of `weights` stands in for the shipped one of its kind, that of offsets
    and lips or that of phones; None leaves both.

    `offset` holds its own name of `load_model`, everything else asks `model` for it.
    """
    if weights is None:
        yield
        return
    fields, _ = weightfile.read(weights)
    with ExitStack() as stack:
        if "lips" in fields or "members" in fields:
            chosen = model.read_ensemble(weights)
            stack.enter_context(mock.patch.object(model, "load_model", return_value=chosen))
            stack.enter_context(mock.patch.object(offset, "load_model", return_value=chosen))
        else:
            heard = phones.read_phones(weights)
            stack.enter_context(mock.patch.object(phones, "load_phones", return_value=heard))
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
