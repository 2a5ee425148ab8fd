"""
Data to text for people. On a terminal with rich's tables and colours, elsewhere in plain lines.

Whether a stream is a terminal is asked of the stream alone: FORCE_COLOR gives colours to a pipe,
but no tables. NO_COLOR takes them away, and TERM=dumb gets plain lines. Names of files are other
people's words: what does not print is escaped in every line.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from convcli.report import PHASES
from convcli.wording import legible, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from convcli.bench import Block, Cell, Row
    from convcli.io import Header
    from convcli.kernels.kernel import Matrix
    from convcli.plan import Plan
    from convcli.report import Item

BAR = 24
WHITE = {"uint8": "255", "uint16": "65535"}
LONGEST = 160
"""Letters in a line of a matrix."""

BLUE, PALE, ORANGE = (33, 102, 172), (247, 247, 247), (230, 97, 1)
"""Ends and middle of the heat map: negative, zero, positive; told apart by every kind of eye."""


def draws(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows tables."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: TextIO) -> bool:
    """Whether a stream gets colours: a terminal, or whatever FORCE_COLOR says; NO_COLOR wins."""
    if os.environ.get("NO_COLOR"):
        return False
    return draws(stream) or bool(os.environ.get("FORCE_COLOR"))


def _console(stream: TextIO) -> Console:
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


def failure(message: str, hint: str, stream: TextIO) -> None:
    """What is wrong, and below it what to do."""
    say(legible(message), *[legible(hint)] * bool(hint), stream=stream)


def say(*lines: str, stream: TextIO) -> None:
    """Lines, one after the other."""
    print(*lines, sep="\n", file=stream)


# --- what happened to one image ------------------------------------------------------------------


def item_report(item: Item, stream: TextIO) -> None:
    """All about one image: a table of phases on a terminal, a few lines elsewhere."""
    if draws(stream):
        console = _console(stream)
        console.print(_phases(item))
        for line in [_figures(item), *facts(item)]:
            console.print(printable(line))
        return
    say(*map(printable, [*_headlines(item), *facts(item)]), stream=stream)


def _headlines(item: Item) -> Iterator[str]:
    spent = ", ".join(f"{phase} {duration(item.seconds[phase])}" for phase in _spent(item))
    yield f"{item.input} -> {item.output}: {_figures(item)}"
    yield f"  {spent}"


def _spent(item: Item) -> list[str]:
    """The phases an image went through: to verify is only for those who ask."""
    return [phase for phase in PHASES if phase != "verify" or item.verified]


def _figures(item: Item) -> str:
    memory = f", peak memory {size(item.memory_peak)}" if item.memory_peak else ""
    return f"{duration(item.wall)}, {item.speed:.1f} Mpx/s{memory}"


def facts(item: Item) -> Iterator[str]:
    """What was done, in words; and what the user may want to know about it."""
    yield f"  {item.kernel}: {item.operation}, padding {item.padding}, extent {item.extent}" + (
        f", stride {item.stride}" * (item.stride != "1,1")
        + f", dilation {item.dilation}" * (item.dilation != "1,1")
    )
    yield f"  engine {item.engine} ({item.body}): {item.reason}; {count(item.workers, 'thread')}"
    yield (
        f"  {f'{item.frames:,} frames of ' if item.frames > 1 else ''}"
        f"{_shape(item.width, item.height, item.channels, item.dtype)}"
        f" -> {_shape(item.out_width, item.out_height, item.out_channels, item.out_dtype)},"
        f" range {item.range}, alpha {item.alpha}, light {item.light}"
    )
    yield from (f"  {line}" for line in [*verification(item), *clipping(item)])
    yield from (f"  note: {note}" for note in item.notes)


def verification(item: Item) -> Iterator[str]:
    """Which window was computed once more, and how far it lies from the result."""
    if item.verified and item.largest_difference is not None:
        row, column, rows, columns = item.verified_window.split(",")
        most = item.largest_difference
        floats = item.out_dtype.startswith("float")
        gap = f"{most:.2g}" if floats else count(int(most), "level")
        yield (
            f"verified {columns} x {rows} pixels at row {row}, column {column} with the naive"
            f" computation: largest difference {gap} (--verify-seed {item.verify_seed})"
        )


def clipping(item: Item) -> Iterator[str]:
    """What share of the samples was cut, and how to see it."""
    if item.clipped_below:
        yield (
            f"{share(item.clipped_below)} of the samples fell below black and were cut to 0."
            " See them with --range signed."
        )
    if item.clipped_above:
        yield (
            f"{share(item.clipped_above)} of the samples rose above white and were cut"
            f" to {WHITE.get(item.out_dtype, 'the most')}. Keep them with --range stretch."
        )


def _phases(item: Item) -> Table:
    from rich.table import Table

    title = printable(f"{item.input} -> {item.output}")
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("phase", style="bold")
    table.add_column("time", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    total = sum(item.seconds.values()) or 1.0
    for phase in _spent(item):
        part = item.seconds[phase] / total
        table.add_row(phase, duration(item.seconds[phase]), f"{part:.0%}", "█" * round(BAR * part))
    return table


# --- a run of many -------------------------------------------------------------------------------


def item_line(item: Item, stream: TextIO) -> None:
    """One image of many, in one line; a failure with its cure, and what was cut."""
    if item.status != "ok":
        failed = printable(f"{item.input}: failed")
        say(failed, *_indented(item.error, item.hint), stream=stream)
        return
    cut = item.clipped_below + item.clipped_above
    cuts = f", {share(cut)} cut" if cut else ""
    verified = ", verified" * bool(item.verified)
    noted = f", {count(len(item.notes), 'note')}" if item.notes else ""
    where = f"{item.input} -> {item.output}"
    say(
        printable(f"{where}: {_figures(item)}, {item.engine}{cuts}{verified}{noted}"), stream=stream
    )


def _indented(*texts: str) -> Iterator[str]:
    for text in texts:
        yield from (f"    {line}" for line in legible(text).splitlines())


# --- a plan --------------------------------------------------------------------------------------


def plan_lines(source: str, header: Header, plan: Plan) -> Iterator[str]:
    """What would be done to one image, and what it would cost."""
    return map(printable, _planned(source, header, plan))


def _planned(source: str, header: Header, plan: Plan) -> Iterator[str]:
    treatment = plan.treatment
    height, width, channels = plan.shape
    yield f"{source}: {header.format}, " + _shape(
        header.width, header.height, header.channels, header.dtype
    )
    yield f"  output   {_shape(width, height, channels, treatment.finish.scale.dtype)}"
    for number, stage in enumerate(plan.stages, start=1):
        yield f"  stage {number}  {stage.name}: {stage.engine} ({stage.body}), {stage.reason}"
        work = f"{stage.multiplies:,} multiply-adds"
        yield f"           {work}, about {duration(stage.seconds)} on one thread"
    yield f"  range    {treatment.finish.range}"
    yield f"  alpha    {treatment.alpha}"
    yield f"  light    {'linear' if treatment.linear else 'encoded'}"
    yield f"  threads  {plan.workers}, tiles of {plan.tile[1]} x {plan.tile[0]}"
    yield f"  memory   about {size(plan.memory)}"
    yield from (f"  note     {note}" for note in plan.notes)


# --- kernels -------------------------------------------------------------------------------------


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
        console = _console(stream)
        for cells, row in zip(matrix, words, strict=True):
            console.print(_heated([cell / peak for cell in cells], row, width))
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


def columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of words as aligned lines."""
    table = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, words)) for words in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)).rstrip()


def pairs(table: Mapping[str, str]) -> Iterator[str]:
    """Words and what they stand for, one a line."""
    return columns(table.items())


# --- a benchmark ---------------------------------------------------------------------------------


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


def bench_head(name: str, samples: Block, stream: TextIO) -> None:
    """What was filtered."""
    height, width, channels = samples.shape
    shape = _shape(width, height, channels, samples.dtype.name)
    say(printable(f"{name}: {shape}; milliseconds"), stream=stream)


def bench_table(kernel: str, about: str, rows: Iterable[Row], stream: TextIO) -> None:
    """Milliseconds of every engine and peer, a row for each size of one kernel."""
    shown = [row for row in rows if row.kernel == kernel]
    head = ["size", *(cell.name for cell in shown[0].cells)]
    lines = [[f"{row.size}x{row.size}", *(_cell(row, c) for c in row.cells)] for row in shown]
    say("", stream=stream)
    if draws(stream):
        _console(stream).print(_figure_table(f"{kernel}: {about}", head, lines))
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


def _shape(width: int, height: int, channels: int, dtype: str) -> str:
    return f"{width} x {height}, {count(channels, 'channel')} of {dtype}"
