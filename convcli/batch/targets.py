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
from functools import cache, partial
from typing import TYPE_CHECKING

from convcli import io
from convcli.batch.collisions import check_shared
from convcli.batch.existing import EXISTS, Names
from convcli.batch.filters import colours_of, filters
from convcli.batch.lasting import lasting
from convcli.batch.naming import (
    EACH,
    KEPT,
    SUFFIXES,
    Template,
    for_each,
    numbers,
    of_input,
    of_jobs,
    template,
    written_as,
)
from convcli.batch.occupied import existing, halves, ours, settled_by
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

_DOTS = {".", ".."}


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


@lasting()
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
        return Targets(_single(inputs[0], wanted, jobs[0], before))
    folder, form = wanted.out, _template(wanted)
    tasks = list(_named(inputs, folder, form, wanted, jobs))
    disk = Disk()
    planned = check_shared(tasks, form, each=wanted.each)
    tasks = _left(tasks, wanted, before)
    tasks, found = existing(tasks, disk, before)
    settled = settled_by(wanted.exists, tasks, found, Names(disk, planned), Kept(inputs))
    made = [f"{folder} is a new folder"] * (not os.path.isdir(folder))
    return Targets(settled, folder, (*_changed(inputs, wanted), *halves(settled, found), *made))


# --- one file, or the inputs themselves -----------------------------------------------------------


def _left(tasks: list[Task], wanted: Wanted, before: Resumption | None) -> list[Task]:
    """The tasks that are still to be done."""
    if before is None:
        return tasks
    renamed, in_place = wanted.exists == "rename", wanted.in_place
    return [task for task in tasks if not before.settles(task, renamed=renamed, in_place=in_place)]


def _single(source: Input, wanted: Wanted, job: Job, before: Resumption | None) -> list[Task]:
    task = Task(1, source, wanted.out, series=_series(source, wanted.out, job))
    for name in task.files:
        _check_same(source.path, name)
    return [_fit(task, wanted, before) for task in _left([task], wanted, before)]


def _series(source: Input, out: str, job: Job) -> io.Series | None:
    """The files of a name with a place for the number of a filter."""
    if not io.has_field(out):
        return None
    number = filters(job, partial(colours_of, source.path))
    return io.Series(out, io.numbered(out, number))


def _fit(task: Task, wanted: Wanted, before: Resumption | None) -> Task:
    """A task into one file, or a series, that may be written, or is left out by the rule."""
    rule, there = EXISTS[wanted.exists], list(filter(io.occupied, task.files))
    if ours(there, task, before):
        task = task._replace(overwrite=True)
    elif rule.settle and there:
        task = rule.settle(task, Names(Disk(), {}))
    for name in () if task.skip else task.files:
        io.check_target(name, overwrite=task.overwrite)
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
    if not out:
        raise UsageError("-o '' names nothing.", "Name a file or a folder: -o results/")
    if out != STANDARD and (out.endswith(("/", os.sep)) or os.path.isdir(out)):
        _check_folder(out)
        return True
    many = len(inputs) * len(jobs) > 1
    if not (many or wanted.name or any(source.root for source in inputs)):
        return False
    if out == STANDARD or io.suffix_format(out):
        raise _one_file(len(inputs) * len(jobs), wanted)
    if os.path.lexists(out):
        raise OutputError(
            f"{out} is a file, and a folder is needed for results.", "Name another: -o results/"
        )
    _check_folder(out)
    return True


def _check_folder(out: str) -> None:
    """UsageError for a new folder that was meant to be one for each filter."""
    if io.has_field(out) and not os.path.isdir(out):
        raise UsageError(
            f"'{out}' is a folder: {{filter}} is a field of names of results.",
            "Say -o results/ --name '{filter}/{dir}/{name}.{ext}'",
        )


