"""The fuzz: thousands of damaged files, each read in a process of its own and compared with its truth.

    python tests/fuzz.py --cases 2500 [--jobs 2] [--seed 0] [--only TEXT] [--keep FOLDER] [--list]

Each case must end in a `MediaError` of one line that names the file, or in a clip. Where pictures or sound of
the clip are not there or not at their time, a `UserWarning` must have said so. Counted apart is what no
reader could know: damage inside of a picture or of the sound that the codec does not notice (`content`), and
files that are in themselves consistent (`file says so`): FFmpeg reports nothing, not even in its log, and the
clip has the time stamps of the file's pictures. All else is a failure, kept in FOLDER; the exit code is 1.
"""

import argparse
import json
import multiprocessing
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from corruptions import Case, cases, odd_sounds
from fuzz_files import bases
from fuzz_oracle import Truth, Verdict, examine, truth_of

SECONDS_LIMIT = 30.0
MEMORY_LIMIT = 2 << 30
FAILURES = ("silent", "inconsistent", "message", "exception", "crash", "hang", "memory")


@dataclass
class Child:
    """A running case."""

    case: Case
    path: Path
    pid: int
    pipe: int
    started: float
    said: bytes = b""


def start(case: Case, truth: Truth, folder: Path) -> Child:
    """Read a case in a process of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / (case.name or f"case{Path(case.base).suffix}")
    path.write_bytes(case.data)
    listen, speak = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(listen)
        try:
            verdict = examine(path, truth)
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-3:]
            where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(last))
            verdict = Verdict("exception", [f"{type(error).__name__}: {error} ({where})"])
        os.write(speak, json.dumps([verdict.outcome, [w[:600] for w in verdict.words[:8]]]).encode()[:60_000])
        os._exit(0)
    os.close(speak)
    return Child(case, path, pid, listen, time.monotonic())


def finish(child: Child) -> Verdict | None:
    """The verdict of a child that has ended, or is ended here for hanging or for its memory."""
    if select.select([child.pipe], [], [], 0.005)[0]:
        piece = os.read(child.pipe, 65_536)
        if piece:
            child.said += piece
            return None
        _, status = os.waitpid(child.pid, 0)
        os.close(child.pipe)
        if os.WIFSIGNALED(status) or not child.said:
            return Verdict("crash", [f"signal {status & 127}"])
        return Verdict(*json.loads(child.said))
    pages = Path(f"/proc/{child.pid}/statm").read_text().split()[1]
    used = int(pages) * os.sysconf("SC_PAGE_SIZE")
    late = time.monotonic() - child.started > SECONDS_LIMIT
    if used > MEMORY_LIMIT or late:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        os.close(child.pipe)
        return Verdict("hang" if late else "memory", [f"{used >> 20} MB"])
    return None


def run(
    todo: Iterable[Case],
    truths: dict[str, Truth],
    folder: Path,
    jobs: int = 1,
    done: Callable[[Case, Verdict], None] = lambda case, verdict: None,
) -> list[tuple[Case, Verdict]]:
    """Read all cases, `jobs` at a time."""
    results: list[tuple[Case, Verdict]] = []
    running: list[Child] = []
    waiting = iter(todo)
    places = [folder / f"place{i}" for i in range(jobs)]
    while True:
        while len(running) < jobs and (case := next(waiting, None)):
            place = next(p for p in places if all(c.path.parent != p for c in running))
            running.append(start(case, truths[case.base], place))
        if not running:
            return results
        for child in list(running):
            verdict = finish(child)
            if verdict:
                running.remove(child)
                child.path.unlink(missing_ok=True)
                results.append((child.case, verdict))
                done(child.case, verdict)


def prepare(folder: Path, count: int, seed: int = 0, only: str = "") -> tuple[list[Case], dict[str, Truth]]:
    """The cases and the truths of their files.

    In a process of its own: a codec's threads do not outlive a fork, and the parent of all cases shall have
    had none.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        return pool.submit(_prepare, folder, count, seed, only).result()


def _prepare(folder: Path, count: int, seed: int, only: str) -> tuple[list[Case], dict[str, Truth]]:
    sources = bases(folder)
    odd = list(odd_sounds(folder))
    todo = [*cases(sources, count, seed), *(case for _, case in odd)]
    todo = [c for c in todo if only in f"{c.kind} {c.base}"]
    files = sources | {base.name: base for base, _ in odd}
    return todo, {name: truth_of(files[name], folder) for name in {c.base for c in todo}}


def table(results: list[tuple[Case, Verdict]]) -> str:
    """Outcomes by kind of damage."""
    outcomes = list(dict.fromkeys(["right", "error", "warned", *sorted({v.outcome for _, v in results})]))
    lines = [f"{'':28}" + "".join(f"{o:>16}" for o in outcomes)]
    for kind in [*dict.fromkeys(c.kind for c, _ in results), "all"]:
        count = Counter(v.outcome for c, v in results if kind in (c.kind, "all"))
        lines.append(f"{kind:28}" + "".join(f"{count[o] or '':>16}" for o in outcomes))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose kind and file hold this text")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"), help="folder of failing files")
    parser.add_argument("--list", default="", help="print the cases of this outcome too")
    given = parser.parse_args()

    def done(case: Case, verdict: Verdict) -> None:
        if verdict.outcome in FAILURES:
            given.keep.mkdir(exist_ok=True)
            name = f"{verdict.outcome}_{case.kind}_{case.detail}"[:100].replace("/", "_").replace(" ", "-")
            (given.keep / f"{name}_{case.base}").write_bytes(case.data)
        if verdict.outcome in FAILURES or (given.list and given.list in verdict.outcome):
            print(
                f"{verdict.outcome}: {case.base}, {case.kind}, {case.detail}: {'; '.join(verdict.words)}",
                flush=True,
            )

    with tempfile.TemporaryDirectory() as folder:
        todo, truths = prepare(Path(folder), given.cases, given.seed, given.only)
        print(f"{len(todo)} cases", flush=True)
        results = run(todo, truths, Path(folder), given.jobs, done)
    print(table(results))
    return int(any(v.outcome in FAILURES for _, v in results))


if __name__ == "__main__":
    sys.exit(main())
