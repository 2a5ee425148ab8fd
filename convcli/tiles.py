"""One tile of a result, and what a stretch must know of all: for images in memory or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.policy import gain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from convcli.pixels import Clipped
    from convcli.source import Source, Window
    from convcli.treatment import Treatment

FLAT = 1e-9
"""Values that differ by less than this share of the largest sum are taken to be equal."""

Ends = tuple[float, float]


def finished(
    treatment: Treatment, chain: Source, tile: Window, ends: Ends, out: NDArray[Any]
) -> Clipped:
    """Finished samples of a tile in `out`; says what was cut. `ends` are those of a stretch."""
    with np.errstate(over="ignore", invalid="ignore"):  # float samples may hold anything
        return treatment.finished(chain, tile, ends, out)


def span(chain: Source, levels: Callable[[NDArray[Any]], NDArray[Any]], tile: Window) -> Ends:
    """Least and greatest value of a tile."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = levels(chain.read(tile))
    return float(values.min()), float(values.max())


def told_apart(spans: Iterable[Ends], largest: float, treatment: Treatment) -> Ends:
    """
    The span of a stretch over all tiles; none where it is but the noise of sums that are equal.

    `largest` is the size of the largest sample of the input.
    """
    lows, highs = zip(*spans, strict=True)
    least, greatest = min(lows), max(highs)
    noise = FLAT * gain(treatment.stages) * largest
    return (least, least) if greatest - least <= noise else (least, greatest)
