"""
The text form of a matrix, on the command line, in kernel files and in files of numbers.

    1 2 1; 2 4 2; 1 2 1             rows end with ; or a line, numbers stand apart by blank or comma
    1/9 1/9 1/9; ...                fractions stay exact: integers and one scale
    1/16 * 1 2 1; 2 4 2; 1 2 1      a factor before the matrix
    [[0, -1, 0], [-1, 5, -1], ...]  nested lists as in JSON or Python; [1, 2, 1] is one row
    @weights.txt                    any of these from a file; also .csv and .npy (`parse_matrix`)

`#` begins a comment. Nothing is ever evaluated.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from convcli.errors import KernelError
from convcli.kernels.document import MOST_FAULTS, excerpt
from convcli.kernels.kernel import MAX_CELLS, Kernel, Matrix, ragged
from convcli.kernels.number import Number, common_scale, parse_number, scaled, wrong_with
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PLAIN: Final = re.compile(r"[0-9eE+\-., \t\n;]*")
_LOST_COMMA: Final = re.compile(r"(?:^|[;\n,])[ \t]*,")
_CELL: Final = re.compile(r"[^\s,]+")
_FACTOR: Final = re.compile(r"\s*([^\s*;,\[\]]+)\s*\*")
_TOO_MANY: Final = f"more than {MAX_CELLS} numbers"
_BLANKS: Final = str.maketrans(",;", "  ")
# More text than a million numbers of 24 characters can need.
_LONGEST: Final = 25 * MAX_CELLS
# Rows of a long text that are read before all are counted: most that is ragged shows here.
_HEAD: Final = 1 << 16


@record
class Slip:
    """One mistake in a matrix text: 0-based line and character, and the cell counted from 1."""

    line: int
    character: int
    text: str
    cell: str = ""


@record
class Reading:
    """What a text holds: matrix * scale, or the slips that keep it from being one."""

    matrix: Matrix
    scale: Fraction | float = Fraction(1)
    slips: tuple[Slip, ...] = ()


class _Row(NamedTuple):
    line: int
    start: int
    text: str


def parse_matrix(text: str, where: str = "--matrix") -> Kernel:
    """
    Read an inline matrix, or `@file`; `where` names the option or file in messages.

    Raises `KernelError` with every mistake, its position and the text itself.
    """
    body = text.strip()
    if body == "@":
        raise KernelError(f"{where}: '@' names no file", "Write @weights.txt.")
    if body.startswith("@"):
        from convcli.kernels.numberfile import read_numbers

        return read_numbers(body[1:].strip())
    return kernel_of(scan(text), text, where)


def kernel_of(reading: Reading, text: str, where: str) -> Kernel:
    """Make the kernel of a reading, or raise its slips."""
    if reading.slips:
        raise KernelError("\n".join(_told(slip, text, where) for slip in reading.slips[:10]))
    return Kernel(reading.matrix, scale=float(reading.scale))


def _told(slip: Slip, text: str, where: str) -> str:
    place = f" ({slip.cell})" if slip.cell else ""
    shown = excerpt(text.split("\n"), slip.line + 1, slip.character + 1).split("\n")[-2:]
    return "\n".join([f"{where}: {slip.text}{place}", *shown])


def scan(text: str) -> Reading:
    """Read a matrix text; mistakes come back as slips, all of them at once."""
    if len(text) > 2 * MAX_CELLS:
        head = _quick(text[: text.rfind("\n", 0, _HEAD) + 1])
        if head and len(head.slips) == MOST_FAULTS:
            return head
        if _too_many(text):
            return Reading((), slips=(Slip(0, 0, _TOO_MANY),))
    return _quick(text) or _careful(text)


def _too_many(text: str) -> bool:
    """Count before reading: the careful way takes seconds over millions of numbers."""
    return len(text) > _LONGEST or len(text.translate(_BLANKS).split()) > MAX_CELLS


def _quick(text: str) -> Reading | None:
    """Plain decimal rows at a million numbers in 0.1 s; None wherever there is more to say."""
    if not _PLAIN.fullmatch(text) or ("," in text and _LOST_COMMA.search(text)):
        return None
    rows: list[tuple[float, ...]] = []
    slips: list[Slip] = []
    try:
        for number, line in enumerate(text.replace(";", "\n").replace(",", " ").split("\n")):
            if row := tuple(map(float, line.split())):
                rows.append(row)
                if len(row) != len(rows[0]):
                    if ";" in text:  # of several rows on a line, the careful way knows the place
                        return None
                    told = ragged(len(rows), len(row), len(rows[0]))
                    slips.append(Slip(number, len(line) - len(line.lstrip()), told))
                    if len(slips) == MOST_FAULTS:
                        break
    except ValueError:
        return None
    fits = rows and len(rows) * len(rows[0]) <= MAX_CELLS
    if not fits or not all(all(map(math.isfinite, row)) for row in rows):
        return None
    return Reading((), slips=tuple(slips)) if slips else Reading(tuple(rows))


def _careful(text: str) -> Reading:
    slips: list[Slip] = []
    factor, body = _factor(text, slips)
    rows = _bracket_rows(body, slips) if "[" in body or "]" in body else _plain_rows(body)
    numbers: list[list[Number]] = []
    ragged_rows: list[Slip] = []
    for row, cells in _numbers(rows, slips):
        numbers.append(cells)
        if len(cells) != len(numbers[0]):
            text = ragged(len(numbers), len(cells), len(numbers[0]))
            ragged_rows.append(Slip(row.line, row.start, text))
        if len(ragged_rows) == MOST_FAULTS:
            break
    if not numbers and not slips:
        slips.append(Slip(0, 0, "there are no numbers"))
    slips += ragged_rows
    if slips:
        return Reading((), slips=tuple(slips))
    matrix, scale = common_scale(numbers)
    return Reading(matrix, scaled(factor, scale))


def _factor(text: str, slips: list[Slip]) -> tuple[Number, str]:
    """Take the factor off; blanks in its place keep every position right."""
    match = _FACTOR.match(text)
    if match is None:
        return Fraction(1), text
    number = parse_number(match[1])
    wrong = wrong_with(match[1], number) or ("the factor is 0" if number == 0 else "")
    if wrong:
        line = text.count("\n", 0, match.start(1))
        slips.append(Slip(line, match.start(1) - text.rfind("\n", 0, match.start(1)) - 1, wrong))
    return number or 1.0, re.sub(r"[^\n]", " ", match[0]) + text[match.end() :]


def _plain_rows(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n")):
        start = 0
        for piece in line.split("#")[0].split(";"):
            if piece.strip():
                yield _Row(number, start + len(piece) - len(piece.lstrip()), piece.strip())
            start += len(piece) + 1


def _bracket_rows(text: str, slips: list[Slip]) -> Iterator[_Row]:
    """Rows of `[[1, 2], [3, 4]]`, or the one row of `[1, 2]`, whatever the line breaks."""
    inner = re.fullmatch(r"\s*\[(.*)\][\s,]*", text, re.DOTALL)
    nested = bool(inner and "[" in inner[1])
    outside = re.sub(r"\[[^\[\]]*\]", "", inner[1]) if inner and nested else ""
    if inner is None or outside.strip(" \t\n,") or (not nested and "]" in inner[1]):
        slips.append(Slip(0, 0, "the brackets do not make a list of rows: [[1, 2], [3, 4]]"))
        return
    for match in re.finditer(r"\[([^\[\]]*)\]", inner[1] if nested else f"[{inner[1]}]"):
        offset = inner.start(1) + match.start(1) - (0 if nested else 1)
        line = text.count("\n", 0, offset)
        yield _Row(line, offset - text.rfind("\n", 0, offset) - 1, match[1].replace("\n", " "))


def _numbers(rows: Iterable[_Row], slips: list[Slip]) -> Iterator[tuple[_Row, list[Number]]]:
    """Numbers row by row; a cell that is none leaves a slip and a zero."""
    known: dict[str, Number] = {}
    total = 0
    for i, row in enumerate(rows, start=1):
        if lost := _LOST_COMMA.search(row.text):
            slips.append(Slip(row.line, row.start + lost.end() - 1, "a number is missing here"))
        cells: list[Number] = []
        for j, match in enumerate(_CELL.finditer(row.text), start=1):
            token = match[0]
            if token not in known and (wrong := wrong_with(token, number := parse_number(token))):
                at = row.start + match.start()
                slips.append(Slip(row.line, at, wrong, f"row {i}, column {j}"))
            elif token not in known and number is not None:
                known[token] = number
            cells.append(known.get(token, 0.0))
            if len(slips) >= MOST_FAULTS:
                return
        total += len(cells)
        if total > MAX_CELLS:
            slips.append(Slip(row.line, 0, _TOO_MANY))
            return
        yield row, cells
