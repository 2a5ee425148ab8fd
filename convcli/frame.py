"""
One picture in memory: decoded samples -> filtered, verified -> the picture to be encoded.

    result, frame = framed(image, plan, part, name, clock)

A file of one picture is one of these, an animation several.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import io
from convcli.errors import ConvError
from convcli.io.flow import ordered
from convcli.pixels import Clipped
from convcli.policy import beyond
from convcli.record import record
from convcli.source import Samples, windows
from convcli.tiles import finished, span, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from convcli.plan import Plan
    from convcli.report import Clock
    from convcli.source import Shape, Window
    from convcli.verify import Part


def untold(_: float) -> None:
    """Hear how much is done, and tell nobody."""


@record
class Frame:
    """What became of one picture: samples that were cut, what was verified, what is to be said."""

    clipped: Clipped
    verified: dict[str, Any]
    notes: tuple[str, ...]


def framed(  # noqa: PLR0913 - a picture, what is to be done, and who is told
    image: io.Image,
    plan: Plan,
    part: Part | None,
    name: str,
    clock: Clock,
    *,
    tell: Callable[[float], None] = untold,
) -> tuple[io.Image, Frame]:
    """The picture that is to be encoded, and what became of it; `part` is computed once more."""
    with clock.phase("filter"), about(name):
        samples, clipped = filtered(image.samples, plan, tell)
    with clock.phase("verify"), about(name):
        verified = _verified(part, image.samples, plan, samples, clipped)
    result = result_of(image, samples, plan)
    said = (*image.notes, *plan.treatment.notes, *_beyond(image.samples, plan), *result.notes)
    return result, Frame(clipped, verified, said)


def filtered(
    array: NDArray[Any], plan: Plan, tell: Callable[[float], None] = untold
) -> tuple[NDArray[Any], Clipped]:
    """
    The whole job over samples (row, column, channel): finished samples, and what was cut.

    Tiles are filtered by `plan.workers` threads; neither tiles nor threads change a byte.
    """
    treatment = plan.treatment.over(array)
    chain = treatment.chain(Samples(array), plan.engines)
    tiles = list(windows(chain.shape, plan.tile))
    ends = (0.0, 0.0)
    if treatment.finish.needs_span:
        spans = ordered(partial(span, chain, treatment.finish.levels), tiles, plan.workers)
        ends = told_apart(spans, max(float(array.max()), -float(array.min())), treatment)
    out = np.empty(chain.shape, treatment.finish.scale.dtype)

    def finish(tile: Window) -> Clipped:
        place = out[tile.top : tile.bottom, tile.left : tile.right]
        return finished(treatment, chain, tile, ends, place)

    clipped = Clipped(span=ends)
    for number, cut in enumerate(ordered(finish, tiles, plan.workers), 1):
        clipped.add(cut)
        tell(number / len(tiles))
    treatment.finish.check(clipped)
    return out, clipped


def _beyond(samples: NDArray[Any], plan: Plan) -> tuple[str, ...]:
    """The law's note, from the samples themselves where their type alone allows too much."""
    scale = plan.treatment.scale
    if not beyond(plan.treatment, max(abs(scale.low), scale.high)):
        return ()
    return beyond(plan.treatment, max(abs(float(samples.min())), abs(float(samples.max()))))


def result_of(image: io.Image, samples: NDArray[Any], plan: Plan) -> io.Image:
    """The output image: layout of the treatment, and the input's metadata as far as it fits."""
    layout = plan.treatment.layout
    result = io.settle(samples, layout, image.metadata, orientation=1)
    return replace(result, ndim=image.ndim) if image.layout == "numbers" == layout else result


def part_of(plan: Plan, shape: Shape, name: str, *, verify: bool, seed: int | None) -> Part | None:
    """The window that is computed once more, if that is wanted; `shape` of the input."""
    if not verify:
        return None
    from convcli.verify import part

    with about(name):
        return part(plan.treatment, shape, seed)


def _verified(
    part: Part | None,
    array: NDArray[Any],
    plan: Plan,
    samples: NDArray[Any],
    clipped: Clipped,
) -> dict[str, Any]:
    """What the report says of that window. ResultError if it is wrong."""
    if part is None:
        return {}
    from convcli.verify import Result, compare

    result = Result(array, plan.treatment.over(array), clipped.span, samples)
    rows, columns = part.size
    return {
        "largest_difference": compare(part, result),
        "verified": rows * columns,
        "verified_window": f"{part.window.top},{part.window.left},{rows},{columns}",
        "verify_seed": part.seed,
    }


@contextmanager
def about(name: str) -> Iterator[None]:
    """Errors of a deeper module that never heard of a file get its name put before them."""
    try:
        yield
    except ConvError as error:
        if name not in error.message:
            raise type(error)(f"{name}: {error.message}", error.hint, cause=error.cause) from error
        raise
