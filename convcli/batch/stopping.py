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


class _Heed:
    """Who hears of the first signal, what signals did before, and the word of the one that came."""

    def __init__(self) -> None:
        found = {number: signal.getsignal(number) for number in SIGNALS}
        self.before = {number: handler for number, handler in found.items() if callable(handler)}
        self.stops: list[Callable[[str], None]] = []
        self.heard = ""

    def begin(self) -> None:
        for number in self.before:
            signal.signal(number, self._hear)

    def end(self) -> None:
        for number, handler in self.before.items():
            if signal.getsignal(number) == self._hear:  # the second one may have changed it
                signal.signal(number, handler)

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.end()
        self.heard = SIGNALS[signal.Signals(number)]
        for stop in reversed(self.stops):
            stop(self.heard)


_outermost: list[_Heed] = []


@contextmanager
def heeding(stop: Callable[[str], None]) -> Iterator[None]:
    """
    Call `stop` at the first signal; it runs between any two steps of the main thread.

    One within another hears of the same signal, also if that came before it began. A signal that is
    ignored, or that ends the process at once, stays so; other threads than the main one hear of
    none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _heed() as heed:
        heed.stops.append(stop)
        if heed.heard:
            stop(heed.heard)
        try:
            yield
        finally:
            heed.stops.remove(stop)


@contextmanager
def _heed() -> Iterator[_Heed]:
    """The outermost one: begun here, if none is."""
    if _outermost:
        yield _outermost[0]
        return
    heed = _Heed()
    _outermost.append(heed)
    heed.begin()
    try:
        yield heed
    finally:
        heed.end()
        _outermost.clear()
