"""
What becomes of the weighted sums of one output sample, filter by filter.

    sums s_f  ->  v_f = scale_f * s_f + bias_f  ->  v = combine(v_1 .. v_F)  ->  activation(v + b)
    the finished image  ->  range  ->  Ending

The tables below are the only lists of combiners, activations and ranges: kernel files, help texts,
engines and the last step of a job read them. Values are float64 arrays whose first axis, for a
combiner, is the filter. NumPy is imported by the few functions that need more than an array's own
methods, because the names are read by commands that never touch a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.record import record

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


COMBINES: dict[str, Callable[[Values], Values]] = {
    "magnitude": _magnitude,
    "l1": _l1,
    "max": _max,
    "min": _min,
    "sum": _added,
    "mean": _mean,
}

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
