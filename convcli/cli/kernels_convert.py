"""`convcli kernels convert`: a kernel as another program reads it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from convcli.cli.choices import Command, KernelType, Word, explained
from convcli.cli.options import common, kernels_folder
from convcli.cli.said import recipes
from convcli.errors import UsageError
from convcli.kernels.exchange import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {name: form.title for name, form in FORMATS.items() if form.writes}

EXAMPLES = """
Examples:

\b
  convcli kernels convert sobel-x --to imagemagick
  convcli kernels convert gaussian:sigma=1 --to vips -o gauss.mat
  convcli kernels convert "im:3x3: 0,-1,0 -1,5,-1 0,-1,0" --to svg -o sharpen.svg
"""


@click.command("convert", cls=Command, epilog=EXAMPLES)
@click.argument("kernel", nargs=-1, metavar="NAME|FILE", type=KernelType(), help="As after -k.")
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="A kernel written here.")
@click.option(
    "--to",
    "form",
    required=True,
    type=Word(WORDS),
    metavar="FORMAT",
    help=explained("The format to write.", WORDS),
)
@click.option("-o", "--out", metavar="FILE|-", default="-", help="A file; else standard output.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@kernels_folder
@common
def command(
    filters: tuple[tuple[str, str], ...],
    form: str,
    out: str,
    overwrite: bool,
    kernels: tuple[Path, ...],
) -> None:
    """
    Write a kernel for another program.

    What its format cannot hold is worked around without loss, and said on standard error, or is an
    error: anchors become zeros around the weights, conventions a half turn.
    """
    from convcli.kernels.exchange import write

    if len(filters) != 1:
        raise UsageError("Which kernel?", "Name one: convcli kernels convert sobel-x --to vips")
    (recipe,) = recipes(filters, kernels)
    written = write(recipe, form)
    if out == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(written.data)
    else:
        from convcli.io import check_target, write_bytes

        check_target(out, overwrite=overwrite)
        write_bytes(out, written.data, overwrite=overwrite)
    for note in written.notes:
        click.echo(f"Note: {note}.", err=True)
