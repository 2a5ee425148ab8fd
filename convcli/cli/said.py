"""What was said with the options of `options`, in the library's words: jobs, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from convcli.cli.choices import nearest
from convcli.errors import KernelError, UsageError
from convcli.spec import CHANNELS, SCALES, Pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from convcli.job import Wishes
    from convcli.kernels.kernel import Bias, Recipe
    from convcli.kernels.library import Place
    from convcli.limits import Limits
    from convcli.padding import Padding
    from convcli.run import Frames, Writing
    from convcli.spec import Extent, Job


TEMPLATE = "template:"
"""Of `-k`: the kernel is a picture."""

FRAMES = {"all": "every one, in order", "first": "the first one alone"}
"""Words of --frames."""


class Laid(TypedDict):
    """How kernels are laid on, as click hands it over."""

    operation: str | None
    padding: Padding
    extent: Extent | None
    pad_by: str | None
    stride: str
    dilation: str
    anchor: str | None


class Said(Laid):
    """The filter options as click hands them over."""

    filters: tuple[tuple[str, str], ...]
    kernels: tuple[Path, ...]
    scale: str | None
    bias: str | None
    normalize: str | None
    range: str | None
    depth: str
    channels: str
    alpha: str
    light: str


class Allowed(TypedDict):
    """The options of what a run may use."""

    engine: str
    jobs: int | None
    memory: int | None
    max_pixels: int | None


class Written(TypedDict):
    """The options of how the output is written."""

    quality: int | None
    compress: int | None
    compression: str | None
    tile: int | None
    frames: str | None
    verify: bool
    verify_seed: int | None


def recipes(filters: Sequence[tuple[str, str]], folders: Sequence[Path]) -> list[Recipe]:
    """The kernels of `-k` and `-m`, in the order they were given."""
    from convcli.kernels import library
    from convcli.kernels.kernel import Recipe
    from convcli.kernels.matrix import parse_matrix

    places = library.search_path(folders)
    return [
        _named(text, places)
        if option == "kernel"
        else Recipe("matrix", (parse_matrix(text, "--matrix"),), origin="inline")
        for option, text in filters
    ]


def _named(text: str, places: Sequence[Place]) -> Recipe:
    """Only a template needs what reads images, which `kernels show` does not wait for."""
    from convcli.kernels.library import find

    if text.startswith(TEMPLATE):
        from convcli.template import find
    return find(text, places)


def kernel_files(filters: Sequence[tuple[str, str]], found: Sequence[Recipe]) -> Iterator[str]:
    """The files that the kernels of `-k` and `-m` were read from; shipped ones have no path."""
    for (option, text), recipe in zip(filters, found, strict=True):
        body = text.strip()
        if option == "kernel":
            yield str(recipe.origin)
        elif body.startswith("@"):
            yield body[1:].strip()


def job(said: Said) -> Job:
    """What is wanted, whatever the image."""
    from convcli.job import make_job

    return make_job(recipes(said["filters"], said["kernels"]), wishes(said))


def wishes(said: Said) -> Wishes:
    """What was said beside the kernels. UsageError, naming the option, for what is no number."""
    return replace(
        laid(said),
        scale=_scale(said["scale"]),
        bias=_bias(said["bias"]) if said["bias"] else None,
        normalize=said["normalize"],
        pixels=_policy(said),
    )


def laid(said: Laid) -> Wishes:
    """How kernels are to be laid on; errors as of `wishes`."""
    from convcli.job import Wishes, four_sides, pair

    if said["extent"] and said["pad_by"]:
        raise UsageError("--pad-by takes the place of --extent.", "Give one of them.")
    return Wishes(
        operation=said["operation"],
        padding=said["padding"],
        extent=said["extent"] or "same",
        pad_by=four_sides(said["pad_by"], "--pad-by") if said["pad_by"] else None,
        stride=pair(said["stride"], "--stride", 1),
        dilation=pair(said["dilation"], "--dilation", 1),
        anchor=pair(said["anchor"], "--anchor", 0) if said["anchor"] else None,
    )


def _policy(said: Said) -> Pixels:
    from convcli.policy import letters

    channels = said["channels"]
    if channels.lower() in CHANNELS:
        channels = channels.lower()
    else:
        letters(channels)
    return Pixels(said["range"], said["depth"], channels, said["alpha"], said["light"])


def _scale(text: str | None) -> str | None:
    """A word of SCALES, or what may be a number, which the job reads."""
    if text and text not in SCALES and text[:1].isalpha():
        raise UsageError(f"--scale {text}: not known.", nearest(text, {**SCALES, "1/9": ""}))
    return text


def _bias(text: str) -> Bias:
    from convcli.kernels.kernel import Bias

    try:
        return Bias.parse(text)
    except KernelError as error:
        raise UsageError(f"--{error.message}.", error.hint) from None


def limits(said: Allowed) -> Limits:
    """What a run may use."""
    from convcli.limits import Limits

    return Limits(said["engine"], said["jobs"], said["memory"], said["max_pixels"])


def writing(said: Written) -> Writing:
    """How the output is written. A seed for the window to verify asks for that, too."""
    from convcli.run import Writing

    seed = said["verify_seed"]
    return Writing(
        quality=said["quality"],
        compress=said["compress"],
        compression=said["compression"],
        tile=said["tile"],
        verify=said["verify"] or seed is not None,
        seed=seed,
        frames=_frames(said["frames"]) if said["frames"] else None,
    )


def _frames(text: str) -> Frames:
    """A word of FRAMES or a number, from 1 on."""
    word = text.lower()
    if word in FRAMES:
        return "all" if word == "all" else "first"
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--frames {text}: not known.", nearest(text, {**FRAMES, "3": ""}))
    if int(text) < 1:
        raise UsageError(f"--frames {text}: frames count from 1.", "Say --frames 1.")
    return int(text)
