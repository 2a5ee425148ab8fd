"""
A crew on other machines: Dask's workers, each with as many tasks as it has threads, and one ahead.

    submit --> waiting --> the least busy worker --> its outcome
                  ^                |
                  +--- lost: again, elsewhere; TRIES times, then the file has failed

A task is bound to one process and never moved by the scheduler, so that nothing is done twice
unknown to us: what a lost worker had is begun anew here, and may replace what it just wrote. One
that was lost before shares no worker with another such one: a file that kills workers takes no
other file along for good.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from asyncio import CancelledError
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from convcli.batch import joining, meeting
from convcli.batch.flights import Flight, Host
from convcli.batch.hosts import Share, about, absolute, serve
from convcli.batch.pools import Crew, Remote
from convcli.batch.running import attempt, failed
from convcli.batch.task import STANDARD, folders
from convcli.errors import UsageError
from convcli.frame import untold
from convcli.io import temporary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcli.batch.hosts import Question
    from convcli.batch.running import Outcome
    from convcli.batch.task import Input, Orders, Task
    from convcli.errors import ConvError

TRIES = 3
"""Workers that a file may take along."""

INTERVAL = 0.5
"""Seconds between two looks at who is there."""

PATIENCE = 60.0
"""Seconds without any worker after which what waits has failed."""

KIND = "threads"


class Cluster(Crew):
    """
    waiting -> hosts -> outcomes: `slots` are the threads of all workers, at most -j.

    They follow the coming and going of workers. `tell` hears, in some thread, of workers that can't
    be used and of releases that differ. `left`: folders where workers that were lost, or not waited
    for, may have left temporary files.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - of a module without types
        orders: Orders,
        question: Question,
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(client.get_executor(), 0, KIND)
        self._client, self._tell = client, tell
        self._most = orders.limits.jobs
        silent = replace(orders, writing=replace(orders.writing, tell=untold))
        self._name, self._orders = os.urandom(8).hex(), pickle.dumps(silent)
        self._question = question
        self._hosts: dict[str, Host] = {}
        self._refused: dict[str, ConvError] = {}
        self._waiting: deque[Flight] = deque()
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._halted = self._deserted = False
        self.left: set[str] = set()
        self._seen = time.monotonic()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def name(self) -> str:
        """`8 threads of 4 workers`."""
        number = len(self._hosts)
        return f"{super().name} of {number} worker{'s' * (number != 1)}"

    # --- tasks ----------------------------------------------------------------------------------

    def submit(self, task: Task, orders: Orders) -> Future[Outcome]:
        """As of any crew; the future can be cancelled until a worker has the task."""
        flight = Flight(task, orders, Future())
        if task.skip:
            flight.future.set_result(attempt(task, orders))
            return flight.future
        with self._lock:
            self._waiting.append(flight)
            self._place()
        return flight.future

    def halt(self) -> None:
        """Begin nothing more: what a worker takes along from now on is not done anew."""
        self._halted = True

    def _place(self) -> None:
        """Send whatever waits to whoever is free; called with the lock held."""
        for flight in tuple(self._waiting):
            if self._deserted or (self._halted and flight.lost):
                self._waiting.remove(flight)
                self._fail(
                    flight, meeting.deserted(PATIENCE) if self._deserted else _killer(flight)
                )
            elif host := self._free(flight):
                self._waiting.remove(flight)
                if flight.begun or flight.future.set_running_or_notify_cancel():
                    flight.begun = True
                    self._send(flight, host)

    def _free(self, flight: Flight) -> Host | None:
        """The least busy worker; for a flight that was lost one that has no other such flight."""
        free = [
            host
            for host in self._hosts.values()
            if not host.doubted
            and len(host.flights) <= host.threads
            and not (flight.lost and any(other.lost for other in host.flights))
        ]
        return min(free, key=lambda host: len(host.flights) / host.threads, default=None)

    def _send(self, flight: Flight, host: Host) -> None:
        shared = flight.orders.limits.crowd > 1
        memory = flight.orders.limits.memory or host.memory // 2 or None
        share = Share(host.threads, memory, host.threads if shared else 1)
        orders = None if host.told else self._orders
        request = (host.identity, self._name, orders, absolute(flight.task), share)
        flight.host = host
        host.flights.append(flight)
        try:
            flight.remote = remote = self._client.submit(
                serve,
                pickle.dumps(request),
                pure=False,
                workers=[host.address],
                allow_other_workers=False,
            )
            remote.add_done_callback(partial(self._landed, flight))
        except Exception as error:  # noqa: BLE001 - no scheduler any more: it is done again, or fails
            self._lose(flight, joining.reason(error))

    def _landed(self, flight: Flight, remote: Any) -> None:  # noqa: ANN401 - of a module without types
        """Take what a worker made of a task, in a thread of the client's."""
        reply, why = b"", "another process has its address"
        try:
            reply = remote.result(timeout=PATIENCE)
        except (Exception, CancelledError) as error:  # noqa: BLE001 - whatever: it is done again
            why = joining.reason(error)
        with self._lock:
            if flight.remote is not remote or flight.host is None:  # it was given up meanwhile
                return
            if reply:
                flight.host.told = True
                self._leave(flight)
            else:
                flight.host.doubted = True
                self._lose(flight, why)
            self._place()
        if reply:
            flight.future.set_result(_outcome(flight.task, reply))

    def _leave(self, flight: Flight) -> None:
        if flight.host and flight in flight.host.flights:
            flight.host.flights.remove(flight)
        flight.host = flight.remote = None

    def _lose(self, flight: Flight, why: str) -> None:
        """Begin anew what a worker took along; enough is enough."""
        self._leave(flight)
        self.left |= folders([flight.task])
        flight.lost, flight.why = flight.lost + 1, why
        if flight.lost >= TRIES:
            self._fail(flight, _killer(flight))
            return
        flight.task = flight.task._replace(overwrite=True)
        self._waiting.appendleft(flight)

    def _fail(self, flight: Flight, error: ConvError) -> None:
        if flight.begun or flight.future.set_running_or_notify_cancel():
            flight.future.set_result((failed(flight.task, flight.orders, error), error))

    # --- workers --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the first workers. UsageError where there are none, or none can be used."""
        while not self._hosts and time.monotonic() - self._seen < joining.ANSWER:
            self._survey()
            if self._refused and not self._hosts:
                raise next(iter(self._refused.values()))
            time.sleep(0 if self._hosts else INTERVAL / 5)
        if not self._hosts:
            raise UsageError(
                "The cluster has no workers.", "Start some: dask worker tcp://HOST:8786"
            )
        self._watcher.start()

    def _watch(self) -> None:
        while not self._closing.wait(INTERVAL):
            with suppress(Exception):  # a scheduler that does not answer: its time runs out
                self._survey()
                self._seen = time.monotonic() if self._hosts else self._seen
            self._deserted = time.monotonic() - self._seen > PATIENCE
            if self._deserted:
                self._give_up()

    def _give_up(self) -> None:
        """What is on its way, and whatever else is submitted, has failed."""
        for host in tuple(self._hosts.values()):
            self._empty(host)
        with self._lock:
            self._place()

    def _survey(self) -> None:
        """Note who came and who went."""
        there = self._client.scheduler_info()["workers"]
        for host in tuple(self._hosts.values()):
            if host.address not in there or host.doubted:
                self._client.cancel(self._empty(host))
        new = [address for address in there if address not in {*self._hosts, *self._refused}]
        if new:
            self._meet({address: there[address] for address in new})
        for address in tuple(self._refused):
            if address not in there:
                del self._refused[address]
        with self._lock:
            threads = sum(host.threads for host in self._hosts.values())
            self.slots = max(1, min(threads, self._most or threads))
            self._place()

    def _empty(self, host: Host) -> list[Any]:
        """Take what a worker had from it; the requests that are answered no more."""
        with self._lock:
            self._hosts.pop(host.address, None)
            lost = [(flight, flight.remote) for flight in host.flights]
            for flight, _ in lost:
                self._lose(flight, "its process is gone")
        return [remote for _, remote in lost]

    def _meet(self, there: dict[str, Any]) -> None:
        """Ask workers that are new; some see other files, or are of another release."""
        asked = pickle.dumps(self._question)
        answers = self._client.run(about, asked, workers=list(there), on_error="return")
        for address, reply in answers.items():
            if isinstance(reply, OSError):  # it goes, or will answer the next time
                continue
            try:
                answer = meeting.judged(address, reply)
            except UsageError as error:
                self._refused[address] = error
                if self._watcher.is_alive():
                    self._tell(f"{error.message} {error.hint}")
                continue
            for note in meeting.differing(answer):
                self._tell(note)
            threads, memory = there[address]["nthreads"], there[address]["memory_limit"] or 0
            with self._lock:
                self._hosts[address] = Host(address, answer.identity, threads, memory)

    # --- the end --------------------------------------------------------------------------------

    def close(self, *, now: bool = False) -> None:
        """Let the workers go; with `now` take back what they have not begun. See `left`."""
        self._closing.set()
        with self._lock:
            flights = [flight for host in self._hosts.values() for flight in host.flights]
            self.left |= folders(flight.task for flight in flights)
            for flight in (*flights, *self._waiting):
                flight.future.cancel()
        if now and flights:
            with suppress(Exception):
                self._client.cancel([flight.remote for flight in flights])
        if self._watcher.is_alive():
            self._watcher.join(joining.ANSWER)


