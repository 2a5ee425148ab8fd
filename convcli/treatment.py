"""
A job settled for one kind of image: what its channels mean before, between and after the stages.

    samples -> light -> mix -> pack  |  stages  |  unpack -> light -> Finish

    mix      luma or the sum of the colours, where one grey channel is wanted
    pack     colour * alpha, alpha                     where transparent colours must not bleed
    unpack   filtered (colour * alpha) / filtered alpha

Alpha, decided once for the whole job and said in the report: if the weights of every stage add up
to something, colour and alpha are filtered together and divided; if not (edges), the premultiplied
colour is filtered and the input's alpha is kept, for an alpha filtered by a zero-sum kernel is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import light
from convcli.errors import KernelError, UsageError
from convcli.pixels import DEPTHS, LIMIT, Finish, Scale, Target
from convcli.source import Filtered, Mapped
from convcli.spec import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.pixels import Layout
    from convcli.source import Engine, Source
    from convcli.spec import Job, Stage

    Values = NDArray[np.float64]

LUMA = (0.2126, 0.7152, 0.0722)
"""Rec. ITU-R BT.709-6, item 3.2: the weights of red, green and blue, whose sum is 1."""

LETTERS = {
    "R": slice(0, 1),
    "G": slice(1, 2),
    "B": slice(2, 3),
    "RG": slice(0, 2),
    "GB": slice(1, 3),
    "RB": slice(0, 3, 2),
    "RGB": slice(0, 3),
}

INVISIBLE = 1e-9
"""Filtered alpha below this share of full is float64 noise around nothing."""

ZERO_SUM = 1e-9
"""Weights that add up to less than this share of their sizes add up to nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of an image before it is decoded: dtype, layout and number of channels."""

    dtype: str
    layout: Layout
    channels: int

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.layout.endswith("+alpha")

    @property
    def colours(self) -> int:
        """Channels that are not opacity."""
        return self.channels - self.alpha


@dataclass(frozen=True, slots=True)
class Treatment:
    """
    How one kind of image goes through a job. `settle` makes it.

    `weights` mix the colours into one (None: each alone); `alpha` is the resolved policy: none,
    straight, premultiply, keep or keep-divided; `hidden` says that some input pixels are fully
    transparent, whose colours, unseen but stored, are then filtered straight and kept.
    """

    stages: tuple[Stage, ...]
    kind: Kind
    scale: Scale
    finish: Finish
    layout: Layout
    alpha: str
    linear: bool = False
    weights: tuple[float, ...] | None = None
    letters: slice | None = None
    hidden: bool = False
    notes: tuple[str, ...] = ()

    # --- channels: [colour | alpha to divide by | straight colours | alpha carried along] --------

    @property
    def colours(self) -> int:
        """Colour channels that the stages see."""
        return 1 if self.weights else self.kind.colours

    @property
    def divides(self) -> bool:
        """Whether the result is divided by its filtered alpha."""
        return self.alpha in {"premultiply", "keep-divided"}

    @property
    def carries(self) -> bool:
        """Whether the input's alpha passes through unfiltered."""
        return self.alpha in {"keep", "keep-divided", "carried"}

    @property
    def packed(self) -> bool:
        """Whether samples change their meaning before the stages and back after them."""
        return self.linear or self.alpha not in {"none", "straight", "carried"}

    def chain(self, source: Source, engines: Sequence[Engine]) -> Source:
        """The whole job over a source, as a source of float64 values in units of the input."""
        drops = self.kind.alpha and self.alpha == "none"
        if self.packed or self.weights or drops:
            source = Mapped(source, self._enter, len(self._fill(self.stages[0], first=True)))
        for number, (stage, engine) in enumerate(zip(self.stages, engines, strict=True)):
            source = self._filtered(source, stage, engine, first=number == 0)
            if stage.offset and number < len(self.stages) - 1:
                source = Mapped(source, partial(self._lift, offset=stage.offset), source.shape[2])
        if self.packed:
            source = Mapped(source, self._unpack, self.colours + self.layout.endswith("+alpha"))
        return source

    def _filtered(self, source: Source, stage: Stage, engine: Engine, *, first: bool) -> Source:
        fill = self._fill(stage, first=first)
        if self.letters is not None:
            return Filtered(source, stage, engine, fill, self.letters, carry(stage))
        if self.carries:
            return Filtered(source, stage, engine, fill, slice(0, -1), carry(stage))
        return Filtered(source, stage, engine, fill)

    def _fill(self, stage: Stage, *, first: bool) -> tuple[float, ...]:
        """What the constant becomes in every channel that the stage sees."""
        channels = self.kind.channels if first else self.colours + self.kind.alpha
        pixel = np.full((1, 1, channels), stage.padding.value)
        inside = self._enter(pixel) if first else self._pack(pixel)
        return tuple(inside[0, 0].tolist())

    def _enter(self, samples: NDArray[Any]) -> Values:
        colour = samples[..., : self.kind.colours]
        alpha = samples[..., self.kind.colours :]
        colour = self._lit(colour)
        if self.weights:
            colour = colour @ np.array(self.weights)[:, None]
        return self._packed(colour, alpha)

    def _pack(self, samples: NDArray[Any]) -> Values:
        return self._packed(self._lit(samples[..., : self.colours]), samples[..., self.colours :])

    def _lit(self, colour: NDArray[Any]) -> Values:
        if self.linear:
            return light.decoded(colour, self.scale.full or 1.0)
        return colour.astype(np.float64)

    def _packed(self, colour: Values, alpha: NDArray[Any]) -> Values:
        """Products of 16-bit colour and alpha stay whole numbers below 2**32."""
        opacity = alpha.astype(np.float64)
        if self.alpha == "none":
            return colour
        if self.alpha in {"straight", "carried"}:
            return np.concatenate([colour, opacity], axis=2)
        parts = [colour * opacity]
        parts += [opacity] * self.divides
        parts += [colour] * (self.divides and self.hidden)
        parts += [opacity] * self.carries
        return np.concatenate(parts, axis=2)

    def _unpack(self, values: Values) -> Values:
        colour, alpha = self._unpremultiplied(values)
        if self.linear:
            colour = light.encoded(colour, self.scale.full or 1.0)
        return np.concatenate([colour, alpha], axis=2)

    def _unpremultiplied(self, values: Values) -> tuple[Values, Values]:
        count = self.colours
        colour, alpha = values[..., :count], values[..., count:]
        if self.alpha in {"none", "straight", "carried"}:
            return colour, alpha
        full = self.scale.full or 1.0
        if not self.divides:
            return colour / full, alpha
        opacity = alpha[..., :1]
        seen = opacity > INVISIBLE * full
        straight = alpha[..., 1 : 1 + count] if self.hidden else np.zeros_like(colour)
        colour = np.where(seen, colour / np.where(seen, opacity, 1.0), straight)
        return colour, alpha[..., -1:] if self.carries else opacity

    def _lift(self, values: Values, offset: float) -> Values:
        """Add an offset between two stages, where samples have the meaning of the file."""
        if not self.packed:
            return np.concatenate(
                [values[..., : self.colours] + offset, values[..., self.colours :]], axis=2
            )
        stored = self._unpack(values)
        stored[..., : self.colours] += offset
        return self._pack(stored)


