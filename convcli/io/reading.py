"""
bytes -> Header, bytes -> Image: sniff the format, ask its reader, and speak with one voice.

Whatever a decoder throws at a damaged file leaves here as one InputError that names the file.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from convcli.errors import ConvError, InputError
from convcli.io.arrival import Arrival, at_once
from convcli.io.files import read_bytes
from convcli.io.limits import damaged
from convcli.io.sniffing import is_tiff, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcli.io.arrival import Ready
    from convcli.io.film import Film, Shot
    from convcli.io.image import Header, Image

# Imported when a file of the kind is opened: reading a PNG must not import tifffile.
_READERS = {
    "PNG": "png_read", "JPEG": "jpeg", "TIFF": "tiff",
    "PBM": "pnm", "PGM": "pnm", "PPM": "pnm", "PAM": "pnm", "PFM": "pnm",
    "NPY": "npy", "CSV": "csv_text", "WAV": "wav",
}  # fmt: skip

_FILMS = {"PNG": "apng_read", "TIFF": "tiff"}


def probe(data: bytes, name: str) -> Header:
    """
    What `data` says it holds, by its first bytes; samples are never decoded.

    `name` is for messages, and for the few formats without a signature. InputError as in `decode`.
    """
    with one_voice(name):
        found = sniff(data, name)
        if found in _READERS:
            header: Header = _reader(found).probe(data, name)
            return header
        from convcli.io import pillow_read

        return pillow_read.probe(found, data, name)


def header_of(path: str) -> Header:
    """Header of the file at `path`; a TIFF, which may be large, is not read whole. InputError."""
    if is_tiff(path):
        from convcli.io.tiff_window import TiffWindows

        with TiffWindows(path) as windowed:
            return windowed.header
    return probe(read_bytes(path), path)


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """
    Upright samples at full depth, metadata and notes of the file whose contents are `data`.

    The header is held against `max_pixels` (None: no limit) before anything of its size is
    made. InputError, and nothing else, for what is damaged, too large or not an image.
    """
    with decoding(data, name, max_pixels=max_pixels) as image:
        image.ready(len(image.samples))
        return replace(image, ready=at_once)


@contextmanager
def decoding(data: bytes, name: str, *, max_pixels: int | None) -> Iterator[Image]:
    """
    The image of `decode` before all of its rows are there, where the format allows: ask `ready`.

    InputError as in `decode`, here and of `ready`. What is still decoded when the block ends is not
    needed, and ends too.
    """
    with one_voice(name):
        image = _decoded(data, name, max_pixels)
    try:
        yield replace(image, ready=partial(_awaited, image.ready, name))
    finally:
        if isinstance(image.ready, Arrival):
            image.ready.stop()


def _decoded(data: bytes, name: str, max_pixels: int | None) -> Image:
    found = sniff(data, name)
    if found in _READERS:
        image: Image = _reader(found).decode(data, name, max_pixels=max_pixels)
        return image
    from convcli.io import pillow_read

    return pillow_read.decode(found, data, name, max_pixels=max_pixels)


def _awaited(ready: Ready, name: str, rows: int) -> None:
    with one_voice(name):
        ready(rows)


def open_film(data: bytes, name: str, *, max_pixels: int | None) -> Film:
    """
    Every picture of the file, to be decoded one by one; see `Film`.

    Sizes are held against `max_pixels`, and those of all frames together against TOGETHER times
    that. InputError as in `decode`, here and while the film runs.
    """
    with one_voice(name):
        found = sniff(data, name)
        if found in _FILMS:
            film: Film = importlib.import_module(f"convcli.io.{_FILMS[found]}").film(
                data, name, max_pixels=max_pixels
            )
        elif not has_film(found):
            raise InputError(
                f"{name}: of a {found} file convcli reads the first picture only.",
                "Say --frames first.",
                cause="unsupported",
            )
        else:
            from convcli.io import pillow_read

            film = pillow_read.film(found, data, name, max_pixels=max_pixels)
    return replace(film, shots=partial(_spoken, film.shots, name))


def has_film(format_name: str) -> bool:
    """Whether `open_film` reads more than the first picture of such files."""
    return format_name in _FILMS or format_name not in _READERS


def _spoken(shots: Callable[[int], Iterator[Shot]], name: str, start: int) -> Iterator[Shot]:
    with one_voice(name):
        yield from shots(start)


def _reader(format_name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - modules of one shape
    return importlib.import_module(f"convcli.io.{_READERS[format_name]}")


@contextmanager
def one_voice(name: str) -> Iterator[None]:
    """Whatever a decoder throws inside becomes one InputError that names the file."""
    try:
        yield
    except (ConvError, ImportError, NameError):  # the latter two are ours, not the file's
        raise
    except MemoryError as error:
        raise InputError(
            f"{name} does not fit into memory.", "Lower --max-pixels.", cause="memory"
        ) from error
    except Exception as error:  # decoders throw anything
        if type(error).__name__.startswith("DecompressionBomb"):  # Pillow's, not imported here
            raise InputError(
                f"{name} is too large: {_reason(error)}.", "It is a bomb.", cause="too-large"
            ) from error
        raise damaged(name, _reason(error)) from error


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {words[:200]}" if words else type(error).__name__
