"""`convcli kernels`: list, show, check, and where they are looked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcli import terminal
from convcli.cli.choices import Command, KernelType
from convcli.cli.options import common, kernels_folder
from convcli.cli.said import recipes
from convcli.errors import InputError, KernelError, UsageError
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.kernels.library import Entry

EXAMPLES = """
Examples:

\b
  convcli kernels list --tag edge
  convcli kernels show gaussian:sigma=2
  convcli kernels check my-kernels/
"""

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("kernels", invoke_without_command=True, epilog=EXAMPLES)
@common
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and check kernels. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_kernels, tag=None, kernels=(), as_json=False)


@command.command("list", cls=Command, epilog=EXAMPLES)
@click.option("--tag", help="Only those with this tag, such as edge or blur.")
@kernels_folder
@as_json
@common
def list_kernels(tag: str | None, kernels: tuple[Path, ...], as_json: bool) -> None:
    """List all kernels with their titles."""
    from convcli.kernels.library import listing, search_path

    entries = listing(search_path(kernels), tag)
    if as_json:
        rows = [
            {
                "name": entry.name,
                "title": entry.title,
                "tags": list(entry.tags),
                "aliases": list(entry.aliases),
                "origin": str(entry.origin),
                "place": entry.place,
                "shadowed": entry.shadowed,
                "problem": entry.problem,
            }
            for entry in entries
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not entries:
        raise KernelError(
            f"No kernel has the tag '{tag}'." if tag else "There are no kernels here.",
            "See all: convcli kernels list" if tag else "See where: convcli kernels path",
        )
    for line in terminal.columns(
        (e.name, e.title, " ".join(e.tags)) for e in entries if _usable(e)
    ):
        click.echo(line)
    for entry in entries:
        if entry.problem:
            name = printable(str(entry.origin))
            click.echo(f"{name} cannot be read. See: convcli kernels check", err=True)


def _usable(entry: Entry) -> bool:
    return not (entry.problem or entry.shadowed)


@command.command("show", cls=Command, epilog=EXAMPLES)
@click.argument("kernel", nargs=-1, metavar="NAME|FILE...", type=KernelType(), help="As after -k.")
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="A kernel written here.")
@kernels_folder
@as_json
@common
def show(filters: tuple[tuple[str, str], ...], kernels: tuple[Path, ...], as_json: bool) -> None:
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


@command.command("check", cls=Command, epilog=EXAMPLES)
@click.argument(
    "paths",
    nargs=-1,
    metavar="[PATH]...",
    type=click.Path(path_type=Path),
    help="Kernel files and folders; all known ones if none.",
)
@kernels_folder
@common
def check(paths: tuple[Path, ...], kernels: tuple[Path, ...]) -> int:
    """Check kernel files: every fault of every file, with its line; exit code 3 if there is one."""
    from convcli.kernels.kernelfile import check_file
    from convcli.kernels.library import resolver, search_path

    places = search_path(kernels)
    files = list(_files(paths or tuple(place.path for place in places)))
    faults = [
        fault for file in files for fault in check_file(file, resolve=resolver(places, (file,)))
    ]
    for fault in faults:
        click.echo(str(fault))
    checked = terminal.count(len(files), "kernel file")
    click.echo(f"{terminal.count(len(faults), 'fault')} in {checked}.", err=True)
    return KernelError.exit_code if faults else 0


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    from convcli.kernels.library import Place

    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - a name of any length
            yield from Place(path, str(path)).files()
        elif os.path.exists(path):  # noqa: PTH110 - as above
            yield path
        else:
            raise InputError(f"{path} does not exist.", "Name kernel files or folders of them.")


@command.command("path", cls=Command, epilog=EXAMPLES)
@kernels_folder
@common
def path(kernels: tuple[Path, ...]) -> None:
    """Print the folders where kernels are looked for, the first first."""
    from convcli.kernels.library import search_path

    for place in search_path(kernels):
        click.echo(printable(str(place.path)))
