"""
Plain loops, sample by sample: nothing is faster, and nothing is left to believe.

    s_f = fsum(w * x  for every tap), one rounding a sum
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.padding import OUTSIDE
from convcli.response import ACTIVATIONS, combined
from convcli.source import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Stage

    Values = NDArray[np.float64]
    Taps = list[tuple[int, int, int, float]]
    Rows = list[list[Sequence[float]]]


def naive(  # noqa: PLR0913 - the one signature that all engines share
    stage: Stage,
    block: NDArray[Any],
    rows: Index,
    columns: Index,
    fill: Sequence[float],
    *,
    inside: Values | None = None,
) -> Values:
    """
    s_f = sum over c, r, q of  bank[f, c, r, q] * x[rows[i*s + r*d], columns[j*s + q*d], c]

    One sample after the other, its products added by `math.fsum`; see `engines` for the arguments.
    """
    samples = _samples(block, rows, columns, fill)
    tops = range(0, len(rows) - stage.reach(0) + 1, stage.stride[0])
    lefts = range(0, len(columns) - stage.reach(1) + 1, stage.stride[1])
    firsts = range(block.shape[2] if stage.each else 1)
    sums = [
        [[[_sum(samples, taps, y, x, c) for c in firsts] for x in lefts] for y in tops]
        for taps in _taps(stage)
    ]
    return _responded(stage, np.array(sums, np.float64), inside)


def _samples(block: NDArray[Any], rows: Index, columns: Index, fill: Sequence[float]) -> Rows:
    """The pixels two index vectors name, as rows of lists, with `fill` for those outside."""
    return [
        [
            fill if OUTSIDE in {row, column} else block[row, column].tolist()
            for column in columns.tolist()
        ]
        for row in rows.tolist()
    ]


def _taps(stage: Stage) -> list[Taps]:
    """(channel, row, column, weight) per filter; weights of 0 are no taps, not even of infinity."""
    down, right = stage.dilation
    return [
        [
            (c, r * down, q * right, weight)
            for c, plane in enumerate(bank)
            for r, row in enumerate(plane)
            for q, weight in enumerate(row)
            if weight
        ]
        for bank in stage.bank.tolist()
    ]


def _sum(samples: Rows, taps: Taps, y: int, x: int, first: int) -> float:
    products = [weight * samples[y + r][x + q][first + c] for c, r, q, weight in taps]
    try:
        return math.fsum(products)
    except (OverflowError, ValueError):  # infinities, or sums on their way there
        return sum(products)


def _responded(stage: Stage, sums: Values, inside: Values | None) -> Values:
    """Scale, border, bias, combine, shift, activation: (filter, y, x, c) to (y, x, c)."""
    one_per_filter = (-1, 1, 1, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        values = sums * np.reshape(stage.scale, one_per_filter)
        if inside is not None:
            values = values * inside[..., None]
        values = values + np.reshape(stage.bias, one_per_filter)
        if stage.combine:
            values = combined(stage.combine, values, stage.full)
        else:  # channel by channel, filter by filter
            values = values.transpose(1, 2, 3, 0).reshape(*values.shape[1:3], -1)
        return ACTIVATIONS[stage.activation](values + stage.shift)


NAIVE = Engine("naive", "loops", naive)
"""No engine of `--engine`: what `verify` holds the others to."""
