"""
The naive reference, the only oracle of our own: obvious loops, slow and plain.

It reads the fields of a stage and none of its methods, so that nothing it says can be wrong in the
same way as convcli. An extended row is built as the drawings show it, by repeating the pattern:

    constant 0000|abcdef|0000    edge      aaaa|abcdef|ffff    wrap cdef|abcdef|abcd
    reflect  edcb|abcdef|edcb    symmetric dcba|abcdef|fedc
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.engines import engine
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.source import Filtered, Samples, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from convcli.spec import Pair, Stage

    Values = NDArray[np.float64]

COMBINED: dict[str, Callable[[list[float], float], float]] = {
    "magnitude": lambda values, _: math.sqrt(sum(value**2 for value in values)),
    "l1": lambda values, _: sum(abs(value) for value in values),
    "max": lambda values, _: max(values),
    "max-index": lambda values, full: _first_largest(values, full) / len(values) * full,
    "min": lambda values, _: min(values),
    "sum": lambda values, _: sum(values),
    "mean": lambda values, _: sum(values) / len(values),
    "orientation": lambda values, full: _turns(values[0], values[1], full) * full,
    "energy": lambda values, full: sum(value**2 for value in values) / full,
    "ratio": lambda values, full: _share(values, 1, full) * full,
}


def _first_largest(values: list[float], full: float) -> int:
    """Within a millionth of a level of 8 bits is as large."""
    return next(i for i, value in enumerate(values) if value >= max(values) - full / 2**28)


def _turns(right: float, down: float, full: float) -> float:
    """Counter-clockwise from the right, 0 to 1; what is below a millionth of a level is 0."""
    x, y = (0.0 if abs(value) <= full / 2**28 else value for value in (right, -down))
    return math.degrees(math.atan2(y, x)) % 360 / 360


def _share(values: list[float], first: int, full: float) -> float:
    total = math.sqrt(sum(value**2 for value in values))
    top = math.sqrt(sum(value**2 for value in values[:first]))
    return top / total if total > full / 2**28 else 0.0


def combination(word: str, values: list[float], full: float) -> float:
    """A word of the table, or `ratio:4`."""
    if word.startswith("ratio:"):
        return _share(values, int(word.removeprefix("ratio:")), full) * full
    return COMBINED[word](values, full)


ACTIVATED: dict[str, Callable[[float], float]] = {
    "none": lambda value: value,
    "relu": lambda value: max(value, 0.0),
    "leaky": lambda value: value if value > 0 else 0.01 * value,
    "sigmoid": lambda value: 0.5 * (1 + math.tanh(value / 2)) if value > -8 else _tail(value),
    "tanh": math.tanh,
    "abs": abs,
    "square": lambda value: value * value,
    "threshold": lambda value: 1.0 if value > 0 else 0.0,
}


def _tail(value: float) -> float:
    """The sigmoid far to the left, where 1 + tanh would cancel."""
    return math.exp(value) / (1 + math.exp(value))


def nearest(value: float, low: float, high: float) -> int:
    """The law of rounding: nearest, ties up, a tie is anything within a millionth of a level."""
    return int(min(max(math.floor(value + 0.5 + 2**-20), low), high))


def extended(size: int, before: int, after: int, mode: str) -> list[int | None]:
    """Which sample of the row stands at each place of the extended one; None is the constant."""
    row: list[int | None] = list(range(size))
    if mode in {"constant", "normalize"}:
        return [None] * before + row + [None] * after
    if mode == "edge":
        return row[:1] * before + row + row[-1:] * after
    pattern = {"wrap": row, "symmetric": row + row[::-1], "reflect": row + row[-2:0:-1]}[mode]
    left, right = pattern * before, pattern * (size + after)
    return left[len(left) - before :] + right[: size + after]


def sides(stage: Stage, axis: int) -> Pair:
    """How many samples are added before and after the image."""
    if stage.pad_by is not None:
        top, right, bottom, left = stage.pad_by
        return [(top, bottom), (left, right)][axis]
    before = stage.anchor[axis] * stage.dilation[axis]
    most = (stage.bank.shape[2 + axis] - 1) * stage.dilation[axis]
    return {"valid": (0, 0), "same": (before, most - before), "full": (most, most)}[stage.extent]


def reference(image: NDArray[Any], stage: Stage, fill: Sequence[float] | None = None) -> Values:
    """The stage over a whole image (row, column, channel); `fill` is the constant per channel."""
    mode, (height, width), (dy, dx) = stage.padding.mode, stage.bank.shape[2:], stage.dilation
    samples, channels = image.tolist(), range(image.shape[2])
    constant = list(fill) if fill is not None else [stage.padding.value for _ in channels]
    rows = extended(image.shape[0], *sides(stage, 0), mode)
    columns = extended(image.shape[1], *sides(stage, 1), mode)
    seen = [[row is not None and column is not None for column in columns] for row in rows]
    padded = [
        [constant if row is None or column is None else samples[row][column] for column in columns]
        for row in rows
    ]
    alone = stage.bank.shape[1] == 1
    groups = [[channel] for channel in channels] if alone else [list(channels)]
    filters = list(zip(stage.bank.tolist(), stage.scale, stage.bias, strict=True))

    places = list(product(range(height), range(width)))

    def share(planes: list[list[list[float]]], y: int, x: int) -> float:
        weight = inside = 0.0
        for plane in planes:
            for r, q in places:
                weight += plane[r][q]
                inside += plane[r][q] * seen[y + r * dy][x + q * dx]
        return weight / inside if inside else 0.0

    def response(y: int, x: int, group: list[int]) -> list[float]:
        values = []
        for planes, scale, bias in filters:
            total = 0.0
            for plane, channel in zip(planes, group, strict=True):
                for r, q in places:
                    total += plane[r][q] * padded[y + r * dy][x + q * dx][channel]
            if mode == "normalize":
                total *= share(planes, y, x)
            values.append(total * scale + bias)
        combined = [combination(stage.combine, values, stage.full)] if stage.combine else values
        return [ACTIVATED[stage.activation](value + stage.shift) for value in combined]

    tops = range(0, len(rows) - (height - 1) * dy, stage.stride[0])
    lefts = range(0, len(columns) - (width - 1) * dx, stage.stride[1])
    return np.array(
        [
            [[value for group in groups for value in response(y, x, group)] for x in lefts]
            for y in tops
        ],
        dtype=np.float64,
    )


# --- how the tests ask convcli ------------------------------------------------------------------


def stage_of(matrix: ArrayLike, operation: str = "convolve", **wishes: Any) -> Stage:
    """One kernel as a person writes it, by convcli's own way from kernels to stages."""
    rows = tuple(tuple(row) for row in np.atleast_2d(np.asarray(matrix, np.float64)).tolist())
    anchor = wishes.pop("anchor", None)
    recipe = Recipe("given", (Kernel(rows, anchor=anchor),))
    return make_job([recipe], Wishes(operation=operation, **wishes)).stages[0]


def run(
    image: ArrayLike, *stages: Stage, name: str = "direct", fill: Sequence[float] | None = None
) -> Values:
    """
    The stages over a whole image, in order; each pads its own input.

    An image without channels, or a single row, comes back with as many dimensions as it had.
    """
    given = np.asarray(image)
    source: Any = Samples(given.reshape(*((1,) * (2 - given.ndim)), *given.shape, *_one(given)))
    for stage in stages:
        constant = (stage.padding.value,) * source.shape[2] if fill is None else tuple(fill)
        source = Filtered(source, stage, engine(name), constant)
    rows, columns, _ = source.shape
    values = source.read(Window(0, rows, 0, columns))
    result: Values = {1: values[0, :, 0], 2: values[..., 0], 3: values}[given.ndim]
    return result


def _one(given: NDArray[Any]) -> tuple[int, ...]:
    return (1,) * (given.ndim < 3)
