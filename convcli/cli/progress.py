"""
How far a run of many images is, on standard error.

    a terminal   filtering  ------------    412/1000 files  1.9 Gpx  230 Mpx/s  2 failed  0:00:09
    elsewhere    40 %: 400 of 1000 files, 1.9 Gpx, 230 Mpx/s, 2 failed, 0:00:09 left

A terminal has a line that is drawn anew, anything else a line every 10 %; FORCE_COLOR changes
nothing about it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from convcli.errors import INTERRUPTED, SOME_FAILED, TERMINATED
from convcli.terminal import count, draws, failure

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Drawn

    from convcli.batch.running import Ending
    from convcli.report import Item

FEW = 20
"""Images of which each is told in a line of its own; of more, how far the run is."""

STEPS = 10
"""Lines of a run where nothing can be drawn."""

STOPPED = {
    "interrupted": ("Interrupted", INTERRUPTED),
    "terminated": ("Terminated", TERMINATED),
    "fail-fast": ("Stopped at a failure", SOME_FAILED),
}
"""What is said of a run that was ended early, and its exit code."""

HOUR, MINUTE = 3600, 60


class Progress:
    """
    Told of items, it says how far their run of `total` images is; nothing where `stream` is None.

    With `talks` it speaks for images that went well, so that nobody else need do so.
    """

    def __init__(self, stream: TextIO | None, total: int) -> None:
        self._stream, self._total = stream, total
        self.talks = stream is not None and total > FEW
        self._start = time.monotonic()
        self._done = self._failed = self._told = 0
        self._megapixels = 0.0
        self._drawn: Drawn | None = None

    def begin(self, crew: str) -> None:
        """Say once who does the work; from now on time counts."""
        self._start = time.monotonic()
        if self.talks and crew:
            print(f"{count(self._total, 'image')}, {crew}", file=self._stream)
        if self.talks and self._stream and draws(self._stream):
            self._drawn = _drawn(self._stream, self._total)

    def note(self, item: Item) -> None:
        """One image more has been seen to."""
        self._done += 1
        self._failed += item.status == "failed"
        self._megapixels += item.megapixels if item.status == "ok" else 0.0
        if self._drawn:
            self._drawn.update(self._drawn.task_ids[0], completed=self._done, about=self._about())
        elif self.talks:
            self._line()

    def _line(self) -> None:
        step = STEPS * self._done // self._total
        if step > self._told:
            self._told = step
            share = 100 * self._done // self._total
            print(
                f"{share} %: {self._done} of {count(self._total, 'file')}, {self._about()},"
                f" {_clock(self._left())} left",
                file=self._stream,
            )

    def _about(self) -> str:
        """Megapixels, how many of them a second, failures if there are any."""
        taken = max(time.monotonic() - self._start, 1e-9)
        rate = f"{pixels(self._megapixels)}, {pixels(self._megapixels / taken)}/s"
        return f"{rate}, {self._failed} failed" if self._failed else rate

    def _left(self) -> float:
        """Seconds, were the rest like what is done."""
        taken = time.monotonic() - self._start
        return taken * (self._total - self._done) / max(self._done, 1)

    def end(self) -> None:
        """Take the drawn line away."""
        if self._drawn:
            self._drawn.stop()
            self._drawn = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: object, ___: TracebackType | None
    ) -> None:
        self.end()


def pixels(millions: float) -> str:
    """`0.52 Mpx`, `230 Mpx`, `1.9 Gpx`."""
    kilo = 1000.0
    number, unit = (millions / kilo, "Gpx") if millions >= kilo else (millions, "Mpx")
    return f"{number:.3g} {unit}" if number < kilo else f"{number:,.0f} {unit}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // HOUR}:{whole % HOUR // MINUTE:02d}:{whole % MINUTE:02d}"


def _drawn(stream: TextIO, total: int) -> Drawn:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("filtering"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        TextColumn("{task.fields[about]}"),
        TimeRemainingColumn(),
    )
    drawn = Progress(*columns, console=Console(file=stream), transient=True, redirect_stdout=False)
    drawn.add_task("", total=total, about="")
    drawn.start()
    return drawn


def stopped(ending: Ending, total: int, code: int) -> int:
    """What to end with: `code`, unless the run was ended early, of which is said what is left."""
    if not ending.why:
        return code
    word, ends = STOPPED[ending.why]
    done = f"{total - ending.left} of {count(total, 'image')} done"
    failure(f"{word}: {done}, {ending.left} left; nothing half-written was left.", "", sys.stderr)
    return ends
