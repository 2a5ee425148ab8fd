"""
G'MIC's matrices, `(0,-1,0;-1,5,-1;0,-1,0)`: rows end with ;, and `correlate` lays them on.

    gmic photo.png "(0,-1,0;-1,5,-1;0,-1,0)" correlate[0] [1] keep[0] output out.png
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import Kernel, ragged

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe


def sniff_gmic(data: bytes, suffix: str) -> bool:
    """Round brackets around numbers; or the suffix says so."""
    return suffix == ".gmic" or looks_like(data, r"\(\s*[-+.\d][^()]*\)\s*$")


def read_gmic(data: bytes, where: str) -> Recipe:
    """The one matrix in round brackets."""
    page = Page.of(data, where)
    start, stop = page.text.find("(") + 1, page.text.rfind(")")
    if not start or stop < start or "(" in page.text[start:stop]:
        raise page.wrong(0, "is no matrix in round brackets: (1,2;3,4)")
    rows, at = [], start
    for line in page.text[start:stop].split(";"):
        rows.append(tuple(page.numbers(at, at + len(line))))
        if len(rows[-1]) != len(rows[0]) or not rows[-1]:
            raise page.wrong(at, ragged(len(rows), len(rows[-1]), len(rows[0])))
        at += len(line) + 1
    # Even sizes: the cell to the right of the middle and below it, as `correlate` has it.
    middle = (len(rows) // 2, len(rows[0]) // 2)
    kernel = Kernel(tuple(rows), anchor=middle)
    return made(kernel, where, "correlate")


def write_gmic(recipe: Recipe) -> Written:
    """The weights, the scale multiplied in; odd sides, so that the middle is no question."""
    one = laid(recipe, "correlate", "G'MIC").centred()
    bias = one.without_bias("add the command: + {level:g}")
    note = "its command is correlate; it computes with float32"
    text = f"({lines(one.weights, ',', ';')})\n"
    return Written(text.encode(), (*one.notes, *bias, note))
