"""
What hostile kernel files cost, and what kernels list and show do: ms of a processor, peak in MB.

    python benchmarks/kernels.py [PART OF A NAME]

Times are medians of three, of processor time; memory is what Python allocates, counted in a run
of its own, because counting is slow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = (["list"], ["show", "sobel"], ["show", "gaussian:2"], ["check"], ["schema"])
RUNS = 3


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Median processor time in ms, and peak of memory in MB."""
    times = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        times.append(1000 * (time.process_time() - begun))
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return median(times), peak / 1e6


def hostile(part: str) -> None:
    """One line for each case, the slowest last."""
    from hostile_kernels import CASES

    from convcli.kernels import layers
    from convcli.kernels.library import Place, check_file, shipped_kernels

    places = [Place(shipped_kernels(), "shipped")]
    assert layers  # noqa: S101 - imported before anything is measured
    rows = []
    for name in (name for name in CASES if part in name):
        with tempfile.TemporaryDirectory() as folder:
            path = CASES[name].write(Path(folder))
            rows.append((*cost(partial(check_file, path, places)), name))
    print("    ms     MB  hostile file")
    for milliseconds, megabytes, name in sorted(rows):
        print(f"{milliseconds:6.1f} {megabytes:6.1f}  {name}")


def commands() -> None:
    """Whole commands, with the start of Python."""
    print("    ms     MB  command (peak of the whole process)")
    for words in COMMANDS:
        found = sorted(spent(words) for _ in range(RUNS))[RUNS // 2]
        print(f"{found[0]:6.1f} {found[1]:6.1f}  kernels {' '.join(words)}")


def spent(words: list[str]) -> tuple[float, float]:
    """Processor time in ms and peak in MB of one command, as its parent sees them."""
    line = [sys.executable, "-m", "convcli", "kernels", *words]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return 1000 * (usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 1000


if __name__ == "__main__":
    commands()  # first: the peak of a process begins with that of the one that started it
    hostile(sys.argv[1] if len(sys.argv) > 1 else "")
