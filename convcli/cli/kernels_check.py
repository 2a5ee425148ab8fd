"""`convcli kernels check`: every fault of kernel files."""

from __future__ import annotations

import os
from dataclasses import replace
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
  convcli kernels check my-kernels/ sharper.yaml --strict
"""


@click.command("check", cls=Command, epilog=EXAMPLES)
@click.argument(
    "paths",
    nargs=-1,
    metavar="[PATH]...",
    type=click.Path(path_type=Path),
    help="Kernel files and folders; all known ones if none.",
)
@click.option("--strict", is_flag=True, help="Warnings, too, end with exit code 3.")
@kernels_folder
@common
def command(paths: tuple[Path, ...], strict: bool, kernels: tuple[Path, ...]) -> int:
    """
    Check kernel files: every fault of every file, with its line; exit code 3 if there is one.

    What is allowed but looks like a slip is a warning: a sum of almost 0, one weight that breaks a
    symmetry, a matrix that was published wrong.
    """
    from convcli.kernels.library import beside, check_file, search_path
    from convcli.kernels.lint import warnings

    places = search_path(kernels)
    files = list(_named(paths) if paths else (file for place in places for file in place.files()))
    faults, warned = 0, 0
    for file in files:
        found = check_file(file, places)
        doubts = [] if found else warnings(file, resolve=beside(file, places))
        for line in (*found, *(replace(doubt, text=f"warning: {doubt.text}") for doubt in doubts)):
            click.echo(str(line))
        faults, warned = faults + len(found), warned + len(doubts)
    _sum_up(faults, warned, len(files))
    return KernelError.exit_code if faults or (strict and warned) else 0


def _sum_up(faults: int, warned: int, files: int) -> None:
    told = [terminal.count(faults, "fault"), *[terminal.count(warned, "warning")] * bool(warned)]
    click.echo(f"{' and '.join(told)} in {terminal.count(files, 'kernel file')}.", err=True)


def _named(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Files and those of folders; a folder of none would pass any check unseen."""
    from convcli.kernels.kernelfile import KERNEL_SUFFIXES
    from convcli.kernels.library import Place

    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - a name of any length
            found = list(Place(path, str(path)).files())
            if not found:
                wanted = ", ".join(KERNEL_SUFFIXES)
                raise InputError(f"{path} holds no kernel files.", f"They end in {wanted}.")
            yield from found
        elif os.path.exists(path):  # noqa: PTH110 - as above
            yield path
        else:
            raise InputError(f"{path} does not exist.", "Name kernel files or folders of them.")
