"""`convcli apply`: images in, filtered images out, and what happened."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import click

from convcli import __version__, render
from convcli.cli.bar import Bar
from convcli.cli.choices import Command, Word, WordOr, explained
from convcli.cli.options import Session, common, filtering, image_files, limiting, option
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
    from collections.abc import Callable

    from convcli.batch.running import Done
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


class Request(Said, Allowed, Written, Reported):
    """Every option of the command but where images come from and go to."""

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
    from convcli.job import make_job

    over, session = said["overwrite"], ctx.ensure_object(Session)
    chosen = recipes(said["filters"], said["kernels"])
    wanted, allowed = make_job(chosen, wishes(said)), limits(said)
    told = Reporting(said, session.args, overwrite=over)
    with Bar(None if said["quiet"] else sys.stderr) as tell:
        orders = Orders(
            (wanted,),
            allowed,
            replace(writing(said), tell=tell),
            version=__version__,
            recorded=bool(told.target),
            checksum=told.checksum,
        )
        inputs = [Input(image) for image in images]
        before = told.resumption(orders)
        found = targets.tasks(inputs, out, overwrite=over, before=before)
        told.check(found)
        kept = kernel_files(said["filters"], chosen)
        targets.check_spared(kept, [told.target, *(task.target for task in found)])
        many, quiet = len(images) > 1, said["quiet"]
        speak = _voice(many=many, quiet=quiet)
        with told.journal(found, out, many=many, quiet=quiet) as book:
            running.run_all(found, orders, _noted(book, speak, debug=session.debug))
    return told.report.summary.exit_code


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
        if item.status != "ok" and not many:
            render.failure(item.error, item.hint, sys.stderr)
        elif many and not (quiet and item.status == "ok"):
            render.item_line(item, sys.stderr)
        elif not quiet:
            render.item_report(item, sys.stderr)

    return speak
