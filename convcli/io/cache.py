"""
key -> value, made once however many threads ask, the oldest forgotten beyond so many bytes.

    get(7, make)   thread 1 makes it   |   thread 2 waits for it   |   later: it is there
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.io.image import Samples


class Cache:
    """Decoded parts of a file: arrays by their number, `limit` bytes of them at most."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self._lock = Lock()
        self._known: OrderedDict[int, Future[Samples]] = OrderedDict()

    def get(self, key: int, make: Callable[[int], Samples]) -> Samples:
        """`make(key)`, or what it gave before; what it raises reaches all who wait for it."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
        if found is None:
            return self._made(key, make)
        return found.result()

    def _made(self, key: int, make: Callable[[int], Samples]) -> Samples:
        mine: Future[Samples] = Future()
        with self._lock:
            promise = self._known.setdefault(key, mine)
        if promise is not mine:  # another thread was faster
            return promise.result()
        try:
            value = make(key)
        except BaseException as error:
            with self._lock:
                del self._known[key]
            mine.set_exception(error)
            raise
        mine.set_result(value)
        with self._lock:
            self.bytes += value.nbytes
            self._forget()
        return value

    def _forget(self) -> None:
        """The oldest go; those that are still being made count nothing yet, and stay."""
        for key in [key for key, made in self._known.items() if made.done()]:
            if self.bytes <= self.limit:
                return
            self.bytes -= self._known.pop(key).result().nbytes
