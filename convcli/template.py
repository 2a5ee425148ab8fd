"""
A crop of a picture as a kernel: `template:FILE`, the matched filter that answers most to itself.

    w = (t - mean t) / |t - mean t|        t: the samples; every channel about its own mean
    template:FILE,raw   w = t              what OpenCV's TM_CCORR sums

A crop of colours is one filter over colours, as in OpenCV's matchTemplate: its products are summed
over the channels, and the result is one grey picture. A grey crop filters each channel alone.
Whole samples stay whole: n * t - sum of t, and one scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convcli import io
from convcli.errors import KernelError
from convcli.kernels import library
from convcli.kernels.fields import stem
from convcli.kernels.kernel import MAX_CELLS, Kernel, Recipe
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from convcli.kernels.library import Place

PREFIX: Final = "template:"
RAW: Final = ",raw"
COLOURS: Final = ("red", "green", "blue")


def find(spec: str, places: Sequence[Place] | None = None) -> Recipe:
    """A kernel by what is said after -k: a template, or whatever the library finds."""
    if spec.startswith(PREFIX):
        return template(spec.removeprefix(PREFIX))
    return library.find(spec, places)


def template(text: str) -> Recipe:
    """
    The kernel of an image file; `,raw` behind its name leaves mean and size as they are.

    Raises InputError where the file cannot be read, KernelError where it is flat or has more than
    a million samples.
    """
    from pathlib import Path

    name = text.removesuffix(RAW)
    if not name:
        raise KernelError(f"'{PREFIX}{text}' names no file.", f"Write {PREFIX}letter.png.")
    image = io.decode(io.read_bytes(name), name, max_pixels=MAX_CELLS)
    samples = image.samples
    if image.layout.endswith("+alpha"):
        samples = samples[..., :-1]
    if samples.size > MAX_CELLS:
        raise KernelError(
            f"{printable(name)}: a template of more than {MAX_CELLS} samples.", "Crop it closer."
        )
    planes, scale = _matched(samples, name) if name == text else (_planes(samples), 1.0)
    names = COLOURS if len(planes) == len(COLOURS) else ("",) * len(planes)
    kernels = tuple(
        Kernel(tuple(map(tuple, plane.tolist())), scale, name=colour)
        for plane, colour in zip(planes, names, strict=True)
    )
    return Recipe(
        stem(Path(name)),
        kernels,
        across=len(kernels) > 1,
        operation="correlate",
        range="signed" if name == text else None,
        title=f"Template of {samples.shape[0]} x {samples.shape[1]}",
        origin=name,
    )


def _planes(samples: NDArray[Any]) -> NDArray[Any]:
    """(channel, row, column) as float64; KernelError for what is not finite."""
    import numpy as np

    planes: NDArray[Any] = np.moveaxis(samples.astype(np.float64), 2, 0)
    return planes


def _matched(samples: NDArray[Any], name: str) -> tuple[NDArray[Any], float]:
    """The planes about their means, times the number of cells, and what makes their size 1."""
    planes = _planes(samples)
    sums = planes.sum(axis=(1, 2), keepdims=True)
    centred = planes * planes[0].size - sums
    size = math.sqrt(float((centred * centred).sum()))
    if not size > 1e-12 * float(abs(planes).max()) * planes[0].size:
        raise KernelError(
            f"{printable(name)}: is flat: every place would match it alike.",
            "Cut out something with an edge in it.",
        )
    return centred, 1 / size
