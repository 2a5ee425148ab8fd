"""
SIGINT and SIGTERM to a process of our own: it leaves nothing half-written.

    at work                         KeyboardInterrupt, Terminated: whoever writes cleans up
    before, after                   the process ends at once
    while a module is imported      likewise

What an import raises may come out of it as something else, or not at all: NumPy's C makes an
ImportError of it, Python's `type` a RuntimeError, and whoever can do without the module goes on.

In somebody else's process, which calls `run`, they are exceptions wherever they come.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from convcli.errors import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object] | int | None


class Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt, no `except Exception` may stop it."""


LAST_WORDS = {
    INTERRUPTED: "Interrupted: nothing half-written was left.",
    TERMINATED: "Terminated: nothing half-written was left.",
}
"""What is said with an exit code."""

CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}

IMPORTING = "<frozen importlib._bootstrap>"
"""Where Python runs while it imports a module."""

_OURS = threading.Event()
"""Set once this process is known to be ours."""


def end_at_once() -> None:
    """From now on, when not at work; the process is ours."""
    _OURS.set()
    _handle(_end)


@contextmanager
def raising() -> Iterator[None]:
    """At work until the block ends: exceptions. Only the main thread can have it so."""
    before = _handle(_raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(handler: Handler) -> dict[signal.Signals, Handler]:
    """Set what handles both, unless somebody wants it otherwise, as `nohup`; what did so before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found: dict[signal.Signals, Handler] = {n: signal.getsignal(n) for n in CODES}
    usual = {signal.default_int_handler, signal.SIG_DFL, _end}
    before = {number: was for number, was in found.items() if was in usual}
    for number in before:
        signal.signal(number, handler)
    return before


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    if _OURS.is_set() and _imports(frame):
        _end(number, frame)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_IGN)  # a second one must not stop the cleaning up
    raise Terminated


def _imports(frame: FrameType | None) -> bool:
    """Whether Python is importing a module, at this frame of the stack or at one below."""
    while frame and frame.f_code.co_filename != IMPORTING:
        frame = frame.f_back
    return frame is not None


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End the process between any two steps: no stream may be touched that is perhaps in use."""
    code = CODES[signal.Signals(number)]
    if abandon := getattr(sys.modules.get("convcli.io.temporary"), "abandon", None):
        abandon()
    with suppress(OSError):
        os.write(2, f"{LAST_WORDS[code]}\n".encode())
    os._exit(code)
