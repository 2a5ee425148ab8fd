"""
The report of a run, written while the run goes on, so that a killed run keeps what was done.

    a file              begun before the first image; an item is in it as soon as it is done
    a pipe, a stream    the same pieces, one after the other; what closes them comes at the end

Nothing is kept but sums: 100 000 images take the memory of one. What can't be written (a full disk)
stops no image: it is told at the end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.forms import FORMS
from convcli.io.files import blamed
from convcli.io.growing import Growing

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO, Self, TextIO

    from convcli.forms import Report
    from convcli.report import Item

STANDARD = "-"


class Stream:
    """Standard output, a pipe or a device: pieces go there, tails do not."""

    def __init__(self, name: str, stream: TextIO | None) -> None:
        self._name = name
        with blamed(name):
            self._file: IO[str] = stream or open(name, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - kept open
        self._ours = stream is None

    def add(self, piece: bytes, tail: bytes = b"") -> None:  # noqa: ARG002 - as a file takes it
        """Write a piece at once."""
        with blamed(self._name):
            self._file.write(piece.decode())
            self._file.flush()

    def close(self) -> None:
        """Close what was opened here."""
        if self._ours:
            with suppress(OSError):
                self._file.close()


class Journal:
    """
    A report and where it goes: nowhere for "", `stream` for `-`.

    With `goes_on` the file is a journal of JSON lines that this run adds to.
    """

    def __init__(  # noqa: PLR0913 - all that decides
        self,
        report: Report,
        target: str,
        form: str,
        *,
        overwrite: bool = False,
        goes_on: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        self.report, self.target = report, target
        self._form = FORMS[form] if target else None
        self._overwrite, self._goes_on, self._stream = overwrite, goes_on, stream
        self._sink: Growing | Stream | None = None
        self._items = 0
        self._lost = 0
        self._trouble: OutputError | BrokenPipeError | None = None

    def __enter__(self) -> Self:
        if self._form:
            self._sink = self._opened(self._form.head(self.report).encode())
        return self

    def _opened(self, head: bytes) -> Growing | Stream:
        if self.target == STANDARD or _is_device(self.target):
            stream = Stream(self.target, self._stream if self.target == STANDARD else None)
            self._add(head, b"", stream)
            return stream
        if self._goes_on and os.path.exists(self.target):  # noqa: PTH110 - a name of any length
            return Growing.resumed(self.target, head)
        return Growing.begun(self.target, head, self._tail(), overwrite=self._overwrite)

    def note(self, item: Item) -> None:
        """Add an image to the sums, and to the file."""
        item.ended = self.report.clock.wall
        self.report.summary.add(item)
        if self._form and self._sink:
            piece = self._form.item(item, self._items == 0).encode()
            self._items += self._add(piece, self._tail(), self._sink)

    def _tail(self) -> bytes:
        return self._form.tail(self.report).encode() if self._form and self._form.closed else b""

    def _add(self, piece: bytes, tail: bytes, sink: Growing | Stream) -> bool:
        """Whether a piece could be written; if not, the first reason is kept."""
        try:
            sink.add(piece, tail)
        except (OutputError, BrokenPipeError) as error:
            self._trouble = self._trouble or error
            self._lost += 1
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._form is None or self._sink is None:
            return
        self._add(self._form.tail(self.report).encode(), b"", self._sink)
        self._sink.close()
        if kind is None and self._trouble:
            raise self._told(self._trouble)

    def _told(self, trouble: OutputError | BrokenPipeError) -> OutputError | BrokenPipeError:
        done = self.report.summary.counts["ok"]
        if not done or isinstance(trouble, BrokenPipeError):
            return trouble
        were = "image was" if done == 1 else "images were"
        missing = "the report was not" if not self._items else "not all of the report"
        return OutputError(
            f"{trouble.message}\n{done} {were} written; {missing}.",
            trouble.hint * (self.target != STANDARD),
            cause=trouble.cause,
        )


def _is_device(name: str) -> bool:
    return os.path.exists(name) and not os.path.isfile(name)  # noqa: PTH110, PTH113 - of any length
