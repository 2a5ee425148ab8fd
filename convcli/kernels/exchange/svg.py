"""
SVG's feConvolveMatrix, which turns the numbers by 180 degrees: an element, or its attributes alone.

    <feConvolveMatrix order="3" kernelMatrix="0 -1 0 -1 5 -1 0 -1 0" divisor="1" bias="0"
                      targetX="1" targetY="1" edgeMode="duplicate" preserveAlpha="false"/>

divisor: the sum unless given, 1 where that is 0. bias: a share of the full range. target: the cell
on the output, order // 2 unless given, counted in the image. Source: Filter Effects Module Level 1.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made, written
from convcli.kernels.exchange.markup import Element, elements
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from convcli.errors import KernelError
    from convcli.kernels.kernel import Recipe

_NAME: Final = "feConvolveMatrix"
_MATRIX: Final = "kernelMatrix"
_PADDING: Final = {"wrap": "wrap", "none": "constant"}


def sniff_svg(data: bytes, suffix: str) -> bool:
    """The element, or its matrix, is somewhere in it; or the suffix says so."""
    return suffix == ".svg" or (suffix in {".xml", ".txt", ""} and _MATRIX.encode() in data)


def read_svg(data: bytes, where: str) -> Recipe:
    """The only feConvolveMatrix of a drawing, or of the attributes given alone."""
    page = Page.of(data, where)
    if not page.text.lstrip().startswith("<"):
        page = Page(f"<{_NAME} {page.text.strip()}/>", where)
    found = [element for element in elements(page) if element.name == _NAME]
    if len(found) != 1:
        at = found[1].at if found else 0
        cure = "Keep one of them." if found else f"Read is <{_NAME} kernelMatrix='...'/>."
        raise page.wrong(at, f"{len(found)} {_NAME} elements: one is read", cure)
    return _recipe(page, found[0], where)


def write_svg(recipe: Recipe) -> Written:
    """A drawing that holds the filter, for sRGB as convcli filters."""
    one = laid(recipe, "convolve", "feConvolveMatrix")
    matrix, divisor = one.divided()
    bias, notes = one.share()
    row, column = one.rows - 1 - one.anchor[0], one.columns - 1 - one.anchor[1]
    attributes = {
        "order": f"{one.columns} {one.rows}",
        _MATRIX: lines(matrix, " ", "  "),
        "divisor": written(divisor),
        "bias": written(bias),
        "targetX": str(column),
        "targetY": str(row),
        "edgeMode": "duplicate",
        "preserveAlpha": "false",
    }
    body = " ".join(f"{name}={quoteattr(text)}" for name, text in attributes.items())
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg">\n'
        f'<filter id={quoteattr(one.name)} color-interpolation-filters="sRGB">\n'
        f"<{_NAME} {body}/>\n</filter>\n</svg>\n"
    )
    return Written(text.encode(), (*one.notes, *notes))


def _recipe(page: Page, element: Element, where: str) -> Recipe:
    columns, rows = _order(page, element)
    cells = Page(element.attributes.get(_MATRIX, ""), where).numbers()
    matrix = page.table(cells, rows, columns, element.at)
    anchor = (
        rows - 1 - _target(page, element, "Y", rows),
        columns - 1 - _target(page, element, "X", columns),
    )
    kernel = Kernel(matrix, anchor=anchor)
    divisor = _number(page, element, "divisor", None if kernel.zero_sum else kernel.sum)
    if divisor == 0:
        raise _wrong(page, element, "divisor", "0 is no divisor: the filter is off")
    kernel = replace(kernel, scale=1 / divisor)
    bias = Bias(share=_number(page, element, "bias", 0.0))
    return replace(made(kernel, where, "convolve"), bias=bias, about=_about(element))


def _order(page: Page, element: Element) -> tuple[int, int]:
    words = re.split(r"[\s,]+", element.attributes.get("order", "3").strip())
    if len(words) > 2:  # noqa: PLR2004 - columns and rows
        raise _wrong(page, element, "order", "one number, or columns and rows")
    sides = [page.count(word, element.at, "order") for word in words]
    return sides[0], sides[-1]


def _target(page: Page, element: Element, axis: str, side: int) -> int:
    text = element.attributes.get(f"target{axis}", str(side // 2)).strip()
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) >= side:
        raise _wrong(page, element, f"target{axis}", f"from 0 to {side - 1}")
    return int(text)


def _number(page: Page, element: Element, name: str, default: float | None) -> float:
    if name not in element.attributes:
        return 1.0 if default is None else default
    return page.number(element.attributes[name].strip(), element.at)


def _wrong(page: Page, element: Element, name: str, text: str) -> KernelError:
    given = element.attributes.get(name, "")
    return page.wrong(element.at, f"{name}={given[:40]!r}: {text}")


def _about(element: Element) -> str:
    """What a kernel does not hold, as options of the command."""
    edge = element.attributes.get("edgeMode", "duplicate")
    said = [f"Its edges: --padding {_PADDING.get(edge, 'edge')}."]
    said += ["It keeps alpha: --alpha keep."] * (element.attributes.get("preserveAlpha") == "true")
    return " ".join(said)
