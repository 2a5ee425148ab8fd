"""
How far a long image is, on a terminal: drawn after two seconds, gone when it is done.

    filtering  --------------------------          62 %  0:00:09
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

from convcli.terminal import draws

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress

PATIENCE = 2.0
"""Seconds that nobody needs to be told of."""

STEPS = 1000
"""Of the line, from start to end."""


class Bar:
    """
    Told shares of an image, 0 to 1, it draws them; a smaller share than before is another image.

    Nothing is drawn on what is no terminal, nor where `stream` is None.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream and draws(stream) else None
        self._start, self._share = time.monotonic(), 0.0
        self._drawn: Progress | None = None

    def __call__(self, share: float) -> None:
        """So much is done."""
        if self._stream is None:
            return
        if share < self._share:
            self._begin()
        self._share = share
        if self._drawn is None and time.monotonic() - self._start > PATIENCE and share < 1.0:
            self._drawn = _progress(self._stream, share)
        if self._drawn:
            self._drawn.update(self._drawn.task_ids[0], completed=STEPS * share)
        if share >= 1.0:
            self._begin()

    def _begin(self) -> None:
        """Take the line away; the next image begins now."""
        self._start, self._share = time.monotonic(), 0.0
        if self._drawn:
            self._drawn.stop()
            self._drawn = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: object, ___: TracebackType | None
    ) -> None:
        self._begin()


def _progress(stream: TextIO, share: float) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("filtering"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(file=stream), transient=True)
    progress.add_task("", total=STEPS, completed=round(STEPS * share))
    progress.start()
    return progress
