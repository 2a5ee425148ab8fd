"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from convcli import io
from convcli.pixels import Clipped, Target
from convcli.plan import Limits, Plan, make_plan
from convcli.report import Clock, Item
from convcli.source import Samples, windows
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from convcli.source import Source, Window
    from convcli.spec import Job

    Part = TypeVar("Part")
    Done = TypeVar("Done")

NUMBERS = ("NPY", "CSV")
"""Formats of plain numbers."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How the output is written: JPEG, WebP and AVIF quality 1..100, and over what."""

    quality: int = 95
    overwrite: bool = False


def process(source: str, target: str, job: Job, limits: Limits, writing: Writing) -> Item:
    """
    One image from file to file: read, decide, decode, filter, encode, write.

    Returns what happened; raises a ConvError and writes nothing if anything cannot be done.
    """
    clock = Clock()
    io.check_target(target, overwrite=writing.overwrite)
    with clock.phase("read"):
        data = io.read_bytes(source)
    with clock.phase("plan"):
        header = io.probe(data, source)
        form = io.output_format(target, fallback=header.format)
        plan = _plan(job, header, form, limits, source)
    with clock.phase("decode"):
        image = io.decode(data, source, max_pixels=limits.max_pixels)
    with clock.phase("filter"):
        samples, clipped = filtered(image.samples, plan)
    result = _result(image, samples, plan)
    with clock.phase("encode"):
        payload = io.encode(result, form, quality=writing.quality, name=source)
    with clock.phase("write"):
        io.write_bytes(target, payload, overwrite=writing.overwrite)
    notes = (*image.notes, *plan.treatment.notes, *result.notes, *io.losses(result, form))
    return replace(
        _item(source, target, job, plan, header),
        clipped_below=clipped.below / max(clipped.total, 1),
        clipped_above=clipped.above / max(clipped.total, 1),
        bytes_out=len(payload),
        seconds=clock.seconds,
        wall=clock.wall,
        memory_peak=memory_peak(),
        notes=notes,
    )


def plan_file(source: str, target: str, job: Job, limits: Limits) -> tuple[io.Header, Plan]:
    """What `process` would decide, from the header alone; nothing is decoded or written."""
    data = io.read_bytes(source)
    header = io.probe(data, source)
    form = io.output_format(target, fallback=header.format) if target else header.format
    return header, _plan(job, header, form, limits, source)


def _plan(job: Job, header: io.Header, form: str, limits: Limits, name: str) -> Plan:
    io.check_size(name, header.width, header.height, limits.max_pixels)
    kind = Kind(header.dtype, header.layout, header.channels)
    target: Target = "numbers" if form in NUMBERS else "picture"
    plan = make_plan(job, kind, (header.height, header.width, header.channels), target, limits)
    # One zero stands for all samples: a picture of the right shape and type, without its memory.
    blank = np.broadcast_to(np.zeros((), plan.treatment.finish.scale.dtype), plan.shape)
    io.check_fit(io.Image(blank, plan.treatment.layout), form, name=name)
    return plan


def filtered(array: NDArray[Any], plan: Plan) -> tuple[NDArray[Any], Clipped]:
    """
    The whole job over samples (row, column, channel): finished samples, and what was cut.

    Tiles are filtered by `plan.workers` threads; neither tiles nor threads change a byte.
    """
    treatment = plan.treatment
    if treatment.divides and not array[..., -1].all():
        treatment = replace(treatment, hidden=True)
    chain = treatment.chain(Samples(array), plan.engines)
    tiles = list(windows(chain.shape, plan.tile))
    span = (0.0, 0.0)
    if treatment.finish.needs_span:
        spans = _each(partial(_span, chain, treatment.finish.colour), tiles, plan.workers)
        least, greatest = zip(*spans, strict=True)
        span = (min(least), max(greatest))
    out = np.empty(chain.shape, treatment.finish.scale.dtype)

    def finish(tile: Window) -> Clipped:
        place = out[tile.top : tile.bottom, tile.left : tile.right]
        with np.errstate(over="ignore", invalid="ignore"):  # float samples may hold anything
            place[...], cut = treatment.finish(chain.read(tile), span)
        return cut

    clipped = Clipped()
    for cut in _each(finish, tiles, plan.workers):
        clipped.add(cut)
    return out, clipped


def _span(
    chain: Source, colour: Callable[[NDArray[Any]], NDArray[Any]], tile: Window
) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        values = colour(chain.read(tile))
    return float(values.min()), float(values.max())


def _each(work: Callable[[Part], Done], parts: Iterable[Part], workers: int) -> Iterator[Done]:
    if workers == 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(work, parts)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


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
