"""
Image -> bytes of a format that can hold it; what can't be held is refused or listed, never lost.

    losses(image, "BMP") -> ("BMP keeps no ICC profile", ...)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict, Unpack

from convcli.errors import ConvError, OutputError
from convcli.io.formats import FORMATS, LEVELLED, TEXTS, Format

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from convcli.io.arrival import Ready
    from convcli.io.image import Image

QUALITY, COMPRESS = 95, 1
"""What is taken where nothing is said: hardly visible losses; the quickest of the small files."""

_SETTINGS = {
    "quality": "quality to choose",
    "compress": "level of compression",
    "compression": "choice of compressions",
    "tile": "tiles",
}
_NAMED = {
    "icc": "ICC profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "dpi": "resolution",
    "comment": "comment",
    "sound": "sample rate",
}
_COLOUR = {b"gAMA", b"cHRM", b"cICP"}  # sRGB is what is taken where nothing is said
_USUAL = (b"gAMA", (45455).to_bytes(4, "big"))  # 1 / 2.2, as good as sRGB
_BITS = {"uint8": 8, "uint16": 16}
# JPEG could have 65535, but libjpeg, which most programs read it with, stops at 65500.
_LONGEST = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65536, "GIF": 65535}


class Choices(TypedDict, total=False):
    """
    What the user may choose, None for what is usual.

    `quality` 1 to 100 for JPEG, WebP and AVIF, 95 unless given; `compress` 0 to 9 for PNG and TIFF,
    1 unless given; `compression` and `tile`, the side of tiles, for TIFF; `lossless` for WebP;
    `threads` at most for PNG, JPEG and TIFF, all processors unless given.
    """

    quality: int | None
    compress: int | None
    compression: str | None
    tile: int | None
    lossless: bool
    threads: int | None


def encode(
    image: Image,
    format: str,  # noqa: A002 - the word users see
    *,
    name: str = "The picture",
    **choices: Unpack[Choices],
) -> bytes:
    """File contents of `image` in `format`, whole; see `encoding`."""
    return b"".join(encoding(image, format, name=name, **choices))


def encoding(
    image: Image,
    format: str,  # noqa: A002 - as above
    *,
    name: str = "The picture",
    **choices: Unpack[Choices],
) -> Generator[bytes, None, None]:
    """
    File contents of `image` in `format`, a key of FORMATS, piece by piece as its rows get ready.

    `name` begins the messages.
    OutputError, with the cure, where depth, alpha, size or kind of samples do not fit the format.
    What `image.ready` raises is not the format's, and comes out as it is.
    """
    check_fit(image, format, name=name)
    others: list[BaseException] = []
    image = replace(image, ready=partial(_noting, image.ready, others))
    try:
        yield from _pieces(image, FORMATS[format], choices)
    except (ConvError, ImportError, NameError):  # the latter two are ours, not the picture's
        raise
    except MemoryError as error:
        if error in others:
            raise
        raise OutputError(
            f"{name} does not fit into memory as {format}.", cause="memory"
        ) from error
    except Exception as error:  # encoders throw anything
        if error in others:
            raise
        reason = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise OutputError(f"{name} can't be written as {format}: {reason}.") from error


def _noting(ready: Ready, errors: list[BaseException], rows: int) -> None:
    try:
        ready(rows)
    except BaseException as error:
        errors.append(error)
        raise


def _pieces(image: Image, row: Format, choices: Choices) -> Iterator[bytes]:
    """PNG and JPEG are encoded while rows come, the others when all are there."""
    quality, compress = choices.get("quality"), choices.get("compress")
    quality = QUALITY if quality is None else quality
    compress = COMPRESS if compress is None else compress
    threads = choices.get("threads")
    if row.name == "PNG":
        from convcli.io import png

        return png.encode(image, compress=compress, threads=threads)
    if row.name == "JPEG":
        from convcli.io import jpeg_write

        return jpeg_write.encode(image, quality=quality, threads=threads)
    image.ready(len(image.samples))
    if row.name == "WAV":
        from convcli.io import wav_write

        return wav_write.encode(image)
    if row.name == "TIFF":
        from convcli.io import tiff_write

        compression, tile = choices.get("compression"), choices.get("tile")
        whole = tiff_write.encode(
            image, compress=compress, compression=compression, tile=tile, threads=threads
        )
    else:
        lossless = choices.get("lossless", False)
        whole = _encoded(image, row, quality=quality, lossless=lossless)
    return iter((whole,))


def _encoded(image: Image, row: Format, *, quality: int, lossless: bool) -> bytes:
    if row.name == "NPY":
        from convcli.io import npy

        return npy.encode(image)
    if row.name in TEXTS:
        from convcli.io import csv_text

        return csv_text.encode(image, TEXTS[row.name])
    if row.name in {"PGM", "PPM", "PNM", "PAM", "PFM"}:
        from convcli.io import pnm_write

        return pnm_write.encode(image, row.name)
    if row.name == "GIF" and image.layout != "grey":
        from convcli.io import gif_write

        return gif_write.encode(image)
    from convcli.io import pillow_write

    return pillow_write.encode(image, row.name, quality=quality, lossless=lossless)


def check_fit(image: Image, format: str, *, name: str = "The picture") -> None:  # noqa: A002 - as above
    """Nothing, or the OutputError that `encode` would raise, before any work is done."""
    row, dtype = FORMATS[format], image.samples.dtype.name
    if not row.writable:
        raise OutputError(f"convcli reads {format} files, but does not write them.", "Write PNG.")
    if image.layout not in row.layouts:
        raise _layout_error(image, row, name)
    if dtype not in row.dtypes:
        raise _depth_error(dtype, row, name)
    rows, columns, channels = image.samples.shape
    if format in TEXTS and channels > 1:
        raise OutputError(
            f"{name} has {channels} channels; {format} holds one.",
            "Write .npy, or make one of them: --channels sum.",
        )
    if image.layout == "sound" and rows > 1:
        raise OutputError(
            f"{name} has {rows:,} rows; {format} holds sound: one row of samples.",
            "Write .npy, or read a signal: numbers of one row.",
        )
    if max(rows, columns) > _LONGEST.get(format, max(rows, columns)):
        raise OutputError(
            f"{name} is {columns} x {rows} pixels; {format} ends at {_LONGEST[format]} a side.",
            "Write PNG or TIFF.",
        )


def _layout_error(image: Image, row: Format, name: str) -> OutputError:
    if image.layout == "sound":
        return OutputError(
            f"{name} is sound, not a picture; {row.name} holds pictures.", "Write .wav or .npy."
        )
    if row.name == "WAV":
        return OutputError(
            f"{name} is a picture; WAV holds sound: one row of samples.",
            "Write PNG; or take numbers of one row, .npy or .csv, for sound.",
        )
    if image.layout == "numbers":
        return OutputError(
            f"{name} holds numbers, not a picture; {row.name} holds pictures.",
            "Write .npy, .csv or TIFF, or say --depth 8 or 16 to make it a picture.",
        )
    colourless = image.layout.removesuffix("+alpha") not in row.layouts
    if image.alpha and not colourless:
        return OutputError(
            f"{name} has alpha; {row.name} holds none.", "Say --alpha drop, or write PNG."
        )
    if row.name in TEXTS:
        channels = image.samples.shape[2]
        return OutputError(f"{name} has {channels} channels; {row.name} holds one.", "Write .npy.")
    kinds = " or ".join(sorted(row.layouts))
    return OutputError(
        f"{name} is {image.layout}; convcli writes {row.name} of {kinds} only.", "Write PNG."
    )


def _depth_error(dtype: str, row: Format, name: str) -> OutputError:
    deepest = max((_BITS.get(kind, 0) for kind in row.dtypes), default=0)
    wide = "Write PNG or TIFF" if dtype == "uint16" else "Write TIFF or .npy"
    if dtype == "uint16" and deepest:
        return OutputError(
            f"{name} has 16 bits per channel; {row.name} holds 8.",
            f"{wide}, or say --depth 8 to accept the loss.",
        )
    held = f"whole numbers of {deepest} bits" if deepest else " or ".join(sorted(row.dtypes))
    return OutputError(
        f"{name} has {dtype} samples; {row.name} holds {held}.",
        f"{wide}, or say --depth {deepest or 'float'} to convert them.",
    )


def losses(image: Image, format: str) -> tuple[str, ...]:  # noqa: A002 - as above
    """What writing `image` in `format` leaves behind, as sentences; empty where all is kept."""
    row, metadata = FORMATS[format], image.metadata
    lost = [
        f"{row.name} keeps no {words}"
        for field, words in _NAMED.items()
        if getattr(metadata, field) and field not in row.keeps
    ]
    texts = sum(kind in {b"tEXt", b"zTXt", b"iTXt"} for kind, _ in metadata.png)
    if texts and "png" not in row.keeps:
        lost.append(f"{row.name} keeps no PNG text ({texts} left out)")
    described = (chunk for chunk in metadata.png if chunk != _USUAL)
    colour = " ".join(kind.decode() for kind, _ in described if kind in _COLOUR)
    if colour and not metadata.icc and "png" not in row.keeps:
        lost.append(f"{row.name} keeps no PNG description of colour ({colour} left out)")
    if row.grey_becomes_rgb and image.layout.startswith("grey"):
        lost.append(f"{row.name} has no grey: written as three equal channels")
    if row.name == "WAV" and not metadata.sound:
        from convcli.io.sound import RATE

        lost.append(f"nothing tells the sample rate: {RATE:,} samples a second written")
    if row.name == "JPEG":
        from convcli.io import jpeg_write

        lost.extend(jpeg_write.losses(metadata))
    if row.name == "TIFF" and metadata.exif:
        from convcli.io import tiff_exif

        lost.extend(tiff_exif.losses(metadata.exif))
    if row.name == "GIF" and image.layout != "grey":
        from convcli.io import gif_write

        lost.extend(gif_write.losses(image))
    return tuple(lost)


def unused(format: str, **said: int | str | None) -> tuple[str, ...]:  # noqa: A002 - as above
    """What was said of _SETTINGS, but means nothing to `format`, as sentences."""
    row, kind = FORMATS[format], said.get("compression")
    known = {row.setting} | ({"compression", "tile"} if row.name == "TIFF" else set())
    vain = {
        setting: f"{row.name} has no {_SETTINGS[setting]}"
        for setting in said
        if setting not in known
    }
    if row.name == "TIFF" and kind not in {None, *LEVELLED}:
        vain["compress"] = f"--compression {kind} has no levels"
    return tuple(
        f"{vain[setting]}: --{setting} {value} changed nothing"
        for setting, value in said.items()
        if value is not None and setting in vain
    )
