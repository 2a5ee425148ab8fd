"""
Recipes and wishes to a job: where convolve or correlate, scale and anchor are settled, once.

    convolve    y[i] = sum over t of  w[t] * x[i - t + a]      the kernel is turned by 180 degrees
    correlate   y[i] = sum over t of  w[t] * x[i + t - a]      the kernel is laid on as written

A stage holds taps in correlation order, so convolution turns the matrix and maps the anchor
a -> k-1-a. Kernels of one recipe that differ in size are laid on each other by their anchors.
"""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import TYPE_CHECKING

import numpy as np

from convcli.errors import KernelError, UsageError
from convcli.kernels.kernel import OPERATIONS, ZERO_SUM
from convcli.kernels.number import parse_number
from convcli.padding import Padding
from convcli.pixels import DEPTHS
from convcli.policy import check_sums
from convcli.record import record
from convcli.response import RANGES
from convcli.spec import (
    ALPHAS,
    EXTENTS,
    LIGHTS,
    NORMALIZES,
    SCALES,
    Extent,
    Job,
    Pair,
    Pixels,
    Stage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.kernels.kernel import Bias, Kernel, Recipe

    Values = NDArray[np.float64]

LARGEST = 10_000


@record
class Wishes:
    """What a caller may say beside the kernels; None leaves it to the kernel file."""

    operation: str | None = None
    padding: Padding = field(default_factory=Padding)
    extent: Extent = "same"
    pad_by: tuple[int, int, int, int] | None = None
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    anchor: Pair | None = None
    scale: str | None = None
    bias: Bias | None = None
    normalize: str | None = None
    pixels: Pixels = field(default_factory=Pixels)


def make_job(recipes: Sequence[Recipe], wishes: Wishes) -> Job:
    """
    One stage per recipe, or per layer of it, in order.

    Bias and range of the wishes stand for the end of the chain.

    Raises KernelError for a scale or padding that divides by 0, UsageError for no recipe at all.
    """
    if not recipes:
        raise UsageError("No kernel is given.", "Name one: -k blur, or write it: -m '0 -1 0; ...'")
    _check_words(wishes)
    if all(recipe.layers for recipe in recipes):
        _check_unsaid(recipes[0], wishes)
    last = len(recipes) - 1
    stages = tuple(
        stage
        for number, recipe in enumerate(recipes)
        for stage in _stages(recipe, wishes, wishes.bias if number == last else None)
    )
    if wishes.normalize not in {None, "none"}:
        stages = (*stages[:-1], _scored(stages[-1], wishes.normalize or ""))
    stated = [recipe.range for recipe in recipes if recipe.range]
    stated += ["signed"] * (stages[-1].normalize is not None)
    pixels = wishes.pixels
    if pixels.range is None and stated:
        pixels = Pixels(stated[-1], pixels.depth, pixels.channels, pixels.alpha, pixels.light)
    job = Job(
        stages,
        pixels,
        tuple(operation(recipe, wishes) for recipe in recipes),
        tuple(recipe.label for recipe in recipes),
    )
    check_sums(job)
    return job


def _check_words(wishes: Wishes) -> None:
    """UsageError for any word that is not in the table that implements it."""
    pixels = wishes.pixels
    for option, word, known in (
        ("operation", wishes.operation or "convolve", OPERATIONS),
        ("extent", wishes.extent, EXTENTS),
        ("normalize", wishes.normalize or "none", NORMALIZES),
        ("range", pixels.range or "clip", RANGES),
        ("depth", pixels.depth, DEPTHS),
        ("alpha", pixels.alpha, ALPHAS),
        ("light", pixels.light, LIGHTS),
    ):
        if word not in known:
            raise UsageError(f"{option} '{word}' is not known.", f"Known: {', '.join(known)}")


def operation(recipe: Recipe, wishes: Wishes) -> str:
    """The command line wins, then the kernel file; else convolve, or correlate with layers."""
    return wishes.operation or recipe.operation or ("correlate" if recipe.layers else "convolve")


def _stages(recipe: Recipe, wishes: Wishes, bias: Bias | None) -> tuple[Stage, ...]:
    """The one stage of a filter, or a stage for every layer; `bias` replaces the recipe's own."""
    if not recipe.layers:
        return (_stage(recipe, wishes, recipe.bias if bias is None else bias),)
    turn, last = operation(recipe, wishes) == "convolve", len(recipe.layers) - 1
    stages = [
        replace(
            layer.stage(recipe.label, number, turn=turn),
            reads_shares=recipe.units == "full" and number == 0,
            gives_shares=recipe.units == "full" and number == last,
        )
        for number, layer in enumerate(recipe.layers)
    ]
    end = recipe.bias if bias is None else bias
    stages[-1] = replace(stages[-1], offset=end.value, offset_share=end.share)
    return tuple(stages)


def _check_unsaid(recipe: Recipe, wishes: Wishes) -> None:
    """UsageError for what was said of geometry and weights where layers alone have their own."""
    plain = Wishes()
    for word in ("padding", "extent", "pad_by", "stride", "dilation", "anchor", "scale"):
        if getattr(wishes, word) != getattr(plain, word):
            raise UsageError(
                f"--{word.replace('_', '-')} does not go with '{recipe.name}': its layers say"
                " that themselves.",
                f"Leave it out, or change the layers in {recipe.origin or 'the kernel file'}.",
            )


def _stage(recipe: Recipe, wishes: Wishes, bias: Bias) -> Stage:
    turn = operation(recipe, wishes) == "convolve"
    laid = [_laid(kernel, wishes.anchor, recipe.name) for kernel in recipe.kernels]
    bank, anchor = _bank([_turned(*taps) if turn else taps for taps in laid])
    filters = [recipe.kernels] if recipe.across else [(kernel,) for kernel in recipe.kernels]
    scale = tuple(_rescaled(channels, wishes.scale, recipe.name) for channels in filters)
    if not math.isfinite(sum(kernel.absolute for kernel in recipe.kernels) * max(map(abs, scale))):
        raise KernelError(
            f"The weights of '{recipe.name}' add up to more than a 64-bit number holds.",
            "Make them smaller, and the factor larger.",
        )
    if recipe.across:
        bank = bank.swapaxes(0, 1)
    return Stage(
        bank=bank,
        anchor=anchor,
        scale=scale,
        bias=(0.0,) * len(bank),
        combine=recipe.combine,
        activation=recipe.activation,
        padding=wishes.padding,
        extent=wishes.extent,
        pad_by=wishes.pad_by,
        stride=wishes.stride,
        dilation=wishes.dilation,
        offset=bias.value,
        offset_share=bias.share,
        name=recipe.label,
    )


def _scored(stage: Stage, normalize: str) -> Stage:
    """A stage whose taps have size 1, for ncc about their mean; KernelError for several filters."""
    if len(stage.bank) > 1:
        raise KernelError(
            f"--normalize {normalize} compares one kernel with the image; '{stage.name}' is"
            f" {len(stage.bank)} filters.",
            "Name one of its kernels.",
        )
    if stage.padding.mode == "normalize":
        raise KernelError(
            f"--normalize {normalize} compares one kernel with the image, and --padding normalize"
            " changes the kernel along its edges.",
            "Say another padding: reflect, constant ...",
        )
    bank = stage.bank
    sums = bank.sum(axis=(2, 3), keepdims=True)
    if normalize == "ncc" and sums.any():  # whole taps stay whole, so that sums stay exact
        bank = bank * float(bank[0, 0].size) - sums
    size = math.sqrt(float((bank * bank).sum()))
    if not size or abs(bank).max() <= ZERO_SUM * abs(stage.bank).max():
        raise KernelError(f"'{stage.name}' is flat: every place would match it alike.")
    signed = math.copysign(1 / size, stage.scale[0])
    return replace(stage, bank=bank, scale=(signed,), normalize=normalize)


def _laid(kernel: Kernel, anchor: Pair | None, name: str) -> tuple[Values, Pair]:
    """The matrix as written, and its anchor; KernelError for one that lies outside."""
    row, column = anchor or kernel.center
    if row >= kernel.rows or column >= kernel.columns:
        raise KernelError(
            f"anchor {row},{column} lies outside the {kernel.rows}x{kernel.columns} kernel"
            f" '{name}'.",
            f"Rows go from 0 to {kernel.rows - 1}, columns from 0 to {kernel.columns - 1}.",
        )
    return np.array(kernel.matrix, dtype=np.float64), (row, column)


def _turned(matrix: Values, anchor: Pair) -> tuple[Values, Pair]:
    rows, columns = matrix.shape
    return matrix[::-1, ::-1], (rows - 1 - anchor[0], columns - 1 - anchor[1])


def _bank(laid: Sequence[tuple[Values, Pair]]) -> tuple[Values, Pair]:
    """All matrices in one bank (filter, 1, row, column), their anchors on one cell."""
    top, left = (max(anchor[axis] for _, anchor in laid) for axis in (0, 1))
    below, right = (
        max(matrix.shape[axis] - anchor[axis] for matrix, anchor in laid) for axis in (0, 1)
    )
    bank = np.zeros((len(laid), 1, top + below, left + right))
    for cells, (matrix, (row, column)) in zip(bank[:, 0], laid, strict=True):
        first_row, first_column = top - row, left - column
        rows, columns = matrix.shape
        cells[first_row : first_row + rows, first_column : first_column + columns] = matrix
    return bank, (top, left)


def _rescaled(channels: Sequence[Kernel], wish: str | None, name: str) -> float:
    """The factor of a filter: its kernels' own, or what `--scale` makes of it."""
    scale = channels[0].scale
    if wish is None:
        return scale
    if wish == "none":
        return 1.0
    if wish not in SCALES:
        return scale * _factor(wish)
    absolute = sum(kernel.absolute for kernel in channels)
    if not absolute:
        raise KernelError(f"All numbers of '{name}' are 0: there is nothing to scale by.")
    divisor = sum(kernel.sum for kernel in channels) if wish == "sum" else absolute
    if abs(divisor) <= ZERO_SUM * absolute:
        raise KernelError(
            f"Can't scale by the sum: the numbers of '{name}' add up to 0.",
            f"Leave --scale out, or use --scale abs (divides by {absolute:g}).",
        )
    return scale / divisor


def _factor(wish: str) -> float:
    factor = number(wish, "--scale")
    if factor == 0.0:
        raise UsageError("--scale 0 leaves nothing of the image.", "Give another number.")
    return factor


# --- words to numbers ---------------------------------------------------------------------------


def number(text: str, option: str) -> float:
    """`2`, `-0.5`, `1e-3`, `1/9`. UsageError, naming the option, for anything else."""
    value = parse_number(text.strip())
    if value is None or not math.isfinite(value):
        raise UsageError(f"{option} {text}: not a finite number.", "Write 2, 0.5 or 1/9.")
    return float(value)


def pair(text: str, option: str, least: int) -> Pair:
    """`2` for both axes, `2,3` or `2x3` for rows and columns; at least `least` each."""
    values = _integers(text.replace("x", ","), option, "2 or 1,2 (rows,columns)")
    if len(values) not in {1, 2} or min(values) < least or max(values) > LARGEST:
        raise UsageError(
            f"{option} {text}: not possible.",
            f"Give one number for both axes or two as rows,columns; from {least} to {LARGEST}.",
        )
    return values[0], values[-1]


def four_sides(text: str, option: str) -> tuple[int, int, int, int]:
    """`1,2,3,4` as top, right, bottom, left; one number stands for all sides."""
    values = _integers(text, option, "TOP,RIGHT,BOTTOM,LEFT")
    values *= 4 if len(values) == 1 else 1
    if len(values) != len(("top", "right", "bottom", "left")) or min(values) < 0:
        raise UsageError(
            f"{option} {text}: not possible.",
            "Give TOP,RIGHT,BOTTOM,LEFT as pixel counts from 0, or one for all sides.",
        )
    if max(values) > LARGEST:
        raise UsageError(f"{option} {text}: more than {LARGEST} pixels.", "Give less.")
    top, right, bottom, left = values
    return top, right, bottom, left


def _integers(text: str, option: str, form: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text}: not whole numbers.", f"Write {form}.") from None
