"""
sharp's JSON, laid on as written: result = sum / scale + offset.

    {"width": 3, "height": 3, "kernel": [0, -1, 0, -1, 5, -1, 0, -1, 0], "scale": 1, "offset": 0}

scale: the sum unless given, 1 where that is 0. sharp replaces a scale or offset that is not whole
in silence, so these are refused when read and worked around when written.
Source: sharp, lib/operation.js.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, made
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import MAX_CELLS, Bias, Kernel

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe


def sniff_sharp(data: bytes, suffix: str) -> bool:
    """An object with a `kernel` and a `width`."""
    return suffix in {".json", ".txt", ""} and b'"kernel"' in data and b'"width"' in data


def read_sharp(data: bytes, where: str) -> Recipe:
    """The kernel of an object; KernelError for values that are no numbers."""
    page = Page.of(data, where)
    try:
        root = json.loads(page.text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        at = min(getattr(error, "pos", 0), len(page.text))
        raise page.wrong(at, "is no JSON") from None
    if not isinstance(root, dict) or not isinstance(root.get("kernel"), list):
        raise page.wrong(0, 'is no kernel: {"width": 3, "height": 3, "kernel": [...]}')
    width, height = (page.count(str(root.get(side)), 0, side) for side in ("width", "height"))
    if len(root["kernel"]) > MAX_CELLS:
        raise page.wrong(0, f"more than {MAX_CELLS} numbers")
    cells = [_number(page, cell, "a weight") for cell in root["kernel"]]
    kernel = Kernel(page.table(cells, height, width, 0), anchor=(height // 2, width // 2))
    scale = _whole(page, root, "scale", 1.0 if kernel.zero_sum else kernel.sum)
    if not scale:
        raise page.wrong(0, "the scale is 0: sums are divided by it")
    recipe = made(replace(kernel, scale=1 / scale), where, "correlate")
    return replace(recipe, bias=Bias(_whole(page, root, "offset", 0.0)))


def write_sharp(recipe: Recipe) -> Written:
    """One object; the scale is whole, or multiplied into the weights."""
    one = laid(recipe, "correlate", "sharp").centred()
    matrix, divisor = one.divided()
    offset, notes = one.levels()
    if not offset.is_integer():
        notes = (*notes, f"the offset {offset:g} was rounded: it is whole there")
    cells = [int(cell) if cell.is_integer() else cell for row in matrix for cell in row]
    document = {
        "width": one.columns,
        "height": one.rows,
        "kernel": cells,
        "scale": int(divisor),
        "offset": round(offset),
    }
    return Written(f"{json.dumps(document)}\n".encode(), (*one.notes, *notes))


def _number(page: Page, value: Any, what: str) -> float:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
        raise page.wrong(0, f"{what} is {str(value)[:40]!r}, no ordinary number")
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _whole(page: Page, root: dict[str, Any], name: str, default: float) -> float:
    if name not in root:
        return default
    number = _number(page, root[name], name)
    if not number.is_integer():
        raise page.wrong(0, f"{name} {number:g} is not whole: sharp would replace it in silence")
    return number
