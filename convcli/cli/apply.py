"""`convcli apply`: images in, filtered images out, and what happened."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from convcli import __version__, render
from convcli.cli.bar import Bar
from convcli.cli.choices import Command, Word, WordOr, explained
from convcli.cli.options import Session, common, crewing, filtering, image_files, limiting, option
from convcli.cli.progress import Progress, stopped
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
    from contextlib import AbstractContextManager

    from convcli.batch.pools import Crew
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


class Request(Said, Allowed, Written):
    """Every option of the command but where images come from and go to."""

    report: str | None
    workers: str
    fail_fast: bool
    quiet: bool


@click.command("apply", cls=Command, epilog=EXAMPLES)
@image_files
@filtering
@option(
    "Output",
    "-o",
    "--out",
    required=True,
    metavar="FILE|DIR|-",
    help="A file; or a folder, for several images; or standard output.",
)
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
@option("Output", "--overwrite", is_flag=True, help="Replace files that exist.")
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
@crewing
@option("Running", "-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@common
@click.pass_context
def command(ctx: click.Context, images: tuple[str, ...], out: str, **said: Unpack[Request]) -> int:
    """
    Filter images with one kernel or a chain of kernels.

    Every sample is computed exactly and rounded once; nothing is rescaled, and nothing loses depth,
    unless asked. Existing files are not replaced. What was done, and how long it took, is said on
    standard error.
    """
    from convcli.batch import running, targets
    from convcli.batch.task import Input, Orders
    from convcli.cli.journal import Journal
    from convcli.job import make_job

    over, session = said["overwrite"], ctx.ensure_object(Session)
    chosen = recipes(said["filters"], said["kernels"])
    wanted, allowed = make_job(chosen, wishes(said)), limits(said)
    found = targets.tasks([Input(image) for image in images], out, overwrite=over)
    target, form = _report_target(said["report"], found, overwrite=over)
    kept = kernel_files(said["filters"], chosen)
    targets.check_spared(kept, [target, *(task.target for task in found)])
    record, stream = Report(("convcli", *session.args), __version__), sys.stderr
    many, shown = len(found) > 1, None if said["quiet"] else stream
    with (
        Journal(record, target, form, overwrite=over) as book,
        Bar(None if many else shown) as tell,
        Progress(shown if many else None, len(found)) as progress,
    ):
        orders = Orders((wanted,), allowed, replace(writing(said), tell=tell))
        speak = _voice(progress, many=many, quiet=said["quiet"])
        with _crew(found, orders, said["workers"]) as crew:
            progress.begin(crew.name if crew else "")
            ending = running.run_all(
                found,
                orders,
                _noted(book, speak, debug=session.debug),
                crew,
                fail_fast=said["fail_fast"],
            )
        progress.end()
        if many and not said["quiet"]:
            render.closing(record, sys.stderr)
    return stopped(ending, len(found), running.exit_code(record.items))


def _crew(
    found: Sequence[Task], orders: Orders, workers: str
) -> AbstractContextManager[Crew | None]:
    """Who does it; a single image is done at once, without the cost of what several need."""
    if len(found) == 1:
        return nullcontext()
    from convcli.batch import pools

    return pools.crew(found, orders, workers) or nullcontext()


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
        if progress.talks and item.status == "ok":
            return
        if item.status != "ok" and not many:
            render.failure(item.error, item.hint, sys.stderr)
        elif many and not (quiet and item.status == "ok"):
            render.item_line(item, sys.stderr)
        elif not quiet:
            render.item_report(item, sys.stderr)

    return speak


def _report_target(
    report: str | None, found: Sequence[Task], *, overwrite: bool
) -> tuple[str, str]:
    """Where the report goes, and its form; refused, if need be, before any work."""
    if report is None:
        return "", ""
    taken = {os.path.realpath(name) for task in found for name in (task.source.path, task.target)}
    if os.path.realpath(report) in taken and (report != STANDARD or found[0].target == STANDARD):
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
