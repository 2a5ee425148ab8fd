"""
Kernels and benchmarks as pictures of numbers: heat maps of weights, tables of milliseconds.

On a terminal with rich's tables and colours, elsewhere in plain lines.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TextIO

from convcli.terminal import coloured, columns, console, count, draws, say, shape
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

    from convcli.bench import Block, Cell, Row
    from convcli.kernels.kernel import Matrix

LONGEST = 160
"""Letters in a line of a matrix."""

BLUE, PALE, ORANGE = (33, 102, 172), (247, 247, 247), (230, 97, 1)
"""Ends and middle of the heat map: negative, zero, positive; told apart by every kind of eye."""


def heat_map(matrix: Matrix, stream: TextIO) -> None:
    """
    The numbers of a matrix; on blue below 0 and orange above it where colours show.

    Where the lines would be too long, cells of colour without numbers, or a word that says so.
    """
    words = [[f"{cell + 0.0:.4g}" for cell in row] for row in matrix]
    width = max(len(word) for row in words for word in row) + 2
    if width * len(matrix[0]) > LONGEST:
        words, width = [[""] * len(row) for row in matrix], 2
    if coloured(stream):
        peak = max(abs(cell) for row in matrix for cell in row) or 1.0
        screen = console(stream)
        for cells, row in zip(matrix, words, strict=True):
            screen.print(_heated([cell / peak for cell in cells], row, width))
    elif words[0][0]:
        for row in words:
            print("  " + "".join(f"{word:>{width}}" for word in row), file=stream)
    else:
        print("  too wide to print; --json prints all numbers", file=stream)


def _heated(heat: Sequence[float], words: Sequence[str], width: int) -> Text:
    from rich.text import Text

    line = Text("  ")
    for warmth, word in zip(heat, words, strict=True):
        line.append(f"{word:>{width - 1}} ", style=_style(warmth))
    return line


def _style(warmth: float) -> str:
    """Black or white letters on a mixture of the pale middle and one end."""
    end = ORANGE if warmth > 0 else BLUE
    red, green, blue = (
        round(pale + (full - pale) * abs(warmth)) for pale, full in zip(PALE, end, strict=True)
    )
    dark = 2 * red + 5 * green + blue < 8 * 128
    return f"{'white' if dark else 'black'} on rgb({red},{green},{blue})"


# --- a benchmark ---------------------------------------------------------------------------------


def bench_head(name: str, samples: Block, stream: TextIO) -> None:
    """What was filtered."""
    height, width, channels = samples.shape
    size = shape(width, height, channels, samples.dtype.name)
    say(printable(f"{name}: {size}; milliseconds"), stream=stream)


def bench_table(kernel: str, about: str, rows: Iterable[Row], stream: TextIO) -> None:
    """Milliseconds of every engine and peer, a row for each size of one kernel."""
    shown = [row for row in rows if row.kernel == kernel]
    head = ["size", *(cell.name for cell in shown[0].cells)]
    lines = [[f"{row.size}x{row.size}", *(_cell(row, c) for c in row.cells)] for row in shown]
    say("", stream=stream)
    if draws(stream):
        console(stream).print(_figure_table(f"{kernel}: {about}", head, lines))
        return
    widths = [max(map(len, words)) for words in zip(head, *lines, strict=True)]
    table = [
        [f"{word:>{width}}" for word, width in zip(line, widths, strict=True)]
        for line in (head, *lines)
    ]
    say(f"{kernel}: {about}", *columns(table), stream=stream)


def _figure_table(title: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None)
    for name in head:
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return table


def _cell(row: Row, cell: Cell) -> str:
    """`~1,240*`: estimated, and what `auto` chooses; empty where the engine refuses."""
    if cell.seconds is None:
        return ""
    figure, star = 1000 * cell.seconds, "*" if cell.name == row.auto else " "
    digits = 0 if figure >= 100 else 1 if figure >= 1 else 3  # noqa: PLR2004 - three digits or so
    return f"{'~' * cell.estimated}{figure:,.{digits}f}{star}"


def bench_notes(rows: Sequence[Row], missing: Iterable[str], end: str, stream: TextIO) -> None:
    """What the marks mean, what is not there, and what it all says."""
    cells = [cell for row in rows for cell in row.cells if cell.seconds is not None]
    runs = [cell.runs for cell in cells if cell.runs]
    say("", "* is what auto chooses", stream=stream)
    if any(cell.estimated for cell in cells):
        say("~ is estimated from a part of the picture: all of it takes too long", stream=stream)
    if runs:
        most = max(runs)
        fewer = f", of fewer (at least {min(runs)}) where one takes long" * (min(runs) < most)
        say(f"Medians of {count(most, 'run')}{fewer}.", stream=stream)
    for name in missing:
        say(f"{name} is not installed, and so has no column.", stream=stream)
    say(end, stream=stream)


# --- a response ----------------------------------------------------------------------------------

TALL = 5
"""Lines of the longest bar."""

LABEL = 10
"""Letters before the axis."""

BLOCKS = (" ▁▂▃▄▅▆▇█", " ▀█")
LETTERS = (" ...::|||", " '|")
"""Parts of a line, from none to all of it: bars that stand, and bars that hang."""


def bars(values: Sequence[float], ends: tuple[str, str, str], stream: TextIO) -> None:
    """
    One column a value, upwards from 0 or downwards; `ends` stand under the axis.

        0.25 |    ▃█
           0 +--------
       -0.25 | █▀
             -3 pixels

    In letters where the stream's encoding has no blocks; never in colour.
    """
    peak = max(map(abs, values)) or 1.0
    heights = [value / peak * TALL for value in values]
    standing, hanging = BLOCKS if _encodes("".join(BLOCKS), stream) else LETTERS
    above = [_filled(heights, line, standing) for line in range(math.ceil(max(heights)))]
    below = [_filled([-h for h in heights], i, hanging) for i in range(math.ceil(-min(heights)))]
    lines = [f"{'':{LABEL}}|{line}".rstrip() for line in (*above[::-1], *below)]
    lines.insert(len(above), f"{0:>{LABEL}}+{'-' * len(values)}")
    for at, value in ((0, max(values)), (-1, min(values))):
        if lines[at][LABEL] == "|" and value:
            lines[at] = f"{_short(value):>{LABEL}}" + lines[at][LABEL:]
    say(*lines, f"{'':{LABEL + 1}}{_spaced(ends, len(values))}", stream=stream)


def _short(value: float) -> str:
    """At most ten letters: -1.234e-100 has one too many, and none may just be cut."""
    text = f"{value:.4g}"
    return text if len(text) <= LABEL else f"{value:.3g}"


def _filled(heights: Iterable[float], line: int, parts: str) -> str:
    """What a line, counted from the axis, shows of every bar."""
    most = len(parts) - 1
    return "".join(parts[round(most * min(1.0, max(0.0, height - line)))] for height in heights)


def _spaced(ends: tuple[str, str, str], width: int) -> str:
    """Texts at the left, in the middle where it fits, and at the right of so many letters."""
    left, middle, right = ends
    start = (width - len(middle)) // 2
    fits = len(left) < start and start + len(middle) + len(right) < width
    line = left.ljust(start) + middle if fits else left
    return line + " " * max(1, width - len(line) - len(right)) + right


def _encodes(text: str, stream: TextIO) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
