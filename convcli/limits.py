"""
What a job may use of the machine, said or found: an engine, threads, bytes, pixels.

    said or of the machine  --/ crowd-->  the share of one image
"""

from __future__ import annotations

import os

from convcli.errors import UsageError
from convcli.record import record

AUTO = "auto"

SHARE = 0.5
"""Share of the machine's memory that a job may take unless told otherwise."""


@record
class Limits:
    """
    What a job may use: an engine by name or `auto`, threads, bytes, pixels.

    `crowd`: how many images are in work at once, each with its share of the threads and bytes. One
    that needs more than its share is TooLarge, never read in parts: alone it may fit.
    """

    engine: str = AUTO
    jobs: int | None = None
    memory: int | None = None
    max_pixels: int | None = 250_000_000
    crowd: int = 1


def allowed(limits: Limits) -> int:
    """Threads that may run for an image: a share of as many as was said, else of processors."""
    if limits.jobs is not None and limits.jobs < 1:
        raise UsageError(f"--jobs {limits.jobs}: not possible.", "Give at least 1.")
    return max(1, (limits.jobs or cores()) // limits.crowd)


def available(limits: Limits) -> int | None:
    """A share of the bytes that were allowed, else of half of the machine's, where it tells."""
    if limits.memory:
        return max(1, limits.memory // limits.crowd)
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return int(SHARE * whole) // limits.crowd
    except (AttributeError, ValueError, OSError):
        return None


def cores() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def words(size: int) -> str:
    """Bytes as `--memory` reads them."""
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return str(size)
