"""
What happened, as data: one Item per image, one list of columns for every form of report.

    table (rich, in `render`)   .json   .jsonl   .csv   .md, in `forms`    all iterate COLUMNS

Times are seconds, sizes pixels or bytes, shares 0..1. Columns are only ever added; the number in
SCHEMA changes when one is taken away. Names of files are other people's words: bytes of them that
are no text are escaped in every form, and what would break a row or move a cursor in tables.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any

from convcli.record import mutable, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SCHEMA = "convcli.report/1"

PHASES = ("read", "decode", "plan", "filter", "verify", "encode", "write")


class Clock:
    """
    Wall-clock seconds by phase, and from the clock's making to now.

        encode ##..........####......##     A phase within another takes its time from it: every
        filter   ####....##                 moment counts once, for the phase that is waited for.
        decode       ####
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._start = time.perf_counter()
        self._within = 0.0  # seconds of the phases that ran inside the present one

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a phase, also when it fails."""
        start, outer, self._within = time.perf_counter(), self._within, 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] += spent - self._within
            self._within = outer + spent

    @property
    def wall(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._start


@mutable
class Item:
    """One image: what went in, what was decided, what came out, how long it took."""

    input: str
    output: str = ""
    kernel: str = ""
    status: str = "ok"
    error: str = ""
    hint: str = ""
    code: int = 0
    cause: str = ""
    operation: str = ""
    padding: str = ""
    extent: str = ""
    stride: str = ""
    dilation: str = ""
    width: int = 0
    height: int = 0
    channels: int = 0
    dtype: str = ""
    frames: int = 1
    pixels: int = 0
    out_width: int = 0
    out_height: int = 0
    out_channels: int = 0
    out_dtype: str = ""
    range: str = ""
    alpha: str = ""
    light: str = ""
    engine: str = ""
    body: str = ""
    reason: str = ""
    workers: int = 0
    clipped_below: float = 0.0
    clipped_above: float = 0.0
    verified: int = 0
    verified_window: str = ""
    verify_seed: int | None = None
    largest_difference: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    wall: float = 0.0
    memory_peak: int | None = None
    notes: tuple[str, ...] = ()
    mtime_ns: int = 0
    sha256: str = ""
    key: str = ""
    ended: float = 0.0

    @property
    def megapixels(self) -> float:
        """Millions of pixels read: `pixels` where there are several pictures."""
        return (self.pixels or self.width * self.height) / 1e6

    @property
    def speed(self) -> float:
        """Megapixels read per second of wall time."""
        return self.megapixels / self.wall if self.wall else 0.0


@record
class Column:
    """One fact of every item: its name in files, its title in tables, its unit and meaning."""

    name: str
    title: str
    unit: str
    about: str
    value: Callable[[Item], Any]


def _plain(name: str, title: str, about: str, unit: str = "") -> Column:
    return Column(name, title, unit, about, lambda item: getattr(item, name))


def _phase(name: str, about: str) -> Column:
    return Column(f"{name}_seconds", name, "s", about, lambda item: item.seconds[name])


COLUMNS: tuple[Column, ...] = (
    _plain("input", "input", "file that was read; - is standard input"),
    _plain(
        "output",
        "output",
        "file that was written, {filter} stands for each number; - is standard output",
    ),
    _plain("kernel", "kernel", "kernels in order, joined by +, with their parameters"),
    _plain("status", "status", "ok, failed, skipped, or planned"),
    _plain("error", "error", "what went wrong, empty if nothing did"),
    _plain("hint", "hint", "what to do about the error"),
    _plain("code", "code", "exit code that this image alone would end with"),
    _plain("operation", "operation", "convolve (flipped) or correlate, per kernel"),
    _plain("padding", "padding", "how the image went on beyond its edges"),
    _plain("extent", "extent", "same, valid, full, or the pixels padded by"),
    _plain("stride", "stride", "rows,columns from one output to the next"),
    _plain("dilation", "dilation", "rows,columns from one tap to the next"),
    _plain("width", "width", "of the input, upright; samples of a channel of sound", "px"),
    _plain("height", "height", "of the input, upright", "px"),
    _plain("channels", "channels", "of the input, with alpha"),
    _plain("dtype", "samples", "type of the input's samples"),
    _plain("frames", "frames", "pictures of the input that were filtered: frames or pages"),
    _plain("out_width", "out width", "of the output", "px"),
    _plain("out_height", "out height", "of the output", "px"),
    _plain("out_channels", "out channels", "of the output, with alpha"),
    _plain("out_dtype", "out samples", "type of the output's samples"),
    _plain("range", "range", "how values were brought into the range of the samples"),
    _plain("alpha", "alpha", "what was done to alpha: none, premultiply, keep, straight ..."),
    _plain("light", "light", "encoded (stored samples) or linear"),
    _plain("engine", "engine", "engine of each stage, joined by +"),
    _plain("body", "body", "what ran it: a compiled core (avx512, avx2, baseline) or numpy"),
    _plain("reason", "reason", "why that engine"),
    _plain("workers", "workers", "threads that filtered"),
    _plain("clipped_below", "cut below", "share of colour samples below the least, cut", "share"),
    _plain("clipped_above", "cut above", "share of colour samples above the most, cut", "share"),
    _plain("verified", "verified", "pixels that --verify computed once more, naively", "px"),
    _plain("verified_window", "window", "their first row and column, and how many of each"),
    _plain("verify_seed", "seed", "what chose them; --verify-seed chooses them again"),
    _plain("largest_difference", "difference", "the largest found, in levels or units of floats"),
    _plain("bytes_in", "bytes in", "size of the input file", "B"),
    _plain("bytes_out", "bytes out", "size of the output file", "B"),
    _phase("read", "reading the file"),
    _phase("decode", "decoding to samples, as far as filtering waited for it"),
    _phase("plan", "reading the header and deciding"),
    _phase("filter", "filtering, rounding included, as far as encoding waited for it"),
    _phase("verify", "computing a window once more, naively"),
    _phase("encode", "encoding, while later rows are decoded and filtered"),
    _phase("write", "writing the file"),
    _plain("wall", "wall", "the whole image, start to end", "s"),
    Column(
        "megapixels",
        "Mpx",
        "Mpx",
        "pixels read, or samples of a channel, in millions",
        lambda item: item.megapixels,
    ),
    Column(
        "megapixels_per_second",
        "Mpx/s",
        "Mpx/s",
        "pixels read per second of wall time",
        lambda item: item.speed,
    ),
    _plain("memory_peak", "peak memory", "greatest resident size of the process so far", "B"),
    _plain("notes", "notes", "what was changed or left out on the way, as sentences"),
    _plain("cause", "cause", "one word for the kind of failure: damaged, exists, too-large ..."),
    _plain("mtime_ns", "changed", "when the input was last written, since 1970", "ns"),
    _plain("sha256", "sha256", "hash of the input's bytes, with --checksum"),
    _plain("key", "key", "hash of kernels, options and version: equal keys, equal results"),
    _plain("ended", "ended", "from the start of the run to the end of this image", "s"),
)

PROSE = ("error", "hint", "notes")
"""Columns whose text may have several lines."""


def row(item: Item) -> dict[str, Any]:
    """One item by column name; tuples become lists, as JSON has them."""
    return {column.name: _as_text(column.value(item)) for column in COLUMNS}


def _as_text(value: Any) -> Any:  # noqa: ANN401 - what a column holds
    if isinstance(value, tuple):
        return [as_text(word) for word in value]
    return as_text(value) if isinstance(value, str) else value


def as_text(name: str) -> str:
    """A name that can be written as UTF-8: its bytes that are no text escaped."""
    return name.encode(errors="backslashreplace").decode()


def item_of(facts: Mapping[str, Any]) -> Item:
    """The item that `row` made these facts of; columns that are missing, or new, are no error."""
    item = Item(**{name: facts[name] for name in _STORED if name in facts})
    item.notes = tuple(facts.get("notes") or ())
    item.seconds = {phase: facts.get(f"{phase}_seconds") or 0.0 for phase in PHASES}
    pixels = facts.get("megapixels") or 0.0
    item.pixels = round(1e6 * pixels)
    return item


_STORED = [
    column.name
    for column in COLUMNS
    if column.name in Item.__match_args__ and column.name != "notes"
]
