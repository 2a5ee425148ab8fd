"""
Sources: anything with a shape that can be read by window. A filtered image is one of them.

    Samples(array)                      the samples of a file, or a caller's array
    Mapped(source, function)            the same samples with another meaning, pixel by pixel
    Filtered(source, stage, ...)        one stage over any source

A chain is a Filtered over a Filtered: a window of the last pulls the window it needs from the one
before, and so on down to the file. Tiles, chains and images larger than memory need nothing else.
"""

from __future__ import annotations

from dataclasses import field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from convcli.record import record
from convcli.response import FUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.response import Ending
    from convcli.spec import Pair, Stage

    Block = NDArray[Any]
    Values = NDArray[np.float64]

Shape = tuple[int, int, int]


@record
class Window:
    """Rows top..bottom-1 and columns left..right-1 of an image."""

    top: int
    bottom: int
    left: int
    right: int


def windows(shape: Shape, tile: Pair) -> Iterator[Window]:
    """Tiles of at most (rows, columns) that cover the image once, row by row."""
    rows, columns, _ = shape
    high, wide = tile
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            yield Window(top, min(top + high, rows), left, min(left + wide, columns))


class Source(Protocol):
    """`shape` is (rows, columns, channels); `read` gives that window of it."""

    @property
    def shape(self) -> Shape:
        """(rows, columns, channels)."""

    def read(self, window: Window) -> Block:
        """Samples of the window, (rows, columns, channels)."""


@record
class Samples:
    """An array (row, column, channel) in memory; windows are views, never copies."""

    array: Block

    @property
    def shape(self) -> Shape:
        """(rows, columns, channels)."""
        rows, columns, channels = self.array.shape
        return rows, columns, channels

    def read(self, window: Window) -> Block:
        """A view of the window."""
        return self.array[window.top : window.bottom, window.left : window.right]


@record
class Mapped:
    """`function` over every pixel of a source; it may change the channels, never the size."""

    source: Source
    function: Callable[[Block], Values]
    channels: int

    @property
    def shape(self) -> Shape:
        """The source's rows and columns, and the function's channels."""
        return (*self.source.shape[:2], self.channels)

    def read(self, window: Window) -> Values:
        """The function of the source's window, float64."""
        return self.function(self.source.read(window))


@record
class Engine:
    """
    What runs a stage on one window: an engine with one of its bodies; called, it gives values.

    `samples`, if there is one, writes finished samples; see `engines` for both.
    """

    name: str
    body: str
    values: Callable[..., Values]
    samples: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any, inside: Values | None = None) -> Values:  # noqa: ANN401 - as `values` has them
        """Values of a window, float64."""
        return self.values(*arguments, inside=inside)


@record
class Filtered:
    """
    One stage over a source, run by an engine.

    `fill` holds what the constant padding puts into each channel of the source. The stage filters
    the channels named by `filtered`; the others pass through `carry`, a stage of the same geometry
    whose only tap is a 1 at the anchor, so that every channel ends with the same size.
    """

    source: Source
    stage: Stage
    engine: Engine
    fill: tuple[float, ...]
    filtered: slice = field(default_factory=lambda: slice(None))
    carry: Stage | None = None

    @property
    def shape(self) -> Shape:
        """Rows and columns by the stage; channels as filtered and carried."""
        rows, columns, channels = self.source.shape
        named = len(range(channels)[self.filtered])
        filtered = self.stage.shape((rows, columns, named))
        return (*filtered[:2], filtered[2] + channels - named)

    def read(self, window: Window) -> Values:
        """Output samples of the window, float64."""
        block, rows, columns, inside = self._read(window)
        named = block[..., self.filtered]
        values: Values = self.engine(
            self.stage, named, rows, columns, self.fill[self.filtered], inside=inside
        )
        if self.stage.gain != 1.0:
            values *= self.stage.gain
        if self.carry is None:
            return values
        whole: Values = self.engine(self.carry, block, rows, columns, self.fill)
        return _placed(values, whole, self.filtered)

    @property
    def writes(self) -> bool:
        """Whether `write` can be asked: all channels are filtered, by an engine that can."""
        fused = self.stage.combine in {None, *FUSED}
        return fused and self.carry is None and self.engine.samples is not None

    def write(self, window: Window, out: Block, ending: Ending) -> Any:  # noqa: ANN401 - the engine's
        """Finished samples of the window into `out`, in one pass; says what was cut."""
        block, rows, columns, inside = self._read(window)
        samples = self.engine.samples
        if samples is None:
            raise TypeError(f"{self.engine.name} has no body that writes samples")
        if self.stage.gain != 1.0:
            ending = replace(ending, gain=ending.gain * self.stage.gain)
        return samples(self.stage, block, rows, columns, self.fill, out, ending, inside=inside)

    def _read(self, window: Window) -> tuple[Block, Index, Index, Values | None]:
        rows = self.stage.needs(0, window.top, window.bottom, self.source.shape[0])
        columns = self.stage.needs(1, window.left, window.right, self.source.shape[1])
        inside = self.stage.inside(rows, columns)
        return *gather(self.source, rows, columns), inside


def _placed(values: Values, whole: Values, filtered: slice) -> Values:
    """The carried channels of `whole`, with the filtered ones in their places."""
    channels = range(whole.shape[2])[filtered]
    if values.shape[2] == len(channels):
        whole[..., filtered] = values
        return whole
    # Channels were summed into fewer: the carried ones follow behind.
    return np.concatenate([values, np.delete(whole, channels, axis=2)], axis=2)


def rows_read(source: Source, bottom: int) -> int:
    """How many of the rows of the samples below a chain its first `bottom` rows read."""
    while isinstance(source, Mapped | Filtered):
        if isinstance(source, Filtered):
            bottom = source.stage.depth(bottom, source.source.shape[0])
        source = source.source
    return bottom


def gather(source: Source, rows: Index, columns: Index) -> tuple[Block, Index, Index]:
    """
    A block that holds every sample the two index vectors name, and the vectors into that block.

    An array in memory is handed on as it is. Of other sources only the windows that are named are
    read: one, or up to four where `wrap` reads both ends.
    """
    if isinstance(source, Samples):
        return source.array, rows, columns
    row_spans, rows = _compact(rows)
    column_spans, columns = _compact(columns)
    if len(row_spans) == len(column_spans) == 1:
        return source.read(Window(*row_spans[0], *column_spans[0])), rows, columns
    bands = [
        np.concatenate([source.read(Window(*row, *column)) for column in column_spans], axis=1)
        for row in row_spans
    ]
    return np.concatenate(bands, axis=0), rows, columns


def _compact(index: Index) -> tuple[list[tuple[int, int]], Index]:
    """The runs of consecutive positions that an index vector names, and the vector into them."""
    named = np.unique(index[index >= 0])
    if not len(named):  # every position lies outside: one sample keeps the block from being empty
        return [(0, 1)], index
    breaks = np.flatnonzero(np.diff(named) > 1) + 1
    edges = [0, *breaks.tolist(), len(named)]
    spans = [(int(named[start]), int(named[stop - 1]) + 1) for start, stop in pairwise(edges)]
    return spans, np.where(index >= 0, np.searchsorted(named, index), index)
