"""Job x source -> tiles -> file. `process` reads as a table of contents; `api` does arrays."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from convcli import io
from convcli.errors import UsageError
from convcli.fileplan import parts_of, planned, result_called
from convcli.frame import Frame, Picture, about, framed, part_of, result_of, untold
from convcli.items import done, item_of
from convcli.large import Large, pieces_for, pixel
from convcli.limits import Limits, allowed
from convcli.pixels import Clipped
from convcli.record import record
from convcli.report import Clock, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import BinaryIO

    from convcli.io import Place
    from convcli.io.tiff_window import TiffWindows
    from convcli.plan import Plan
    from convcli.source import Shape
    from convcli.spec import Job
    from convcli.verify import Part

SETTINGS = ("quality", "compress", "compression", "tile")
"""What `Writing` and `io.unused` call the same."""

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
    takes then; and over what. `folders` on the way are made if need be; `form`, a key of FORMATS,
    is that of outputs whose name has no suffix, None for the input's. `tell` hears the share of an
    image that is done, 0 to 1.

    With `verify` not before a window of it was computed once more; `seed` None leaves it to chance.
    `frames`: which of several pictures in a file, from 1 on, or all of them; None is "all" where
    the output can hold several, else "first".
    """

    quality: int | None = None
    compress: int | None = None
    compression: str | None = None
    tile: int | None = None
    overwrite: bool = False
    folders: bool = False
    form: str | None = None
    verify: bool = False
    seed: int | None = None
    frames: Frames | None = None
    tell: Callable[[float], None] = untold


@record
class _Opened:
    """A file that was read, what it says of its first picture, and where the result goes."""

    source: str
    target: Place
    data: bytes
    header: io.Header
    form: str
    name: str


def process(source: str, target: Place, job: Job, limits: Limits, writing: Writing) -> Item:
    """
    One image from file to file, or to a file for each filter: read, decide, decode, filter, encode,
    write.

    Returns what happened; raises a ConvError and writes nothing if anything cannot be done.
    """
    clock, name = Clock(), STANDARD.get(source, source)
    if isinstance(target, str):
        io.check_target(target, overwrite=writing.overwrite, folders=writing.folders)
    if io.is_tiff(source) and (item := _streamed(source, target, job, limits, writing)):
        return item
    with clock.phase("read"):
        data = io.read_bytes(source)
    with clock.phase("plan"):
        header = io.probe(data, name)
        form = io.output_format(io.called(target), fallback=writing.form or header.format)
        opened = _Opened(source, target, data, header, form, name)
        if _wants_several(header, form, writing.frames, name):
            return _film(opened, job, limits, writing, clock)
        plan = planned(job, header, form, limits, name, target=target)
    return _still(opened, job, plan, limits, writing, clock)


def _still(  # noqa: PLR0913, PLR0917 - a picture, what is to be done, and who measures it
    opened: _Opened, job: Job, plan: Plan, limits: Limits, writing: Writing, clock: Clock
) -> Item:
    """
    As `process`, of a file of one picture: each strip goes its way as soon as it can.

        decode  1 2 3 4 5
        filter    1 2 3 4 5
        encode      1 2 3 4 5    into a file that gets its name when all is done and verified
    """
    header, name = opened.header, opened.name
    with clock.phase("plan"):
        part = _part(plan, (header.height, header.width, header.channels), writing, name)
        parts = parts_of(plan, opened.form, opened.target, name)
        if parts:
            parts.check(opened.source, overwrite=writing.overwrite, folders=writing.folders)
    with ExitStack() as held, clock.phase("write"):
        with clock.phase("decode"):
            decoding = io.decoding(opened.data, name, max_pixels=limits.max_pixels)
            image = held.enter_context(decoding)
        work = framed(image, plan, part, name, clock, tell=writing.tell)
        picture = held.enter_context(work)
        if parts:
            size, frame = _parted(parts, picture, opened, writing, limits, clock)
        else:
            with io.replacing(
                io.called(opened.target), overwrite=writing.overwrite, folders=writing.folders
            ) as file:
                size = _sent(_encoded(picture.result, opened, writing, limits), file, clock)
                frame = picture.frame()
    item = item_of(opened.source, opened.target, job, plan, header)
    notes = (*frame.notes, *_lost(picture.result, opened.form, writing))
    return done(item, frame.clipped, clock, bytes_out=size, notes=notes, **frame.verified)


