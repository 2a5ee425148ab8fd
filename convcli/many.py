"""The command's work on many files: `convcli.apply_files("photos", "out", "sobel")`."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from convcli import __version__
from convcli.api import wanted
from convcli.batch import pools, running, targets
from convcli.batch.account import Account
from convcli.batch.choice import AUTO as ANY
from convcli.batch.inputs import Choice, find
from convcli.batch.naming import SUFFIXES
from convcli.batch.stopping import SIGNALS
from convcli.limits import AUTO, Limits
from convcli.record import mutable
from convcli.run import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convcli.api import AnyKernel
    from convcli.batch.pools import Crew
    from convcli.batch.task import Orders, Task
    from convcli.errors import ConvError
    from convcli.report import Item
    from convcli.run import Frames

    Name = str | os.PathLike[str]

KEPT = 1000
"""Failures that are kept; all of them are counted, and `on_item` hears of each."""


@mutable
class Summary:
    """
    What became of many files: counts, wall `seconds`, megapixels read of those that are `ok`.

    `left` were not begun, because one failed and `fail_fast` was said. `failures` are the items of
    the first thousand that failed: `input`, `error`, `hint`, and `code` as of the command.
    """

    ok: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0
    seconds: float = 0.0
    megapixels: float = 0.0
    failures: list[Item] = field(default_factory=list)


def apply_files(  # noqa: PLR0913 - the options of the command, by their names
    inputs: Name | Iterable[Name],
    out: Name,
    *kernels: AnyKernel,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    name: str = "",
    form: str = "",
    exists: str = "error",
    quality: int | None = None,
    compress: int | None = None,
    compression: str | None = None,
    tile: int | None = None,
    verify: bool = False,
    frames: Frames | None = None,
    engine: str = AUTO,
    jobs: int | None = None,
    workers: str = ANY,
    memory: int | None = None,
    max_pixels: int | None = Limits().max_pixels,
    fail_fast: bool = False,
    report: Name = "",
    resume: Name = "",
    checksum: bool = False,
    on_item: Callable[[Item], None] | None = None,
    **options: Any,  # noqa: ANN401 - those of `apply`
) -> Summary:
    """
    files, folders, patterns -> kernel 1 -> kernel 2 ... -> files in the folder `out`.

    The tree below a folder is kept; a single file may also go to a file. `options` are those of
    `apply`: operation, padding, extent, stride ...; all others have the names, words and defaults
    of `convcli apply`, `form` is its --format, `memory` is in bytes. `on_item` hears of every file
    in the order in which they are done, in this thread.

    One file that fails stops no other: look at `failures`. Ctrl-C lets those in work end and then
    is raised. A ConvError is raised for what is wrong before any work: kernels, options, targets.
    """
    words = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    place = targets.Wanted(os.fspath(out), name, form, exists)
    apart = place.out if os.path.isdir(place.out) else ""  # noqa: PTH112 - of any length
    found = find(
        [os.fspath(word) for word in words], Choice(tuple(include), tuple(exclude), hidden, apart)
    )
    names = {"report": os.fspath(report), "resume": os.fspath(resume)}
    account = Account(
        ("convcli.apply_files",), __version__, **names, checksum=checksum, overwrite=place.replaces
    )
    writing = Writing(quality, compress, compression, tile, verify=verify, frames=frames)
    orders = account.orders(
        (wanted(kernels, **options),),
        Limits(engine, jobs, memory, max_pixels),
        replace(writing, form=SUFFIXES.get(form), overwrite=place.replaces),
        exists,
    )
    with pools.early(found.inputs, orders.limits, workers) or nullcontext() as early:
        settled = targets.settle(found.inputs, place, orders.jobs, account.resumption(orders))
        account.check(settled.tasks)
        orders = replace(orders, writing=replace(orders.writing, folders=settled.folder != ""))
        crew = partial(pools.crew, settled.tasks, orders, workers, early)
        return _run(settled.tasks, orders, account, on_item, crew, fail_fast=fail_fast)


def _run(  # noqa: PLR0913 - what is to be done, by whom, and who hears of it
    tasks: Sequence[Task],
    orders: Orders,
    account: Account,
    on_item: Callable[[Item], None] | None,
    hired: Callable[[], Crew | None],
    *,
    fail_fast: bool,
) -> Summary:
    """Do everything and add it up. KeyboardInterrupt once those in work have ended."""
    failures: list[Item] = []
    with account.opened(tasks) as book:

        def done(item: Item, _: ConvError | None) -> None:
            book.note(item)
            if item.status == "failed" and len(failures) < KEPT:
                failures.append(item)
            if on_item:
                on_item(item)

        with hired() or nullcontext() as crew:
            ending = running.run_all(tasks, orders, done, crew, fail_fast=fail_fast)
    if ending.why in SIGNALS.values():
        raise KeyboardInterrupt
    sums, wall = account.report.summary, account.report.clock.wall
    ok, skipped, failed = (sums.counts[state] for state in ("ok", "skipped", "failed"))
    return Summary(ok, skipped, failed, ending.left, wall, sums.megapixels, failures)
