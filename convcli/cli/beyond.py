"""
--cluster and --watch: a batch beyond one machine, and beyond one moment.

    @beyond         both options, in `Beyond`
    standing_by     who starts while names are checked
    hired           the crew of a run: of this machine, or of a cluster
    Watching        folders to watch, how, and all that is done about them
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import click

from convcli.cli.choosing import Chosen, Placed
from convcli.cli.options import option, stacked
from convcli.cli.reporting import Reported
from convcli.errors import UsageError
from convcli.terminal import count
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from convcli.batch.pools import Crew, Processes
    from convcli.batch.running import Done, Ending
    from convcli.batch.targets import Wanted
    from convcli.batch.task import Input, Orders, Task
    from convcli.errors import ConvError
    from convcli.report import Item

    Crews = Callable[[list[Task]], AbstractContextManager[Crew]]

_running = partial(option, "Running")


class Beyond(TypedDict):
    """The options of this module, and of who does the work."""

    workers: str
    cluster: str | None
    watch: bool


class Watched(Beyond, Chosen, Placed, Reported):
    """What else is said of a run that watches."""

    fail_fast: bool


beyond = stacked(
    [
        _running(
            "--cluster",
            metavar="ADDRESS|local[:N]",
            help="Let a Dask cluster filter: the address of its scheduler, tcp://HOST:8786, or N"
            " processes of this machine. Inputs and results must lie where all its workers see"
            " them under the same names.",
        ),
        _running(
            "--watch",
            is_flag=True,
            help="INPUT are folders: do what lies there, then whatever comes or changes, until"
            " Ctrl-C. A file is taken when it has not grown for a second; --exists newer, unless"
            " said.",
        ),
    ]
)


@contextmanager
def standing_by(
    said: Beyond, inputs: Sequence[Input], orders: Orders
) -> Iterator[Processes | None]:
    """Processes that start now, for `hired` to take, where these inputs will want some."""
    if said["cluster"] or len(inputs) <= 1:
        yield None
        return
    from convcli.batch import pools
    from convcli.batch.reuse import reuse_memory

    reuse_memory(orders.limits)
    with pools.early(inputs, orders.limits, said["workers"]) or nullcontext() as crew:
        yield crew


@contextmanager
def hired(
    said: Beyond, tasks: Sequence[Task], orders: Orders, early: Processes | None
) -> Iterator[Crew | None]:
    """The crew for these tasks, `early` if it fits; None for a single one on this machine."""
    left = [task for task in tasks if not task.skip]
    if said["cluster"] and left:
        from convcli.batch.cluster import joined

        sources = [task.source for task in left]
        with joined(said["cluster"], sources, left[0].target, orders, note) as cluster:
            yield cluster
        return
    if len(tasks) == 1 and not early:  # done at once, without the cost of what several need
        yield None
        return
    from convcli.batch import pools

    with pools.crew(tasks, orders, said["workers"], early) or nullcontext() as crew:
        yield crew


def note(text: str) -> None:
    """What the user may not expect, on standard error."""
    click.echo(printable(f"note: {text}"), err=True)


class Watching:
    """Folders to watch and where their results go; refused, if need be, before any work."""

    def __init__(
        self, roots: Sequence[str], said: Watched, place: Wanted, kept: Sequence[str]
    ) -> None:
        """No result may replace a file of `kept`: kernels, the report."""
        from convcli.batch.coming import check_place

        self.roots, self._said, self._kept = roots, said, kept
        self.place = _newer(said, place)
        others = {
            "--from-file": said["from_file"],
            "-n": said["dry_run"],
            "--resume": said["resume"],  # what is done is seen by its result
        }
        for option_name in (name for name, value in others.items() if value):
            raise UsageError(f"--watch and {option_name} exclude each other.")
        files = [name for name in roots if not os.path.isdir(name)]  # noqa: PTH112 - of any length
        if files:
            raise UsageError(f"--watch needs folders, and {files[0]} is none.", "Name a folder.")
        check_place(roots, self.place)

    def run(self, orders: Orders, done: Done, begun: Callable[[], None]) -> Ending:
        """
        Do whatever comes, until a signal, or --fail-fast; `done` hears of each item.

        A file that is gone before it was read is skipped, not failed.
        """
        from convcli.batch.coming import Coming
        from convcli.batch.running import Ending, failed
        from convcli.batch.task import Task
        from convcli.batch.watch import watch

        coming, ending = Coming(self.roots, self.place, orders.jobs, self._kept), Ending()
        with self._crews(orders) as crews:

            def work(inputs: list[Input]) -> str:
                nonlocal ending
                tasks, refused = coming.tasks(inputs)
                for source, error in refused:
                    done(failed(Task(0, source, ""), orders, error), error)
                if refused and self._said["fail_fast"]:
                    return "fail-fast"
                ending = self._worked(tasks, orders, _forgiving(done), crews)
                return ending.why

            why = watch(self.roots, self._find, work, note, begun=begun)
        return replace(ending, why=why)

    def _worked(self, tasks: list[Task], orders: Orders, done: Done, crews: Crews) -> Ending:
        from convcli.batch.running import run_all

        with crews(tasks) as crew:
            return run_all(tasks, orders, done, crew, fail_fast=self._said["fail_fast"])

    def _find(self, roots: Sequence[str]) -> list[Input]:
        from convcli.batch.inputs import Choice, look

        said = self._said
        choice = Choice(said["include"], said["exclude"], said["hidden"], self.place.out)
        return look(roots, choice).inputs

    @contextmanager
    def _crews(self, orders: Orders) -> Iterator[Crews]:
        """One crew for all that comes, of a cluster; or one for whatever comes together."""
        if not self._said["cluster"]:
            from convcli.batch.reuse import reuse_memory

            reuse_memory(orders.limits)
            yield partial(_here, self._said["workers"], orders)
            return
        from convcli.batch.cluster import joined
        from convcli.batch.task import Input

        roots = [Input(root, root) for root in self.roots]
        target = os.path.join(self.place.out, "any")  # noqa: PTH118 - a name
        with joined(self._said["cluster"], roots, target, orders, note) as crew:
            yield lambda _: nullcontext(crew)


def _newer(said: Watched, place: Wanted) -> Wanted:
    """Where nobody said otherwise a result is made again if its input is newer."""
    if said["exists"] == "error":
        raise UsageError(
            "--watch --exists error would end at the first result that is there.",
            "Say --exists newer, skip, overwrite or rename.",
        )
    return replace(place, exists="newer") if place.exists == "error" else place


def _here(workers: str, orders: Orders, tasks: Sequence[Task]) -> Crew:
    """A crew also for a single task: the first Ctrl-C lets it end."""
    from convcli.batch import pools

    return pools.crew(tasks, orders, workers) or pools.alone()


def _forgiving(done: Done) -> Done:
    def noted(item: Item, error: ConvError | None) -> None:
        if error and not os.path.lexists(item.input):
            gone = replace(item, status="skipped", error="", hint="", code=0)
            done(replace(gone, notes=("it was gone before it was read",)), None)
        else:
            done(item, error)

    return noted


def left_over(ending: Ending) -> str:
    """What a run that watched had not begun when it was ended."""
    return f"{count(ending.left, 'file')} left: taken up when the same folders are watched again"