def _parted(  # noqa: PLR0913, PLR0917 - as `_still`
    parts: io.Parts,
    picture: Picture,
    opened: _Opened,
    writing: Writing,
    limits: Limits,
    clock: Clock,
) -> tuple[int, Frame]:
    """Every filter of a picture as a file, or as a page of one: bytes written, and its frame."""
    frame = picture.frame()
    results = list(parts.of(picture.result))
    with clock.phase("encode"):
        payloads = [b"".join(_encoded(result, opened, writing, limits)) for result in results]
        if parts.pages:
            from convcli.io.tiff_reel import paged

            payloads = [paged(payloads)]
    size = parts.write(payloads, overwrite=writing.overwrite, folders=writing.folders)
    notes = (note for note in results[0].notes if note not in frame.notes)
    return size, replace(frame, notes=(*frame.notes, *notes))


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
        kinds = plans.values()
        if any(parts_of(plan, opened.form, opened.target, opened.name) for plan in kinds):
            raise UsageError(
                f"{opened.name} has {len(film.headers):,} frames, and every one gives a picture for"
                " each filter.",
                "Take one: --frames 1",
            )
        reel, shots = io.reel(opened.form, film), film.shots(0)
    frames: list[Frame] = []
    for header in film.headers:
        with clock.phase("decode"):
            shot = next(shots)
        part = _part(plans[header], shot.image.samples.shape, writing, opened.name)
        with framed(shot.image, plans[header], part, opened.name, clock) as picture:
            with clock.phase("encode"):
                payload = b"".join(_encoded(picture.result, opened, writing, limits))
                reel.add(payload, shot.seconds)
            frame, lost = picture.frame(), io.losses(picture.result, opened.form)
        frames.append(replace(frame, notes=(*frame.notes, *lost)))
    with clock.phase("encode"):
        payload = reel.close()
    with clock.phase("write"):
        target = io.called(opened.target)
        io.write_bytes(target, payload, overwrite=writing.overwrite, folders=writing.folders)
    first = film.headers[0]
    cut, verified = _together(frames)
    notes = (*film.notes, *io.merged([frame.notes for frame in frames]))
    return done(
        item_of(opened.source, opened.target, job, plans[first], first),
        cut,
        clock,
        **verified,
        frames=len(frames),
        pixels=sum(header.width * header.height for header in film.headers),
        bytes_out=len(payload),
        notes=(*notes, *_unused(opened.form, writing)),
    )


def _plans(film: io.Film, opened: _Opened, job: Job, limits: Limits) -> dict[io.Header, Plan]:
    """One plan for every kind of frame. OutputError where the output holds frames of one kind."""
    plans = {
        header: planned(job, header, opened.form, limits, opened.name, target=opened.target)
        for header in dict.fromkeys(film.headers)
    }
    results = (plans[header] for header in film.headers)
    kinds = [
        (*plan.shape[:2], plan.treatment.finish.scale.dtype, plan.treatment.layout)
        for plan in results
    ]
    io.check_alike(kinds, opened.form, opened.name)
    return plans


def _together(frames: list[Frame]) -> tuple[Clipped, dict[str, Any]]:
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


def _streamed(
    source: str, target: Place, job: Job, limits: Limits, writing: Writing
) -> Item | None:
    """`process` for a TIFF larger than memory, band by band; None where it fits."""
    from convcli.io.tiff_window import TiffWindows
    from convcli.stream import stream
    from convcli.verify import verified as compared

    clock = Clock()
    with TiffWindows(source) as windowed:
        large = _large(windowed, writing)
        with clock.phase("plan"):
            form = io.output_format(io.called(target), fallback=writing.form or "TIFF")
            if _wants_several(windowed.header, form, writing.frames, source):
                return None
            plan = planned(job, windowed.header, form, limits, source, large, target)
        if plan.bands is None:
            return None
        with clock.phase("read"):
            first = windowed.prepare(plan.bands.cache, max_pixels=limits.max_pixels)
        result = result_of(first, pixel(plan), plan)
        pieces = pieces_for(result, form, plan, large.packing)
        opened = io.replacing(
            io.called(target), overwrite=writing.overwrite, folders=writing.folders
        )
        part = _part(plan, windowed.shape, writing, source)
        with about(source), opened as file:
            with clock.phase("filter"):
                clipped, made = stream(windowed, plan, pieces, file, writing.tell, part)
                size = file.seek(0, os.SEEK_END)
            with clock.phase("verify"):
                verified = compared(part, made) if part and made else {}
        item = item_of(source, target, job, plan, windowed.header)
        notes = (*first.notes, *plan.notes, *result.notes, *clipped.notes)
        notes += _lost(result, form, writing)
        return done(item, clipped, clock, bytes_out=size, notes=notes, **verified)


def _large(source: TiffWindows, writing: Writing) -> Large:
    from convcli.io.pieces import Packing

    packing = Packing(writing.compress, writing.compression, writing.tile)
    return Large(source, packing)


def _encoded(
    result: io.Image, opened: _Opened, writing: Writing, limits: Limits
) -> Generator[bytes, None, None]:
    said = io.Choices(
        quality=writing.quality,
        compress=writing.compress,
        compression=writing.compression,
        tile=writing.tile,
        threads=allowed(limits),
    )
    return io.encoding(result, opened.form, name=result_called(opened.name), **said)


def _sent(pieces: Generator[bytes, None, None], file: BinaryIO, clock: Clock) -> int:
    """All pieces in the file; how many bytes they are."""
    size = 0
    with closing(pieces):
        for piece in _timed(pieces, clock):
            size += file.write(piece)
    return size


def _timed(pieces: Iterator[bytes], clock: Clock) -> Iterator[bytes]:
    while True:
        with clock.phase("encode"):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def plan_file(source: str, target: Place, job: Job, limits: Limits) -> tuple[io.Header, Plan]:
    """What `process` would decide, from the file's header; nothing is decoded or written."""
    name, wanted = STANDARD.get(source, source), io.called(target)
    if io.is_tiff(source):
        from convcli.io.tiff_window import TiffWindows

        with TiffWindows(source) as windowed:
            form = io.output_format(wanted, fallback="TIFF") if wanted else "TIFF"
            header, large = windowed.header, _large(windowed, Writing())
            return header, planned(job, header, form, limits, name, large, target)
    header = io.probe(io.read_bytes(source), name)
    form = io.output_format(wanted, fallback=header.format) if wanted else header.format
    return header, planned(job, header, form, limits, name, target=target)


def _part(plan: Plan, shape: Shape, writing: Writing, name: str) -> Part | None:
    return part_of(plan, shape, name, verify=writing.verify, seed=writing.seed)
