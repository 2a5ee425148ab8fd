"""`convcli kernels show`: what `show` knows of kernels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.choices import Command, KernelType
from convcli.cli.options import as_json, common, kernels_folder
from convcli.cli.said import recipes
from convcli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.kernels.kernel import Recipe

EXAMPLES = """
Examples:

\b
  convcli kernels show gaussian:sigma=2
  convcli kernels show -m "-1 0 1; -2 0 2; -1 0 1"
  convcli kernels show --response gaussian:sigma=1
"""


@click.command("show", cls=Command, epilog=EXAMPLES)
@click.argument("kernel", nargs=-1, metavar="NAME|FILE...", type=KernelType(), help="As after -k.")
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="A kernel written here.")
@click.option(
    "--response",
    is_flag=True,
    help="What it does to waves of every frequency, and to a single pixel.",
)
@kernels_folder
@as_json
@common
def command(
    filters: tuple[tuple[str, str], ...],
    response: bool,
    kernels: tuple[Path, ...],
    as_json: bool,
) -> None:
    """
    Show a kernel: its numbers, what they do, and commands to copy.

    With --response: the gain along rows, columns and diagonals, how far waves move, and what one
    pixel becomes. Frequencies are in cycles per pixel; 0.5 along a row is the shortest wave.
    Kernels that are combined are shown one by one; --json has all numbers.
    """
    from convcli.cli import show as showing

    if not filters:
        raise UsageError("Which kernel?", "Name one: convcli kernels show sobel")
    found = list(zip(filters, recipes(filters, kernels), strict=True))
    if as_json:
        documents = [_documented(recipe, with_response=response) for _, recipe in found]
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
        return
    for given, recipe in found:
        if response:
            from convcli.cli.response import tell

            tell(recipe)
        else:
            showing.tell(recipe, given)


def _documented(recipe: Recipe, *, with_response: bool) -> dict[str, Any]:
    from convcli.cli.show import as_data

    document = as_data(recipe)
    if with_response:
        from convcli.cli.response import as_data as waves

        document["response"] = waves(recipe)
    return document
