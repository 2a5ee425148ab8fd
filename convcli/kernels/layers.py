"""
Layers of a kernel file: filters over all channels, as convolutional networks have them.

    units: full                     what the network reads and gives: samples, or full: 1 is white
    layers:
      - weights: net.npz:conv1.weight   (filter, channel, row, column), the layout of torch and ONNX
        bias: net.npz:conv1.bias        one number per filter; none is 0
        stride: 2                       one number, or [rows, columns]
        pad-by: [1, 1, 1, 1]            top, right, bottom, left; none is 0, as in torch
        padding: constant               what stands there; constant is 0
        activation: relu
      - weights: [[[[1]], [[-1]]]]      or inline: filters, channels, rows, columns; a matrix may
        groups: 1                       be a text block

Laid on as written (correlate), unless the file or the command line says convolve. A layer with
`groups` has the weights of one group only: (filter, channels / groups, row, column). Everything is
checked as it is taken, and all faults of a file come out together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from convcli.errors import ConvError, KernelError
from convcli.kernels.arrayfile import Reference, read_array
from convcli.kernels.document import Items, Node, Scalar, Table, one_line
from convcli.kernels.fields import Fields, counts_as
from convcli.kernels.layer import Layer
from convcli.kernels.number import parse_number, wrong_with
from convcli.kernels.weights import Weighing
from convcli.padding import Padding
from convcli.response import ACTIVATIONS
from convcli.spec import EXTENTS, Extent, Pair, counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MOST_LAYERS: Final = 100
_MOST_CELLS: Final = 16_000_000  # of a bank, with the zeros between groups
LARGEST: Final = 10_000
SIDES: Final = ("extent", "pad-by", "onnx-pads")


class Count(NamedTuple):
    """Whole numbers from `least` on: so many as `counts` allows; `each` is what one stands for."""

    counts: tuple[int, ...]
    least: int
    each: int
    order: str = ""


COUNTS: Final = {
    "stride": Count((1, 2), 1, 2),
    "dilation": Count((1, 2), 1, 2),
    "groups": Count((1,), 1, 1),
    "pad-by": Count((1, 4), 0, 4, ": top, right, bottom, left"),
    "onnx-pads": Count((4,), 0, 4, ": top, left, bottom, right"),
}
KEYS: Final = (
    *("name", "weights", "scale", "bias", "stride", "dilation", "groups"),
    *("padding", *SIDES, "activation"),
)
_FORM: Final = "four levels deep: filters, channels, rows, columns, as [[[[1, 2], [3, 4]]]]"
_AXES: Final = 4


@dataclass(frozen=True, slots=True)
class Reader:
    """Takes the layers out of a kernel file; `folder` is where it lies."""

    own: Fields
    folder: Path

    def layers(self) -> tuple[Layer, ...]:
        """The layers in order, fewer where there are faults: every one is reported."""
        listed = self.own.table.get("layers")
        if not isinstance(listed, Items) or not 0 < len(listed.items) <= MOST_LAYERS:
            self.own.findings.add(
                listed if isinstance(listed, Items) else self.own.key("layers"),
                f"'layers' is a list of 1 to {MOST_LAYERS} layers, each with 'weights:'",
            )
            return ()
        found = [self._layer(node) for node in listed.items]
        self._check_chain(listed.items, found)
        return tuple(layer for layer in found if layer)

    def _check_chain(self, nodes: Sequence[Node], found: Sequence[Layer | None]) -> None:
        """Every layer reads what the one before it gives."""
        for number in range(1, len(found)):
            before, layer = found[number - 1], found[number]
            if before and layer and before.filters != layer.channels:
                text = f"layer {number + 1} reads {counted(layer.channels)}, but layer {number}"
                self.own.findings.add(nodes[number], f"{text} gives {before.filters}")

    def _layer(self, node: Node) -> Layer | None:
        if not isinstance(node, Table):
            self.own.findings.add(node, "a layer needs keys and values, such as 'weights:'")
            return None
        return _One(Fields(node, self.own.findings), self.folder).layer()


@dataclass(frozen=True, slots=True)
class _One:
    """Takes one layer out of its table."""

    fields: Fields
    folder: Path

    def layer(self) -> Layer | None:
        """The layer; None where its table has faults, which are noted."""
        own, before = self.fields, len(self.fields.findings.faults)
        own.refuse_unknown(KEYS)
        weights = self._weights()
        blank = Layer(weights if weights is not None else np.zeros((0, 0, 0, 0)))
        layer = replace(
            self._placed(blank),
            scale=self._scale(),
            stride=self._pair("stride"),
            dilation=self._pair("dilation"),
            groups=self._counted("groups")[0],
            activation=own.choice("activation", tuple(ACTIVATIONS)) or "none",
            name=own.name("name"),
        )
        bias = self._bias()
        if weights is None:  # all else has been looked at
            return None
        layer = replace(layer, bias=bias or layer.bias * layer.filters)
        self._check_bias(layer)
        self._check_groups(layer)
        self._check_sums(layer)
        return None if len(own.findings.faults) > before else layer

    def _fault(self, key: str, text: str) -> None:
        node = self.fields.table.get(key)
        self.fields.findings.add(node or self.fields.table, text)

    # --- weights and bias -----------------------------------------------------------------------

    def _weights(self) -> Values | None:
        node = self.fields.table.get("weights")
        if node is None:
            self._fault("weights", f"a layer needs 'weights:', a file or numbers {_FORM}")
            return None
        if isinstance(node, Scalar):
            return self._filed("weights", _AXES)
        if not isinstance(node, Items) or not node.items:
            self._fault("weights", f"'weights' are numbers {_FORM}")
            return None
        filters = [self._filter(item) for item in node.items]
        if None in filters:
            return None
        return self._stacked(node, [found for found in filters if found])

    def _filter(self, node: Node) -> list[Values] | None:
        """The matrices of one filter, one per channel."""
        if not isinstance(node, Items) or not node.items:
            self.fields.findings.add(node, f"'weights' are numbers {_FORM}")
            return None
        return [found for item in node.items if (found := self._matrix(item)) is not None] or None

    def _matrix(self, node: Node) -> Values | None:
        deep = isinstance(node, Items) and all(isinstance(row, Items) for row in node.items)
        if not deep and not (isinstance(node, Scalar) and node.style == "block"):
            self.fields.findings.add(node, f"'weights' are numbers {_FORM}")
            return None
        reading = Weighing(self.fields, self.folder, {}).read(node, "weights")
        return np.array(reading.matrix) * float(reading.scale) if reading else None

    def _stacked(self, node: Items, filters: list[list[Values]]) -> Values | None:
        """All filters as one array; faults where they differ in channels, or matrices in size."""
        first, before = filters[0], len(self.fields.findings.faults)
        for number, (planes, item) in enumerate(zip(filters, node.items, strict=True), start=1):
            if len(planes) != len(first):
                text = f"filter {number} has {counted(len(planes))}, filter 1 has {len(first)}"
                self.fields.findings.add(item, text)
            sizes = {plane.shape for plane in planes} - {first[0].shape}
            for rows, columns in sorted(sizes):
                text = f"filter {number} has a {rows}x{columns} matrix, filter 1 begins with one of"
                self.fields.findings.add(item, f"{text} {first[0].shape[0]}x{first[0].shape[1]}")
        return np.array(filters) if len(self.fields.findings.faults) == before else None

    def _bias(self) -> tuple[float, ...]:
        """One number for every filter; none where the file says none."""
        node = self.fields.table.get("bias")
        if node is None:
            return ()
        if isinstance(node, Scalar) and parse_number(node.text) is None:
            array = self._filed("bias", 1)
            return () if array is None else tuple(array.tolist())
        if isinstance(node, Items) and not node.items:
            self._fault("bias", "'bias' is an empty list; leave it out for 0")
        return self._numbers(node.items if isinstance(node, Items) else [node])

    def _numbers(self, nodes: Sequence[Node]) -> tuple[float, ...]:
        found = []
        for node in nodes:
            text = node.text if isinstance(node, Scalar) else "a list"
            number = parse_number(text)
            if wrong := wrong_with(text, number):
                self.fields.findings.add(node, f"'bias': {wrong}")
            found.append(float(number or 0.0))
        return tuple(found)

    def _filed(self, key: str, axes: int) -> Values | None:
        """An array beside the kernel file: `net.npy`, or `net.npz:name`."""
        text = self.fields.text(key)
        if not text:
            return None
        try:
            return read_array(Reference.parse(text, key), self.folder, axes)
        except KernelError as error:
            self._fault(key, one_line(error))
            return None

    def _scale(self) -> float:
        number = self.fields.number("scale")
        if number is not None and not float(number):
            self._fault("scale", "a scale of 0 is impossible")
        return 1.0 if number is None else float(number)

    # --- geometry -------------------------------------------------------------------------------

    def _placed(self, layer: Layer) -> Layer:
        """Padding, and how much of it: in one way of three."""
        said = [key for key in SIDES if key in self.fields.table.entries]
        for key in said[1:]:
            self.fields.findings.add(self.fields.key(key), f"'{said[0]}' and '{key}' are one thing")
        layer = replace(layer, padding=self._padding(layer.padding))
        words: tuple[Extent, ...] = tuple(EXTENTS)  # type: ignore[arg-type]  # its keys are those
        if "extent" in said:
            return replace(layer, extent=self.fields.choice("extent", words) or "valid")
        if "onnx-pads" in said:  # x1_begin, x2_begin, x1_end, x2_end
            top, left, bottom, right = self._counted("onnx-pads")
        else:
            top, right, bottom, left = self._counted("pad-by")
        return replace(layer, pad_by=(top, right, bottom, left))

    def _padding(self, plain: Padding) -> Padding:
        text = self.fields.text("padding")
        try:
            padding = Padding.parse(text) if text else plain
        except ConvError as error:
            self._fault("padding", one_line(KernelError(error.message, error.hint)))
            return plain
        if padding.mode == "normalize":
            self._fault("padding", "'normalize' divides by weights, and layers weigh channels")
        return padding

    def _pair(self, key: str) -> Pair:
        rows, columns = self._counted(key)
        return rows, columns

    def _counted(self, key: str) -> tuple[int, ...]:
        """The whole numbers of a key of COUNTS; its least ones after a fault and where none are."""
        counts, least, each, order = COUNTS[key]
        node = self.fields.table.get(key)
        if node is None:
            return (least,) * each
        items = node.items if isinstance(node, Items) else [node]
        texts = [item.text if isinstance(item, Scalar) else "" for item in items]
        numbers = [int(text) for text in texts if counts_as(text)]
        right = len(numbers) == len(items) in counts
        if right and least <= min(numbers) and max(numbers) <= LARGEST:
            return tuple(numbers * (each if len(numbers) == 1 else 1))
        many = " or ".join(map(str, counts))
        text = (
            f"'{key}' takes {many} whole number{'s' * (counts != (1,))} from {least} to {LARGEST}"
        )
        self._fault(key, text + order)
        return (least,) * each

    # --- what belongs together ------------------------------------------------------------------

    def _check_bias(self, layer: Layer) -> None:
        numbers, filters = len(layer.bias), layer.filters
        if numbers != filters:
            has = f"'bias' has {numbers} number" + "s" * (numbers != 1)
            self._fault("bias", f"{has}, one for each of {filters} filters is needed")

    def _check_groups(self, layer: Layer) -> None:
        filters, few, rows, columns = layer.weights.shape
        if filters % layer.groups:
            text = f"{filters} filters cannot be shared out among {layer.groups} groups"
            self._fault("groups", text)
        elif filters * few * rows * columns * layer.groups > _MOST_CELLS:
            text = f"filters x channels x rows x columns are more than {_MOST_CELLS:,}"
            self._fault("weights", text)

    def _check_sums(self, layer: Layer) -> None:
        with np.errstate(over="ignore"):
            size = float(abs(layer.weights).sum()) * abs(layer.scale)
        if not np.isfinite(size):
            self._fault("weights", "the weights add up to more than a 64-bit number holds")
