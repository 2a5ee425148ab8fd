"""`convcli kernels list`: names, titles and tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from convcli import terminal
from convcli.cli.choices import Command
from convcli.cli.options import as_json, common, kernels_folder
from convcli.errors import KernelError
from convcli.wording import printable

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.kernels.library import Entry

EXAMPLES = """
Examples:

\b
  convcli kernels list --tag edge
  convcli kernels list --json
"""


@click.command("list", cls=Command, epilog=EXAMPLES)
@click.option("--tag", help="Only those with this tag, such as edge or blur.")
@kernels_folder
@as_json
@common
def command(tag: str | None, kernels: tuple[Path, ...], as_json: bool) -> None:
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
