"""Tasks -> items, one after the other; a task that fails never stops the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.batch.resume import seen
from convcli.errors import ConvError, InputError
from convcli.report import Item
from convcli.run import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcli.batch.task import Orders, Task
    from convcli.spec import Job

    Done = Callable[[Item, ConvError | None], None]


def run_all(tasks: Iterable[Task], orders: Orders, done: Done) -> None:
    """
    Every task in order; one that fails becomes an item with its error, and the rest go on.

    `done` hears of each item, and of the exception of one that failed.
    """
    for task in tasks:
        done(*attempt(task, orders))


def attempt(task: Task, orders: Orders) -> tuple[Item, ConvError | None]:
    """What became of one task; no ConvError leaves it."""
    known = seen(task.source, task.job, orders)
    item, error = _tried(task, orders)
    for name, value in known.items():
        setattr(item, name, value)
    return item, error


def _tried(task: Task, orders: Orders) -> tuple[Item, ConvError | None]:
    job, source = orders.jobs[task.job], task.source.path
    if task.skip:
        return Item(source, task.target, status="skipped", notes=(task.skip,)), None
    writing = replace(orders.writing, overwrite=task.overwrite)
    try:
        return process(source, task.target, job, orders.limits, writing), None
    except ConvError as error:
        return _failed(source, job, error), error
    except MemoryError:
        short = InputError(
            f"{source}: the memory does not suffice.", "Use fewer --jobs.", cause="memory"
        )
        return _failed(source, job, short), short


def _failed(source: str, job: Job, error: ConvError) -> Item:
    return Item(
        input=source,
        kernel="+".join(stage.name for stage in job.stages),
        status="failed",
        error=error.message,
        hint=error.hint,
        code=error.exit_code,
        cause=error.cause,
    )
