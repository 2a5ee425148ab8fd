"""
What a kernel does to waves and to a single bright pixel.

    H(u, v) = sum over i, j of  w[i][j] * exp(-2 pi i (u * j + v * i))       gain |H|, phase arg H

i and j count rows down and columns to the right from the anchor, u and v are cycles per pixel, and
w is the impulse response: what one pixel of 1 becomes. Convolution makes it the kernel itself, as
written, correlation the kernel after a half turn. A wave that goes along a line sees only the sums
across it, so a cut of H is the transform of one row of numbers p:

    row       u = f, v = 0      p[k] = sum of w[i][j] with j = k        f = 0 .. 0.5
    column    u = 0, v = f                                 i = k
    falling   u = f/s, v = f/s                         j + i = k        f = 0 .. s/2, s = sqrt(2)
    rising    u = f/s, v = -f/s                        j - i = k

Sums are rounded once (`math.fsum`), and products of whole numbers not at all, so gains at 0 and at
the end of a cut are exact before the scale. A transform on a grid only finds where peaks and
crossings lie; each is then closed in on by H itself. Source: Oppenheim & Schafer, Discrete-Time
Signal Processing, 2.6 and 5.7; Bracewell 1956 for the sums across.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from convcli.errors import KernelError
from convcli.kernels.arithmetic import flip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from convcli.kernels.kernel import Kernel, Operation

    Values = NDArray[np.float64]

NOISE: Final = 1e-12
"""Of the sum of |w|: gains below this are what roundings leave, and count as 0."""

FLAT: Final = 1e-9
"""Of the largest gain: what varies by less is the same everywhere."""

HALF: Final = 0.5
HALF_POWER: Final = math.sqrt(0.5)
_DIAGONAL: Final = math.sqrt(2)
_FINENESS: Final = 16
"""Steps of the grid for each weight: |H|^2 has at most two turns for each."""
_FEWEST, _MOST = 256, 1 << 22
_SMALL: Final = 4096
"""Cells of a kernel whose grid is the finest."""
_HOPEFUL: Final = 0.8
"""Of the highest place of a grid: lower ones lead to no higher summit."""
_CLIMBS: Final = 8
_HALVINGS: Final = 30
"""Of a grid step: gains are quadratic at a peak, so 2^-30 of it is more than enough."""
_CLOSE: Final = 1e-13
_LISTED: Final = 16
_SURELY: Final = 1e-12
"""Of a gain: less is no ascent but rounding."""
_MOVES: Final = 4
"""In steps of one size: a summit may be a ring, around which one could go for long."""

Along: TypeAlias = Literal["row", "column", "falling", "rising"]
Kind: TypeAlias = Literal["nothing", "zero", "linear", "quarter", "mixed"]


class Peak(NamedTuple):
    """The largest gain and where: cycles per pixel to the right and down; None if everywhere."""

    gain: float
    at: tuple[float, float] | None


class Phase(NamedTuple):
    """
    How far waves move: `zero` and `linear` move all alike, by (right, down) pixels.

    `quarter` turns by a quarter of a wave on top, as derivatives do; `mixed` moves waves of
    different length differently.
    """

    kind: Kind
    right: float = 0.0
    down: float = 0.0


class Cut:
    """H along one line: `profile` holds p, whose first number stands `first` from the anchor."""

    def __init__(self, along: Along, kernel: Kernel) -> None:
        self.along = along
        self.kernel = kernel
        self.stretch = _DIAGONAL if along in {"falling", "rising"} else 1.0
        self.end = self.stretch / 2
        self.profile, self.first = _profile(kernel, along)
        self.scale = kernel.scale
        self.noise = NOISE * kernel.absolute

    def at(self, frequency: float) -> complex:
        """H at so many cycles per pixel along the line."""
        reach = self.first + np.arange(len(self.profile), dtype=np.float64)
        turns = frequency / self.stretch * reach
        turns = 2 * np.pi * (turns - np.rint(turns))
        real = math.fsum(self.profile * np.cos(turns))
        return self.scale * complex(real, -math.fsum(self.profile * np.sin(turns)))

    def gain(self, frequency: float) -> float:
        """|H|, 0 where it is noise."""
        return self._heard(abs(self.at(frequency)))

    def _heard(self, gain: float) -> float:
        return gain if gain > self.noise else 0.0

    @cached_property
    def zero(self) -> float:
        """The gain on a flat area."""
        return self._heard(abs(self.scale * math.fsum(self.profile)))

    @cached_property
    def nyquist(self) -> float:
        """The gain of the shortest wave, whose samples change their sign from one to the next."""
        signs = 1.0 - 2.0 * (np.arange(len(self.profile)) % 2)
        return self._heard(abs(self.scale * math.fsum(self.profile * signs)))

    @cached_property
    def grid(self) -> Values:
        """|H| at evenly spaced frequencies from 0 to `end`."""
        wanted = min(max(_FEWEST, _FINENESS * len(self.profile)), _MOST)
        size = 1 << (max(wanted, len(self.profile)) - 1).bit_length()
        gains: Values = abs(self.scale) * np.abs(np.fft.rfft(self.profile, size))
        return np.where(gains > self.noise, gains, 0.0)

    @cached_property
    def peak(self) -> tuple[float, float | None]:
        """(largest gain, its frequency); None where the gain is the same everywhere."""
        step = self.end / (len(self.grid) - 1)
        top = float(self.grid.max())
        if top - float(self.grid.min()) <= FLAT * top:
            return self.zero, None
        begins = [(place * step,) for (place,) in _tops(self.grid)]
        (found,), gain = _climbed(lambda spot: self._inside(spot[0]), begins, (step,))
        return gain, found

    def _inside(self, frequency: float) -> float:
        return self.gain(frequency) if 0 <= frequency <= self.end else -1.0

    def crossings(self, share: float) -> tuple[float, ...]:
        """Where |H| passes this share of its largest value on the line; the first 16, upwards."""
        level = share * self.peak[0]
        if not level:
            return ()
        above = self.grid >= level
        step = self.end / (len(self.grid) - 1)
        changes = np.flatnonzero(above[1:] != above[:-1])
        return tuple(
            self._crossing(level, i * step, (i + 1) * step) for i in changes[:_LISTED].tolist()
        )

    def _crossing(self, level: float, low: float, high: float) -> float:
        """Halve the interval at whose ends |H| lies on both sides of the level."""
        above = self.gain(low) >= level
        while high - low > _CLOSE:
            middle = (low + high) / 2
            if (self.gain(middle) >= level) == above:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    @property
    def impulse(self) -> tuple[int, tuple[float, ...]]:
        """(first, weights): what one pixel of 1 becomes on this line through it."""
        kernel, (across, down) = self.kernel, _STEP[self.along]
        row, column = kernel.center
        spots = {
            k: kernel.matrix[row + k * down][column + k * across] * kernel.scale
            for k in range(-max(kernel.rows, kernel.columns), max(kernel.rows, kernel.columns))
            if 0 <= row + k * down < kernel.rows and 0 <= column + k * across < kernel.columns
        }
        return min(spots), tuple(spots.values())


_STEP: Final[dict[Along, tuple[int, int]]] = {
    "row": (1, 0),
    "column": (0, 1),
    "falling": (1, 1),
    "rising": (1, -1),
}
"""The next pixel of a line: to the right, down."""


class Response:
    """
    All about one kernel, laid on as an operation says; `impulse` is what one pixel becomes.

    Raises `KernelError` where the sum of |w| overflows.
    """

    def __init__(self, kernel: Kernel, operation: Operation) -> None:
        if not math.isfinite(kernel.absolute):
            raise KernelError(
                "the weights are too large for a frequency response",
                "Scale the kernel down: their sum must be a 64-bit number.",
            )
        self.impulse = flip(kernel) if operation == "correlate" else kernel
        self.cuts = tuple(Cut(along, self.impulse) for along in _lines(kernel))

    @cached_property
    def phase(self) -> Phase:
        """What becomes of the place of waves, read off the symmetry of the weights."""
        return _phase(self.impulse)

    @cached_property
    def peak(self) -> Peak:
        """The largest gain in all directions: from a grid, then by the slope."""
        if len(self.cuts) == 1:
            gain, spot = self.cuts[0].peak
            along = _STEP[self.cuts[0].along]
            return Peak(gain, None if spot is None else (spot * along[0], spot * along[1]))
        return _summit(self.impulse)


def _lines(kernel: Kernel) -> Iterator[Along]:
    """The lines on which a kernel differs from a single pixel."""
    if kernel.columns > 1 or kernel.rows == 1:
        yield "row"
    if kernel.rows > 1:
        yield "column"
    if kernel.rows > 1 and kernel.columns > 1:
        yield "falling"
        yield "rising"


def _profile(kernel: Kernel, along: Along) -> tuple[Values, int]:
    """Sums across a line, each rounded once, and how far from the anchor the first one lies."""
    row, column = kernel.center
    if along == "row":
        return np.array([math.fsum(line) for line in zip(*kernel.matrix, strict=True)]), -column
    if along == "column":
        return np.array([math.fsum(line) for line in kernel.matrix]), -row
    cells = np.array(kernel.matrix)[:: 1 if along == "falling" else -1][:, ::-1]
    spans = range(kernel.columns - 1, -kernel.rows, -1)
    first = -row - column if along == "falling" else row - kernel.rows + 1 - column
    return np.array([math.fsum(cells.diagonal(span)) for span in spans]), first


def _phase(kernel: Kernel) -> Phase:
    cells = np.array(kernel.matrix)
    used = np.argwhere(cells)
    if not len(used):
        return Phase("nothing")
    (top, left), (bottom, right) = used.min(axis=0), used.max(axis=0)
    kept = cells[top : bottom + 1, left : right + 1]
    row, column = kernel.center
    along, down = float(left + right) / 2 - column, float(top + bottom) / 2 - row
    # A float family may differ from its half turn by what its last division rounds.
    close = NOISE * float(abs(kept).max())
    turned = kept[::-1, ::-1]
    if (abs(kept - turned) <= close).all():
        return Phase("linear" if along or down else "zero", along, down)
    return Phase("quarter", along, down) if (abs(kept + turned) <= close).all() else Phase("mixed")


def _summit(kernel: Kernel) -> Peak:
    """The largest |H| in all directions; of equal ones that of the longest wave."""
    cells = np.array(kernel.matrix)
    finer = 8 if cells.size <= _SMALL else 4 if cells.size <= 16 * _SMALL else 2
    sizes = [1 << (finer * side - 1).bit_length() for side in cells.shape]
    gains = np.abs(np.fft.rfft2(cells, sizes))
    top = float(gains.max())
    if top - float(gains.min()) <= FLAT * top:
        return Peak(abs(kernel.scale) * _gain(cells, (0.0, 0.0)), None)
    steps = (1 / sizes[1], 1 / sizes[0])
    begins = [(along * steps[0], 0.5 - (0.5 - down * steps[1]) % 1) for down, along in _tops(gains)]
    found, gain = _climbed(lambda spot: _gain(cells, spot), begins, steps)
    side = -1.0 if found[0] < 0 else 1.0  # of a pair of opposite waves the one to the right
    return Peak(abs(kernel.scale) * gain, (side * found[0] + 0.0, side * found[1] + 0.0))


def _tops(gains: Values) -> list[tuple[int, ...]]:
    """Places of a grid that no neighbour exceeds, the few highest: one of them leads to the top."""
    framed = np.pad(gains, [(1, 1)] * gains.ndim)
    sides = [slice(at, at + side) for side in gains.shape for at in range(3)]
    around = product(*(sides[axis * 3 : axis * 3 + 3] for axis in range(gains.ndim)))
    high = np.logical_and.reduce([gains >= framed[side] for side in around])
    places = np.argwhere(high & (gains >= _HOPEFUL * gains.max()))
    best = np.argsort(-gains[tuple(places.T)], kind="stable")[:_CLIMBS]
    return [tuple(place) for place in places[best].tolist()]


def _gain(cells: Values, spot: tuple[float, ...]) -> float:
    """|H| without the scale; the anchor turns the phase only."""
    along, down = (
        2 * np.pi * f * np.arange(n) for f, n in zip(spot, cells.shape[::-1], strict=True)
    )
    lines = cells @ np.stack([np.cos(along), np.sin(along)], axis=1)
    real, imaginary = np.stack([np.cos(down), np.sin(down)]) @ lines
    return math.hypot(real[0] - imaginary[1], real[1] + imaginary[0])


def _climbed(
    height: Callable[[tuple[float, ...]], float],
    begins: Iterable[tuple[float, ...]],
    steps: tuple[float, ...],
) -> tuple[tuple[float, ...], float]:
    """The highest summit that is reached from one of these; of equal ones the nearest to 0."""
    reached = [_climb(height, begin, steps) for begin in begins]
    most = max(top for _, top in reached) * (1 - FLAT)
    return min((each for each in reached if each[1] >= most), key=lambda each: math.hypot(*each[0]))


def _climb(
    height: Callable[[tuple[float, ...]], float], begin: tuple[float, ...], steps: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    """Go to the highest neighbour, a few times, and again in ever smaller steps."""
    spot, best = begin, height(begin)
    ways = [to for to in product((-1, 0, 1), repeat=len(steps)) if any(to)]
    for halved in range(_HALVINGS):
        for _ in range(_MOVES):
            sides = [
                tuple(
                    at + way * step / (1 << halved)
                    for at, way, step in zip(spot, to, steps, strict=True)
                )
                for to in ways
            ]
            reached, side = max((height(side), side) for side in sides)
            if reached <= best * (1 + _SURELY):
                break
            spot, best = side, reached
    return spot, best
