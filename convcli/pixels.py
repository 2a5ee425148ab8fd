"""
What a sample can be, and how a finished value becomes one.

Every sample is rounded once, at the very end, by one law: floor(v + 0.5 + 2**-20), then clipped:
nearest, ties upwards, and a tie is anything within a millionth of a level, so that no engine's
float64 noise (about 1e-11) can decide. The law holds while sum|w| * max|x| stays below 2**31.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from convcli.errors import InputError, OutputError
from convcli.record import mutable, record
from convcli.response import RANGES, Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Block = NDArray[Any]

Target = Literal["picture", "numbers", "sound"]

TIE = 0.5 + 2.0**-20
LIMIT = 2.0**31
"""The law of rounding holds while sum|w| * max|x| stays below this."""


@record
class Scale:
    """
    The values a sample can take: `low`..`high`, and `full`, which stands for white, if any.

    Sound `swings` about 0, from -full to full.
    """

    dtype: str
    low: float
    high: float
    full: float | None
    swings: bool = False

    @property
    def whole(self) -> bool:
        """Whether samples are integers, and so are rounded and clipped."""
        return self.high != float("inf")

    @classmethod
    def of(cls, dtype: str, target: Target, bits: int = 0) -> Scale:
        """
        8-bit 0..255, 16-bit 0..65535, float pictures 0..1 without limits.

        Plain numbers are limited by their dtype only; signed and float ones have no white. Sound of
        16 bits -32768..32767, of which 32768 is full; of floats -1..1 without limits. `bits` where
        fewer than those of the dtype are meant.
        """
        import numpy as np

        kind = np.dtype(dtype)
        if target == "sound" and kind.kind in "fi":
            return cls._sound(dtype, bits or 8 * kind.itemsize, whole=kind.kind == "i")
        if kind.kind == "f":
            return cls(dtype, -float("inf"), float("inf"), 1.0 if target == "picture" else None)
        if kind.kind == "b":
            return cls(dtype, 0.0, 1.0, 1.0)
        info = np.iinfo(kind)
        high = float(info.max)
        if high > info.max:  # float64 has no 2**64 - 1; its own next one down still fits
            high = float(np.nextafter(high, 0.0))
        return cls(dtype, info.min, high, high if kind.kind == "u" else None)

    @classmethod
    def _sound(cls, dtype: str, bits: int, *, whole: bool) -> Scale:
        if not whole:
            return cls(dtype, -float("inf"), float("inf"), 1.0, swings=True)
        full = 2.0 ** (bits - 1)
        return cls(dtype, -full, full - 1.0, full, swings=True)


DEPTHS: dict[str, Callable[[str], str]] = {
    "keep": lambda dtype: dtype,
    "8": lambda _: "uint8",
    "16": lambda _: "uint16",
    "float": lambda dtype: dtype if dtype.startswith("float") else _float_for(dtype),
}
"""The dtype of the output, for the dtype of the input."""

UNSIGNED = {"int8": "uint8", "int16": "uint16"}
"""What engines write in place of samples with a sign; they know how to write these."""

SIGNED = {"uint8": "int8", "uint16": "int16"}
"""What the depths 8 and 16 are of sound."""


def _float_for(dtype: str) -> str:
    return "float32" if dtype in {"uint8", "uint16", "int8", "int16", "bool"} else "float64"


AFFINE: dict[str, Callable[[float, tuple[float, float]], tuple[float, float]]] = {
    "clip": lambda *_: (1.0, 0.0),
    "abs": lambda *_: (1.0, 0.0),
    "error": lambda *_: (1.0, 0.0),
    "signed": lambda full, _: (0.5, full / 2),
    "stretch": lambda full, span: _stretched(full, span),  # noqa: PLW0108 - it stands below
}
"""The ranges that are gain * v + lift, which engines can do as they sum; see `response.RANGES`."""


def _stretched(full: float, span: tuple[float, float]) -> tuple[float, float]:
    """Least to black, greatest to white."""
    gain = full / ((span[1] - span[0]) or 1.0)
    return gain, -span[0] * gain


@record
class Best:
    """The greatest score of --normalize, and the row and column of the kernel's top left cell."""

    score: float
    row: int
    column: int

    def __str__(self) -> str:
        return f"best match at row {self.row}, column {self.column}: {self.score:.3f}"


@mutable
class Clipped:
    """
    How many of the `total` colour samples were cut, below and above; the `span` of a stretch; the
    `best` match where scores were asked for.
    """

    below: int = 0
    above: int = 0
    total: int = 0
    span: tuple[float, float] = (0.0, 0.0)
    best: Best | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """The best match, as a sentence."""
        return (str(self.best),) if self.best else ()

    def add(self, other: Clipped) -> None:
        """Count another tile."""
        self.below += other.below
        self.above += other.above
        self.total += other.total
        found = [best for best in (self.best, other.best) if best]
        # Of equal scores the first in reading order, whatever the tiles.
        self.best = min(found, key=lambda b: (-b.score, b.row, b.column), default=None)


