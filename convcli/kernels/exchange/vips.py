"""
libvips' matrix files, `.mat`: laid on as written, result = sum / scale + offset.

    3 3 9 0         width, height, scale (1 unless given), offset (0 unless given)
    1 1 1           height rows of width numbers, apart by blanks and tabs
    1 1 1
    1 1 1

The cell on the output is (height // 2, width // 2). Source: libvips, foreign/matrixload.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made, written
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from convcli.kernels.exchange.laid import Laid
    from convcli.kernels.kernel import Recipe

_HEADER: Final = range(2, 5)


def sniff_vips(data: bytes, suffix: str) -> bool:
    """The suffix; else a first line that the rows, as many as it says, are not as long as."""
    if suffix == ".mat":
        return True
    rows = [line.split() for line in data[:4096].splitlines() if line.strip()]
    if len(rows) < len(_HEADER) - 1 or len(rows[0]) not in _HEADER or len(data) > 4096:  # noqa: PLR2004 - the part that is looked at
        return False
    width, height = rows[0][:2]
    sides = {len(row) for row in rows[1:]}
    return (
        width.isdigit()
        and height.isdigit()
        and sides == {int(width)} != {len(rows[0])}
        and len(rows) - 1 == int(height)
    )


def read_vips(data: bytes, where: str) -> Recipe:
    """The kernel of a matrix file; MATLAB's own files of that suffix are refused."""
    if data.startswith(b"MATLAB"):
        raise Page("", where).wrong(
            0, "a file of MATLAB, not of libvips", "Write it with writematrix, as .csv."
        )
    page = Page.of(data, where)
    rows = list(page.lines())
    if not rows:
        raise page.wrong(0, "is empty", "It starts with width and height: 3 3 1 0")
    header = list(page.cells(rows[0][0], rows[0][0] + len(rows[0][1])))
    if len(header) not in _HEADER:
        raise page.wrong(rows[0][0], "the first line is: width height scale offset")
    width = page.count(header[0][0], header[0].start(), "a width")
    height = page.count(header[1][0], header[1].start(), "a height")
    scale, offset = [page.number(c[0], c.start()) for c in header[2:]] + [1.0, 0.0][
        len(header) - 2 :
    ]
    if scale == 0:
        raise page.wrong(header[2].start(), "the scale is 0: sums are divided by it")
    cells = [cell for row in rows[1:] for cell in _row(page, row, width)]
    if len(rows) - 1 != height:
        raise page.wrong(header[1].start(), f"{height} rows are announced, {len(rows) - 1} follow")
    matrix = page.table(cells, height, width, 0)
    kernel = Kernel(matrix, 1 / scale, (height // 2, width // 2))
    return replace(made(kernel, where, "correlate"), bias=Bias(offset))


def write_vips(recipe: Recipe) -> Written:
    """Whole numbers and a scale where there are any; the anchor by zeros if it must be."""
    one = laid(recipe, "correlate", "A libvips matrix")
    if one.anchor != (one.rows // 2, one.columns // 2):
        one = one.centred()
    offset, notes = one.levels()
    return Written(_text(one, offset).encode(), (*one.notes, *notes))


def _text(one: Laid, offset: float) -> str:
    matrix, divisor = one.divided()
    header = f"{one.columns} {one.rows} {written(divisor)} {written(offset)}"
    return f"{header}\n{lines(matrix, ' ')}\n"


def _row(page: Page, row: tuple[int, str], width: int) -> list[float]:
    """The first `width` numbers of a line; what follows is no number, or too many."""
    start, text = row
    cells = page.numbers(start, start + len(text))
    if len(cells) != width:
        raise page.wrong(start, f"{len(cells)} numbers in a row of {width}")
    return cells
