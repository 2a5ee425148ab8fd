"""
Kernels drawn around the anchor: rings, diamonds, octagons, comets, stars; each sums to 1.

    ring   . 1 1 1 .    diamond   . . 1 . .    octagon   . 1 1 1 .    impulse   1 . 1 . 1
           1 . . . 1              . 1 1 1 .              1 1 1 1 1              . . . . .
           1 . . . 1              1 1 1 1 1              1 1 1 1 1              1 . 1 . 1
           1 . . . 1              . 1 1 1 .              1 1 1 1 1              . . . . .
           . 1 1 1 .              . . 1 . .              . 1 1 1 .              1 . 1 . 1

Sources: ImageMagick for ring, diamond, octagon and comet, G'MIC for impulse, Moffat 1969 and
Airy 1835 for the images of a star. Only `math` is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel
from convcli.kernels.smoothing import fit, mirrored, outer

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_ZERO: Final = 3.8317059702075125
"""Where J1, and so the first dark ring of Airy's pattern, is 0."""
_HANKEL_FROM: Final = 20.0


def ring(inner: float, outer: float) -> Kernel:
    """1 where inner^2 <= x^2 + y^2 <= outer^2, divided by their number; radii in pixels."""
    if inner > outer:
        raise KernelError(
            f"ring: the inner radius {inner:g} is larger than the outer one, {outer:g}",
            "Give the smaller one first: ring:2,outer=3.",
        )
    low, high = inner * inner, outer * outer
    return _indicator(int(outer), lambda x, y: low <= x * x + y * y <= high, "ring")


def diamond(radius: int) -> Kernel:
    """1 where |x| + |y| <= radius, divided by their number."""
    return _indicator(radius, lambda x, y: abs(x) + abs(y) <= radius, "diamond")


def octagon(radius: int) -> Kernel:
    """1 where |x| + |y| <= radius + radius // 2 inside the square, divided by their number."""
    most = radius + radius // 2
    return _indicator(radius, lambda x, y: abs(x) + abs(y) <= most, "octagon")


def _indicator(reach: int, inside: Callable[[int, int], bool], name: str) -> Kernel:
    fit(2 * reach + 1, 2 * reach + 1)
    span = range(-reach, reach + 1)
    rows = tuple(tuple(float(inside(x, y)) for x in span) for y in span)
    count = sum(map(sum, rows))
    if not count:
        raise KernelError(f"{name}: no pixel lies inside", "Give a wider one.")
    return Kernel(rows, 1 / count)


def impulse(size: int) -> Kernel:
    """Nine points, 1/9 each, spread over size x size: a 3x3 mean that leaves cells out."""
    if size % 2 == 0:
        raise KernelError(f"impulse: size {size} has no middle", "Give an odd size.")
    line = tuple(float(i in {0, size // 2, size - 1}) for i in range(size))
    return outer(line, line, 1 / 9)


def comet(sigma: float, angle: float, radius: int | None) -> Kernel:
    """
    exp(-u^2 / 2 s^2) on one side of the anchor, divided by the sum.

    u is the distance along a line; a bright point leaves a trail towards `angle`, degrees
    counter-clockwise from the row, if the kernel is correlated. Beside the line the weight falls
    off over one pixel, as in `motion`.
    """
    reach = int(4 * sigma + 0.5) if radius is None else radius
    cosine, sine = (round(f(math.radians(angle)), 15) for f in (math.cos, math.sin))
    fit(2 * reach + 1, 2 * reach + 1)
    span = range(-reach, reach + 1)

    def tail(x: int, y: int) -> float:
        # Rows grow downwards and the angle upwards; the weights lie where the light comes from.
        back, beside = y * sine - x * cosine, x * sine + y * cosine
        if not 0 <= back <= reach:
            return 0.0
        return max(0.0, 1 - abs(beside)) * math.exp(-0.5 * (back / sigma) ** 2)

    rows = [[tail(x, y) for x in span] for y in span]
    down = [i for i, row in enumerate(rows) if any(row)]
    across = [j for j in range(len(rows)) if any(row[j] for row in rows)]
    kept = [row[across[0] : across[-1] + 1] for row in rows[down[0] : down[-1] + 1]]
    total = math.fsum(cell for row in kept for cell in row)
    matrix = tuple(tuple(cell / total for cell in row) for row in kept)
    return Kernel(matrix, anchor=(reach - down[0], reach - across[0]))


def moffat(gamma: float, alpha: float, radius: int | None) -> Kernel:
    """(1 + r^2 / g^2)^-a, divided by the sum: a star through turbulent air; 4 widths on a side."""
    width = 2 * gamma * math.sqrt(2 ** (1 / alpha) - 1)
    reach = int(4 * width + 0.5) if radius is None else radius
    return _round(reach, lambda square: (1 + square / gamma**2) ** -alpha)


def airy(radius: float, reach: int | None) -> Kernel:
    """(2 J1(x) / x)^2, x = 3.8317 r / radius, divided by the sum: a star in a perfect lens."""

    def light(square: float) -> float:
        x = _FIRST_ZERO * math.sqrt(square) / radius
        return (2 * bessel_j1(x) / x) ** 2 if x else 1.0

    return _round(int(4 * radius + 0.5) if reach is None else reach, light)


def bessel_j1(x: float) -> float:
    """
    J1(x) = 2/pi * integral of sin(x sin t) sin t for t = 0 .. pi/2; absolute error below 1e-15.

    Up to 20 the midpoint rule, which errs by J_(N-1)(x), below 1e-35: N evenly spaced points of a
    periodic function. Beyond, Hankel's expansion; what it leaves out is less than its first term
    left out (DLMF 10.17(iii)), here below 1e-17.
    """
    if x < 0:
        return -bessel_j1(-x)
    if x > _HANKEL_FROM:
        return _hankel(x)
    count = 10 + int(x) // 2
    sines = [math.sin((k + 0.5) * math.pi / (2 * count)) for k in range(count)]
    return math.fsum(math.sin(x * sine) * sine for sine in sines) / count


def _hankel(x: float) -> float:
    """sqrt(2 / pi x) (P cos c - Q sin c), c = x - 3 pi/4, P + iQ = 1 + 3i/8x + ...; x from 20."""
    real = imaginary = 0.0
    term, k = 1.0, 0
    while abs(term) > 2**-60:
        if k % 2:
            imaginary += term
        else:
            real += term
        k += 1
        # a_k / a_(k-1) = (4 - (2k-1)^2) / 8k; the power of i turns the sign at every second one.
        term *= (4 - (2 * k - 1) ** 2) / (8 * k * x) * (1 if k % 2 else -1)
    sine, cosine = math.sin(x), math.cos(x)
    return (real * (sine - cosine) + imaginary * (sine + cosine)) / math.sqrt(math.pi * x)


def _round(reach: int, height: Callable[[float], float]) -> Kernel:
    """A function of the squared distance, sampled once for each distance that there is."""
    fit(2 * reach + 1, 2 * reach + 1)
    span = [i * i for i in range(reach + 1)]
    known = {square: height(square) for square in {x + y for x in span for y in span}}
    quadrant = [[known[x + y] for x in span] for y in span]
    total = math.fsum(cell for row in mirrored(quadrant) for cell in row)
    return Kernel(mirrored([[cell / total for cell in row] for row in quadrant]))
