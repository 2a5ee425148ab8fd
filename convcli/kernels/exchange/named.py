"""
ImageMagick's named kernels that are right: `Sobel:90`, `Laplacian:15`, `Gaussian:0x2`, `Kirsch:@`.

    cell(u, v) = exp(-(u*u + v*v) / (2 s*s)), divided by the sum           Gaussian:RADIUSxSIGMA
    Binomial:R = row R of Pascal's triangle, 2R wide, times itself

With radius 0 a Gaussian is as wide as the 16 bits of ImageMagick see it. FreiChen, Disk and others
have wrong numbers there, and shapes are no filters: they are refused.
Source: ImageMagick 6.9.11, magick/morphology.c, magick/gem.c (GetOptimalKernelWidth2D).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange.turns import ring, turns
from convcli.kernels.kernel import MAX_CELLS, Kernel
from convcli.kernels.number import parse_number

if TYPE_CHECKING:
    from convcli.kernels.kernel import Matrix

_NAMED: Final = re.compile(r"([A-Za-z]+)[\s:,]*([^@<>]*?)([@<>]?)\s*")
_QUANTUM: Final = 1 / 65_535
_EIGHTH: Final = 45
_LONGEST: Final = 200

COMPASS: Final = {
    "sobel": "1 0 -1; 2 0 -2; 1 0 -1",
    "roberts": "0 0 0; 1 -1 0; 0 0 0",
    "prewitt": "1 0 -1; 1 0 -1; 1 0 -1",
    "compass": "1 1 -1; 1 -2 -1; 1 1 -1",
    "kirsch": "5 -3 -3; 5 0 -3; 5 -3 -3",
}
"""Turned by an angle."""

LAPLACIANS: Final = {
    0: "-1 -1 -1; -1 8 -1; -1 -1 -1",
    1: "0 -1 0; -1 4 -1; 0 -1 0",
    2: "-2 1 -2; 1 4 1; -2 1 -2",
    3: "1 -2 1; -2 4 -2; 1 -2 1",
    5: "-4 -1 0 -1 -4; -1 2 3 2 -1; 0 3 4 3 0; -1 2 3 2 -1; -4 -1 0 -1 -4",
    7: "-10 -5 -2 -1 -2 -5 -10; -5 0 3 4 3 0 -5; -2 3 6 7 6 3 -2; -1 4 7 8 7 4 -1;"
    " -2 3 6 7 6 3 -2; -5 0 3 4 3 0 -5; -10 -5 -2 -1 -2 -5 -10",
    15: "0 0 -1 0 0; 0 -1 -2 -1 0; -1 -2 16 -2 -1; 0 -1 -2 -1 0; 0 0 -1 0 0",
    19: "0 -1 -1 -2 -2 -2 -1 -1 0; -1 -2 -4 -5 -5 -5 -4 -2 -1; -1 -4 -5 -3 0 -3 -5 -4 -1;"
    " -2 -5 -3 12 24 12 -3 -5 -2; -2 -5 0 24 40 24 0 -5 -2; -2 -5 -3 12 24 12 -3 -5 -2;"
    " -1 -4 -5 -3 0 -3 -5 -4 -1; -1 -2 -4 -5 -5 -5 -4 -2 -1; 0 -1 -1 -2 -2 -2 -1 -1 0",
}
"""By type."""

KNOWN: Final = ("Unity", "Gaussian", "Binomial", "Laplacian", *map(str.title, COMPASS))


def named(text: str) -> list[Kernel]:
    """The kernel of a name and its arguments, and its turns; KernelError for others."""
    # A long text would keep the pattern busy; no name and its numbers are that long.
    match = _NAMED.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    name = match[1].lower() if match else ""
    if match is None or name not in {known.lower() for known in KNOWN}:
        raise KernelError(
            f"ImageMagick's '{text[:40]}' is not among those read here",
            f"Known: {', '.join(KNOWN)}; or print its numbers: convert -define showkernel=1 ...",
        )
    kernel = _made(name, _arguments(match[2]))
    return turns(kernel, match[3]) if match[3] else [kernel]


def _made(name: str, arguments: list[float]) -> Kernel:
    first = arguments[0] if arguments else 0.0
    if name in COMPASS:
        return _compass(name, first)
    if name == "laplacian":
        if first not in LAPLACIANS:
            raise KernelError(f"Laplacian:{first:g} is none of {', '.join(map(str, LAPLACIANS))}")
        return Kernel(_matrix(LAPLACIANS[int(first)]))
    if name == "unity":
        return Kernel(((1.0,),), (first or 1.0))
    if name == "binomial":
        return _binomial(first)
    return _gaussian(first, arguments[1] if arguments[1:] else 1.0)


def _compass(name: str, angle: float) -> Kernel:
    if angle % _EIGHTH:
        raise KernelError(
            f"{name.title()}:{angle:g} would silently become another angle there",
            "Give a multiple of 45 degrees.",
        )
    return ring(Kernel(_matrix(COMPASS[name])), int(angle // _EIGHTH) % 8)


def _binomial(radius: float) -> Kernel:
    wide = 2 * int(radius or 1)
    if not 0 < wide < math.isqrt(MAX_CELLS):
        raise KernelError(f"Binomial:{radius:g} is no radius")
    row = [float(math.comb(wide, k)) for k in range(wide + 1)]
    return Kernel(tuple(tuple(up * along for along in row) for up in row))


def _gaussian(radius: float, sigma: float) -> Kernel:
    if sigma <= 0 or radius < 0 or max(radius, 4 * sigma) > math.isqrt(MAX_CELLS) / 2:
        raise KernelError(f"Gaussian:{radius:g}x{sigma:g} has no such radius or sigma")
    reach = int(radius) if radius >= 1 else _seen(sigma)
    side = [math.exp(-(u * u) / (2 * sigma * sigma)) for u in range(-reach, reach + 1)]
    total = math.fsum(side) ** 2
    return Kernel(tuple(tuple(up * along / total for along in side) for up in side))


def _seen(sigma: float) -> int:
    """The radius at which 16 bits see nothing of the last cell of the middle row."""
    reach = 2
    while True:
        side = [math.exp(-(u * u) / (2 * sigma * sigma)) for u in range(-reach, reach + 1)]
        if side[0] / math.fsum(side) ** 2 < _QUANTUM:
            return reach - 1
        reach += 1


def _arguments(text: str) -> list[float]:
    found = []
    for part in re.split(r"[\sx,:]+", text.strip()) if text.strip() else []:
        number = parse_number(part)
        if number is None or not math.isfinite(number):
            raise KernelError(f"'{part[:40]}' is no number for a named kernel")
        found.append(float(number))
    return found


def _matrix(text: str) -> Matrix:
    return tuple(tuple(map(float, row.split())) for row in text.split(";"))
