"""
GDAL's kernels, laid on as written in odd squares: a list, or the Kernel of a VRT file.

    [[0,-1,0],[-1,5,-1],[0,-1,0]]                              gdal raster neighbors --kernel
    <Kernel normalized="1"><Size>3</Size><Coefs>...</Coefs>    a KernelFilteredSource

normalized="1" divides by the sum of the weights. Source: GDAL, frmts/vrt/vrtfilters.cpp.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made
from convcli.kernels.exchange.markup import elements
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import Kernel
from convcli.kernels.matrix import kernel_of, scan

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

_COEFS: Final = re.compile(rb"<Coefs\b")


def sniff_gdal(data: bytes, suffix: str) -> bool:
    """`<Coefs>` is in it; or it is a list of lists and nothing else that we know."""
    return _COEFS.search(data) is not None or (
        suffix in {".vrt", ".json"} and looks_like(data, r"\[\s*\[")
    )


def read_gdal(data: bytes, where: str) -> Recipe:
    """The kernel of a list, or the only one of a VRT."""
    page = Page.of(data, where)
    if not page.text.lstrip().startswith("<"):
        kernel = kernel_of(scan(page.text), page.text, where)
        _odd_square(page, kernel)
        return made(kernel, where, "correlate")
    parts = elements(page)
    sizes, coefs = ([e for e in parts if e.name == name] for name in ("Size", "Coefs"))
    if len(coefs) != 1 or len(sizes) != 1:
        raise page.wrong(0, f"{len(coefs)} kernels: one <Size> and <Coefs> is read")
    side = page.count(sizes[0].text.strip(), sizes[0].at, "Size")
    cells = Page(coefs[0].text, where).numbers()
    kernel = Kernel(page.table(cells, side, side, coefs[0].at))
    _odd_square(page, kernel)
    flags = {e.attributes.get("normalized") for e in parts if e.name == "Kernel"}
    if "1" in flags and not kernel.zero_sum:
        kernel = replace(kernel, scale=1 / kernel.sum)
    return made(kernel, where, "correlate")


def write_gdal(recipe: Recipe) -> Written:
    """The list, its scale multiplied in."""
    one = laid(recipe, "correlate", "GDAL").centred(square=True)
    if one.bias:
        raise KernelError(
            f"A GDAL kernel has no bias; '{one.name}' has {one.bias}.",
            "Leave it out of the kernel, and add it with gdal raster calc.",
        )
    text = f"[[{lines(one.weights, ',', '],[')}]]\n"
    return Written(text.encode(), one.notes)


def _odd_square(page: Page, kernel: Kernel) -> None:
    if kernel.rows != kernel.columns or not kernel.rows % 2:
        raise page.wrong(0, f"{kernel.rows} x {kernel.columns}: GDAL takes odd squares")
