"""
ImageMagick's turns of a kernel, clockwise; the anchor goes with its cell.

    @   1 2 3    4 1 2    7 4 1           the outer ring of 3 x 3, by 45 degrees
        4 5 6 -> 7 5 3 -> 8 5 2 -> ...
        7 8 9    8 9 6    9 6 3
    >   by 90 degrees                     squares and lines
    <   as it is, by 180, 270 and 90 degrees

Turns that come back to the first kernel end the list, as they do there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.arithmetic import rotate

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

_SIDE: Final = 3


def turns(kernel: Kernel, flag: str) -> list[Kernel]:
    """Every turn that a flag asks for; KernelError where it cannot be turned so."""
    if flag == "@":
        return _distinct([ring(kernel, steps) for steps in range(8)])
    quarters = [kernel, *(quarter(kernel, times) for times in (1, 2, 3))]
    if flag == ">":
        return _distinct(quarters)
    return [quarters[0], quarters[2], quarters[3], quarters[1]]


def ring(kernel: Kernel, steps: int) -> Kernel:
    """The outer ring of a 3 x 3 matrix, so many cells on."""
    if (kernel.rows, kernel.columns) != (_SIDE, _SIDE):
        raise KernelError(f"only 3 x 3 turns by 45 degrees, not {kernel.rows} x {kernel.columns}")
    return rotate(kernel, -45 * steps)


def quarter(kernel: Kernel, times: int) -> Kernel:
    """By 90 degrees, so many times."""
    if kernel.rows != kernel.columns and 1 not in {kernel.rows, kernel.columns}:
        raise KernelError(f"{kernel.rows} x {kernel.columns} does not turn by 90 degrees")
    return rotate(kernel, -90 * times)


def _distinct(found: list[Kernel]) -> list[Kernel]:
    again = (n for n, kernel in enumerate(found) if n and kernel.matrix == found[0].matrix)
    return found[: next(again, len(found))]
