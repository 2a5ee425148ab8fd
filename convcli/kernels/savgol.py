"""
Savitzky-Golay kernels: a polynomial fitted to the pixels under the kernel, read at its middle.

    p(x, y) = sum over a + b <= degree of c_ab x^a y^b,   least squares over rows x columns
    weights of the derivative (dx, dy) = dx! dy! * row (dx, dy) of (A^T A)^-1 A^T

All is done in fractions, so the weights are whole numbers times one scale: /35, /175, /441 as in
the tables of 1964. Source: Savitzky & Golay 1964; in two dimensions, Thornley 2006.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel
from convcli.kernels.number import common_scale
from convcli.kernels.smoothing import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

Power = tuple[int, int]
_NONE: Final = Fraction(0)
_MOST_CELLS: Final = 1000
"""Beyond this the fractions are no longer written down in a moment."""


def savgol(size: int, degree: int, dx: int, dy: int, rows: int | None) -> Kernel:
    """`size` columns and as many rows unless given; 1 row fits a line. Raises `KernelError`."""
    high = size if rows is None else rows
    _check(size, high, degree, dx, dy)
    powers = [
        (a, b)
        for b in range(min(degree, high - 1) + 1)
        for a in range(min(degree - b, size - 1) + 1)
    ]
    if (dx, dy) not in powers:
        raise KernelError(
            f"savgol: a surface of degree {degree} over {high}x{size} pixels has no derivative"
            f" dx={dx}, dy={dy}",
            "Give a higher degree, or a larger size.",
        )
    factors = _solved(_normal(powers, size, high), powers.index((dx, dy)))
    times = math.factorial(dx) * math.factorial(dy)
    values = [
        [
            times * sum((f * x**a * y**b for f, (a, b) in zip(factors, powers, strict=True)), _NONE)
            for x in _span(size)
        ]
        for y in _span(high)
    ]
    matrix, scale = common_scale(values)
    return Kernel(matrix, float(scale))


def _check(size: int, rows: int, degree: int, dx: int, dy: int) -> None:
    fit(rows, size)
    if size % 2 == 0 or rows % 2 == 0:
        raise KernelError(f"savgol: {rows}x{size} has no middle", "Give odd sizes.")
    if rows * size > _MOST_CELLS:
        raise KernelError(
            f"savgol: {rows}x{size} has more than {_MOST_CELLS} weights", "Give a smaller size."
        )
    if degree >= max(size, rows):
        raise KernelError(
            f"savgol: degree {degree} passes through all of {max(size, rows)} pixels",
            "Give a lower degree, or a larger size.",
        )
    if dx + dy > degree:
        raise KernelError(
            f"savgol: a surface of degree {degree} has no derivative dx={dx}, dy={dy}",
            "Give a higher degree.",
        )


def _span(size: int) -> range:
    return range(-(size // 2), size // 2 + 1)


def _normal(powers: Sequence[Power], columns: int, rows: int) -> list[list[Fraction]]:
    """A^T A: sums of x^(a+c) times sums of y^(b+d)."""
    across = [sum(x**n for x in _span(columns)) for n in range(2 * columns)]
    down = [sum(y**n for y in _span(rows)) for n in range(2 * rows)]
    return [[Fraction(across[a + c] * down[b + d]) for c, d in powers] for a, b in powers]


def _solved(matrix: list[list[Fraction]], number: int) -> list[Fraction]:
    """Column `number` of the inverse, by Gauss and Jordan; the matrix is positive definite."""
    size = len(matrix)
    rows = [[*row, Fraction(i == number)] for i, row in enumerate(matrix)]
    for pivot in range(size):
        rows[pivot] = [cell / rows[pivot][pivot] for cell in rows[pivot]]
        for i, row in enumerate(rows):
            if i != pivot and row[pivot]:
                factor = row[pivot]
                rows[i] = [c - factor * p for c, p in zip(row, rows[pivot], strict=True)]
    return [row[-1] for row in rows]
