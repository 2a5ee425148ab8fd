"""`convcli apply`: images in, filtered images out, and what happened."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from convcli import __version__, render, terminal
from convcli.batch.naming import SUFFIXES
from convcli.cli import choosing as chosen
from convcli.cli.bar import Bar
from convcli.cli.choices import Command, Word, WordOr, explained
from convcli.cli.choosing import Chosen, Placed, choosing, placing
from convcli.cli.options import Session, common, filtering, limiting, option
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
from convcli.errors import UsageError
from convcli.io.formats import COMPRESSIONS
from convcli.report import FORMS, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcli.batch.running import Done
    from convcli.batch.task import Orders, Task
    from convcli.cli.journal import Journal
    from convcli.errors import ConvError
    from convcli.report import Item

STANDARD = "-"

EXAMPLES = """
Examples:

\b
  convcli apply photo.jpg -o soft.png -k gaussian:sigma=2 --linear
  convcli apply scans/*.tif -o out/ -k sobel --report run.csv
  curl -s URL | convcli apply - -o - -m "0 -1 0; -1 5 -1; 0 -1 0" > sharp.jpg
"""


class Request(Chosen, Said, Allowed, Written, Placed):
    """Every option of the command."""

    report: str | None
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
@option(
    "Output",
    "--report",
    metavar="FILE|-",
    help=f"Write what happened to a file of {', '.join('.' + form for form in FORMS)}; - prints"
    " JSON.",
)
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
    from convcli.batch import targets
    from convcli.batch.task import Orders
    from convcli.cli.journal import Journal

    session, place = ctx.ensure_object(Session), chosen.wanted(ctx, said)
    kernels = recipes(said["filters"], said["kernels"])
    jobs, allowed = chosen.jobs(kernels, wishes(said), each=said["each"]), limits(said)
    found = chosen.found(ctx, images, said, place.out)
    settled = targets.settle(found.inputs, place, jobs)
    target, form = _report_target(said["report"], settled.tasks, overwrite=place.replaces)
    replaced = (task.target for task in settled.tasks if task.overwrite)
    targets.check_spared(kernel_files(said["filters"], kernels), [target, *replaced])
    if said["dry_run"]:
        from convcli.cli import planned

        return planned.show(settled, found, jobs, as_json=said["as_json"])
    if place.in_place:
        chosen.confirm(len(settled.tasks), yes=said["yes"])
    if not said["quiet"]:
        chosen.tell([*found.notes(), *settled.notes])
    written = replace(writing(said), folders=settled.folder != "", form=SUFFIXES.get(place.form))
    report = Report(("convcli", *session.args), __version__)
    book = Journal(report, target, form, overwrite=place.replaces)
    orders = Orders(jobs, allowed, written)
    return _run(settled.tasks, orders, book, quiet=said["quiet"], debug=session.debug)


def _run(
    tasks: Sequence[Task], orders: Orders, journal: Journal, *, quiet: bool, debug: bool
) -> int:
    """Do everything, say what happens, keep the report."""
    from convcli.batch import running

    speak = _voice(many=len(tasks) > 1, quiet=quiet)
    with journal as book, Bar(None if quiet else sys.stderr) as tell:
        orders = replace(orders, writing=replace(orders.writing, tell=tell))
        running.run_all(tasks, orders, _noted(book, speak, debug=debug))
        if len(tasks) > 1 and not quiet:
            render.closing(book.record, sys.stderr)
    return running.exit_code(book.record.items)


def _noted(book: Journal, speak: Callable[[Item], None], *, debug: bool) -> Done:
    """What to do with an image when it is done: trace its error, speak of it, note it."""

    def done(item: Item, error: ConvError | None) -> None:
        if error and debug:
            import traceback

            traceback.print_exception(error)
        book.note(item)
        speak(item)

    return done


def _voice(*, many: bool, quiet: bool) -> Callable[[Item], None]:
    """What to say of an image when it is done: errors always, all else unless quiet."""

    def speak(item: Item) -> None:
        if quiet and item.status != "failed":
            return
        if many or item.status == "skipped":
            render.item_line(item, sys.stderr)
        elif item.status == "failed":
            terminal.failure(item.error, item.hint, sys.stderr)
        else:
            render.item_report(item, sys.stderr)

    return speak


def _report_target(
    report: str | None, found: Sequence[Task], *, overwrite: bool
) -> tuple[str, str]:
    """Where the report goes, and its form; refused, if need be, before any work."""
    from convcli.batch.places import is_one_of

    if report is None:
        return "", ""
    taken = (name for task in found for name in (task.source.path, task.target))
    if is_one_of(report, taken) and (report != STANDARD or found[0].target == STANDARD):
        raise UsageError(
            f"--report {report}: an image is there.", "Name another file: --report run.json"
        )
    if report == STANDARD:
        return STANDARD, "json"
    form = Path(report).suffix.lower().removeprefix(".")
    if form not in FORMS:
        known = ", ".join(f".{form}" for form in FORMS)
        raise UsageError(f"--report {report}: not a form of report.", f"Known: {known}, and -")
    from convcli.io import check_target

    check_target(report, overwrite=overwrite)
    return report, form
