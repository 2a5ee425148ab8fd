"""`convcli kernels schema`: the grammar of kernel files, for editors."""

from __future__ import annotations

import click

from convcli.cli.choices import Command
from convcli.cli.options import common

EXAMPLES = """
Examples:

\b
  convcli kernels schema > my-kernels/kernel.schema.json
  convcli kernels schema --path
"""


@click.command("schema", cls=Command, epilog=EXAMPLES)
@click.option("--path", is_flag=True, help="Print where it lies as a file instead.")
@common
def command(path: bool) -> None:
    """
    Print the JSON Schema (draft-07) of kernel files, for editors that complete and check.

    It is for YAML and TOML alike. What a schema cannot say is left to `convcli kernels check`.
    """
    from convcli.kernels import schema

    click.echo(str(schema.path()) if path else schema.text(), nl=path)
