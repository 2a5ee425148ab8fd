"""
The account of a run: where its report goes, which earlier run it goes on with.

    journal of an earlier run --resume--> what is done --> tasks that are left --> journal
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from convcli.batch.places import is_one_of
from convcli.batch.task import STANDARD
from convcli.errors import UsageError
from convcli.forms import FORMS, Report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import TextIO

    from convcli.batch.earlier import Journalled
    from convcli.batch.resume import Resumption
    from convcli.batch.task import Orders, Task
    from convcli.journal import Journal
    from convcli.limits import Limits
    from convcli.run import Writing
    from convcli.spec import Job


class Account:
    """
    The report of a run, begun by `command` of convcli `version`, to the file `report`.

    The run goes on with the journal `resume`, and there if no report is named.

    Without a report there are the sums alone. UsageError and InputError for what is no journal.
    """

    def __init__(  # noqa: PLR0913 - all that decides
        self,
        command: Sequence[str],
        version: str,
        *,
        report: str = "",
        resume: str = "",
        checksum: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.resumed, self.target = resume, report or resume
        self.checksum, self.overwrite = checksum, overwrite
        self.goes_on = bool(resume) and _same(self.target, resume)
        self.report = Report(tuple(command), version)
        self.found: Journalled | None = None
        self.before: Resumption | None = None
        self.swept = 0
        if resume:
            from convcli.batch.earlier import read
            from convcli.batch.resume import check_resumable

            check_resumable(resume)
            self.found = read(resume)

    def orders(
        self, jobs: tuple[Job, ...], limits: Limits, writing: Writing, exists: str
    ) -> Orders:
        """What all tasks share: with what the report needs of each."""
        from convcli.batch.task import Orders

        version, recorded = self.report.version, self.target != ""
        return Orders(jobs, limits, writing, version, recorded, self.checksum, exists)

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
            self.before = Resumption(self.found, keys, checksum=checksum, retold=retold)
        return self.before

    def check(self, tasks: Iterable[Task]) -> None:
        """Refuse a report where an image is, or where none may be written."""
        if not self.target:
            return
        if self._is_image(tasks):
            raise UsageError(
                f"--report {self.target}: an image is there.",
                "Name another file: --report run.json",
            )
        _form(self.target)
        if self.target != STANDARD:
            from convcli.io import check_target

            check_target(self.target, overwrite=self.overwrite or self.goes_on)

    def _is_image(self, tasks: Iterable[Task]) -> bool:
        if self.target == STANDARD:
            return any(task.target == STANDARD for task in tasks)
        names = (name for task in tasks for name in (task.source.path, *task.files))
        return is_one_of(self.target, names)

    @property
    def earlier(self) -> int:
        """How many of the tasks an earlier run did."""
        return self.before.number if self.before else 0

    @contextmanager
    def opened(self, tasks: Collection[Task], stream: TextIO | None = None) -> Iterator[Journal]:
        """
        The journal that takes the items of `tasks`; `stream` is what `-` means.

        Stray files of killed runs are swept first, where there are several tasks, or were.
        """
        from convcli.journal import Journal

        with Journal(
            self.report,
            self.target,
            _form(self.target),
            overwrite=self.overwrite,
            goes_on=self.goes_on,
            stream=stream,
        ) as book:
            self.swept = self._sweep(tasks)
            self._count(book)
            yield book

    def _sweep(self, tasks: Collection[Task]) -> int:
        from convcli.batch.sweep import sweep

        return sweep(tasks, self.target) if len(tasks) > 1 or self.resumed else 0

    def _count(self, book: Journal) -> None:
        """Count what an earlier run did; note it, where the journal is not the one that has it."""
        if self.before and self.goes_on:
            self.report.summary.skip(self.before.number)
        elif self.before:
            for item in self.before.items():
                book.note(item)


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
