"""
Netpbm's pnmconvol: `-matrix=1,2,1;2,4,2;1,2,1`, or a file of one row a line, one space between.

Weights lie on the image as written, in odd sides. Source: Netpbm, the manual of pnmconvol.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import Kernel, ragged

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

_OPTION: Final = re.compile(r"\s*(?:pnmconvol\s+)?(-{1,2}matrix\s*=)?")


def sniff_pnmconvol(data: bytes, suffix: str) -> bool:  # noqa: ARG001 - its text says enough
    """The option stands first; a file of rows is read as plain numbers."""
    return looks_like(data, r"(pnmconvol\s+)?-{1,2}matrix\s*=")


def read_pnmconvol(data: bytes, where: str) -> Recipe:
    """Rows by ; or by lines; sides must be odd."""
    page = Page.of(data, where)
    option = _OPTION.match(page.text)
    at = option.end() if option else 0
    rows = []
    for line in re.split(r"[;\n]", page.text[at:].rstrip()):
        rows.append(tuple(page.numbers(at, at + len(line))))
        if len(rows[-1]) != len(rows[0]) or not rows[-1]:
            raise page.wrong(at, ragged(len(rows), len(rows[-1]), len(rows[0])))
        at += len(line) + 1
    if not len(rows) % 2 or not len(rows[0]) % 2:
        raise page.wrong(0, f"{len(rows)} x {len(rows[0])}: pnmconvol takes odd sides only")
    return made(Kernel(tuple(rows)), where, "correlate")


def write_pnmconvol(recipe: Recipe) -> Written:
    """The option, its scale multiplied in."""
    one = laid(recipe, "correlate", "pnmconvol").centred()
    bias = one.without_bias("pnmconvol has none: add {level:g} with pamfunc")
    return Written(f"-matrix={lines(one.weights, ',', ';')}\n".encode(), (*one.notes, *bias))
