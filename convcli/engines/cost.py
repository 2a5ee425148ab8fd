"""
What a stage costs with each engine, predicted from its taps and the size of its output.

    direct      samples * (once + tap * taps + more * sums of 16 bits but the first)
    separable   samples * (once + factor * multiplies of the factors + again * taps)
    fft         samples * (once + transform * time of the tiles / area they give)

The figures are nanoseconds of one thread: for 8-bit samples, summed in single precision, or in 16
bits if the kernel is whole and they become bytes at once; and for all others. Only their ratios
matter, and only near the sizes where two engines are equally fast;
`python benchmarks/engines.py --only dense,gaussian` shows where that is, `convcli bench` likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, inf, log2
from typing import TYPE_CHECKING

import numpy as np

from convcli.engines import NUMPY, WHY, bodies
from convcli.engines.rank import factors, multiplies, whole

if TYPE_CHECKING:
    from convcli.spec import Pair, Stage

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """
    Nanoseconds of a sample: once, of a tap, of a tap of a factor, and of a tap where some samples
    are computed again tap by tap, spread over all; `more` for each sum of 16 bits but the first.
    Transforms are in units of `transforms`.
    """

    once: float
    tap: float
    factor: float = inf
    transform: float = inf
    again: float = 0.0
    more: float = 0.0


# AMD EPYC (Zen 3), 3.2 GHz, AVX2 and fused multiply-add, GCC 12, NumPy 2.4, SciPy 1.17.
COSTS = {
    "words": Cost(once=0.17, tap=0.0125, more=0.05),
    "single": Cost(once=0.5, tap=0.025, factor=0.033, transform=1.1, again=1e-3),
    "double": Cost(once=1.6, tap=0.045, factor=0.066, transform=1.1),
    "numpy": Cost(once=12.0, tap=1.0, factor=0.8, transform=5.0),
}

WEIGHTS_OF_PASS, TAPS_OF_PASS = 256, 4
"""As in `native/whole.h`: weights that sums of 16 bits hold, taps that adding two of them takes."""

COPIED_BYTES, FEWEST_ROWS = 2 << 20, 8
"""As in `native/strips.h`: what copies of rows may take, and output rows that must then fit."""

WIDEST = 8192
"""Columns of a tile of a compiled engine."""

LENGTHS = tuple(sorted([*(16 << n for n in range(8)), *(48 << n for n in range(6))]))
"""Sides that the compiled transform can do: 2**k and 3 * 2**k, 16 to 2048."""

LONGER = tuple(4096 << n for n in range(12))
"""Sides like those that SciPy takes for longer kernels."""


@lru_cache(maxsize=256)
def taps(stage: Stage) -> int:
    """Taps that are not 0, of one filter; the mean where filters differ."""
    return ceil(int(np.count_nonzero(stage.bank)) / len(stage.bank))


@lru_cache(maxsize=256)
def factored(stage: Stage) -> int:
    """Multiplications of the factors for one sample of one filter; the mean where they differ."""
    return ceil(multiplies(stage) / len(stage.bank))


@lru_cache(maxsize=256)
def rank(stage: Stage) -> int:
    """The most outer products that any matrix of the bank is a sum of."""
    return max(len(pairs) for planes in factors(stage) for pairs in planes)


def in_words(stage: Stage, shape: Shape) -> bool:
    """Whether the compiled `direct` sums bytes in 16 bits where it may write bytes."""
    return _is_whole(stage) and _has_room(stage, shape)


@lru_cache(maxsize=256)
def _is_whole(stage: Stage) -> bool:
    """Whether sums of 16 bits hold its weights and what pads it."""
    bank, filters = stage.bank, stage.bank.shape[:2]
    alone = filters == (1, 1) and stage.stride == (1, 1)
    affine = stage.activation == "none" and stage.padding.mode != "normalize"
    filled = stage.padding.value in range(256)
    most = WEIGHTS_OF_PASS * (1 + taps(stage) / TAPS_OF_PASS)
    whole = bool((bank == np.rint(bank)).all()) and float(abs(bank).sum()) <= most
    return alone and affine and filled and whole


def _has_room(stage: Stage, shape: Shape) -> bool:
    """Whether the rows that it reaches over are few and short enough to be copied."""
    rows, columns, channels = shape
    width = (min(columns, WIDEST) + stage.reach(1) - 1) * channels
    return width * (min(rows, FEWEST_ROWS) + stage.reach(0) - 1) <= COPIED_BYTES


def seconds(stage: Stage, shape: Shape, name: str, sums: str) -> float:
    """
    What one thread would take for an output of (rows, columns, channels).

    `sums` is a key of COSTS: in single precision for 8-bit samples, in words if those may become
    bytes at once and the kernel allows it, else in double precision.
    """
    if body(stage, name) == NUMPY:
        cost = COSTS["numpy"]
    elif sums == "words" and not (name == "direct" and in_words(stage, shape)):
        cost = COSTS["single"]
    else:
        cost = COSTS[sums]
    rows, columns, channels = shape
    samples = rows * columns * channels * (len(stage.bank) if stage.combine else 1)
    each = {
        "direct": lambda: cost.tap * taps(stage) + cost.more * _passes_beyond_one(stage),
        "separable": lambda: cost.factor * factored(stage) + cost.again * taps(stage),
        "fft": lambda: cost.transform * _spectral(stage, (rows, columns)),
    }[name]()
    return float(samples * (cost.once + each) * 1e-9)


def _passes_beyond_one(stage: Stage) -> float:
    """Sums of 16 bits that the weights take, but for the first."""
    return max(0.0, float(abs(stage.bank).sum()) / WEIGHTS_OF_PASS - 1)


def _spectral(stage: Stage, size: tuple[int, int]) -> float:
    """
    Nanoseconds of transforms for an output sample.

    Half of `transforms` leads there, once for all filters, and half back. Kernels go there once for
    every row of tiles, which is a window of its own.
    """
    filters, in_channels = stage.bank.shape[:2]
    both, sides = transforms(stage, size)
    both /= size[0] * size[1]
    windows = ceil(size[0] / kept(stage, size))
    kernels = filters * in_channels * windows * 3.0 * sides[0] * sides[1]
    share = 0.5 + 0.5 * in_channels / filters + 0.1 * (in_channels - 1)
    outputs = size[0] * size[1] * filters * 3
    return float(both * share + kernels / outputs)


def tile(stage: Stage, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the transforms that filter an output of that size soonest."""
    return transforms(stage, size)[1]


