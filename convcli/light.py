"""
Stored samples and linear light.

    linear = c / 12.92                      c <= 0.04045        c = sample / full
             ((c + 0.055) / 1.055) ** 2.4   above

The curve of sRGB, IEC 61966-2-1:1999, equations 5 and 6. It is continued to negative values by
its odd mirror image and upwards by its own formula, because results of filters leave 0..1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

KNEE = 0.04045
"""Stored value up to which the curve is a straight line of slope 1/12.92."""


def decoded(samples: NDArray[Any], full: float) -> Values:
    """Stored samples 0..full to linear light 0..full, float64; integers through a table."""
    if samples.dtype in (np.uint8, np.uint16):
        table = _decoded(np.arange(full + 1.0), full)
        return table.take(samples)
    return _decoded(samples.astype(np.float64), full)


def _decoded(samples: Values, full: float) -> Values:
    c = abs(samples) / full
    light = np.where(c <= KNEE, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.copysign(light * full, samples)


def encoded(light: Values, full: float) -> Values:
    """Linear light 0..full to stored samples 0..full: the inverse of `decoded`."""
    c = abs(light) / full
    stored = np.where(c <= KNEE / 12.92, c * 12.92, 1.055 * c ** (1 / 2.4) - 0.055)
    return np.copysign(stored * full, light)
