"""
The model: weights as a person writes them, and how several of them make one filter.

    Recipe "sobel"                     combine: magnitude = sqrt(x*x + y*y)
      +-- Kernel "x"   -1 0 1          scale 1/4, kept apart from the matrix so that the
      |                -2 0 2          integers stay integers
      |                -1 0 1
      +-- Kernel "y"   -1 -2 -1 ...

A matrix is a tuple of tuples of Python floats: listing kernels must not wait for NumPy.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from convcli.errors import KernelError
from convcli.kernels import structure
from convcli.kernels.number import parse_number
from convcli.record import record
from convcli.response import COMBINES, unfit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.kernels.layer import Layer

Matrix: TypeAlias = tuple[tuple[float, ...], ...]
Parameter: TypeAlias = float | int | str | bool
Operation: TypeAlias = Literal["convolve", "correlate"]

OPERATIONS: Final = ("convolve", "correlate")
UNITS: Final = {
    "samples": "layers see samples as they are stored, 0..255 or 0..65535",
    "full": "layers see shares of the full range: 1 is white",
}
# Below this share of the sum of |w|, a sum is rounding noise and counts as zero.
ZERO_SUM: Final = 1e-9
MAX_CELLS: Final = 1_000_000


@record
class Bias:
    """
    value + share * full range, added to every result after the scale.

    `value` is in sample units (0..255 for 8 bits); `share` is a part of the full range, so that 0.5
    is middle grey at any depth.
    """

    value: float = 0.0
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """`12` and `-3.5` are sample units, `50%` is a share of the full range."""
        body = text.strip()
        figure = body.removesuffix("%").rstrip()
        number = parse_number(figure)
        if number is None or not math.isfinite(number):
            raise KernelError(
                f"bias {text!r} is not a number",
                "Write sample units (12, -3.5) or a share of the full range (50%).",
            )
        if body.endswith("%"):
            # Rounded once, so that every share can be written.
            exact = number if isinstance(number, Fraction) else Decimal(figure)
            return cls(share=float(exact / 100))
        return cls(value=float(number))

    def __bool__(self) -> bool:
        return self.value != 0 or self.share != 0

    def __str__(self) -> str:
        parts = [f"{self.value:g}"] if self.value or not self.share else []
        return " + ".join([*parts, *([f"{self.share * 100:g}%"] if self.share else [])])


@record
class Kernel:
    """
    weight[i][j] = matrix[i][j] * scale, as a person writes them: no flip is applied here.

    `anchor` is the (row, column) as written that lies on the output sample; None is the middle,
    ((rows-1)//2, (columns-1)//2). Raises `KernelError` when the rows differ in length, a weight is
    not finite, the scale is zero or the anchor lies outside.
    """

    matrix: Matrix
    scale: float = 1.0
    anchor: tuple[int, int] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        self._check_shape()
        if not all(map(_finite, self.matrix)):
            raise KernelError("a weight is not finite", "Every weight must be an ordinary number.")
        if self.scale == 0 or not math.isfinite(self.scale):
            raise KernelError(f"a scale of {self.scale:g} is impossible", "Give another scale.")
        row, column = self.center
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            raise KernelError(
                f"anchor {row},{column} lies outside the {self.rows}x{self.columns} matrix",
                f"Rows go from 0 to {self.rows - 1}, columns from 0 to {self.columns - 1}.",
            )

    def _check_shape(self) -> None:
        if not self.matrix or not self.matrix[0]:
            raise KernelError("the matrix is empty", "A kernel has at least one weight.")
        for number, row in enumerate(self.matrix, start=1):
            if len(row) != self.columns:
                raise KernelError(ragged(number, len(row), self.columns))
        if self.rows * self.columns > MAX_CELLS:
            raise KernelError(
                f"a {self.rows}x{self.columns} matrix has more than {MAX_CELLS} weights",
                "Make the kernel smaller, or scale the image down first.",
            )

    @property
    def rows(self) -> int:
        """Height in cells."""
        return len(self.matrix)

    @property
    def columns(self) -> int:
        """Width in cells."""
        return len(self.matrix[0])

    @property
    def center(self) -> tuple[int, int]:
        """The anchor in force: the given one, else the middle (above and left for even sizes)."""
        return self.anchor or ((self.rows - 1) // 2, (self.columns - 1) // 2)

    @property
    def weights(self) -> Matrix:
        """The matrix with its scale multiplied in; for showing, as it gives up exactness."""
        return tuple(tuple(cell * self.scale for cell in row) for row in self.matrix)

    @property
    def sum(self) -> float:
        """Sum of the scaled weights: the gain on a flat area."""
        return self.scale * _total(cell for row in self.matrix for cell in row)

    @property
    def absolute(self) -> float:
        """Sum of |w|: the largest gain that any image can meet."""
        return abs(self.scale) * _total(abs(cell) for row in self.matrix for cell in row)

    @property
    def positive(self) -> float:
        """Sum of the scaled weights above zero: the response to white where they lie."""
        return self._side(1.0)

    @property
    def negative(self) -> float:
        """Sum of the scaled weights below zero; 0 or less."""
        return self._side(-1.0)

    @property
    def zero_sum(self) -> bool:
        """True where a flat area gives nothing: |sum| is at most 1e-9 of the sum of |w|."""
        return abs(self.sum) <= ZERO_SUM * self.absolute

    @property
    def integral(self) -> bool:
        """True where every cell of the matrix is a whole number, so that sums can be exact."""
        return all(all(map(float.is_integer, map(float, row))) for row in self.matrix)

    @property
    def flip_invariant(self) -> bool:
        """True where the half turn about the anchor changes nothing: convolve = correlate."""
        return structure.turned_equals(self.matrix, self.center, sign=1)

    @property
    def flip_negates(self) -> bool:
        """True where the half turn about the anchor turns every sign: convolve = -correlate."""
        return structure.turned_equals(self.matrix, self.center, sign=-1)

    @property
    def rank(self) -> int:
        """Number of separable parts; exact for small integer matrices, else to 1e-12."""
        return structure.rank(self.matrix)

    def factors(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """(column, row) with column[i] * row[j] = matrix[i][j] (scale left out), or None."""
        return structure.factors(self.matrix)

    def _side(self, sign: float) -> float:
        wanted = math.copysign(1.0, sign * self.scale)
        cells = (cell for row in self.matrix for cell in row if cell * wanted > 0)
        return self.scale * _total(cells) + 0.0


@record
class Recipe:
    """
    result = activation(combine(kernel_1 * x, kernel_2 * x, ...) + bias), then `range`.

    A plain kernel is a recipe of one. One with `layers` has no kernels: what it reads and gives is
    in `units` of samples, or full: 1 is white. `operation` is the convention that the numbers were
    written for and None where it makes no difference or the file does not say; the command line
    wins. `across`: the kernels are the channels of one filter, whose products are summed.
    """

    name: str
    kernels: tuple[Kernel, ...]
    combine: str | None = None
    activation: str = "none"
    operation: Operation | None = None
    bias: Bias = Bias()
    range: str | None = None
    title: str = ""
    about: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    source: str = ""
    license: str = ""
    see: tuple[str, ...] = ()
    origin: str = ""
    parameters: tuple[tuple[str, Parameter], ...] = ()
    layers: tuple[Layer, ...] = ()
    units: str = "samples"
    across: bool = False

    def __post_init__(self) -> None:
        if not self.kernels and not self.layers:
            raise KernelError(f"'{self.name}' has no kernels", "Give at least one.")
        if len(self.kernels) > 1 and self.combine is None and not self.across:
            raise KernelError(
                f"'{self.name}' has {len(self.kernels)} kernels and no way to combine them",
                f"Add 'combine:', one of {', '.join(COMBINES)}.",
            )
        wrong = unfit(self.combine, len(self.kernels)) if self.combine is not None else ""
        if wrong:
            raise KernelError(f"'{self.name}' can't be combined: {wrong}")

    @property
    def kernel(self) -> Kernel:
        """The first kernel; the only one of a plain kernel. KernelError: there are layers."""
        if not self.kernels:
            raise KernelError(
                f"'{self.name}' has layers of filters, and no single kernel",
                "Filter with it: convcli apply, or see its layers: convcli plan.",
            )
        return self.kernels[0]

    @property
    def label(self) -> str:
        """Name and parameters as they are written after -k: `gaussian:sigma=2`."""
        given = ",".join(
            f"{name}={str(value).removesuffix('.0')}" for name, value in self.parameters
        )
        return f"{self.name}:{given}" if given else self.name


def ragged(number: int, found: int, expected: int) -> str:
    """The one wording for rows of different length."""
    numbers = "number" if found == 1 else "numbers"
    above = "row 1 has" if number == 2 else "the rows above have"  # noqa: PLR2004 - two is the first row that has a row above it
    return f"row {number} has {found} {numbers}, {above} {expected}"


def _finite(row: tuple[float, ...]) -> bool:
    # A sum is four times faster, and finite only where all its numbers are; it may overflow.
    return math.isfinite(sum(row)) or all(map(math.isfinite, row))


def _total(values: Iterable[float]) -> float:
    cells = tuple(values)
    try:
        return math.fsum(cells)
    except OverflowError:  # beyond the largest float on the way; say "infinite" instead of failing
        return sum(cells)
