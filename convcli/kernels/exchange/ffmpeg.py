"""
FFmpeg's convolution filter: whole numbers, laid on as written, result = sum * rdiv + bias.

    convolution=0m='0 -1 0 -1 5 -1 0 -1 0':1m=...:0rdiv=1:1rdiv=...:0bias=0

`0m` .. `3m` are the planes; 9, 25 or 49 numbers make 3 x 3, 5 x 5 or 7 x 7, and rdiv 0 divides by
their sum. Numbers with a fraction silently become 0 there, so they are never written; a negative
factor goes into the numbers, as rdiv may not be negative, nor may bias. FFmpeg 5.1.9, at least,
takes no notice of rdiv and always divides by the sum (by 1 where it is 0).
Source: FFmpeg, libavfilter/vf_convolution.c.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made, ratio, written
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

SIDES: Final = (3, 5, 7)
MOST: Final = 2**31 - 1
PLANES: Final = range(4)
_OPTION: Final = re.compile(r"(?:^|[=:\s])([0-3])(m|rdiv|bias)\s*=\s*('[^']*'|\"[^\"]*\"|[^:]*)")


def sniff_ffmpeg(data: bytes, suffix: str) -> bool:  # noqa: ARG001 - its text says enough
    """The filter's name, or its first option, stands first."""
    return looks_like(data, r"(convolution\s*=|[0-3]m\s*=)")


def read_ffmpeg(data: bytes, where: str) -> Recipe:
    """The kernel of all planes; KernelError where the planes differ, as one kernel cannot."""
    page = Page.of(data, where)
    planes: dict[str, dict[str, re.Match[str]]] = {}
    for match in _OPTION.finditer(page.text):
        planes.setdefault(match[1], {})[match[2]] = match
    found = {plane: options for plane, options in planes.items() if "m" in options}
    if not found:
        return _plain(page, where)
    recipes = [_plane(page, options, where) for options in found.values()]
    if any(recipe != recipes[0] for recipe in recipes):
        other = list(found.values())[1]["m"]
        raise page.wrong(other.start(), "the planes have different kernels", "Keep one of them.")
    return recipes[0]


def write_ffmpeg(recipe: Recipe) -> Written:
    """Whole numbers for all planes; KernelError where there are none, or 7 x 7 is too small."""
    one = laid(recipe, "correlate", "FFmpeg's convolution").centred(square=True, sides=SIDES)
    matrix, factor = one.whole(-MOST, MOST, "FFmpeg's convolution")
    if factor < 0:
        matrix, factor = tuple(tuple(-cell for cell in row) for row in matrix), -factor
    bias, notes = one.levels()
    if bias < 0:
        raise KernelError(f"FFmpeg's bias is not below 0; '{one.name}' has {one.bias}.")
    total = sum(map(sum, matrix)) or 1.0
    if factor * ratio(total) != 1:
        notes = (*notes, f"FFmpeg 5.1 ignores rdiv and divides by {total:g}: use a later one")
    options = ["m='{m}'", f"rdiv={written(factor)}", f"bias={written(bias)}"]
    text = ":".join(f"{plane}{option}" for option in options for plane in PLANES)
    return Written(
        f"convolution={text.format(m=lines(matrix, ' ', ' '))}\n".encode(),
        (*one.notes, *notes, "it rounds by float32, and its edges are its own"),
    )


def _plain(page: Page, where: str) -> Recipe:
    return made(Kernel(page.square(page.numbers(), 0)), where, "correlate")


def _plane(page: Page, options: dict[str, re.Match[str]], where: str) -> Recipe:
    start, stop = options["m"].span(3)
    quoted = page.text[start : start + 1] in {"'", '"'}
    cells = page.numbers(start + quoted, stop - quoted)
    for cell in cells:
        if not cell.is_integer():
            raise page.wrong(start, f"{cell:g} is no whole number: FFmpeg takes it as 0")
    matrix = page.square(cells, start)
    if len(matrix) not in SIDES:
        raise page.wrong(start, f"{len(cells)} numbers: 9, 25 or 49 are read")
    kernel, factor = Kernel(matrix), _value(page, options, "rdiv")
    factor = factor or (1 / kernel.sum if kernel.sum else 1.0)
    recipe = made(replace(kernel, scale=factor), where, "correlate")
    return replace(recipe, bias=Bias(_value(page, options, "bias")))


def _value(page: Page, options: dict[str, re.Match[str]], name: str) -> float:
    if name not in options:
        return 0.0
    return page.number(options[name][3].strip().strip("'\""), options[name].start(3))
