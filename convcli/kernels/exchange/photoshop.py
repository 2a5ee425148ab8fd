"""
Photoshop's Custom filter, `.acf`: 27 big-endian 16-bit integers, laid on as written.

    25 weights -999..999, row by row of 5 x 5;  scale 1..9999;  offset -9999..9999, in 8-bit levels

    result = sum / scale + offset. Source: Adobe Photoshop File Formats, "Custom Kernel".
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, made
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

_LAYOUT: Final = ">27h"
_SIDE: Final = 5
WEIGHT, SCALE, OFFSET = 999, 9_999, 9_999


def sniff_photoshop(data: bytes, suffix: str) -> bool:  # noqa: ARG001 - 54 bytes of numbers look like anything
    """By its suffix alone."""
    return suffix == ".acf"


def read_photoshop(data: bytes, where: str) -> Recipe:
    """The 5 x 5 weights, divided by the scale, and the offset."""
    if len(data) != struct.calcsize(_LAYOUT):
        raise KernelError(
            f"{where}: is {len(data)} bytes long; a Custom filter has {struct.calcsize(_LAYOUT)}.",
            "Save it once more from Filter > Other > Custom.",
        )
    *cells, scale, offset = struct.unpack(_LAYOUT, data)
    if scale == 0:
        raise KernelError(f"{where}: the scale is 0: sums are divided by it.")
    rows = [cells[start : start + _SIDE] for start in range(0, _SIDE * _SIDE, _SIDE)]
    kernel = Kernel(tuple(tuple(map(float, row)) for row in rows), 1 / scale)
    return replace(made(kernel, where, "correlate"), bias=Bias(float(offset)))


def write_photoshop(recipe: Recipe) -> Written:
    """KernelError where weights, scale or offset are not whole, or too large."""
    one = laid(recipe, "correlate", "A Custom filter").centred(sides=(_SIDE,))
    matrix, factor = one.whole(-WEIGHT, WEIGHT, "A Custom filter")
    cells = [int(cell * factor.numerator) for row in matrix for cell in row]
    offset, notes = one.levels()
    fits = factor.denominator <= SCALE and max(map(abs, cells)) <= WEIGHT and abs(offset) <= OFFSET
    if not fits:
        raise KernelError(
            f"'{one.name}' does not fit a Custom filter: weights to {WEIGHT}, a scale to {SCALE},"
            f" an offset to {OFFSET}.",
            "Use another format.",
        )
    rounded = f"the offset {offset:g} was rounded: it is whole there"
    notes = (*one.notes, *notes, *((rounded,) * (not float(offset).is_integer())))
    return Written(struct.pack(_LAYOUT, *cells, factor.denominator, round(offset)), notes)
