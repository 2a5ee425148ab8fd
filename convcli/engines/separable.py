"""
The `separable` engine in NumPy: every outer product of the matrix in two passes.

    t[i, x] = sum over r of  column[r] * x[rows[i*s + r*d], x]       only the rows that are wanted
    s[i, j] = sum over q of  row[q] * t[i, columns[j*s + q*d]]       summed over the pairs of `rank`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.engines.direct import (
    add,
    channels_of,
    direct,
    gathered,
    respond,
    strips,
)
from convcli.engines.rank import factors, spreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Stage

    Values = NDArray[np.float64]


def separable(  # noqa: PLR0913 - the one signature that all engines share
    stage: Stage,
    block: NDArray[Any],
    rows: Index,
    columns: Index,
    fill: Sequence[float],
    *,
    inside: Values | None = None,
) -> Values:
    """
    What `direct` returns, by way of `rank.factors`; see the package for the arguments.

    Whole samples and whole factors give the same bits as `direct`. Products are added in one order
    wherever a sample lies, so tiles never show; except that NaN and infinity, which would spread
    where products cancel, send their strip of rows to `direct`.
    """
    height, _ = stage.offsets(0, len(rows))
    width, _ = stage.offsets(1, len(columns))
    values = np.empty((height, width, channels_of(stage, block.shape[2])))
    wary = block.dtype.kind == "f" and spreads(stage)
    with np.errstate(over="ignore", invalid="ignore"):
        for start, stop in strips(height, len(columns) * block.shape[2]):
            strip = slice(start * stage.stride[0], (stop - 1) * stage.stride[0] + stage.reach(0))
            samples = gathered(block, rows[strip], columns, fill)
            factor = None if inside is None else inside[:, start:stop]
            if wary and not np.isfinite(samples).all():
                done = direct(stage, block, rows[strip], columns, fill, inside=factor)
            else:
                done = respond(stage, _sums(stage, samples), factor)
            values[start:stop] = done
    return values


def _sums(stage: Stage, samples: Values) -> Values:
    """Weighted sums (filter, row, column, channel), before scale; one channel if summed across."""
    planes = samples[None] if stage.bank.shape[1] == 1 else _planes(samples)
    height, row_taps = stage.offsets(0, samples.shape[0])
    width, column_taps = stage.offsets(1, samples.shape[1])
    sums = np.zeros((len(stage.bank), height, width, planes.shape[3]))
    product = np.empty(sums.shape[1:])
    for total, matrices in zip(sums, factors(stage), strict=True):
        for plane, pairs in zip(planes, matrices, strict=True):
            for column, row in pairs:
                between = _columns(plane, column, row_taps, height)
                for q in np.flatnonzero(row).tolist():
                    add(total, between[:, column_taps[q]], row[q], product)
    return sums


def _planes(samples: Values) -> Values:
    """(channel, row, column, 1): sums across channels read one after the other."""
    return np.ascontiguousarray(np.moveaxis(samples, 2, 0))[..., None]


def _columns(plane: Values, column: Values, taps: list[slice], height: int) -> Values:
    """The pass along columns; a single 1 needs none."""
    first, *others = np.flatnonzero(column).tolist()
    if not others and column[first] == 1.0:
        return plane[taps[first]]
    between = np.zeros((height, *plane.shape[1:]))
    product = np.empty_like(between)
    for r in (first, *others):
        add(between, plane[taps[r]], column[r], product)
    return between
