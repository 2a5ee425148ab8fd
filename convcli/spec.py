"""
What is wanted: stages and jobs, and all geometry. Nothing else knows where samples lie; what
stands beyond the edges is told by `padding`.

One axis of n samples, k taps, dilation d, stride s, anchor a (the tap that lies on the output):

    reach          = (k - 1) * d + 1              how many samples the taps span
    before, after  = 0, 0                         extent valid
                     a*d, reach - 1 - a*d         extent same
                     reach - 1, reach - 1         extent full
                     as given                     pad_by, which replaces the extent
    out            = (n + before + after - reach) // s + 1
    output i reads   i*s - before + t*d           for t = 0 .. k-1, extended by the padding

A strided output is every s-th sample of the unstrided one, starting at the first; same and valid
are crops of full. Arrays are (row, column, channel), banks (filter, in_channel, row, column), and
pairs (row, column) everywhere. Taps lie in correlation order: a kernel that is to be convolved has
been turned by 180 degrees before it gets here, and its anchor a has become k-1-a.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from convcli.errors import KernelError
from convcli.padding import OUTSIDE, Padding
from convcli.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convcli.padding import Index

    Values = NDArray[np.float64]

Pair = tuple[int, int]
Extent = Literal["same", "valid", "full"]

EXTENTS = {
    "same": "as many samples as the image",
    "valid": "only where the kernel lies inside",
    "full": "everywhere the kernel touches",
}

ALPHAS = {
    "auto": "premultiply, or keep where the weights add up to 0",
    "premultiply": "filter colour weighted by alpha, and alpha; divide",
    "straight": "filter alpha like a colour",
    "keep": "filter colour weighted by alpha; keep the input's alpha",
    "drop": "ignore alpha and write none",
}

CHANNELS = {
    "each": "every colour channel alone",
    "sum": "add the channels up first: one grey result, as a CNN layer does",
    "luma": "filter brightness only: one grey result",
}
"""Or letters: R, G, B, RG, GB, RB filter those channels and carry the others along."""

LIGHTS = {
    "encoded": "filter the stored samples",
    "linear": "undo the sRGB curve, filter light, redo it",
}

SCALES = {
    "none": "the weights as written",
    "sum": "divided by their sum",
    "abs": "divided by the sum of their sizes",
}
"""Or a number, which multiplies the weights."""

NORMALIZES = {
    "none": "the sums as they are",
    "ncc": "-1 to 1, how well kernel and window agree about their means (TM_CCOEFF_NORMED)",
    "ccorr": "-1 to 1, the same without taking means off (TM_CCORR_NORMED)",
}
"""What the sums of the last kernel are divided by: see `engines.scored`."""

AXES = ("row", "column")


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """
    One filter bank applied once.

        s_f = sum over c, r, q of  bank[f, c, r, q] * x[row + r*d, column + q*d, c]
        v_f = scale_f * s_f + bias_f,  v = combine(v_1 .. v_F) + shift,  then activation

    `bank` is float64 (filters, in_channels, rows, columns) in correlation order. With one
    in_channel the bank is applied to every channel of the image alone; otherwise in_channels is
    the number of channels, and products are summed across them, as a CNN layer does. `scale` is
    kept apart so that integer taps accumulate exactly. `full` is the full range of its samples, of
    which some combinations are shares. `offset` plus `offset_share` of the full range is added to
    the finished value, in sample units (see `pixels`). `normalize` divides the sum by the size of
    the window under it; `level` is what a perfect match then gives.

    A layer reads `across` all channels even if it has but one in_channel. With `groups` the bank is
    block-diagonal: filters of one group have weights for its in_channels only, and zeros, which
    cost nothing, for all others. A network may be made for samples from 0 to 1: its first layer
    then `reads_shares` of the full range, its last `gives_shares`; `policy` makes factors of both:
    of the scale, and of `gain`, which multiplies what the activation gives.
    """

    bank: NDArray[np.float64]
    anchor: Pair
    scale: tuple[float, ...] = (1.0,)
    bias: tuple[float, ...] = (0.0,)
    combine: str | None = None
    shift: float = 0.0
    activation: str = "none"
    padding: Padding = field(default_factory=Padding)
    extent: Extent = "same"
    pad_by: tuple[int, int, int, int] | None = None
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    offset: float = 0.0
    offset_share: float = 0.0
    across: bool = False
    groups: int = 1
    reads_shares: bool = False
    gives_shares: bool = False
    gain: float = 1.0
    normalize: str | None = None
    level: float = 1.0
    name: str = ""
    full: float = 1.0

    @property
    def each(self) -> bool:
        """Whether every channel is filtered alone."""
        return self.bank.shape[1] == 1 and not self.across

    @property
    def taps(self) -> Pair:
        """Rows and columns of the kernel."""
        rows, columns = self.bank.shape[2:]
        return rows, columns

    def reach(self, axis: int) -> int:
        """`(k-1)*d + 1`, how many samples the taps span along an axis."""
        return (self.taps[axis] - 1) * self.dilation[axis] + 1

    def added(self, axis: int) -> Pair:
        """Samples added before and after the image along an axis (see the module's table)."""
        if self.pad_by is not None:
            top, right, bottom, left = self.pad_by
            return ((top, bottom), (left, right))[axis]
        last = self.reach(axis) - 1
        before = self.anchor[axis] * self.dilation[axis]
        table = {"valid": (0, 0), "same": (before, last - before), "full": (last, last)}
        return table[self.extent]

    def size(self, axis: int, size: int) -> int:
        """`(n + before + after - reach)//stride + 1`; KernelError if not one position fits."""
        room = size + sum(self.added(axis)) - self.reach(axis)
        if room < 0:
            raise KernelError(self._too_small(axis, size), "Say --extent same, or --pad-by more.")
        return room // self.stride[axis] + 1

    def _too_small(self, axis: int, size: int) -> str:
        reach, padded = self.reach(axis), size + sum(self.added(axis))
        dilated = f" ({self.taps[axis]} dilated by {self.dilation[axis]})" * (
            self.dilation[axis] > 1
        )
        padded_note = f" ({padded} with its padding)" * (padded != size)
        return (
            f"Kernel {self.name or 'given'} does not fit: it spans {reach} {AXES[axis]}s{dilated},"
            f" the image has {size}{padded_note}."
        )

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(rows, columns, channels) of the output for those of the input."""
        rows, columns, channels = shape
        return self.size(0, rows), self.size(1, columns), self.channels(channels)

    def channels(self, channels: int) -> int:
        """Channels of the output for those of the input; KernelError for a filter of others."""
        filters, wanted = self.bank.shape[:2]
        if not self.each and channels != wanted:
            raise KernelError(*self._misfit(wanted, channels))
        return (1 if self.combine else filters) * (channels if self.each else 1)

    def _misfit(self, wanted: int, channels: int) -> tuple[str, str]:
        reads = f"'{self.name}' reads {counted(wanted)}, and is given {counted(channels)}."
        if not self.across:
            return reads, "Use an image, or a template, of as many."
        one = " For a layer of 1: --channels luma, or sum." if wanted == 1 else ""
        return f"Layer {reads}", f"Alpha is no channel of a layer: it reads colours only.{one}"

    def needs(self, axis: int, start: int, stop: int, size: int) -> Index:
        """
        start*s - before + (0, 1, 2 ...), extended by the padding: what outputs start..stop-1 read.

        Output start+i and tap t read element i*stride + t*dilation of the vector, whose elements
        are positions 0..size-1 of the image, or OUTSIDE.
        """
        import numpy as np

        stride = self.stride[axis]
        first = start * stride - self.added(axis)[0]
        last = first + (stop - start - 1) * stride + self.reach(axis)
        read = np.arange(first, last, dtype=np.intp)
        return read if first >= 0 and last <= size else self.padding.index(read, size)

    def depth(self, bottom: int, size: int) -> int:
        """
        max(needs(0, 0, bottom, size)) + 1, at least 1: rows of the image that `bottom` rows read.

        What they read goes on without a gap, from above the image: up to `last`, or, where that is
        beyond the image, to its end; and above it may stand what lies deeper, as with `wrap`.
        """
        import numpy as np

        first = -self.added(0)[0]
        last = first + (bottom - 1) * self.stride[0] + self.reach(0)
        above = self.padding.index(np.arange(first, min(0, last), dtype=np.intp), size)
        return max(1, min(last, size), int(above.max(initial=0)) + 1)

    def offsets(self, axis: int, length: int) -> tuple[int, list[slice]]:
        """How many outputs `length` needed positions make, and where each tap reads them."""
        stride, dilation = self.stride[axis], self.dilation[axis]
        count = (length - self.reach(axis)) // stride + 1
        end = (count - 1) * stride + 1
        starts = [tap * dilation for tap in range(self.taps[axis])]
        return count, [slice(start, start + end, stride) for start in starts]

    def inside(self, rows: Index, columns: Index) -> Values | None:
        """
        (sum of all weights) / (sum of those that fell inside), per filter, row and column.

        None where nothing fell outside, and for every padding but `normalize`. Where the weights
        inside add up to nothing there is no mean to speak of, and the factor is 0. Weights are
        added in one order whatever the window, so tiles never show, and 1 is 1 to the bit.
        """
        import numpy as np

        if self.padding.mode != "normalize" or min(rows.min(), columns.min()) > OUTSIDE:
            return None
        weights = self.bank.sum(axis=1)
        seen = _weighed(weights, self._seen(0, rows), self._seen(1, columns))
        total = _weighed(weights, *(np.ones((1, taps)) for taps in self.taps))
        noise = 1e-12 * abs(weights).sum(axis=(1, 2))[:, None, None]
        blind = abs(seen) <= noise
        return total * ~blind / (seen + blind)  # type: ignore[no-any-return]  # NumPy says Any

    def _seen(self, axis: int, index: Index) -> Values:
        """1.0 where a tap of an output reads the image, 0.0 where it reads outside."""
        import numpy as np

        _, taps = self.offsets(axis, len(index))
        return np.stack([index[tap] > OUTSIDE for tap in taps], axis=1).astype(np.float64)


def counted(channels: int) -> str:
    """`1 channel`, `3 channels`."""
    return f"{channels} channel" + "s" * (channels != 1)


def _weighed(weights: Values, rows: Values, columns: Values) -> Values:
    """(y, r) x (f, r, q) x (x, q) to (f, y, x); a matrix product's size would decide its order."""
    import numpy as np

    filters, height, width = weights.shape
    by_row = np.zeros((filters, len(rows), width))
    for r in range(height):
        by_row += rows[:, r, None] * weights[:, None, r]
    seen = np.zeros((filters, len(rows), len(columns)))
    for q in range(width):
        seen += by_row[..., q, None] * columns[:, q]
    return seen


@record
class Pixels:
    """
    What samples mean, settled at the two ends: undone on reading, redone on writing.

    `range` None stands for what the kernel files say, else clip. The words are the keys of the
    tables above, and of `pixels.DEPTHS` and `response.RANGES`.
    """

    range: str | None = None
    depth: str = "keep"
    channels: str = "each"
    alpha: str = "auto"
    light: str = "encoded"


@record
class Job:
    """
    Stages in order, and the pixel policy: what is wanted of any image.

    `operations` and `names` are those of the recipes, of which some have several stages.
    """

    stages: tuple[Stage, ...]
    pixels: Pixels = field(default_factory=Pixels)
    operations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def kernel(self) -> str:
        """The names of its kernels, and networks, in order: `blur+net`."""
        return "+".join(self.names or (stage.name for stage in self.stages))
