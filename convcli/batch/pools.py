"""
Who does the work: threads of this process, or processes that serve one thread each.

    Crew(executor, slots)    any concurrent.futures.Executor
    Processes(slots)         thread 1 <--tasks, items--> process 1
                             thread 2 <--tasks, items--> process 2

A process that crashes takes one task along, the one it had; its thread starts another process.
Where the system lets none start the thread does the task itself, and the item says so.
Processes take a third of a second to start: `early` lets them while names are still checked.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from convcli.batch.choice import AUTO, PROCESSES, THREADS, chosen
from convcli.batch.earlier import CRASHED
from convcli.batch.running import Halted, attempt, failed
from convcli.errors import TERMINATED, ConvError
from convcli.frame import untold
from convcli.limits import allowed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor, Future
    from types import TracebackType

    from convcli.batch.running import Outcome
    from convcli.batch.task import Input, Orders, Task
    from convcli.limits import Limits

GRACE = 5.0
"""Seconds in which a process that was asked to end does so, or is killed."""

PAUSE = 0.2
"""Seconds that a signal takes at most from one process of a group to another."""

BOOT = (
    "import pickle, sys; sys.stdin.buffer.peek() or sys.exit();"
    " sys.path[:] = pickle.load(sys.stdin.buffer);"
    " from convcli.batch.worker import main; main()"
)
"""
Not `multiprocessing`, which would run the caller's own script once more in every process. Whoever
starts one may end before a word was said.
"""


def crew(
    tasks: Sequence[Task],
    orders: Orders,
    workers: str = AUTO,
    standing_by: Processes | None = None,
) -> Crew | None:
    """
    The crew that is fastest for these tasks, or of the kind asked for; None for a single one.

    It may be the one that is `standing_by`, else that one is sent home. UsageError for `workers`
    that are not in `choice.WORKERS`.
    """
    slots, kind = _fit([task.source for task in tasks], orders.limits, workers)
    if standing_by and (kind, slots) == (PROCESSES, standing_by.slots):
        return standing_by
    if standing_by:
        standing_by.close(now=True)
    if len(tasks) <= 1:
        return None
    return Processes(slots) if kind == PROCESSES else Crew(ThreadPoolExecutor(slots), slots, kind)


def early(inputs: Sequence[Input], limits: Limits, workers: str = AUTO) -> Processes | None:
    """The crew that tasks of these inputs will probably have, if it takes time to start."""
    slots, kind = _fit(inputs, limits, workers)
    return Processes(slots) if kind == PROCESSES and len(inputs) > 1 else None


def _fit(inputs: Sequence[Input], limits: Limits, workers: str) -> tuple[int, str]:
    """How many may work side by side, and as what."""
    slots = min(allowed(limits), len(inputs))
    return slots, chosen(workers, [source.size for source in inputs], slots)


def alone() -> Crew:
    """A crew of one, which has all there is."""
    return Crew(ThreadPoolExecutor(1), 1, THREADS)


class Remote(Exception):
    """The traceback of an exception that was raised in another process, as text."""


class Crew:
    """An executor that has `slots` tasks in work at once; `kind` is what these are."""

    def __init__(self, executor: Executor, slots: int, kind: str) -> None:
        self.executor, self.slots, self.kind = executor, slots, kind

    @property
    def name(self) -> str:
        """`8 processes`, `1 thread`."""
        return f"{self.slots} {self.kind if self.slots != 1 else self.kind.removesuffix('s')}"

    def submit(self, task: Task, orders: Orders) -> Future[Outcome]:
        """Begin a task as soon as a slot is free."""
        return self.executor.submit(attempt, task, orders)

    def halt(self) -> None:
        """Begin nothing more. Called by signal handlers, too: it waits for nothing."""

    def close(self, *, now: bool = False) -> None:
        """Wait for what is in work; with `now` leave it to itself."""
        self.executor.shutdown(wait=not now, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self.close(now=kind is not None)


class Processes(Crew):
    """A thread for each process: it hands on a task, waits for the item, and sees a crash."""

    def __init__(self, slots: int) -> None:
        super().__init__(ThreadPoolExecutor(slots, initializer=_deafened), slots, PROCESSES)
        self._orders = b""
        self._idle: list[_Worker] = []
        self._hired: set[_Worker] = set()
        self._halted = False
        for _ in range(slots):
            self.executor.submit(lambda: self._idle.append(self._hire()))

    def submit(self, task: Task, orders: Orders) -> Future[Outcome]:
        """As of any crew; of the orders only how many share is told anew."""
        return self.executor.submit(self._by_process, task, orders)

    def halt(self) -> None:
        """As of any crew; a thread whose process has just ended starts no other."""
        self._halted = True

    def _by_process(self, task: Task, orders: Orders) -> Outcome:
        if self._halted:
            raise Halted
        told = self._shared(orders)
        try:
            worker = self._worker()
        except OSError as refused:  # so many processes as the system allows, or no Python to start
            item, error = attempt(task, orders)
            item.notes += (f"no process could be started: {refused.strerror}; a thread did it",)
            return item, error
        try:
            item, error, trace = worker.ask((task, orders.limits.crowd), told)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._hired.discard(worker)
            code = worker.ended()
            if code in {TERMINATED, -signal.SIGTERM}:  # perhaps the whole run: let it hear of it
                time.sleep(PAUSE)
            crash = _crash(task.source.path, code)
            return failed(task, orders, crash), crash
        self._idle.append(worker)
        if error:
            error.__cause__ = Remote(trace)
        return item, error

    def _shared(self, orders: Orders) -> bytes:
        """The orders as every process hears them, once, with its first task."""
        if not self._orders:
            silent = replace(orders, writing=replace(orders.writing, tell=untold))
            self._orders = pickle.dumps(silent)
        return self._orders

    def _worker(self) -> _Worker:
        """One that waits for work; a new one if none does, never more than there are threads."""
        with suppress(IndexError):
            return self._idle.pop()
        return self._hire()

    def _hire(self) -> _Worker:
        worker = _Worker()
        self._hired.add(worker)
        return worker

    def close(self, *, now: bool = False) -> None:
        """No process outlives this; with `now` none finishes what it has, nor leaves any of it."""
        self.executor.shutdown(wait=not now, cancel_futures=True)
        self._dismiss(now=now)
        self.executor.shutdown()
        self._dismiss(now=now)  # those that a thread was just starting

    def _dismiss(self, *, now: bool) -> None:
        for worker in tuple(self._hired):
            worker.dismiss(now=now)
        for worker in tuple(self._hired):
            worker.ended()


def _deafened() -> None:
    """Processes start with the signal mask of the thread that starts them: deaf to Ctrl-C."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class _Worker:
    """One process, spoken to by one thread at a time."""

    def __init__(self) -> None:
        self._told = False
        group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # deaf to Ctrl-C on Windows
        self._process = subprocess.Popen(  # noqa: S603 - Python itself, and no word of others
            [sys.executable or "", "-c", BOOT],  # none within a program that holds a Python
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"OPENBLAS_NUM_THREADS": "1", **os.environ},
            creationflags=group,
        )
        with suppress(OSError):  # it has ended, which is found out when it is asked
            self._say(pickle.dumps(sys.path))

    def ask(self, request: Any, orders: bytes) -> Any:  # noqa: ANN401 - what `worker` takes and gives
        """The answer; `orders` go ahead of the first one. EOFError or OSError: it has ended."""
        self._say(b"" if self._told else orders)
        self._told = True
        self._say(pickle.dumps(request))
        return pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 - a pipe, from our own process

    def _say(self, words: bytes) -> None:
        assert self._process.stdin  # noqa: S101 - for the type checker: it is a pipe
        self._process.stdin.write(words)
        self._process.stdin.flush()

    def dismiss(self, *, now: bool) -> None:
        """
        Tell the process that there is no more to do, or that it is to end at once.

        A signal alone is heard by no Python that is just about to wait for its next task.
        """
        with suppress(OSError):
            if now:
                self._process.terminate()
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()

    def ended(self) -> int:
        """Exit code, once the process has ended or was killed; below 0 the signal."""
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        return code


def _crash(source: str, code: int) -> ConvError:
    """What is said of a process that ended while it filtered `source`."""
    killed = -code == getattr(signal, "SIGKILL", 0)
    how = f"with exit code {code}"
    with suppress(ValueError):
        how = f"by {signal.Signals(-code).name}"
    cure = "the system may be short of memory: use fewer --jobs, or less --memory."
    return ConvError(
        f"{source}: the process that filtered it was ended {how}.",
        f"Filter it again; {cure}"
        if killed
        else "Filter it alone, with --workers threads, to see"
        " more; if convcli ends, please send the file with the output of: convcli info",
        cause=CRASHED,
    )
