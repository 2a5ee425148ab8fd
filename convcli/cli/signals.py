"""
SIGINT and SIGTERM to a process of our own: it leaves nothing half-written.

    at work                             KeyboardInterrupt, Terminated: whoever writes cleans up
    at work, after one of these         the process cleans up and ends at once
    before and after, and in imports    likewise

What an import raises may come out of it as something else, or not at all: NumPy's C makes an
ImportError of it, Python's `type` a RuntimeError, and whoever can do without the module goes on.
Elsewhere, too, an exception may become another: `Heard` tells that it was a signal.

In somebody else's process, which calls `run`, they are exceptions wherever they come.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from convcli.errors import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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

CURSOR = "\x1b[?25h"
"""Shows a terminal's cursor, which a bar hides."""


class Heard:
    """The exit code that goes with the signal which became an exception; 0 before any did."""

    code = 0


class _Process:
    """Whether this one is ours, and whether its last words were said."""

    ours = told = False


def end_at_once() -> None:
    """From now on, when not at work; the process is ours."""
    _Process.ours = True
    _handle(_end, {})


@contextmanager
def raising(heard: Heard) -> Iterator[None]:
    """At work until the block ends: exceptions. Only the main thread can have it so."""
    before: dict[signal.Signals, Handler] = {}

    def hear(number: int, frame: FrameType | None) -> NoReturn:
        if _Process.ours and _imports(frame):
            _end(number, frame)
        heard.code = CODES[signal.Signals(number)]
        if _Process.ours:
            _set(_end, before)
        elif number == signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)  # a second one must not stop the cleaning up
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    try:
        _handle(hear, before)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def last_words(code: int) -> str:
    """What is to be said now; a signal that comes later ends the process in silence."""
    _Process.told = True
    return LAST_WORDS[code]


def _handle(handler: Handler, before: dict[signal.Signals, Handler]) -> None:
    """Set what handles both, and note what did so `before`; what others want stays, as `nohup`."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in CODES:
        found: Handler = signal.getsignal(number)
        if found in (signal.default_int_handler, signal.SIG_DFL, _end):
            before[number] = found
            signal.signal(number, handler)


def _set(handler: Handler, numbers: Iterable[signal.Signals] = tuple(CODES)) -> None:
    for number in numbers:
        signal.signal(number, handler)


def _imports(frame: FrameType | None) -> bool:
    """Whether Python is importing a module, at this frame of the stack or at one below."""
    while frame and frame.f_code.co_filename != IMPORTING:
        frame = frame.f_back
    return frame is not None


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End the process between any two steps: no stream may be touched that is perhaps in use."""
    _set(signal.SIG_IGN)  # one more must not stop the cleaning up
    code = CODES[signal.Signals(number)]
    try:
        if abandon := getattr(sys.modules.get("convcli.io.temporary"), "abandon", None):
            abandon()
        _set(signal.SIG_DFL)  # but may stop the words, where nobody reads them
        if not _Process.told:
            os.write(2, f"{_new_line()}{LAST_WORDS[code]}\n".encode())
    finally:
        os._exit(code)


def _new_line() -> str:
    """What ends the line of a terminal that shows ^C, or a bar."""
    if not os.isatty(2):
        return ""
    return CURSOR * ("rich.progress" in sys.modules) + "\n"
