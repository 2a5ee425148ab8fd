"""`convcli kernels path`: where kernels are looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convcli.cli.choices import Command
from convcli.cli.options import common, kernels_folder
from convcli.wording import printable

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """
Example:

\b
  convcli kernels path --kernels my-kernels
"""


@click.command("path", cls=Command, epilog=EXAMPLES)
@kernels_folder
@common
def command(kernels: tuple[Path, ...]) -> None:
    """Print the folders where kernels are looked for, the first first."""
    from convcli.kernels.library import search_path

    for place in search_path(kernels):
        click.echo(printable(str(place.path)))