def _one_file(number: int, wanted: Wanted) -> ConvError:
    out, cure = wanted.out, "Give a folder: -o results/"
    if io.has_field(out):
        name = (EACH if wanted.each else KEPT).replace(".", "-{filter}.")
        cure += f" --name '{wanted.name if io.has_field(wanted.name) else name}'"
    if number > 1:
        what = "the same files" if io.has_field(out) else "one file"
        return UsageError(f"{number} images cannot be written to {what}, '{out}'.", cure)
    return UsageError(
        f"'{out}' is one file, and a folder is needed for --name and for what folders hold.", cure
    )


def _template(wanted: Wanted) -> Template:
    if wanted.each:
        return for_each(wanted.name or EACH)
    return template(wanted.name or KEPT)


def _named(
    inputs: Sequence[Input], folder: str, form: Template, wanted: Wanted, jobs: Sequence[Job]
) -> Iterator[Task]:
    """Every input with every job, and where the result goes."""
    number, ways = 0, _Ways(folder, form)
    words = [{word: row[word] for word in row.keys() & form.fields} for row in of_jobs(jobs)]
    for index, source in enumerate(inputs, start=1):
        if source.path == STANDARD:
            raise UsageError(
                "An image from standard input has no name to take into a folder.",
                "Name the output file: -o result.png",
            )
        values = of_input(source, index, wanted.form)
        colours = cache(partial(colours_of, source.path)) if form.of_filters else None
        for job, word in enumerate(words):
            number += 1
            if not colours:
                yield Task(number, source, ways.target(values | word, source), job)
                continue
            rows = [values | word | more for more in numbers(filters(jobs[job], colours))]
            files = tuple(ways.target(row, source) for row in rows)
            called = ways.called(values | word | {"filter": io.Number(None)})
            yield Task(number, source, called, job, series=io.Series(called, files))


class _Ways:
    """Names of results below a folder; each of the folders on the way is looked at once."""

    def __init__(self, folder: str, form: Template) -> None:
        self._form = form
        self._above = os.path.join(folder, "").replace(os.altsep or os.sep, os.sep)
        self._known = {"": self._above}

    def target(self, values: Values, source: Input) -> str:
        """Below the folder, with every name on the way fit to be one."""
        way, name = self._parted(values)
        if way not in self._known:
            self._known[way] = self._way(way, source)
        self._check(name, source)
        return self._known[way] + name

    def called(self, values: Values) -> str:
        """As a `target`, of files that are checked one by one."""
        way, name = self._parted(values)
        return self._above + os.sep.join(_parts(way, name))

    def _parted(self, values: Values) -> tuple[str, str]:
        """Folders on the way to a result, and its name."""
        way, _, name = self._form.fill(values).rstrip("/").rpartition("/")
        return way, name if values["ext"] else name.removesuffix(".")

    def _way(self, way: str, source: Input) -> str:
        parts = _parts(way)
        for part in parts:
            self._check(part, source)
        return self._above + os.sep.join([*parts, ""])

    def _check(self, name: str, source: Input) -> None:
        if not name or name in _DOTS:
            raise OutputError(
                f"{source.path}: '{self._form.text}' gives no name for its result.",
                "Change --name.",
            )
        check_name(name, source)


def _parts(way: str, *more: str) -> list[str]:
    """What lies between slashes, of which there may be several in a row."""
    return [*filter(None, way.split("/")), *more]


def _changed(inputs: Iterable[Input], wanted: Wanted) -> Iterator[str]:
    """Inputs whose results get another suffix, though nobody said so."""
    if wanted.form:
        return
    for suffix in sorted({source.path.rpartition(".")[2] for source in inputs}):
        written = written_as(suffix, "")
        if written != suffix and os.sep not in suffix:
            yield f".{suffix} is not written: its results are .{written}"


def check_spared(kept: Iterable[str], targets: Iterable[str]) -> None:
    """Raise OutputError for a target that is one of the files to be kept: kernels in use."""
    identities = {identity(name) for name in kept}
    for target in targets:
        if target not in {"", STANDARD} and identity(target) in identities:
            raise OutputError(
                f"{target} is a kernel of this run; it would be lost.", "Name another file."
            )
