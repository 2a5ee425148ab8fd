"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

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
    from convcli.source import Shape, Window
    from convcli.spec import Job
    from convcli.verify import Part as Checked

NUMBERS = ("NPY", "CSV")
"""Formats that hold plain numbers only."""

SETTINGS = ("quality", "compress", "compression", "tile")
"""What `Writing` and `io.encode` call the same."""

Frames = int | Literal["all", "first"]
"""Which pictures of a file: one by its number, from 1 on, or as the word says."""

_WORST = "largest_difference"

STANDARD = {"-": "standard input"}
"""What a message calls an input that has no name of its own."""


@record
class Writing:
    """
    How the output is written: `quality` 1..100 of JPEG, WebP and AVIF, `compress` 0..9 of PNG and
    TIFF, `compression` by name and `tile`, the side of tiles, of TIFF, None for what `io.encode`
    takes then; and over what. `tell` hears the share of an image that is done, 0 to 1.

    With `verify` not before a window of it was computed once more; `seed` None leaves it to chance.
    `frames`: which of several pictures in a file, from 1 on, or all of them; None is "all" where
    the output can hold several, else "first".
    """

    quality: int | None = None
    compress: int | None = None
    compression: str | None = None
    tile: int | None = None
    overwrite: bool = False
    verify: bool = False
    seed: int | None = None
    frames: Frames | None = None
    tell: Callable[[float], None] = lambda _: None


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
    if io.is_tiff(source) and (item := _streamed(source, target, job, limits, writing)):
        return item
    with clock.phase("read"):
        data = io.read_bytes(source)
    with clock.phase("plan"):
        header = io.probe(data, name)
        form = io.output_format(target, fallback=header.format)
        opened = _Opened(source, target, data, header, form, name)
        if _wants_several(header, form, writing.frames, name):
            return _film(opened, job, limits, writing, clock)
        plan = _plan(job, header, form, limits, name)
        part = _part(plan, (header.height, header.width, header.channels), writing, name)
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


def _wants_several(header: io.Header, form: str, frames: Frames | None, name: str) -> bool:
    """Whether more than the first picture of a file is asked for. InputError if there is none."""
    if isinstance(frames, int):
        io.check_number(frames, header.frames, name)
        return frames > 1
    several = io.FORMATS[form].frames != "" and io.has_film(header.format)
    wanted = frames == "all" or (frames is None and several)
    return wanted and header.frames > 1


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
    first = film.headers[0]
    cut, verified = _together(frames)
    notes = (*film.notes, *io.merged([frame.notes for frame in frames]))
    return replace(
        _done(_item(opened.source, opened.target, job, plans[first], first), cut, clock),
        **verified,
        frames=len(frames),
        pixels=sum(header.width * header.height for header in film.headers),
        bytes_out=len(payload),
        notes=(*notes, *_unused(opened.form, writing)),
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


def _together(frames: list[_Frame]) -> tuple[Clipped, dict[str, Any]]:
    """What was cut of all samples of all frames; of windows that were verified the worst."""
    cut = Clipped()
    for frame in frames:
        cut.add(frame.clipped)
    worst = max((frame.verified for frame in frames), key=lambda said: said.get(_WORST, -1.0))
    pixels = sum(frame.verified.get("verified", 0) for frame in frames)
    return cut, {**worst, "verified": pixels}


def _lost(result: io.Image, form: str, writing: Writing) -> tuple[str, ...]:
    """What the format of the output cannot hold, and what was said in vain."""
    return (*io.losses(result, form), *_unused(form, writing))


def _unused(form: str, writing: Writing) -> tuple[str, ...]:
    return io.unused(form, **{word: getattr(writing, word) for word in SETTINGS})


def _streamed(source: str, target: str, job: Job, limits: Limits, writing: Writing) -> Item | None:
    """`process` for a TIFF larger than memory, band by band; None where it fits."""
    from convcli.io.tiff_window import TiffWindows
    from convcli.stream import stream

    clock = Clock()
    with TiffWindows(source) as windowed:
        large = _large(windowed, writing)
        with clock.phase("plan"):
            form = io.output_format(target, fallback="TIFF")
            if _wants_several(windowed.header, form, writing.frames, source):
                return None
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
