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
    Numbers of tasks by the folded name of their target, of which there are no two.

    OutputError for two inputs of one target, UsageError for an input that is given twice.
    """
    taken: dict[str, int] = {}
    clashes = [
        (tasks[other - 1], task)
        for task in tasks
        if (other := taken.setdefault(folded(task.target), task.number)) != task.number
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
        folder = task.target.rpartition(os.sep)[0]
        while folder and folder not in checked:
            checked.add(folder)
            if other := taken.get(folded(folder)):
                raise OutputError(
                    f"{folder} would be a file and a folder:\n    {tasks[other - 1].source.path}"
                    f"\n    {task.source.path}",
                    "Give them different names: --name",
                )
            folder = folder.rpartition(os.sep)[0]


def _clash(
    one: Task, other: Task, more: int, form: Template | None, *, each: bool
) -> OutputError | UsageError:
    first, second = one.source, other.source
    if first.path == second.path and one.job == other.job:
        return UsageError(f"{first.path} is given twice.", "Name every input once.")
    what = "Two inputs" if first.path != second.path else "Two kernels"
    told = f"{what} would be written to {one.target}:\n    {first.path}\n    {second.path}"
    if one.target != other.target:
        told = (
            f"{what} would be written to names that are one file on many disks:"
            f"\n    {first.path} -> {one.target}\n    {second.path} -> {other.target}"
        )
    if more:
        told += f"\nand {more:,} more of the kind."
    return OutputError(told, _cure(one, other, each=each) if form else "Name one of them.")


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
            return f"Keep them apart: --name '{better}'; or name the folder that they lie in."
    return "Give them different names, or write them to different folders."
