"""
What flows through a batch: inputs become tasks, tasks become items.

    words --inputs--> Input --targets--> Task --running--> (Task, Item, error)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.record import record

if TYPE_CHECKING:
    from convcli.limits import Limits
    from convcli.run import Writing
    from convcli.spec import Job

STANDARD = "-"
"""What standard input and output are called."""


@record
class Input:
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


@record
class Task:
    """
    One output to be made of one input: `number` counts from 1, `job` indexes Orders.jobs.

    `skip`: why nothing is to be done, as a sentence; empty where something is.
    """

    number: int
    source: Input
    target: str
    job: int = 0
    overwrite: bool = False
    skip: str = ""


@record
class Orders:
    """
    What all tasks of a run share; sent to every worker once.

    `version` is convcli's. With `recorded` items hold what a later run needs to resume this one,
    with `checksum` the hash of their inputs, too.
    """

    jobs: tuple[Job, ...]
    limits: Limits
    writing: Writing
    version: str = ""
    recorded: bool = False
    checksum: bool = False

    def key(self, job: int) -> str:
        """16 hex digits that stand for all that decides the bytes of a job's results."""
        from convcli.batch.resume import job_key
        from convcli.frame import untold

        return job_key(self.jobs[job], replace(self.writing, tell=untold), self.version)
