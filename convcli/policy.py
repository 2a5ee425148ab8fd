"""
What a job does to one kind of image, decided before a sample is read: `settle`.

    Job + Kind + Target  ->  Treatment      alpha, light, channels, range, depth, layout, notes

Alpha, once for the whole job: if the weights of every stage add up to something, colour and alpha
are filtered together and divided; if not (edges), the premultiplied colour is filtered and the
input's alpha is kept, for an alpha filtered by a zero-sum kernel is 0 and the picture would vanish.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convcli.errors import KernelError, UsageError
from convcli.pixels import DEPTHS, LIMIT, Finish, Scale
from convcli.spec import CHANNELS
from convcli.treatment import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.pixels import Layout, Target
    from convcli.spec import Job, Stage
    from convcli.treatment import Kind

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

ZERO_SUM = 1e-9
"""Weights that add up to less than this share of their sizes add up to nothing."""


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
