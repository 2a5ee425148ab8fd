"""
Kernels kept as bare numbers: .txt and .csv (the grammar of `matrix.py`), .npy, grey .png and .pgm.

A text file is read like an inline matrix. An array file is read as it is, without a scale; of a
picture the grey levels are the weights, usually with `scale: sum` beside it. After `-k` a picture
is a point spread function: see `exchange.picture`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.document import MISSING, Broken, Findings, read_text, refusal
from convcli.kernels.kernel import MAX_CELLS, Kernel
from convcli.wording import printable

if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from numpy.typing import NDArray

_GREY: Final = {"1", "L", "I", "I;16", "I;16B"}
PICTURES: Final = (".png", ".pgm")
SUFFIXES: Final = (".csv", ".txt", ".npy", *PICTURES)


def read_numbers(name: str | Path) -> Kernel:
    """Read a kernel from a file of numbers, by its suffix; every failure is a `KernelError`."""
    path = Path(name)
    where = printable(str(path))
    try:
        if path.suffix.lower() == ".npy":
            return _from_array(_array(path), where)
        if path.suffix.lower() in PICTURES:
            with path.open("rb") as file:
                return read_levels(file, where)
    except FileNotFoundError:
        raise KernelError(f"{where}: {MISSING}", "Check the spelling, and the folder.") from None
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        # The last two are what NumPy and Pillow raise for files that end early.
        raise KernelError(f"{where}: cannot be read: {str(error).splitlines()[0]}") from error
    return _from_text(path, where)


def read_levels(file: BinaryIO, where: str) -> Kernel:
    """Read the grey levels of a PNG or PGM, without a scale; OSError and the like if damaged."""
    return _from_array(_grey_levels(file, where), where)


def _from_text(path: Path, where: str) -> Kernel:
    from convcli.kernels.matrix import kernel_of, scan

    findings = Findings(str(path))
    try:
        text = read_text(path, findings)
    except Broken as error:
        raise refusal(findings.faults) from error
    return kernel_of(scan(text), text, where)


def _array(path: Path) -> NDArray[Any]:
    import numpy as np

    # Mapped, so that the size is known before anything is read; pickles can run code.
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _grey_levels(file: BinaryIO, where: str) -> NDArray[Any]:
    import numpy as np
    from PIL import Image

    with Image.open(file, formats=["PNG", "PPM"]) as picture:
        if picture.mode not in _GREY:
            raise KernelError(f"{where}: is not a grey picture ({picture.mode})")
        if picture.width * picture.height > MAX_CELLS:
            raise KernelError(f"{where}: more than {MAX_CELLS} weights")
        return np.asarray(picture)


def _from_array(array: NDArray[Any], where: str) -> Kernel:
    if array.dtype.kind not in "biuf":
        raise KernelError(f"{where}: holds {array.dtype} values; weights are real numbers")
    if array.ndim not in {1, 2} or array.size == 0:
        raise KernelError(f"{where}: has shape {array.shape}; a kernel has rows and columns")
    if array.size > MAX_CELLS:
        raise KernelError(f"{where}: more than {MAX_CELLS} weights")
    rows = array.reshape(-1, array.shape[-1]).astype(float).tolist()
    return Kernel(tuple(map(tuple, rows)))
