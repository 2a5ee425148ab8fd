"""
Many small things at once, all of which stay: inputs and tasks.

    made so far   1 2 4 8 ... 100 000     Python looks for cycles among them, again and again

There are none, and with all that a command has imported the search takes a fifth of the time in
which a hundred thousand files are found and named.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lasting() -> Iterator[None]:
    """No search for cycles of garbage until the block, or the function so decorated, ends."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
