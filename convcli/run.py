"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import io
from convcli.errors import ConvError
from convcli.io.flow import ordered
from convcli.large import Large, in_parts, pieces_for, pixel
from convcli.pixels import Clipped, Target
from convcli.plan import Limits, Plan, allowed, fits, proposed
from convcli.policy import beyond
from convcli.record import record
from convcli.report import Clock, Item
from convcli.source import Samples, windows
from convcli.tiles import finished, span, told_apart
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from convcli.io.tiff_window import TiffWindows
    from convcli.source import Window
    from convcli.spec import Job
    from convcli.verify import Part as Checked

NUMBERS = ("NPY", "CSV")
"""Formats that hold plain numbers only."""

SETTINGS = ("quality", "compress", "compression", "tile")
"""What `Writing` and `io.encode` call the same."""

STANDARD = {"-": "standard input"}
"""What a message calls an input that has no name of its own."""


@record
class Writing:
    """
    How the output is written: `quality` 1..100 of JPEG, WebP and AVIF, `compress` 0..9 of PNG and
    TIFF, `compression` by name and `tile`, the side of tiles, of TIFF, None for what `io.encode`
    takes then; and over what. `tell` hears the share of an image that is done, 0 to 1.

    With `verify` not before a window of it was computed once more; `seed` None leaves it to chance.
    """

    quality: int | None = None
    compress: int | None = None
    compression: str | None = None
    tile: int | None = None
    overwrite: bool = False
    verify: bool = False
    seed: int | None = None
    tell: Callable[[float], None] = lambda _: None


def process(source: str, target: str, job: Job, limits: Limits, writing: Writing) -> Item:
    """
    One image from file to file: read, decide, decode, filter, encode, write.

    Returns what happened; raises a ConvError and writes nothing if anything cannot be done.
    """
    clock, name = Clock(), STANDARD.get(source, source)
    io.check_target(target, overwrite=writing.overwrite)
    if io.is_tiff(source) and (item := _streamed(source, target, job, limits, writing)):
        return item
    with clock.phase("read"):
        data = io.read_bytes(source)
    with clock.phase("plan"):
        header = io.probe(data, name)
        form = io.output_format(target, fallback=header.format)
        plan = _plan(job, header, form, limits, name)
        part = _part(plan, header, writing, name)
    with clock.phase("decode"):
        image = io.decode(data, name, max_pixels=limits.max_pixels)
    with clock.phase("filter"), _about(name):
        samples, clipped = filtered(image.samples, plan, writing.tell)
    with clock.phase("verify"), _about(name):
        verified = _verified(part, image.samples, plan, samples, clipped)
    result = _result(image, samples, plan)
    with clock.phase("encode"):
        payload = _encoded(result, form, writing, allowed(limits), _called(name))
    with clock.phase("write"):
        io.write_bytes(target, payload, overwrite=writing.overwrite)
    notes = (
        *image.notes,
        *plan.treatment.notes,
        *_beyond(image.samples, plan),
        *result.notes,
        *_lost(result, form, writing),
    )
    item = _done(_item(source, target, job, plan, header), clipped, clock)
    return replace(item, bytes_out=len(payload), notes=notes, **verified)


def _done(item: Item, clipped: Clipped, clock: Clock) -> Item:
    """The figures that every image has at its end."""
    return replace(
        item,
        clipped_below=clipped.below / max(clipped.total, 1),
        clipped_above=clipped.above / max(clipped.total, 1),
        seconds=clock.seconds,
        wall=clock.wall,
        memory_peak=memory_peak(),
    )


def _lost(result: io.Image, form: str, writing: Writing) -> tuple[str, ...]:
    """What the format of the output cannot hold, and what was said in vain."""
    said = {word: getattr(writing, word) for word in SETTINGS}
    return (*io.losses(result, form), *io.unused(form, **said))


def _streamed(source: str, target: str, job: Job, limits: Limits, writing: Writing) -> Item | None:
    """`process` for a TIFF larger than memory, band by band; None where it fits."""
    from convcli.io.tiff_window import TiffWindows
    from convcli.stream import stream

    clock = Clock()
    with TiffWindows(source) as windowed:
        large = _large(windowed, writing)
        with clock.phase("plan"):
            form = io.output_format(target, fallback="TIFF")
            plan = _plan(job, windowed.header, form, limits, source, large)
        if plan.bands is None:
            return None
        with clock.phase("read"):
            about = windowed.prepare(plan.bands.cache, max_pixels=limits.max_pixels)
        result = _result(about, pixel(plan), plan)
        pieces = pieces_for(result, form, plan, large.packing)
        opened = io.replacing(target, overwrite=writing.overwrite)
        with clock.phase("filter"), _about(source), opened as file:
            clipped = stream(windowed, plan, pieces, file, writing.tell)
            size = file.seek(0, os.SEEK_END)
        item = _done(_item(source, target, job, plan, windowed.header), clipped, clock)
        notes = (*about.notes, *plan.notes, *result.notes, *_lost(result, form, writing))
        return replace(item, bytes_out=size, notes=notes)


