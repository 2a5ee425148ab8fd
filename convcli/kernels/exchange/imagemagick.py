"""
ImageMagick's kernel strings, as under `-morphology Convolve`, which turns them by 180 degrees.

    3x3+1+1: 0,-1,0  -1,5,-1  0,-1,0        geometry W x H + X + Y, the cell on the output
    0,-1,0 -1,5,-1 0,-1,0                   no geometry: a square
    3x1: 1,nan,1                            nan and - are no part of the kernel: weight 0 here
    3x3@: ...   3x3>: ...   3x3<: ...       and all turns by 45, by 90 degrees; and mirrored
    Laplacian:1   Sobel:45   Gaussian:0x2   named ones
    3: ... ; 3: ...                         several: the greatest result wins, as `Lighten` does

Named kernels whose numbers ImageMagick gets wrong (FreiChen, Disk) are refused.
Source: ImageMagick 6.9.11, magick/morphology.c; the numbers as `-define showkernel=1` prints them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.exchange import Written
from convcli.kernels.exchange.laid import each, laid, lines, made
from convcli.kernels.exchange.named import named
from convcli.kernels.exchange.page import Page, looks_like
from convcli.kernels.exchange.turns import turns
from convcli.kernels.kernel import Kernel, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

GEOMETRY: Final = re.compile(
    r"\s*([0-9]+)(?:x([0-9]+))?(?:\+([0-9]+)\+([0-9]+))?([@<>]?)\s*:", re.IGNORECASE
)
COMPOSE: Final = {"max": "Lighten", "min": "Darken"}
_ABSENT: Final = re.compile(r"(?<![^\s,])(?:nan|-)(?![^\s,])", re.IGNORECASE)


def sniff_imagemagick(data: bytes, suffix: str) -> bool:
    """A geometry and a colon stand first; or the suffix says so."""
    return suffix == ".kernel" or looks_like(data, r"\d+(x\d+)?(\+\d+\+\d+)?[@<>]?\s*:")


def read_imagemagick(data: bytes, where: str) -> Recipe:
    """One or several kernels; KernelError with the place of each mistake."""
    page = Page.of(data, where)
    if page.text.lstrip().startswith("@"):
        raise page.wrong(0, "a file of kernels", "Give the file itself: -k kernels.kernel")
    # Zeros of the same length, so that every position stays right.
    zeros, masked = _ABSENT.subn(lambda cell: "0".rjust(len(cell[0])), page.text)
    page = Page(zeros, where)
    kernels = [kernel for start, stop in _parts(page) for kernel in _part(page, start, stop)]
    if not kernels:
        raise page.wrong(0, "there is no kernel", "Write 3x3: 0,-1,0 -1,5,-1 0,-1,0")
    recipe = made(kernels[0], where, "convolve")
    about = "Cells that were nan have the weight 0." * (masked > 0)
    if len(kernels) == 1:
        return replace(recipe, about=about)
    about = f"The greatest of {len(kernels)} results, as compose:Lighten gives it. {about}".strip()
    return replace(recipe, kernels=tuple(kernels), combine="max", operation="convolve", about=about)


def write_imagemagick(recipe: Recipe) -> Written:
    """`WxH+X+Y: ...` with the scale multiplied in; several for max and min."""
    if len(recipe.kernels) > 1 and recipe.combine in COMPOSE and recipe.activation == "none":
        kernels = [_text(k.weights, k.center) for k in each(recipe, "convolve")]
        cure = f"-define morphology:compose={COMPOSE[recipe.combine]}"
        one = laid(replace(recipe, kernels=recipe.kernels[:1], combine=None), "convolve", "")
        notes = (*one.notes, f"to take the {recipe.combine}, say {cure}")
    else:
        one = laid(recipe, "convolve", "An ImageMagick kernel")
        kernels, notes = [_text(one.weights, one.anchor)], one.notes
    bias = one.without_bias("add -bias {percent:.6g}%")
    return Written(("; ".join(kernels) + "\n").encode(), (*notes, *bias))


def _text(weights: tuple[tuple[float, ...], ...], anchor: tuple[int, int]) -> str:
    size = f"{len(weights[0])}x{len(weights)}+{anchor[1]}+{anchor[0]}"
    return f"{size}: {lines(weights, ',', '  ')}"


def _parts(page: Page) -> Iterator[tuple[int, int]]:
    """Where each kernel of a list starts and ends; empty ones do not count."""
    start = 0
    for piece in page.text.split(";"):
        if piece.strip():
            yield start, start + len(piece)
        start += len(piece) + 1


def _part(page: Page, start: int, stop: int) -> list[Kernel]:
    body = page.text[start:stop].strip()
    if body[0].isalpha():
        try:
            return named(body)
        except KernelError as error:
            raise page.wrong(page.text.index(body, start), error.message, error.hint) from None
    geometry = GEOMETRY.match(page.text, start, stop)
    at = geometry.end() if geometry else start
    cells = page.numbers(at, stop)
    kernel = _sized(page, geometry, cells) if geometry else Kernel(page.square(cells, start))
    if geometry is None or not geometry[5]:
        return [kernel]
    try:
        return turns(kernel, geometry[5])
    except KernelError as error:
        raise page.wrong(geometry.start(5), error.message) from None


def _sized(page: Page, geometry: re.Match[str], cells: list[float]) -> Kernel:
    columns = page.count(geometry[1], geometry.start(1), "a width")
    rows = page.count(geometry[2], geometry.start(2), "a height") if geometry[2] else columns
    matrix = page.table(cells, rows, columns, geometry.start(1))
    if geometry[3] is None:
        return Kernel(matrix)
    try:
        return Kernel(matrix, anchor=(int(geometry[4]), int(geometry[3])))
    except (KernelError, ValueError):
        raise page.wrong(
            geometry.start(3), f"+{geometry[3]}+{geometry[4]} lies outside {columns}x{rows}"
        ) from None
