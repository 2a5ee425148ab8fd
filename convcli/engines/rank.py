"""
Exact low rank: a matrix as a sum of few outer products, so that two short passes do its work.

    1 2 1     1
    2 4 2  =  2 x 1 2 1        9 taps a sample, or 3 + 3
    1 2 1     1

    bank[f, c] = sum over (column, row) in factors(stage)[f][c] of  column x row

Both ways are Gaussian elimination: row and column of a pivot make a pair, the rest is a matrix of
lower rank. A matrix of whole numbers gets whole factors wherever there are pivots that divide their
column, so that sums of whole samples stay exact; else the pivot is the largest entry, until nothing
is left but rounding. What has so high a rank that nothing is saved comes back line by line, as unit
vector x line, which is exact and costs little more than the taps: `multiplies` tells.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Stage

    Values = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Pair = tuple[Values, Values]
    Pairs = tuple[Pair, ...]

RESIDUAL, SPREAD = 1e-12, 1e-13
"""
How far a sum of products may lie from its matrix: any entry, in units of the largest, and all of
them together, in units of the sum of sizes. The second bounds the error of a filtered sample.
"""

GROWTH = 64
"""
How much larger whole factors may be than their matrix, as sums of sizes: they cancel to it. The law
of rounding holds below 2**31, so that sums stay below 2**37, far from the 2**53 of float64.
"""

LARGEST = 2.0**53
"""Whole numbers up to here are what they say."""


@lru_cache(maxsize=256)
def factors(stage: Stage) -> tuple[tuple[Pairs, ...], ...]:
    """
    For each filter and in_channel the pairs (column, row) whose outer products add up to it.

    Factors are whole, or a unit vector and a line, or a column that has the size and a row whose
    largest entry is 1 or -1: nothing overflows between the passes that would not overflow after
    them. A matrix of zeros has no pairs.
    """
    return tuple(tuple(_pairs(matrix) for matrix in planes) for planes in stage.bank)


def multiplies(stage: Stage) -> int:
    """
    Multiplications for one output sample of every filter, to be compared with the nonzero taps.

    Columns come first and for every column of the image, so that a column stride saves nothing.
    """
    ahead = stage.stride[1]
    return sum(
        ahead * int(np.count_nonzero(column)) + int(np.count_nonzero(row))
        for column, row in _every(stage)
    )


def whole(stage: Stage) -> bool:
    """Whether all factors are whole numbers, so that sums of whole samples are exact."""
    return all((vector == np.rint(vector)).all() for vector in chain(*_every(stage)))


@lru_cache(maxsize=256)
def spreads(stage: Stage) -> bool:
    """
    Whether a sample is read where its tap is zero, or twice, by products that cancel.

    NaN and infinity do not cancel: they would go further than the taps themselves take them.
    """
    return any(
        (sum(np.outer(column != 0, row != 0).astype(int) for column, row in pairs) != reads).any()
        for planes, taps in zip(factors(stage), stage.bank != 0, strict=True)
        for pairs, reads in zip(planes, taps, strict=True)
    )


def _every(stage: Stage) -> Iterable[Pair]:
    return chain(*chain(*factors(stage)))


# --- one matrix ---------------------------------------------------------------------------------


def _pairs(matrix: Values) -> Pairs:
    """Rows and columns of zeros are left out first, and stay exactly zero."""
    rows, columns = (np.flatnonzero(matrix.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ()
    height, width = matrix.shape
    return tuple(
        (_placed(column, rows, height), _placed(row, columns, width))
        for column, row in _split(matrix[np.ix_(rows, columns)])
    )


def _placed(vector: NDArray[np.float64 | np.int64], places: Index, size: int) -> Values:
    """Threads share what is cached: nobody writes to it."""
    placed = np.zeros(size)
    placed[places] = vector
    placed.setflags(write=False)
    return placed


def _split(matrix: Values) -> Iterable[tuple[Values, Values] | tuple[Whole, Whole]]:
    """Whole factors if they beat the lines; others only if they beat the taps; else the lines."""
    lines = _lines(matrix)
    most = _work(lines)
    if sum(matrix.shape) >= most or not np.isfinite(matrix).all():
        return lines
    return _integer(matrix, most) or _real(matrix, int(np.count_nonzero(matrix))) or lines


def _work(pairs: Iterable[tuple[Values, Values] | tuple[Whole, Whole]]) -> int:
    return sum(int(np.count_nonzero(vector)) for vector in chain(*pairs))


def _lines(matrix: Values) -> Pairs:
    """Unit vector x line, for rows or columns, whichever are fewer: the taps as they are."""
    height, width = matrix.shape
    if height <= width:
        return tuple(zip(np.eye(height), matrix, strict=True))
    return tuple(zip(matrix.T, np.eye(width), strict=True))


# --- whole numbers ------------------------------------------------------------------------------


def _integer(matrix: Values, most: int) -> list[tuple[Whole, Whole]] | None:
    """Elimination with whole factors only; None where they are too many, or too large."""
    if (matrix != np.rint(matrix)).any() or abs(matrix).max() > LARGEST:
        return None
    rest, pairs, size = matrix.astype(np.int64), [], 0.0
    bound = min(GROWTH * abs(matrix).sum(), 2.0**62)
    while rest.any():
        pivot = _pivot(rest)
        if pivot is None:
            return None
        row = rest[pivot[0]] // np.gcd.reduce(rest[pivot[0]])
        column = rest[:, pivot[1]] // row[pivot[1]]
        pairs.append((column, row))
        size += float(abs(column).sum()) * float(abs(row).sum())
        if size > bound or _work(pairs) >= most:
            return None
        rest = rest - np.outer(column, row)
    return pairs


def _pivot(rest: Whole) -> tuple[int, int] | None:
    """Of entries that, less their row's common divisor, divide their column, the least work."""
    common = np.gcd.reduce(rest, axis=1, keepdims=True)
    row = rest // np.maximum(common, 1)
    divides = (rest != 0) & (np.gcd.reduce(rest, axis=0) % np.where(row, row, 1) == 0)
    if not divides.any():
        return None
    work = np.count_nonzero(rest, axis=1)[:, None] + np.count_nonzero(rest, axis=0)
    least = divides & (work == work[divides].min())
    size = abs(row).sum(axis=1, keepdims=True) * (abs(rest).sum(axis=0) / np.maximum(abs(row), 1))
    i, j = divmod(int(np.where(least, size, np.inf).argmin()), rest.shape[1])
    return i, j


# --- any numbers --------------------------------------------------------------------------------


def _real(matrix: Values, most: int) -> list[Pair] | None:
    """The same elimination with the largest entry as pivot; None where nothing would be saved."""
    # A power of two changes no digit, and no sum overflows near 1.
    _, exponent = np.frexp(abs(matrix).max())
    near = np.ldexp(matrix, -exponent)
    rest, pairs = near, []
    while not _vanishes(rest, near):
        i, j = divmod(int(abs(rest).argmax()), rest.shape[1])
        pairs.append((rest[:, j], rest[i] / rest[i, j]))
        if _work(pairs) >= most:
            return None
        rest = rest - np.outer(*pairs[-1])
    exact = _vanishes(sum(np.outer(*pair) for pair in pairs) - near, near)
    return [(np.ldexp(column, exponent), row) for column, row in pairs] if exact else None


def _vanishes(rest: Values, matrix: Values) -> bool:
    rest, sizes = abs(rest), abs(matrix)
    within: bool = rest.max() <= RESIDUAL * sizes.max() and rest.sum() <= SPREAD * sizes.sum()
    return within
