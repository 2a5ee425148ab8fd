"""
The command group, and the one place that turns an exception into a message and an exit code.

    ConvError           its message and hint              2 .. 6, see `errors`
    click's own         usage and what is wrong           2
    Ctrl-C, SIGTERM     nothing half-written was left     130, 143
    full or no stdout   what `streams` says of it         5
    closed pipe         silence                           141, as other tools end by SIGPIPE
    anything else       a bug: traceback to a file        1

Commands are imported when they are called, see `lazy`.
"""

from __future__ import annotations

import sys
from io import StringIO
from typing import TYPE_CHECKING

import click

from convcli import __version__
from convcli.cli import signals, streams
from convcli.cli.lazy import ClosedPipe, LazyGroup
from convcli.cli.options import Session, common
from convcli.errors import CLOSED_PIPE, INTERRUPTED, ConvError
from convcli.terminal import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    modules="convcli.cli.{}",
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
    heard = signals.Heard()
    code: object
    try:
        with signals.raising(heard):
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
        code = _stopped(heard.code) if heard.code else tell(streams.recognised(error))
    streams.drain()
    return code if isinstance(code, int) else 0


def tell(error: BaseException) -> int:
    """Say what went wrong on standard error; return the exit code."""
    if isinstance(error, ConvError):
        failure(error.message, error.hint, sys.stderr)
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _stopped(INTERRUPTED)
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


def _stopped(code: int) -> int:
    failure(signals.last_words(code), "", sys.stderr)
    return code


def _bug(error: BaseException) -> int:
    from convcli.crash import as_error

    told = as_error(error)
    failure(told.message, told.hint, sys.stderr)
    return BUG