def _large(source: TiffWindows, writing: Writing) -> Large:
    from convcli.io.pieces import Packing

    packing = Packing(writing.compress, writing.compression, writing.tile)
    return Large(source, packing, writing.verify)


def _encoded(result: io.Image, form: str, writing: Writing, threads: int, name: str) -> bytes:
    said = {word: getattr(writing, word) for word in SETTINGS}
    return io.encode(result, form, threads=threads, name=name, **said)


def plan_file(source: str, target: str, job: Job, limits: Limits) -> tuple[io.Header, Plan]:
    """What `process` would decide, from the file's header; nothing is decoded or written."""
    name = STANDARD.get(source, source)
    if io.is_tiff(source):
        from convcli.io.tiff_window import TiffWindows

        with TiffWindows(source) as windowed:
            form = io.output_format(target, fallback="TIFF") if target else "TIFF"
            header, large = windowed.header, _large(windowed, Writing())
            return header, _plan(job, header, form, limits, name, large)
    header = io.probe(io.read_bytes(source), name)
    form = io.output_format(target, fallback=header.format) if target else header.format
    return header, _plan(job, header, form, limits, name)


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Errors of a deeper module that never heard of a file get its name put before them."""
    try:
        yield
    except ConvError as error:
        if name not in error.message:
            raise type(error)(f"{name}: {error.message}", error.hint) from error
        raise


def _part(plan: Plan, header: io.Header, writing: Writing, name: str) -> Checked | None:
    """The window that is computed once more, if that is wanted."""
    if not writing.verify:
        return None
    from convcli.verify import part

    shape = (header.height, header.width, header.channels)
    with _about(name):
        return part(plan.treatment, shape, writing.seed)


def _verified(
    part: Checked | None,
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


def _called(name: str) -> str:
    return f"The result of {name}"


def _plan(  # noqa: PLR0913, PLR0917 - all that decides
    job: Job,
    header: io.Header,
    form: str,
    limits: Limits,
    name: str,
    large: Large | None = None,
) -> Plan:
    """What will be done; in bands, if `large` can be read and written so, and must be."""
    io.check_size(name, header.width, header.height, limits.max_pixels)
    kind = Kind(header.dtype, header.layout, header.channels)
    same = header.layout == "numbers" and header.format == form
    target: Target = "numbers" if form in NUMBERS or same else "picture"
    shape = (header.height, header.width, header.channels)
    with _about(name):
        plan = proposed(job, kind, shape, target, limits)
        if not fits(plan, limits):
            plan = in_parts(plan, header, form, limits, large)
    # One zero stands for all samples: a picture of the right shape and type, without its memory.
    blank = np.broadcast_to(np.zeros((), plan.treatment.finish.scale.dtype), plan.shape)
    io.check_fit(io.Image(blank, plan.treatment.layout), form, name=_called(name))
    return plan


def filtered(
    array: NDArray[Any], plan: Plan, tell: Callable[[float], None] = lambda _: None
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


def _result(image: io.Image, samples: NDArray[Any], plan: Plan) -> io.Image:
    """The output image: layout of the treatment, and the input's metadata as far as it fits."""
    layout = plan.treatment.layout
    result = io.settle(samples, layout, image.metadata, orientation=1)
    return replace(result, ndim=image.ndim) if image.layout == "numbers" == layout else result


def _item(source: str, target: str, job: Job, plan: Plan, header: io.Header) -> Item:
    """What was decided; the figures come later."""
    first, treatment = job.stages[0], plan.treatment
    height, width, channels = plan.shape
    return Item(
        input=source,
        output=target,
        kernel="+".join(stage.name for stage in job.stages),
        operation="+".join(job.operations),
        padding=str(first.padding),
        extent=",".join(map(str, first.pad_by)) if first.pad_by else first.extent,
        stride=f"{first.stride[0]},{first.stride[1]}",
        dilation=f"{first.dilation[0]},{first.dilation[1]}",
        width=header.width,
        height=header.height,
        channels=header.channels,
        dtype=header.dtype,
        out_width=width,
        out_height=height,
        out_channels=channels,
        out_dtype=treatment.finish.scale.dtype,
        range=treatment.finish.range,
        alpha=treatment.alpha,
        light="linear" if treatment.linear else "encoded",
        engine="+".join(stage.engine for stage in plan.stages),
        body="+".join(stage.body for stage in plan.stages),
        reason=" + ".join(stage.reason for stage in plan.stages),
        workers=plan.workers,
        bytes_in=header.bytes,
    )


def memory_peak() -> int | None:
    """Greatest resident size of this process so far in bytes, where the system tells."""
    if os.name != "posix":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
