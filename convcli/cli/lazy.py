"""
Groups of commands that are imported when they are called.

`--help`, completion and `kernels list` wait neither for NumPy nor for SciPy, Pillow or rich.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class ClosedPipe(Exception):
    """Whoever read standard output went away. Click would end a BrokenPipeError by itself."""


@contextmanager
def _pipe() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ClosedPipe from error


class LazyGroup(click.Group):
    """
    A group that knows its commands by name and imports one when it is called.

    `table` has a summary for each name, the most used first; `modules` is the name of a command's
    module, with {} for that of the command.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's signature
        table: Mapping[str, str],
        modules: str,
        **attributes: Any,  # noqa: ANN401 - as above
    ) -> None:
        super().__init__(*args, **attributes)
        self.table = table
        self.modules = modules

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> click.Context:
        """Parse, and help those who ask for it."""
        with _pipe():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what it returns is the exit code, None for 0."""
        with _pipe():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names in the order of the table, the most used first."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module; its `command` is the command."""
        if cmd_name not in self.table:
            return None
        module = importlib.import_module(self.modules.format(cmd_name))
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest from the table; click's own knows only commands that were imported."""
        if args[0] not in self.table and not ctx.resilient_parsing and args[0][:1] != "-":
            raise click.NoSuchCommand(args[0], possibilities=self.table, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table; click's own asks every command for its help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))
