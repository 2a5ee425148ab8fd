"""`convcli kernels check`: every fault of kernel files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcli import terminal
from convcli.cli.choices import Command
from convcli.cli.options import common, kernels_folder
from convcli.errors import InputError, KernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = """
Examples:

\b
  convcli kernels check
  convcli kernels check my-kernels/ sharper.yaml
"""


@click.command("check", cls=Command, epilog=EXAMPLES)
@click.argument(
    "paths",
    nargs=-1,
    metavar="[PATH]...",
    type=click.Path(path_type=Path),
    help="Kernel files and folders; all known ones if none.",
)
@kernels_folder
@common
def command(paths: tuple[Path, ...], kernels: tuple[Path, ...]) -> int:
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
