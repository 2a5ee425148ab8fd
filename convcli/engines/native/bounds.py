"""
How far sums in single precision can lie from the true ones, and when that cannot matter.

    |computed - true| <= u * (weights + products + partial sums + sums of passes)      u = 2**-24

Every operation rounds its result by at most u times its size (IEEE 754), and sizes are known from
the weights and the largest sample X before a sample is read: a partial sum is at most X times the
sum of the sizes of its weights. Samples 0..255 are read less 128, so that X is 128. `taps.h`
adds a number of taps that follow each other, and then such passes; `walk.h` adds all of them in
that order too, or rows before columns, and mirrored samples first, which only makes fewer sums of
no greater size. `whole.h` makes no error, and serves where `_exact` leaves none after it. Products
may be rounded on their own, so that the bound holds with and without fused multiply-add. After
N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.response import Ending
    from convcli.spec import Pair, Stage

    Values = NDArray[np.float64]

U = 2.0**-24
"""Half a unit in the last place of 1, in single precision."""

CELLS_OF_MATRIX, CELLS_OF_FACTOR, CELLS_OF_LONG_FACTOR = 64, 40, 12
"""Cells of a pass, as in `program.h`."""

MOST_DOWN = 4
"""As in `vector.h`: rows of outputs that are summed at once."""

HIGHER_ORDER = 1.01
"""Products of several errors, for up to 2**16 operations one after the other."""

TIE = 2.0**-20
"""How far below a half the law of rounding already goes up."""

DOUBT = 0.125
"""A margin beyond this leaves so much in doubt that double precision is faster from the start."""

WHOLE = 2.0**24
"""Whole numbers below this are exact in single precision."""

CENTRE = 128.0
"""What is taken from samples 0..255 as they are read, as in `rows.h`: half the error."""

RANGE = 2.0**120
"""Sums beyond this could leave the range of single precision."""


@dataclass(frozen=True, slots=True)
class Single:
    """
    How sums in single precision become t = gain * sum + lift, and how far t may then be off.

    Sums are of weights times `weight`. `margin` below 0: t never lies on the wrong side of a half.
    `folded`: weight, gain and lift contain scale, bias and shift, and the response is left out.
    """

    gain: float
    lift: float
    margin: float
    folded: bool = False
    weight: float = 1.0


def single(stage: Stage, ending: Ending, pairs: Any = None) -> Single | None:  # noqa: ANN401 - see rank.py
    """
    The ending of a stage summed in single precision, for whole samples from 0 to 255.

    None where double precision has to do: the margin is too wide, or what follows the sums is not
    a function that errors pass without growing.
    """
    if stage.activation not in {"none", "relu", "abs"}:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        filters = range(len(stage.bank))
        if stage.combine is None and stage.activation == "none":
            found = [_folded(stage, ending, f, pairs) for f in filters]
            return found[0] if len(found) == 1 else _alike(found)
        errors = [sum_error(stage, f, CENTRE, pairs) for f in filters]
        margin = _responded(stage, ending, errors)
    return Single(ending.gain, ending.lift, margin) if margin < DOUBT else None


def _alike(found: list[Single | None]) -> Single | None:
    """One ending for several filters that are written one by one."""
    margins = [one.margin for one in found if one]
    same = {(one.weight, one.gain, one.lift, one.margin < 0) for one in found if one}
    if found[0] is None or len(margins) < len(found) or len(same) > 1:
        return None
    return replace(found[0], margin=max(margins))


# --- sums ---------------------------------------------------------------------------------------


def sum_error(
    stage: Stage,
    f: int,
    largest: float,
    pairs: Any = None,  # noqa: ANN401 - see rank.py
    *,
    weight: float = 1.0,
) -> float:
    """How far the sum of filter f times `weight` may be off, for samples of at most `largest`."""
    bank = weight * stage.bank[f]
    if not largest * float(abs(bank).sum()) < RANGE:
        return float("inf")
    if pairs is None:
        return _line_error(bank, largest, CELLS_OF_MATRIX, step=_step(stage))
    products = [(column, weight * row) for plane in pairs[f] for column, row in plane]
    sizes = largest * sum(float(abs(c).sum() * abs(r).sum()) for c, r in products)
    whole = _whole(bank) and all(_whole(c) and _whole(r) for c, r in products)
    if sizes < WHOLE and whole:
        return 0.0
    step = _step(stage)
    each = sum(
        max(_pair_error(c, r, largest, step), _pair_error(r, c, largest, step)) for c, r in products
    )
    adds = (len(products) - 1) * (stage.taps[1] // CELLS_OF_LONG_FACTOR + 2)
    return each + HIGHER_ORDER * U * adds * sizes + RESIDUAL * largest * float(abs(bank).sum())


RESIDUAL = 1e-12
"""What factors may leave out, in units of the sum of sizes; see `rank.py`."""


def _step(stage: Stage) -> Pair:
    """Rows from one output to the next, and from one tap to the next."""
    return stage.stride[0], stage.dilation[0]


def _pair_error(column: Values, row: Values, largest: float, step: Pair) -> float:
    """One factor is summed first; its errors and sizes go into the sums of the other."""
    off = _line_error(column.reshape(1, -1, 1), largest, cells_of_factor(len(column)), step=step)
    most = largest * float(abs(column).sum()) + off
    if not most < RANGE:
        return float("inf")
    along = _line_error(row.reshape(1, 1, -1), most, cells_of_factor(len(row)), down=1)
    return off * float(abs(row).sum()) + along


def cells_of_factor(taps: int) -> int:
    """Cells of a pass of a factor; a long one is cut into shorter passes, see `program.h`."""
    return CELLS_OF_LONG_FACTOR if taps > CELLS_OF_FACTOR else CELLS_OF_FACTOR


def _whole(weights: Values) -> bool:
    return bool((weights == np.rint(weights)).all())


def _line_error(
    bank: Values,
    largest: float,
    cells: int,
    *,
    down: int = MOST_DOWN,
    step: Pair = (1, 1),
) -> float:
    """
    The error of one list of taps (plane, row, column) over samples -largest..largest.

    Whole weights whose sums stay below 2**24 have none, where samples are whole.
    """
    weights = bank.ravel()
    sizes = abs(weights)
    if _whole(bank) and largest * float(sizes.sum()) < WHOLE and largest == round(largest):
        return 0.0
    rounded = float(abs(weights.astype(np.float32).astype(np.float64) - weights).sum())
    partial = _highest(sizes, cells)[sizes > 0]
    # Cuts may fall anywhere, between two of them lie at most `cells` taps, and there are as many as
    # the rows have that a group of outputs reads. (Outputs side by side have gaps in theirs, and a
    # cut more than this; but the first pass of all is stored, not added.)
    rows = (bank.shape[1] - 1) * step[1] + (down - 1) * step[0] + 1
    cuts = bank.shape[0] * rows * bank.shape[2] // cells + 2
    reached = np.cumsum(sizes)
    added = float(reached[np.minimum(np.arange(1, cuts + 1) * cells, len(weights)) - 1].sum())
    units = float(sizes.sum()) + float(partial.sum()) + added
    return float(largest * (rounded + HIGHER_ORDER * U * units) + len(weights) * TINY)


TINY = 2.0**-126
"""Products below this lose digits, but never more than this."""


def _highest(sizes: Values, cells: int) -> Values:
    """For every tap the largest sum, with it as the last, that a pass can have reached."""
    total = np.concatenate([np.zeros(cells), np.cumsum(sizes)])
    highest: Values = total[cells:] - total[:-cells]
    return highest


# --- what follows the sums ----------------------------------------------------------------------


def _folded(stage: Stage, ending: Ending, f: int, pairs: Any) -> Single | None:  # noqa: ANN401 - see rank.py
    """
    t = (gain * scale) * sum + lift in one step.

    Whole weights stay as they are, since their sums are exact. Others take gain and scale along:
    that is two roundings less.
    """
    gain = ending.gain * stage.scale[f]
    middle = CENTRE * float(stage.bank[f].sum()) * stage.scale[f]
    lift = ending.gain * (middle + stage.bias[f] + stage.shift) + ending.lift
    high = max(abs(ending.low), abs(ending.high)) + 2.0
    if sum_error(stage, f, CENTRE, pairs) == 0.0:
        return _exact(gain, lift, ending, high)
    error = sum_error(stage, f, CENTRE, pairs, weight=gain)
    # Lift is rounded, and the sum with it; what lies beyond low and high is cut.
    margin = HIGHER_ORDER * (error + U * (abs(lift) + high)) + 2 * TIE
    return Single(1.0, lift, margin, folded=True, weight=gain) if margin < DOUBT else None


def _exact(gain: float, lift: float, ending: Ending, high: float) -> Single | None:
    """The same for sums without error."""
    # Gain, its product, lift and their sum are rounded.
    roundings = HIGHER_ORDER * U * (2 * (high + abs(lift)) + abs(lift) + high)
    moved = None if ending.absolute else _between_steps(gain, lift, ending, 2 * roundings)
    if moved is not None:
        return Single(gain, moved, -1.0, folded=True)
    margin = roundings + 2 * TIE
    return Single(gain, lift, margin, folded=True) if margin < DOUBT else None


def _between_steps(gain: float, lift: float, ending: Ending, margin: float) -> float | None:
    """
    A lift that keeps t away from all halves, for whole sums; None if there is none.

    Sums are whole, so that t moves in steps of the gain. The true level rises between the sums
    below[L] and below[L] + 1; `moved` puts the half L - 0.5 of t between them.
    """
    step = abs(gain)
    if not 4 * margin < step < float("inf"):
        return None
    levels = np.arange(ending.low, ending.high + 2)
    exact = (levels - 0.5 - TIE - lift) / step
    first = np.ceil(exact)
    if abs(exact - np.rint(exact)).min() * step < 1e-9 * (1 + abs(lift)):
        return None
    upper = (levels - 0.5 + margin - (first * step + lift)).max()
    lower = (levels - 0.5 - margin - ((first - 1) * step + lift)).min()
    return lift + (upper + lower) / 2 if upper < lower else None


def _responded(stage: Stage, ending: Ending, errors: list[float]) -> float:
    """The margin of t when scale, combine, shift and activation are done in single precision."""
    sizes = 2 * CENTRE * abs(stage.bank).sum(axis=(1, 2, 3))
    scale, bias = abs(np.array(stage.scale)), abs(np.array(stage.bias))
    most = sizes * scale + bias
    each = np.array(errors) * scale + 3 * U * (most + bias)
    many = len(errors)
    combined = {
        None: (each.max(), most.max()),
        "max": (each.max(), most.max()),
        "min": (each.max(), most.max()),
        "mean": (each.sum() / many + (many + 2) * U * most.sum() / many, most.sum() / many),
    }
    total = (each.sum() + (many + 3) * U * most.sum(), most.sum())
    error, reached = combined.get(stage.combine, total)
    if reached > 1e18:  # noqa: PLR2004 - squares would leave the range of single precision
        return float("inf")
    error += 2 * U * (reached + abs(stage.shift))
    high = max(abs(ending.low), abs(ending.high)) + 2.0
    roundings = U * (3 * (high + abs(ending.lift)) + high)
    return HIGHER_ORDER * float(abs(ending.gain) * error + roundings) + 2 * TIE
