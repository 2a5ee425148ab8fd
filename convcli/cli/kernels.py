"""`convcli kernels`: its commands, each imported from `kernels_NAME` when it is called."""

from __future__ import annotations

import click

from convcli.cli.lazy import LazyGroup
from convcli.cli.options import common

COMMANDS = {
    "list": "List all kernels with their titles.",
    "show": "Show a kernel: its numbers, what they do, and commands to copy.",
    "check": "Check kernel files: every fault, with its line.",
    "new": "Write a kernel file with comments, to be changed.",
    "schema": "Print the JSON Schema of kernel files, for editors.",
    "matrix": "Print the matrix W of y = W x.",
    "convert": "Write a kernel as other programs take it.",
    "path": "Print the folders where kernels are looked for.",
}
"""Every command and its summary."""

EXAMPLES = """
Examples:

\b
  convcli kernels list --tag edge
  convcli kernels show gaussian:sigma=2
  convcli kernels check my-kernels/
"""


@click.group(
    "kernels",
    cls=LazyGroup,
    table=COMMANDS,
    modules="convcli.cli.kernels_{}",
    invoke_without_command=True,
    epilog=EXAMPLES,
)
@common
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and check kernels. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        from convcli.cli.kernels_list import command as listing

        ctx.invoke(listing, tag=None, kernels=(), as_json=False)
