"""
What flows through a batch: inputs become tasks, tasks become items.

    words --inputs--> Input --targets--> Task --running--> (Task, Item, error)
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcli.io import Series
    from convcli.limits import Limits
    from convcli.run import Writing
    from convcli.spec import Job

STANDARD = "-"
"""What standard input and output are called."""


class Input(NamedTuple):  # not a record: 100 000 are made at once, and sent to other processes
    """
    A file to be read: its `path` as it is opened, `-` for standard input.

    `root` is the folder whose search found it, "" if it was named itself; `inside` the folders
    between that root and the file, "" at its top. `size` in bytes, -1 where nobody asked; `mtime`
    in nanoseconds since the epoch.
    """

    path: str
    root: str = ""
    inside: str = ""
    size: int = -1
    mtime: int = 0


class Task(NamedTuple):  # as above
    """
    One output to be made of one input: `number` counts from 1, `job` indexes Orders.jobs.

    A `series` is a file for each filter, called `target` together. `skip`: why nothing is to be
    done, as a sentence; empty where something is. `numbered`: what `target` was numbered since
    its name was taken, 2 and up, else 1.
    """

    number: int
    source: Input
    target: str
    job: int = 0
    overwrite: bool = False
    skip: str = ""
    series: Series | None = None
    numbered: int = 1

    @property
    def files(self) -> tuple[str, ...]:
        """Every file to be written; none of a series whose number is known only later."""
        return self.series.files if self.series else (self.target,)

    def moved(self, change: Callable[[str], str]) -> Task:
        """The task, each of whose files has the name that `change` makes of it."""
        if not self.series:
            return self._replace(target=change(self.target))
        files = tuple(map(change, self.series.files))
        called = change(self.target)
        series = replace(self.series, called=called, files=files)
        return self._replace(target=called, series=series)


def folders(tasks: Iterable[Task]) -> set[str]:
    """Where the files of tasks lie, or will: also those of a series whose number is not known."""
    return {os.path.dirname(name) for task in tasks for name in task.files or (task.target,)}


@record
class Orders:
    """
    What all tasks of a run share; sent to every worker once.

    `version` is convcli's. With `recorded` items hold what a later run needs to resume this one,
    with `checksum` the hash of their inputs, too. `exists` is a key of EXISTS.
    """

    jobs: tuple[Job, ...]
    limits: Limits
    writing: Writing
    version: str = ""
    recorded: bool = False
    checksum: bool = False
    exists: str = "error"

    def key(self, job: int) -> str:
        """16 hex digits that stand for all that decides the bytes of a job's results."""
        from convcli.batch.resume import job_key
        from convcli.frame import untold

        return job_key(self.jobs[job], replace(self.writing, tell=untold), self.version)
