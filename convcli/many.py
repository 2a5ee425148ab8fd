"""The command's work on many files: `convcli.apply_files(["a.jpg", "b.jpg"], "out/", "sobel")`."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from dataclasses import field
from typing import TYPE_CHECKING, Any

from convcli.api import wanted
from convcli.batch import pools, running, targets
from convcli.batch.choice import AUTO as ANY
from convcli.batch.stopping import SIGNALS
from convcli.batch.task import Input, Orders
from convcli.plan import AUTO, Limits
from convcli.record import mutable
from convcli.run import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcli.api import AnyKernel
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

    def add(self, item: Item) -> None:
        """One file more."""
        self.ok += item.status == "ok"
        self.skipped += item.status == "skipped"
        self.failed += item.status == "failed"
        self.megapixels += item.megapixels if item.status == "ok" else 0.0
        if item.status == "failed" and len(self.failures) < KEPT:
            self.failures.append(item)


def apply_files(  # noqa: PLR0913 - the options of the command, by their names
    inputs: Name | Iterable[Name],
    out: Name,
    *kernels: AnyKernel,
    quality: int | None = None,
    compress: int | None = None,
    compression: str | None = None,
    tile: int | None = None,
    overwrite: bool = False,
    verify: bool = False,
    frames: Frames | None = None,
    engine: str = AUTO,
    jobs: int | None = None,
    workers: str = ANY,
    memory: int | None = None,
    max_pixels: int | None = Limits().max_pixels,
    fail_fast: bool = False,
    on_item: Callable[[Item], None] | None = None,
    **options: Any,  # noqa: ANN401 - those of `apply`
) -> Summary:
    """
    files -> kernel 1 -> kernel 2 ... -> files of the same names in the folder `out`.

    A single input may also go to a file. `options` are those of `apply`: operation, padding,
    extent, stride ...; all others have the names, words and defaults of `convcli apply`, `memory`
    in bytes. `on_item` hears of every file in the order in which they are done, in this thread.

    One file that fails stops no other: look at `failures`. Ctrl-C lets those in work end and then
    is raised. A ConvError is raised for what is wrong before any work: kernels, options, targets.
    """
    job = wanted(kernels, **options)
    names = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    found = targets.tasks([*map(_input, names)], os.fspath(out), overwrite=overwrite)
    orders = Orders(
        (job,),
        Limits(engine, jobs, memory, max_pixels),
        Writing(quality, compress, compression, tile, verify=verify, frames=frames),
    )
    summary, start = Summary(), time.perf_counter()

    def done(item: Item, _: ConvError | None) -> None:
        summary.add(item)
        if on_item:
            on_item(item)

    with pools.crew(found, orders, workers) or nullcontext() as crew:
        ending = running.run_all(found, orders, done, crew, fail_fast=fail_fast)
    if ending.why in SIGNALS.values():
        raise KeyboardInterrupt
    summary.left, summary.seconds = ending.left, time.perf_counter() - start
    return summary


def _input(name: Name) -> Input:
    """A file by its name, and its size where there is one: the largest are done first."""
    path = os.fspath(name)
    try:
        return Input(path, size=os.stat(path).st_size)  # noqa: PTH116 - a name of any length
    except (OSError, ValueError):
        return Input(path)
