"""
A random part of a result, recomputed sample by sample: what `apply --verify` does.

    part      a window of the output, small enough for loops, chosen by a seed
    compare   the whole job over that window with `engines.naive`, beside what the run has made

The engine is replaced, not the treatment: geometry, channels, alpha, light, range and rounding are
those of the job, and every stage of a chain is computed anew. Whatever computed the result, tiles,
threads and native code included, integers must be the same and floats as good as the same.
"""

from __future__ import annotations

import math
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.engines.naive import NAIVE
from convcli.errors import ResultError, UsageError
from convcli.pixels import LIMIT
from convcli.record import record
from convcli.response import jumps
from convcli.source import Filtered, Mapped, Samples, Window
from convcli.treatment import INVISIBLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.source import Shape, Source
    from convcli.treatment import Treatment

    Values = NDArray[np.float64]

SIDE = 128
"""Pixels of a window along an axis, at most."""

BUDGET, MOST = 2_000_000, 100_000_000
"""Multiplications a window should need, and samples it should read; and multiplications that even
a single pixel must not need: about 10 seconds."""

SEEDS = 2**32
"""How many seeds chance draws from."""

CLOSE = 1e-12
"""Of sum|w| * max|x|: what the order of additions may change in a float64."""

FAR = sys.float_info.max
"""The difference between a number and what is none."""


# --- the window ----------------------------------------------------------------------------------


@record
class Part:
    """The window of the output that is recomputed, and the seed that chose it."""

    window: Window
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.window.bottom - self.window.top, self.window.right - self.window.left

    def __str__(self) -> str:
        rows, columns = self.size
        place = f"at row {self.window.top}, column {self.window.left}"
        return f"{columns} x {rows} pixels {place} (seed {self.seed})"


def part(treatment: Treatment, shape: Shape, seed: int | None) -> Part:
    """
    The largest window that BUDGET allows, anywhere in the output: where, the seed decides.

    `shape` is that of the input. Without a seed the system draws one. UsageError where a single
    pixel needs more than MOST.
    """
    blank = np.broadcast_to(np.zeros((), treatment.kind.dtype), shape)
    # Whether colours are hidden is known too late; here they count, if they may.
    chain = _chain(replace(treatment, hidden=treatment.divides), Samples(blank))
    rows, columns, _ = chain.shape
    height, width = _affordable(chain, rows, columns)
    seed = random.SystemRandom().randrange(SEEDS) if seed is None else seed
    chance = random.Random(seed)  # noqa: S311 - it hides nothing, and is to be repeated
    top, left = chance.randrange(rows - height + 1), chance.randrange(columns - width + 1)
    return Part(Window(top, top + height, left, left + width), seed)


def _chain(treatment: Treatment, source: Source) -> Source:
    return treatment.chain(source, [NAIVE] * len(treatment.stages))


