"""
Threads or processes: the words, and which of them is faster for a run.

    python benchmarks/batch.py --choose      measures what the rule says
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTO, THREADS, PROCESSES = "auto", "threads", "processes"

WORKERS = {
    AUTO: "whichever is faster for these files",
    THREADS: "of one process; start at once",
    PROCESSES: "one for each job; a crash costs one file",
}

SMALL = 64 << 10
"""
Bytes of a file, on average, below which Python, one thread at a time, is most of the work. On two
processors the command above gave seconds by threads and by processes, starting included:

    2000 of 64 x 64, png       8.28   6.31
    60 of 2 Mpx, jpg           1.66   1.92
    8 of 12 Mpx, png           2.31   2.60
"""

FEW = 2000
"""Small files from which on processes earn what starting them takes."""


def chosen(wish: str, sizes: Sequence[int], slots: int) -> str:
    """THREADS or PROCESSES for files of so many bytes each (-1: unknown), in work side by side."""
    if wish not in WORKERS:
        raise UsageError(f"--workers {wish}: not known.", f"Known: {', '.join(WORKERS)}")
    if wish != AUTO:
        return wish
    known = [size for size in sizes if size >= 0]
    small = len(known) >= FEW and sum(known) < SMALL * len(known)
    return PROCESSES if slots > 1 and small else THREADS
