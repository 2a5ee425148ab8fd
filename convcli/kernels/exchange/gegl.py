"""
GIMP's and GEGL's convolution-matrix, 5 x 5, laid on as written: result = sum / divisor + offset.

    a1 b1 c1 d1 e1      letters are columns, digits are rows: c3 is the middle
    a2 b2 c2 d2 e2      offset: a share of the full range, -1 .. 1
    ...                 normalize: divisor and offset from the sum of the weights

    gegl:convolution-matrix b2=1 c2=0 ...                                          a chain
    <node operation='gegl:convolution-matrix'><params><param name='b2'>1</param>   GEGL's XML
    (GimpGegl-gegl-convolution-matrix-config "name" (b2 1.0) ...)                  GIMP's presets

Source: GEGL, operations/common/convolution-matrix.c.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, made, written
from convcli.kernels.exchange.markup import elements
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.kernels.kernel import Recipe

OPERATION: Final = "convolution-matrix"
LETTERS: Final = "abcde"
_SIDE: Final = len(LETTERS)
_CELL: Final = re.compile(r"[a-e][1-5]")
_CHAIN: Final = re.compile(r"(?<![\w-])([a-z][a-z0-9-]*)\s*=\s*([^\s=]+)")
_PRESET: Final = re.compile(r"\(\s*([a-z][a-z0-9-]*)\s+([^\s()\"]+)\s*\)")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_COLOURS: Final = {"red": "R", "green": "G", "blue": "B"}
_PADDING: Final = {"none": "constant", "clamp": "edge", "loop": "wrap", "black": "constant"}


def sniff_gegl(data: bytes, suffix: str) -> bool:
    """The operation is named in it; or the suffix says so."""
    return suffix == ".gegl" or OPERATION.encode() in data[:65_536]


def read_gegl(data: bytes, where: str) -> Recipe:
    """The only convolution-matrix of a text in any of the three spellings."""
    page = Page.of(data, where)
    if page.text.count(f"gegl:{OPERATION}") > 1:
        at = page.text.rfind(f"gegl:{OPERATION}")
        raise page.wrong(at, "several convolution matrices: one is read", "Keep one of them.")
    settings = dict(_settings(page))
    cells = {name: _number(page, settings, name) for name in settings if _CELL.fullmatch(name)}
    if not cells:
        raise page.wrong(0, f"holds no weights of {OPERATION}: a1 .. e5")
    cells = {"c3": 1.0, **cells}
    matrix = tuple(
        tuple(cells.get(f"{letter}{row}", 0.0) for letter in LETTERS) for row in range(1, _SIDE + 1)
    )
    kernel, bias = _divided(page, Kernel(matrix), settings)
    return replace(made(kernel, where, "correlate"), bias=bias, about=_about(settings))


def write_gegl(recipe: Recipe) -> Written:
    """A chain with all 25 cells; KernelError for more than 5 x 5."""
    one = laid(recipe, "correlate", "GEGL's convolution-matrix").centred(sides=(_SIDE,))
    matrix, divisor = one.divided()
    offset, notes = one.share()
    if abs(offset) > 1:
        raise KernelError(f"GEGL's offset goes from -1 to 1, not to {offset:g}.")
    cells = [
        f"{letter}{number}={written(cell)}"
        for number, row in enumerate(matrix, start=1)
        for letter, cell in zip(LETTERS, row, strict=True)
    ]
    rest = f"divisor={written(divisor)} offset={written(offset)} normalize=false border=clamp"
    text = f"gegl:{OPERATION} {' '.join(cells)} {rest}\n"
    return Written(text.encode(), (*one.notes, *notes))


def _settings(page: Page) -> Iterator[tuple[str, tuple[str, int]]]:
    """Every setting with its text, and where it stands."""
    if page.text.lstrip().startswith("<"):
        for element in elements(page):
            if element.name == "param":
                yield element.attributes.get("name", ""), (element.text.strip(), element.at)
        return
    preset = "(" in page.text
    start = max(page.text.find(OPERATION), 0)
    for match in (_PRESET if preset else _CHAIN).finditer(page.text, start):
        yield match[1], (match[2], match.start(2))


def _number(page: Page, settings: dict[str, tuple[str, int]], name: str) -> float:
    text, at = settings[name]
    return page.number(text, at)


def _flag(page: Page, settings: dict[str, tuple[str, int]], name: str) -> bool:
    text, at = settings.get(name, ("true", 0))
    if text.lower() not in {*_TRUE, *_FALSE}:
        raise page.wrong(at, f"'{name}' is true or false, not '{text[:40]}'")
    return text.lower() in _TRUE


def _divided(
    page: Page, kernel: Kernel, settings: dict[str, tuple[str, int]]
) -> tuple[Kernel, Bias]:
    """Divisor and offset as given; with `normalize`, which is on unless said, from the sum."""
    if _flag(page, settings, "normalize"):
        if kernel.zero_sum:
            return kernel, Bias(share=0.5)
        return replace(kernel, scale=1 / abs(kernel.sum)), Bias(share=float(kernel.sum < 0))
    divisor = _number(page, settings, "divisor") if "divisor" in settings else 1.0
    if not divisor:
        raise page.wrong(settings["divisor"][1], "the divisor is 0")
    offset = _number(page, settings, "offset") if "offset" in settings else 0.0
    return replace(kernel, scale=1 / divisor), Bias(share=offset)


def _about(settings: dict[str, tuple[str, int]]) -> str:
    """What a kernel does not hold, as options of the command."""
    border = settings.get("border", ("clamp", 0))[0].lower()
    said = [f"Its edges: --padding {_PADDING.get(border, 'edge')}."]
    off = [name for name in _COLOURS if settings.get(name, ("true", 0))[0].lower() in _FALSE]
    letters = "".join(letter for name, letter in _COLOURS.items() if name not in off)
    said += [f"It filters some channels only: --channels {letters}."] * bool(off and letters)
    return " ".join(said)
