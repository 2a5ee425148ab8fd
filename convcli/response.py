"""
What becomes of the weighted sums of one output sample, filter by filter.

    sums s_f  ->  v_f = scale_f * s_f + bias_f  ->  v = combine(v_1 .. v_F)  ->  activation(v + b)

    magnitude l1 max min sum mean             levels, as the samples are: a filter's v is one, too
    max-index  orientation  ratio             a share of the full range R: 0..R, 0..255 for 8 bits
    energy                                    v * v / R: a v as large as white is white

R is 1 where samples have no full range: then shares run from 0 to 1, and energy is a plain square.
    the finished image  ->  range  ->  Ending

The tables below are the only lists of combiners, activations and ranges: kernel files, help texts,
engines and the last step of a job read them. Values are float64 arrays whose first axis, for a
combiner, is the filter. NumPy is imported by the few functions that need more than an array's own
methods, because the names are read by commands that never touch a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.record import record

NOISE = 2.0**-28
"""Of the full range: differences below this, a millionth of a level of 8 bits, are none."""

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def _added(values: Values) -> Values:
    """Filter by filter: NumPy's own sum takes another order when the tile is one pixel."""
    total: Values = values[0].copy()
    for value in values[1:]:
        total += value
    return total


def _magnitude(values: Values) -> Values:
    """sqrt(v_1^2 + ... + v_F^2), the length of a gradient."""
    import numpy as np

    return np.sqrt(_added(values * values))


def _l1(values: Values) -> Values:
    """|v_1| + ... + |v_F|, the city-block length of a gradient."""
    return _added(abs(values))


def _max(values: Values) -> Values:
    """max(v_1 .. v_F), the answer of the best matching compass direction."""
    return values.max(axis=0)  # type: ignore[no-any-return]  # ndarray.max is typed Any


def _min(values: Values) -> Values:
    """min(v_1 .. v_F)."""
    return values.min(axis=0)  # type: ignore[no-any-return]  # ndarray.min is typed Any


def _mean(values: Values) -> Values:
    """(v_1 + ... + v_F) / F."""
    return _added(values) / len(values)


def _energy(values: Values, full: float) -> Values:
    """(v_1^2 + ... + v_F^2) / R, the strength of a quadrature pair."""
    return _added(values * values) / full


def _max_index(values: Values, full: float) -> Values:
    """
    f / F * R for the first v_f that is the largest, f from 0: the direction of a compass set.

    What falls short by no more than noise is as large: an engine must not choose the direction.
    """
    found: Values = (values >= values.max(axis=0) - NOISE * full).argmax(axis=0) * (
        full / len(values)
    )
    return found


def _orientation(values: Values, full: float) -> Values:
    """
    atan2(-v_2, v_1) as a share of a turn, times R: where it gets brighter, for v_1 to the right and
    v_2 downwards. 0 to the right, R/4 upwards, R/2 to the left; 0 where both are noise.
    """
    import numpy as np

    right, down = (np.where(abs(v) > NOISE * full, v, 0.0) for v in values[:2])
    turns = np.arctan2(0.0 - down, right) / (2 * np.pi)
    return np.where(turns < 0, turns + 1.0, turns + 0.0) * full


def _ratio(values: Values, full: float, first: int = 1) -> Values:
    """sqrt((v_1^2 + .. + v_k^2) / (v_1^2 + .. + v_F^2)) * R; Frei & Chen; 0 for noise."""
    import numpy as np

    squares = values * values
    total = _added(squares)
    seen = total > (NOISE * full) ** 2
    share = _added(squares[:first]) / np.where(seen, total, 1.0)
    return np.where(seen, np.sqrt(share), 0.0) * full


def _leaky(values: Values) -> Values:
    """v above zero, v / 100 below: a ReLU whose gradient never dies."""
    import numpy as np

    return np.where(values > 0, values, 0.01 * values)


def _sigmoid(values: Values) -> Values:
    """1 / (1 + exp(-v)), written so that no exponential can overflow."""
    import numpy as np

    small = np.exp(-abs(values))
    return np.where(values >= 0, 1.0, small) / (1.0 + small)


def _tanh(values: Values) -> Values:
    import numpy as np

    return np.tanh(values)


COMBINES: dict[str, Callable[[Values, float], Values]] = {
    "magnitude": lambda values, _: _magnitude(values),
    "l1": lambda values, _: _l1(values),
    "max": lambda values, _: _max(values),
    "max-index": _max_index,
    "min": lambda values, _: _min(values),
    "sum": lambda values, _: _added(values),
    "mean": lambda values, _: _mean(values),
    "orientation": _orientation,
    "energy": _energy,
    "ratio": _ratio,
}
"""Of (values, full range). `ratio:4` says how many of the filters are on top; `ratio` means 1."""

FUSED = ("magnitude", "l1", "max", "min", "sum", "mean")
"""What compiled engines do in the pass that sums, in their order; the rest is NumPy's."""

JUMPS = ("max-index", "orientation", "ratio")
"""Words whose result may jump where values change by nothing: they want sums without noise."""


def combined(word: str, values: Values, full: float) -> Values:
    """Combine (filter, ...) to (...) by a word of COMBINES, or `ratio:4`."""
    name, _, first = word.partition(":")
    return _ratio(values, full, int(first)) if first else COMBINES[name](values, full)


def jumps(word: str | None) -> bool:
    """Whether a word is one of JUMPS."""
    return word is not None and word.partition(":")[0] in JUMPS


def unfit(word: str, count: int) -> str:
    """Say why so many kernels can't be combined by a word; empty where they can."""
    name, colon, first = word.partition(":")
    if name not in COMBINES or (colon and name != "ratio"):
        return f"'{word[:40]}' is not one of {', '.join(COMBINES)}."
    if name == "orientation" and count != 2:  # noqa: PLR2004 - to the right and downwards
        return f"orientation takes two kernels, x and y; here are {count}"
    if colon and not (first.isascii() and first.isdigit() and 1 <= int(first[:9]) <= count):
        return f"'{word[:40]}': ratio:N counts the kernels on top, from 1 to {count}"
    return ""


ACTIVATIONS: dict[str, Callable[[Values], Values]] = {
    "none": lambda values: values,
    "relu": lambda values: values.clip(min=0.0),
    "leaky": _leaky,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "abs": abs,
    "square": lambda values: values * values,
    "threshold": lambda values: (values > 0.0).astype(values.dtype),
}

RANGES: dict[str, tuple[str, Callable[[Values, float, tuple[float, float]], Values]]] = {
    "clip": ("cut at black and white", lambda values, *_: values),
    "abs": ("the size, without the sign", lambda values, *_: abs(values)),
    "signed": ("half of it around mid-grey", lambda values, full, _: full / 2 + values / 2),
    "stretch": (
        "least to black, greatest to white",
        lambda values, full, span: (values - span[0]) * (full / ((span[1] - span[0]) or 1.0)),
    ),
    "wrap": ("modulo, as integers overflow", lambda values, *_: values),
    "error": ("refuse what does not fit", lambda values, *_: values),
}
"""What becomes of values before they are rounded: of (values, full, (least, greatest))."""


@record
class Ending:
    """
    How values become samples that are whole numbers, as far as one multiplication can say it.

        t = gain * v + lift, its size if `absolute`;   floor(t + 0.5 + 2**-20), cut at low and high
    """

    gain: float
    lift: float
    low: float
    high: float
    absolute: bool = False
