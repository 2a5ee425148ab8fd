"""
Smoothing kernels by formula; each sums to 1. Only `math` is used.

Sources: Lindeberg 1990 for the discrete Gaussian, MathWorks `fspecial` for disk and motion.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convcli.errors import KernelError
from convcli.kernels.kernel import MAX_CELLS, Kernel, Matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def outer(column: Sequence[float], row: Sequence[float], scale: float = 1.0) -> Kernel:
    """matrix[i][j] = column[i] * row[j]; rows that are the same are one tuple."""
    fit(len(column), len(row))
    lines = {up: tuple([up * along + 0.0 for along in row]) for up in set(column)}
    return Kernel(tuple([lines[up] for up in column]), scale)


def fit(rows: int, columns: int) -> None:
    """Refuse a size above the limit, before anything of that size is made."""
    if rows * columns > MAX_CELLS:
        raise KernelError(
            f"a {rows}x{columns} kernel has more than {MAX_CELLS} weights",
            "Ask for a smaller one, or scale the image down first.",
        )


def normalised(cells: Iterable[float]) -> tuple[float, ...]:
    """Divide by the sum."""
    values = tuple(cells)
    total = math.fsum(values)
    return tuple(value / total for value in values)


def box(size: int, rows: int | None, columns: int | None) -> Kernel:
    """1 / (rows * columns) in every cell: the mean of a rectangle."""
    high, wide = rows or size, columns or size
    return outer((1.0,) * high, (1.0,) * wide, 1 / (high * wide))


def tent(radius: int) -> Kernel:
    """(1 2 .. n .. 2 1) x the same, / n^4 with n = radius + 1: a box filtered by a box."""
    side = tuple(float(radius + 1 - abs(i)) for i in range(-radius, radius + 1))
    return outer(side, side, 1 / (radius + 1) ** 4)


def binomial(radius: int) -> Kernel:
    """Row 2r of Pascal's triangle x the same, / 16^r; variance r/2 on each axis."""
    side = tuple(float(math.comb(2 * radius, i)) for i in range(2 * radius + 1))
    return outer(side, side, 1 / 16**radius)


def gaussian(  # noqa: PLR0913, PLR0917 - the parameters of the family
    sigma: float,
    radius: int | None,
    sampling: str,
    sigma_x: float | None,
    sigma_y: float | None,
    angle: float,
) -> Kernel:
    """
    exp(-u^2 / 2 sx^2) * exp(-v^2 / 2 sy^2), divided by the sum; sigmas in pixels.

    u lies `angle` degrees counter-clockwise from the row. Along the axes both parts are sampled as
    `sampling` says; a bell at an angle is a sampled curve.
    """
    along, across = (sigma if own is None else own for own in (sigma_x, sigma_y))
    fit(2 * reach(across, radius) + 1, 2 * reach(along, radius) + 1)
    if along == across or angle % 180 == 0:
        return outer(gauss_line(across, radius, sampling), gauss_line(along, radius, sampling))
    if angle % 180 == 90:  # noqa: PLR2004 - a quarter turn changes the axes
        return outer(gauss_line(along, radius, sampling), gauss_line(across, radius, sampling))
    if sampling != "point":
        raise KernelError(
            f"gaussian: sampling={sampling} goes along the axes only, not at angle={angle:g}",
            "Leave sampling or angle out.",
        )
    return _bell(along, across, angle, radius)


def _bell(along: float, across: float, angle: float, radius: int | None) -> Kernel:
    far = reach(max(along, across), radius)
    fit(2 * far + 1, 2 * far + 1)
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    span = range(-far, far + 1)
    cells = normalised(
        math.exp(
            -0.5 * ((x * cosine - y * sine) / along) ** 2
            - 0.5 * ((x * sine + y * cosine) / across) ** 2
        )
        for y in span
        for x in span
    )
    side = 2 * far + 1
    return Kernel(tuple(cells[i : i + side] for i in range(0, len(cells), side)))


def reach(sigma: float, radius: int | None) -> int:
    """The radius that is given, else SciPy's, int(4 * sigma + 0.5)."""
    return int(4 * sigma + 0.5) if radius is None else radius


def gauss_line(
    sigma: float, radius: int | None = None, sampling: str = "point"
) -> tuple[float, ...]:
    """
    One axis of a Gaussian over -radius..radius, summing to 1.

    `point` samples the curve, `integral` takes its area over each pixel, `discrete` is
    Lindeberg's e^-t I_n(t) with t = sigma^2, whose variance is exactly t before it is cut off.
    The default radius is SciPy's, int(4 * sigma + 0.5).
    """
    far = reach(sigma, radius)
    fit(1, 2 * far + 1)
    if sampling == "discrete":
        half = bessel_line(sigma * sigma, far)
    elif sampling == "integral":
        width = sigma * math.sqrt(2)
        half = [math.erf((i + 0.5) / width) - math.erf((i - 0.5) / width) for i in range(far + 1)]
    else:
        half = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(far + 1)]
    return normalised([*half[:0:-1], *half])


