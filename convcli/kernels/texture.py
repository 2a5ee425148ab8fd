"""
Kernels that answer to texture and direction: Gabor, Laws, steerable, cosines, relief.

Angles are degrees counter-clockwise from the row; templates are written for correlation. Only
`math` is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel, Matrix
from convcli.kernels.smoothing import fit, outer

if TYPE_CHECKING:
    from collections.abc import Sequence

LAWS: Final[dict[str, tuple[float, ...]]] = {
    "L5": (1.0, 4.0, 6.0, 4.0, 1.0),
    "E5": (-1.0, -2.0, 0.0, 2.0, 1.0),
    "S5": (-1.0, 0.0, 2.0, 0.0, -1.0),
    "W5": (-1.0, 2.0, 0.0, -2.0, 1.0),
    "R5": (1.0, -4.0, 6.0, -4.0, 1.0),
}


def without_mean(rows: Sequence[Sequence[float]]) -> Matrix:
    """rows - mean(rows): a flat area then gives 0."""
    mean = math.fsum(cell for row in rows for cell in row) / (len(rows) * len(rows[0]))
    return tuple(tuple(cell - mean for cell in row) for row in rows)


def emboss(angle: float, depth: float) -> Kernel:
    """Identity + depth * slope towards `angle`, degrees counter-clockwise; sums to 1."""
    # Rounded so that whole eighths of a turn give whole numbers; -45 is the classic -2 -1 0 ...
    right = round(depth * math.sqrt(2) * math.cos(math.radians(angle)), 12)
    down = round(-depth * math.sqrt(2) * math.sin(math.radians(angle)), 12)
    span = (-1, 0, 1)
    rows = [[right * j + down * i + (i == j == 0) + 0.0 for j in span] for i in span]
    return Kernel(tuple(map(tuple, rows)))


def gabor(sigma: float, wavelength: float, angle: float, phase: float, ratio: float) -> Kernel:
    """exp(-(u^2 + g^2 v^2) / 2 s^2) * cos(2 pi u / wavelength + phase), less its mean."""
    reach = int(3 * sigma / min(1.0, ratio) + 0.5)
    fit(2 * reach + 1, 2 * reach + 1)
    turn = math.radians(angle)
    # A phase of -90 is a sine to the last bit, so that the odd one of a pair is odd.
    even, odd = (round(f(math.radians(phase)), 15) for f in (math.cos, math.sin))
    wave = 2 * math.pi / wavelength
    rows = []
    for y in range(reach, -reach - 1, -1):  # upwards, as the angle counts
        across = [
            (x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn))
            for x in range(-reach, reach + 1)
        ]
        rows.append(
            [
                math.exp(-(u * u + (ratio * v) ** 2) / (2 * sigma * sigma))
                * (even * math.cos(wave * u) - odd * math.sin(wave * u))
                for u, v in across
            ]
        )
    return Kernel(without_mean(rows))


def laws(column: str, row: str) -> Kernel:
    """Texture energy: the product of two of L5 (level), E5 (edge), S5 (spot), W5, R5 (ripple)."""
    return outer(LAWS[column], LAWS[row])


def steerable(angle: float, order: int, sigma: float, radius: int | None) -> Kernel:
    """
    Derivative of exp(-r^2 / 2 s^2) towards `angle`, mixed from those along the axes; sums to 0.

        order 1   cos(t) G_x + sin(t) G_y
        order 2   cos(t)^2 G_xx + 2 cos(t) sin(t) G_xy + sin(t)^2 G_yy        y upwards

    with Freeman's factors 2 and 0.9213 for u = r / (s sqrt 2): Freeman & Adelson 1991.
    """
    reach = int(4 * sigma + 0.5) if radius is None else radius
    fit(2 * reach + 1, 2 * reach + 1)
    cosine, sine = (round(f(math.radians(angle)), 15) for f in (math.cos, math.sin))
    unit = 1 / (sigma * math.sqrt(2))

    def height(x: float, y: float) -> float:
        bell = math.exp(-(x * x + y * y))
        if order == 1:
            return 2 * (cosine * x + sine * y) * bell
        mixed = cosine**2 * (2 * x * x - 1) + sine**2 * (2 * y * y - 1)
        return 0.9213 * (mixed + 4 * cosine * sine * x * y) * bell

    span = range(-reach, reach + 1)
    rows = [[height(x * unit, -y * unit) for x in span] for y in span]
    return Kernel(without_mean(rows) if order > 1 else tuple(map(tuple, rows)))


def cosines(size: int, x: int, y: int) -> Kernel:
    """
    a cos(pi x (2j + 1) / 2n) * b cos(pi y (2i + 1) / 2n): one of the n^2 patterns of the DCT-II.

    a and b make the patterns orthonormal: 1/sqrt(n) for frequency 0, else sqrt(2/n).
    """
    if max(x, y) >= size:
        raise KernelError(
            f"dct: a pattern of size {size} has frequencies 0 to {size - 1}, not {max(x, y)}",
            "Give smaller x and y, or a larger size.",
        )
    return outer(_cosine(size, y), _cosine(size, x))


def _cosine(size: int, frequency: int) -> tuple[float, ...]:
    factor = math.sqrt((2 if frequency else 1) / size)
    # Half a turn is 2 * size steps: whole eighths of a turn come out as they should, to the bit.
    steps = ((2 * i + 1) * frequency for i in range(size))
    return tuple(factor * _cosine_of(step, 2 * size) for step in steps)


def _cosine_of(step: int, half: int) -> float:
    """cos(pi * step / half), odd about a quarter turn to the last bit."""
    step %= 2 * half
    step = min(step, 2 * half - step)
    if 2 * step > half:
        return -_cosine_of(half - step, half)
    return math.cos(math.pi * step / half) if 2 * step != half else 0.0
