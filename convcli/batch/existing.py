"""
What happens to a result whose file exists: EXISTS, one table of words and of what they do.

    error      nothing is done at all: every such file is found before any work
    skip       the file stays, its input is not read
    newer      replaced where the input is newer, else skipped
    rename     the result gets a name of its own: a-2.png
    overwrite  replaced

Where another run writes into the same folder, a file may appear once all were looked for: then the
result of `skip` and `newer` is thrown away, that of `rename` gets another name, else it has failed.

Files that belong together, one for each filter, are one result: it exists where any of them does,
and is as old as the oldest; of one that is missing, older than all.
"""

from __future__ import annotations

import itertools
import os
from functools import partial
from typing import TYPE_CHECKING

from convcli.batch.places import Disk, folded
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcli.batch.task import Task


@record
class Rule:
    """
    One word of EXISTS: what the help says, and what becomes of a task.

    `late`: what is tried, one after the other, where the file came once tasks were settled.
    """

    about: str
    settle: Callable[[Task, Names], Task] | None
    late: Callable[[Task], Iterable[Task]]


class Names:
    """Names that are taken: on the disk, or by other results."""

    def __init__(self, disk: Disk, planned: dict[str, int]) -> None:
        self._disk, self._planned = disk, planned

    def there(self, task: Task) -> list[str]:
        """Those of a task's files that exist."""
        return [name for name in task.files if self._disk.kind(*os.path.split(name))]

    def free(self, task: Task) -> Task:
        """The task with the first of a-2.png, a-3.png ... that nothing has, all its files alike."""
        for count in itertools.count(2):
            free = task.moved(partial(beside, count=count))._replace(numbered=count)
            if not any(map(self._taken, free.files)):
                break
        self._planned.update((folded(name), task.number) for name in free.files)
        return free

    def _taken(self, name: str) -> bool:
        return folded(name) in self._planned or self._disk.kind(*os.path.split(name)) != ""


def beside(target: str, count: int, before: int = 1) -> str:
    """`out/a.png` -> `out/a-2.png`, and with `before` 2 `out/a-2.png` -> `out/a-3.png`."""
    folder, name = os.path.split(target)
    stem, suffix = os.path.splitext(name)
    if before > 1:
        stem = stem.removesuffix(f"-{before}")
    return os.path.join(folder, f"{stem}-{count}{suffix}")


def _skip(task: Task, names: Names) -> Task:
    there = names.there(task)
    if len(there) < len(task.files):
        said = f"{len(there)} of its {len(task.files)} files exist, as {there[0]} does"
        return task._replace(skip=f"{said}; --exists newer or overwrite makes them whole")
    return task._replace(skip=f"{task.target} exists")


def _newer(task: Task, _: Names) -> Task:
    if task.source.mtime > min(map(_written, task.files)):
        return task._replace(overwrite=True)
    return task._replace(skip=f"{task.target} is not older than its input")


def _written(name: str) -> int:
    try:
        return os.stat(name).st_mtime_ns
    except OSError:  # one of several that is missing, or a link that leads nowhere
        return -1


def _rename(task: Task, names: Names) -> Task:
    return names.free(task)


def _overwrite(task: Task, _: Names) -> Task:
    return task._replace(overwrite=True)


def _fail_late(_: Task) -> Iterable[Task]:
    return ()


def _skip_late(task: Task) -> Iterable[Task]:
    there = next(filter(os.path.lexists, task.files), task.target)
    yield task._replace(skip=f"{there} appeared meanwhile")


def _rename_late(task: Task) -> Iterable[Task]:
    for count in itertools.count(task.numbered + 1):
        yield task.moved(partial(beside, count=count, before=task.numbered))


EXISTS: dict[str, Rule] = {
    "error": Rule("stop before any work is done", None, _fail_late),
    "skip": Rule("keep the file, leave its input out", _skip, _skip_late),
    "newer": Rule("replace it if the input is newer, else skip", _newer, _skip_late),
    "rename": Rule("write beside it: a-2.png", _rename, _rename_late),
    "overwrite": Rule("replace it", _overwrite, _fail_late),
}
"""Every word of --exists."""
