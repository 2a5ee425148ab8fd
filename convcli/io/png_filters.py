"""
PNG's row filters: each byte less what its neighbours foretell, modulo 256.

    c b      none 0 . sub a . up b . average floor((a + b) / 2) . paeth: of a, b, c the one nearest
    a x      to a + b - c

Source: PNG (third edition), section 9. Beyond the left and upper edge all is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.io.image import Samples

NONE, SUB, UP, AVERAGE, PAETH = range(5)


class Desk:
    """
    Room for one thread to filter in, kept from strip to strip.

    Fresh memory costs more than what is computed in it: the system clears it, page by page.
    """

    def __init__(self, size: int) -> None:
        """`size`: the most bytes of a strip, filters' numbers included."""
        import numpy as np

        self._result = np.empty(size, np.uint8)
        self._room = np.empty((4, size), np.uint8)

    def filtered(self, above: Samples, rows: Samples, step: int, kind: int) -> Samples:
        """
        (rows, 1 + bytes) uint8, valid until the next call: the filter's number, then differences.

        `rows`: (rows, bytes) uint8, `above` those one higher: all of them, or the first one if the
        others are among `rows`. `step`: bytes of a pixel.
        """
        height, width = rows.shape
        out = self._result[: height * (width + 1)].reshape(height, width + 1)
        out[:, 0] = kind
        body, subtract, known = out[:, 1:], _SUBTRACT[kind], len(above)
        subtract(above, rows[:known], step, body[:known], self)
        if known < height:
            subtract(rows[:-1], rows[1:], step, body[1:], self)
        return out

    def room(self, shape: tuple[int, ...]) -> Samples:
        """(4, *shape) uint8 to compute in."""
        height, width = shape
        return self._room[:, : height * width].reshape(4, height, width)


def _none(_: Samples, rows: Samples, __: int, out: Samples, ___: Desk) -> None:
    out[:] = rows


def _sub(_: Samples, rows: Samples, step: int, out: Samples, __: Desk) -> None:
    import numpy as np

    out[:, :step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=out[:, step:])


def _up(above: Samples, rows: Samples, _: int, out: Samples, __: Desk) -> None:
    import numpy as np

    np.subtract(rows, above, out=out)


def _average(above: Samples, rows: Samples, step: int, out: Samples, desk: Desk) -> None:
    """floor((a + b) / 2) = (a & b) + ((a ^ b) >> 1), where no byte overflows."""
    import numpy as np

    np.subtract(rows[:, :step], above[:, :step] >> 1, out=out[:, :step])
    left, up, rest = rows[:, :-step], above[:, step:], out[:, step:]
    half = np.bitwise_xor(left, up, out=desk.room(left.shape)[0])
    np.right_shift(half, 1, out=half)
    np.subtract(rows[:, step:], half, out=rest)
    np.subtract(rest, np.bitwise_and(left, up, out=half), out=rest)


def _paeth(above: Samples, rows: Samples, step: int, out: Samples, desk: Desk) -> None:
    """
    With c moved into [low, high] of a and b, a + b - c lies there too, and no byte overflows.

    It is high - c from low, c - low from high: low is nearest where 2 (high - c) <= c - low, high
    where 2 (c - low) <= high - c, else c. Ties between a and b occur only where they are equal.
    """
    import numpy as np

    np.subtract(rows[:, :step], above[:, :step], out=out[:, :step])
    left, up, rest = rows[:, :-step], above[:, step:], out[:, step:]
    high, low, corner, nearest = desk.room(left.shape)
    np.minimum(above[:, :-step], np.maximum(left, up, out=high), out=corner)
    np.maximum(corner, np.minimum(left, up, out=low), out=corner)
    np.subtract(rows[:, step:], corner, out=rest)
    np.subtract(high, corner, out=high)
    np.subtract(corner, low, out=low)
    np.less_equal(high, np.right_shift(low, 1, out=corner), out=nearest.view(bool))
    np.add(rest, np.multiply(low, nearest, out=corner), out=rest)
    np.less_equal(low, np.right_shift(high, 1, out=corner), out=nearest.view(bool))
    np.subtract(rest, np.multiply(high, nearest, out=corner), out=rest)


_SUBTRACT: dict[int, Callable[[Samples, Samples, int, Samples, Desk], None]] = {
    NONE: _none, SUB: _sub, UP: _up, AVERAGE: _average, PAETH: _paeth,
}  # fmt: skip
