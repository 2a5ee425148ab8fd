"""
One picture in memory: decoded samples -> filtered, verified -> the picture to be encoded.

    with framed(image, plan, part, name, clock) as picture:
        picture.result.ready(64)    64 rows of it: as much is filtered, and decoded, as they need
        picture.frame()             all of it, and what became of it

A file of one picture is one of these, an animation several.
"""

from __future__ import annotations

import math
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import io
from convcli.errors import ConvError
from convcli.io.arrival import at_once
from convcli.io.flow import ordered
from convcli.pixels import Clipped
from convcli.policy import beyond
from convcli.record import record
from convcli.report import Clock
from convcli.source import Samples, rows_read, windows
from convcli.tiles import finished, span, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray

    from convcli.io.arrival import Ready
    from convcli.plan import Plan
    from convcli.source import Shape, Source, Window
    from convcli.tiles import Ends
    from convcli.treatment import Treatment
    from convcli.verify import Part


def untold(_: float) -> None:
    """Hear how much is done, and tell nobody."""


@record
class Frame:
    """What became of one picture: samples that were cut, what was verified, what is to be said."""

    clipped: Clipped
    verified: dict[str, Any]
    notes: tuple[str, ...]


@record
class Picture:
    """`result`, to be encoded as its rows come, and `frame`, which filters what is left of it."""

    result: io.Image
    frame: Callable[[], Frame]


@contextmanager
def framed(  # noqa: PLR0913 - a picture, what is to be done, and who is told
    image: io.Image,
    plan: Plan,
    part: Part | None,
    name: str,
    clock: Clock,
    *,
    tell: Callable[[float], None] = untold,
) -> Iterator[Picture]:
    """The picture that is to be encoded, and what becomes of it; `part` is computed once more."""
    work = Filtering(image.samples, plan, image.ready, clock, tell)
    result = result_of(image, work.samples, plan)

    def ready(rows: int) -> None:
        with about(name):
            work(rows)

    def frame() -> Frame:
        ready(len(work.samples))
        with clock.phase("verify"), about(name):
            verified = _verified(part, image.samples, plan, work.samples, work.clipped)
        noted = (*image.notes, *plan.treatment.notes, *_beyond(image.samples, plan))
        said = (*noted, *result.notes, *work.clipped.notes)
        return Frame(work.clipped, verified, said)

    with closing(work):
        yield Picture(replace(result, ready=ready), frame)


def filtered(array: NDArray[Any], plan: Plan) -> tuple[NDArray[Any], Clipped]:
    """The whole job over samples (row, column, channel): finished samples, and what was cut."""
    with closing(Filtering(array, plan)) as work:
        work(len(work.samples))
        return work.samples, work.clipped


