"""
The bounds on single precision are proofs: nothing that the core can do goes beyond them.

    walked      the roundings of the core one by one, each as large as it can be: never above
    emulated    the sums of the core in NumPy's float32, with and without fused multiply-add
    exact       the same sums as fractions
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import engines, io, pixels
from convcli.engines import cost, rank
from convcli.engines.native import bounds, call
from convcli.engines.rank import factors
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path
from convcli.response import ACTIVATIONS, FUSED, Ending
from convcli.source import Filtered, Samples, Window
from convcli.spec import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

SOURCES = ROOT / "convcli" / "engines" / "native"
U = bounds.U
CENTRE = 128
"""Samples are read less this: -128..127."""

DOWNS = (1, 2, 4)
"""Rows of outputs that the core may sum at once."""

CLIP = Ending(1.0, 0.0, 0.0, 255.0)

# --- what the core does -------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Weights (plane, row, column) that are summed in passes, as `taps.h` and `program.h` do."""

    weights: Values
    cells: int
    stride: int = 1
    dilation: int = 1

    def passes(self, down: int, output: int) -> list[list[float]]:
        """The weights that one output meets in every pass in which it meets any."""
        planes, rows, columns = self.weights.shape
        group = (down - 1) * self.stride + (rows - 1) * self.dilation + 1
        weights = np.zeros((planes, group, columns))
        top = output * self.stride
        weights[:, top : top + (rows - 1) * self.dilation + 1 : self.dilation] = self.weights
        flat = weights.ravel()
        most = -(-len(flat) // -(-len(flat) // self.cells))
        cut = [flat[first : first + most] for first in range(0, len(flat), most)]
        return [part[part != 0.0].tolist() for part in cut if part.any()]


@dataclass(frozen=True)
class Group:
    """An output, of so many that are summed at once; `apart` as in `filter.h`, 0 for one by one."""

    down: int
    output: int
    apart: int = 0

    def along(self, row: Values) -> tuple[Line, int, int]:
        """The row of a pair, laid out as a matrix if outputs side by side are summed at once."""
        if not 0 < self.apart < len(row):
            return Line(row.reshape(1, 1, -1), bounds.cells_of_factor(len(row))), 1, 0
        rows = -(-len(row) // self.apart)
        folded = np.zeros(rows * self.apart)
        folded[: len(row)] = row
        matrix = folded.reshape(1, rows, self.apart)
        return Line(matrix, bounds.cells_of_factor(len(row))), bounds.MOST_DOWN, self.output


GROUPS = [
    Group(down, output, apart)
    for down, output in ((1, 0), (2, 1), (4, 0), (4, 3))
    for apart in (0, 4, 8, 12, 24, 40)
]


def worst(line: Line, down: int, output: int, largest: float) -> float:
    """
    The error if every operation rounds by all that it may, and what came before is as large as it
    can be: samples lie in -largest..largest.
    """
    size = done = 0.0
    taps = line.weights[line.weights != 0.0]
    integers = (taps == np.rint(taps)).all() and largest == round(largest)
    if integers and largest * abs(taps).sum() < 2**24:
        return 0.0
    for number, weights in enumerate(line.passes(down, output)):
        here = error = 0.0
        for tap, weight in enumerate(weights):
            single = float(np.float32(weight))
            error += abs(single - weight) * largest + U * abs(single) * largest
            here += abs(weight)
            error += (U * (here * largest + error)) * (tap > 0)
        size += here
        done += error
        done += (U * (size * largest + done)) * (number > 0)
    return done


def worst_of_pairs(stage: Stage, pairs: Any, largest: float, group: Group) -> float:
    """Columns, then rows, then the pairs one after the other."""
    error = sizes = 0.0
    for number, (column, row) in enumerate(pair for plane in pairs for pair in plane):
        line = Line(column.reshape(1, -1, 1), bounds.cells_of_factor(len(column)), stage.stride[0])
        line = replace(line, dilation=stage.dilation[0])
        off = worst(line, group.down, group.output, largest)
        most = largest * float(abs(column).sum()) + off
        along, down, output = group.along(row)
        error += off * float(abs(row).sum()) + worst(along, down, output, most)
        sizes += most * float(abs(row).sum())
        added = len(along.passes(down, output)) * (number > 0)
        error += added * U * (sizes + error)
    return error


def summed(line: Line, down: int, output: int, samples: Values, *, fused: bool) -> Values:
    """The sums of the core in float32 over samples (tap, example), taps in the order of passes."""
    total = np.zeros(samples.shape[1], np.float32)
    at = 0
    for number, weights in enumerate(line.passes(down, output)):
        here = np.zeros_like(total)
        for weight in weights:
            here = multiplied(np.float32(weight), samples[at], here, fused=fused)
            at += 1
        total = here if number == 0 else here + total
    return total.astype(np.float64)


def multiplied(weight: Any, sample: Values, to: Any, *, fused: bool) -> Any:
    sample = sample.astype(np.float32)
    if fused:  # one rounding, but for that of a number 2**40 times as exact
        wide = np.longdouble
        return (wide(weight) * sample.astype(wide) + to.astype(wide)).astype(np.float32)
    return np.float32(weight) * sample + to


def exact(weights: Values, samples: Values) -> list[Fraction]:
    """The sums over samples (tap, example) of taps that are not 0, in whole multiples of a unit."""
    ratios = [weight.as_integer_ratio() for weight in weights.ravel().tolist() if weight]
    unit = max((below for _, below in ratios), default=1)
    terms = [above * (unit // below) for above, below in ratios]
    return [
        Fraction(sum(w * int(x) for w, x in zip(terms, column, strict=True)), unit)
        for column in samples.T.tolist()
    ]


def exact_or_zero(weights: Values, samples: Values) -> list[Fraction]:
    """The same over samples (plane, row, column, example) of all taps."""
    return exact(weights, samples[weights != 0.0])


def adverse(rng: np.random.Generator, weights: Values) -> Values:
    """Samples (tap, example) less 128: noise, and those that make partial sums large."""
    taps = weights[weights != 0.0]
    noise = rng.integers(-CENTRE, CENTRE, (len(taps), 5))
    extreme = rng.choice([-CENTRE, 1 - CENTRE, CENTRE - 1], (len(taps), 3))
    agreeing = np.where(taps > 0, CENTRE - 1, -CENTRE)[:, None]
    black = np.full((len(taps), 1), -CENTRE)
    odd = np.where(taps > 0, CENTRE - 1, rng.integers(-9, 9, len(taps)))[:, None]
    columns = [noise, extreme, agreeing, -1 - agreeing, black, odd]
    return np.concatenate(columns, axis=1).astype(np.float64)


# --- sums ---------------------------------------------------------------------------------------

SHAPES = [(1, 1), (3, 3), (1, 9), (9, 1), (5, 5), (8, 8), (13, 7), (1, 70), (70, 1), (21, 21)]
KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Values]] = {
    "noise": lambda rng, shape: rng.standard_normal(shape),
    "positive": lambda rng, shape: rng.random(shape) + 0.1,
    "alike": lambda _, shape: np.full(shape, 1 / 3),
    "single": lambda rng, shape: rng.random(shape).astype(np.float32).astype(np.float64),
    "wide": lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.uniform(-20, 8, shape),
    "rising": lambda _, shape: np.geomspace(1e-6, 1.0, int(np.prod(shape))).reshape(shape) / 3,
    "falling": lambda _, shape: np.geomspace(1.0, 1e-6, int(np.prod(shape))).reshape(shape) / 3,
    "cancelling": lambda rng, shape: 1000 * rng.standard_normal(shape) + 1e-3,
    "whole": lambda rng, shape: rng.integers(-40, 41, shape).astype(np.float64),
    "large": lambda rng, shape: rng.integers(-70_000, 70_001, shape).astype(np.float64),
    "sparse": lambda rng, shape: rng.random(shape) * (rng.random(shape) < 0.2),
}
STEPS = [(1, 1), (2, 1), (4, 1), (1, 2), (1, 3), (3, 2), (2, 4)]
"""Stride and dilation along rows."""


def stage_of(bank: Values, step: tuple[int, int] = (1, 1), **fields: Any) -> Stage:
    one = {"scale": (1.0,) * len(bank), "bias": (0.0,) * len(bank)}
    return Stage(bank, (0, 0), stride=(step[0], 1), dilation=(step[1], 1), **(one | fields))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_no_sum_is_further_off_than_the_bound(kind: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for planes, (stride, dilation) in [(1, step) for step in STEPS] + [(3, (1, 1)), (3, (2, 3))]:
        bank = KINDS[kind](rng, (1, planes, *shape))
        bound = bounds.sum_error(stage_of(bank, (stride, dilation)), 0, CENTRE)
        line = Line(bank[0], bounds.CELLS_OF_MATRIX, stride, dilation)
        samples = adverse(rng, bank[0])
        true = exact(bank[0], samples)
        for down, output in ((1, 0), (2, 1), (4, 0), (4, 3)):
            if bound:
                assert worst(line, down, output, CENTRE) <= bound, (planes, stride, dilation)
            for fused in (False, True):
                found = summed(line, down, output, samples, fused=fused)
                off = [abs(Fraction(f) - t) for f, t in zip(found.tolist(), true, strict=True)]
                assert max(off) <= bound


@pytest.mark.parametrize("shape", [(3, 3), (9, 9), (17, 5), (5, 79), (11, 121)], ids=str)
@pytest.mark.parametrize("rank_wanted", [1, 2])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_no_sum_of_factors_is_further_off_than_the_bound(
    step: tuple[int, int], rank_wanted: int, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(shape)
    for planes, whole in ((1, False), (2, False), (1, True)):
        columns = rng.standard_normal((planes, rank_wanted, shape[0]))
        rows = rng.standard_normal((planes, rank_wanted, shape[1]))
        if whole:
            columns, rows = (columns * 9).round(), (rows * 9).round()
        bank = np.einsum("pkr,pkq->prq", columns, rows)[None]
        stage = stage_of(bank, step)
        pairs = factors(stage)[0]
        bound = bounds.sum_error(stage, 0, CENTRE, factors(stage))
        for group in GROUPS:
            if bound:
                assert worst_of_pairs(stage, pairs, CENTRE, group) <= bound, group
        samples = rng.choice([-128.0, -127.0, -1.0, 127.0], (planes, *shape, 3))
        true = exact_or_zero(bank[0], samples)
        for group in GROUPS[::7]:
            check_factors(stage, pairs, (samples, true), bound, group)


def check_factors(
    stage: Stage, pairs: Any, case: tuple[Values, list[Fraction]], bound: float, group: Group
) -> None:
    samples, true = case
    for fused in (False, True):
        total = np.zeros(samples.shape[-1], np.float32)
        for plane, matrices in zip(samples, pairs, strict=True):
            for column, row in matrices:
                total = added(stage, total, plane, (column, row), group, fused=fused)
        off = [abs(Fraction(f) - t) for f, t in zip(total.tolist(), true, strict=True)]
        assert max(off) <= bound


def added(stage: Stage, total: Any, plane: Values, pair: Any, group: Group, *, fused: bool) -> Any:
    """`total` and one pair more, as the core adds it: every pass along the row into memory."""
    column, row = pair
    down = Line(column.reshape(1, -1, 1), bounds.cells_of_factor(len(column)), stage.stride[0])
    down = replace(down, dilation=stage.dilation[0])
    between = np.stack(
        [
            summed(down, group.down, group.output, plane[column != 0, q], fused=fused)
            for q in range(len(row))
        ]
    )[row != 0]
    at = 0
    along, side, output = group.along(row)
    for weights in along.passes(side, output):
        here = np.zeros_like(total)
        for weight in weights:
            here = multiplied(np.float32(weight), between[at], here, fused=fused)
            at += 1
        total = here + total
    return total


def worst_walking(column: Values, row: Values, largest: float) -> float:
    """What sums can be off that walk down (`walk.h`): along the row first, its middle at first."""

    def line(weights: Values, most: float, first: list[int]) -> float:
        sizes = abs(weights)
        rounded = abs(weights.astype(np.float32).astype(np.float64) - weights).sum()
        partial = sum(float(sizes[first[: n + 1]].sum()) for n in range(1, len(first)))
        return float(most * (rounded + bounds.U * (sizes.sum() + partial)))

    mirrored = np.array([2 * row[0], row[1]])  # two samples are added without error, then weighed
    off = line(mirrored, largest, [1, 0])
    most = largest * float(abs(row).sum()) + off
    return off * float(abs(column).sum()) + line(column, most, [0, 1, 2])


@pytest.mark.parametrize("whole", [None, 0, 1])
def test_no_sum_that_walks_is_further_off_than_the_bound(whole: int | None) -> None:
    rng = np.random.default_rng(whole)
    for _ in range(200):
        column, half = (
            rng.standard_normal(3) * 10.0 ** rng.uniform(-3, 3, 3),
            rng.standard_normal(2),
        )
        row = np.array([half[0], half[1], half[0]])
        if whole is not None:
            (column, row)[whole][:] = rng.integers(1, 9, 3)[[0, 1, 0]]
        stage = stage_of(np.outer(column, row)[None, None])
        bound = bounds.sum_error(stage, 0, CENTRE, [[[(column, row)]]])
        assert worst_walking(column, row, CENTRE) <= bound


@pytest.mark.parametrize("total", [1, 9, 131071, 131072, 131073, 200_000])
def test_whole_taps_have_no_error_below_2_to_the_24(total: int) -> None:
    for bank in ([[total]], [[total - 1, 1]], [[1], [1 - total]], [[1, 1 - total]]):
        stage = stage_of(np.array([[bank]], np.float64))
        assert abs(stage.bank).sum() == total
        error = bounds.sum_error(stage, 0, CENTRE)
        assert (error == 0.0) == (total * CENTRE < 2**24)
        assert (bounds.sum_error(stage, 0, CENTRE, factors(stage)) == 0.0) == (error == 0.0)
    half = stage_of(np.array([[[[total + 0.5]]]]))
    assert bounds.sum_error(half, 0, CENTRE) > 0


def test_sums_that_single_precision_cannot_hold_are_never_taken_in_it() -> None:
    for size in (1e36, 1.3e36, 3e38, 1e200, 1e308):
        stage = stage_of(np.full((1, 1, 3, 3), size / 4), scale=(1 / size,))
        whole = bounds.single(stage, CLIP)
        assert (whole is None) == (size > 1e307)  # where even double precision has no sum of them
        assert whole is None or CENTRE * abs(whole.weight * stage.bank).sum() < bounds.RANGE
        column, row = np.full(3, size), np.full(3, 1 / size)  # one factor alone is too large
        assert bounds.single(stage_of(np.ones((1, 1, 3, 3)) / 3), CLIP, [[[(column, row)]]]) is None
        stage = stage_of(np.full((1, 1, 3, 3), size / 4))
        for pairs in (None, factors(stage)):
            assert bounds.single(stage, CLIP, pairs) is None


def test_what_is_left_out_by_factors_is_less_than_the_bound_says() -> None:
    assert rank.SPREAD <= bounds.RESIDUAL


def test_no_filter_has_less_doubt_than_its_sums_deserve() -> None:
    exactly = np.zeros((1, 1, 5, 5))
    exactly[0, 0, 2, 2] = 0.25
    noisy = exactly.copy()
    noisy[0, 0, 0] = 40.125, -40.125, 40.125, 0, -40.125
    for bank in (np.concatenate([exactly, noisy]), np.concatenate([noisy, exactly])):
        each = [bounds.single(stage_of(one[None]), CLIP) for one in bank]
        both = bounds.single(stage_of(bank), CLIP)
        assert both is not None
        assert both.margin == max(one.margin for one in each if one)


def test_filters_that_end_differently_are_not_taken_for_one() -> None:
    bank = np.ones((2, 1, 3, 3)) / 10
    endings: list[dict[str, Any]] = [{"scale": (1.0, 2.0)}, {"bias": (1.0, 0.0)}]
    for fields in endings:
        assert bounds.single(stage_of(bank, **fields), CLIP) is None
    whole = np.ones((2, 1, 3, 3))
    whole[0, 0, 0, 0] = 1.1
    assert bounds.single(stage_of(whole, scale=(1 / 9, 1 / 9)), CLIP) is None


# --- from sums to levels ------------------------------------------------------------------------


def t_in_single(gain: float, lift: float, sums: Values, *, fused: bool) -> Values:
    """gain * sum + lift as the core computes it."""
    to = np.full(sums.shape, lift, np.float32)
    found: Values = multiplied(np.float32(gain), sums, to, fused=fused).astype(np.float64)
    return found


def level(t: Values, ending: Ending) -> Values:
    """The law of rounding."""
    return np.floor(t + 0.5 + 2.0**-20).clip(ending.low, ending.high)


GAINS = st.one_of(
    st.builds(lambda a, b: a / b, st.integers(1, 600), st.integers(1, 600)),
    st.floats(-7, 4).map(lambda power: 10.0**power),
)
LIFTS = st.one_of(
    st.sampled_from([0.0, 0.5, 127.5, 128.0, -20.0, 1 / 3, 1e4]), st.floats(-400, 400)
)


@settings(max_examples=300)
@given(
    gain=GAINS,
    sign=st.sampled_from([1, -1]),
    lift=LIFTS,
    high=st.sampled_from([255.0, 255.0, 65535.0]),
    total=st.integers(1, 131071),
)
def test_whole_sums_get_the_levels_of_the_law(
    gain: float, sign: int, lift: float, high: float, total: int
) -> None:
    """Every sum that there can be, and every rounding that there can be."""
    ending = Ending(1.0, 0.0, 0.0, high)
    bank = np.array([[[[total - total // 3, -(total // 3)]]]], np.float64)
    stage = stage_of(bank, scale=(sign * gain,), bias=(lift,))
    found = bounds.single(stage, ending)
    if found is None or found.margin >= 0:
        return
    middle, reach = -sign * lift / gain, (high + 4) / gain + 3
    low = max(-255 * (total // 3), int(middle - reach))
    top = min(255 * (total - total // 3), int(middle + reach))
    sums = np.arange(low, top + 1, dtype=np.float64)
    if not len(sums):
        return
    expected = level(sign * gain * sums + lift, ending)
    centred = sums - CENTRE * float(bank.sum())
    for fused in (False, True):
        t = t_in_single(found.gain, found.lift, centred, fused=fused)
        np.testing.assert_array_equal(np.rint(t).clip(0, high), expected)


def test_the_usual_kernels_of_whole_taps_leave_no_doubt() -> None:
    for divisor in (1, 2, 4, 5, 8, 9, 16, 25, 48, 115, 159, 256, 273, 1003):
        stage = stage_of(np.ones((1, 1, 3, 3)), scale=(1 / divisor,))
        found = bounds.single(stage, CLIP)
        assert found is not None
        assert found.margin < 0, divisor


@settings(max_examples=150)
@given(
    seed=st.integers(0, 9999),
    scale=st.sampled_from([1.0, -0.3, 1e-3, 20.0]),
    bias=st.sampled_from([0.0, 100.3, -700.7]),
    gain=st.sampled_from([(1.0, 0.0), (0.5, 127.5), (257.0, 0.1), (-3.3, 1e3)]),
    absolute=st.booleans(),
)
def test_folded_steps_err_less_than_their_margin(
    seed: int, scale: float, bias: float, gain: tuple[float, float], *, absolute: bool
) -> None:
    """The sum as wrong as it may be; t is looked at where it is not cut."""
    rng = np.random.default_rng(seed)
    stage = stage_of(rng.standard_normal((1, 1, 3, 3)), scale=(scale,), bias=(bias,))
    ending = Ending(*gain, 0.0, 65535.0 if gain[0] > 99 else 255.0, absolute)
    found = bounds.single(stage, ending)
    if found is None:
        return
    assert found.folded
    assert found.margin > 0
    error = bounds.sum_error(stage, 0, CENTRE, weight=found.weight)
    most = CENTRE * float(abs(stage.bank).sum())
    sums = rng.uniform(-most, most, 4000)
    true = gain[0] * (scale * (sums + CENTRE * stage.bank.sum()) + bias) + gain[1]
    seen = abs(true) < ending.high + 1
    for off in (error, -error):
        for fused in (False, True):
            t = t_in_single(found.gain, found.lift, found.weight * sums + off, fused=fused)
            # The sum itself was rounded only here.
            slack = abs(found.gain * found.weight) * U * most
            assert (abs(t - true)[seen] <= found.margin - 2.0**-20 + slack).all()


def one_by_one(values: Any) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


COMBINED: dict[str | None, Callable[[Any], Any]] = {
    "magnitude": lambda v: np.sqrt(one_by_one(v * v)),
    "l1": lambda v: one_by_one(abs(v)),
    "max": lambda v: v.max(axis=0),
    "min": lambda v: v.min(axis=0),
    "sum": one_by_one,
    "mean": lambda v: one_by_one(v) / v.dtype.type(len(v)),
    None: lambda v: v[0],
}


@settings(max_examples=200)
@given(
    seed=st.integers(0, 9999),
    combine=st.sampled_from([*COMBINED]),
    activation=st.sampled_from(["none", "relu", "abs"]),
    shift=st.sampled_from([0.0, 0.1, -700.7]),
    gain=st.sampled_from([(1.0, 0.0), (0.5, 127.5), (257.0, 0.1), (-3.3, 1e3)]),
    filters=st.integers(2, 9),
)
def test_responses_err_less_than_their_margin(
    *,
    seed: int,
    combine: str | None,
    activation: str,
    shift: float,
    gain: tuple[float, float],
    filters: int,
) -> None:
    rng = np.random.default_rng(seed)
    if combine is None and activation == "none":
        return
    bank = rng.standard_normal((filters, 1, 3, 3))
    scale, bias = rng.uniform(-2, 2, filters), rng.uniform(-90, 90, filters)
    fields: dict[str, Any] = {"combine": combine, "activation": activation, "shift": shift}
    stage = stage_of(bank, scale=tuple(scale), bias=tuple(bias), **fields)
    ending = Ending(*gain, 0.0, 65535.0 if gain[0] > 99 else 255.0)
    found = bounds.single(stage, ending)
    if found is None:
        return
    assert not found.folded
    errors = np.array([bounds.sum_error(stage, f, CENTRE) for f in range(filters)])[:, None]
    sums = bank.reshape(filters, -1) @ rng.integers(-128, 128, (9, 3000)).astype(np.float64)
    off = sums + errors * rng.choice([-1, 1], sums.shape)
    true = responded(sums, stage, ending, np.float64)
    t = responded(off, stage, ending, np.float32)
    seen = abs(true) < ending.high + 1
    slack = abs(gain[0]) * U * float((abs(sums) * abs(scale)[:, None]).sum(axis=0).max())
    assert (abs(t - true)[seen] <= found.margin - 2.0**-20 + slack).all()


def responded(sums: Values, stage: Stage, ending: Ending, dtype: Any) -> Values:
    scale = np.array(stage.scale, dtype)[:, None]
    middle = CENTRE * stage.bank.sum(axis=(1, 2, 3)) * np.array(stage.scale)
    bias = (np.array(stage.bias) + middle).astype(dtype)[:, None]
    values = COMBINED[stage.combine](sums.astype(dtype) * scale + bias) + dtype(stage.shift)
    values = ACTIVATIONS[stage.activation](values)
    t: Values = (dtype(ending.gain) * values + dtype(ending.lift)).astype(np.float64)
    return t


@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {"none", "relu", "abs"}))
def test_functions_that_could_magnify_errors_are_left_to_double_precision(activation: str) -> None:
    stage = stage_of(np.ones((1, 1, 3, 3)), activation=activation)
    assert bounds.single(stage, CLIP) is None


# --- words and numbers that stand twice ---------------------------------------------------------


def defined(header: str, name: str) -> int:
    found = re.search(
        rf"^#define {name} (\d+)$", (SOURCES / header).read_text("utf-8"), re.MULTILINE
    )
    assert found, name
    return int(found[1])


def test_constants_are_those_of_the_core() -> None:
    assert defined("program.h", "CELLS_OF_MATRIX") == bounds.CELLS_OF_MATRIX
    assert defined("program.h", "CELLS_OF_FACTOR") == bounds.CELLS_OF_FACTOR
    assert defined("program.h", "CELLS_OF_LONG_FACTOR") == bounds.CELLS_OF_LONG_FACTOR
    assert defined("vector.h", "MOST_DOWN") == bounds.MOST_DOWN
    assert defined("whole.h", "WEIGHTS_OF_PASS") == cost.WEIGHTS_OF_PASS
    assert defined("whole.h", "TAPS_OF_PASS") == cost.TAPS_OF_PASS
    assert defined("strips.h", "FEWEST_ROWS") == cost.FEWEST_ROWS
    copied = "#define COPIED_BYTES ((size_t)2 << 20)"
    assert copied in (SOURCES / "strips.h").read_text("utf-8")
    assert cost.COPIED_BYTES == 2 << 20
    assert bounds.CENTRE == CENTRE
    assert "centre_float = 128.0f;" in (SOURCES / "rows.h").read_text("utf-8")
    assert pixels.TIE == 0.5 + bounds.TIE
    assert "(0.5 + 1.0 / 1048576.0)" in (SOURCES / "levels.h").read_text("utf-8")
    assert 2.0**-20 == 1 / 1048576
    assert float(np.finfo(np.float32).eps) / 2 == bounds.U
    assert float(np.finfo(np.float32).tiny) == bounds.TINY


def enum(name: str) -> list[str]:
    found = re.search(rf"enum {name} {{([^}}]+)}}", (SOURCES / "job.h").read_text("utf-8"))
    assert found, name
    return [word.strip() for word in found[1].split(",")]


def test_words_are_those_of_the_tables_and_of_the_core() -> None:
    assert set(call.COMBINES) == {None, *FUSED}
    assert set(call.ACTIVATIONS) == {*ACTIVATIONS}
    assert [str(word).upper() for word in call.COMBINES] == enum("combine")
    words = {"none": "linear"}
    assert [words.get(word, word).upper() for word in call.ACTIVATIONS] == enum("activation")
    kinds = {"U8": "uint8", "U16": "uint16", "F32": "float32", "F64": "float64"}
    assert [kinds[kind] for kind in enum("kind")] == [*call.READ]


# --- how much is in doubt -----------------------------------------------------------------------

KERNELS = ["sobel", "sharpen", "gaussian:sigma=3", "gaussian:sigma=1", "box5", "unsharp", "emboss"]


@pytest.mark.parametrize("name", ["direct", "separable"])
@pytest.mark.parametrize("body", [body for body in engines.bodies() if body != engines.NUMPY])
def test_little_of_a_photograph_is_computed_again(body: str, name: str, sample_photo: Any) -> None:
    data = io.read_bytes(str(sample_photo))
    image = io.decode(data, sample_photo.name, max_pixels=None).samples
    for kernel in KERNELS:
        (stage,) = make_job([find(kernel, search_path(()))], Wishes()).stages
        source = Filtered(Samples(image), stage, engines.engine(name, body), (0.0,) * 3)
        out = np.empty(source.shape, np.uint8)
        cut = source.write(Window(0, out.shape[0], 0, out.shape[1]), out, CLIP)
        # Lengths of gradients are whole ever so often, and a quarter or half of that is a tie.
        assert cut.again < out.size / (10 if stage.combine else 100), kernel
