"""
What was done and what would be, for people: images, runs and plans, as tables or in plain lines.

Names of files are other people's words: what does not print is escaped in every line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from convcli.report import PHASES
from convcli.terminal import console, count, draws, duration, say, shape, share, size
from convcli.wording import legible, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from convcli.io import Header
    from convcli.plan import Plan
    from convcli.report import Item
    from convcli.tally import Tally

BAR = 24
WHITE = {"uint8": "255", "uint16": "65535"}
SWINGS = {"int8": (-128, 127), "int16": (-32768, 32767)}


# --- what happened to one image ------------------------------------------------------------------


def item_report(item: Item, stream: TextIO) -> None:
    """All about one image: a table of phases on a terminal, a few lines elsewhere."""
    if draws(stream):
        screen = console(stream)
        screen.print(_phases(item))
        for line in [_figures(item), *facts(item)]:
            screen.print(printable(line))
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
        f"{shape(item.width, item.height, item.channels, item.dtype)}"
        f" -> {shape(item.out_width, item.out_height, item.out_channels, item.out_dtype)},"
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
    if item.out_dtype.startswith("int"):
        yield from _loud(item)
        return
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


def _loud(item: Item) -> Iterator[str]:
    """The same of samples with a sign, as of sound, which have neither black nor white."""
    ends = SWINGS.get(item.out_dtype, ("the least", "the most"))
    cure = " Keep them with --depth float, or a smaller --scale."
    if item.clipped_below:
        yield f"{share(item.clipped_below)} of the samples were cut to {ends[0]}.{cure}"
    if item.clipped_above:
        yield f"{share(item.clipped_above)} of the samples were cut to {ends[1]}.{cure}"


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
    if item.status == "skipped":
        say(printable(f"{item.input}: skipped, {'; '.join(item.notes)}"), stream=stream)
        return
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
    yield f"{source}: {header.format}, " + shape(
        header.width, header.height, header.channels, header.dtype
    )
    if header.frames > 1:
        yield f"  frames   {header.frames:,} in the file; this is the plan of the first"
    yield f"  output   {shape(width, height, channels, treatment.finish.scale.dtype)}"
    tallied = plan.tallies((header.height, header.width))
    for number, (stage, tally) in enumerate(zip(plan.stages, tallied, strict=True), start=1):
        yield f"  stage {number}  {stage.name}: {stage.engine} ({stage.body}), {stage.reason}"
        work = f"{stage.multiplies:,} multiply-adds"
        yield f"           {work}, about {duration(stage.seconds)} on one thread"
        yield from (f"           {line}" for line in _tallied(tally))
    yield f"  range    {treatment.finish.range}"
    yield f"  alpha    {treatment.alpha}"
    yield f"  light    {'linear' if treatment.linear else 'encoded'}"
    yield f"  threads  {plan.workers}, tiles of {plan.tile[1]} x {plan.tile[0]}"
    yield f"  memory   about {size(plan.memory)}"
    yield from (f"  note     {note}" for note in plan.notes)


def _tallied(tally: Tally) -> Iterator[str]:
    """A stage as a layer of a network; sides are columns x rows, as of images."""
    rows, columns, channels = tally.shape
    field, jump = (f"{pair[1]} x {pair[0]}" for pair in (tally.field, tally.jump))
    seen = f"receptive field {field}, jump {jump}"
    yield f"gives {columns} x {rows}, {count(channels, 'channel')}; {seen}"
    biases = f" + {tally.biases:,} for bias" * bool(tally.biases)
    yield (
        f"weights {tally.weights:,}{biases}, {tally.multiplies:,} multiply-adds tap by tap;"
        f" {tally.connections:,} connections, dense equivalent {tally.dense:,}"
    )
    for left, lost, side in zip(
        tally.left, tally.lost, ("bottom row", "right column"), strict=True
    ):
        if left:
            missed = count(lost, side) if lost else f"{count(left, side)} of padding"
            yield f"the stride does not come out even, rounded down: {missed} not read"
