"""What `kernels show` knows of a recipe, as data and as text."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from convcli import charts, terminal
from convcli.kernels.kernel import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcli.kernels.kernel import Kernel, Recipe
    from convcli.kernels.layer import Layer

WHITE = 255.0
"""The most that an 8-bit sample can be."""

WIDTH = 100
LISTED = 14
"""Factors of more numbers than this are not printed."""

SYMMETRY = {
    "same": "convolve and correlate give the same result",
    "negated": "convolve and correlate differ: one is the other with its sign turned",
    "different": "convolve and correlate differ",
}


def symmetry(kernel: Kernel) -> str:
    """The key in SYMMETRY: what a half turn about the anchor does to the kernel."""
    if kernel.flip_invariant:
        return "same"
    return "negated" if kernel.flip_negates else "different"


def reach(kernel: Kernel) -> tuple[float, float]:
    """Least and greatest result that an 8-bit image can give."""
    return WHITE * kernel.negative, WHITE * kernel.positive


def as_data(recipe: Recipe) -> dict[str, Any]:
    """All about a recipe, as JSON has it."""
    return {
        "name": recipe.label,
        "title": recipe.title,
        "about": recipe.about,
        "tags": list(recipe.tags),
        "aliases": list(recipe.aliases),
        "operation": recipe.operation,
        "combine": recipe.combine,
        "convolve_and_correlate": "different" if differs(recipe) else "same",
        "activation": recipe.activation,
        "bias": {"value": recipe.bias.value, "share": recipe.bias.share},
        "range": recipe.range,
        "source": recipe.source,
        "license": recipe.license,
        "see": list(recipe.see),
        "origin": str(recipe.origin),
        "kernels": [_kernel_data(kernel) for kernel in recipe.kernels],
        "layers": [_layer_data(layer) for layer in recipe.layers],
        "units": recipe.units,
    }


def _layer_data(layer: Layer) -> dict[str, Any]:
    filters, few, rows, columns = layer.weights.shape
    return {
        "name": layer.name,
        "filters": filters,
        "channels": few * layer.groups,
        "rows": rows,
        "columns": columns,
        "groups": layer.groups,
        "stride": list(layer.stride),
        "dilation": list(layer.dilation),
        "padding": str(layer.padding),
        "pad_by": list(layer.pad_by) if layer.pad_by else None,
        "extent": None if layer.pad_by else layer.extent,
        "activation": layer.activation,
        "weights": layer.weights.size,
    }


def _kernel_data(kernel: Kernel) -> dict[str, Any]:
    factors = kernel.factors()
    return {
        "name": kernel.name,
        "matrix": [list(row) for row in kernel.matrix],
        "scale": kernel.scale,
        "rows": kernel.rows,
        "columns": kernel.columns,
        "anchor": list(kernel.center),
        "sum": kernel.sum,
        "absolute_sum": kernel.absolute,
        "rank": kernel.rank,
        "factors": {"column": list(factors[0]), "row": list(factors[1])} if factors else None,
        "convolve_and_correlate": symmetry(kernel),
        "range_for_8_bit": list(reach(kernel)),
    }


def tell(recipe: Recipe, given: tuple[str, str]) -> None:
    """All about a recipe, for people; `given` is the option and text it was asked for with."""
    click.echo(recipe.label + (f": {recipe.title}" if recipe.title else ""))
    if recipe.about:
        click.echo(click.wrap_text(recipe.about.strip(), WIDTH))
    for kernel in recipe.kernels:
        click.echo(f"\n{kernel.name}".rstrip(" ") if len(recipe.kernels) > 1 else "")
        charts.heat_map(kernel.matrix, sys.stdout)
        _echo(dict(_kernel_facts(kernel)))
    click.echo()
    _echo(dict(_recipe_facts(recipe)))
    click.echo("\nTry:")
    for line in commands(recipe, given):
        click.echo(f"  {line}")


def _echo(table: dict[str, str]) -> None:
    for line in terminal.pairs(table):
        click.echo(f"  {line}")


def _kernel_facts(kernel: Kernel) -> Iterator[tuple[str, str]]:
    row, column = kernel.center
    least, greatest = reach(kernel)
    yield "size", f"{kernel.rows} x {kernel.columns}, anchor at row {row}, column {column}"
    yield "scale", fraction(kernel.scale)
    yield "sum", _sum(kernel)
    yield "rank", _rank(kernel)
    yield "flip", SYMMETRY[symmetry(kernel)]
    yield "output", f"{least:.6g} .. {greatest:.6g} for 8-bit images"


def _sum(kernel: Kernel) -> str:
    if kernel.zero_sum:
        return "0: flat areas become 0"
    if abs(kernel.sum - 1) < 1e-9:  # noqa: PLR2004 - what sums of fractions leave
        return "1: flat areas stay as they are"
    return f"{kernel.sum:.6g}: flat areas are multiplied by it"


def _rank(kernel: Kernel) -> str:
    factors = kernel.factors()
    if factors is None:
        return f"{kernel.rank}: not separable" if kernel.rank else "0: nothing but zeros"
    fits = kernel.rows + kernel.columns <= LISTED
    column, row = (f" ({_numbers(part)})" * fits for part in factors)
    cells = kernel.rows * kernel.columns
    fewer = kernel.rows + kernel.columns
    saving = f", {fewer} multiplications instead of {cells}" if fewer < cells else ""
    return f"1: a column{column} times a row{row}{saving}"


def _numbers(cells: Iterable[float]) -> str:
    return " ".join(f"{cell + 0.0:.4g}" for cell in cells)


def _recipe_facts(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for number, layer in enumerate(recipe.layers, start=1):
        yield f"layer {number}", str(layer)
    usual = "correlate" if recipe.layers else "convolve"
    yield "operation", recipe.operation or f"{usual}, as the file does not say otherwise"
    if recipe.layers:
        yield "units", f"{recipe.units}: {UNITS[recipe.units]}"
    if recipe.combine:
        yield "combine", f"{recipe.combine}: {SYMMETRY['different' if differs(recipe) else 'same']}"
    if recipe.activation != "none":
        yield "activation", recipe.activation
    if recipe.bias:
        yield "bias", str(recipe.bias)
    yield "range", recipe.range or "clip"
    facts = {
        "tags": " ".join(recipe.tags),
        "aliases": " ".join(recipe.aliases),
        "see also": " ".join(recipe.see),
        "source": recipe.source,
        "license": recipe.license,
        "from": str(recipe.origin),
    }
    yield from ((name, text) for name, text in facts.items() if text)


def fraction(scale: float) -> str:
    """`1/9` where the number is the reciprocal of a whole one, else the number."""
    whole = round(1 / scale)
    return f"1/{whole}" if abs(whole) > 1 and 1 / whole == scale else f"{scale:.6g}"


def commands(recipe: Recipe, given: tuple[str, str]) -> Iterator[str]:
    """Three commands to copy; the second shows what the first may hide."""
    option, text = given
    chosen = f"{'-k' if option == 'kernel' else '-m'} {shlex.quote(text)}"
    yield f"convcli apply photo.jpg -o out.png {chosen}"
    yield f"convcli apply photo.jpg -o other.png {chosen} {_other(recipe)}"
    yield f"convcli plan photo.jpg {chosen}"


def _other(recipe: Recipe) -> str:
    """Options that make a difference to this recipe."""
    laid_on = recipe.operation == "correlate" or (recipe.layers and not recipe.operation)
    turned = "--convolve" if laid_on else "--correlate"
    negative = any(kernel.negative for kernel in recipe.kernels) and not _unsigned(recipe)
    hides = recipe.range in {None, "clip"} and negative
    words = [turned] * differs(recipe) + ["--range signed"] * hides
    return " ".join(words) or "--padding edge"


def differs(recipe: Recipe) -> bool:
    """Whether convolve and correlate differ for the recipe as a whole, all kernels combined."""
    return bool(recipe.layers) or not all(
        kernel.flip_invariant or (_unsigned(recipe) and kernel.flip_negates)
        for kernel in recipe.kernels
    )


def _unsigned(recipe: Recipe) -> bool:
    """Whether the sign of every sum is lost when they are combined."""
    return (recipe.combine or "").partition(":")[0] in {"magnitude", "l1", "energy", "ratio"}
