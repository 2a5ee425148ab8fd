"""
How well the kernel matches each place: an engine's sums divided by the size of what lies under it.

    ncc     sum of (w - mean w) * x  /  (|w - mean w| * sqrt(sum of (x - mean x)^2))     -1 .. 1
    ccorr   sum of w * x             /  (|w| * sqrt(sum of x^2))                          -1 .. 1

Sums run over the whole rectangle, and over all channels where the bank has several: OpenCV's
TM_CCOEFF_NORMED and TM_CCORR_NORMED. The bank comes with its mean removed and its size in `scale`
(`job`). Sums of x and x^2 are two more runs of our engines with taps of 1, exact for whole samples.
A window where nothing varies (for ccorr: of zeros) matches nothing: 0.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.engines import WHY, engine
from convcli.engines.direct import gathered
from convcli.response import ACTIVATIONS
from convcli.source import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.padding import Index
    from convcli.spec import Stage

    Values = NDArray[np.float64]

FLAT = 1e-12
"""Float windows whose variation is below this share of their squares vary by rounding only."""

EXACT, LONG = 2.0**53, 2.0**63
"""Whole numbers below these are exact in float64, in int64."""


def scored(inner: Engine) -> Engine:
    """An engine that divides where a stage says `normalize`; it has no body that writes samples."""
    return Engine(inner.name, inner.body, partial(_values, inner))


def _values(  # noqa: PLR0913, PLR0917 - the one signature that all engines share
    inner: Engine,
    stage: Stage,
    block: NDArray[Any],
    rows: Index,
    columns: Index,
    fill: Sequence[float],
    *,
    inside: Values | None = None,
) -> Values:
    """Values -level .. level (row, column, channel); see the package for the arguments."""
    if stage.normalize is None:
        return inner(stage, block, rows, columns, fill, inside=inside)
    plain = replace(stage, normalize=None, activation="none", shift=0.0)
    sums = inner(plain, block, rows, columns, fill)
    energy = _energy(inner, plain, gathered(block, rows, columns, fill), stage.normalize)
    with np.errstate(invalid="ignore", divide="ignore"):
        matched = np.where(energy == 0.0, 0.0, sums / np.sqrt(energy)).clip(-1.0, 1.0)
    return ACTIVATIONS[stage.activation](matched * stage.level + stage.shift)


def _energy(inner: Engine, stage: Stage, samples: Values, normalize: str) -> Values:
    """sum of x^2 of every window, for ncc about the mean; channel by channel, or over all."""
    # Other engines know no better way of summing taps of 1; the naive one stays by itself.
    adds = engine("separable", inner.body) if inner.name in WHY else inner
    box = replace(stage, bank=np.ones((1, 1, *stage.taps)), scale=(1.0,), combine=None)
    rows, columns = (np.arange(n, dtype=np.intp) for n in samples.shape[:2])
    fill = (0.0,) * samples.shape[2]
    with np.errstate(over="ignore", invalid="ignore"):
        squares = adds(box, samples * samples, rows, columns, fill)
        if normalize == "ncc":
            squares = _about_mean(squares, adds(box, samples, rows, columns, fill), stage, samples)
    return squares if stage.bank.shape[1] == 1 else squares.sum(axis=2, keepdims=True)


def _about_mean(squares: Values, sums: Values, stage: Stage, samples: Values) -> Values:
    """
    sum of x^2 - (sum of x)^2 / n; 0 where that is nothing but rounding.

    Every window of whole samples is settled by itself: what lies in the tile beside it is nothing
    to it.
    """
    cells = stage.taps[0] * stage.taps[1]
    energy = squares - sums * sums / cells
    energy = np.where(energy <= FLAT * squares, 0.0, energy)
    if (samples != np.floor(samples)).any():
        return energy
    # Products wrap around in 64 bits, and their difference comes out right if it has room itself.
    whole = squares.astype(np.int64) * cells - sums.astype(np.int64) ** 2
    exact = (squares < EXACT) & (energy * cells < LONG / 2)
    return np.where(exact, whole / cells, energy)
