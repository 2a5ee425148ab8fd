"""
--cluster and --watch: a batch beyond one machine, and beyond one moment.

    @beyond     both options, in `Beyond`
    hired       the crew of a run: of this machine, or of a cluster
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import click

from convcli.cli.options import option, stacked
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.batch.pools import Crew
    from convcli.batch.task import Orders, Task

_running = partial(option, "Running")


class Beyond(TypedDict):
    """The options of this module, and of who does the work."""

    workers: str
    cluster: str | None
    watch: bool


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
            " Ctrl-C.",
        ),
    ]
)


@contextmanager
def hired(said: Beyond, tasks: Sequence[Task], orders: Orders) -> Iterator[Crew | None]:
    """The crew for these tasks; None for a single one on this machine."""
    left = [task for task in tasks if not task.skip]
    if said["cluster"] and left:
        from convcli.batch.cluster import joined

        sources = [task.source for task in left]
        with joined(said["cluster"], sources, left[0].target, orders, note) as crew:
            yield crew
        return
    from convcli.batch import pools

    crew = pools.crew(tasks, orders, said["workers"])
    if crew is None:
        yield None
    else:
        with crew:
            yield crew


def note(text: str) -> None:
    """What the user may not expect, on standard error."""
    click.echo(printable(f"note: {text}"), err=True)