def carry(stage: Stage) -> Stage:
    """A stage of the same geometry that hands the sample under the anchor on."""
    bank = np.zeros((1, 1, *stage.taps))
    bank[0, 0, stage.anchor[0], stage.anchor[1]] = 1.0
    return replace(
        stage, bank=bank, scale=(1.0,), bias=(0.0,), combine=None, activation="none", offset=0.0
    )


def settle(job: Job, kind: Kind, target: Target) -> Treatment:
    """
    Decide what `job` does to images of `kind`, for a file of pictures or of plain numbers.

    Raises UsageError where the policy and the image do not go together.
    """
    scale = Scale.of(kind.dtype, "numbers" if kind.layout == "numbers" else "picture")
    dtype = DEPTHS[job.pixels.depth](kind.dtype)
    written = Scale.of(dtype, target)
    stages = tuple(_resolved(stage, scale) for stage in job.stages)
    weights, letters = _mix(job.pixels.channels, kind)
    alpha = _alpha(job.pixels.alpha, stages, kind, letters)
    colours = 1 if weights else kind.colours
    for stage in stages:
        colours *= 1 if stage.combine else stage.bank.shape[0]
    linear, notes = _light(job.pixels.light, kind)
    ranged, more = _range(job.pixels.range or "clip", written)
    finish = Finish(written, ranged, colours, stages[-1].offset, _unit(scale, written))
    return Treatment(
        stages=stages,
        kind=kind,
        scale=scale,
        finish=finish,
        layout=_layout(kind, target, colours, with_alpha=kind.alpha and alpha != "none"),
        alpha=alpha,
        linear=linear,
        weights=weights,
        letters=letters,
        notes=(*notes, *more, *_magnitude(stages, scale)),
    )


def _resolved(stage: Stage, scale: Scale) -> Stage:
    """Offsets in sample units; before an activation they are the bias of a neuron."""
    if stage.offset_share and scale.full is None:
        raise UsageError(
            f"{stage.offset_share:.0%} of the full range is unknown: these numbers have none.",
            "Give the bias as a number: --bias 0.5",
        )
    offset = stage.offset + stage.offset_share * (scale.full or 0.0)
    if stage.activation == "none":
        return replace(stage, offset=offset, offset_share=0.0)
    bias = tuple(value + offset for value in stage.bias)
    return replace(stage, bias=bias, offset=0.0, offset_share=0.0)


