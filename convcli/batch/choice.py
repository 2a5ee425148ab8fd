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

FEW = 100
"""Files from which on processes earn what their start takes."""


def chosen(wish: str, sizes: Sequence[int], slots: int) -> str:
    """THREADS or PROCESSES for files of so many bytes each (-1: unknown), in work side by side."""
    if wish not in WORKERS:
        raise UsageError(f"--workers {wish}: not known.", f"Known: {', '.join(WORKERS)}")
    if wish != AUTO:
        return wish
    return PROCESSES if slots > 1 and len(sizes) >= FEW else THREADS
