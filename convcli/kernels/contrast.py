"""
Kernels that answer to change, by formula: gradients, Laplacians, sharpening.

Written as correlation templates: a gradient is positive where the image gets brighter to the right
(x) or downwards (y). Laplacians are negative in the centre. Only `math` is used.
"""

from __future__ import annotations

import math
from typing import Final

from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel, Matrix
from convcli.kernels.smoothing import fit, gauss_line, outer, reach
from convcli.kernels.texture import without_mean

Side = tuple[float, ...]

# operator -> smoothing across the derivative -1 0 1; Sobel comes in every odd size.
_ACROSS: Final[dict[str, Side]] = {
    "central": (1.0,),
    "prewitt": (1.0, 1.0, 1.0),
    "sobel": (1.0, 2.0, 1.0),
    "scharr": (3.0, 10.0, 3.0),
    "bickley": (1.0, 4.0, 1.0),
}
OPERATORS: Final = tuple(_ACROSS)
_SMALLEST: Final = 3


def gradient(operator: str, size: int, axis: str) -> Kernel:
    """Derivative x smoothing, scaled to gain 1: a ramp of one level a pixel gives one level."""
    if size % 2 == 0 or (size != _SMALLEST and operator != "sobel"):
        raise KernelError(
            f"gradient: there is no {operator} of size {size}",
            "Sobel comes in every odd size from 3; the others in size 3.",
        )
    along: Side = (-1.0, 0.0, 1.0)
    across = _ACROSS[operator]
    if operator == "sobel":
        across = tuple(float(math.comb(size - 1, i)) for i in range(size))
        inner = [float(math.comb(size - 3, i)) for i in range(size - 2)]
        # The plain difference -1 0 1, smoothed by a binomial two cells shorter.
        pairs = zip([0.0, 0.0, *inner], [*inner, 0.0, 0.0], strict=True)
        along = tuple(later - earlier for later, earlier in pairs)
    gain = math.fsum((i - size // 2) * cell for i, cell in enumerate(along)) * math.fsum(across)
    return outer(across, along, 1 / gain) if axis == "x" else outer(along, across, 1 / gain)


def gauss_derivative(sigma: float, dx: int, dy: int, radius: int | None) -> Kernel:
    """
    d^dx/dx d^dy/dy of a Gaussian as a template: (x/s^2) G, (x^2/s^4 - m) G, ...

    m is 1/s^2 but for the few millionths that are cut off with the tails: flat areas give 0.
    """
    far = reach(sigma, radius)
    fit(2 * far + 1, 2 * far + 1)
    line = tuple(enumerate(gauss_line(sigma, far), start=-far))
    mean = math.fsum(x * x * cell for x, cell in line) / sigma**4
    orders = {
        0: [cell for _, cell in line],
        1: [x / sigma**2 * cell for x, cell in line],
        2: [(x * x / sigma**4 - mean) * cell for x, cell in line],
    }
    return outer(orders[dy], orders[dx])


def laplacian(alpha: float) -> Kernel:
    """4/(a+1) * (a/4 (1-a)/4 a/4 / (1-a)/4 -1 (1-a)/4 / ...); MathWorks fspecial."""
    corner, edge = alpha / (alpha + 1), (1 - alpha) / (alpha + 1)
    outside = (corner, edge, corner)
    # The centre is minus the sum as computed, so that the weights add up to nothing.
    middle = (edge, -math.fsum((*outside, *outside, edge, edge)), edge)
    return Kernel((outside, middle, outside))


def laplacian_of_gaussian(sigma: float, radius: int | None) -> Kernel:
    """(x^2 + y^2 - 2 s^2) / s^4 * G, less its mean so that a flat area gives 0; fspecial."""
    far = reach(sigma, radius)
    fit(2 * far + 1, 2 * far + 1)
    line = list(enumerate(gauss_line(sigma, far), start=-far))
    rows = [
        [(i * i + j * j - 2 * sigma**2) / sigma**4 * up * along for j, along in line]
        for i, up in line
    ]
    return Kernel(without_mean(rows))


def difference_of_gaussians(sigma: float, sigma2: float | None, radius: int | None) -> Kernel:
    """G(sigma) - G(sigma2); 1.6 times sigma comes closest to a Laplacian of Gaussian (Marr)."""
    wide = 1.6 * sigma if sigma2 is None else sigma2
    far = reach(max(sigma, wide), radius)
    return _mix(1.0, _blur(sigma, far), -1.0, _blur(wide, far))


def unsharp(sigma: float, amount: float, radius: int | None) -> Kernel:
    """(1 + a) * image - a * G: adds what a Gaussian takes away; sums to 1."""
    return _mix(1 + amount, None, -amount, _blur(sigma, radius))


def unsharp_alpha(alpha: float) -> Kernel:
    """1/(a+1) * (-a a-1 -a / a-1 a+5 a-1 / ...): less a Laplacian; fspecial; sums to 1."""
    corner, edge, middle = -alpha, alpha - 1, alpha + 5
    outside = (corner, edge, corner)
    return Kernel((outside, (edge, middle, edge), outside), 1 / (alpha + 1))


def highpass(sigma: float, radius: int | None, size: int | None) -> Kernel:
    """Image - G, or - mean of size x size if that is given: what a blur takes away; sums to 0."""
    if size is not None:
        return highboost(1.0, size, "highpass")
    return _mix(1.0, None, -1.0, _blur(sigma, radius))


def highboost(amount: float, size: int, name: str = "highboost") -> Kernel:
    """a * image - mean of size x size; sums to a - 1."""
    if size % 2 == 0:
        raise KernelError(f"{name}: size {size} has no middle", "Give an odd size.")
    return _mix(amount, None, -1.0, outer((1.0 / size,) * size, (1.0 / size,) * size).matrix)


def _blur(sigma: float, radius: int | None) -> Matrix:
    line = gauss_line(sigma, radius)
    return outer(line, line).matrix


def _mix(a: float, first: Matrix | None, b: float, second: Matrix) -> Kernel:
    """a * first + b * second, of one size; None is the identity."""
    middle = len(second) // 2
    rows = [[b * cell for cell in row] for row in second]
    for i, row in enumerate(rows):
        for j in range(len(row)):
            row[j] += a * (first[i][j] if first else float(i == j == middle))
    return Kernel(tuple(map(tuple, rows)))


def shift(right: int, down: int) -> Kernel:
    """1 in one cell: moves the image by whole pixels; tells convolve from correlate."""
    high, wide = 2 * abs(down) + 1, 2 * abs(right) + 1
    fit(high, wide)
    column = [float(i == abs(down) - down) for i in range(high)]
    return outer(column, [float(j == abs(right) - right) for j in range(wide)])
