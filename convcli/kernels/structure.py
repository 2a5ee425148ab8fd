"""
Symmetry, rank and separable factors of a matrix.

     half turn     1 2 3        9 8 7      rank 1     1 2 1   1
                   4 5 6   ->   6 5 4                 2 4 2 = 2 x (1 2 1)
                   7 8 9        3 2 1                 1 2 1   1

Integers are treated exactly; floats with a tolerance of 1e-12 of the largest weight.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from convcli.kernels.kernel import Matrix

TOLERANCE: Final = 1e-12
# Exact elimination grows with the cube of the size; beyond this the numeric rank is used.
_EXACT_SIDE: Final = 32


def turned_equals(matrix: Matrix, anchor: tuple[int, int], *, sign: int) -> bool:
    """matrix[a - d] = sign * matrix[a + d] for every offset d from the anchor a."""
    high = [i for i, line in enumerate(matrix) if any(line)]
    if not high:
        return True
    wide = [j for j, line in enumerate(zip(*matrix, strict=True)) if any(line)]
    if (high[0] + high[-1], wide[0] + wide[-1]) != (2 * anchor[0], 2 * anchor[1]):
        return False
    kept = [line[wide[0] : wide[-1] + 1] for line in matrix[high[0] : high[-1] + 1]]
    return all(
        upper == (lower[::-1] if sign > 0 else tuple(-cell for cell in lower[::-1]))
        for upper, lower in zip(kept, kept[::-1], strict=True)
    )


def factors(matrix: Matrix) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """
    matrix[i][j] = column[i] * row[j], or None where no such column and row exist.

    An integer matrix has integer factors without a common divisor in the row; a float matrix is
    factored through its largest weight and must be met to 1e-12 of it.
    """
    i = max(range(len(matrix)), key=lambda i: max(map(abs, matrix[i])))
    j = max(range(len(matrix[i])), key=lambda j: abs(matrix[i][j]))
    peak = abs(matrix[i][j])
    if not peak:
        return None
    row = _reduced(matrix[i])
    column = tuple(line[j] / row[j] for line in matrix)
    close = 0.0 if _whole(matrix) else TOLERANCE * peak
    for line, factor in zip(matrix, column, strict=True):
        if any(abs(cell - factor * other) > close for cell, other in zip(line, row, strict=True)):
            return None
    return column, row


def _reduced(row: tuple[float, ...]) -> tuple[float, ...]:
    """Divide an integer row by the greatest common divisor of its numbers."""
    if not _whole((row,)):
        return row
    divisor = math.gcd(*(int(cell) for cell in row))
    return tuple(float(int(cell) // divisor) for cell in row)


def _whole(matrix: Matrix) -> bool:
    return all(all(map(float.is_integer, map(float, row))) for row in matrix)


def rank(matrix: Matrix) -> int:
    """Number of linearly independent rows."""
    if _whole(matrix) and max(len(matrix), len(matrix[0])) <= _EXACT_SIDE:
        return _exact_rank([[Fraction(cell) for cell in row] for row in matrix])
    # NumPy only here: a float matrix has a rank only within a tolerance, which takes an SVD.
    import numpy as np

    values = np.linalg.svd(np.array(matrix, dtype=np.float64), compute_uv=False)
    return int((values > TOLERANCE * values[0]).sum()) if values[0] > 0 else 0


def _exact_rank(rows: list[list[Fraction]]) -> int:
    """Gaussian elimination over the rationals."""
    found = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / rows[found][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found
