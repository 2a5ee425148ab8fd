"""--report, --resume and --checksum: the journal of a run, and what its end says."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from convcli import __version__, closing, terminal
from convcli.batch.account import Account
from convcli.cli.options import option
from convcli.forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from convcli.batch.task import Task
    from convcli.journal import Journal

Function = TypeVar("Function", bound="Callable[..., Any]")

STANDARD = "-"


class Reported(TypedDict):
    """The options of what is written about a run."""

    report: str | None
    resume: str | None
    checksum: bool


def reporting(function: Function) -> Function:
    """`--report`, `--resume` and `--checksum`, in this order."""
    for decorate in (_checksum, _resume, _report):
        function = decorate(function)
    return function


_report = option(
    "Output",
    "--report",
    metavar="FILE|-",
    help=f"Write what happened to a file of {', '.join('.' + form for form in FORMS)}; - prints"
    " JSON.",
)
_resume = option(
    "Output",
    "--resume",
    metavar="FILE",
    help="Leave out what the journal FILE (.jsonl, by --report) says is done, and go on in it.",
)
_checksum = option(
    "Output",
    "--checksum",
    is_flag=True,
    help="Note the SHA-256 of inputs, and resume by it, not by size and time.",
)


class Reporting(Account):
    """The account of a run of the command line: what is said before and after."""

    def __init__(self, said: Reported, args: Sequence[str], *, overwrite: bool) -> None:
        """Refuse what can't be, and read the journal that is resumed."""
        super().__init__(
            ("convcli", *args),
            __version__,
            report=said["report"] or "",
            resume=said["resume"] or "",
            checksum=said["checksum"],
            overwrite=overwrite,
        )
        self.halted = False

    @contextmanager
    def journal(
        self, tasks: Collection[Task], folder: str, *, many: bool, quiet: bool
    ) -> Iterator[Journal]:
        """
        The journal that takes the items of `tasks`.

        With `many` the lines are said that a batch begins and ends with, unless `quiet`; how to go
        on, where by the end it is `halted`.
        """
        from convcli.cli.signals import Terminated

        say = partial(_say, speaks=many and not quiet)
        with self.opened(tasks, sys.stdout if self.target == STANDARD else None) as book:
            say(self._opening())
            total = self.report.summary.total + len(tasks)
            try:
                yield book
            except (KeyboardInterrupt, Terminated):
                say(closing.stopped(self.report.summary, total, self.report.command, self.target))
                raise
            if self.halted:
                say(closing.going_on(self.report.command, self.target))
                return
            summary, wall = self.report.summary, self.report.clock.wall
            say(closing.closing(summary, wall, self.report.command, self.target, folder))

    def _opening(self) -> Iterator[str]:
        """What is to be known before the work: what is resumed, and what was cleaned up."""
        if self.before and self.found is None:
            yield f"  {self.resumed} is not there yet: it begins now."
        elif self.before:
            yield f"  {self.resumed}: {terminal.count(self.before.number, 'image')} done before."
        if self.found and self.found.ignored:
            lines = terminal.count(self.found.ignored, "line")
            yield f"  {self.resumed}: {lines} of no JSON ignored."
        if self.swept:
            yield f"  {terminal.count(self.swept, 'temporary file')} of killed runs removed."


def _say(lines: Iterator[str], *, speaks: bool) -> None:
    if speaks:
        for line in lines:
            terminal.say(line, stream=sys.stderr)
