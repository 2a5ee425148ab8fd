"""
A recipe as one kernel that another program can be given: turned, centred, in whole numbers.

    turned     1 2 3      9 8 7      centred    1 2    1 2 0     whole   0.5 1    1 2
               4 5 6  ->  6 5 4                 3 4 -> 3 4 0             1.5 0 -> 3 0   * 1/2
               7 8 9      3 2 1                        0 0 0

Zeros around a kernel change no result away from the edges of the image, and none at the edges
where these are extended; that is how an anchor is carried to programs that know only the middle.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.arithmetic import flip, plus, times
from convcli.kernels.fields import stem
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.kernels.number import simplest
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcli.kernels.kernel import Matrix, Operation

LARGEST_DENOMINATOR: Final = 1_000_000
EIGHT_BITS: Final = 255.0
_FAR: Final = 2**80


def made(kernel: Kernel, where: str, operation: Operation) -> Recipe:
    """The recipe of a kernel that was read; its name is that of the file."""
    name = "inline" if where.endswith(":") else stem(Path(where))
    # Where the half turn changes nothing there is no convention to speak of.
    stated = None if kernel.flip_invariant else operation
    return Recipe(name, (kernel,), operation=stated, origin=where)


@record
class Laid:
    """
    weight = matrix * scale: one kernel in a program's convention, and the bias that follows.

    `scale` is exact: 1/9, or the float itself as a fraction.
    """

    matrix: Matrix
    scale: Fraction
    anchor: tuple[int, int]
    bias: Bias
    name: str
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Height in cells."""
        return len(self.matrix)

    @property
    def columns(self) -> int:
        """Width in cells."""
        return len(self.matrix[0])

    @property
    def weights(self) -> Matrix:
        """The matrix with its scale multiplied in."""
        scale = float(self.scale)
        return tuple(tuple(cell * scale + 0.0 for cell in row) for row in self.matrix)

    def divided(self) -> tuple[Matrix, Fraction]:
        """(numbers, divisor): whole numbers and a whole divisor where these are exact."""
        if not _integral(self.matrix) or self.scale.denominator > LARGEST_DENOMINATOR:
            return self.weights, Fraction(1)
        by = self.scale.numerator
        return tuple(tuple(cell * by + 0.0 for cell in row) for row in self.matrix), Fraction(
            self.scale.denominator
        )

    def whole(self, least: int, most: int, target: str) -> tuple[Matrix, Fraction]:
        """(whole numbers, factor); KernelError where no factor makes them whole and that small."""
        exact = [[ratio(cell) for cell in row] for row in self.matrix]
        denominator = _common(cell for row in exact for cell in row)
        cells = [[int(cell * denominator) for cell in row] for row in exact]
        divisor = math.gcd(*(cell for row in cells for cell in row)) or 1
        if denominator == 1:
            divisor = 1  # whole as they are: written as they were
        matrix = tuple(tuple(float(cell // divisor) for cell in row) for row in cells)
        low, high = (end(end(row) for row in matrix) for end in (min, max))
        if low < least or high > most:
            raise KernelError(
                f"{target} takes whole numbers from {least} to {most} only; those of"
                f" '{self.name}' are not, whatever they are multiplied by.",
                "Use another format, or round the kernel.",
            )
        return matrix, self.scale * divisor / denominator

    def centred(self, *, square: bool = False, sides: Sequence[int] = ()) -> Laid:
        """Zeros around: the anchor in the middle of odd sides; `sides` are those allowed."""
        reach = [
            2 * max(anchor, size - 1 - anchor) + 1
            for anchor, size in zip(self.anchor, (self.rows, self.columns), strict=True)
        ]
        if square:
            reach = [max(reach)] * 2
        if sides:
            reach = [self._allowed(side, sides) for side in reach]
        top, left = (side // 2 - at for side, at in zip(reach, self.anchor, strict=True))
        matrix = _framed(self.matrix, (top, left), (reach[0], reach[1]))
        note = (f"zeros were put around the {self.rows} x {self.columns} weights",)
        grown = matrix != self.matrix
        middle = (reach[0] // 2, reach[1] // 2)
        return replace(self, matrix=matrix, anchor=middle, notes=self.notes + note * grown)

    def _allowed(self, side: int, sides: Sequence[int]) -> int:
        for known in sides:
            if known >= side:
                return known
        raise KernelError(
            f"'{self.name}' is {self.rows} x {self.columns} with its anchor at row"
            f" {self.anchor[0]}, column {self.anchor[1]}; the format holds"
            f" {', '.join(f'{n} x {n}' for n in sides)}.",
            "Use another format, or a smaller kernel.",
        )

    def levels(self) -> tuple[float, tuple[str, ...]]:
        """The bias in 8-bit levels, and what is to be said of that."""
        share = self.bias.share
        note = (f"the bias {share:.4g} of full range became {share * EIGHT_BITS:g}: for 8 bits",)
        return self.bias.value + share * EIGHT_BITS, note * bool(share)

    def share(self) -> tuple[float, tuple[str, ...]]:
        """The bias as a share of the full range, and what is to be said of that."""
        value = self.bias.value
        note = (f"the bias {value:g} became {value / EIGHT_BITS:.4g} of full range: for 8 bits",)
        return self.bias.share + value / EIGHT_BITS, note * bool(value)

    def without_bias(self, cure: str) -> tuple[str, ...]:
        """What to say where the format has no place for a bias, but the program has."""
        told = cure.format(level=self.levels()[0], percent=100 * self.share()[0])
        return (f"the bias is not in the kernel: {told}",) * bool(self.bias)


def laid(recipe: Recipe, operation: Operation, target: str) -> Laid:
    """
    One kernel for a program that convolves or correlates, `target` in messages.

    KernelError where the recipe is more than one linear filter.
    """
    if more := _beyond_one(recipe):
        raise KernelError(f"{target} holds one linear filter; '{recipe.name}' {more[0]}.", more[1])
    (kernel,) = [_folded(recipe)] if len(recipe.kernels) > 1 else recipe.kernels
    if (recipe.operation or "convolve") != operation:
        kernel = flip(kernel)
    ranged = recipe.range not in {None, "clip"}
    notes = (f"range {recipe.range} is not carried over",) * ranged
    return Laid(kernel.matrix, ratio(kernel.scale), kernel.center, recipe.bias, recipe.name, notes)


def each(recipe: Recipe, operation: Operation) -> list[Kernel]:
    """Every kernel of a recipe in a program's convention."""
    turn = (recipe.operation or "convolve") != operation
    return [flip(kernel) if turn else kernel for kernel in recipe.kernels]


def ratio(value: float) -> Fraction:
    """The simplest fraction that is this float: 1/9 for 0.1111111111111111."""
    return simplest(value, LARGEST_DENOMINATOR) or Fraction(value)


def written(value: float | Fraction) -> str:
    """The shortest text that gives the number back: 1, -0.5, 0.1111111111111111."""
    number = float(value) + 0.0
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)  # noqa: PLR2004 - as repr does


def lines(matrix: Matrix, between: str, after: str = "\n") -> str:
    """The numbers of a matrix as text."""
    return after.join(between.join(map(written, row)) for row in matrix)


def _beyond_one(recipe: Recipe) -> tuple[str, str] | None:
    """What a recipe has or is beyond one linear filter, and the cure; None where there is none."""
    count = len(recipe.kernels)
    if recipe.layers:
        return "has layers of filters", "Write the filter that is meant with -m."
    if recipe.activation != "none":
        return f"has the activation {recipe.activation}", "Leave 'activation:' out of its file."
    if recipe.across:
        return f"is {count} kernels, the channels of one filter", "Make it of a grey picture."
    if count > 1 and recipe.combine not in {"sum", "mean"}:
        cure = "Convert its kernels one by one: write each into a file of its own."
        return f"is {count} kernels, combined by {recipe.combine}", cure
    return None


def _folded(recipe: Recipe) -> Kernel:
    """Sums and means of kernels are one kernel: their weights are added, anchor on anchor."""
    whole = reduce(plus, recipe.kernels)
    return times(whole, Fraction(1, len(recipe.kernels))) if recipe.combine == "mean" else whole


def _framed(matrix: Matrix, at: tuple[int, int], size: tuple[int, int]) -> Matrix:
    rows, columns = size
    blank = (0.0,) * columns
    right = columns - at[1] - len(matrix[0])
    inner = tuple((0.0,) * at[1] + row + (0.0,) * right for row in matrix)
    return (blank,) * at[0] + inner + (blank,) * (rows - at[0] - len(matrix))


def _common(cells: Iterable[Fraction]) -> int:
    """The common denominator, as long as it is one that any format could use."""
    denominator = 1
    for cell in cells:
        denominator = math.lcm(denominator, cell.denominator)
        if denominator > _FAR:
            return _FAR
    return denominator


def _integral(matrix: Matrix) -> bool:
    return all(float(cell).is_integer() for row in matrix for cell in row)
