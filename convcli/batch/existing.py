"""
What happens to a result whose file exists: EXISTS, one table of words and of what they do.

    error      nothing is done at all: every such file is found before any work
    skip       the file stays, its input is not read
    newer      replaced where the input is newer, else skipped
    rename     the result gets a name of its own: a-2.png
    overwrite  replaced
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.batch.places import Disk, folded
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.batch.task import Task


@record
class Rule:
    """One word of EXISTS: what the help says, and what becomes of a task."""

    about: str
    settle: Callable[[Task, Names], Task] | None


class Names:
    """Names that are taken: on the disk, or by other results."""

    def __init__(self, disk: Disk, planned: dict[str, int]) -> None:
        self._disk, self._planned = disk, planned

    def free(self, target: str, number: int) -> str:
        """The first of a-2.png, a-3.png ... that nothing has; it is taken from now on."""
        folder, name = os.path.split(target)
        stem, suffix = os.path.splitext(name)
        count = 2
        while self._taken(folder, f"{stem}-{count}{suffix}"):
            count += 1
        free = os.path.join(folder, f"{stem}-{count}{suffix}")
        self._planned[folded(free)] = number
        return free

    def _taken(self, folder: str, name: str) -> bool:
        planned = folded(os.path.join(folder, name)) in self._planned
        return planned or self._disk.kind(folder, name) != ""


def _skip(task: Task, _: Names) -> Task:
    return replace(task, skip=f"{task.target} exists")


def _newer(task: Task, _: Names) -> Task:
    try:
        written = os.stat(task.target).st_mtime_ns
    except OSError:  # a link that leads nowhere
        written = -1
    if task.source.mtime > written:
        return replace(task, overwrite=True)
    return replace(task, skip=f"{task.target} is not older than its input")


def _rename(task: Task, names: Names) -> Task:
    return replace(task, target=names.free(task.target, task.number))


def _overwrite(task: Task, _: Names) -> Task:
    return replace(task, overwrite=True)


EXISTS: dict[str, Rule] = {
    "error": Rule("stop before any work is done", None),
    "skip": Rule("keep the file, leave its input out", _skip),
    "newer": Rule("replace it if the input is newer, else skip", _newer),
    "rename": Rule("write beside it: a-2.png", _rename),
    "overwrite": Rule("replace it", _overwrite),
}
"""Every word of --exists."""
