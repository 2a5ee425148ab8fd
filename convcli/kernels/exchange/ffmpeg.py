"""
FFmpeg's convolution filter: whole numbers, laid on as written, result = sum * rdiv + bias.

    convolution=0m='0 -1 0 -1 5 -1 0 -1 0':1m=...:0rdiv=1:1rdiv=...:0bias=0
    convolution="0 -1 0 -1 5 -1 0 -1 0:...:...:...:1:1:1:1:0"       without names, in their order

`0m` .. `3m` are the planes; 9, 25 or 49 numbers make 3 x 3, 5 x 5 or 7 x 7, an odd number up to 49
a line with `0mode=row` or `column`, and rdiv 0 divides by their sum. Numbers with a fraction
silently become 0 there, so they are never written; a negative factor goes into the numbers, as rdiv
may not be negative, nor may bias. FFmpeg 5.1.9, at least, takes no notice of rdiv and always
divides by the sum (by 1 where it is 0).
Source: FFmpeg, libavfilter/vf_convolution.c.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import laid, lines, made, ratio, written
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.kernel import Bias, Kernel

if TYPE_CHECKING:
    from convcli.kernels.kernel import Matrix, Recipe

SIDES: Final = (3, 5, 7)
MOST: Final = 2**31 - 1
PLANES: Final = range(4)
LINES: Final = ("square", "row", "column")
_NAMES: Final = tuple(
    f"{plane}{word}" for word in ("m", "rdiv", "bias", "mode") for plane in PLANES
)
_FILTER: Final = re.compile(r"\s*(?:convolution\s*=)?")
_OPTION: Final = re.compile(
    r"(?:^|(?<=[=:\s'\"]))['\"\s]*(?:([0-3](?:m|rdiv|bias|mode))\s*=)?['\"\s]*([^:'\"]*)"
)
_Options: TypeAlias = "dict[str, tuple[str, int]]"
"""Every option that is given, by its name: its text, and where that stands."""


def sniff_ffmpeg(data: bytes, suffix: str) -> bool:  # noqa: ARG001 - its text says enough
    """The filter's name, or its first option, stands first."""
    return looks_like(data, r"(convolution\s*=|['\"]?[0-3]m\s*=)")


def read_ffmpeg(data: bytes, where: str) -> Recipe:
    """The kernel of all planes; KernelError where the planes differ, as one kernel cannot."""
    page = Page.of(data, where)
    options = _options(page)
    planes = [plane for plane in PLANES if f"{plane}m" in options]
    if not planes:
        raise page.wrong(0, "holds no numbers of a plane: 0m='0 -1 0 -1 5 -1 0 -1 0'")
    recipes = [_plane(page, options, plane, where) for plane in planes]
    if any(recipe != recipes[0] for recipe in recipes):
        other = options[f"{planes[1]}m"][1]
        raise page.wrong(other, "the planes have different kernels", "Keep one of them.")
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


def _options(page: Page) -> _Options:
    """What stands between colons, by its name or else by its place; quotes mean nothing here."""
    start = _FILTER.match(page.text)
    at = start.end() if start else 0
    found: _Options = {}
    for place, field in enumerate(page.text[at:].split(":")):
        option = _OPTION.match(page.text, at, at + len(field))
        name = option[1] if option else None
        if option and option[2].strip() and (name or place < len(_NAMES)):
            found[name or _NAMES[place]] = option[2].rstrip(), option.start(2)
        at += len(field) + 1
    return found


def _plane(page: Page, options: _Options, plane: int, where: str) -> Recipe:
    text, start = options[f"{plane}m"]
    cells = page.numbers(start, start + len(text))
    for cell in cells:
        if not cell.is_integer():
            raise page.wrong(start, f"{cell:g} is no whole number: FFmpeg takes it as 0")
    kernel = Kernel(_laid(page, cells, options.get(f"{plane}mode", ("square", 0)), start))
    factor = _value(page, options, f"{plane}rdiv") or (1 / kernel.sum if kernel.sum else 1.0)
    recipe = made(replace(kernel, scale=factor), where, "correlate")
    return replace(recipe, bias=Bias(_value(page, options, f"{plane}bias")))


def _laid(page: Page, cells: list[float], mode: tuple[str, int], start: int) -> Matrix:
    """The numbers as a square, a row or a column; KernelError for more or fewer than they take."""
    word, at = mode
    word = LINES[int(word)] if word in {"0", "1", "2"} else word
    if word not in LINES:
        raise page.wrong(at, f"'{word[:20]}' is no mode", f"Known: {', '.join(LINES)}")
    if word == "square":
        matrix = page.square(cells, start)
        if len(matrix) not in SIDES:
            raise page.wrong(start, f"{len(cells)} numbers: 9, 25 or 49 are read")
        return matrix
    if len(cells) % 2 == 0 or len(cells) > max(SIDES) ** 2:
        raise page.wrong(start, f"{len(cells)} numbers: a {word} takes an odd number up to 49")
    return (tuple(cells),) if word == "row" else tuple((cell,) for cell in cells)


def _value(page: Page, options: _Options, name: str) -> float:
    text, at = options.get(name, ("0", 0))
    return page.number(text, at)
