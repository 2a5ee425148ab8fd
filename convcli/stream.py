"""
An image larger than memory, from file to file: band by band, by threads, in order.

    survey   what must be known of the whole first: the ends of a stretch, hidden colours
    bands    read, filter, finish, pack:  by any thread     |  write:  one after the other
    Watched  keeps the samples of a window as its bands pass, to be verified at the end

The chain of sources, the engines and the last step are those of an image in memory: bytes of
samples never depend on the way.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.io.flow import ordered
from convcli.pixels import Clipped
from convcli.record import record
from convcli.source import Window, windows
from convcli.tiles import finished, span, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import BinaryIO

    from numpy.typing import NDArray

    from convcli.io.pieces import Pieces
    from convcli.plan import Plan
    from convcli.source import Shape, Source
    from convcli.tiles import Ends
    from convcli.treatment import Treatment
    from convcli.verify import Part, Result

    Tell = Callable[[float], None]


@record
class Survey:
    """Least and greatest sample of an image, and whether any pixel is fully transparent."""

    least: float
    greatest: float
    hidden: bool


def survey(source: Source, plan: Plan) -> Survey:
    """One pass over the samples of the input."""
    return _joined(ordered(partial(_surveyed, source, plan.treatment), _input(source, plan), 1))


def _input(source: Source, plan: Plan) -> Iterator[Window]:
    rows = plan.bands.rows if plan.bands else source.shape[0]
    return windows(source.shape, (rows, source.shape[1]))


def _surveyed(source: Source, treatment: Treatment, window: Window) -> Survey:
    block = source.read(window)
    hidden = treatment.divides and not block[..., -1].all()
    return Survey(float(block.min()), float(block.max()), bool(hidden))


def _joined(parts: Iterator[Survey]) -> Survey:
    whole = next(parts)
    for part in parts:
        least, greatest = min(whole.least, part.least), max(whole.greatest, part.greatest)
        whole = Survey(least, greatest, whole.hidden or part.hidden)
    return whole


@record
class Watched:
    """A window of the result, `samples` (row, column, channel) that are filled as bands pass."""

    window: Window
    samples: NDArray[Any]

    def see(self, rows: NDArray[Any], top: int) -> None:
        """Keep what lies in the window of whole rows, of which the first is row `top`."""
        first, last = self.window.top, self.window.bottom
        part = rows[max(first - top, 0) : max(last - top, 0), self.window.left : self.window.right]
        start = max(top - first, 0)
        self.samples[start : start + len(part)] = part


def stream(  # noqa: PLR0913, PLR0917 - from where, how, to where, and who is told
    source: Source,
    plan: Plan,
    pieces: Pieces,
    file: BinaryIO,
    tell: Tell,
    part: Part | None = None,
) -> tuple[Clipped, Result | None]:
    """
    Filter `source` into `file`; says what was cut, and what is to be compared with `part`, if any.

    `tell` hears the share that is done, 0 to 1. Errors leave the file unfinished: whoever opened it
    throws it away.
    """
    found = None
    if plan.treatment.divides or plan.treatment.finish.needs_span:
        found = survey(source, plan)
    treatment = plan.treatment.knowing(hidden=found is not None and found.hidden)
    chain = treatment.chain(source, plan.engines)
    ends = (0.0, 0.0)
    if found and treatment.finish.needs_span:
        parts = windows(chain.shape, plan.tile)
        spans = ordered(partial(span, chain, treatment.finish.levels), parts, plan.workers)
        ends = told_apart(spans, max(found.greatest, -found.least), treatment)
    clipped = Clipped(span=ends)
    watched = _watched(part, chain.shape, treatment)
    with closing(_packed(chain, treatment, plan, pieces, clipped, watched, tell)) as parts:
        pieces.write(file, parts)
    treatment.finish.check(clipped)
    if watched is None:
        return clipped, None
    return clipped, _to_compare(source, plan, treatment, ends, watched)


def _watched(part: Part | None, shape: Shape, treatment: Treatment) -> Watched | None:
    if part is None:
        return None
    return Watched(part.window, np.empty((*part.size, shape[2]), treatment.finish.scale.dtype))


def _to_compare(
    source: Source, plan: Plan, treatment: Treatment, span: Ends, watched: Watched
) -> Result:
    """The result, as far as it is verified; takes one more pass over the input, for its ends."""
    from convcli.verify import Result, extremes

    lows, highs = zip(*(extremes(source.read(part)) for part in _input(source, plan)), strict=True)
    return Result(source, treatment, span, (min(lows), max(highs)), watched.samples)


def _packed(  # noqa: PLR0913, PLR0917 - what a band is made of, and where it goes
    chain: Source,
    treatment: Treatment,
    plan: Plan,
    pieces: Pieces,
    clipped: Clipped,
    watched: Watched | None,
    tell: Tell,
) -> Generator[Any, None, None]:
    """The packed bands, in order."""
    rows, columns, _ = chain.shape
    high = plan.bands.rows if plan.bands else rows

    def band(window: Window) -> tuple[Any, Clipped]:
        samples, cut = _band(chain, treatment, plan, clipped.span, window)
        if watched:
            watched.see(samples, window.top)
        return pieces.packed(samples), cut

    with closing(ordered(band, windows(chain.shape, (high, columns)), plan.workers)) as bands:
        for number, (packed, cut) in enumerate(bands, 1):
            clipped.add(cut)
            yield packed
            tell(min(1.0, number * high / rows))


def _band(
    chain: Source, treatment: Treatment, plan: Plan, ends: tuple[float, float], window: Window
) -> tuple[NDArray[Any], Clipped]:
    """Finished samples of whole rows, tile by tile."""
    size = (window.bottom - window.top, window.right - window.left, chain.shape[2])
    out, clipped = np.empty(size, treatment.finish.scale.dtype), Clipped()
    for tile in windows(size, plan.tile):
        place = out[tile.top : tile.bottom, tile.left : tile.right]
        where = Window(window.top + tile.top, window.top + tile.bottom, tile.left, tile.right)
        clipped.add(finished(treatment, chain, where, ends, place))
    return out, clipped
