"""
The command group, and the one place that turns an exception into a message and an exit code.

    ConvError           its message and hint              2 .. 6, see `errors`
    click's own         usage and what is wrong           2
    Ctrl-C, SIGTERM     nothing half-written was left     130, 143
    full or no stdout   what `streams` says of it         5
    closed pipe         silence                           141, as other tools end by SIGPIPE
    anything else       a bug: traceback to a file        1

Commands are imported when they are called: `--help`, completion and `kernels list` wait neither for
NumPy nor for SciPy, Pillow or rich.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from convcli import __version__
from convcli.cli import streams
from convcli.cli.options import Session, common
from convcli.errors import CLOSED_PIPE, INTERRUPTED, TERMINATED, ConvError
from convcli.terminal import failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BUG = 1

COMMANDS = {
    "apply": "Filter images with one kernel or a chain of kernels.",
    "plan": "Say what `apply` would do and what it would cost; do nothing.",
    "report": "Summarise a run by its report, or compare two.",
    "kernels": "List, show and check kernels.",
    "bench": "Measure how fast each engine is on this machine.",
    "info": "Versions, formats, processors, folders: for bug reports.",
    "completion": "Print the script that makes a shell complete convcli's words.",
}
"""Every command and its summary; `list` must not import what only `apply` needs."""

EXAMPLES = """
Examples:

\b
  convcli apply photo.jpg -o soft.png -k gaussian:sigma=2
  convcli apply scan.tif -o edges.tif -m "-1 0 1; -2 0 2; -1 0 1" --range signed
  convcli kernels list
"""


class ClosedPipe(Exception):
    """Whoever read standard output went away. Click would end a BrokenPipeError by itself."""


@contextmanager
def _pipe() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ClosedPipe from error


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

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
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module; its `command` is the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"convcli.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest from the table; click's own knows only commands that were imported."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing and args[0][:1] != "-":
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table; click's own asks every command for its help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="convcli %(version)s")
@common
def group() -> None:
    """
    Filter images with kernels, by true convolution or cross-correlation, exactly.

    Each command explains itself: convcli apply --help
    """


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process if none is given) and return its exit code."""
    session = Session(tuple(sys.argv[1:] if args is None else args))
    code: object
    try:
        with streams.terminable():
            code = group.main(
                args,
                prog_name="convcli",
                obj=session,
                standalone_mode=False,
                windows_expand_args=False,  # patterns are ours: they keep the tree
            )
            sys.stdout.flush()
    except (BrokenPipeError, ClosedPipe):
        code = CLOSED_PIPE
    except BaseException as error:  # noqa: BLE001 - the one place: every exception ends here
        if session.debug and not isinstance(error, SystemExit):
            import traceback

            traceback.print_exc()
        code = tell(streams.recognised(error))
    streams.drain()
    return code if isinstance(code, int) else 0


def tell(error: BaseException) -> int:
    """Say what went wrong on standard error; return the exit code."""
    if isinstance(error, ConvError):
        failure(error.message, error.hint, sys.stderr)
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort, streams.Terminated)):
        return _stopped(error)
    if isinstance(error, SystemExit):  # click leaves the process when it has completed a word
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, MemoryError):
        failure("There is not enough memory for this.", "Use fewer --jobs.", sys.stderr)
        return BUG
    return _bug(error)


def _usage(error: click.ClickException) -> int:
    told = StringIO()
    error.show(told)
    failure(told.getvalue().rstrip("\n"), "", sys.stderr)
    return error.exit_code


def _stopped(error: BaseException) -> int:
    terminated = isinstance(error, streams.Terminated)
    word = "Terminated" if terminated else "Interrupted"
    failure(f"{word}: nothing half-written was left.", "", sys.stderr)
    return TERMINATED if terminated else INTERRUPTED


def _bug(error: BaseException) -> int:
    from convcli.crash import as_error

    told = as_error(error)
    failure(told.message, told.hint, sys.stderr)
    return BUG