def bessel_line(t: float, count: int) -> list[float]:
    """
    e^-t I_n(t) for n = 0..count; relative error about 1e-14.

    Miller's algorithm: the recurrence I_(n-1) = I_(n+1) + (2n/t) I_n is stable downwards, so it
    starts far above `count` from an arbitrary value, and e^t = I_0 + 2 (I_1 + I_2 + ...) gives the
    factor.
    """
    start = count + 20 + int(12 * math.sqrt(t))
    values = [0.0] * (start + 2)
    values[start] = 1.0
    for n in range(start, 0, -1):
        values[n - 1] = values[n + 1] + 2 * n / t * values[n]
        if values[n - 1] > 1e200:  # noqa: PLR2004 - far from overflow, far above what still counts
            values[n - 1 :] = [value * 1e-200 for value in values[n - 1 :]]
    total = values[0] + 2 * math.fsum(values[1:])
    return [value / total for value in values[: count + 1]]


def disk(radius: float, *, antialias: bool) -> Kernel:
    """The share of each pixel inside the circle; without antialias 1 where x^2 + y^2 <= r^2."""
    reach = math.ceil(radius - 0.5) if antialias else int(radius)
    fit(2 * reach + 1, 2 * reach + 1)
    if antialias:
        quadrant = [[_covered(i, j, radius) for j in range(reach + 1)] for i in range(reach + 1)]
        total = math.fsum(cell for row in mirrored(quadrant) for cell in row)
        return Kernel(mirrored([[cell / total for cell in row] for row in quadrant]))
    squared = radius * radius
    whole = [[float(i * i + j * j <= squared) for j in range(reach + 1)] for i in range(reach + 1)]
    matrix = mirrored(whole)
    return Kernel(matrix, 1 / sum(map(sum, matrix)))


def mirrored(quadrant: Sequence[Sequence[float]]) -> Matrix:
    """The whole of what is the same left and right, above and below; its corner is the middle."""
    rows = [(*row[:0:-1], *row) for row in quadrant]
    return (*rows[:0:-1], *rows)


def _covered(i: int, j: int, radius: float) -> float:
    """Area of the pixel around (i, j) inside the circle; the same for (j, i), to the last bit."""
    low, high = min(i, j), max(i, j)
    corners = ((0.5, 0.5, 1), (-0.5, 0.5, -1), (0.5, -0.5, -1), (-0.5, -0.5, 1))
    area = sum(s * _corner_area(high + x, low + y, radius) for x, y, s in corners)
    return min(1.0, max(0.0, area))


def _corner_area(x: float, y: float, radius: float) -> float:
    """Area of the circle inside the rectangle from its centre to (x, y), odd in x and y."""
    if x < 0 or y < 0:
        return -_corner_area(abs(x), abs(y), radius) * (-1 if x < 0 and y < 0 else 1)
    if math.hypot(x, y) <= radius:
        return x * y
    x, y = min(x, radius), min(y, radius)
    flat = math.sqrt(radius * radius - y * y)
    return flat * y + _arc_area(x, radius) - _arc_area(flat, radius)


def _arc_area(x: float, radius: float) -> float:
    """Integral of sqrt(r^2 - u^2) for u = 0..x."""
    height = math.sqrt(max(0.0, radius * radius - x * x))
    return 0.5 * (x * height + radius * radius * math.asin(min(1.0, x / radius)))


def motion(length: float, angle: float) -> Kernel:
    """
    max(1 - distance to a centred line of this length, 0), divided by the sum.

    `length` in pixels, `angle` in degrees counter-clockwise from the row; MathWorks fspecial.
    """
    half = (max(1.0, length) - 1) / 2
    cosine, sine = math.cos(math.radians(angle % 180)), math.sin(math.radians(angle % 180))
    wide = int(half * abs(cosine) + 1 - length * 2**-52)
    high = int(half * sine + 1 - length * 2**-52)
    fit(2 * high + 1, 2 * wide + 1)
    # Rows grow downwards and the angle upwards, hence -i. Half the turn is computed and mirrored,
    # so that the kernel equals its half turn to the last bit.
    rows = [
        [_near_line(j, -i, half, cosine, sine) for j in range(-wide, wide + 1)]
        for i in range(-high, high + 1)
    ]
    upper = [cell for row in rows for cell in row]
    middle = len(upper) // 2
    cells = normalised([*upper[: middle + 1], *upper[:middle][::-1]])
    side = 2 * wide + 1
    return Kernel(tuple(cells[i : i + side] for i in range(0, len(cells), side)))


def _near_line(x: int, y: int, half: float, cosine: float, sine: float) -> float:
    across = y * cosine - x * sine
    if math.hypot(x, y) >= half:
        across = math.hypot(across, half - abs(x * cosine + y * sine))
    # One rounding error beside the line still lies on it.
    return max(0.0, 1 + 2**-52 - abs(across))
