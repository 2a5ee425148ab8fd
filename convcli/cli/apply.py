"""`convcli apply`: images in, filtered images out, and what happened."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import click

from convcli import render, terminal
from convcli.batch.naming import SUFFIXES
from convcli.cli import choosing as chosen
from convcli.cli.bar import Bar
from convcli.cli.beyond import Beyond, Watching, beyond, hired, left_over, standing_by
from convcli.cli.choices import Command, Word, WordOr, explained
from convcli.cli.choosing import Chosen, Placed, choosing, placing
from convcli.cli.options import Session, common, crewing, filtering, limiting, option
from convcli.cli.progress import Progress, stopped
from convcli.cli.reporting import Reported, Reporting, reporting
from convcli.cli.said import (
    FRAMES,
    Allowed,
    Said,
    Written,
    kernel_files,
    limits,
    recipes,
    wishes,
    writing,
)
from convcli.io.formats import COMPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcli.batch.inputs import Found
    from convcli.batch.pools import Processes
    from convcli.batch.running import Done
    from convcli.batch.targets import Targets, Wanted
    from convcli.batch.task import Orders
    from convcli.errors import ConvError
    from convcli.journal import Journal
    from convcli.report import Item

EXAMPLES = """
Examples:

\b
  convcli apply photo.jpg -o soft.png -k gaussian:sigma=2 --linear
  convcli apply scans/*.tif -o out/ -k sobel --report run.csv
  curl -s URL | convcli apply - -o - -m "0 -1 0; -1 5 -1; 0 -1 0" > sharp.jpg
"""


class Request(Chosen, Said, Allowed, Written, Placed, Beyond, Reported):
    """Every option of the command."""

    fail_fast: bool
    quiet: bool


@click.command("apply", cls=Command, epilog=EXAMPLES)
@choosing
@filtering
@placing
@option(
    "Output",
    "--quality",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Of JPEG, WebP and AVIF, 1 to 100; 95 unless given.",
)
@option(
    "Output",
    "--compress",
    type=click.IntRange(0, 9),
    metavar="N",
    help="Of PNG and TIFF, 0 (stored) to 9 (smallest, and slow), 1 unless given; no sample depends"
    " on it.",
)
@option(
    "Output",
    "--frames",
    type=WordOr(FRAMES),
    metavar="WORD|N",
    help=explained(
        "Which pictures of an animation, or pages of a TIFF. All, unless said, where the output"
        " can hold several (PNG, GIF, WebP, TIFF), else the first; N counts from 1.",
        FRAMES,
    ),
)
@option(
    "Output",
    "--compression",
    type=Word(COMPRESSIONS),
    metavar="WORD",
    help=explained("How TIFF is packed.", COMPRESSIONS, "deflate"),
)
@option(
    "Output",
    "--tile",
    type=click.IntRange(min=1),
    metavar="N",
    help="Store TIFF in tiles of N x N pixels, a multiple of 16, not in strips.",
)
@reporting
@option(
    "Output",
    "--verify",
    is_flag=True,
    help="Compute a random window once more with plain loops before anything is written; a"
    " difference is an error.",
)
@option(
    "Output",
    "--verify-seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Verify, but the window that was verified with this seed.",
)
@limiting
@crewing
@beyond
@option("Running", "-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@common
@click.pass_context
def command(ctx: click.Context, images: tuple[str, ...], **said: Unpack[Request]) -> int:
    """
    Filter images with one kernel or a chain of kernels.

    Every sample is computed exactly and rounded once; nothing is rescaled, and nothing loses depth,
    unless asked. Existing files are not replaced, and every name is checked before any work. What
    was done, and how long it took, is said on standard error.
    """
    session, place = ctx.ensure_object(Session), chosen.wanted(ctx, said)
    kernels = recipes(said["filters"], said["kernels"])
    jobs, allowed = chosen.jobs(kernels, wishes(said), each=said["each"]), limits(said)
    told = Reporting(said, session.args, overwrite=place.replaces)
    written = replace(writing(said), form=SUFFIXES.get(place.form), overwrite=place.replaces)
    orders = told.orders(jobs, allowed, written, place.exists)
    kept = list(kernel_files(said["filters"], kernels))
    if said["watch"]:
        watching = Watching(images, said, place, [*kept, told.target])
        return _watch(watching, orders, told, said, debug=session.debug)
    found = chosen.found(ctx, images, said, place.out)
    if said["dry_run"]:
        from convcli.cli import planned

        settled = _settled(found, place, orders, told, kept)
        return planned.show(settled, found, jobs, as_json=said["as_json"])
    with standing_by(said, found.inputs, orders) as early:
        settled = _settled(found, place, orders, told, kept)
        if place.in_place:
            chosen.confirm(len(settled.tasks), yes=said["yes"])
        if not said["quiet"]:
            chosen.tell([*found.notes(), *settled.notes])
        return _run(settled, orders, told, said, early, debug=session.debug)


def _settled(
    found: Found, place: Wanted, orders: Orders, told: Reporting, kept: Iterable[str]
) -> Targets:
    """What is to be done, and where results go, the kernels in use apart."""
    from convcli.batch import targets

    settled = targets.settle(found.inputs, place, orders.jobs, told.resumption(orders))
    told.check(settled.tasks)
    replaced = (name for task in settled.tasks if task.overwrite for name in task.files)
    targets.check_spared(kept, [told.target, *replaced])
    return settled


def _run(
    settled: Targets,
    orders: Orders,
    told: Reporting,
    said: Request,
    early: Processes | None,
    *,
    debug: bool,
) -> int:
    """Do everything, say what happens, keep the report."""
    from convcli.batch import running

    quiet, tasks = said["quiet"], settled.tasks
    many, shown = len(tasks) > 1 or told.earlier > 0, None if quiet else sys.stderr
    with (
        Bar(None if many else shown) as tell,
        Progress(shown if many else None, len(tasks)) as progress,
        told.journal(tasks, settled.folder, many=many, quiet=quiet) as book,
    ):
        written = replace(orders.writing, folders=settled.folder != "", tell=tell)
        orders = replace(orders, writing=written)
        note = _noted(book, _voice(progress, many=many, quiet=quiet), debug=debug)
        with hired(said, tasks, orders, early) as crew:
            progress.begin(crew.name if crew else "")
            ending = running.run_all(tasks, orders, note, crew, fail_fast=said["fail_fast"])
        progress.end()
        told.halted = ending.why != ""
        return stopped(ending, len(tasks), told.report.summary.exit_code)


def _watch(
    watching: Watching, orders: Orders, told: Reporting, said: Request, *, debug: bool
) -> int:
    """Do whatever comes, say what happens, keep the report."""
    place, quiet = watching.place, said["quiet"]
    told.resumption(orders)
    told.check([])
    speak = _unless_skipped(_voice(Progress(None, 0), many=True, quiet=quiet))
    with told.journal([], place.out, many=True, quiet=quiet) as book:
        line = f"watching {', '.join(watching.roots)}; Ctrl-C ends it"
        orders = replace(orders, writing=replace(orders.writing, folders=True))
        note = _noted(book, speak, debug=debug)
        ending = watching.run(orders, note, lambda: None if quiet else chosen.tell([line]))
        if not quiet:
            chosen.tell([left_over(ending)] * bool(ending.left))
    return told.report.summary.exit_code


def _unless_skipped(speak: Callable[[Item], None]) -> Callable[[Item], None]:
    return lambda item: None if item.status == "skipped" else speak(item)


def _noted(book: Journal, speak: Callable[[Item], None], *, debug: bool) -> Done:
    """What to do with an image when it is done: trace its error, speak of it, note it."""

    def done(item: Item, error: ConvError | None) -> None:
        if error and debug:
            import traceback

            traceback.print_exception(error)
        book.note(item)
        speak(item)

    return done


def _voice(progress: Progress, *, many: bool, quiet: bool) -> Callable[[Item], None]:
    """What to say of an image when it is done: errors always, all else unless quiet."""

    def speak(item: Item) -> None:
        progress.note(item)
        if (quiet or progress.talks) and item.status != "failed":
            return
        if many or item.status == "skipped":
            render.item_line(item, sys.stderr)
        elif item.status == "failed":
            terminal.failure(item.error, item.hint, sys.stderr)
        else:
            render.item_report(item, sys.stderr)

    return speak
