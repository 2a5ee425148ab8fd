"""
The exception tree, and the exit code that each branch ends the command with.

    ConvError                 1   the root; every error convcli raises on purpose
    +-- UsageError            2   options that are wrong, or do not go together
    +-- KernelError           3   a kernel that is unknown, malformed or impossible
    +-- InputError            4   an image that cannot be read, or must not be
    |   +-- TooLarge          4   one that the memory allowed does not hold
    +-- OutputError           5   a file that cannot be written, or must not be
    +-- MissingExtra          6   an optional part that is not installed
    +-- ResultError           1   a result that is not what `--verify` computes: a bug in convcli

Five more codes belong to no exception of the tree:

    SOME_FAILED, ALL_FAILED   7, 8    a batch
    INTERRUPTED               130     Ctrl-C
    CLOSED_PIPE               141     nobody reads standard output any more
    TERMINATED                143     SIGTERM, as `kill` and `timeout` send it

They are what a shell gives for SIGINT, SIGPIPE and SIGTERM. An exception outside this tree is a bug
in convcli and ends with 1.
"""

from __future__ import annotations

SOME_FAILED = 7
ALL_FAILED = 8
INTERRUPTED = 130
CLOSED_PIPE = 141
TERMINATED = 143


THERE = "exists"
"""The cause of errors that say so of a file."""


class ConvError(Exception):
    """
    `message` says what, where and why; `hint` says what to do about it.

    Both are plain text of one or more lines, without a trailing full stop rule of their own: they
    are printed as they are, by the one place that turns an exception into a message (`cli.main`).
    `cause` is one short word that never changes, by which the failures of a batch are grouped:
    `damaged`, `too-large`, `exists`; that of the class, unless whoever raises it knows better.
    """

    exit_code = 1
    kind = "bug"

    def __init__(self, message: str, hint: str = "", *, cause: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.cause = cause or self.kind

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[ConvError], tuple[str, str], dict[str, str]]:
        # Exceptions cross process borders by pickling; the default forgets the hint.
        return type(self), (self.message, self.hint), {"cause": self.cause}


class UsageError(ConvError):
    """Options that are wrong, or do not go together."""

    exit_code = 2
    kind = "usage"


class KernelError(ConvError):
    """A kernel that is unknown, malformed or impossible here."""

    exit_code = 3
    kind = "kernel"


class InputError(ConvError):
    """An image that cannot be read, or must not be."""

    exit_code = 4
    kind = "unreadable"


class TooLarge(InputError):
    """An image that does not fit into the memory allowed; with more of it, it may."""

    kind = "memory"


class OutputError(ConvError):
    """A file that cannot be written, or must not be."""

    exit_code = 5
    kind = "unwritable"


class MissingExtra(ConvError):
    """An optional part of convcli that is not installed."""

    exit_code = 6
    kind = "missing-extra"


class ResultError(ConvError):
    """A result that is not what `--verify` computes: a bug in convcli."""

    exit_code = 1
    kind = "wrong-result"
