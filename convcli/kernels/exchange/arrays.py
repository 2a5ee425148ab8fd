"""
Numbers alone: .csv files by the separators of spreadsheets, and NumPy's .npz.

    1,2,1           1;2;1        1<tab>2<tab>1        rows of numbers, # comments
    2,4,2           2;4;2        2<tab>4<tab>2     (with ; a comma is a decimal point: 0,5;1)

    .npz    weights, or matrix and scale; anchor, bias, operation where they are known
    .npy    read by `numberfile`: plain rows and columns

Neither CSV nor .npy states a convention: numbers are written for true convolution, as convcli (and
scipy.signal.convolve2d) reads them. A bank of torch (filter, channel, row, column) with one filter
and one channel is one kernel, correlated.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convcli.errors import KernelError
from convcli.kernels.document import unix
from convcli.kernels.exchange import MAX_BYTES, Written
from convcli.kernels.exchange.laid import each, laid, lines, made
from convcli.kernels.exchange.page import Page
from convcli.kernels.kernel import MAX_CELLS, OPERATIONS, Bias, Kernel
from convcli.kernels.matrix import kernel_of, scan
from convcli.kernels.numberfile import spreadsheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.kernel import Recipe

_BANK: Final = 4
_NAMES: Final = ("matrix", "weights", "kernel", "arr_0")


def sniff_csv(data: bytes, suffix: str) -> bool:
    """Several lines of cells apart by semicolons, one number in each."""
    text = unix(data.decode(errors="replace")) if suffix == ".csv" else ""
    return spreadsheet(text) != text


def read_csv(data: bytes, where: str) -> Recipe:
    """Cells apart by semicolons; all others `numberfile` reads."""
    text = spreadsheet(Page.of(data, where).text)
    return replace(made(kernel_of(scan(text), text, where), where, "convolve"), operation=None)


def write_csv(recipe: Recipe) -> Written:
    """Rows of numbers, the scale multiplied in; zeros around where the anchor is no middle."""
    one = laid(recipe, "convolve", "CSV")
    if one.anchor != ((one.rows - 1) // 2, (one.columns - 1) // 2):
        one = one.centred()
    bias = one.without_bias("add --bias {level:g}")
    note = () if _same(recipe) else ("the numbers are for true convolution",)
    return Written(f"{lines(one.weights, ',')}\n".encode(), (*one.notes, *bias, *note))


def sniff_numpy(data: bytes, suffix: str) -> bool:
    """A ZIP of that suffix."""
    return suffix == ".npz" and data.startswith(b"PK")


def read_numpy(data: bytes, where: str) -> Recipe:
    """The arrays of an .npz by their names; nothing is unpickled, nothing large is unpacked."""
    parts = _unpacked(data, where)
    known = [str(name) for name in _NAMES if name in parts]
    known = known or [name for name, array in parts.items() if array.ndim > 1]
    if len(known) != 1:
        raise KernelError(
            f"{where}: {len(known)} arrays could be the kernel: {', '.join(known)[:80]}.",
            "Call it matrix: numpy.savez('kernel.npz', matrix=...)",
        )
    bank = parts[known[0]]
    matrix = _matrix(bank, where)
    anchor = parts.get("anchor")
    kernel = Kernel(
        matrix,
        float(_scalar(parts, "scale", 1.0, where)),
        (int(anchor[0]), int(anchor[1])) if anchor is not None and anchor.shape == (2,) else None,
    )
    said = str(_scalar(parts, "operation", "", where))
    stated = next((word for word in OPERATIONS if word == said), None)
    stated = stated or ("correlate" if bank.ndim == _BANK else None)
    bias = Bias(
        float(_scalar(parts, "bias", 0.0, where)), float(_scalar(parts, "bias_share", 0.0, where))
    )
    return replace(made(kernel, where, "convolve"), operation=stated, bias=bias)


def write_numpy(recipe: Recipe) -> Written:
    """An .npz with all of it: matrix, scale, anchor, bias, bias_share, operation."""
    import numpy as np

    one = laid(recipe, recipe.operation or "convolve", "An .npz")  # never turned: it says which
    whole: dict[str, Any] = {
        "matrix": np.array(one.matrix, dtype=np.float64),
        "scale": np.float64(one.scale),
        "anchor": np.array(one.anchor),
        "bias": np.float64(recipe.bias.value),
        "bias_share": np.float64(recipe.bias.share),
        "operation": np.array(recipe.operation or ""),
    }
    out = io.BytesIO()
    np.savez(out, **whole)
    return Written(out.getvalue(), one.notes)


def _same(recipe: Recipe) -> bool:
    return all(kernel.flip_invariant for kernel in each(recipe, "convolve"))


def _unpacked(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    import zipfile
    import zlib

    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(info.file_size for info in packed.infolist())
        if size > MAX_BYTES:
            raise KernelError(f"{where}: unpacks to more than {MAX_BYTES // 1_000_000} MB")
        with np.load(io.BytesIO(data), allow_pickle=False) as parts:
            return {name: np.asarray(parts[name]) for name in parts.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError,
            RuntimeError) as error:  # fmt: skip
        raise KernelError(f"{where}: cannot be read: {str(error).splitlines()[0]}") from None


def _matrix(array: NDArray[Any], where: str) -> tuple[tuple[float, ...], ...]:
    if array.dtype.kind not in "biuf" or not array.size or array.size > MAX_CELLS:
        raise KernelError(
            f"{where}: {array.size} cells of {array.dtype}; weights are numbers,"
            f" {MAX_CELLS} at most"
        )
    sides = array.shape[-2:] if array.ndim > 1 else (1, array.size)
    if sides[0] * sides[1] != array.size:
        raise KernelError(
            f"{where}: has shape {array.shape}: a bank of several filters or channels",
            "Name it in a kernel file under 'layers:', or keep one filter of one channel.",
        )
    return tuple(map(tuple, array.reshape(sides).astype(float).tolist()))


def _scalar(parts: dict[str, NDArray[Any]], name: str, default: Any, where: str) -> Any:  # noqa: ANN401 - a number or a word
    if name not in parts:
        return default
    wanted = "U" if isinstance(default, str) else "biuf"
    if parts[name].size != 1 or parts[name].dtype.kind not in wanted:
        raise KernelError(f"{where}: '{name}' is one value, not {parts[name].shape}")
    return parts[name].item()
