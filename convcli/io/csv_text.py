"""
Text of numbers <-> numbers: one row a line; commas, semicolons, tabs or blanks between.

    # comments, to the end of the line
    1, 2, 3
    4, 5, 6        int64 (or uint64) where all are whole, else float64

One line, or one number a line, is a signal: its samples are one row, and it is written as it stood.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convcli.errors import InputError, OutputError
from convcli.io.image import Header, Image
from convcli.io.limits import check_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WHOLE = re.compile(r"[-+]?[0-9]{1,20}")
_PLAIN = 2  # dimensions that text can hold


def _csv_lines(data: bytes, name: str) -> list[tuple[int, str]]:
    """(line number, text) of the lines that hold numbers."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not text in UTF-8: {error.reason}.", "Save it as UTF-8."
        ) from None
    bare = (
        (at, line.partition("#")[0].strip(" \r")) for at, line in enumerate(text.split("\n"), 1)
    )
    lines = [(at, line) for at, line in bare if line.strip()]
    if not lines:
        raise InputError(f"{name} holds no numbers.", "Only comments and empty lines were found.")
    return lines


def _splitter(line: str) -> Callable[[str], list[str]]:
    """How to cut lines like this one: at tabs, semicolons, commas, else blanks."""
    for mark in "\t;,":
        if mark in line:
            return lambda text: text.split(mark)
    return str.split


def probe(data: bytes, name: str) -> Header:
    """Header of a text of numbers: the sides by its first line, the dtype by all of it."""
    lines = _csv_lines(data, name)
    columns = len(_splitter(lines[0][1])(lines[0][1]))
    words = re.sub(r"[,;]", " ", "\n".join(line for _, line in lines)).split()
    if not words:
        raise _not_a_number("", f"{name}:{lines[0][0]}, column 1")
    whole = all(map(_WHOLE.fullmatch, words))
    dtype = _dtype([int(word) for word in words] if whole else [0.0])
    rows, columns = _laid(len(lines), columns)
    return Header("CSV", columns, rows, 1, dtype, "numbers", bytes=len(data), signal=rows == 1)


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """
    Numbers of a text: int64 where all are whole, else float64.

    InputError with file:line for a row of another length and for what is not a number.
    """
    import numpy as np

    lines = _csv_lines(data, name)
    split = _splitter(lines[0][1])
    columns = len(split(lines[0][1]))
    check_size(name, columns, len(lines), max_pixels)
    values = _values(lines, split, columns, name)
    shape = _laid(len(lines), columns)
    return Image(
        np.array(values, _dtype(values)).reshape(*shape, 1),
        "numbers",
        ndim=min(len(lines), _PLAIN),
        column=len(lines) > shape[0],
    )


def _values(
    lines: list[tuple[int, str]], split: Callable[[str], list[str]], columns: int, name: str
) -> list[float]:
    """All numbers in a row, int where all are whole; a word's place is made only to complain."""
    rows = [split(line) for _, line in lines]
    words = [word.strip() for row in rows for word in row]
    even = all(len(row) == columns for row in rows)
    number = int if all(map(_WHOLE.fullmatch, words)) else _number
    try:
        if even:
            return [*map(number, words)]
    except ValueError:
        pass
    raise next(_faults(lines, rows, columns, name))


def _number(word: str) -> float:
    return float(word.replace("_", "?"))  # 1_000 is Python's own idea


def _faults(
    lines: list[tuple[int, str]], rows: list[list[str]], columns: int, name: str
) -> Iterator[InputError]:
    """Rows of another length, and words that are no numbers, in the order of the text."""
    for (line, _), row in zip(lines, rows, strict=True):
        if len(row) != columns:
            numbers = "number" if len(row) == 1 else "numbers"
            told = f"{len(row)} {numbers}, the rows above have {columns}"
            yield InputError(f"{name}:{line}: {told}.", "Make them equal.")
        for at, word in enumerate(map(str.strip, row), 1):
            try:
                _number(word)
            except ValueError:
                yield _not_a_number(word, f"{name}:{line}, column {at}")


def _not_a_number(word: str, place: str) -> InputError:
    return InputError(
        f"{place}: {word[:40]!r} is not a number.",
        "Write 1.5 or 2e-3; begin a heading with #, or leave it out.",
    )


def _laid(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the samples: a column of numbers is a signal, which lies."""
    return (1, rows) if columns == 1 else (rows, columns)


def _dtype(values: list[float]) -> str:
    """The smallest of int64, uint64 and float64 that holds every value."""
    if type(values[0]) is not int:  # one is as all are
        return "float64"
    low, high = min(values), max(values)
    if low >= -(1 << 63) and high < 1 << 63:
        return "int64"
    return "uint64" if low >= 0 and high < 1 << 64 else "float64"


def encode(image: Image, between: str = ",") -> bytes:
    """One line a row, `between` its numbers, each number the shortest that its dtype reads back."""
    if image.samples.shape[2] != 1:
        raise OutputError(
            f"The picture has {image.samples.shape[2]} channels; CSV holds one.",
            "Write .npy, or take one channel.",
        )
    rows = image.samples[0] if image.column else image.samples[:, :, 0]
    if rows.dtype.kind == "f" and rows.itemsize < 8:  # noqa: PLR2004 - bytes of Python's own float
        texts = (map(str, row) for row in rows)  # 0.1, not 0.10000000149011612
    else:
        texts = (map(_shortest, row) for row in rows.tolist())
    return "".join(between.join(row) + "\n" for row in texts).encode()


def _shortest(value: float) -> str:
    return repr(int(value)) if isinstance(value, bool) else repr(value)
