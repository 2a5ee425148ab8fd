"""
Standard output and error as they are met: whole, full, closed, or gone.

    standard output full      OutputError, once
    standard output closed    OutputError, once somebody writes to it
    standard error either     nothing: what cannot be said changes no exit code

`settle` is for a process of our own; `run` may be called in somebody else's.
"""

from __future__ import annotations

import errno
import os
import sys
from io import FileIO, TextIOBase, TextIOWrapper
from typing import TYPE_CHECKING, NoReturn, cast

from convcli.errors import INTERRUPTED, TERMINATED, OutputError

if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer

UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""What writing to a stream fails with; opening a file has a name with it."""


class Closed(TextIOBase):
    """Standard output that the caller closed."""

    @property
    def closed(self) -> bool:
        """Whether it is: yes."""
        return True

    def isatty(self) -> bool:
        """No terminal."""
        return False

    def flush(self) -> None:
        """Nothing is held back."""

    def write(self, _: str) -> NoReturn:
        """Refuse, in words."""
        raise OutputError("Standard output is closed.", "Redirect it to a file, or to /dev/null.")


class Patient(FileIO):
    """Standard error that takes everything, also where nothing arrives."""

    def write(self, data: ReadableBuffer) -> int:
        """Write what can be written."""
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


def settle() -> None:
    """Make the streams of this process such that writing to them means what is said above."""
    if sys.stdout is None:
        os.open(os.devnull, os.O_WRONLY)  # or the next file that is opened would be the stream
        sys.stdout = cast("TextIO", Closed())
    elif isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - to the end
        return
    stream = Patient(sys.stderr.fileno(), "w", closefd=False)
    coding = sys.stderr.encoding
    sys.stderr = TextIOWrapper(stream, coding, "backslashreplace", line_buffering=True)


def drain() -> None:
    """Let what cannot be written not be tried again when the process ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(code: int) -> None:
    """
    End at once after Ctrl-C or SIGTERM: wait neither for threads that still filter nor for Python.

    Where text was compiled and run while Ctrl-C came, as for classes of records, Python would end
    itself by SIGINT, whatever the exit code.
    """
    if code not in {INTERRUPTED, TERMINATED}:
        return
    from convcli.io.temporary import abandon

    abandon()
    sys.stderr.flush()
    os._exit(code)


def recognised(error: BaseException) -> BaseException:
    """An OutputError for trouble with standard output, else the error itself."""
    if isinstance(error, OSError) and error.errno in UNWRITTEN and error.filename is None:
        return OutputError(f"Standard output: {error.strerror}.")
    return error
