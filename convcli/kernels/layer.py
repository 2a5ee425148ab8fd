"""
One layer of filters over all channels, as a person writes it, and the stage that runs it.

    s_f = sum over c, r, q of  w[f, c, r, q] * x[row + r*d, column + q*d, c]
    v_f = activation(scale * s_f + b_f)

`weights` are (filter, channel, row, column), the layout of torch and ONNX, and laid on as written
unless they are to be convolved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from convcli.padding import Padding
from convcli.spec import Stage, counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.spec import Extent, Pair

    Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """
    One layer as it is written: `weights` (filter, channel / groups, row, column), not turned.

    `bias` holds one number per filter. `pad_by` is top, right, bottom, left, and (0, 0, 0, 0)
    where a file says nothing; None leaves it to `extent`.
    """

    weights: Values
    scale: float = 1.0
    bias: tuple[float, ...] = (0.0,)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    groups: int = 1
    padding: Padding = field(default_factory=lambda: Padding("constant"))
    extent: Extent = "same"
    pad_by: tuple[int, int, int, int] | None = None
    activation: str = "none"
    name: str = ""

    @property
    def filters(self) -> int:
        """How many channels it gives."""
        return len(self.weights)

    @property
    def channels(self) -> int:
        """How many channels it reads."""
        few: int = self.weights.shape[1]
        return few * self.groups

    def __str__(self) -> str:
        """`4 filters of 3x3 over 2 channels, stride 2,2, relu`."""
        rows, columns = self.weights.shape[2:]
        filters = f"{self.filters} filter" + "s" * (self.filters > 1)
        words = [f"{filters} of {rows}x{columns} over {counted(self.channels)}"]
        if self.groups > 1:
            words.append(f"{self.groups} groups")
        steps = {"stride": self.stride, "dilation": self.dilation}
        words += [f"{word} {y},{x}" for word, (y, x) in steps.items() if (y, x) != (1, 1)]
        if self.pad_by is None:
            words.append(f"{self.extent}, {self.padding}")
        elif any(self.pad_by):
            words.append(f"padded by {','.join(map(str, self.pad_by))}, {self.padding}")
        return ", ".join([*words, *[self.activation] * (self.activation != "none")])

    def stage(self, network: str, number: int, *, turn: bool) -> Stage:
        """
        The layer as a stage of a network; `turn` its weights by 180 degrees, for convolve.

        Groups become a block-diagonal bank (filter, channel, row, column):

            w w . .      2 groups of 2 channels and 1 filter each; filter f of F reads the channels
            . . w w      of group f // (F / groups), and the zeros elsewhere cost nothing
        """
        sides = self.weights.shape[2:]
        middle = ((sides[0] - 1) // 2, (sides[1] - 1) // 2)
        turned = (sides[0] - 1 - middle[0], sides[1] - 1 - middle[1])
        bank = self._spread()
        return Stage(
            bank=np.ascontiguousarray(bank[..., ::-1, ::-1]) if turn else bank,
            anchor=turned if turn else middle,
            scale=(self.scale,) * self.filters,
            bias=self.bias,
            activation=self.activation,
            padding=self.padding,
            extent=self.extent,
            pad_by=self.pad_by,
            stride=self.stride,
            dilation=self.dilation,
            across=True,
            groups=self.groups,
            name=f"{network}/{self.name or number + 1}",
        )

    def _spread(self) -> Values:
        filters, few, rows, columns = self.weights.shape
        bank = np.zeros((filters, self.channels, rows, columns))
        each = filters // self.groups
        for group in range(self.groups):
            place = slice(group * each, (group + 1) * each)
            bank[place, group * few : (group + 1) * few] = self.weights[place]
        return bank
