"""
The report of a run, written while the run goes on, so that a stopped run keeps what was done.

    a file               begun before the first image, rewritten whole, complete at the end
    -, pipes, devices    written once, at the end
"""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from convcli import io
from convcli.cli.streams import recognised
from convcli.errors import OutputError
from convcli.terminal import count

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from convcli.report import Item, Report

STANDARD = "-"
PAUSE = 1.0
"""Seconds at least from one writing to the next, as each writes the whole report."""


def _is_device(name: str) -> bool:
    return os.path.exists(name) and not os.path.isfile(name)  # noqa: PTH110, PTH113 - of any length


class Journal:
    """A report and where it goes; nowhere if the target is empty."""

    def __init__(self, record: Report, target: str, form: str, *, overwrite: bool) -> None:
        self.record = record
        self._target, self._form, self._overwrite = target, form, overwrite
        self._grows = target not in {"", STANDARD} and not _is_device(target)
        self._written = -math.inf

    def __enter__(self) -> Self:
        if self._grows:
            self._write()
        return self

    def note(self, item: Item) -> None:
        """Add an image; a report that cannot be written now is told of at the end."""
        self.record.items.append(item)
        if self._grows and time.monotonic() - self._written >= PAUSE:
            with suppress(OutputError):
                self._write()

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None and self._target:
            self._finish()
        elif self._grows:
            with suppress(OutputError):
                self._write()

    def _finish(self) -> None:
        try:
            self._write()
        except (OSError, OutputError) as error:
            known = recognised(error)
            if not isinstance(known, OutputError):
                raise
            raise OutputError(known.message + self._consolation(), known.hint) from error

    def _consolation(self) -> str:
        done = sum(item.status == "ok" for item in self.record.items)
        were = "was" if done == 1 else "were"
        return f"\n{count(done, 'image')} {were} written; the report was not." if done else ""

    def _write(self) -> None:
        text = self.record.text(self._form)
        if self._target == STANDARD:
            click.echo(text, nl=False)
        else:
            io.write_bytes(self._target, text.encode(), overwrite=self._overwrite)
        self._overwrite = self._overwrite or self._grows  # from now on it is ours
        self._written = time.monotonic()
