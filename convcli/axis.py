"""
Kernels on a signal, which has one axis: laid along it, whichever way they were written.

    1 2 1      along          1      along          -1 0 1
               1 2 1          2      1 2 1          -2 0 2    rows added up    -4 0 4
                              1                     -1 0 1

A signal is taken for an image whose rows are all alike: there a kernel of several rows and columns
answers as the sum of its rows does. So `gaussian:sigma=2` is the Gaussian of one axis, `sobel` a
derivative, `laplace` 1 -2 1, and each is as exact as it is on images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.errors import KernelError, UsageError
from convcli.kernels.kernel import ZERO_SUM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.spec import Pair, Stage


def along(stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """
    Stages whose kernels have one row, and notes on those that had rows added up.

    KernelError for one of which nothing is left, or whose scores need both axes; UsageError for a
    stride, dilation or padding of the other axis.
    """
    laid = tuple(map(_along, stages))
    told = dict.fromkeys(_told(stage) for stage in stages if min(stage.taps) > 1)
    return laid, tuple(told)


def _told(stage: Stage) -> str:
    rows, columns = stage.taps
    return f"a signal has one axis: the rows of '{stage.name}', {rows}x{columns}, were added up"


def _along(stage: Stage) -> Stage:
    return replace(
        _turned(stage) if stage.taps[1] == 1 else _flat(stage),
        stride=_one(stage.stride, "stride", stage),
        dilation=_one(stage.dilation, "dilation", stage),
        pad_by=_sides(stage),
    )


def _turned(stage: Stage) -> Stage:
    """A kernel of one column as one row."""
    return replace(stage, bank=stage.bank.swapaxes(2, 3), anchor=stage.anchor[::-1])


def _flat(stage: Stage) -> Stage:
    """The rows added up: what the kernel does to an image whose rows are all alike."""
    if stage.taps[0] == 1:
        return stage
    if stage.normalize:
        raise KernelError(
            f"--normalize {stage.normalize}: '{stage.name}' has rows, a signal has one.",
            "Take a template of one row.",
        )
    bank = stage.bank.sum(axis=2, keepdims=True)
    if stage.bank.any() and (abs(bank) <= ZERO_SUM * abs(stage.bank).max()).all():
        raise KernelError(
            f"Nothing is left of '{stage.name}' on a signal: its rows add up to 0.",
            "It looks across rows. Write its rows as columns: transpose(NAME) does.",
        )
    return replace(stage, bank=bank, anchor=(0, stage.anchor[1]))


def _one(pair: Pair, word: str, stage: Stage) -> Pair:
    """The same for the one row there is, where `2` was said for both axes, or `1,2`."""
    down, along = pair
    if down not in {1, along}:
        raise UsageError(
            f"{word} {down},{along} of '{stage.name}': a signal has one axis.",
            f"Say --{word} {along}.",
        )
    return 1, along


def _sides(stage: Stage) -> tuple[int, int, int, int] | None:
    """Padding before and after; that of rows is none, or what was said for all sides."""
    if stage.pad_by is None:
        return None
    top, right, bottom, left = stage.pad_by
    if {top, bottom} not in ({0}, {right, left}):
        raise UsageError(
            f"'{stage.name}' is padded by {top},{right},{bottom},{left}: a signal has one axis.",
            f"Say --pad-by 0,{right},0,{left}.",
        )
    return 0, right, 0, left