@record
class Finish:
    """
    The last step of every job: float64 values to the samples of the output.

        v -> (v + offset) * unit -> range -> floor(v + 0.5 + 2**-20) -> clip

    `unit` is the ratio of the two full ranges (1 if either has none). Channels outside `named`
    (alpha, and colours that were carried along) are converted, rounded and clipped, no more.
    """

    scale: Scale
    range: str
    named: slice
    offset: float = 0.0
    unit: float = 1.0

    @property
    def needs_span(self) -> bool:
        """Whether the least and greatest value of the whole image must be known first."""
        return self.range == "stretch"

    def ending(self, span: tuple[float, float]) -> Ending | None:
        """
        The same as one multiplication, for 8- and 16-bit samples; None where it is more.

        Samples with a sign are lifted by -low to those without one: see `lowered`.
        """
        dtype = self.scale.dtype
        if dtype not in {*UNSIGNED, *UNSIGNED.values()} or self.range not in AFFINE:
            return None
        if dtype in UNSIGNED and self.range in {"abs", "stretch"}:
            return None
        full = self.scale.full or 1.0
        gain, lift = AFFINE[self.range](full, span)
        low = self.scale.low
        return Ending(
            gain * self.unit,
            gain * self.unit * self.offset + lift - low,
            0.0,
            self.scale.high - low,
            absolute=self.range == "abs",
        )

    def levels(self, values: Values) -> Values:
        """The named channels in units of the output, before their range is settled."""
        named = values[..., self.named]
        if self.offset:
            named = named + self.offset
        return named * self.unit if self.unit != 1.0 else named

    def __call__(self, values: Values, span: tuple[float, float], out: Block) -> Clipped:
        """Fill `out`, samples (row, column, channel) of the output's dtype; say what was cut."""
        named = self._ranged(self.levels(values), span)
        out[..., self.named], clipped = self._sampled(named, self.range)
        channels = range(values.shape[2])
        for channel in sorted(set(channels) - set(channels[self.named])):
            out[..., channel], _ = self._sampled(values[..., channel] * self.unit, "clip")
        return clipped

    def _ranged(self, levels: Values, span: tuple[float, float]) -> Values:
        """Levels in their range; of sound, whose 0 stays 0, a stretch makes the loudest full."""
        _, ranged = RANGES[self.range]
        if self.scale.swings and self.range == "stretch":
            loudest = max(-span[0], span[1])
            return levels * ((self.scale.high if self.scale.whole else 1.0) / (loudest or 1.0))
        return ranged(levels, self.scale.full or 1.0, span)

    def _sampled(self, values: Values, ranged: str) -> tuple[Values, Clipped]:
        """Rounded and clipped where samples are integers; what was cut, below and above."""
        import numpy as np

        clipped = Clipped(total=values.size)
        if not self.scale.whole:
            return values, clipped
        levels = np.floor(values + TIE)
        low, high = self.scale.low, self.scale.high
        least, greatest = float(levels.min()), float(levels.max())
        if not greatest - least < float("inf"):
            raise not_whole()
        if low <= least and greatest <= high:
            return levels, clipped
        if ranged == "wrap":
            return (levels - low) % (high - low + 1) + low, clipped
        clipped.below, clipped.above = int((levels < low).sum()), int((levels > high).sum())
        return levels.clip(low, high), clipped

    def check(self, clipped: Clipped) -> None:
        """With range error: OutputError if anything of the whole image was cut."""
        cut = clipped.below + clipped.above
        if self.range == "error" and cut:
            raise OutputError(
                f"{100 * cut / clipped.total:.3g} % of the samples fall outside"
                f" {self.scale.low:.0f}..{self.scale.high:.0f}, and --range error forbids to cut"
                " them.",
                "Leave --range out to cut them, or keep them with --depth float.",
            )


@contextmanager
def lowered(out: Block) -> Iterator[Block]:
    """
    The same memory as samples without a sign, for an engine to write; then x - 2**(bits - 1).

    That turns the top bit of each. Samples without a sign are handed on as they are.
    """
    name = out.dtype.name
    lifted = out.view(UNSIGNED.get(name, name))
    yield lifted
    if name in UNSIGNED:
        lifted ^= lifted.dtype.type(1 << (8 * lifted.itemsize - 1))


def not_whole() -> InputError:
    """What to say where a result is to be rounded that is no number."""
    return InputError(
        "The result holds NaN or infinity, which no integer sample can.",
        "Write floats: --depth float, to .npy or .tif.",
    )
