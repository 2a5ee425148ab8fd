"""
What lies where results are to go, and what becomes of it by the rules of `existing`.

    tasks --existing--> {number: files that are there} --settled_by(rule)--> tasks
"""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from convcli.batch.existing import EXISTS
from convcli.errors import THERE, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from convcli.batch.existing import Names
    from convcli.batch.places import Disk, Kept
    from convcli.batch.resume import Resumption
    from convcli.batch.task import Task

    Existing = Mapping[int, Sequence[str]]

_SHOWN = 3
"""Files that a message names before it counts the rest."""


def ours(there: Sequence[str], task: Task, before: Resumption | None) -> bool:
    """Whether all files that exist were written by a run that was killed before it noted it."""
    return before is not None and bool(there) and all(before.ours(name, task) for name in there)


def existing(
    tasks: Sequence[Task], disk: Disk, before: Resumption | None
) -> tuple[list[Task], Existing]:
    """
    The tasks, and for the numbers of some what of their files is there. OutputError where none can
    be.

    What a run that was killed wrote and had no time to note is replaced.
    """
    found, folders = dict[int, list[str]](), set[str]()
    settled: list[Task] = []
    for task in tasks:
        there = [name for name in task.files if _is_there(name, task, disk, folders)]
        if there and ours(there, task, before):
            task = task._replace(overwrite=True)  # noqa: PLW2901 - the same, told more of
        elif there:
            found[task.number] = there
        settled.append(task)
    return settled, found


def _is_there(name: str, task: Task, disk: Disk, folders: set[str]) -> bool:
    """Whether a file is there; OutputError for a folder, and where none can be; see `existing`."""
    folder, _, base = name.rpartition(os.sep)
    folder = folder or os.sep
    kind = disk.kind(folder, base)
    if folder not in folders:
        disk.check_folder(folder)
        folders.add(folder)
    if kind == "folder":
        raise OutputError(
            f"{name} is a folder, and the result of {task.source.path} would be a file of this"
            " name.",
            "Name another folder: -o, or another --name.",
        )
    return kind != ""


def settled_by(
    exists: str, tasks: list[Task], existing: Existing, names: Names, kept: Kept
) -> list[Task]:
    """The tasks, where those whose target exists are dealt with by the rule."""
    if not existing:
        return tasks
    if exists != "rename":
        _check_kept(tasks, existing, kept)
    settle = EXISTS[exists].settle
    if settle is None:
        there = list(chain.from_iterable(existing.values()))
        raise _exist(there, sum(len(task.files) for task in tasks))
    return [settle(task, names) if task.number in existing else task for task in tasks]


def halves(tasks: Iterable[Task], existing: Existing) -> Iterator[str]:
    """Results that are left out, although they are not whole."""
    left = [t for t in tasks if t.skip and 0 < len(existing.get(t.number, ())) < len(t.files)]
    if left:
        yield (
            f"left out though only some of their files exist: {left[0].target}"
            + f" and {len(left) - 1:,} more" * (len(left) > 1)
            + "; --exists newer or overwrite makes them whole"
        )


def _check_kept(tasks: Iterable[Task], existing: Existing, kept: Kept) -> None:
    pairs = ((task, name) for task in tasks for name in existing.get(task.number, ()))
    for task, name in pairs:
        other = kept.behind(name)
        if not other:
            continue
        if other == task.source.path:
            raise OutputError(
                f"{name} is the input itself; it would be lost.",
                "Name another folder: -o results/, or say --in-place.",
            )
        raise OutputError(
            f"The result of {task.source.path} would replace an input:\n    {name}",
            "Write into another folder: -o results/; or --exclude the results of an earlier run.",
        )


def _exist(targets: Sequence[str], number: int) -> OutputError:
    cure = "Use --exists overwrite, skip, newer or rename."
    if len(targets) == 1:
        return OutputError(f"{targets[0]} exists.", cure, cause=THERE)
    shown = "".join(f"\n    {target}" for target in targets[:_SHOWN])
    more = f"\n    and {len(targets) - _SHOWN:,} more" * (len(targets) > _SHOWN)
    return OutputError(
        f"{len(targets):,} of {number:,} results exist:{shown}{more}", cure, cause=THERE
    )
