"""
A grey picture as a point spread function: weight = level / sum of all levels.

How a star, a pinhole or a lens spreads one point, photographed. Its middle lies on the output.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.errors import KernelError
from convcli.kernels.exchange.laid import made
from convcli.kernels.numberfile import read_levels

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe


def sniff_picture(data: bytes, suffix: str) -> bool:
    """A PNG or a PGM, by its first bytes and its suffix."""
    return suffix in {".png", ".pgm"} and data.startswith((b"\x89PNG", b"P2", b"P5"))


def read_picture(data: bytes, where: str) -> Recipe:
    """Levels divided by their sum; KernelError for a black picture, or one of colours."""
    try:
        kernel = read_levels(io.BytesIO(data), where)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        # The last two are what Pillow raises for files that end early.
        raise KernelError(f"{where}: cannot be read: {str(error).splitlines()[0]}") from error
    if not kernel.sum:
        raise KernelError(f"{where}: is black: there is nothing to divide by.")
    about = "A point spread function: levels divided by their sum. --scale none takes the levels."
    recipe = made(replace(kernel, scale=1 / kernel.sum), where, "convolve")
    return replace(recipe, about=about)
