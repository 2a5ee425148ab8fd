"""
A process that does tasks for a thread of another one: see `pools`.

    standard input      orders, then (task, crowd), (task, crowd) ...      pickled
    standard output     (item, error, traceback) ...                       pickled

It ends with its input, and at once, leaving nothing, when the process that asks is no more.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from convcli.batch.reuse import reuse_memory
from convcli.batch.running import attempt, shared
from convcli.errors import TERMINATED
from convcli.io.temporary import abandon

if TYPE_CHECKING:
    from types import FrameType

    from convcli.batch.running import Outcome
    from convcli.batch.task import Orders
    from convcli.errors import ConvError
    from convcli.report import Item


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    requests, replies = sys.stdin.buffer, _replies()
    with suppress(RuntimeError):  # no more threads: what is begun is finished for nobody, then
        threading.Thread(target=_watch, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        orders: Orders = pickle.load(requests)  # noqa: S301 - from the process that started this one
        reuse_memory(orders.limits)
        of = lru_cache(lambda crowd: shared(orders, crowd))
        while True:
            task, crowd = pickle.load(requests)  # noqa: S301 - as above
            pickle.dump(_explained(attempt(task, of(crowd))), replies)
            replies.flush()


def _replies() -> BinaryIO:
    """Standard output, for us alone: what a library prints there must not come between."""
    own = os.fdopen(os.dup(1), "wb")
    with suppress(OSError):  # there may be no standard error
        os.dup2(2, 1)
    return own


def _explained(outcome: Outcome) -> tuple[Item, ConvError | None, str]:
    """The traceback as text, too: exceptions leave theirs behind when they are pickled."""
    item, error = outcome
    if not error:
        return item, None, ""
    import traceback

    return item, error, "".join(traceback.format_exception(error))


def _leave(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # one more must not stop the cleaning up
    abandon()
    os._exit(TERMINATED)


def _watch() -> None:
    """Where the system tells that nobody will ask any more, do not even finish what is begun."""
    if not hasattr(select, "poll"):
        return
    waiting = select.poll()
    waiting.register(0, 0)  # that the other end was closed is told unasked
    waiting.poll()
    abandon()
    os._exit(0)
