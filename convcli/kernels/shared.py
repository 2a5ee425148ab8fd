"""
A filter as a matrix: y = W x + b, one row for an output sample, one column for an input sample.

    w = 3 2 1, 5 samples, valid           2-D: one block for a pair of image rows, each of them
                                          such a matrix, equal along the diagonals of blocks
        3 2 1 . .                         (doubly block Toeplitz)
    W = . 3 2 1 .   (Toeplitz)
        . . 3 2 1                         W = sum over r, q of  w[r, q] * (R_r kron C_q)

R_r has a 1 where output row i reads image row index[i*s + r*d], as `Stage.needs` and
`Stage.offsets` say; where that is outside, the row is empty and the constant goes to b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convcli.errors import KernelError
from convcli.padding import OUTSIDE
from convcli.record import record

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from convcli.padding import Index
    from convcli.spec import Pair, Stage

    Values = NDArray[np.float64]

MOST = 20_000_000
"""Weights of W that are made: some 400 MB on the way, 240 MB kept."""


@record
class Shared:
    """
    y = scale * (matrix @ x) + constant, for x of `shape` in reading order; y of `out` likewise.

    `matrix` is float64 CSR, (out rows * out columns, rows * columns); a weight of 0 is stored too,
    so that what is stored is what the kernel touches. `constant` is what a constant padding adds.
    """

    matrix: csr_array
    scale: float
    constant: Values
    shape: Pair
    out: Pair

    def times(self, samples: Values) -> Values:
        """W x + b for samples (rows, columns), as (out rows, out columns)."""
        product = self.scale * (self.matrix @ samples.ravel()) + self.constant
        return product.reshape(self.out)


def shared(stage: Stage, shape: Pair) -> list[Shared]:
    """
    W and b of each filter of a stage, before combine, bias and activation.

    Raises KernelError where the kernel does not fit, takes several channels at once, or W would
    have more than MOST weights.
    """
    out = stage.size(0, shape[0]), stage.size(1, shape[1])
    weights = out[0] * out[1] * stage.taps[0] * stage.taps[1]
    if weights > MOST:
        raise KernelError(
            f"W would have {weights} weights; {MOST} are made at most.", "Say a smaller --shape."
        )
    if stage.bank.shape[1] != 1:
        raise KernelError(
            f"{stage.name or 'The kernel'} adds up {stage.bank.shape[1]} channels.",
            "The matrix is that of a kernel for one channel.",
        )
    rows, columns = (stage.needs(axis, 0, out[axis], shape[axis]) for axis in (0, 1))
    inside = stage.inside(rows, columns)
    return [
        _shared(stage, number, (rows, columns), shape, None if inside is None else inside[number])
        for number in range(len(stage.bank))
    ]


def _shared(
    stage: Stage, number: int, needed: tuple[Index, Index], shape: Pair, inside: Values | None
) -> Shared:
    from scipy.sparse import coo_array

    down, along = _reads(stage, 0, needed[0]), _reads(stage, 1, needed[1])
    out = down.shape[1], along.shape[1]
    # Every tap of every output, as (row tap, column tap, out row, out column).
    source = down[:, None, :, None] * shape[1] + along[None, :, None, :]
    seen = (down > OUTSIDE)[:, None, :, None] & (along > OUTSIDE)[None, :, None, :]
    weights = np.broadcast_to(stage.bank[number, 0][:, :, None, None], source.shape)
    target = np.broadcast_to(np.arange(out[0] * out[1]).reshape(1, 1, *out), source.shape)
    factor = np.ones(out) if inside is None else inside
    cells = (weights * factor)[seen]
    matrix = coo_array(
        (cells, (target[seen], source[seen])), (out[0] * out[1], shape[0] * shape[1])
    )
    scale, fill = stage.scale[number], stage.padding.value
    outside = (weights * ~seen).sum(axis=(0, 1)).ravel()
    return Shared(matrix.tocsr(), scale, scale * fill * outside + 0.0, shape, out)


def _reads(stage: Stage, axis: int, needed: Index) -> Index:
    """(tap, output): the sample that a tap of an output reads, or OUTSIDE."""
    _, taps = stage.offsets(axis, len(needed))
    return np.stack([needed[tap] for tap in taps])
