"""
Memory that one file frees is what the next one takes.

    one file     samples in | samples out | written        freed
    the next     the same places                           not asked of the system again

The C library of GNU hands large pieces back to the system as soon as they are free, which then
clears them page by page for whoever asks next: 4 of 37 ms of a photograph of 2 megapixels, beside
its decoding, filtering and encoding.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING

from convcli.limits import allowed, available

if TYPE_CHECKING:
    from convcli.limits import Limits

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), as `malloc.h` numbers them."""

LARGEST = 32 << 20
"""
Bytes of a piece that is kept. The library raises its own limit to this if pieces so large are
freed, but no further; beyond, asking the system costs little beside the work.
"""

PART = 8
"""Of the memory that one of all files in work may take, a piece that is kept."""


def reuse_memory(limits: Limits) -> None:
    """
    Keep up to 64 MiB of what is freed for each thread, from now on, where the C library can.

    All threads together keep no more than a quarter of the memory that is allowed: what they keep
    is not there for a file that needs more than its share, and is done alone.

    It holds for the whole process, so that commands and processes of ours may say so, but not the
    functions of the library, whose caller has a process of its own.
    """
    with suppress(AttributeError, OSError, TypeError):  # another library, or none to be asked
        mallopt, largest = ctypes.CDLL(None).mallopt, LARGEST
        if most := available(limits):
            largest = min(largest, most // allowed(limits) // PART)
        mallopt(MMAP_THRESHOLD, largest)
        mallopt(TRIM_THRESHOLD, 2 * largest)