class Filtering:
    """
    The whole job over samples (row, column, channel), as far down as it is asked for.

        filtering(n)   returns once the first n rows of `samples` are finished

    Tiles are filtered by `plan.workers` threads, each as soon as the rows are `ready` that it
    reads; neither tiles nor threads change a byte. `clipped` says what was cut so far.
    """

    def __init__(
        self,
        array: NDArray[Any],
        plan: Plan,
        ready: Ready = at_once,
        clock: Clock | None = None,
        tell: Callable[[float], None] = untold,
    ) -> None:
        """`array` may fill as `ready` says; the `clock` gets the phases decode and filter."""
        self._array, self._plan, self._ready, self._tell = array, plan, ready, tell
        self._clock = clock or Clock()
        self.samples: NDArray[Any] = np.empty(plan.shape, plan.treatment.finish.scale.dtype)
        self.clipped = Clipped()
        self._there, self._work = 0, self._filtered()

    def __call__(self, rows: int) -> None:
        """Filter on until the first `rows` rows are there."""
        with self._clock.phase("filter"):
            while self._there < rows:
                self._there = next(self._work)

    def close(self) -> None:
        """Leave the rest."""
        self._work.close()

    def _filtered(self) -> Generator[int, None, None]:
        """Tile by tile; how many rows are complete."""
        treatment, columns = self._treatment(), self.samples.shape[1]
        chain = treatment.chain(Samples(self._array), self._plan.engines)
        tiles = list(windows(chain.shape, self._plan.tile))
        ends = self._ends(treatment, chain, tiles)
        self.clipped.span = ends
        parts = [(tile, rows_read(chain, tile.bottom)) for tile in tiles]
        work = partial(self._finished, treatment, chain, ends)
        with closing(ordered(work, parts, self._plan.workers)) as results:
            for number, (tile, rows) in enumerate(parts, 1):
                self._wait(rows)
                self.clipped.add(next(results))
                self._tell(number / len(tiles))
                if number == len(tiles):
                    treatment.finish.check(self.clipped)
                yield tile.bottom if tile.right == columns else tile.top

    def _wait(self, rows: int) -> None:
        with self._clock.phase("decode"):
            self._ready(rows)

    def _treatment(self) -> Treatment:
        """The treatment of these samples; all must be there where it depends on them."""
        treatment = self._plan.treatment
        if treatment.divides or treatment.finish.needs_span:
            self._wait(len(self._array))
        return treatment.over(self._array)

    def _ends(self, treatment: Treatment, chain: Source, tiles: list[Window]) -> Ends:
        if not treatment.finish.needs_span:
            return (0.0, 0.0)
        array, levels = self._array, treatment.finish.levels
        spans = ordered(partial(span, chain, levels), tiles, self._plan.workers)
        return told_apart(spans, max(float(array.max()), -float(array.min())), treatment)

    def _finished(
        self, treatment: Treatment, chain: Source, ends: Ends, part: tuple[Window, int]
    ) -> Clipped:
        """What was cut of a tile, once so many rows of the input are there."""
        tile, rows = part
        self._ready(rows)
        place = self.samples[tile.top : tile.bottom, tile.left : tile.right]
        return finished(treatment, chain, tile, ends, place)


def _beyond(samples: NDArray[Any], plan: Plan) -> tuple[str, ...]:
    """The law's note, from the samples themselves where their type alone allows too much."""
    scale = plan.treatment.scale
    if not beyond(plan.treatment, max(abs(scale.low), scale.high)):
        return ()
    return beyond(plan.treatment, max(abs(float(samples.min())), abs(float(samples.max()))))


def result_of(image: io.Image, samples: NDArray[Any], plan: Plan) -> io.Image:
    """The output image: layout of the treatment, and the input's metadata as far as it fits."""
    layout = plan.treatment.layout
    metadata, notes = _timed(image.metadata, plan)
    metadata, more = io.redescribed(metadata, plan.shape)
    notes += more
    result = io.settle(samples, layout, metadata, notes, orientation=1)
    if {image.layout, layout} <= {"numbers", "sound"}:
        return replace(result, ndim=image.ndim, column=image.column)
    if image.column:
        return replace(result, notes=(*notes, "the column of numbers became a row of the picture"))
    return result


def _timed(metadata: io.Metadata, plan: Plan) -> tuple[io.Metadata, tuple[str, ...]]:
    """What is said of sound, as far as it is true of the result: its rate, places in it."""
    if metadata.sound is None:
        return metadata, ()
    stages = plan.treatment.stages
    step = math.prod(stage.stride[1] for stage in stages)
    moved = step > 1 or any(stage.extent != "same" or stage.pad_by for stage in stages)
    sound, notes = metadata.sound.after(step, plan.shape[2], moved=moved)
    return replace(metadata, sound=sound), notes


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
    from convcli.verify import Result, extremes, verified

    place = part.window
    found = samples[place.top : place.bottom, place.left : place.right]
    over, ends = plan.treatment.over(array), extremes(array)
    return verified(part, Result(Samples(array), over, clipped.span, ends, found))


@contextmanager
def about(name: str) -> Iterator[None]:
    """Errors of a deeper module that never heard of a file get its name put before them."""
    try:
        yield
    except ConvError as error:
        if name not in error.message:
            raise type(error)(f"{name}: {error.message}", error.hint, cause=error.cause) from error
        raise
