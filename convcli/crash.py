"""
The full report of a bug, saved to a file that can be sent.

    exception  ->  /tmp/convcli-crash-xxxx.txt      one for each place that it comes from
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from pathlib import Path

from convcli.errors import ConvError

_SAVED: dict[tuple[object, ...], str] = {}
"""Reports that this process wrote: a bug that a hundred thousand images meet is told once."""

_ONE = threading.Lock()

_NO_THREAD = "can't start new thread"
"""All that Python says of it, by a RuntimeError as any other."""


def saved(error: BaseException, about: str = "") -> str:
    """The file with the traceback of `error`, and what it happened to: `about`."""
    place = _place(error)
    with _ONE:
        if place not in _SAVED:
            _SAVED[place] = _written(error, about)
        return _SAVED[place]


def as_error(error: BaseException, about: str = "") -> ConvError:
    """What is said of a bug: where its report is, and what to do with it; exit code 1."""
    if str(error) == _NO_THREAD:
        return ConvError(
            "The system lets no more threads start.",
            "Use fewer --jobs, end other programs, or allow more: see ulimit -u",
        )
    return ConvError(
        f"This is a bug in convcli ({type(error).__name__}). Full report: {saved(error, about)}",
        "Please send it with the output of: convcli info",
    )


def _place(error: BaseException) -> tuple[object, ...]:
    """The kind of the error, and the file and line that raised it."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ()
    return type(error), where


def _written(error: BaseException, about: str) -> str:
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    version = import_module(__package__ or "").__version__
    head = f"convcli {version}, Python {sys.version}\n{sys.argv}\n{about}\n\n"
    handle, name = tempfile.mkstemp(prefix="convcli-crash-", suffix=".txt")
    os.close(handle)
    Path(name).write_text(head + text, encoding="utf-8", errors="backslashreplace")
    return name