def kept(stage: Stage, size: tuple[int, int]) -> int:
    """Rows that one row of transforms gives; two rows, if one would leave a tile without a pair."""
    rows, columns = tile(stage, size)
    high = (rows - stage.reach(0)) // stage.stride[0] + 1
    across = ceil(size[1] / ((columns - stage.reach(1)) // stage.stride[1] + 1))
    return min(size[0], high * (1 + across % 2))


def transforms(stage: Stage, size: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    """Nanoseconds of one channel there and back, in the tiles that take the fewest, and those."""
    return _soonest((stage.reach(0), stage.reach(1)), stage.stride, size)


@lru_cache(maxsize=1024)
def _soonest(reach: Pair, stride: Pair, size: Pair) -> tuple[float, Pair]:
    sides = LENGTHS if max(reach) <= LENGTHS[-1] else LONGER
    rows = (1,) if sides is LONGER and size[0] == reach[0] == 1 else sides
    down, across = (
        {n: ceil(size[k] / ((n - reach[k]) // stride[k] + 1)) for n in lengths if n >= reach[k]}
        for k, lengths in enumerate((rows, sides))
    )
    ways = ((_tiles(down[n] * across[m], n * m), (n, m)) for n, m in product(down, across))
    return min(ways, default=(inf, (rows[-1], sides[-1])))


def _tiles(tiles: int, area: int) -> float:
    """Nanoseconds of so many transforms of an area, there and back; two tiles share one."""
    # A sample costs as much as there are passes over a tile in the second-level cache, more beyond
    # it, and its loading.
    level = log2(area)
    each = 2.65 + 0.19 * min(level - 12, 4) + 1.2 * max(level - 16, 0)
    return (tiles + tiles % 2) * area * each


def able(stage: Stage, *, noise: bool, sharp: bool) -> list[str]:
    """
    The engines that serve a stage: `separable` if its factors are fewer than its taps.

    `noise`: the result bears that of `fft`, some 1e-15 of the largest sum on every sample. `sharp`:
    a threshold follows, and only sums that are exact at 0 serve.
    """
    serves = {
        "direct": True,
        "separable": factored(stage) < taps(stage) and (whole(stage) or not sharp),
        "fft": noise and not sharp,
    }
    return [name for name in WHY if serves[name]]


def body(stage: Stage, name: str) -> str:
    """The body of an engine for a stage: the fastest, but SciPy's beyond the longest transform."""
    beyond = max(stage.reach(0), stage.reach(1)) > LENGTHS[-1]
    return NUMPY if name == "fft" and beyond else bodies()[0]


def scratch(stage: Stage, size: tuple[int, int], name: str) -> int:
    """Bytes that a compiled engine needs beside its window: rows, lists of taps, spectra."""
    filters, in_channels, rows, columns = stage.bank.shape
    lists = 64 * filters * in_channels * (rows + 3 * stage.stride[0]) * columns
    if name != "fft":
        return int(BASE + lists)
    n, m = tile(stage, size)
    planes = 2 * (2 + filters * in_channels + in_channels + filters)
    return int(BASE + 8 * planes * n * m)


BASE = 4 << 20
"""Bytes of rows of samples and sums, whatever the kernel."""


def reason(stage: Stage, name: str) -> str:
    """Why that engine, in words."""
    rows, columns = stage.taps
    zeros = rows * columns * stage.bank.shape[1] - taps(stage)
    words = {
        "direct": f"{rows}x{columns}, {taps(stage)} taps a sample"
        + f", {zeros} zeros skipped" * (zeros > 0),
        "separable": f"rank {rank(stage)}: {factored(stage)} instead of {taps(stage)} multiplies",
        "fft": f"{rows}x{columns}: spectra instead of {taps(stage)} taps a sample",
    }
    return str(words[name])


def refusal(stage: Stage, name: str, *, sharp: bool) -> str:
    """Why an engine that is asked for does not serve."""
    if name == "separable" and factored(stage) >= taps(stage):
        return (
            f"its rank is {rank(stage)}, and factors would take {factored(stage)} multiplies a"
            f" sample, its taps take {taps(stage)}"
        )
    if sharp:
        return "a threshold follows, and would show the noise of its sums around 0"
    return "what follows could make the noise of transforms visible"
