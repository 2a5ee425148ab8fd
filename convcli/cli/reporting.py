"""--report, --resume and --checksum: the journal of a run, and what its end says."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from convcli import __version__, closing, terminal
from convcli.cli.options import option
from convcli.errors import UsageError
from convcli.forms import FORMS, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from convcli.batch.resume import Journalled, Resumption
    from convcli.batch.task import Orders, Task
    from convcli.journal import Journal
    from convcli.plan import Limits
    from convcli.run import Writing
    from convcli.spec import Job

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


class Reporting:
    """Where the report of a run goes, what it resumes, and what is said at its end."""

    def __init__(self, said: Reported, args: Sequence[str], *, overwrite: bool) -> None:
        """Refuse what can't be, and read the journal that is resumed."""
        from convcli.batch import resume

        self.resumed = said["resume"] or ""
        self.target = said["report"] or self.resumed
        self.checksum, self.overwrite = said["checksum"], overwrite
        self.goes_on = bool(self.resumed) and _same(self.target, self.resumed)
        self.report = Report(("convcli", *args), __version__)
        self._found: Journalled | None = None
        self._before: Resumption | None = None
        if self.resumed:
            resume.check_resumable(self.resumed)
            self._found = resume.read(self.resumed)

    def orders(self, jobs: tuple[Job, ...], limits: Limits, writing: Writing) -> Orders:
        """What all tasks share: with what the report needs of each."""
        from convcli.batch.task import Orders

        recorded = bool(self.target)
        return Orders(jobs, limits, writing, __version__, recorded, self.checksum)

    def resumption(self, orders: Orders) -> Resumption | None:
        """What is asked of every task before it is planned; None for a run that resumes nothing."""
        from convcli.batch.resume import Resumption, described

        if not self.target:
            return None
        keys = tuple(orders.key(number) for number in range(len(orders.jobs)))
        told = [described(job, orders.writing, orders.version) for job in orders.jobs]
        self.report.jobs = dict(zip(keys, told, strict=True))
        if self.resumed:
            checksum, retold = self.checksum, not self.goes_on
            self._before = Resumption(self._found, keys, checksum=checksum, retold=retold)
        return self._before

    def check(self, tasks: Iterable[Task]) -> None:
        """Refuse a report where an image is, or where none may be written."""
        if not self.target:
            return
        taken, streams = set(), False
        for task in tasks:
            taken |= {os.path.realpath(name) for name in (task.source.path, task.target)}
            streams = streams or task.target == STANDARD
        if os.path.realpath(self.target) in taken and (self.target != STANDARD or streams):
            raise UsageError(
                f"--report {self.target}: an image is there.",
                "Name another file: --report run.json",
            )
        _form(self.target)
        if self.target != STANDARD:
            from convcli.io import check_target

            check_target(self.target, overwrite=self.overwrite or self.goes_on)

    @contextmanager
    def journal(
        self, tasks: Collection[Task], folder: str, *, many: bool, quiet: bool
    ) -> Iterator[Journal]:
        """
        The journal that takes the items of `tasks`.

        With `many` stray files are swept first, and the lines said that a batch begins and ends
        with, unless `quiet`.
        """
        from convcli.batch.sweep import sweep
        from convcli.cli.streams import Terminated

        say = partial(_say, speaks=many and not quiet)
        with self._opened() as book:
            say(self._opening(sweep(tasks, self.target) if many else 0))
            self._count(book)
            total = self.report.summary.total + len(tasks)
            try:
                yield book
            except (KeyboardInterrupt, Terminated):
                say(closing.stopped(self.report.summary, total, self.report.command, self.target))
                raise
            summary, wall = self.report.summary, self.report.clock.wall
            say(closing.closing(summary, wall, self.report.command, self.target, folder))

    def _opened(self) -> Journal:
        from convcli.journal import Journal

        return Journal(
            self.report,
            self.target,
            _form(self.target),
            overwrite=self.overwrite,
            goes_on=self.goes_on,
            stream=sys.stdout if self.target == STANDARD else None,
        )

    def _count(self, book: Journal) -> None:
        """Count what an earlier run did; note it, where the journal is not the one that has it."""
        if self._before and self.goes_on:
            self.report.summary.skip(self._before.number)
        elif self._before:
            for item in self._before.items():
                book.note(item)

    def _opening(self, swept: int) -> Iterator[str]:
        """What is to be known before the work: what is resumed, and what was cleaned up."""
        if self._before and self._found is None:
            yield f"  {self.resumed} is not there yet: it begins now."
        elif self._before:
            yield f"  {self.resumed}: {terminal.count(self._before.number, 'image')} done before."
        if self._found and self._found.ignored:
            lines = terminal.count(self._found.ignored, "line")
            yield f"  {self.resumed}: {lines} of no JSON ignored."
        if swept:
            yield f"  {terminal.count(swept, 'temporary file')} of killed runs removed."


def _say(lines: Iterator[str], *, speaks: bool) -> None:
    if speaks:
        for line in lines:
            terminal.say(line, stream=sys.stderr)


def _form(target: str) -> str:
    if not target:
        return ""
    if target == STANDARD:
        return "json"
    form = Path(target).suffix.lower().removeprefix(".")
    if form not in FORMS:
        known = ", ".join(f".{form}" for form in FORMS)
        raise UsageError(f"--report {target}: not a form of report.", f"Known: {known}, and -")
    return form


def _same(one: str, other: str) -> bool:
    return one != STANDARD and os.path.realpath(one) == os.path.realpath(other)