def _affordable(chain: Source, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the largest window, square if the image allows, within BUDGET."""
    sides = ((min(side, rows), min(side, columns)) for side in range(SIDE, 0, -1))
    costs = ((max(_work(chain, *size), _reads(chain, *size)), size) for size in sides)
    height, width = next((size for cost, size in costs if cost <= BUDGET), (1, 1))
    work = _work(chain, height, width)
    if work > MOST:
        raise UsageError(
            f"--verify: a single pixel of this chain takes {work:,} multiplications, one by one.",
            "Verify its kernels one after the other, in runs of their own, with --depth float.",
        )
    return height, width


def _work(source: Source, rows: int, columns: int) -> int:
    """Multiplications that a window of so many rows and columns needs, all stages together."""
    if isinstance(source, Mapped):
        return _work(source.source, rows, columns)
    if not isinstance(source, Filtered):
        return 0
    stage, channels = source.stage, source.source.shape[2]
    taps = int(np.count_nonzero(stage.bank)) * (channels if stage.each else 1)
    work = rows * columns * (taps + channels * (source.carry is not None))
    return work + _work(source.source, *_below(source, rows, columns))


def _reads(source: Source, rows: int, columns: int) -> int:
    """Samples in the largest block that such a window reads: strides leave most of it aside."""
    if isinstance(source, Mapped):
        return _reads(source.source, rows, columns)
    most = rows * columns * source.shape[2]
    if not isinstance(source, Filtered):
        return most
    return max(most, _reads(source.source, *_below(source, rows, columns)))


def _below(source: Filtered, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns that so many of a stage's output read, at most."""
    stage, shape = source.stage, source.source.shape
    down, right = stage.stride
    return (
        min((rows - 1) * down + stage.reach(0), shape[0]),
        min((columns - 1) * right + stage.reach(1), shape[1]),
    )


# --- the verdict ---------------------------------------------------------------------------------


@record
class Result:
    """
    What a run has made: from which source, how, and what it found on the way.

    `ends`: least and greatest finite sample of the source, as `extremes` has them. `samples`: those
    of the window that is verified.
    """

    source: Source
    treatment: Treatment
    span: tuple[float, float]
    ends: tuple[float, float]
    samples: NDArray[Any]


def extremes(samples: NDArray[Any]) -> tuple[float, float]:
    """Least and greatest of the finite samples and 0."""
    finite = np.isfinite(samples) if samples.dtype.kind == "f" else True
    return (
        float(samples.min(where=finite, initial=0)),
        float(samples.max(where=finite, initial=0)),
    )


def verified(chosen: Part, result: Result) -> dict[str, Any]:
    """What the report says of a window that is as it should be. ResultError if it is not."""
    rows, columns = chosen.size
    return {
        "largest_difference": compare(chosen, result),
        "verified": rows * columns,
        "verified_window": f"{chosen.window.top},{chosen.window.left},{rows},{columns}",
        "verify_seed": chosen.seed,
    }


def compare(chosen: Part, result: Result) -> float:
    """
    The largest difference between the samples of a result and the naive computation's.

    In levels, or units of float samples. ResultError if there is one that rounding cannot explain.
    """
    window, found = chosen.window, result.samples
    expected = _expected(window, result)
    gaps = np.array(list(map(_gap, found.ravel().tolist(), expected.ravel().tolist())))
    gaps = gaps.reshape(found.shape)
    with np.errstate(invalid="ignore"):
        wrong = (gaps > 0) & ~(gaps <= _allowed(window, result, expected))
    if wrong.any():
        raise _wrong(chosen, found, expected, np.where(wrong, gaps, 0.0))
    return float(gaps.max())


def _expected(window: Window, result: Result) -> NDArray[Any]:
    values = _chain(result.treatment, result.source).read(window)
    finish = result.treatment.finish
    expected = np.empty(values.shape, finish.scale.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        finish(values, result.span, expected)
    return expected


def _gap(found: float, expected: float) -> float:
    """|found - expected|: whole numbers are subtracted as such, and NaN equals NaN."""
    if found == expected or (math.isnan(found) and math.isnan(expected)):
        return 0.0
    gap = float(abs(found - expected))
    return min(gap, FAR) if gap >= 0 else FAR


def _allowed(window: Window, result: Result, expected: NDArray[Any]) -> Values | float:
    """
    What rounding explains: nothing in integers, as long as the law of rounding holds.

    Else CLOSE of the largest value, more where it was divided by little alpha; and of a float, the
    distance to the next one of its type.
    """
    finish, (least, greatest) = result.treatment.finish, result.span
    steep = (finish.scale.full or 1.0) / ((greatest - least) or 1.0) if finish.needs_span else 1.0
    largest = _largest(result) * finish.unit * steep
    if finish.scale.whole:
        return 0.0 if largest < LIMIT else float(math.ceil(min(CLOSE * largest, FAR)))
    noise = CLOSE * largest / _opacity(window, result)
    with np.errstate(invalid="ignore"):
        digit: Values = np.spacing(abs(expected)).astype(np.float64)
    return noise + digit


def _largest(result: Result) -> float:
    """How large a value may become on its way through the stages."""
    treatment = result.treatment
    constants = [stage.padding.value for stage in treatment.stages]
    most = max(abs(value) for value in [*result.ends, *constants])
    most *= sum(treatment.weights or (1.0,))
    for stage in treatment.stages:
        gains = abs(stage.bank).sum(axis=(1, 2, 3)) * abs(np.array(stage.scale))
        added = max(map(abs, stage.bias)) + abs(stage.shift) + abs(stage.offset)
        most = most * float(gains.sum() if stage.combine else gains.max()) + added
        most = max(most, stage.full) if jumps(stage.combine) else most
        most = most * most / stage.full if stage.combine == "energy" else most
        most = (most * most if stage.activation == "square" else most) * stage.gain
    return most


def _opacity(window: Window, result: Result) -> Values | float:
    """The share of filtered alpha that colours were divided by, 1 where they were not."""
    treatment = result.treatment
    if not treatment.divides:
        return 1.0
    straight = replace(treatment, alpha="straight", linear=False, hidden=False)
    alpha = _chain(straight, result.source).read(window)[..., -1:]
    return np.maximum(alpha / (treatment.scale.full or 1.0), INVISIBLE)


def _wrong(chosen: Part, found: NDArray[Any], expected: NDArray[Any], gaps: Values) -> ResultError:
    """Say how many samples differ, and show the one that differs most."""
    place = np.unravel_index(gaps.argmax(), gaps.shape)
    row, column, channel = map(int, place)
    row, column = row + chosen.window.top, column + chosen.window.left
    unit = "" if found.dtype.kind == "f" else " level" if gaps.max() == 1 else " levels"
    return ResultError(
        f"The result is wrong. Of {chosen}, {np.count_nonzero(gaps):,} of {gaps.size:,} samples"
        f" differ from the naive computation, by up to {gaps.max():.6g}{unit}: row {row}, column"
        f" {column}, channel {channel} is {found[place]}, but should be {expected[place]}."
        " Nothing was written.",
        "This is a bug in convcli. Please report it with this message and the output of: convcli"
        " info\n"
        f"To look again: --verify-seed {chosen.seed}. Until it is mended: --engine direct",
    )
