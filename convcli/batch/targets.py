"""
Inputs to tasks: every target is known, and refused if need be, before any work begins.

    one input, OUT a file       ->  OUT
    OUT a folder                ->  OUT/{dir}/{name}.{ext}, the tree of each input kept
    --each                      ->  OUT/{dir}/{name}-{kernel}.{ext} for every kernel
    in place                    ->  the input

Refused are two inputs of one target (also where only case or Unicode form differ), a target that is
an input, that leads out of OUT, whose name is too long or none of Windows, that is a folder, lies
below a file, or may not be written. What exists already is dealt with by `existing.EXISTS`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from convcli import io
from convcli.batch.collisions import check_shared
from convcli.batch.existing import EXISTS, Names
from convcli.batch.naming import (
    EACH,
    KEPT,
    SUFFIXES,
    Template,
    for_each,
    of_input,
    of_jobs,
    template,
    written_as,
)
from convcli.batch.places import Disk, Kept, check_name
from convcli.batch.task import STANDARD, Input, Task
from convcli.batch.tree import identity
from convcli.errors import ConvError, OutputError, UsageError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convcli.batch.naming import Values
    from convcli.batch.resume import Resumption
    from convcli.spec import Job

_SHOWN = 3
"""Files that a message names before it counts the rest."""


@record
class Wanted:
    """
    What was said of results: `out` as after -o, the text of a template or "", the suffix of a
    format or "", a word of EXISTS; or to write into the inputs themselves.
    """

    out: str = ""
    name: str = ""
    form: str = ""
    exists: str = "error"
    in_place: bool = False
    each: bool = False

    def __post_init__(self) -> None:
        _check_word("--format", self.form, SUFFIXES)
        _check_word("--exists", self.exists, EXISTS)

    @property
    def replaces(self) -> bool:
        """Whether whatever exists may be replaced."""
        return self.exists == "overwrite"


def _check_word(option: str, word: str, known: Iterable[str]) -> None:
    if word and word not in known:
        raise UsageError(f"{option} {word}: not known.", f"Known: {', '.join(known)}")


@record
class Targets:
    """The tasks in order; `folder` of the results, "" for a file, standard output or in place."""

    tasks: list[Task]
    folder: str = ""
    notes: tuple[str, ...] = ()


def settle(
    inputs: Sequence[Input],
    wanted: Wanted,
    jobs: Sequence[Job],
    before: Resumption | None = None,
) -> Targets:
    """
    A task for every input and every job, in order; none for those that a run `before` did.

    Raises OutputError for a target that may not be written, UsageError for what cannot be meant:
    several images into one file, standard input into a folder, a template that is none.
    """
    if wanted.in_place:
        return Targets(_left(_in_place(inputs), wanted, before))
    if not _into_folder(inputs, wanted, jobs):
        return Targets(_single(inputs[0], wanted, before))
    folder, form = wanted.out, _template(wanted)
    tasks = list(_named(inputs, folder, form, wanted, jobs))
    disk = Disk()
    planned = check_shared(tasks, form, each=wanted.each)
    tasks = _left(tasks, wanted, before)
    tasks, existing = _existing(tasks, disk, before)
    settled = _settled(tasks, existing, wanted.exists, Names(disk, planned), Kept(inputs))
    made = [f"{folder} is a new folder"] * (not os.path.isdir(folder))
    return Targets(settled, folder, (*_changed(inputs, wanted), *made))


# --- one file, or the inputs themselves -----------------------------------------------------------


def _left(tasks: list[Task], wanted: Wanted, before: Resumption | None) -> list[Task]:
    """The tasks that are still to be done."""
    if before is None:
        return tasks
    how = {"renamed": wanted.exists == "rename", "in_place": wanted.in_place}
    return [task for task in tasks if not before.settles(task.source, task.target, task.job, **how)]


def _single(source: Input, wanted: Wanted, before: Resumption | None) -> list[Task]:
    _check_same(source.path, wanted.out)
    # Files of filters are named when their number is known: only then it shows which exist.
    replaces = wanted.replaces and io.has_field(wanted.out)
    left = _left([Task(1, source, wanted.out, overwrite=replaces)], wanted, before)
    return [_fit(task, wanted, before) for task in left]


def _fit(task: Task, wanted: Wanted, before: Resumption | None) -> Task:
    """A task into one file, whose target may be written, or is left out by the rule."""
    rule = EXISTS[wanted.exists]
    if before and before.ours(task.target):
        task = replace(task, overwrite=True)
    elif rule.settle and io.occupied(wanted.out):
        task = rule.settle(task, Names(Disk(), {}))
    if not task.skip:
        io.check_target(task.target, overwrite=task.overwrite)
    return task


def _check_same(source: str, target: str) -> None:
    if target == STANDARD or not os.path.exists(target):
        return
    if source != STANDARD and identity(source) == identity(target):
        raise OutputError(
            f"{target} is the input itself; it would be lost.", "Name another output: -o result.png"
        )


def _in_place(inputs: Sequence[Input]) -> list[Task]:
    """Every input is its own target; through a link the file that it leads to."""
    if any(source.path == STANDARD for source in inputs):
        raise UsageError("Standard input is in no place.", "Name files, or say -o -.")
    ways = [os.path.realpath(s.path) if os.path.islink(s.path) else s.path for s in inputs]
    tasks = [
        Task(number, source, target, overwrite=True)
        for number, (source, target) in enumerate(zip(inputs, ways, strict=True), start=1)
    ]
    check_shared(tasks, None, each=False)
    return tasks


# --- a folder -------------------------------------------------------------------------------------


def _into_folder(inputs: Sequence[Input], wanted: Wanted, jobs: Sequence[Job]) -> bool:
    """Whether results go into a folder; errors where they must, and `out` cannot be one."""
    out = wanted.out
    if out != STANDARD and (out.endswith(("/", os.sep)) or os.path.isdir(out)):
        return True
    many = len(inputs) * len(jobs) > 1
    if not (many or wanted.name or any(source.root for source in inputs)):
        return False
    if out == STANDARD or io.suffix_format(out):
        raise _one_file(len(inputs) * len(jobs), out)
    if os.path.lexists(out):
        raise OutputError(
            f"{out} is a file, and a folder is needed for results.", "Name another: -o results/"
        )
    return True


def _one_file(number: int, out: str) -> ConvError:
    if number > 1:
        return UsageError(
            f"{number} images cannot be written to one file, '{out}'.",
            "Give a folder: -o results/",
        )
    return UsageError(
        f"'{out}' is one file, and a folder is needed for --name and for what folders hold.",
        "Give a folder: -o results/",
    )


def _template(wanted: Wanted) -> Template:
    if wanted.each:
        return for_each(wanted.name or EACH)
    return template(wanted.name or KEPT)


def _named(
    inputs: Sequence[Input], folder: str, form: Template, wanted: Wanted, jobs: Sequence[Job]
) -> Iterator[Task]:
    """Every input with every job, and where the result goes."""
    words, number, checked = of_jobs(jobs), 0, set[str]()
    folder = os.path.join(folder, "").replace(os.altsep or os.sep, os.sep)
    for index, source in enumerate(inputs, start=1):
        if source.path == STANDARD:
            raise UsageError(
                "An image from standard input has no name to take into a folder.",
                "Name the output file: -o result.png",
            )
        values = of_input(source, index, wanted.form)
        for job, word in enumerate(words):
            number += 1
            yield Task(number, source, _target(folder, form, values | word, source, checked), job)


def _target(folder: str, form: Template, values: Values, source: Input, checked: set[str]) -> str:
    """Below the folder, with every name on the way fit to be one; `checked` has those that are."""
    parts = [part for part in form.fill(values).split("/") if part]
    if parts and not values["ext"]:
        parts[-1] = parts[-1].removesuffix(".")
    if not parts or not parts[-1] or {".", ".."}.intersection(parts):
        raise OutputError(
            f"{source.path}: '{form.text}' gives no name for its result.", "Change --name."
        )
    check_name(parts[-1], source)
    for part in parts[:-1]:
        if part not in checked:
            check_name(part, source)
            checked.add(part)
    return folder + os.sep.join(parts)


def _changed(inputs: Iterable[Input], wanted: Wanted) -> Iterator[str]:
    """Inputs whose results get another suffix, though nobody said so."""
    if wanted.form:
        return
    for suffix in sorted({source.path.rpartition(".")[2] for source in inputs}):
        written = written_as(suffix, "")
        if written != suffix and os.sep not in suffix:
            yield f".{suffix} is not written: its results are .{written}"


# --- what exists ----------------------------------------------------------------------------------


def _existing(
    tasks: Sequence[Task], disk: Disk, before: Resumption | None
) -> tuple[list[Task], set[int]]:
    """
    The tasks, and the numbers of those whose target is there. OutputError where none can be.

    What a run that was killed wrote and had no time to note is replaced.
    """
    existing, folders, settled = set(), set(), list[Task]()
    for task in tasks:
        folder, _, name = task.target.rpartition(os.sep)
        folder = folder or os.sep
        kind = disk.kind(folder, name)
        if folder not in folders:
            disk.check_folder(folder)
            folders.add(folder)
        if kind == "folder":
            raise OutputError(
                f"{task.target} is a folder, and the result of {task.source.path} would be a file"
                " of this name.",
                "Name another folder: -o, or another --name.",
            )
        if kind and before and before.ours(task.target, task.job):
            task = replace(task, overwrite=True)  # noqa: PLW2901 - the same, told more of
        elif kind:
            existing.add(task.number)
        settled.append(task)
    return settled, existing


def _settled(
    tasks: list[Task], existing: set[int], exists: str, names: Names, kept: Kept
) -> list[Task]:
    """The tasks, where those whose target exists are dealt with by the rule."""
    if not existing:
        return tasks
    there = [task for task in tasks if task.number in existing]
    if exists != "rename":
        _check_kept(there, kept)
    settle = EXISTS[exists].settle
    if settle is None:
        raise _exist([task.target for task in there], len(tasks))
    return [settle(task, names) if task.number in existing else task for task in tasks]


def _check_kept(tasks: Iterable[Task], kept: Kept) -> None:
    for task in tasks:
        other = kept.behind(task.target)
        if not other:
            continue
        if other == task.source.path:
            raise OutputError(
                f"{task.target} is the input itself; it would be lost.",
                "Name another folder: -o results/, or say --in-place.",
            )
        raise OutputError(
            f"The result of {task.source.path} would replace an input:\n    {task.target}",
            "Write into another folder: -o results/; or --exclude the results of an earlier run.",
        )


def _exist(targets: Sequence[str], number: int) -> OutputError:
    cure = "Use --exists overwrite, skip, newer or rename."
    if len(targets) == 1:
        return OutputError(f"{targets[0]} exists.", cure, cause="exists")
    shown = "".join(f"\n    {target}" for target in targets[:_SHOWN])
    more = f"\n    and {len(targets) - _SHOWN:,} more" * (len(targets) > _SHOWN)
    return OutputError(
        f"{len(targets):,} of {number:,} results exist:{shown}{more}", cure, cause="exists"
    )


def check_spared(kept: Iterable[str], targets: Iterable[str]) -> None:
    """Raise OutputError for a target that is one of the files to be kept: kernels in use."""
    identities = {identity(name) for name in kept}
    for target in targets:
        if target not in {"", STANDARD} and identity(target) in identities:
            raise OutputError(
                f"{target} is a kernel of this run; it would be lost.", "Name another file."
            )
