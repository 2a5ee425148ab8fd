"""
What can be done with kernels: turn, mirror, spread, scale, add and compose them.

    rotate 45    1 2 3      2 3 6        flip   9 8 7     transpose   1 4 7    dilate 2   1 . 2
                 4 5 6  ->  1 5 9               6 5 4                 2 5 8               . . .
                 7 8 9      4 7 8               3 2 1                 3 6 9               4 . 5

Whole numbers stay whole: where both matrices hold them, a sum or product is one matrix of whole
numbers and one scale, so that engines still add it up exactly. Anchors go along. Angles are
degrees counter-clockwise.
"""

from __future__ import annotations

import math
from fractions import Fraction
from operator import add
from typing import TYPE_CHECKING, TypeAlias

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel, Matrix
from convcli.kernels.number import EXACT, Number, simplest
from convcli.kernels.smoothing import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows: TypeAlias = tuple[tuple[float, ...], ...]

EIGHTH, _TURN = 45, 360


# --- turning ------------------------------------------------------------------------------------


def rotate(kernel: Kernel, degrees: Number) -> Kernel:
    """
    Turn counter-clockwise by quarters, or by eighths where the kernel is an odd square.

    An eighth moves every ring of cells on by an eighth of its length, as compass sets are made.
    Nothing is resampled: other angles raise `KernelError`.
    """
    turns = Fraction(degrees) / EIGHTH % (_TURN // EIGHTH)
    if turns.denominator > 1:
        raise KernelError(
            f"can't rotate by {float(degrees):g} degrees: cells would have to be made up between"
            " those there are",
            "Rotate by multiples of 45, or name a family that takes an angle: gabor, steerable,"
            " motion, gaussian.",
        )
    quarters, eighths = divmod(int(turns), 2)
    turned = kernel
    for _ in range(quarters):
        turned = _quarter(turned)
    return _eighth(turned) if eighths else turned


def _quarter(kernel: Kernel) -> Kernel:
    row, column = kernel.center
    matrix = tuple(zip(*kernel.matrix, strict=True))[::-1]
    return _made(matrix, kernel.scale, (kernel.columns - 1 - column, row))


def _eighth(kernel: Kernel) -> Kernel:
    side, half = kernel.rows, kernel.rows // 2
    if side != kernel.columns or side % 2 == 0:
        raise KernelError(
            f"can't rotate a {side}x{kernel.columns} kernel by an eighth of a turn",
            "Its rings turn about the middle of an odd square: 3x3, 5x5 ...; or rotate by 90.",
        )
    cells = [list(row) for row in kernel.matrix]
    anchor = kernel.center
    for ring in range(1, half + 1):
        places = _ring(half, ring)
        for (i, j), (k, m) in zip(places, [*places[ring:], *places[:ring]], strict=True):
            cells[i][j] = kernel.matrix[k][m]
            if (k, m) == kernel.center:
                anchor = i, j
    return _made(tuple(map(tuple, cells)), kernel.scale, anchor)


def _ring(middle: int, ring: int) -> list[tuple[int, int]]:
    """The cells `ring` steps from the middle, clockwise from the upper left corner."""
    low, high, span = middle - ring, middle + ring, range(2 * ring)
    return [
        *((low, low + i) for i in span),
        *((low + i, high) for i in span),
        *((high, high - i) for i in span),
        *((high - i, low) for i in span),
    ]


def flip(kernel: Kernel) -> Kernel:
    """The half turn that tells convolve from correlate."""
    return rotate(kernel, 180)


def mirror(kernel: Kernel, axis: str) -> Kernel:
    """`x` changes left and right, `y` changes top and bottom."""
    row, column = kernel.center
    if axis == "x":
        turned = tuple(line[::-1] for line in kernel.matrix)
        return _made(turned, kernel.scale, (row, kernel.columns - 1 - column))
    return _made(kernel.matrix[::-1], kernel.scale, (kernel.rows - 1 - row, column))


def transpose(kernel: Kernel) -> Kernel:
    """Change rows and columns."""
    row, column = kernel.center
    return _made(tuple(zip(*kernel.matrix, strict=True)), kernel.scale, (column, row))


def dilate(kernel: Kernel, down: int, along: int) -> Kernel:
    """Spread the cells with zeros between them: `--dilation`, as a kernel of its own."""
    rows, columns = (kernel.rows - 1) * down + 1, (kernel.columns - 1) * along + 1
    fit(rows, columns)
    cells = [[0.0] * columns for _ in range(rows)]
    for i, line in enumerate(kernel.matrix):
        cells[i * down][::along] = line
    row, column = kernel.center
    return _made(tuple(map(tuple, cells)), kernel.scale, (row * down, column * along))


# --- adding -------------------------------------------------------------------------------------


def times(kernel: Kernel, number: Number) -> Kernel:
    """Multiply the scale; the matrix stays as it is. `KernelError` for 0 and infinity."""
    if number == 0:
        raise KernelError("a kernel times 0 is nothing", "Leave it out.")
    exact = simplest(kernel.scale)
    scale = float(number * exact) if exact and isinstance(number, Fraction) else 0.0
    return _made(kernel.matrix, scale or float(number) * kernel.scale, kernel.center)


def plus(first: Kernel, second: Kernel, sign: int = 1) -> Kernel:
    """first + sign * second, laid on each other by their anchors."""
    both = (first, second)
    top, left = (max(kernel.center[axis] for kernel in both) for axis in (0, 1))
    rows = top + max(kernel.rows - kernel.center[0] for kernel in both)
    columns = left + max(kernel.columns - kernel.center[1] for kernel in both)
    fit(rows, columns)
    ones, twos, scale = _alike(first, second, sign)
    cells: list[list[float]] = [[0] * columns for _ in range(rows)]
    for kernel, lines in ((first, ones), (second, twos)):
        start = left - kernel.center[1]
        span = slice(start, start + kernel.columns)
        for into, line in zip(cells[top - kernel.center[0] :], lines, strict=False):
            into[span] = map(add, into[span], line)
    return _finished(cells, scale, (top, left))


def _alike(
    first: Kernel, second: Kernel, sign: int
) -> tuple[Sequence[Sequence[float]], Sequence[Sequence[float]], Fraction | None]:
    """Both matrices in units of one scale: whole numbers, or floats and no scale."""
    one, two = simplest(first.scale), simplest(second.scale)
    if one and two and first.integral and second.integral:
        unit = Fraction(1, math.lcm(one.denominator, two.denominator))
        by, and_by = int(one / unit), sign * int(two / unit)
        return _whole(first.matrix, by), _whole(second.matrix, and_by), unit
    return (
        first.weights,
        [[sign * cell for cell in line] for line in second.weights],
        None,
    )


def _whole(matrix: Matrix, factor: int) -> list[list[int]]:
    if factor == 1:
        return [list(map(int, line)) for line in matrix]
    return [[int(cell) * factor for cell in line] for line in matrix]


def _finished(
    cells: Sequence[Sequence[float]], scale: Fraction | None, anchor: tuple[int, int]
) -> Kernel:
    """Whole numbers without a common factor where they are exact as floats, else floats."""
    if scale is None:
        return _made(tuple(tuple(map(float, line)) for line in cells), 1.0, anchor)
    common = 0
    for line in cells:
        common = math.gcd(common, *map(int, line))
        if common == 1:
            break
    common = common or 1
    largest = max(max(map(abs, line)) for line in cells) // common
    if largest > EXACT:
        rows = tuple(tuple(float(cell * scale) for cell in line) for line in cells)
        return _made(rows, 1.0, anchor)
    if common > 1:
        cells = [[cell // common for cell in line] for line in cells]
    rows = tuple(tuple(map(float, line)) for line in cells)
    return _made(rows, float(scale * common), anchor)


# --- composing ----------------------------------------------------------------------------------


def compose(first: Kernel, second: Kernel) -> Kernel:
    """The one kernel that does what both do after each other; its size is the sum less 1."""
    rows, columns = first.rows + second.rows - 1, first.columns + second.columns - 1
    fit(rows, columns)
    anchor = first.center[0] + second.center[0], first.center[1] + second.center[1]
    one, two = simplest(first.scale), simplest(second.scale)
    if one and two and first.integral and second.integral:
        wholes = _spread(_whole(first.matrix, 1), _whole(second.matrix, 1), rows, columns)
        return _finished(wholes, one * two, anchor)
    cells = _spread(first.matrix, second.matrix, rows, columns)
    return _made(tuple(map(tuple, cells)), first.scale * second.scale, anchor)


def _spread(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], rows: int, columns: int
) -> list[list[float]]:
    """The full convolution of two matrices, cell by cell; zeros of the second cost nothing."""
    taps = [(i, j, cell) for i, line in enumerate(second) for j, cell in enumerate(line) if cell]
    cells: list[list[float]] = [[0] * columns for _ in range(rows)]
    for i, j, weight in taps:
        for k, line in enumerate(first):
            into = cells[i + k]
            for m, cell in enumerate(line, start=j):
                into[m] += weight * cell
    return cells


def _made(matrix: Rows, scale: float, anchor: tuple[int, int]) -> Kernel:
    """A kernel whose anchor is written down only where it is not the middle."""
    middle = (len(matrix) - 1) // 2, (len(matrix[0]) - 1) // 2
    rows = tuple(tuple([cell + 0.0 for cell in line]) for line in matrix)
    return Kernel(rows, scale, None if anchor == middle else anchor)
