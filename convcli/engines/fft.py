"""
The `fft` engine: overlap-save tiles, multiplied with the taps as spectra.

    |<------- side ------->|
    |<-- wanted -->|<- k-1 ->|      y = ifft2(fft2(x) * conj(fft2(taps)))[:wanted]
                   |<-- wanted -->|<- k-1 ->|

The transform is periodic: the last k-1 positions of each tile wrap around and are dropped. Taps are
real, so two tiles a and b go through one complex transform as a + ib and come out apart, which
takes half the time of two real transforms. Noise is global: an error of about 1e-15 times sum of
|w| times the largest |sample| of the two tiles lies on every sample, the dark ones included. Hence
results are not the same bits in other tiles, and whole numbers come out a little beside themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len

from convcli.engines import HUGE
from convcli.engines.direct import channels_of, direct, gathered, respond

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Pair, Stage

    Values = NDArray[np.float64]
    Complex = NDArray[np.complex128]

SIDE, FAR = 448, 1024
"""
Sides of a transform: 448 while the kernel is small, four times its reach when it is larger, and
never more than 1024 beyond it. (ns a sample there and back, two planes packed: 9 at 192, 10 at
448, 12 at 640, 18 at 1024; a kernel of 63 leaves 46, 74, 82 and 88 % of a tile.)
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """What outputs `place` (rows, columns) of the window read, and their part of `inside`."""

    place: tuple[slice, slice]
    rows: Index
    columns: Index
    inside: Values | None


def fft(  # noqa: PLR0913 - the one signature that all engines share
    stage: Stage,
    block: NDArray[Any],
    rows: Index,
    columns: Index,
    fill: Sequence[float],
    *,
    inside: Values | None = None,
) -> Values:
    """
    What `direct` returns, within 1e-12 * sum of |w| * largest |sample|; see the package.

    Strided outputs are every s-th of the unstrided ones, all of which are computed. Tiles with
    NaN, infinity, or samples too large to be added up over a tile are handed to `direct`.
    """
    height, _ = stage.offsets(0, len(rows))
    width, _ = stage.offsets(1, len(columns))
    far = FAR if height > 1 else 3 * stage.reach(1)  # of one row there is room for long ones
    steps = _step(stage, 0, height, 2), _step(stage, 1, width, 1, far)
    shape = _side(stage, 0, steps[0]), _side(stage, 1, steps[1])
    values = np.empty((height, width, channels_of(stage, block.shape[2])))
    with np.errstate(over="ignore", invalid="ignore"):
        for places in _pairs(height, width, *steps):
            pair = [_tile(stage, rows, columns, place, inside) for place in places]
            for tile, done in zip(pair, _values(stage, block, pair, fill, shape), strict=True):
                values[tile.place] = done
    return values


def _pairs(height: int, width: int, down: int, across: int) -> Iterator[list[tuple[slice, slice]]]:
    """Tiles that cover the window once, in twos, one below the other."""
    for left in range(0, width, across):
        columns = slice(left, min(left + across, width))
        for top in range(0, height, 2 * down):
            starts = range(top, min(top + 2 * down, height), down)
            yield [(slice(start, min(start + down, height)), columns) for start in starts]


def _step(stage: Stage, axis: int, size: int, together: int, far: int = FAR) -> int:
    """Outputs of a tile along an axis, so that tiles are alike and come `together`."""
    reach, stride = stage.reach(axis), stage.stride[axis]
    side = max(SIDE, min(4 * reach, reach + far))
    most = (side - reach) // stride + 1
    tiles = together * -(-size // (together * most))
    return -(-size // tiles)


def _side(stage: Stage, axis: int, step: int) -> int:
    """The side of a transform: at least what `step` outputs read, and a product of small primes."""
    return next_fast_len((step - 1) * stage.stride[axis] + stage.reach(axis))


def _tile(
    stage: Stage, rows: Index, columns: Index, place: tuple[slice, slice], inside: Values | None
) -> Tile:
    down, across = (
        slice(part.start * stride, (part.stop - 1) * stride + stage.reach(axis))
        for axis, (part, stride) in enumerate(zip(place, stage.stride, strict=True))
    )
    factor = None if inside is None else inside[:, *place]
    return Tile(place, rows[down], columns[across], factor)


def _values(
    stage: Stage, block: NDArray[Any], pair: list[Tile], fill: Sequence[float], shape: Pair
) -> Iterator[Values]:
    """The values of one tile or two, by one transform there and one back for each filter."""
    tame = np.zeros(2, np.bool_)
    packed = np.zeros((block.shape[2], *shape), np.complex128)
    for index, (tile, part) in enumerate(zip(pair, (packed.real, packed.imag), strict=False)):
        samples = gathered(block, tile.rows, tile.columns, fill)
        tame[index] = _tame(stage, samples)
        if tame[index]:
            part[:, : len(tile.rows), : len(tile.columns)] = np.moveaxis(samples, 2, 0)
    sums = _sums(stage, packed, pair[0]) if tame.any() else packed
    for tile, fits, part in zip(pair, tame.tolist(), (sums.real, sums.imag), strict=False):
        if fits:
            height, _ = stage.offsets(0, len(tile.rows))
            yield respond(stage, part[:, :height], tile.inside)
        else:
            yield direct(stage, block, tile.rows, tile.columns, fill, inside=tile.inside)


def _tame(stage: Stage, samples: Values) -> bool:
    """Whether sums cannot overflow; NaN and infinity are not below anything."""
    largest = max(samples.max(), -samples.min())
    return bool(largest * abs(stage.bank).sum() < HUGE)


def _sums(stage: Stage, packed: Complex, tile: Tile) -> Complex:
    """Weighted sums (filter, row, column, channel), those of the second tile times i."""
    height, (down, *_) = stage.offsets(0, len(tile.rows))
    width, (across, *_) = stage.offsets(1, len(tile.columns))
    summed = stage.bank.shape[1] > 1
    spectrum = fft2(packed, overwrite_x=True)
    sums = np.empty((len(stage.bank), height, width, 1 if summed else len(packed)), np.complex128)
    for total, taps in zip(sums, spectra(stage, *packed.shape[1:]), strict=True):
        product = spectrum * taps
        if summed:
            product = product.sum(axis=0, keepdims=True)
        total[...] = np.moveaxis(ifft2(product, overwrite_x=True)[:, down, across], 0, 2)
    return sums


@lru_cache(maxsize=8)
def spectra(stage: Stage, rows: int, columns: int) -> Complex:
    """
    conj(fft2(taps)), (filter, in_channel, row, column), of taps spread by their dilation.

    The last few are kept, because one image makes tiles of few sizes. Two threads that ask at once
    may both compute them; the arrays are finished and read-only before anybody sees them.
    """
    spread = np.zeros((*stage.bank.shape[:2], stage.reach(0), stage.reach(1)))
    spread[..., :: stage.dilation[0], :: stage.dilation[1]] = stage.bank
    transformed: Complex = fft2(spread, (rows, columns)).conj()
    transformed.setflags(write=False)
    return transformed
