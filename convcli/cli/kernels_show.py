"""`convcli kernels show`: what `show` knows of kernels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from convcli.cli.choices import Command, KernelType
from convcli.cli.options import as_json, common, kernels_folder
from convcli.cli.said import recipes
from convcli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """
Examples:

\b
  convcli kernels show gaussian:sigma=2
  convcli kernels show -m "-1 0 1; -2 0 2; -1 0 1"
"""


@click.command("show", cls=Command, epilog=EXAMPLES)
@click.argument("kernel", nargs=-1, metavar="NAME|FILE...", type=KernelType(), help="As after -k.")
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="A kernel written here.")
@kernels_folder
@as_json
@common
def command(filters: tuple[tuple[str, str], ...], kernels: tuple[Path, ...], as_json: bool) -> None:
    """Show a kernel: its numbers, what they do, and commands to copy."""
    from convcli.cli import show as showing

    if not filters:
        raise UsageError("Which kernel?", "Name one: convcli kernels show sobel")
    found = list(zip(filters, recipes(filters, kernels), strict=True))
    if as_json:
        documents = [showing.as_data(recipe) for _, recipe in found]
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
        return
    for given, recipe in found:
        showing.tell(recipe, given)