@contextmanager
def joined(
    name: str,
    sources: Sequence[Input],
    target: str,
    orders: Orders,
    tell: Callable[[str], None],
) -> Iterator[Cluster]:
    """
    The crew of the cluster `name`, once every worker was seen to see what is to be read and to
    write where `target`, one of the results, will be.

    Raises MissingExtra, and UsageError where nobody answers, workers see other files or run another
    release. `tell`: as of Cluster.
    """
    if STANDARD in {target, *(source.path for source in sources)}:
        raise UsageError(
            "Standard input and output are no files that a cluster sees.", "Name files."
        )
    with ExitStack() as stack:
        swept: set[str] = set()
        stack.callback(temporary.sweep, swept)  # the last, after workers of our own have ended
        found = stack.enter_context(joining.client(name, orders.limits.jobs))
        question = stack.enter_context(meeting.question(sources, target))
        crew = Cluster(found, orders, question, tell)
        try:
            crew.begin()
            yield crew
        except BaseException:
            crew.close(now=True)
            raise
        else:
            crew.close()
        finally:
            swept |= crew.left


def _killer(flight: Flight) -> ConvError:
    return meeting.killer(flight.task.source.path, flight.lost, flight.why)


def _outcome(task: Task, reply: bytes) -> Outcome:
    item, error, trace = pickle.loads(reply)  # noqa: S301 - from a worker, which runs our code
    item.input = task.source.path
    item.output = task.target if item.output else ""
    if error:
        error.__cause__ = Remote(trace)
    return item, error
