r"""
A kernel as source text: a C array, a LaTeX matrix. Both are written, never read.

    static const double sobel_x[3][3] = {        \\frac{1}{8}
        {-1, 0, 1},                              \\begin{bmatrix}
        ...                                      -1 & 0 & 1 \\\\ ...
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, written

if TYPE_CHECKING:
    from convcli.kernels.exchange.laid import Laid
    from convcli.kernels.kernel import Recipe


def write_c(recipe: Recipe) -> Written:
    """Weights for a correlation loop, the convention said in a comment."""
    one = laid(recipe, "correlate", "A C array")
    name = re.sub(r"\W", "_", one.name, flags=re.ASCII)
    name = f"k_{name}" if not name or name[0].isdigit() else name
    row, column = one.anchor
    place = f"lay it on as written (correlation), cell [{row}][{column}] on the output"
    comment = f"{_title(recipe)}: {place}"
    rows = lines(one.weights, ", ", "},\n    {")
    text = (
        f"/* {comment.replace('*/', '')}{_biased(one)} */\n"
        f"static const double {name}[{one.rows}][{one.columns}] = {{\n    {{{rows}}}\n}};\n"
    )
    return Written(text.encode(), one.notes)


def write_latex(recipe: Recipe) -> Written:
    """A bmatrix with its factor, for true convolution as textbooks write it."""
    one = laid(recipe, "convolve", "A LaTeX matrix")
    matrix, divisor = one.divided()
    factor = f"\\frac{{1}}{{{written(divisor)}}}" if divisor != 1 else ""
    body = lines(matrix, " & ", " \\\\\n")
    text = f"{factor}\\begin{{bmatrix}}\n{body}\n\\end{{bmatrix}}\n"
    bias = one.without_bias("write + {level:g} behind it")
    row, column = one.anchor
    middle = one.anchor == ((one.rows - 1) // 2, (one.columns - 1) // 2)
    anchor = (f"the cell on the output is row {row}, column {column}",) * (not middle)
    return Written(text.encode(), (*one.notes, *bias, *anchor, "its convention: true convolution"))


def _title(recipe: Recipe) -> str:
    return f"{recipe.label} ({recipe.title})" if recipe.title else recipe.label


def _biased(one: Laid) -> str:
    return f", then add {one.bias}" if one.bias else ""
