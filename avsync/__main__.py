"""`python -m avsync` is the program `avsync`."""

import sys

from avsync.cli import main

if __name__ == "__main__":
    sys.exit(main())
