"""What `--dry-run` says: every file that would be written, as a tree or as one JSON document."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

import click

from convcli.report import as_text
from convcli.terminal import count
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.batch.inputs import Found
    from convcli.batch.targets import Targets
    from convcli.batch.task import Task
    from convcli.spec import Job


def show(targets: Targets, found: Found, jobs: Sequence[Job], *, as_json: bool) -> int:
    """Print the plan on standard output; the exit code of a plan that can be carried out."""
    notes = [*found.notes(), *targets.notes]
    if as_json:
        data = as_data(targets, jobs) | {"notes": [as_text(note) for note in notes]}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return 0
    click.echo("\n".join(map(printable, drawn(targets.tasks))))
    for note in notes:
        click.echo(printable(f"note: {note}"))
    counts = totals(targets.tasks)
    told = [f"{count(number, 'file')} to {word}" for word, number in counts.items() if number]
    click.echo(f"{', '.join(told)}. Nothing was done.")
    return 0


def action(task: Task) -> str:
    """What would become of a task: `write`, `overwrite` or `skip`."""
    return "skip" if task.skip else "overwrite" if task.overwrite else "write"


def totals(tasks: Sequence[Task]) -> dict[str, int]:
    """How many files of each action."""
    counts = {"write": 0, "overwrite": 0, "skip": 0}
    for task in tasks:
        counts[action(task)] += len(_files(task))
    return counts


def _files(task: Task) -> tuple[str, ...]:
    """Every file of a task; what they are called together where nobody knows how many."""
    return task.files or (task.target,)


def as_data(targets: Targets, jobs: Sequence[Job]) -> dict[str, Any]:
    """The plan as JSON has it; bytes of names that are no text are escaped."""
    kernels = [job.kernel for job in jobs]
    return {
        "schema": "convcli.dry-run/1",
        "folder": as_text(targets.folder),
        "items": [
            {
                "input": as_text(task.source.path),
                "output": as_text(task.target),
                "files": [as_text(name) for name in task.files],
                "kernel": kernels[task.job],
                "action": action(task),
                "reason": as_text(task.skip),
            }
            for task in targets.tasks
        ],
        "summary": totals(targets.tasks),
    }


# --- the tree -------------------------------------------------------------------------------------

Branch = dict[str, "Branch | Task"]


def drawn(tasks: Sequence[Task]) -> Iterator[str]:
    """Folders and files as branches; behind each file what becomes of it, and its input."""
    root: Branch = {}
    for task in tasks:
        for folder, name in map(os.path.split, _files(task)):
            _branch(root, folder)[name] = task
    for name, child in root.items():
        yield from _lines(name, child, "", "")


def _branch(root: Branch, folder: str) -> Branch:
    if not folder:
        return root
    above, name = os.path.split(folder)
    if not name:  # the root of a disk
        parent, name = root, above
    else:
        parent = _branch(root, above)
    found = parent.setdefault(name, {})
    return cast("Branch", found)  # what is a file and a folder was refused


def _lines(name: str, child: Branch | Task, first: str, others: str) -> Iterator[str]:
    if not isinstance(child, dict):
        said = f"  {action(child)}: {child.skip}" if child.skip else f"  <- {child.source.path}"
        replaced = "  overwrite" * (child.overwrite and not child.skip)
        yield f"{first}{name}{replaced}{said}"
        return
    yield f"{first}{name.rstrip(os.sep)}/"
    last = len(child) - 1
    for number, (below, grandchild) in enumerate(child.items()):
        end = number == last
        yield from _lines(
            below,
            grandchild,
            others + ("└── " if end else "├── "),
            others + ("    " if end else "│   "),
        )
