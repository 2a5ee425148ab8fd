"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from convcli import io
from convcli.errors import ConvError, InputError
from convcli.pixels import Clipped, Target
from convcli.plan import Limits, Plan, allowed, make_plan
from convcli.policy import beyond, gain
from convcli.record import record
from convcli.report import Clock, Item
from convcli.source import Samples, windows
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from numpy.typing import NDArray

    from convcli.source import Source, Window
    from convcli.spec import Job
    from convcli.treatment import Treatment
    from convcli.verify import Part as Checked

    Part = TypeVar("Part")
    Done = TypeVar("Done")

NUMBERS = ("NPY", "CSV")
"""Formats that hold plain numbers only."""

FLAT = 1e-9
"""Values that differ by less than this share of the largest sum are taken to be equal."""

STANDARD = {"-": "standard input"}
"""What a message calls an input that has no name of its own."""


@record
class Writing:
    """
    How the output is written: `quality` 1..100 of JPEG, WebP and AVIF, `compress` 0..9 of PNG and
    TIFF, None for what `io.encode` takes then; and over what.

    With `verify` not before a window of it was computed once more; `seed` None leaves it to chance.
    """

    quality: int | None = None
    compress: int | None = None
    overwrite: bool = False
    verify: bool = False
    seed: int | None = None


def process(source: str, target: str, job: Job, limits: Limits, writing: Writing) -> Item:
    """
    One image from file to file: read, decide, decode, filter, encode, write.

    Returns what happened; raises a ConvError and writes nothing if anything cannot be done.
    """
    clock, name = Clock(), STANDARD.get(source, source)
    io.check_target(target, overwrite=writing.overwrite)
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
        samples, clipped = filtered(image.samples, plan)
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
        *io.losses(result, form),
        *io.unused(form, quality=writing.quality, compress=writing.compress),
    )
    return replace(
        _item(source, target, job, plan, header),
        clipped_below=clipped.below / max(clipped.total, 1),
        clipped_above=clipped.above / max(clipped.total, 1),
        bytes_out=len(payload),
        seconds=clock.seconds,
        wall=clock.wall,
        memory_peak=memory_peak(),
        notes=notes,
        **verified,
    )


def _encoded(result: io.Image, form: str, writing: Writing, threads: int, name: str) -> bytes:
    quality, compress = writing.quality, writing.compress
    return io.encode(result, form, quality=quality, compress=compress, threads=threads, name=name)


def plan_file(source: str, target: str, job: Job, limits: Limits) -> tuple[io.Header, Plan]:
    """What `process` would decide, from the file's header; nothing is decoded or written."""
    name = STANDARD.get(source, source)
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


def _plan(job: Job, header: io.Header, form: str, limits: Limits, name: str) -> Plan:
    io.check_size(name, header.width, header.height, limits.max_pixels)
    kind = Kind(header.dtype, header.layout, header.channels)
    same = header.layout == "numbers" and header.format == form
    target: Target = "numbers" if form in NUMBERS or same else "picture"
    shape = (header.height, header.width, header.channels)
    with _about(name):
        plan = make_plan(job, kind, shape, target, limits)
    # One zero stands for all samples: a picture of the right shape and type, without its memory.
    blank = np.broadcast_to(np.zeros((), plan.treatment.finish.scale.dtype), plan.shape)
    io.check_fit(io.Image(blank, plan.treatment.layout), form, name=_called(name))
    return plan


def filtered(array: NDArray[Any], plan: Plan) -> tuple[NDArray[Any], Clipped]:
    """
    The whole job over samples (row, column, channel): finished samples, and what was cut.

    Tiles are filtered by `plan.workers` threads; neither tiles nor threads change a byte.
    """
    treatment = plan.treatment.over(array)
    chain = treatment.chain(Samples(array), plan.engines)
    tiles = list(windows(chain.shape, plan.tile))
    span = (0.0, 0.0)
    if treatment.finish.needs_span:
        spans = _each(partial(_span, chain, treatment.finish.levels), tiles, plan.workers)
        least, greatest = zip(*spans, strict=True)
        span = _told_apart(min(least), max(greatest), array, treatment)
    out = np.empty(chain.shape, treatment.finish.scale.dtype)

    def finish(tile: Window) -> Clipped:
        place = out[tile.top : tile.bottom, tile.left : tile.right]
        with np.errstate(over="ignore", invalid="ignore"):  # float samples may hold anything
            return treatment.finished(chain, tile, span, place)

    clipped = Clipped(span=span)
    for cut in _each(finish, tiles, plan.workers):
        clipped.add(cut)
    treatment.finish.check(clipped)
    return out, clipped


def _told_apart(
    least: float, greatest: float, array: NDArray[Any], treatment: Treatment
) -> tuple[float, float]:
    """The span of a stretch; none where it is but the noise of sums that should be equal."""
    largest = max(float(array.max()), -float(array.min()))
    noise = FLAT * gain(treatment.stages) * largest
    return (least, least) if greatest - least <= noise else (least, greatest)


def _span(
    chain: Source, levels: Callable[[NDArray[Any]], NDArray[Any]], tile: Window
) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        values = levels(chain.read(tile))
    return float(values.min()), float(values.max())


def _each(work: Callable[[Part], Done], parts: Iterable[Part], workers: int) -> Iterator[Done]:
    if workers == 1:
        yield from map(work, parts)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from _started(pool, work, parts)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _started(
    pool: ThreadPoolExecutor, work: Callable[[Part], Done], parts: Iterable[Part]
) -> Iterator[Done]:
    try:
        return pool.map(work, parts)
    except RuntimeError as error:  # what Python says when the system has no thread to give
        raise InputError(f"No thread could be started: {error}.", "Say --jobs 1.") from error


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
