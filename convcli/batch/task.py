"""
What flows through a batch: inputs become tasks, tasks become items.

    words --inputs--> Input --targets--> Task --running--> (Task, Item, error)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.record import record

if TYPE_CHECKING:
    from convcli.plan import Limits
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
    """What all tasks of a run share; sent to every worker once."""

    jobs: tuple[Job, ...]
    limits: Limits
    writing: Writing
