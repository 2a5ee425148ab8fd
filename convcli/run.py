"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

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

    from convcli.source import Shape, Source, Window
    from convcli.spec import Job
    from convcli.treatment import Treatment
    from convcli.verify import Part as Checked

    Part = TypeVar("Part")
    Done = TypeVar("Done")

NUMBERS = ("NPY", "CSV")
"""Formats that hold plain numbers only."""

FLAT = 1e-9
"""Values that differ by less than this share of the largest sum are taken to be equal."""

Frames = int | Literal["all", "first"]
"""Which pictures of a file: one by its number, from 1 on, or as the word says."""

_WORST = "largest_difference"

STANDARD = {"-": "standard input"}
"""What a message calls an input that has no name of its own."""


@record
class Writing:
    """
    How the output is written: `quality` 1..100 of JPEG, WebP and AVIF, `compress` 0..9 of PNG and
    TIFF, None for what `io.encode` takes then; and over what.

    With `verify` not before a window of it was computed once more; `seed` None leaves it to chance.
    `frames`: which of several pictures in a file, from 1 on, or all of them; None is "all" where
    the output can hold several, else "first".
    """

    quality: int | None = None
    compress: int | None = None
    overwrite: bool = False
    verify: bool = False
    seed: int | None = None
    frames: Frames | None = None


@record
class _Frame:
    """What became of one picture of several."""

    clipped: Clipped
    verified: dict[str, Any]
    notes: tuple[str, ...]


@record
class _Opened:
    """A file that was read, what it says of its first picture, and where the result goes."""

    source: str
    target: str
    data: bytes
    header: io.Header
    form: str
    name: str


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
        opened = _Opened(source, target, data, header, form, name)
        if _several(opened, writing.frames):
            return _film(opened, job, limits, writing, clock)
        plan = _plan(job, header, form, limits, name)
        part = _part(plan, (header.height, header.width, header.channels), writing, name)
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


def _several(opened: _Opened, frames: Frames | None) -> bool:
    """Whether more than the first picture of a file is asked for. InputError if there is none."""
    if isinstance(frames, int):
        io.check_number(frames, opened.header.frames, opened.name)
        return frames > 1
    several = io.FORMATS[opened.form].frames != "" and io.has_film(opened.header.format)
    wanted = frames == "all" or (frames is None and several)
    return wanted and opened.header.frames > 1


def _film(opened: _Opened, job: Job, limits: Limits, writing: Writing, clock: Clock) -> Item:
    """As `process`, of a file with several pictures: one by one, each by the plan for its kind."""
    with clock.phase("plan"):
        film = io.open_film(opened.data, opened.name, max_pixels=limits.max_pixels)
        if isinstance(writing.frames, int):
            film = film.only(writing.frames, opened.name)
        film = io.fitted(film, opened.form, opened.name, told=writing.frames is not None)
        plans = _plans(film, opened, job, limits)
        reel, shots = io.reel(opened.form, film), film.shots(0)
    frames: list[_Frame] = []
    for header in film.headers:
        with clock.phase("decode"):
            shot = next(shots)
        result, frame = _frame(shot.image, plans[header], opened, writing, clock)
        with clock.phase("encode"):
            payload = _encoded(result, opened.form, writing, allowed(limits), _called(opened.name))
            reel.add(payload, shot.seconds)
        frames.append(frame)
    with clock.phase("encode"):
        payload = reel.close()
    with clock.phase("write"):
        io.write_bytes(opened.target, payload, overwrite=writing.overwrite)
    unused = io.unused(opened.form, quality=writing.quality, compress=writing.compress)
    first = film.headers[0]
    return replace(
        _item(opened.source, opened.target, job, plans[first], first),
        **_together(frames),
        frames=len(frames),
        pixels=sum(header.width * header.height for header in film.headers),
        bytes_out=len(payload),
        seconds=clock.seconds,
        wall=clock.wall,
        memory_peak=memory_peak(),
        notes=(*film.notes, *io.merged([frame.notes for frame in frames]), *unused),
    )


def _plans(film: io.Film, opened: _Opened, job: Job, limits: Limits) -> dict[io.Header, Plan]:
    """One plan for every kind of frame. OutputError where the output holds frames of one kind."""
    plans = {
        header: _plan(job, header, opened.form, limits, opened.name)
        for header in dict.fromkeys(film.headers)
    }
    results = (plans[header] for header in film.headers)
    kinds = [
        (*plan.shape[:2], plan.treatment.finish.scale.dtype, plan.treatment.layout)
        for plan in results
    ]
    io.check_alike(kinds, opened.form, opened.name)
    return plans


def _frame(
    image: io.Image, plan: Plan, opened: _Opened, writing: Writing, clock: Clock
) -> tuple[io.Image, _Frame]:
    """One picture of several, filtered."""
    part = _part(plan, image.samples.shape, writing, opened.name)
    with clock.phase("filter"), _about(opened.name):
        samples, clipped = filtered(image.samples, plan)
    with clock.phase("verify"), _about(opened.name):
        verified = _verified(part, image.samples, plan, samples, clipped)
    result = _result(image, samples, plan)
    notes = (
        *image.notes,
        *plan.treatment.notes,
        *_beyond(image.samples, plan),
        *result.notes,
        *io.losses(result, opened.form),
    )
    return result, _Frame(clipped, verified, notes)


def _together(frames: list[_Frame]) -> dict[str, Any]:
    """Shares of all samples of all frames; of windows that were verified the worst."""
    total = max(sum(frame.clipped.total for frame in frames), 1)
    worst = max((frame.verified for frame in frames), key=lambda said: said.get(_WORST, -1.0))
    pixels = sum(frame.verified.get("verified", 0) for frame in frames)
    return {
        **worst,
        "verified": pixels,
        "clipped_below": sum(frame.clipped.below for frame in frames) / total,
        "clipped_above": sum(frame.clipped.above for frame in frames) / total,
    }


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


def _part(plan: Plan, shape: Shape, writing: Writing, name: str) -> Checked | None:
    """The window that is computed once more, if that is wanted; `shape` of the input."""
    if not writing.verify:
        return None
    from convcli.verify import part

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
