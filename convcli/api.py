"""The command's work on a NumPy array: `convcli.apply(array, "sobel", padding="edge")`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.errors import InputError, KernelError, UsageError
from convcli.frame import filtered
from convcli.io.image import CHANNELS
from convcli.job import Wishes, four_sides, make_job, pair
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.kernels.library import search_path
from convcli.limits import AUTO, Limits
from convcli.padding import Padding
from convcli.plan import make_plan
from convcli.spec import Pixels
from convcli.template import find
from convcli.treatment import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from convcli.io.image import Layout
    from convcli.pixels import Target
    from convcli.spec import Extent, Job, Pair

    AnyKernel = str | Recipe | Kernel | Sequence[Sequence[float]] | NDArray[Any]

ROW, GREY, COLOUR = 1, 2, 3
"""Dimensions of an array: one row, a grey image, (row, column, channel)."""


def apply(  # noqa: PLR0913 - the options of the command, by their names
    array: ArrayLike,
    *kernels: AnyKernel,
    operation: str | None = None,
    padding: str | Padding = "reflect",
    extent: Extent = "same",
    pad_by: tuple[int, int, int, int] | int | None = None,
    stride: Pair | int = 1,
    dilation: Pair | int = 1,
    anchor: Pair | None = None,
    scale: float | str | None = None,
    bias: float | str | None = None,
    normalize: str | None = None,
    range: str | None = None,  # noqa: A002 - the word of the command
    depth: str | int = "keep",
    channels: str = "each",
    alpha: str = "auto",
    linear: bool = False,
    layout: Layout = "numbers",
    engine: str = AUTO,
    jobs: int | None = None,
    folders: Sequence[Path] = (),
) -> NDArray[Any]:
    """
    array (row, column[, channel]) -> kernel 1 -> kernel 2 ... -> array of the same kind.

    The dtype is kept unless `depth` says otherwise: integers are correctly rounded and clipped,
    floats stay as they come. A kernel is a name as after `-k` ("gaussian:sigma=2"), a matrix, a
    Kernel or a Recipe. All other arguments have the names, words and defaults of `convcli apply`.
    An array of one dimension is a signal: kernels are laid along it, see `axis`.
    Arrays are plain numbers; `layout` "rgb+alpha" and the like give channels the meaning that
    `alpha`, `linear` and `channels="luma"` need. The input is never changed.

    Raises a ConvError of one of its branches, with the cure in `hint`.
    """
    samples = np.asarray(array)
    block = _block(samples)
    job = wanted(
        kernels,
        operation=operation,
        padding=padding,
        extent=extent,
        pad_by=pad_by,
        stride=stride,
        dilation=dilation,
        anchor=anchor,
        scale=scale,
        bias=bias,
        normalize=normalize,
        range=range,
        depth=depth,
        channels=channels,
        alpha=alpha,
        linear=linear,
        folders=folders,
    )
    kind = _kind(block, layout, signal=samples.ndim == ROW)
    shape = (block.shape[0], block.shape[1], block.shape[2])
    target: Target = "numbers" if layout == "numbers" else "picture"
    plan = make_plan(job, kind, shape, target, Limits(engine, jobs))
    out, _ = filtered(block, plan)
    return _shaped(out, samples.ndim)


def wanted(  # noqa: PLR0913 - as `apply`
    kernels: Sequence[AnyKernel],
    *,
    operation: str | None = None,
    padding: str | Padding = "reflect",
    extent: Extent = "same",
    pad_by: tuple[int, int, int, int] | int | None = None,
    stride: Pair | int = 1,
    dilation: Pair | int = 1,
    anchor: Pair | None = None,
    scale: float | str | None = None,
    bias: float | str | None = None,
    normalize: str | None = None,
    range: str | None = None,  # noqa: A002 - the word of the command
    depth: str | int = "keep",
    channels: str = "each",
    alpha: str = "auto",
    linear: bool = False,
    folders: Sequence[Path] = (),
) -> Job:
    """The job that these kernels and options ask for; errors as of `apply`."""
    return make_job(
        [recipe(kernel, folders) for kernel in kernels],
        Wishes(
            operation=operation,
            padding=padding if isinstance(padding, Padding) else Padding.parse(padding),
            extent=extent,
            pad_by=None if pad_by is None else four_sides(_words(pad_by), "pad_by"),
            stride=pair(_words(stride), "stride", 1),
            dilation=pair(_words(dilation), "dilation", 1),
            anchor=None if anchor is None else pair(_words(anchor), "anchor", 0),
            scale=None if scale is None else str(scale),
            bias=None if bias is None else Bias.parse(str(bias)),
            normalize=normalize,
            pixels=Pixels(range, str(depth), channels, alpha, "linear" if linear else "encoded"),
        ),
    )


def recipe(kernel: AnyKernel, folders: Sequence[Path] = ()) -> Recipe:
    """A recipe from a name, a matrix or a kernel; KernelError where it is none."""
    if isinstance(kernel, Recipe):
        return kernel
    if isinstance(kernel, str):
        return find(kernel, search_path(folders))
    if not isinstance(kernel, Kernel):
        kernel = _matrix(kernel)
    return Recipe(kernel.name or "matrix", (kernel,), origin="inline")


def _matrix(rows: Sequence[Sequence[float]] | NDArray[Any]) -> Kernel:
    try:
        matrix = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    except (TypeError, ValueError):
        raise KernelError(
            "The matrix is not rows of numbers, all of one length.", "Write [[0, -1, 0], ...]."
        ) from None
    if matrix.ndim != GREY:
        raise KernelError(
            f"A kernel has rows and columns; this one has the shape {matrix.shape}.",
            "Give one matrix for every kernel.",
        )
    return Kernel(tuple(tuple(row) for row in matrix.tolist()))


def _kind(block: NDArray[Any], layout: Layout, *, signal: bool) -> Kind:
    channels = block.shape[2]
    if layout not in CHANNELS and layout != "numbers":
        raise UsageError(
            f"layout '{layout}' is not known.", f"Known: numbers, {', '.join(CHANNELS)}"
        )
    if channels != CHANNELS.get(layout, channels):
        raise UsageError(
            f"layout '{layout}' has {CHANNELS[layout]} channels, the array has {channels}.",
            "Leave layout out for plain numbers.",
        )
    return Kind(block.dtype.name, layout, channels, signal)


def _block(samples: NDArray[Any]) -> NDArray[Any]:
    """One row, grey or channels as (row, column, channel), in native byte order."""
    if samples.dtype.kind not in "buif" or samples.dtype.itemsize > np.dtype(np.float64).itemsize:
        raise InputError(
            f"An array of {samples.dtype.name} cannot be filtered.",
            "Use integers or floats of up to 64 bits.",
        )
    if not ROW <= samples.ndim <= COLOUR or not samples.size:
        raise InputError(
            f"An array of shape {samples.shape} is not an image.",
            "Use (columns), (rows, columns) or (rows, columns, channels), none of them 0.",
        )
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    shapes = {ROW: (1, -1, 1), GREY: (*samples.shape, 1)}
    return native.reshape(shapes.get(samples.ndim, samples.shape))


def _shaped(out: NDArray[Any], ndim: int) -> NDArray[Any]:
    """As many dimensions as came in, if the result still fits them."""
    if ndim <= GREY and out.shape[2] == 1:
        out = out[..., 0]
    return out[0] if ndim == ROW and out.ndim == GREY and len(out) == 1 else out


def _words(value: Sequence[int] | int) -> str:
    """Whole numbers as an option has them; UsageError for anything else."""
    try:
        numbers = [index(n) for n in value] if isinstance(value, Sequence) else [index(value)]
    except TypeError:
        raise UsageError(f"{value!r}: not whole numbers.", "Write 2 or (1, 2).") from None
    return ",".join(map(str, numbers))
