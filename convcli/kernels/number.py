"""
Numbers as people write them in kernels: `3`, `-.5`, `1e-3`, `010` (ten) and fractions `1/9`.

    number   = decimal | fraction
    decimal  = [+-] digits [. digits] [e digits]
    fraction = [+-] digits [. digits] / digits [. digits]

These are YAML 1.2 numbers and fractions. Nothing is ever evaluated. A fraction stays exact (1/9 is
no float), so that a matrix of ninths becomes integers and one scale.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

Number: TypeAlias = float | Fraction
Cells: TypeAlias = tuple[tuple[float, ...], ...]

DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
FRACTION: Final = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)/([0-9]+(?:\.[0-9]+)?)")
# Long enough for any fraction a person writes, short enough that exact arithmetic stays cheap.
LONGEST_FRACTION: Final = 64
# Whole numbers up to here are exact as float64.
EXACT: Final = 2**53


def parse_number(text: str) -> Number | None:
    """Give the value of one number, exact for a fraction, or None where `text` is no number."""
    if DECIMAL.fullmatch(text):
        return float(text)
    match = FRACTION.fullmatch(text) if len(text) <= LONGEST_FRACTION else None
    if match is None or not Fraction(match[2]):
        return None
    return Fraction(match[1]) / Fraction(match[2])


def simplest(value: float, most: int = 1 << 26) -> Fraction | None:
    """
    Find again what was written: 1/9 for 0.1111111111111111.

    None where no fraction with a denominator up to `most` is this float, and for 0.
    """
    near = Fraction(value).limit_denominator(most)
    return near if near and float(near) == value else None


def wrong_with(text: str, number: Number | None) -> str:
    """Say why a cell cannot be a weight; an empty string where it can."""
    if number is not None and math.isfinite(number):
        return ""
    if number is not None:
        return f"{shown(text)} is too large for a 64-bit number"
    if re.fullmatch(r"[+-]?[0-9.]+/[+-]?0*\.?0*", text):
        return f"{shown(text)} divides by zero"
    if text.lower().lstrip("+-.") in {"inf", "infinity", "nan"}:
        return f"{shown(text)} is not a weight: weights are finite"
    return f"{shown(text)} is not a number"


def shown(text: str, limit: int = 40) -> str:
    """Quote text safely for a message: cut short, and with control characters escaped."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return "'" + printable(cut) + "'"


def common_scale(rows: Sequence[Sequence[Number]]) -> tuple[Cells, Fraction]:
    """
    rows = matrix * scale, with a matrix of integers where the rows hold fractions.

    `1/9 1/9 ...` becomes ones and 1/9. Where the common denominator would leave the exact range of
    float64, the fractions are rounded to floats instead and the scale is 1.
    """
    rounded = tuple(tuple(map(float, row)) for row in rows), Fraction(1)
    if not any(isinstance(cell, Fraction) for row in rows for cell in row):
        return rounded
    exact = [[_exact(cell) for cell in row] for row in rows]
    denominator = 1
    for cell in {cell for row in exact for cell in row}:
        denominator = math.lcm(denominator, cell.denominator)
        if denominator > EXACT:
            return rounded
    if max(abs(cell) for row in exact for cell in row) * denominator > EXACT:
        return rounded
    whole = tuple(tuple(float(cell * denominator) for cell in row) for row in exact)
    return whole, Fraction(1, denominator)


def scaled(scale: Number, by: Fraction) -> float:
    """Multiply a scale by the scale found in a matrix, rounded once."""
    return float(scale) if by == 1 else float(_exact(scale) * by)


def _exact(number: Number) -> Fraction:
    # The shortest decimal is what was written: 0.1 means a tenth, not the float beside it.
    return number if isinstance(number, Fraction) else Fraction(repr(number))
