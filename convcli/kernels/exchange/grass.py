"""
GRASS r.mfilter: whole numbers in an odd square, laid on as written, divided by DIVISOR.

    TITLE sharpen
    MATRIX 3
    0 -1 0
    -1 5 -1
    0 -1 0
    DIVISOR 1            0: the sum of the weights
    TYPE P               S filters in place, each result feeding the next: not a convolution

Several blocks are filters one after another: they are multiplied out into one kernel, which gives
the same away from the edges. Source: GRASS GIS, raster/r.mfilter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import MAX_CELLS, Kernel

if TYPE_CHECKING:
    from convcli.kernels.kernel import Matrix, Recipe

_BLOCK: Final = re.compile(
    r"\s*(?:TITLE([^\n]*)\n\s*)?MATRIX\s+(\S+)[^\n]*\n(.*?)"
    r"\n[ \t]*DIVISOR\s+(\S+)[^\n]*\n\s*TYPE\s+(\S)",
    re.DOTALL | re.IGNORECASE,
)
MOST: Final = 2**31 - 1


def sniff_grass(data: bytes, suffix: str) -> bool:
    """TITLE or MATRIX stand first; or the suffix says so."""
    return suffix == ".mfilter" or looks_like(data, r"(TITLE\b[^\n]*\n\s*)?MATRIX\s+\d")


def read_grass(data: bytes, where: str) -> Recipe:
    """All filters of the file as one kernel."""
    page = Page.of(data, where)
    blocks, at = [], 0
    while block := _BLOCK.match(page.text, at):
        blocks.append(_kernel(page, block))
        at = block.end()
    if not blocks or page.text[at:].strip():
        raise page.wrong(at, "expected TITLE, MATRIX n, its rows, DIVISOR d and TYPE P")
    kernel = blocks[0]
    for other in blocks[1:]:
        kernel = _composed(page, kernel, other)
    return made(kernel, where, "correlate")


def write_grass(recipe: Recipe) -> Written:
    """Whole numbers in an odd square, and a whole divisor; KernelError where there are none."""
    one = laid(recipe, "correlate", "r.mfilter").centred(square=True, sides=range(3, 10_000, 2))
    matrix, factor = one.whole(-MOST, MOST, "r.mfilter")
    cells = tuple(tuple(cell * factor.numerator for cell in row) for row in matrix)
    bias = one.without_bias("add {level:g} with r.mapcalc")
    text = (
        f"TITLE {one.name}\nMATRIX {one.rows}\n{lines(cells, ' ')}\n"
        f"DIVISOR {factor.denominator}\nTYPE P\n"
    )
    return Written(text.encode(), (*one.notes, *bias))


def _kernel(page: Page, block: re.Match[str]) -> Kernel:
    side = page.count(block[2], block.start(2), "the side of the matrix")
    if not side % 2:
        raise page.wrong(block.start(2), f"a side of {side}: r.mfilter takes odd ones")
    if block[5].upper() != "P":
        raise page.wrong(block.start(5), f"TYPE {block[5]} filters in place", "Write TYPE P.")
    cells = page.numbers(*block.span(3))
    kernel = Kernel(page.table(cells, side, side, block.start(2)))
    divisor = page.number(block[4], block.start(4)) or kernel.sum
    if not divisor:
        raise page.wrong(block.start(4), "DIVISOR 0 is the sum of the weights, which is 0")
    return Kernel(kernel.matrix, 1 / divisor)


def _composed(page: Page, first: Kernel, then: Kernel) -> Kernel:
    """The full convolution of both: filtering by one and then by the other."""
    side = first.rows + then.rows - 1
    if side * side > MAX_CELLS or (first.rows * then.rows) ** 2 > 100 * MAX_CELLS:
        raise page.wrong(0, f"the filters together are larger than {MAX_CELLS} weights")
    cells = [[0.0] * side for _ in range(side)]
    for i, row in enumerate(first.matrix):
        for j, weight in enumerate(row):
            _add(cells, then.matrix, weight, (i, j))
    return Kernel(tuple(map(tuple, cells)), first.scale * then.scale)


def _add(cells: list[list[float]], matrix: Matrix, weight: float, at: tuple[int, int]) -> None:
    for p, row in enumerate(matrix):
        line = cells[at[0] + p]
        for q, cell in enumerate(row):
            line[at[1] + q] += weight * cell
