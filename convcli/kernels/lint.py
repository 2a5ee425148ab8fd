"""
What is allowed in a kernel file and yet looks like a mistake: warnings, each with its place.

    near-zero sum        0 < |sum| <= 2 % of the sum of |w|, and not 1 as of a sharpener
    broken symmetry      1 2 1      one pair of cells breaks a mirror, half turn or transposition,
                         2 4 2      even or odd, that at least three other pairs keep
                         1 3 1
    not an edge kernel   tagged `edge`, or called a Laplacian, and the sum is not 0
    not a blur           tagged `blur`, no weight below 0, and the sum is not 1
    nothing at all       every weight is 0
    unheard-of size      a weight above 2**53: memory that nobody has filled
    published wrong      matrices that are copied from page to page with a mistake in them

What a family generates is right by construction and is not looked at.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from convcli.errors import KernelError
from convcli.kernels.document import Findings, Items, Node, Scalar, Table
from convcli.kernels.kernelfile import document, load_file
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from convcli.kernels.document import Fault
    from convcli.kernels.kernel import Kernel, Matrix, Recipe

Cell: TypeAlias = tuple[int, int]

NEAR: Final = 0.02
"""Share of the sum of |w| below which a sum was meant to be 0; a 5x5 sharpener has more."""
_EXACT: Final = 2.0**53
_LOOSE: Final = 2e-3
"""Numbers copied from a page have three digits."""
_BLURRED: Final = 5e-3
"""A ninth copied as 0.111 is right."""
_KEPT: Final = 3
"""Pairs that must keep the symmetries that one cell breaks, for that to be a slip."""
_LARGEST: Final = 63
"""Longer sides come out of programs, which make no slips of the finger."""


@record
class Wrong:
    """A matrix that was published with a mistake; any quarter turn of it counts as well."""

    matrix: Matrix
    text: str
    unless: str = ""
    scale: float = 0.0


ROOT: Final = math.sqrt(2)
PUBLISHED: Final = (
    Wrong(
        ((1, ROOT, 1), (0, 0, 0), (1, ROOT, 1)),
        "Frei-Chen with the same sign in both outer rows, as some ImageMagick has it; the last"
        " row is -1 -1.414 -1",
    ),
    Wrong(
        ((1, ROOT, 1), (0, 0, 0), (-1, -ROOT, -1)),
        "Frei-Chen times 0.7071, as some ImageMagick has it; of norm 1 it is with 1/(2*sqrt(2)),"
        " 0.3536",
        scale=ROOT / 2,
    ),
    Wrong(
        ((1, -2, 1), (-2, 4, -2), (-1, -2, 1)),
        "Frei-Chen with a slip of the sign, as some ImageMagick has it; all corners are 1",
    ),
    Wrong(
        ((0, 0, -1, 0, 0), (0, -1, -2, -1, 0), (-1, -2, 17, -2, -1), (0, -1, -2, -1, 0),
         (0, 0, -1, 0, 0)),
        "the 5x5 'Laplacian' of ESRI sums to 1 and sharpens; the Laplacian has 16 in the middle",
        unless="sharpen",
    ),
    Wrong(
        ((-1, 0, -1), (-1, 2, -1), (-1, 2, -1)),
        "a copy of ESRI's vertical line with a slip: the middle column is 2 2 2",
    ),
    Wrong(
        ((3, 3, 3), (3, 0, 3), (-5, -5, -5)),
        "Kirsch with all signs turned, as old Octave has it; the strong side is +5",
    ),
)  # fmt: skip


def warnings(path: Path, *, resolve: Callable[[str], Recipe] | None = None) -> list[Fault]:
    """Give the warnings of a kernel file; none where it has faults: those come first."""
    findings = Findings(str(path))
    try:
        recipe = load_file(path, resolve=resolve)
    except KernelError:
        return []
    root = document(path, findings)
    if isinstance(root, Table):
        for table, kernel in zip(_tables(root), recipe.kernels, strict=False):
            _examine(kernel, recipe, table, findings)
    return findings.faults


def _tables(root: Table) -> list[Table]:
    listed = root.get("kernels")
    if not isinstance(listed, Items):
        return [root]
    return [item for item in listed.items if isinstance(item, Table)]


def _examine(kernel: Kernel, recipe: Recipe, table: Table, findings: Findings) -> None:
    key = next((key for key in ("matrix", "row", "column", "file") if key in table.entries), "")
    if not key or max(kernel.rows, kernel.columns) > _LARGEST:
        return
    place, node = table.entries[key]
    known = _published(kernel, recipe) if kernel.absolute else ""
    for text in [known] if known else _sums(kernel, recipe):
        findings.add(place, text)
    slip = None if known else odd_cell(kernel.matrix)
    if slip:
        line, column = _spot(node if key == "matrix" else place, slip, kernel, findings)
        i, j = slip
        text = f"{kernel.matrix[i][j]:g} breaks a symmetry that all other weights keep"
        findings.at(line, column, text, f"row {i + 1}, column {j + 1}")


def _sums(kernel: Kernel, recipe: Recipe) -> Iterator[str]:
    peak = max(abs(cell) for row in kernel.matrix for cell in row)
    total, size = abs(kernel.sum), kernel.absolute
    if not peak:
        yield "every weight is 0: nothing of the image is left"
    elif peak > _EXACT:
        yield f"a weight of {peak:g} looks like memory that was never filled"
    elif not kernel.zero_sum and total <= NEAR * size and abs(total - 1) > _LOOSE:
        yield f"the weights sum to {kernel.sum:.6g}, almost 0 beside {size:.6g}, the sum of sizes"
    elif _finds_edges(recipe) and abs(abs(kernel.sum) - 1) < _LOOSE and kernel.negative < 0:
        yield f"the weights sum to {kernel.sum:.6g}: this sharpens; what finds edges sums to 0"
    elif recipe.tags[:1] == ("blur",) and kernel.negative == 0 and abs(total - 1) > _BLURRED:
        yield f"the weights sum to {kernel.sum:.6g}: a blur sums to 1; `scale: sum` sees to it"


def _finds_edges(recipe: Recipe) -> bool:
    named = recipe.tags[:1] == ("edge",) or "laplac" in f"{recipe.name} {recipe.title}".lower()
    return named and "sharpen" not in recipe.tags and not recipe.bias


def _published(kernel: Kernel, recipe: Recipe) -> str:
    """The mistake that a matrix was published with, or nothing."""
    for wrong in PUBLISHED:
        if wrong.unless and wrong.unless in recipe.tags:
            continue
        factor = max(abs(cell) for row in kernel.weights for cell in row)
        scale = wrong.scale or factor / max(abs(cell) for row in wrong.matrix for cell in row)
        if any(_close(kernel.weights, turned, scale) for turned in _turns(wrong.matrix)):
            return wrong.text
    return ""


def _turns(matrix: Matrix) -> Iterator[Matrix]:
    for _ in range(4):
        yield matrix
        matrix = tuple(zip(*matrix[::-1], strict=True))


def _close(matrix: Matrix, other: Matrix, scale: float) -> bool:
    if (len(matrix), len(matrix[0])) != (len(other), len(other[0])):
        return False
    return all(
        abs(cell - scale * wanted) <= _LOOSE * abs(scale)
        for row, line in zip(matrix, other, strict=True)
        for cell, wanted in zip(row, line, strict=True)
    )


# --- symmetry ------------------------------------------------------------------------------------


def odd_cell(matrix: Matrix) -> Cell | None:
    """(row, column) from 0 of the one weight that breaks a symmetry of all others, or None."""
    bottom, right = len(matrix) - 1, len(matrix[0]) - 1
    moves: list[Callable[[int, int], Cell]] = [
        lambda i, j: (bottom - i, right - j),
        lambda i, j: (i, right - j),
        lambda i, j: (bottom - i, j),
    ]
    if bottom == right:
        moves += [lambda i, j: (j, i), lambda i, j: (right - j, bottom - i)]
    found = [_pairs(matrix, move, sign) for move in moves for sign in (1, -1)]
    # A slip breaks every symmetry that moves its cell: what is whole clears the cells it moves.
    cleared = {cell for wrong, kept in found if not wrong for pair in kept for cell in pair}
    cells = [
        (cell, len(kept))
        for wrong, kept in found
        if len(wrong) == 1
        for cell in wrong[0]
        if cell not in cleared
    ]
    score: Counter[Cell] = Counter()
    for cell, kept in cells:
        score[cell] += kept
    sizes = Counter(abs(cell) for row in matrix for cell in row)

    def rank(cell: Cell) -> tuple[int, int]:
        return score[cell], -sizes[abs(matrix[cell[0]][cell[1]])]

    odd = max(score, key=rank, default=None)
    return odd if odd and score[odd] >= _KEPT else None


def _pairs(
    matrix: Matrix, move: Callable[[int, int], Cell], sign: int
) -> tuple[list[tuple[Cell, Cell]], list[tuple[Cell, Cell]]]:
    """Pairs of cells that are not w' = sign * w, and those that are, of weights other than 0."""
    wrong, kept = [], []
    for i, row in enumerate(matrix):
        for j, cell in enumerate(row):
            there = move(i, j)
            if there <= (i, j):
                continue
            if matrix[there[0]][there[1]] != sign * cell:
                wrong.append(((i, j), there))
            elif cell:
                kept.append(((i, j), there))
    return wrong, kept


# --- where a weight stands -----------------------------------------------------------------------


def _spot(node: Node, cell: Cell, kernel: Kernel, findings: Findings) -> Cell:
    """Line and column from 1 of a weight: of its own node, or of its word in a block of text."""
    i, j = cell
    if isinstance(node, Items):
        rows = node.items
        row = rows[i] if isinstance(rows[0], Items) else node
        if isinstance(row, Items):
            return row.items[j].line, row.items[j].column
    if isinstance(node, Scalar):
        return _in_block(node, cell, kernel, findings) or (node.line, node.column)
    return node.line, node.column


def _in_block(node: Scalar, cell: Cell, kernel: Kernel, findings: Findings) -> Cell | None:
    """Found where the text has a line for each row and a word for each weight, as most have."""
    texts = [text for text in node.text.split("\n") if text.strip()]
    words = texts[cell[0]].split() if len(texts) == kernel.rows else []
    if len(words) != kernel.columns:
        return None
    for number in range(node.line + cell[0], node.line + cell[0] + 3):
        line = findings.lines[number - 1] if number <= len(findings.lines) else ""
        if line.split() == words:
            return number, list(re.finditer(r"\S+", line))[cell[1]].start() + 1
    return None
