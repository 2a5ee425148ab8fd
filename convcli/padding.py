"""
How an image goes on beyond its edges, as index arithmetic: any position -> sample 0 .. n-1.

    constant 0000|abcdef|0000    edge      aaaa|abcdef|ffff    wrap cdef|abcdef|abcd
    reflect  edcb|abcdef|edcb    symmetric dcba|abcdef|fedc

Engines get index vectors; none of them knows a padding.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Index = NDArray[np.intp]

OUTSIDE = -1
"""In an index vector: no sample of the image, but the constant."""


@record
class Rule:
    """How one padding mode extends `abcdef`: `drawing` shows it, `index` computes it."""

    drawing: str
    index: Callable[[Index, int], Index]


def _outside(index: Index, size: int) -> Index:
    import numpy as np

    return np.where((index >= 0) & (index < size), index, OUTSIDE)


def _reflect(index: Index, size: int) -> Index:
    # The row and its mirror image, without repeating the two ends, form one period.
    return size - 1 - abs(index % max(2 * size - 2, 1) - (size - 1))


def _symmetric(index: Index, size: int) -> Index:
    # Twice the distance to the middle of the period is odd, so that both ends are repeated.
    return (2 * size - 1 - abs(2 * (index % (2 * size)) - 2 * size + 1)) // 2


PADDINGS: dict[str, Rule] = {
    "constant": Rule("0000|abcdef|0000", _outside),
    "edge": Rule("aaaa|abcdef|ffff", lambda index, size: index.clip(0, size - 1)),
    "reflect": Rule("edcb|abcdef|edcb", _reflect),
    "symmetric": Rule("dcba|abcdef|fedc", _symmetric),
    "wrap": Rule("cdef|abcdef|abcd", lambda index, size: index % size),
    "normalize": Rule("....|abcdef|....", _outside),
}

PADDING_ALIASES = {
    **{f"numpy:{mode}": mode for mode in ("constant", "edge", "reflect", "symmetric", "wrap")},
    "scipy:constant": "constant",
    "scipy:grid-constant": "constant",
    "scipy:nearest": "edge",
    "scipy:mirror": "reflect",
    "scipy:reflect": "symmetric",
    "scipy:grid-mirror": "symmetric",
    "scipy:grid-wrap": "wrap",
    "opencv:constant": "constant",
    "opencv:replicate": "edge",
    "opencv:reflect": "symmetric",
    "opencv:reflect101": "reflect",
    "opencv:reflect_101": "reflect",
    "opencv:default": "reflect",
    "opencv:wrap": "wrap",
    "torch:zeros": "constant",
    "torch:constant": "constant",
    "torch:replicate": "edge",
    "torch:reflect": "reflect",
    "torch:circular": "wrap",
}
"""Other libraries' words, each with its library's name: the same word means different things."""


@record
class Padding:
    """
    How an image goes on beyond its edges; wider than the image repeats the rule.

        constant 0000|abcdef|0000    edge      aaaa|abcdef|ffff    wrap cdef|abcdef|abcd
        reflect  edcb|abcdef|edcb    symmetric dcba|abcdef|fedc

    `normalize` reads nothing outside and divides by the weight that fell inside. `value` is the
    constant, in sample units.
    """

    mode: str = "reflect"
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Padding:
        """`reflect`, `constant`, `constant:128`, or another library's word, `scipy:mirror`."""
        mode, colon, value = text.strip().lower().partition(":")
        word, more, rest = value.partition(":")
        if f"{mode}:{word}" in PADDING_ALIASES:
            mode, colon, value = PADDING_ALIASES[f"{mode}:{word}"], more, rest
        if mode not in PADDINGS or (colon and mode != "constant"):
            raise UsageError(f"'{text}' is not a padding.", _padding_hint(text))
        return cls(mode, _constant(value, text) if value else 0.0)

    def __post_init__(self) -> None:
        if self.mode not in PADDINGS:
            raise UsageError(f"'{self.mode}' is not a padding.", _padding_hint(self.mode))

    def __str__(self) -> str:
        value = repr(float(self.value)).removesuffix(".0")
        return f"{self.mode}:{value}" if self.value else self.mode

    def index(self, index: Index, size: int) -> Index:
        """The samples 0 .. size-1, or OUTSIDE, that stand at any positions."""
        return PADDINGS[self.mode].index(index, size)


def _constant(value: str, text: str) -> float:
    try:
        number = float(Fraction(value) if "/" in value else value)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"'{text}': '{value}' is not a number.",
            "The constant is given in sample units: --padding constant:128",
        ) from None
    if number - number != 0.0:  # neither infinity nor NaN survives its own difference
        raise UsageError(f"'{text}': the constant must be finite.", "Say --padding constant:128")
    return number


def _padding_hint(text: str) -> str:
    import difflib

    close = difflib.get_close_matches(text.strip().lower(), [*PADDINGS, *PADDING_ALIASES], n=1)
    known = "constant[:V], " + ", ".join(mode for mode in PADDINGS if mode != "constant")
    return f"Did you mean '{close[0]}'? ({known})" if close else f"Known: {known}"
