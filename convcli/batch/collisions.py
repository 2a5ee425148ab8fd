"""
Two inputs, one target: refused, with both named and the template that would keep them apart.

Names that differ in case or in Unicode form only are one file on many disks; a target is also in
the way of another that needs a folder of its name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.batch.naming import of_input, template
from convcli.batch.places import folded
from convcli.errors import OutputError, UsageError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.batch.naming import Template
    from convcli.batch.task import Task

_APART = (
    "{dir}/{name}.{ext}",
    "{root}/{dir}/{name}.{ext}",
    "{dir}/{name}-{inext}.{ext}",
    "{dir}/{index:04d}-{name}.{ext}",
)
"""Templates that keep apart what another does not, the plainest first."""


def check_shared(tasks: Sequence[Task], form: Template | None, *, each: bool) -> dict[str, int]:
    """
    Numbers of tasks by the folded names of their files, of which there are no two.

    OutputError for two inputs of one target, UsageError for an input that is given twice.
    """
    taken: dict[str, int] = {}
    clashes = [
        (_Claim(tasks[other - 1], name), _Claim(task, name))
        for task in tasks
        for name in task.files
        if (other := taken.setdefault(folded(name), task.number)) != task.number
    ]
    if clashes:
        raise _clash(*clashes[0], len(clashes) - 1, form, each=each)
    if form:
        _check_folders(tasks, taken)
    return taken


def _check_folders(tasks: Sequence[Task], taken: dict[str, int]) -> None:
    """No target may be a folder that another one needs."""
    checked = set()
    for task in tasks:
        for name in task.files:
            folder = name.rpartition(os.sep)[0]
            while folder and folder not in checked:
                checked.add(folder)
                if other := taken.get(folded(folder)):
                    raise OutputError(
                        f"{folder} would be a file and a folder:"
                        f"\n    {tasks[other - 1].source.path}\n    {task.source.path}",
                        "Give them different names: --name",
                    )
                folder = folder.rpartition(os.sep)[0]


@record
class _Claim:
    """A task, and which of its files it is about: the one that folds to the same name."""

    task: Task
    name: str

    @property
    def file(self) -> str:
        return next(name for name in self.task.files if folded(name) == folded(self.name))


def _clash(
    one: _Claim, other: _Claim, more: int, form: Template | None, *, each: bool
) -> OutputError | UsageError:
    first, second = one.task.source, other.task.source
    if first.path == second.path and one.task.job == other.task.job:
        return UsageError(f"{first.path} is given twice.", "Name every input once.")
    what = "Two inputs" if first.path != second.path else "Two kernels"
    told = f"{what} would be written to {one.file}:\n    {first.path}\n    {second.path}"
    if one.file != other.file:
        told = (
            f"{what} would be written to names that are one file on many disks:"
            f"\n    {first.path} -> {one.file}\n    {second.path} -> {other.file}"
        )
    if more:
        told += f"\nand {more:,} more of the kind."
    cure = _cure(one.task, other.task, each=each) if form else "Name one of them."
    return OutputError(told, cure)


def _cure(one: Task, other: Task, *, each: bool) -> str:
    """The plainest template that gives both a name of their own."""
    suffixes = [os.path.splitext(task.target)[1][1:] for task in (one, other)]
    for text in _APART:
        filled = [
            folded(template(text).fill(of_input(task.source, task.number, suffix)))
            for task, suffix in zip((one, other), suffixes, strict=True)
        ]
        if filled[0] != filled[1]:
            better = text.replace("{name}", "{name}-{kernel}") if each else text
            better = better.replace(".{ext}", "-{filter}.{ext}") if one.series else better
            return f"Keep them apart: --name '{better}'; or name the folder that they lie in."
    return "Give them different names, or write them to different folders."
