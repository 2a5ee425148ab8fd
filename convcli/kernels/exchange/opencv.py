"""
OpenCV's FileStorage, as YAML, XML or JSON: a matrix by name, laid on as written by filter2D.

    %YAML:1.0                               <opencv_storage>
    ---                                     <kernel type_id="opencv-matrix">
    kernel: !!opencv-matrix                   <rows>3</rows> <cols>3</cols> <dt>d</dt>
       rows: 3                                <data>0. -1. 0. -1. 5. -1. 0. -1. 0.</data>
       cols: 3                              </kernel> </opencv_storage>
       dt: d
       data: [ 0., -1., 0., -1., 5., -1., 0., -1., 0. ]
    delta: 0.                               what filter2D adds

Tags, anchors and entities are no part of what is read: matrices are found by their keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made, written
from convcli.kernels.exchange.markup import elements
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import Bias, Kernel
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.kernels.kernel import Recipe

_MARK: Final = b"opencv-matrix"
_MATRIX: Final = re.compile(
    r"^([A-Za-z_][\w-]*):\s*!!opencv-matrix\s+rows:\s*(\S+)\s+cols:\s*(\S+)\s+dt:\s*\"?(\w+)\"?\s+"
    r"data:\s*\[([^\]]*)\]",
    re.MULTILINE,
)
_DELTA: Final = re.compile(r"^delta:\s*(\S+)", re.MULTILINE)
_NUMBERS: Final = frozenset("ucwsifd")


@record
class _Found:
    """One matrix of a file, and the parts of the text it was made of."""

    name: str
    rows: str
    columns: str
    kind: str
    numbers: Page
    at: int


def sniff_opencv(data: bytes, suffix: str) -> bool:
    """A matrix is named in it; a kernel file of our own has no such tag."""
    return suffix in {".yaml", ".yml", ".xml", ".json"} and _MARK in data


def read_opencv(data: bytes, where: str) -> Recipe:
    """The matrix called kernel, or the only one."""
    page = Page.of(data, where)
    start = page.text.lstrip()[:1]
    found, delta = {"<": _xml, "{": _json}.get(start, _yaml)(page)
    named = [one for one in found if one.name == "kernel"] or found
    if len(named) != 1:
        names = ", ".join(one.name for one in named[:9]) or "none"
        raise page.wrong(0, f"{len(named)} matrices ({names})", "Call the kernel 'kernel'.")
    (one,) = named
    if one.kind not in _NUMBERS:
        raise page.wrong(one.at, f"dt {one.kind}: a kernel has one channel of numbers")
    rows = page.count(one.rows, one.at, "rows")
    columns = page.count(one.columns, one.at, "cols")
    matrix = page.table(one.numbers.numbers(), rows, columns, one.at)
    # filter2D's own anchor: the cell right of the middle and below it.
    recipe = made(Kernel(matrix, anchor=(rows // 2, columns // 2)), where, "correlate")
    return replace(recipe, bias=Bias(page.number(delta.strip(), 0) if delta else 0.0))


def write_opencv(recipe: Recipe) -> Written:
    """YAML that every version reads; odd sides, so that filter2D needs no anchor."""
    one = laid(recipe, "correlate", "filter2D").centred()
    delta, notes = one.levels()
    data = lines(one.weights, ", ", ",\n       ")
    text = (
        f"%YAML:1.0\n---\nkernel: !!opencv-matrix\n   rows: {one.rows}\n   cols: {one.columns}\n"
        f"   dt: d\n   data: [ {data} ]\n"
    )
    if delta:
        text += f"delta: {written(delta)}\n"
        notes = (*notes, "the bias is 'delta', to be given to filter2D")
    return Written(text.encode(), (*one.notes, *notes))


def _yaml(page: Page) -> tuple[list[_Found], str]:
    found = [
        _Found(m[1], m[2], m[3], m[4], Page(m[5], page.where), m.start())
        for m in _MATRIX.finditer(page.text)
    ]
    delta = _DELTA.search(page.text)
    return found, delta[1] if delta else ""


def _xml(page: Page) -> tuple[list[_Found], str]:
    found, delta, parts = [], "", list(elements(page))
    for number, element in enumerate(parts):
        if element.attributes.get("type_id") == _MARK.decode():
            inner = {part.name: part.text.strip() for part in parts[number + 1 : number + 5]}
            numbers = Page(inner.get("data", ""), page.where)
            sides = inner.get("rows", ""), inner.get("cols", "")
            found.append(_Found(element.name, *sides, inner.get("dt", ""), numbers, element.at))
        elif element.name == "delta":
            delta = element.text
    return found, delta


def _json(page: Page) -> tuple[list[_Found], str]:
    try:
        root = json.loads(page.text)
    except (ValueError, RecursionError) as error:
        raise page.wrong(getattr(error, "pos", 0), "is no JSON") from None
    delta = root.get("delta", "") if isinstance(root, dict) else ""
    return list(_matrices(page, root)), str(delta)


def _matrices(page: Page, root: object) -> Iterator[_Found]:
    for name, value in root.items() if isinstance(root, dict) else ():
        if isinstance(value, dict) and value.get("type_id") == _MARK.decode():
            data = value.get("data")
            numbers = " ".join(map(str, data)) if isinstance(data, list) else ""
            rows, columns, kind = (str(value.get(key, "")) for key in ("rows", "cols", "dt"))
            yield _Found(str(name), rows, columns, kind, Page(numbers, page.where), 0)
