"""
The weights of one kernel in a kernel file, from whichever key gives them.

    matrix: |           matrix: [[1, 2], [3, 4]]     row: 1 2 1        generate:
      1 2                                            column: -1 0 1      family: gaussian
      3 4               file: weights.npy                                sigma: 2
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.document import Items, Node, Scalar, Table, one_line
from convcli.kernels.kernel import MAX_CELLS, Kernel, ragged
from convcli.kernels.matrix import Reading, Slip, scan
from convcli.kernels.number import Number, common_scale, parse_number, wrong_with
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from convcli.kernels.fields import Fields
    from convcli.kernels.kernel import Parameter

WEIGHTS: Final = ("matrix", "row", "column", "generate", "file")
_FORM: Final = "is a text block or a list of rows: [[1, 2], [3, 4]]"


@mutable
class Weighing:
    """Takes the weights out of a table; `parameters` tells what a generated kernel came from."""

    fields: Fields
    folder: Path
    given: Mapping[str, Parameter | str]
    first: str | None = None
    parameters: tuple[tuple[str, Parameter], ...] = ()

    def kernel(self) -> Kernel | None:
        """Give the kernel without the scale and anchor of the file, or None after a fault."""
        present = [key for key in WEIGHTS if key in self.fields.table.entries]
        sources = ["row" if key == "column" else key for key in present]
        if not present:
            wanted = "'matrix:', 'row:' and 'column:', 'generate:', 'file:' or 'kernels:'"
            self._fault(self.fields.table, f"has no weights: it needs {wanted}")
        elif len(set(sources)) > 1:
            text = f"{' and '.join(map(repr, present))} both give weights; keep one"
            self._fault(self.fields.key(present[1]), text)
        else:
            return self._from(sources[0])
        return None

    def _from(self, source: str) -> Kernel | None:
        makers = {"matrix": self._matrix, "row": self._outer, "generate": self._generated}
        try:
            return makers.get(source, self._filed)()
        except KernelError as error:
            if self.given or self.first is not None:
                # What was asked for is wrong, and the file is not.
                raise
            self._fault(self.fields.table.get(source), one_line(error))
            return None

    def _fault(self, node: Node | None, text: str, note: str = "") -> None:
        self.fields.findings.add(node, text, note)

    def _matrix(self) -> Kernel | None:
        node = self.fields.table.entries["matrix"][1]
        reading = self.read(node, "matrix")
        return Kernel(reading.matrix, float(reading.scale)) if reading else None

    def _outer(self) -> Kernel | None:
        """matrix[i][j] = column[i] * row[j]; a missing one is a single 1."""
        sides = [self._side("column"), self._side("row")]
        if sides[0] is None or sides[1] is None:
            return None
        (column, by), (row, times) = sides[0], sides[1]
        if len(column) * len(row) > MAX_CELLS:
            self._fault(self.fields.key("row"), f"more than {MAX_CELLS} numbers")
            return None
        matrix = tuple(tuple(up * along + 0.0 for along in row) for up in column)
        return Kernel(matrix, float(Fraction(by) * Fraction(times)))

    def _side(self, name: str) -> tuple[tuple[float, ...], Fraction | float] | None:
        node = self.fields.table.get(name)
        reading = self.read(node, name) if node else Reading(((1.0,),))
        if reading is None:
            return None
        cells = tuple(cell for line in reading.matrix for cell in line)
        if len(reading.matrix) > 1 and len(reading.matrix[0]) > 1:
            self._fault(node, f"'{name}' is a single line of numbers")
            return None
        return cells, reading.scale

    def _generated(self) -> Kernel | None:
        from convcli.kernels import families

        node = self.fields.table.entries["generate"][1]
        if not isinstance(node, Table) or not isinstance(node.get("family"), Scalar):
            self._fault(node, "'generate' needs a family: {family: gaussian, sigma: 2}")
            return None
        written: dict[str, Parameter] = {}
        for name, (_, value) in node.entries.items():
            if not isinstance(value, Scalar):
                self._fault(value, f"'{name}' takes one value")
                return None
            written[name] = value.text
        family = str(written.pop("family"))
        asked = families.asked(family, self.given, self.first)
        made = families.make(family, {**written, **asked})
        self.parameters = tuple((key, made.parameters[key]) for key in asked)
        return made.kernel

    def _filed(self) -> Kernel | None:
        """Read a file beside the kernel file; one that lies elsewhere is refused unread."""
        from convcli.kernels.numberfile import SUFFIXES, read_numbers

        node = self.fields.table.get("file")
        path = self.folder / self.fields.text("file")
        try:
            inside = path.resolve().is_relative_to(self.folder.resolve())
            if not inside or path.suffix.lower() not in SUFFIXES:
                self._fault(node, f"'file' names a {', '.join(SUFFIXES)} file in the same folder")
                return None
            return read_numbers(path)
        except KernelError as error:
            self._fault(node, error.message)
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a loop of links
            self._fault(node, f"cannot be read: {str(error)[:80]!r}")
        return None

    def read(self, node: Node, name: str) -> Reading | None:
        """Read a matrix of either form; its mistakes become faults."""
        if isinstance(node, Scalar):
            return self._text(node, name)
        if not isinstance(node, Items) or not node.items:
            wrong = "is empty" if isinstance(node, Items) else _FORM
            self._fault(node, f"'{name}' {wrong}")
            return None
        flat = all(isinstance(item, Scalar) for item in node.items)
        rows = [Items(node.items, node.line, node.column)] if flat else node.items
        before = len(self.fields.findings.faults)
        numbers = [self._row(row, i) for i, row in enumerate(rows, start=1)]
        for i, (cells, row) in enumerate(zip(numbers, rows, strict=True), start=1):
            if len(cells) != len(numbers[0]):
                self.fields.findings.at(row.line, 0, ragged(i, len(cells), len(numbers[0])))
        if len(self.fields.findings.faults) > before:
            return None
        return Reading(*common_scale(numbers))

    def _row(self, row: Node, number: int) -> list[Number]:
        if not isinstance(row, Items):
            self._fault(row, f"row {number} is not a list of numbers")
            return []
        if not row.items:
            self._fault(row, f"row {number} is empty")
        return [self._cell(cell, number, j) for j, cell in enumerate(row.items, start=1)]

    def _cell(self, cell: Node, row: int, column: int) -> Number:
        note = f"row {row}, column {column}"
        if not isinstance(cell, Scalar):
            self._fault(cell, "a cell is one number: a matrix is a list of rows of numbers", note)
            return 0.0
        number = parse_number(cell.text)
        if wrong := wrong_with(cell.text, number):
            self._fault(cell, wrong if cell.text else "the cell is empty", note)
        return 0.0 if number is None else number

    def _text(self, node: Scalar, name: str) -> Reading | None:
        if not node.text.strip():
            self._fault(self.fields.key(name), f"'{name}' has no value")
            return None
        if name == "matrix" and node.style == "plain" and parse_number(node.text) is not None:
            self._fault(node, f"'matrix' is a list of rows: write [[{node.text[:20]}]]")
            return None
        reading = scan(node.text)
        last = max((slip.line for slip in reading.slips), default=0)
        written = node.text.split("\n", last + 1) if reading.slips else []
        for slip in reading.slips:
            line, column = self._place(node, slip, written[slip.line])
            self.fields.findings.at(line, column, slip.text, slip.cell)
        return None if reading.slips else reading

    def _place(self, node: Scalar, slip: Slip, wanted: str) -> tuple[int, int]:
        """Find the line of a text block in the file: it begins beside or below its key."""
        lines = self.fields.findings.lines_to(node.line + slip.line + 1)
        for line in (node.line + slip.line, node.line + slip.line - 1):
            at = lines[line].find(wanted) if node.line and line < len(lines) else -1
            if at >= 0:
                return line + 1, at + slip.character + 1
        return node.line, node.column