def _mix(channels: str, kind: Kind) -> tuple[tuple[float, ...] | None, slice | None]:
    """Weights that mix the colours into one, or the slice of those that are filtered."""
    if channels == "each":
        return None, None
    if channels == "sum":
        return ((1.0,) * kind.colours if kind.colours > 1 else None), None
    if kind.layout.startswith("grey"):
        if channels == "luma":
            return None, None
        raise UsageError(f"--channels {channels}: a grey image has none.", "Leave it out.")
    if not kind.layout.startswith("rgb"):
        raise UsageError(
            f"--channels {channels}: plain numbers have no colours.", "Say --channels each or sum."
        )
    return (LUMA, None) if channels == "luma" else (None, letters(channels))


def letters(text: str) -> slice:
    """`R`, `GB`, `r,b`: the slice of an RGB pixel. UsageError for anything else."""
    word = "".join(sorted(set(text.upper()) - set(", "), key="RGB".find))
    if word not in LETTERS:
        known = ", ".join([*CHANNELS, *LETTERS])
        raise UsageError(f"'{text}' names no channels.", f"Known: {known}")
    return LETTERS[word]


def _alpha(wish: str, stages: Sequence[Stage], kind: Kind, letters: slice | None) -> str:
    if not kind.alpha or wish == "drop":
        return "none"
    averages = all(_averages(stage) for stage in stages)
    if letters is not None:
        if wish in {"premultiply", "straight"}:
            raise UsageError(
                f"--alpha {wish} needs all colours, --channels names some.",
                "Use --alpha keep, or leave it out.",
            )
        return "carried"
    if wish == "premultiply" and not averages:
        raise UsageError(
            "--alpha premultiply divides by the filtered alpha, which is 0 here:"
            " the weights add up to 0, or are combined.",
            "Use --alpha keep, or leave it out.",
        )
    if wish == "keep":
        return "keep-divided" if averages else "keep"
    return wish if wish != "auto" else "premultiply" if averages else "keep"


def _averages(stage: Stage) -> bool:
    """Whether the stage is one linear filter whose weights add up to something."""
    linear = stage.bank.shape[0] == 1 and stage.activation == "none" and not any(stage.bias)
    return linear and abs(stage.bank.sum()) > ZERO_SUM * abs(stage.bank).sum()


def _light(wish: str, kind: Kind) -> tuple[bool, tuple[str, ...]]:
    if wish == "encoded":
        return False, ()
    if kind.layout == "numbers":
        raise UsageError("--linear: plain numbers are not light.", "Leave --linear out.")
    if kind.dtype.startswith("float"):
        return False, ("float samples are taken to be linear light already",)
    return True, ()


def _range(wish: str, written: Scale) -> tuple[str, tuple[str, ...]]:
    """Floats have no limits to cut at or to wrap around; plain ones no mid-grey either."""
    unlimited = {"clip", "wrap", "error"} if written.full else {"clip", "wrap", "error", "signed"}
    if written.whole and (written.full or wish != "signed"):
        return wish, ()
    if wish in unlimited or (written.whole and wish == "signed"):
        note = f"range {wish} leaves {written.dtype} samples as they are"
        return "clip", () if wish == "clip" else (note,)
    return wish, ()


def _unit(scale: Scale, written: Scale) -> float:
    """Full becomes full; where either has none, numbers stay as they are."""
    return written.full / scale.full if written.full and scale.full else 1.0


def _layout(kind: Kind, target: Target, colours: int, *, with_alpha: bool) -> Layout:
    if target == "picture" or (kind.layout != "numbers" and colours in {1, 3}):
        names: dict[int, Layout] = {1: "grey", 2: "grey+alpha", 3: "rgb", 4: "rgb+alpha"}
        channels = colours + with_alpha
        if channels not in names:
            raise UsageError(
                f"A picture has 1 to 4 channels, this result has {channels}.",
                "Write it as numbers: -o result.npy",
            )
        return names[channels]
    return "numbers"


def _magnitude(stages: Sequence[Stage], scale: Scale) -> tuple[str, ...]:
    if not scale.whole:
        return ()
    largest = max(abs(scale.low), scale.high)
    for stage in stages:
        gain = abs(stage.bank).sum(axis=(1, 2, 3)) * abs(np.array(stage.scale))
        largest *= float(gain.max())
    if largest < LIMIT:
        return ()
    return (f"values may reach {largest:.2g}: beyond 2**31 the last digit is not certain",)


def check_sums(job: Job) -> None:
    """KernelError where `normalize` would divide by nothing: by weights that add up to 0."""
    for stage in job.stages:
        weights = stage.bank.sum(axis=(1, 2, 3))
        sizes = abs(stage.bank).sum(axis=(1, 2, 3))
        if stage.padding.mode == "normalize" and (abs(weights) <= ZERO_SUM * sizes).any():
            raise KernelError(
                f"--padding normalize divides by the weights inside, but those of"
                f" '{stage.name}' add up to 0.",
                "Use another padding: reflect, edge, symmetric, wrap or constant.",
            )
