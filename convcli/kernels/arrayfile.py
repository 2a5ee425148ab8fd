"""
Weights of layers kept as arrays beside a kernel file.

    weights: conv1.npy               the one array of a .npy file
    weights: net.npz:conv1.weight    one of several, by its name; the name may be left out of one

Shape and type are read first, from the array's header: what is too large, or no array of real
numbers, is refused before a number of it is. Pickles, which can run code, are never read.
"""

from __future__ import annotations

import zipfile
import zlib
from contextlib import contextmanager
from math import prod
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from convcli.errors import KernelError
from convcli.kernels.document import MISSING
from convcli.kernels.number import shown
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MOST_WEIGHTS: Final = 4_000_000
_SHAPES: Final = {4: "(filter, channel, row, column)", 1: "(filter,)"}
_SHOWN: Final = 10


@record
class Reference:
    """A file's name, and that of an array in it; empty where the file holds one."""

    file: str
    array: str = ""

    @classmethod
    def parse(cls, text: str, key: str) -> Reference:
        """`net.npz:conv1.weight` or `conv1.npy`; KernelError for anything else."""
        name, colon, array = text.strip().partition(".npz:")
        if colon and array:
            return cls(f"{name}.npz", array)
        if text.lower().endswith((".npy", ".npz")):
            return cls(text.strip())
        raise KernelError(
            f"'{key}' {shown(text)} is neither numbers nor a file",
            "Write a list, file.npy, or file.npz:name.",
        )


def read_array(reference: Reference, folder: Path, axes: int) -> Values:
    """
    float64 of the shape it has in the file, with so many axes; KernelError says what is wrong.

    A file outside the folder is refused unread.
    """
    try:
        path = folder / reference.file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise KernelError(f"{shown(reference.file)} lies outside the folder of this file")
        if not path.is_file():
            raise KernelError(f"{shown(reference.file)} {MISSING}")
        with _opened(path, reference) as stream:
            return _checked(stream, reference, axes)
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).split("\n", maxsplit=1)[0][:80] or "it ends early"
        raise KernelError(f"{shown(reference.file)} cannot be read: {reason}") from error


@contextmanager
def _opened(path: Path, reference: Reference) -> Iterator[IO[bytes]]:
    if path.suffix.lower() == ".npy":
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive, archive.open(_member(archive, reference)) as member:
        yield member


def _member(archive: zipfile.ZipFile, reference: Reference) -> str:
    names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    wanted = reference.array or (names[0] if len(names) == 1 else "")
    if wanted in names:
        return f"{wanted}.npy"
    listed = ", ".join(map(shown, names[:_SHOWN])) + ", ..." * (len(names) > _SHOWN)
    missing = f"has no {shown(wanted)}" if wanted else f"holds {len(names)} arrays"
    raise KernelError(
        f"{shown(reference.file)} {missing}", f"Say which, as {reference.file}:name: {listed}."
    )


def _checked(stream: IO[bytes], reference: Reference, axes: int) -> Values:
    shape, fortran, dtype = _header(stream)
    where = shown(f"{reference.file}:{reference.array}" if reference.array else reference.file)
    if dtype.kind not in "biuf":
        raise KernelError(f"{where} holds {dtype}; weights are real numbers")
    if len(shape) != axes or not prod(shape):
        raise KernelError(f"{where} has shape {shape}; needed is {_SHAPES[axes]}")
    if prod(shape) > MOST_WEIGHTS:
        raise KernelError(f"{where} has more than {MOST_WEIGHTS:,} weights")
    size = prod(shape) * dtype.itemsize
    data = stream.read(size)
    if len(data) < size:
        raise KernelError(f"{where} ends after {len(data):,} bytes of {size:,}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    values: Values = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(values).all():
        raise KernelError(f"{where} holds NaN or infinity; weights are finite")
    return values


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise KernelError(f"a .npy file of version {version[0]}.{version[1]}, not 1.0 or 2.0")
    return read(stream)
