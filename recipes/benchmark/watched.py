"""A program in a process of its own, and what it took."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

WATCH = """
import json, os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen([sys.executable, *sys.argv[1:]])
_, status, used = os.wait4(child.pid, 0)
wall = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
print(f"\\n{json.dumps([code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024])}", flush=True)
"""
"""A small process between this one and the program: what a process takes counts from the moment it is split
off, when it still has the memory of its parent."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a program took."""

    wall_s: float
    cores_s: float
    """Processor time of all cores."""
    memory_mb: float
    """Largest resident memory."""
    told: str
    """The last line that it printed."""


def run(arguments: Sequence[str]) -> Cost:
    """Run Python with these arguments. Errors: RuntimeError for another exit code than 0 and 3."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    *told, used = (line for line in done.stdout.splitlines() if line)
    code, wall_s, cores_s, memory_mb = json.loads(used)
    if code not in (0, 3):
        raise RuntimeError(f"{' '.join(arguments)} ended with exit code {code}.")
    return Cost(wall_s, cores_s, memory_mb, told[-1])
