"""
Kernels kept as bare numbers: .txt and .csv (the grammar of `matrix.py`), .npy, grey .png and .pgm.

A text file is read like an inline matrix. An array file is read as it is, without a scale; of a
picture the grey levels are the weights, usually with `scale: sum` beside it. After `-k` a picture
is a point spread function: see `exchange.picture`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.document import MISSING, Broken, Findings, read_text, refusal
from convcli.kernels.kernel import MAX_CELLS, Kernel
from convcli.wording import printable

if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from numpy.typing import NDArray

_BYTE, _WORD = 255, 65535
_PGM: Final = re.compile(rb"P[25](?:(?:\s|#[^\n\r]*[\n\r])+(\d{1,5})){3}(?=\s)")
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
    if path.suffix.lower() == ".csv":
        text = spreadsheet(text)
    return kernel_of(scan(text), text, where)


def spreadsheet(text: str) -> str:
    """
    `0,5;1` over `1;0,5` as `0.5,1` over `1,0.5`: cells apart by semicolons, points by commas.

    So spreadsheets write where the comma is the decimal point: several lines, as many semicolons
    in each, one number between. All other text stays as it is, `1 2 1; 2 4 2` too.
    """
    bare = [row for row in (line.partition("#")[0] for line in text.split("\n")) if row.strip()]
    counts = {row.count(";") for row in bare}
    alone = all(len(cell.split()) == 1 for row in bare for cell in row.split(";"))
    if len(bare) < 2 or len(counts) != 1 or counts == {0} or not alone:  # noqa: PLR2004 - in one line they end rows
        return text
    return text.replace(",", ".").replace(";", ",")


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
        levels = np.asarray(picture)
        most = _greatest(file) if picture.format == "PPM" else 0
    if most in {0, _BYTE, _WORD}:
        return levels
    # Pillow stretches them to the full range and rounds: this takes every one back.
    return np.rint(levels.astype(float) * most / (_BYTE if most < _BYTE else _WORD))


def _greatest(file: BinaryIO) -> int:
    """The level that a PGM calls white; 0 where its header does not say."""
    file.seek(0)
    header = _PGM.match(file.read(4096))
    return int(header[1]) if header else 0


def _from_array(array: NDArray[Any], where: str) -> Kernel:
    if array.dtype.kind not in "biuf":
        raise KernelError(f"{where}: holds {array.dtype} values; weights are real numbers")
    if array.ndim not in {1, 2} or array.size == 0:
        raise KernelError(f"{where}: has shape {array.shape}; a kernel has rows and columns")
    if array.size > MAX_CELLS:
        raise KernelError(f"{where}: more than {MAX_CELLS} weights")
    rows = array.reshape(-1, array.shape[-1]).astype(float).tolist()
    return Kernel(tuple(map(tuple, rows)))
