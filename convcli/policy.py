"""
What a job does to one kind of image, decided before a sample is read: `settle`.

    Job + Kind + Target  ->  Treatment      alpha, light, channels, range, depth, layout, notes

Alpha, once for the whole job: if the weights of every stage add up to something, colour and alpha
are filtered together and divided; if not (edges), the premultiplied colour is filtered and the
input's alpha is kept, for an alpha filtered by a zero-sum kernel is 0 and the picture would vanish.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from convcli.axis import along
from convcli.errors import KernelError, UsageError
from convcli.io.formats import holds
from convcli.kernels.kernel import ZERO_SUM
from convcli.padding import Padding
from convcli.pixels import DEPTHS, LIMIT, SIGNED, Finish, Scale
from convcli.spec import CHANNELS, counted
from convcli.treatment import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.io.image import Layout
    from convcli.pixels import Target
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

COLOURS = 4
"""Filters that are red, green, blue and alpha where a picture is asked for."""

EXACT = 2.0**53
"""Whole numbers up to here are exact in float64."""


@lru_cache(maxsize=64)
def settle(job: Job, kind: Kind, target: Target) -> Treatment:
    """
    Decide what `job` does to images of `kind`, for a file of pictures or of plain numbers.

    The same stages for the same job and kind: what engines find out about a stage, they remember.
    Raises UsageError where the policy and the image do not go together.
    """
    scale, written = _scales(job.pixels.depth, kind, target)
    level = scale.full if scale.full and written.full else 1.0
    laid, flattened = along(job.stages) if kind.signal else (job.stages, ())
    stages = tuple(replace(_resolved(stage, scale), level=level) for stage in laid)
    if written.full is None:  # numbers without white: shares as the last layer gives them
        stages = (*stages[:-1], replace(stages[-1], gain=1.0))
    weights, letters = _mix(job.pixels.channels, kind)
    alpha = _alpha(job.pixels.alpha, stages, kind, letters)
    alpha, lost = _kept(job, stages, 1 if weights else kind.colours, alpha)
    stages = tuple(replace(stage, full=_full(scale, alpha)) for stage in stages)
    linear, notes = _light(job.pixels.light, kind)
    if linear and any(stage.normalize for stage in stages):
        raise UsageError("--linear would redo a curve over scores.", "Leave --linear out.")
    ranged, more = _range(job.pixels.range or "clip", written)
    treatment = Treatment(
        stages=stages,
        kind=kind,
        scale=scale,
        finish=Finish(written, ranged, slice(0), stages[-1].offset, _unit(scale, written)),
        layout="numbers",
        alpha=alpha,
        linear=linear,
        weights=weights,
        letters=letters,
        notes=(*flattened, *lost, *notes, *more),
    )
    named = slice(0, treatment.filters) if letters is None else letters
    return replace(
        treatment,
        finish=replace(treatment.finish, named=named),
        layout=_layout(kind, target, treatment),
    )


def _scales(depth: str, kind: Kind, target: Target) -> tuple[Scale, Scale]:
    """
    What samples can be before and after.

    Numbers that become sound are read as sound, if a WAV could hold them. Sound that becomes
    numbers keeps its levels: whole ones their limits, floats none.
    """
    heard = kind.layout == "sound" or (target == "sound" and holds("WAV", kind.dtype, "sound"))
    plain: Target = "numbers" if kind.layout == "numbers" else "picture"
    dtype = DEPTHS[depth](kind.dtype)
    if "sound" in {kind.layout, target} and depth != "keep":
        dtype = SIGNED.get(dtype, dtype)
    whole_sound = heard and not dtype.startswith("float")
    bits = kind.bits if dtype == kind.dtype else 0
    return (
        Scale.of(kind.dtype, "sound" if heard else plain, kind.bits),
        Scale.of(dtype, "sound" if whole_sound else target, bits),
    )


def _resolved(stage: Stage, scale: Scale) -> Stage:
    """Offsets in sample units; before an activation they shift what it sees, as in a neuron."""
    if stage.offset_share and scale.full is None:
        raise UsageError(
            f"{stage.offset_share:.0%} of the full range is unknown: these numbers have none.",
            "Give the bias as a number: --bias 0.5",
        )
    offset = stage.offset + stage.offset_share * (scale.full or 0.0)
    stage = _in_shares(stage, scale)
    if stage.activation == "none":
        return replace(stage, offset=offset, offset_share=0.0)
    shift = stage.shift + offset / stage.gain
    return replace(stage, shift=shift, offset=0.0, offset_share=0.0)


def _in_shares(stage: Stage, scale: Scale) -> Stage:
    """A network that sees 0..1: divide by white before its first layer, multiply after its last."""
    white = scale.full
    if not (stage.reads_shares or stage.gives_shares) or white == 1.0:
        return stage
    if white is None:
        if not scale.whole:
            return stage
        raise UsageError(
            f"Layer '{stage.name}' reads shares of white, which {scale.dtype} numbers have none.",
            "Make them floats from 0 to 1, or say 'units: samples' in the kernel file.",
        )
    if stage.gives_shares:
        stage = replace(stage, gain=white)
    if not stage.reads_shares:
        return stage
    padding = Padding(stage.padding.mode, stage.padding.value * white)
    return replace(stage, padding=padding, scale=tuple(each / white for each in stage.scale))


def _full(scale: Scale, alpha: str) -> float:
    """The full range of samples in the chain: those that are multiplied by alpha are larger."""
    full = scale.full or 1.0
    return full * full if alpha in {"premultiply", "keep-divided"} else full


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
    if kind.layout == "sound":
        raise UsageError(
            f"--channels {channels}: channels of sound have no colours.",
            "Say --channels each or sum.",
        )
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
    if any(stage.normalize for stage in stages) and wish in {"auto", "keep"}:
        return "carried"  # scores are of colours as they are stored
    if letters is not None:
        if wish in {"premultiply", "straight"}:
            raise UsageError(
                f"--alpha {wish} needs all colours, --channels names some.",
                "Use --alpha keep, or leave it out.",
            )
        return "carried"
    if wish == "premultiply" and not averages:
        raise UsageError(
            "--alpha premultiply divides by the filtered alpha, which is 0 here: the weights add up"
            " to 0, or are combined; and layers do not filter alpha.",
            "Use --alpha keep, or leave it out.",
        )
    if wish == "keep":
        return "keep-divided" if averages else "keep"
    return wish if wish != "auto" else "premultiply" if averages else "keep"


def _kept(
    job: Job, stages: Sequence[Stage], colours: int, alpha: str
) -> tuple[str, tuple[str, ...]]:
    """
    The alpha policy as layers allow it, and a note: beside other than 1 or 3 filters there is none.

    Layers read colours, weighed by alpha. KernelError for a layer made for other channels.
    """
    for stage in stages:
        colours = stage.channels(colours)
    layered, wish = any(stage.across for stage in stages), job.pixels.alpha
    if layered and job.pixels.channels not in CHANNELS:
        raise UsageError(
            f"--channels {job.pixels.channels}: layers read all channels.",
            "Leave it out; or say --channels luma or sum, for layers of one channel.",
        )
    if not layered or alpha == "none" or (alpha == "keep" and colours in {1, 3}):
        return alpha, ()
    if wish != "auto":
        raise UsageError(
            f"--alpha {wish}: layers read colours only, and {counted(colours)} come out.",
            "Say --alpha drop, or leave it out.",
        )
    return "none", ("alpha left out: the filters of the last layer make no picture with it",)


def _averages(stage: Stage) -> bool:
    """Whether the stage is one linear filter whose weights add up to something."""
    apart = stage.across or stage.normalize is not None
    plain = stage.activation == "none" and not any(stage.bias) and not apart
    return plain and len(stage.bank) == 1 and not zero_sum(stage)[0]


def zero_sum(stage: Stage) -> list[bool]:
    """Of each filter, whether its weights add up to nothing."""
    sums, sizes = (w.sum(axis=(1, 2, 3)) for w in (stage.bank, abs(stage.bank)))
    return (abs(sums) <= ZERO_SUM * sizes).tolist()  # type: ignore[no-any-return]  # NumPy says Any


def _light(wish: str, kind: Kind) -> tuple[bool, tuple[str, ...]]:
    if wish == "encoded":
        return False, ()
    if kind.layout in {"numbers", "sound"}:
        what = "sound is" if kind.layout == "sound" else "plain numbers are"
        raise UsageError(f"--linear: {what} not light.", "Leave --linear out.")
    if kind.dtype.startswith("float"):
        return False, ("float samples are taken to be linear light already",)
    return True, ()


def _range(wish: str, written: Scale) -> tuple[str, tuple[str, ...]]:
    """Ranges need what they refer to: limits, white; samples without it stay as they are."""
    limits = written.whole and abs(written.low) + written.high < EXACT
    able = {
        "clip": True,
        "abs": True,
        "signed": written.full is not None and not written.swings,
        "stretch": written.full is not None or not written.whole,
        "wrap": limits,
        "error": written.whole,
    }
    if able.get(wish, True):
        return wish, ()
    return "clip", (f"range {wish} leaves {written.dtype} samples as they are",)


def _unit(scale: Scale, written: Scale) -> float:
    """Full becomes full; where either has none, numbers stay as they are."""
    return written.full / scale.full if written.full and scale.full else 1.0


def _layout(kind: Kind, target: Target, treatment: Treatment) -> Layout:
    """
    Colours and alpha stay what they are; of plain numbers, 1 or 3 channels are a picture.

    Filters of a layer are numbers, but 1 or 3 of them a picture, and 4 where one is asked for.
    """
    if target == "sound" and kind.layout in {"numbers", "sound"}:
        return "sound"
    if kind.layout == "sound":
        return "numbers" if target == "numbers" else "sound"
    channels = treatment.channels
    pictures: dict[int, Layout] = {1: "grey", 2: "grey+alpha", 3: "rgb", 4: "rgb+alpha"}
    if treatment.layered:
        coloured = treatment.filters in {1, 3} or (target == "picture" and channels == COLOURS)
        return pictures[channels] if coloured and not _plain(kind, target) else "numbers"
    known = channels in pictures and (kind.layout != "numbers" or channels in {1, 3})
    if target == "numbers" and (kind.layout == "numbers" or not known):
        return "numbers"
    if not known:
        raise UsageError(
            f"{channels} channels of plain numbers are not a picture.",
            "Write them as numbers: -o result.npy",
        )
    return pictures[channels]


def _plain(kind: Kind, target: Target) -> bool:
    return target == kind.layout == "numbers"


def gain(stages: Sequence[Stage]) -> float:
    """The product of sum|w| over the stages: how far a sample can be enlarged."""
    product = 1.0
    for stage in stages:
        sizes = abs(stage.bank).sum(axis=(1, 2, 3)) * abs(np.array(stage.scale))
        product *= float(sizes.max()) * stage.gain
    return product


def beyond(treatment: Treatment, largest: float) -> tuple[str, ...]:
    """A note where samples of that size leave the law of rounding."""
    reached = largest * gain(treatment.stages)
    if not treatment.scale.whole or reached < LIMIT:
        return ()
    return (f"values may reach {reached:.2g}: beyond 2**31 the last digit is not certain",)


def check_sums(job: Job) -> None:
    """KernelError where `normalize` would divide by nothing: by weights that add up to 0."""
    for stage in job.stages:
        if stage.padding.mode == "normalize" and any(zero_sum(stage)):
            raise KernelError(
                f"--padding normalize divides by the weights inside, but those of"
                f" '{stage.name}' add up to 0.",
                "Use another padding: reflect, edge, symmetric, wrap or constant.",
            )
