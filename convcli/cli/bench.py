"""`convcli bench`: how fast each engine is on this machine, and which kernels it is for."""

from __future__ import annotations

import json
import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from convcli import __version__, charts, engines, terminal
from convcli.cli.choices import Command
from convcli.cli.options import common, option
from convcli.errors import UsageError
from convcli.report import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.bench import Block, Row

SCHEMA = "convcli.bench/1"
SIZES = "3,5,7,9,11,15,21,31,63,127"
MEGAPIXELS = 1.0
LARGEST = 1000
"""Side of the largest kernel that there is."""

LEAD, CLEAR = 0.8, 4
"""Share of another's time that is less, and how often the order may change that is told."""

SIDE = re.compile("[1-9][0-9]{0,3}")

EXAMPLES = """
Examples:

\b
  convcli bench
  convcli bench photo.jpg --sizes 3,9,31 --no-peers
  convcli bench --megapixels 12 --json > bench.json
"""


@click.command("bench", cls=Command, epilog=EXAMPLES)
@click.argument("image", required=False, metavar="[IMAGE]", help="A picture; else one is made up.")
@option(
    "Filter",
    "--sizes",
    default=SIZES,
    show_default=True,
    metavar="N,N,...",
    help="Sides of the kernels.",
)
@option(
    "Pixels",
    "--megapixels",
    type=click.FloatRange(0.001, 250),
    metavar="X",
    help=f"Size of the picture that is made up. [default: {MEGAPIXELS:g}]",
)
@option(
    "Running",
    "--peers/--no-peers",
    default=True,
    help="Measure OpenCV and SciPy too, where they are installed. They are unless told.",
)
@option("Output", "--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
def command(
    image: str | None, sizes: str, megapixels: float | None, peers: bool, as_json: bool
) -> None:
    """
    Measure how fast each engine is on this machine.

    Only filtering and rounding are timed, in memory, with all processors: for a kernel of random
    weights, and for one that is a column times a row. Columns take turns, and medians are shown.
    """
    sides = _sides(sizes)
    if megapixels is not None and megapixels != megapixels:  # noqa: PLR0124 - only NaN differs
        raise UsageError("--megapixels nan: not a size.", "Say --megapixels 12.")
    if image is not None and megapixels is not None:
        raise UsageError("--megapixels is for a picture that is made up.", "Leave IMAGE out.")
    from convcli import bench

    samples = bench.picture(megapixels or MEGAPIXELS) if image is None else bench.opened(image)
    libraries = bench.installed() if peers else ()
    rows = _measured(samples, sides, libraries)
    if as_json:
        document = as_data(image, samples, rows, libraries)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    missing = [name for name in bench.LIBRARIES if peers and name not in libraries]
    charts.bench_head(image or "made up", samples, sys.stdout)
    for kernel, about in bench.KERNELS.items():
        charts.bench_table(kernel, about, rows, sys.stdout)
    charts.bench_notes(rows, missing, verdict(rows), sys.stdout)


def _measured(samples: Block, sides: Sequence[int], libraries: Sequence[str]) -> list[Row]:
    """All rows; a terminal hears how many there are to come."""
    from convcli import bench

    rows: list[Row] = []
    total = len(sides) * len(bench.KERNELS)
    with terminal.progress(sys.stderr) as tell:
        tell(f"0 of {total} kernels measured")
        for row in bench.measure(samples, sides, libraries):
            rows.append(row)
            tell(f"{len(rows)} of {total} kernels measured")
    return rows


def _sides(text: str) -> list[int]:
    """`3,5,31` or `3 5 31`, ascending, each once."""
    words = re.split(r"[,\s]+", text.strip())
    if not all(SIDE.fullmatch(word) and int(word) <= LARGEST for word in words):
        raise UsageError(
            f"--sizes {text}: not possible.",
            f"Give whole numbers from 1 to {LARGEST}, odd or even: --sizes 3,5,31",
        )
    return sorted({*map(int, words)})


def as_data(
    image: str | None, samples: Block, rows: Sequence[Row], libraries: Sequence[str]
) -> dict[str, Any]:
    """All figures, as JSON has them; a ratio is a multiple of what `auto` takes."""
    from convcli import bench

    height, width, channels = samples.shape
    return {
        "schema": SCHEMA,
        "convcli": __version__,
        "machine": bench.machine(libraries),
        "image": {
            "input": image and as_text(image),
            "width": width,
            "height": height,
            "channels": channels,
            "dtype": samples.dtype.name,
        },
        "engines": list(engines.WHY),
        "rows": [
            {"kernel": row.kernel, "size": row.size, "auto": row.auto, "results": _results(row)}
            for row in rows
        ],
        "verdict": verdict(rows),
    }


def _results(row: Row) -> list[dict[str, Any]]:
    return [
        {
            "engine": cell.name,
            "milliseconds": None if cell.seconds is None else 1000 * cell.seconds,
            "runs": cell.runs,
            "estimated": cell.estimated,
            "ratio": row.ratio(cell),
        }
        for cell in row.cells
    ]


# --- what it says --------------------------------------------------------------------------------


def verdict(rows: Sequence[Row], names: Sequence[str] = tuple(engines.WHY)) -> str:
    """Which engine is the fastest from which size on, in one sentence."""
    if len(names) == 1:
        return f"{names[0]} is the only engine here: there is nothing to choose."
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.kernel, []).append(row)
    said = {kernel: _winners(group, names) for kernel, group in found.items()}
    parts = [f"for {kernel} kernels: {words}" for kernel, words in said.items() if words]
    return f"Fastest {'; '.join(parts)}." if parts else "No engine was measured."


def _winners(rows: Sequence[Row], names: Sequence[str]) -> str:
    """`direct to 15x15, fft from 21x21, separable never`; sizes are ascending."""
    able = {cell.name for row in rows for cell in row.cells if cell.seconds} & {*names}
    best = list(zip(_leaders(rows, names), (row.size for row in rows), strict=True)) if able else []
    if len(able) == 1:
        return f"{best[0][0]}, which alone takes them"
    stretches = [
        (name, [size for _, size in group]) for name, group in groupby(best, lambda pair: pair[0])
    ]
    if len(stretches) > CLEAR:
        return "now this one, now that one"
    last = len(stretches) - 1
    said = [
        _stretch(name, sizes, begins=number == 0, ends=number == last)
        for number, (name, sizes) in enumerate(stretches)
    ]
    never = able - {name for name, _ in best}
    return ", ".join([*said, *(f"{name} never" for name in names if name in never)])


def _leaders(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """The fastest engine of each row; a lead of less than a fifth, which may be chance, is none."""
    leader = names[0]
    for row in rows:
        times = {cell.name: cell.seconds for cell in row.cells if cell.seconds}
        engine = min((name for name in names if name in times), key=lambda name: times[name])
        if leader not in times or times[engine] < LEAD * times[leader]:
            leader = engine
        yield leader


def _stretch(name: str, sizes: Sequence[int], *, begins: bool, ends: bool) -> str:
    """`direct always`, `direct to 15x15`, `fft from 21x21`, `fft from 5x5 to 9x9`, `fft at 5x5`."""
    first, last = (f"{size}x{size}" for size in (sizes[0], sizes[-1]))
    if begins and ends:
        return f"{name} at {first}" if len(sizes) == 1 else f"{name} always"
    if begins or ends:
        return f"{name} to {last}" if begins else f"{name} from {first}"
    return f"{name} at {first}" if len(sizes) == 1 else f"{name} from {first} to {last}"
