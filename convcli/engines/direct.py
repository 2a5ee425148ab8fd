"""The `direct` engine in NumPy: the portable body that every other engine is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.padding import OUTSIDE
from convcli.response import ACTIVATIONS, combined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Stage

    Values = NDArray[np.float64]

CACHED = 1 << 17
"""
Samples of one accumulator: 1 MiB of float64. Larger ones leave the second-level cache; smaller
ones make so many short calls that threads wait for each other (12 Mpx RGB, 7x7, two threads on
two cores: 1.6 s at 1 << 15, 0.98 s at 1 << 17, 1.9 s at 1 << 20).
"""


def direct(  # noqa: PLR0913 - the one signature that all engines share
    stage: Stage,
    block: NDArray[Any],
    rows: Index,
    columns: Index,
    fill: Sequence[float],
    *,
    inside: Values | None = None,
) -> Values:
    """
    s_f = sum over c, r, q of  bank[f, c, r, q] * x[rows[i*s + r*d], columns[j*s + q*d], c]

    Returns float64 (row, column, channel); see the package for the arguments. Zero taps cost
    nothing. Taps are added in one order wherever a sample lies, so tiles never show.
    """
    height, _ = stage.offsets(0, len(rows))
    width, _ = stage.offsets(1, len(columns))
    values = np.empty((height, width, channels_of(stage, block.shape[2])))
    # NaN and infinity in the samples go their way by IEEE 754, without a word.
    with np.errstate(over="ignore", invalid="ignore"):
        for start, stop in strips(height, width * block.shape[2]):
            strip = slice(start * stage.stride[0], (stop - 1) * stage.stride[0] + stage.reach(0))
            samples = gathered(block, rows[strip], columns, fill)
            factor = None if inside is None else inside[:, start:stop]
            values[start:stop] = respond(stage, _sums(stage, samples), factor)
    return values


def channels_of(stage: Stage, channels: int) -> int:
    """Channels of the output for those of the image."""
    filters, in_channels = stage.bank.shape[:2]
    return (1 if stage.combine else filters) * (channels if in_channels == 1 else 1)


def strips(height: int, row: int) -> Iterator[tuple[int, int]]:
    """Strips of rows whose accumulator fits the cache."""
    step = max(1, CACHED // max(row, 1))
    for start in range(0, height, step):
        yield start, min(start + step, height)


def gathered(block: NDArray[Any], rows: Index, columns: Index, fill: Sequence[float]) -> Values:
    """The samples two index vectors name, float64, with `fill` wherever one says OUTSIDE."""
    samples = _taken(_taken(block, rows, 0), columns, 1).astype(np.float64)
    samples[rows == OUTSIDE] = fill
    samples[:, columns == OUTSIDE] = fill
    return samples


def _taken(block: NDArray[Any], index: Index, axis: int) -> NDArray[Any]:
    first, last = int(index[0]), int(index[-1])
    if first >= 0 and last - first == len(index) - 1 and (np.diff(index) == 1).all():
        return block[(slice(None),) * axis + (slice(first, last + 1),)]
    return block.take(index.clip(0), axis=axis)


def _sums(stage: Stage, samples: Values) -> Values:
    """Weighted sums (filter, row, column, channel), before scale; one channel if summed across."""
    filters, in_channels = stage.bank.shape[:2]
    height, row_taps = stage.offsets(0, samples.shape[0])
    width, column_taps = stage.offsets(1, samples.shape[1])
    channels = samples.shape[2] if in_channels == 1 else 1
    sums = np.zeros((filters, height, width, channels))
    product = np.empty((height, width, channels))
    for f, c, r, q in np.argwhere(stage.bank).tolist():
        seen = slice(None) if in_channels == 1 else slice(c, c + 1)
        add(sums[f], samples[row_taps[r], column_taps[q], seen], stage.bank[f, c, r, q], product)
    return sums


def add(sums: Values, samples: Values, weight: float, product: Values) -> None:
    """`sums += weight * samples`; a weight of 1 or -1 needs no product, and gives the same bits."""
    if weight == 1.0:
        sums += samples
    elif weight == -1.0:
        sums -= samples
    else:
        np.multiply(samples, weight, out=product)
        sums += product


def respond(stage: Stage, sums: Values, inside: Values | None) -> Values:
    """
    Scale, border, bias, combine, shift, activation: sums (f, y, x, c) to values (y, x, c).

    The sums are used up: they are overwritten where that saves a pass over memory.
    """
    one_per_filter = (-1, 1, 1, 1)
    values = sums
    if stage.scale != (1.0,) * len(sums):
        values *= np.reshape(stage.scale, one_per_filter)
    if inside is not None:
        values *= inside[..., None]
    if any(stage.bias):
        values += np.reshape(stage.bias, one_per_filter)
    return settled(stage, values)


def settled(stage: Stage, values: Values) -> Values:
    """Combine, shift, activation: values (f, y, x, c) to (y, x, c)."""
    if stage.combine:
        values = combined(stage.combine, values, stage.full)
    else:  # channel by channel, filter by filter: the order of a depthwise layer
        values = np.moveaxis(values, 0, -1).reshape(*values.shape[1:3], -1)
    if stage.shift:
        values = values + stage.shift
    return ACTIVATIONS[stage.activation](values)
