"""
Tasks for inputs that come one after the other, each checked against all that came before.

    inputs --settle, together or alone--> tasks, and what is refused with its error

What a batch finds out at once, before any work, shows here only in time: that two inputs have one
target, that a result would be an input.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.batch.naming import EACH, KEPT, for_each, template
from convcli.batch.places import Disk, folded
from convcli.batch.targets import check_spared, settle
from convcli.batch.task import STANDARD, Task
from convcli.errors import ConvError, OutputError, UsageError
from convcli.io import has_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.batch.targets import Wanted
    from convcli.batch.task import Input
    from convcli.spec import Job

    Refused = list[tuple[Input, ConvError]]


def check_place(roots: Sequence[str], wanted: Wanted) -> None:
    """
    OutputError for results that would be watched, UsageError for what makes no sense here.

    A folder of results inside a watched one would feed itself; one that holds it does not.
    """
    if wanted.in_place:
        raise UsageError("--watch --in-place would filter results again.", "Say -o FOLDER.")
    if wanted.out == STANDARD or os.path.isfile(wanted.out):
        raise UsageError(
            f"--watch needs a folder for results, not '{wanted.out}'.", "Say -o results/"
        )
    made = for_each(wanted.name or EACH) if wanted.each else template(wanted.name or KEPT)
    if "index" in made.fields:
        raise UsageError(
            "--watch knows no {index}: which file is the first would differ from run to run.",
            "Use {name}, {inext}, {date} or {hash}.",
        )
    Disk().check_folder(wanted.out.rstrip("/" + os.sep) or os.sep)
    for root in roots:
        if _within(wanted.out, root):
            raise OutputError(
                f"{wanted.out} lies in {root}, which is watched: results would be filtered again.",
                "Name a folder outside: -o results/",
            )


def _within(name: str, folder: str) -> bool:
    whole, above = os.path.realpath(name), os.path.realpath(folder)
    return whole == above or whole.startswith(os.path.join(above, ""))


class Coming:
    """What came so far: targets, and which input each belongs to; none may be a file of `kept`."""

    def __init__(
        self, roots: Sequence[str], wanted: Wanted, jobs: Sequence[Job], kept: Sequence[str] = ()
    ) -> None:
        self._roots, self._wanted, self._jobs, self._kept = (
            roots,
            wanted,
            jobs,
            list(filter(None, kept)),
        )
        self._owners: dict[str, str] = {}
        self._came: set[str] = set()

    def tasks(self, inputs: Sequence[Input]) -> tuple[list[Task], Refused]:
        """Their tasks, and those inputs that have none, because of which error."""
        try:
            return self._checked(inputs), []
        except ConvError:
            return self._apart(inputs)

    def _apart(self, inputs: Sequence[Input]) -> tuple[list[Task], Refused]:
        """Each for itself, where one stands in the way of all."""
        tasks: list[Task] = []
        refused: Refused = []
        for source in inputs:
            try:
                tasks += self._checked([source])
            except ConvError as error:
                refused.append((source, error))
        return tasks, refused

    def _checked(self, inputs: Sequence[Input]) -> list[Task]:
        # A folder, also before it is there, and where one input has come.
        wanted = replace(self._wanted, out=os.path.join(self._wanted.out, ""))
        found = settle(inputs, wanted, self._jobs).tasks
        for task in found:
            self._check(task)
        self._owners |= {folded(name): task.source.path for task in found for name in task.files}
        wished = [self._anew(task) for task in found]
        self._came.update(source.path for source in inputs)
        return wished

    def _check(self, task: Task) -> None:
        check_spared(self._kept, task.files)
        for name in task.files:
            self._check_file(name, task.source.path)

    def _check_file(self, name: str, source: str) -> None:
        other = self._owners.get(folded(name), source)
        if other != source and os.path.lexists(other):
            better = "{dir}/{name}-{inext}.{ext}".replace(
                ".", "-{filter}." if has_field(self._wanted.name) else "."
            )
            raise OutputError(
                f"Two inputs have one target, {name}:\n    {other}\n    {source}",
                f"Keep them apart: --name '{better}'",
            )
        if any(_within(name, root) for root in self._roots):
            raise OutputError(
                f"{name}, the result of {source}, would be watched.",
                "Name a folder outside: -o results/",
            )

    def _anew(self, task: Task) -> Task:
        """What changed while it was watched is newer than its result, whatever its time says."""
        if task.skip and self._wanted.exists == "newer" and task.source.path in self._came:
            return task._replace(skip="", overwrite=True)
        return task
