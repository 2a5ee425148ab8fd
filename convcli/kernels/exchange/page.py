"""
A text of another program, read number by number; every mistake is told with its line.

    kernel.mat:3:7: 'x' is not a number
        2 | 0 -1 0
        3 | -1 5 x
                 ^
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.document import excerpt, unix
from convcli.kernels.kernel import MAX_CELLS
from convcli.kernels.number import parse_number, wrong_with
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.kernels.kernel import Matrix

CELL: Final = re.compile(r"[^\s,;|]+")
_BLANKS: Final = str.maketrans(",;|", "   ")
_PLAIN: Final = re.compile(r"[0-9eE+\-.,;|\s]*")
COUNTED: Final = re.compile(r"0*[1-9][0-9]{0,5}")


@record
class Page:
    """The text, and the name it goes by in messages."""

    text: str
    where: str

    @classmethod
    def of(cls, data: bytes, where: str) -> Page:
        """Decode; `KernelError` for what is not UTF-8."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise KernelError(
                f"{where}:{line}: is not UTF-8: byte 0x{data[error.start]:02x} at offset"
                f" {error.start}",
                "Save the file as UTF-8.",
            ) from None
        return cls(unix(text), where)

    def wrong(self, at: int, text: str, hint: str = "") -> KernelError:
        """An error at a position of the text, with the line and a caret."""
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        shown = excerpt(self.text.split("\n"), line, column)
        return KernelError(f"{self.where}:{line}:{column}: {text}\n{shown}", hint)

    def number(self, text: str, at: int) -> float:
        """One finite number that stands at a position."""
        number = parse_number(text)
        if wrong := wrong_with(text, number):
            raise self.wrong(at, wrong)
        return float(number or 0.0)

    def numbers(self, start: int = 0, stop: int | None = None) -> list[float]:
        """All numbers between two positions, apart by blanks, commas, semicolons or bars."""
        body = self.text[start:stop]
        words = body.translate(_BLANKS).split()
        if len(words) > MAX_CELLS:
            raise self.wrong(start, f"more than {MAX_CELLS} numbers")
        quick = _quick(body, words)
        if quick is not None:
            return quick
        return [self.number(cell[0], cell.start()) for cell in self.cells(start, stop)]

    def cells(self, start: int = 0, stop: int | None = None) -> Iterator[re.Match[str]]:
        """Everything between two positions that stands apart."""
        return CELL.finditer(self.text, start, len(self.text) if stop is None else stop)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line that is not blank, and where it starts."""
        start = 0
        for line in self.text.split("\n"):
            if line.strip():
                yield start, line
            start += len(line) + 1

    def count(self, text: str, at: int, what: str) -> int:
        """A number of rows or columns."""
        if not COUNTED.fullmatch(text) or int(text) > MAX_CELLS:
            raise self.wrong(at, f"{what} is a whole number from 1 to {MAX_CELLS}, not '{text}'")
        return int(text)

    def table(self, cells: list[float], rows: int, columns: int, at: int) -> Matrix:
        """`cells`, row by row; they must be exactly as many."""
        if len(cells) != rows * columns:
            raise self.wrong(
                at, f"{rows} x {columns} weights are {rows * columns} numbers, not {len(cells)}"
            )
        return tuple(tuple(cells[row * columns : (row + 1) * columns]) for row in range(rows))

    def square(self, cells: list[float], at: int) -> Matrix:
        """`cells` as a square, row by row."""
        side = math.isqrt(len(cells))
        if not cells or side * side != len(cells):
            raise self.wrong(at, f"{len(cells)} numbers make no square: 9, 25, 49 do")
        return self.table(cells, side, side, at)


def _quick(body: str, words: list[str]) -> list[float] | None:
    """Plain decimals, a million in half a second; None wherever there is more to say."""
    if not _PLAIN.fullmatch(body):
        return None
    try:
        numbers = list(map(float, words))
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def looks_like(data: bytes, pattern: str) -> bool:
    """Whether a text matches from its beginning, blanks and byte-order mark aside."""
    return re.match(rb"(?:\xef\xbb\xbf)?\s*" + pattern.encode(), data) is not None
