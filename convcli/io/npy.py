"""
.npy <-> numbers of any dtype, in rows, columns, channels.

    1-D -> one row    2-D -> rows, columns    3-D -> rows, columns, channels

`Image.ndim` remembers which, so that what came as a line goes as a line.
"""

from __future__ import annotations

import ast
import re
from io import BytesIO
from typing import Any

from convcli.errors import InputError
from convcli.io.image import Header, Image, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.settle import native

_MAGIC = b"\x93NUMPY"
_HEADER_LIMIT = 10_000  # bytes; numpy's own limit
_DESCR = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")  # long doubles have 12 or 16 bytes
_SOLID = 3  # dimensions that an image has


def _npy_header(data: bytes, name: str) -> tuple[Any, tuple[int, ...], bool, int]:
    """(dtype, shape, fortran order, offset of the first number) of a .npy file."""
    import numpy as np

    size = 2 if data[6:7] == b"\1" else 4
    start = 8 + size
    length = int.from_bytes(data[8:start], "little")
    if data[:6] != _MAGIC or data[6] not in {1, 2} or not 0 < length <= _HEADER_LIMIT:
        raise damaged(name, "its .npy header is none convcli knows")
    descr, shape, fortran = _fields(data[start : start + length], name)
    if not isinstance(descr, str) or not _DESCR.fullmatch(descr):
        raise InputError(
            f"{name} holds {descr!r}.", "convcli takes bool, integers and floats of up to 64 bits."
        )
    whole = isinstance(shape, tuple) and all(type(side) is int and side > 0 for side in shape)
    if not whole or not 1 <= len(shape) <= _SOLID:
        raise InputError(
            f"{name} has shape {shape!r}.",
            "convcli takes 1, 2 or 3 dimensions, none of them empty.",
        )
    return np.dtype(descr), shape, bool(fortran), start + length


def _fields(header: bytes, name: str) -> tuple[Any, Any, Any]:
    """What the header names: dtype, shape and order; MemoryError and RecursionError are its own."""
    try:
        said = ast.literal_eval(header.decode("latin-1").strip())
        return said["descr"], said["shape"], said["fortran_order"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise damaged(name, "its .npy header names no dtype, shape and order") from None


def _sides(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 1:
        return 1, shape[0], 1
    return shape[0], shape[1], shape[2] if len(shape) == _SOLID else 1


def probe(data: bytes, name: str) -> Header:
    """Header of a .npy file."""
    dtype, shape, _, _ = _npy_header(data, name)
    rows, columns, channels = _sides(shape)
    kind = dtype.newbyteorder("=").name
    signal = len(shape) == 1
    return Header("NPY", columns, rows, channels, kind, "numbers", bytes=len(data), signal=signal)


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """Numbers of a .npy file, dtype kept; pickled objects are never read."""
    import numpy as np

    dtype, shape, fortran, start = _npy_header(data, name)
    rows, columns, channels = _sides(shape)
    check_size(name, columns, rows * channels, None if max_pixels is None else max_pixels * 4)
    check_size(name, columns, rows, max_pixels)
    size = rows * columns * channels * dtype.itemsize
    if len(data) - start < size:
        raise damaged(name, f"it holds {len(data) - start} bytes, its header says {size}")
    flat = np.frombuffer(data, dtype, rows * columns * channels, start)
    array = flat.reshape(shape, order="F" if fortran else "C").reshape(rows, columns, channels)
    return Image(np.array(native(array), order="C"), "numbers", ndim=len(shape))


def encode(image: Image) -> bytes:
    """.npy version 1.0, C order, the dtype of the samples."""
    import numpy as np

    stream = BytesIO()
    np.lib.format.write_array(stream, _as_it_came(image), allow_pickle=False)
    return stream.getvalue()


def _as_it_came(image: Image) -> Samples:
    """Samples with the dimensions the input had, where they still fit; a column stands upright."""
    if image.column and image.ndim > 1:
        return image.samples.reshape(image.samples.shape[1:])
    rows, columns, channels = image.samples.shape
    if channels > 1 or (image.ndim == _SOLID and image.layout == "numbers"):
        return image.samples
    if image.ndim == 1 and rows == 1:
        return image.samples.reshape(columns)
    return image.samples.reshape(rows, columns)
