"""
Rows of a picture that come from the top down, while others work on those that are there.

    thread     work(tell):   tell(64)   tell(128)   ...   tell(480)
    anybody    arrival(100)  ------------> returns

`Ready` is what anybody sees of it: a function that returns once the first n rows are there.
"""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Ready: TypeAlias = Callable[[int], None]
    Tell: TypeAlias = Callable[[int], None]


def at_once(_: int) -> None:
    """All rows are there."""


class Stopped(BaseException):
    """What ends a work that nobody waits for any more; no decoder takes it for damage."""


class Arrival:
    """`work` in a thread of its own; it calls `tell(n)` as soon as the first n rows are there."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        self._changed = Condition()
        self._there = 0
        self._over = self._stopped = False
        self._error: BaseException = Stopped()
        self._thread = Thread(target=self._run, args=(work,))
        self._thread.start()

    def __call__(self, rows: int) -> None:
        """Wait for the first `rows` rows; raises what the work raised, if they never came."""
        with self._changed:
            self._changed.wait_for(lambda: self._there >= rows or self._over)
            if self._there < rows:
                raise self._error

    def stop(self) -> None:
        """Nobody waits any more: the work ends when it next tells of rows, and has ended then."""
        with self._changed:
            self._stopped = True
        self._thread.join()

    def _tell(self, rows: int) -> None:
        with self._changed:
            if self._stopped:
                raise Stopped
            self._there = rows
            self._changed.notify_all()

    def _run(self, work: Callable[[Tell], None]) -> None:
        try:
            work(self._tell)
        except BaseException as error:  # noqa: BLE001 - it is raised to whoever waits
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
