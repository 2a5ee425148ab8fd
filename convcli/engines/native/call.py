"""
Stages as the compiled core wants them: numbers in arrays, words as codes.

    values(stage, block, rows, columns, fill, inside=...)                    float64
    samples(stage, block, rows, columns, fill, out, ending, inside=...)      finished, into `out`

8-bit samples are summed in single precision wherever `bounds` proves that enough; what stays in
doubt the core computes again in double precision. Where nothing does, and taps are whole and small,
16 bits hold the sums. All else is summed in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convcli.engines import HUGE
from convcli.engines.cost import tile
from convcli.engines.direct import channels_of, gathered, settled
from convcli.engines.native.bounds import Single, single
from convcli.engines.rank import factors, spreads
from convcli.response import FUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.response import Ending
    from convcli.spec import Stage

    Values = NDArray[np.float64]
    Block = NDArray[Any]

COMBINES = (None, *FUSED)
ACTIVATIONS = ("none", "relu", "leaky", "sigmoid", "tanh", "abs", "square", "threshold")
"""In the order of `job.h`; a test compares them with the tables of `response`."""

READ = ("uint8", "uint16", "float32", "float64")
"""Samples that the core reads as they are."""

EMPTY = np.zeros(0)
WHITE = 255.0


@dataclass(frozen=True, slots=True)
class Cut:
    """How many samples were cut, below and above, were no numbers, were computed again."""

    below: int
    above: int
    nan: int
    again: int


class Reading(NamedTuple):
    """What an engine reads: see the package of the engines."""

    block: Block
    rows: Index
    columns: Index
    fill: Sequence[float]

    @property
    def like_bytes(self) -> bool:
        """Whether all that is read is whole and within 0..255."""
        whole = all(0.0 <= value <= WHITE and value == round(value) for value in self.fill)
        return whole and self.block.dtype == np.uint8

    def plain(self) -> Reading:
        """The same in a type that the core knows; others are gathered into float64."""
        kind, aligned = self.block.dtype, self.block.flags.aligned
        if kind.name in READ and kind.isnative and aligned:
            return self
        block = gathered(*self)
        rows, columns = (np.arange(n, dtype=np.intp) for n in block.shape[:2])
        return Reading(block, rows, columns, self.fill)


@dataclass(frozen=True, slots=True)
class Native:
    """One core running the engine `name`."""

    core: Any
    name: str

    def values(  # noqa: PLR0913 - the one signature that all engines share
        self,
        stage: Stage,
        block: Block,
        rows: Index,
        columns: Index,
        fill: Sequence[float],
        *,
        inside: Values | None = None,
    ) -> Values:
        """See the package of the engines."""
        whole, stage = stage, _alone(stage)
        height, width = (stage.offsets(axis, len(at))[0] for axis, at in enumerate((rows, columns)))
        out = np.empty((height, width, channels_of(stage, block.shape[2])))
        self._run(stage, Reading(block, rows, columns, fill), out, None, inside)
        if whole is stage:
            return out
        each = np.moveaxis(out.reshape(height, width, -1, len(stage.bank)), 3, 0)
        return settled(whole, np.ascontiguousarray(each))

    def samples(  # noqa: PLR0913, PLR0917 - the same, and where the samples go
        self,
        stage: Stage,
        block: Block,
        rows: Index,
        columns: Index,
        fill: Sequence[float],
        out: Block,
        ending: Ending,
        *,
        inside: Values | None = None,
    ) -> Cut:
        """Fill `out`, uint8 or uint16 (row, column, channel), with finished samples; if FUSED."""
        return self._run(stage, Reading(block, rows, columns, fill), out, ending, inside)

    def _run(
        self,
        stage: Stage,
        reading: Reading,
        out: Block,
        ending: Ending | None,
        inside: Values | None,
    ) -> Cut:
        name = self.name if _bears(self.name, stage, reading) else "direct"
        reading = reading.plain()
        in_single = inside is None and reading.like_bytes
        words, reals = _numbers(stage, ending, name, in_single)
        down, along, rank = _factors(stage) if name == "separable" else (EMPTY, EMPTY, 0)
        sides = tile(stage, out.shape[:2]) if name == "fft" else (0, 0)
        counts = self.core.filter(
            reading.block, out, reading.rows, reading.columns, np.array(reading.fill, np.float64),
            np.ascontiguousarray(stage.bank), down, along,
            np.array(stage.scale), np.array(stage.bias), stage.bank.sum(axis=(1, 2, 3)),
            EMPTY if inside is None else np.ascontiguousarray(inside),
            np.array([*words, rank, *sides], np.int64), reals,
        )  # fmt: skip
        return Cut(*counts)


@lru_cache(maxsize=256)
def _alone(stage: Stage) -> Stage:
    """The stage itself; or its filters one by one, if the core can't combine them."""
    if stage.combine in COMBINES:
        return stage
    return replace(stage, combine=None, shift=0.0, activation="none")


def _bears(name: str, stage: Stage, reading: Reading) -> bool:
    """Whether no sample goes further than its taps take it: NaN, infinity, far too large ones."""
    if name == "direct" or (name == "separable" and not spreads(stage)):
        return True
    peaks = [abs(value) for value in reading.fill]
    if reading.block.dtype.kind == "f":
        seen = reading.block[max(int(reading.rows.min()), 0) : int(reading.rows.max()) + 1]
        peaks += [float(seen.max(initial=0.0)), -float(seen.min(initial=0.0))]
    sizes = float(abs(stage.bank).sum())
    return all(peak * sizes < HUGE for peak in peaks)  # NaN is below nothing


@lru_cache(maxsize=256)
def _numbers(
    stage: Stage,
    ending: Ending | None,
    name: str,
    in_single: bool,  # noqa: FBT001 - a key of the cache
) -> tuple[tuple[int, ...], Values]:
    """The words and numbers of the core, in the order of `given.h`, but for those of a window."""
    found = None
    if ending is not None and in_single and name != "fft":
        found = single(stage, ending, factors(stage) if name == "separable" else None)
    codes = COMBINES.index(stage.combine), ACTIVATIONS.index(stage.activation)
    absolute = ending is not None and ending.absolute
    one = found or Single(1.0, 0.0, -1.0)
    words = (*stage.stride, *stage.dilation, *codes, absolute, one.folded, found is not None)
    ends = (ending.gain, ending.lift, ending.low, ending.high) if ending else (1.0, 0.0, 0.0, 0.0)
    reals = [stage.shift, *ends, one.weight, one.gain, one.lift, one.margin]
    numbers = np.array(reals, np.float64)
    numbers.setflags(write=False)
    return words, numbers


@lru_cache(maxsize=256)
def _factors(stage: Stage) -> tuple[Values, Values, int]:
    """All columns and all rows, (filter, in_channel, pair, tap); missing pairs are zeros."""
    pairs = factors(stage)
    rank = max(1, *(len(plane) for planes in pairs for plane in planes))
    filters, in_channels, height, width = stage.bank.shape
    down = np.zeros((filters, in_channels, rank, height))
    along = np.zeros((filters, in_channels, rank, width))
    for f, planes in enumerate(pairs):
        for c, plane in enumerate(planes):
            for n, (column, row) in enumerate(plane):
                down[f, c, n], along[f, c, n] = column, row
    for shared in (down, along):
        shared.setflags(write=False)
    return down, along, rank
