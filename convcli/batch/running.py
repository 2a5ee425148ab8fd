"""
Tasks -> items, by many workers at once; a task that fails never stops the others.

    tasks --largest first--> | slots and a few in flight | --as they complete--> done(item, error)
                  ^                        |
                  +--- alone, at the end --+   what does not fit into its share of the memory

Memory is flat: of tasks that are done nothing is kept.
"""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from convcli.batch.earlier import CRASHED
from convcli.batch.existing import EXISTS
from convcli.batch.resume import seen
from convcli.batch.stopping import heeding
from convcli.crash import as_error
from convcli.errors import THERE, ConvError, InputError, TooLarge
from convcli.record import record
from convcli.report import Item
from convcli.run import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from convcli.batch.pools import Crew
    from convcli.batch.task import Orders, Task

    Done = Callable[[Item, ConvError | None], None]

Outcome = tuple[Item, ConvError | None]

AHEAD = 2
"""Tasks that wait for a free slot, so that none stands idle while results are noted."""


class Halted(Exception):
    """Raised by a crew for a task that it did not begin, since it was told to begin nothing."""


@record
class Ending:
    """
    How a run ended: how many tasks are `left`, not begun or dropped on the way, and why.

    `why`: "" where all were seen to, `fail-fast`, or a word of `stopping.SIGNALS`.
    """

    left: int = 0
    why: str = ""


def run_all(
    tasks: Sequence[Task],
    orders: Orders,
    done: Done,
    crew: Crew | None = None,
    *,
    fail_fast: bool = False,
) -> Ending:
    """
    Every task by the crew, or one after the other in this thread, with all there is, if none is.

    `done` hears in this thread of each item, in the order in which they are completed, and of the
    exception of one that failed. The first SIGINT or SIGTERM lets nothing new begin and what is in
    work end; the second raises what Python raises for it. Without a crew the first one does.
    """
    if crew:
        return _Run(orders, done, crew, fail_fast=fail_fast).over(tasks)
    for number, task in enumerate(tasks, start=1):
        item, error = attempt(task, orders)
        done(item, error)
        if error and fail_fast:
            return Ending(len(tasks) - number, "fail-fast")
    return Ending()


class _Run:
    """What is on its way."""

    def __init__(self, orders: Orders, done: Done, crew: Crew, *, fail_fast: bool) -> None:
        self._orders, self._done, self._crew, self._fail_fast = orders, done, crew, fail_fast
        self._flying: dict[Future[Outcome], Task] = {}
        self._landed: SimpleQueue[Future[Outcome] | None] = SimpleQueue()
        self._large: list[Task] = []
        self._ended = 0
        self._why = ""

    def over(self, tasks: Sequence[Task]) -> Ending:
        """All tasks side by side, then those that need all the memory, one by one."""
        apart = shared(self._orders, self._crew.slots)
        with heeding(self._stop):
            self._flow(iter(ordered(tasks)), apart, lambda: self._crew.slots + AHEAD)
            self._flow(iter(self._large), self._orders, lambda: 1)
        return Ending(len(tasks) - self._ended, self._why)

    def _stop(self, why: str) -> None:
        """Let nothing new begin. Signal handlers call this: it must not wait for anything."""
        self._why = self._why or why
        self._crew.halt()
        self._landed.put(None)

    def _flow(self, tasks: Iterator[Task], orders: Orders, most: Callable[[], int]) -> None:
        """Keep so many tasks on their way until all have landed."""
        while True:
            while not self._why and len(self._flying) < most() and (task := next(tasks, None)):
                self._start(task, orders)
            if not self._flying:
                return
            landed = self._landed.get()
            if landed:
                self._land(landed, orders)
            else:
                self._call_off()

    def _start(self, task: Task, orders: Orders) -> None:
        future = self._crew.submit(task, orders)
        self._flying[future] = task
        future.add_done_callback(self._landed.put)

    def _call_off(self) -> None:
        for future in tuple(self._flying):
            future.cancel()

    def _land(self, future: Future[Outcome], orders: Orders) -> None:
        task = self._flying.pop(future)
        if future.cancelled():
            return
        try:
            item, error = future.result()
        except Halted:
            return
        except KeyboardInterrupt:  # somebody's thread heard of it before this one
            self._stop("interrupted")
            return
        except Exception as lost:  # noqa: BLE001 - the executor's: whatever it is, others go on
            error = as_error(lost, task.source.path)
            item = failed(task, orders, error)
        if error and error.cause == TooLarge.kind and orders.limits.crowd > 1:
            self._large.append(task)
        elif not (self._why and error and error.cause == CRASHED):  # else ended with the run
            self._finish(item, error)

    def _finish(self, item: Item, error: ConvError | None) -> None:
        self._ended += 1
        self._done(item, error)
        if error and self._fail_fast:
            self._stop("fail-fast")


def ordered(tasks: Sequence[Task]) -> list[Task]:
    """Larger files first, by powers of two: the last are small. Within these, as they were."""
    return sorted(tasks, key=lambda task: -max(task.source.size, 0).bit_length())


def shared(orders: Orders, crowd: int) -> Orders:
    """The orders for one of so many tasks that are in work at once: its share of all there is."""
    return replace(orders, limits=replace(orders.limits, crowd=crowd))


def attempt(task: Task, orders: Orders) -> Outcome:
    """What became of one task; only a Ctrl-C leaves it, and a reader of `-` who went away."""
    known = seen(task.source, task.job, orders)
    item, error = _settled(task, orders)
    for name, value in known.items():
        setattr(item, name, value)
    return item, error


def _settled(task: Task, orders: Orders) -> Outcome:
    """What became of it, also where a file came to its target once all targets were checked."""
    outcome = _tried(task, orders)
    for instead in EXISTS[orders.exists].late(task):
        if not outcome[1] or outcome[1].cause != THERE:
            break
        outcome = _tried(instead, orders)
    return outcome


def _tried(task: Task, orders: Orders) -> Outcome:
    job, source = orders.jobs[task.job], task.source.path
    if task.skip:
        return Item(source, task.target, status="skipped", notes=(task.skip,)), None
    writing = orders.writing
    if task.overwrite and not writing.overwrite:
        writing = replace(writing, overwrite=True)
    error: ConvError
    try:
        return process(source, task.series or task.target, job, orders.limits, writing), None
    except ConvError as known:
        error = known
    except MemoryError:
        cause = TooLarge.kind
        error = InputError(
            f"{source}: the memory does not suffice.", "Use fewer --jobs.", cause=cause
        )
    except BrokenPipeError:
        raise  # who reads standard output has enough: that is no failure
    except Exception as bug:  # noqa: BLE001 - of one image: the others go on
        error = as_error(bug, f"{source} -> {task.target}")
    return failed(task, orders, error), error


def failed(task: Task, orders: Orders, error: ConvError) -> Item:
    """The item of a task that came to nothing."""
    return Item(
        input=task.source.path,
        kernel=orders.jobs[task.job].kernel,
        status="failed",
        error=error.message,
        hint=error.hint,
        code=error.exit_code,
        cause=error.cause,
    )
