"""
SIGINT and SIGTERM while a run goes on: the first is a wish, the second an order.

    first     `stop` is called with a word of SIGNALS; what is in work may end
    second    what the signal did before: KeyboardInterrupt, or whatever the caller set up
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


@contextmanager
def heeding(stop: Callable[[str], None]) -> Iterator[None]:
    """
    Call `stop` at the first signal; it runs between any two steps of the main thread.

    A signal that is ignored, or that ends the process at once, stays so; other threads than the
    main one hear of none.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: handler for number, handler in found.items() if callable(handler)}

    def heed(number: int, _: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        stop(SIGNALS[signal.Signals(number)])

    for number in before:
        signal.signal(number, heed)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
