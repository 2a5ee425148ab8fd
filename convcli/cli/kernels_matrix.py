"""`convcli kernels matrix`: a filter as the matrix W of y = W x."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from convcli.cli.choices import Command, KernelType
from convcli.cli.options import common, geometry, kernels_folder
from convcli.cli.said import Laid, laid, recipes
from convcli.cli.show import fraction
from convcli.errors import KernelError, UsageError
from convcli.terminal import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.job import Wishes
    from convcli.kernels.kernel import Recipe
    from convcli.kernels.shared import Shared
    from convcli.spec import Pair, Stage

PRINTED = 5000
"""Cells of a matrix that are still printed; 64 samples by 64 fit."""

EXAMPLES = """
Examples:

\b
  convcli kernels matrix -m "1 2 3" --length 6 --mode valid
  convcli kernels matrix laplacian4 --shape 4x4 --padding edge
  convcli kernels matrix gaussian:2 --shape 64x64 --npz blur.npz
"""


@click.command("matrix", cls=Command, epilog=EXAMPLES)
@click.argument("kernel", nargs=-1, metavar="NAME|FILE", type=KernelType(), help="As after -k.")
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="A kernel written here.")
@click.option("--length", metavar="N", type=click.IntRange(1, 1_000_000), help="Of a 1-D signal.")
@click.option("--shape", metavar="RxC", help="Rows and columns of an image: 4x4.")
@click.option("--npz", metavar="FILE", type=click.Path(path_type=Path), help="Write W, sparse.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@kernels_folder
@geometry
@common
def command(
    filters: tuple[tuple[str, str], ...],
    kernels: tuple[Path, ...],
    *,
    length: int | None,
    shape: str | None,
    npz: Path | None,
    overwrite: bool,
    **said: Unpack[Laid],
) -> None:
    """Print the matrix W of y = W x: what sharing weights means, a row for each output sample."""
    from convcli.kernels.shared import shared

    if len(filters) != 1:
        raise UsageError("The matrix is that of one kernel.", "convcli kernels matrix sobel-x ...")
    [recipe] = recipes(filters, kernels)
    if recipe.layers:
        raise KernelError(
            f"'{recipe.label}' has layers of filters; W is that of one kernel.",
            "Write the filter that is meant with -m.",
        )
    stage, size = _placed(recipe, laid(said), length, shape)
    found = shared(stage, size)
    if npz:
        _write(found, npz, overwrite=overwrite)
    else:
        for number, each in enumerate(found):
            _tell(each, recipe.kernels[number].name if len(found) > 1 else recipe.label, number)
    if after := ", ".join(_after(recipe)):
        click.echo(f"Note: not in W, but done to y afterwards: {after}.", err=True)


def _placed(
    recipe: Recipe, wishes: Wishes, length: int | None, shape: str | None
) -> tuple[Stage, Pair]:
    """The kernel and (rows, columns) of x; on a signal it lies along it, as `apply` lays it."""
    from convcli.axis import along
    from convcli.job import make_job, pair

    if length and shape:
        raise UsageError("--length and --shape exclude each other.", "Give one of them.")
    if not length and not shape:
        raise UsageError("How large is x?", "Give --length 6 for a signal or --shape 4x4.")
    stages = make_job([recipe], wishes).stages
    if shape:
        return stages[0], pair(shape, "--shape", 1)
    [stage], notes = along(stages)
    for note in notes:
        click.echo(f"Note: {note}.", err=True)
    return stage, (1, length or 1)


def _after(recipe: Recipe) -> Iterator[str]:
    """What a recipe does beside multiplying."""
    if recipe.combine:
        yield f"combined by {recipe.combine}"
    if recipe.bias:
        yield f"bias {recipe.bias}"
    if recipe.activation != "none":
        yield f"activation {recipe.activation}"


def _write(found: list[Shared], target: Path, *, overwrite: bool) -> None:
    """What scipy.sparse.load_npz reads: scale * W of all kernels, one below the other; and b."""
    import numpy as np
    from scipy.sparse import csr_array, vstack

    from convcli import io

    whole = csr_array(vstack([each.scale * each.matrix for each in found]))
    whole.eliminate_zeros()
    packed = BytesIO()
    np.savez_compressed(
        packed,
        indices=whole.indices,
        indptr=whole.indptr,
        format=np.array(b"csr"),
        shape=np.array(whole.shape),
        data=whole.data,
        _is_array=np.array(True),  # noqa: FBT003 - SciPy's mark
        constant=np.concatenate([each.constant for each in found]),
    )
    io.write_bytes(target, packed.getvalue(), overwrite=overwrite)
    rows, columns = whole.shape
    click.echo(f"{target}: {rows} x {columns}, {count(whole.nnz, 'weight')}")


def _tell(each: Shared, name: str, number: int) -> None:
    rows, columns = each.matrix.shape
    if rows * columns > PRINTED:
        raise UsageError(
            f"W is {rows} x {columns}: too large to print.", "Write it: --npz FILE; or say less."
        )
    if number:
        click.echo()
    times = "" if each.scale == 1 else f"{fraction(each.scale)} * "
    stored = count(each.matrix.nnz, "cell")
    click.echo(
        f"{name}: y = {times}W x, W is {rows} x {columns}, {stored} of {rows * columns} used"
    )
    for line in _lines(each):
        sys.stdout.write(line + "\n")
    if each.constant.any():
        click.echo("plus b = " + " ".join(f"{value:.6g}" for value in each.constant))


def _lines(each: Shared) -> Iterator[str]:
    """Rows of W, a dot where no weight lies; blocks of image rows are set apart."""
    words = _words(each)
    width = max(len(word) for row in words for word in row) + 1
    across, down = each.shape[1], each.out[1]
    for number, row in enumerate(words):
        if number and number % down == 0 and down > 1:
            yield ""
        cells = [f"{word:>{width}}" for word in row]
        blocks = ["".join(cells[at : at + across]) for at in range(0, len(cells), across)]
        yield " " + (" " * (across > 1)).join(blocks)


def _words(each: Shared) -> list[list[str]]:
    rows, columns = each.matrix.shape
    words = [["."] * columns for _ in range(rows)]
    cells = each.matrix.tocoo()
    for row, column, value in zip(*cells.coords, cells.data, strict=True):
        words[row][column] = f"{value + 0.0:.4g}"
    return words
