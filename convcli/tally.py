"""
What a stage is as a layer of a network: sizes and numbers, whatever engine runs it.

    out             = (n + before + after - reach) // s + 1
    jump            = jump of the layer before * s              input samples from output to output
    receptive field = that of the layer before + (reach - 1) * jump of the layer before
    weights         filters * channels of a group * rows * columns, shared by all outputs
    connections     pairs of an input and an output sample that weights join, each counted once
    multiply-adds   outputs * weights that each of them takes
    dense           inputs * outputs: what a layer without sharing would need

Five samples, three taps, same: 3 weights, 13 connections (the two ends have one neighbour only),
15 multiply-adds, dense 25. What padding makes of samples inside joins these, the constant nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.padding import OUTSIDE
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.spec import Pair, Stage

    Shape = tuple[int, int, int]


@record
class Tally:
    """
    The numbers of one layer; pairs are rows, columns, shapes rows, columns, channels.

    `biases` is 0 where there are none. `left`: rows and columns at the end of the padded input that
    no output reaches, because the stride does not come out even; `lost`: those of the input itself.
    """

    shape: Shape
    field: Pair
    jump: Pair
    weights: int
    biases: int
    connections: int
    multiplies: int
    dense: int
    left: Pair
    lost: Pair


def tallies(stages: Sequence[Stage], shape: Shape) -> Iterator[Tally]:
    """A tally of every stage, for an input of that shape; KernelError where one does not fit."""
    field, jump = [1, 1], [1, 1]
    for stage in stages:
        for axis in (0, 1):
            field[axis] += (stage.reach(axis) - 1) * jump[axis]
            jump[axis] *= stage.stride[axis]
        tally = _tally(stage, shape, (field[0], field[1]), (jump[0], jump[1]))
        shape = tally.shape
        yield tally


def _tally(stage: Stage, shape: Shape, field: Pair, jump: Pair) -> Tally:
    out = stage.shape(shape)
    filters, channels, rows, columns = stage.bank.shape
    few = channels // stage.groups
    taps = few * rows * columns
    left = _left(stage, 0, shape[0]), _left(stage, 1, shape[1])
    # Filters that are combined into one output each multiply on their own, but join the same pairs.
    sums = out[2] * (filters if stage.combine else 1)
    return Tally(
        shape=out,
        field=field,
        jump=jump,
        weights=filters * taps,
        biases=filters * any(stage.bias),
        connections=out[2] * few * _joined(stage, 0, shape[0]) * _joined(stage, 1, shape[1]),
        multiplies=out[0] * out[1] * sums * taps,
        dense=shape[0] * shape[1] * shape[2] * out[0] * out[1] * out[2],
        left=left,
        lost=(max(0, left[0] - stage.added(0)[1]), max(0, left[1] - stage.added(1)[1])),
    )


def _joined(stage: Stage, axis: int, size: int) -> int:
    """Pairs of a position and an output along an axis: what each output reads, counted once."""
    import numpy as np

    read = stage.needs(axis, 0, stage.size(axis, size), size)
    _, taps = stage.offsets(axis, len(read))
    seen = np.sort(np.stack([read[tap] for tap in taps]), axis=0)
    new = np.concatenate([np.ones_like(seen[:1], bool), seen[1:] != seen[:-1]])
    return int((new & (seen != OUTSIDE)).sum())


def _left(stage: Stage, axis: int, size: int) -> int:
    """(n + before + after - reach) % s: positions at the end that no tap comes to."""
    return (size + sum(stage.added(axis)) - stage.reach(axis)) % stage.stride[axis]
