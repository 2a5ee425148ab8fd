"""
What a stream shows, and figures for people: terminals, lines in columns, sizes, shares, times.

Whether a stream is a terminal is asked of the stream alone: FORCE_COLOR gives colours to a pipe,
but no tables. NO_COLOR takes them away, and TERM=dumb gets plain lines.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from convcli.wording import legible, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console


def draws(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows tables."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: TextIO) -> bool:
    """Whether a stream gets colours: a terminal, or whatever FORCE_COLOR says; NO_COLOR wins."""
    if os.environ.get("NO_COLOR"):
        return False
    return draws(stream) or bool(os.environ.get("FORCE_COLOR"))


def console(stream: TextIO) -> Console:
    """rich's, which draws on it whatever it is; nothing in a text is markup."""
    from rich.console import Console

    return Console(
        file=stream,
        highlight=False,
        emoji=False,
        markup=False,
        soft_wrap=True,
        force_terminal=True,
        force_interactive=False,
        no_color=not coloured(stream),
    )


def say(*lines: str, stream: TextIO) -> None:
    """Lines, one below the other."""
    print(*lines, sep="\n", file=stream)


def failure(message: str, hint: str, stream: TextIO) -> None:
    """What is wrong, and below it what to do."""
    say(legible(message), *[legible(hint)] * bool(hint), stream=stream)


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[str], None]]:
    """A line of a terminal that says how far the work is, and is gone afterwards."""

    def tell(words: str) -> None:
        if draws(stream):
            print(f"\r\x1b[K{words}", end="", file=stream, flush=True)

    try:
        yield tell
    finally:
        tell("")


def columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of words as aligned lines."""
    table = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, words)) for words in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)).rstrip()


def pairs(table: Mapping[str, str]) -> Iterator[str]:
    """Words and what they stand for, one a line."""
    return columns(table.items())


# --- figures for people --------------------------------------------------------------------------


def size(octets: int) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    amount, units = float(octets), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while amount >= 1000 and (larger := next(units, "")):  # noqa: PLR2004 - the step from unit to unit
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def share(part: float) -> str:
    """A share in percent, never rounded to nothing."""
    percent = 100 * part
    if percent < 0.01:  # noqa: PLR2004 - what two decimals can say
        return "less than 0.01 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"  # noqa: PLR2004 - two digits


def count(number: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {thing}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """`1.25 s`, `12.5 ms`."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def shape(width: int, height: int, channels: int, dtype: str) -> str:
    """`640 x 480, 3 channels of uint8`."""
    return f"{width} x {height}, {count(channels, 'channel')} of {dtype}"
